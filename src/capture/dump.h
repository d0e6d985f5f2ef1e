// Writes packets to a file: pcap for a name that ends in .pcap or .cap (one link type in all), else pcapng
// (an interface for each link type).
#ifndef SOK_CAPTURE_DUMP_H
#define SOK_CAPTURE_DUMP_H

#include "capture/capture.h"

struct sok_dump;
// "-": standard output, as pcapng. What the file held is lost. 0, or an error and a line in err.
int sok_dump_open(const struct sok_mem *mem, const char *path, struct sok_dump **out, char *err);
int sok_dump_put(struct sok_dump *d, const struct sok_capture_record *r, char *err);
// 0, or the first error of writing.
int sok_dump_close(struct sok_dump *d, char *err);

#endif
