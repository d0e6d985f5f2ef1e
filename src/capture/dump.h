// Writes packets to a file: pcap for a name that ends in .pcap or .cap (one link type in all), else pcapng
// (an interface for each link type and each name of one); with .gz behind that in gzip. What is appended to a file that
// has something in it is of that file's format, whatever its name is.
#ifndef SOK_CAPTURE_DUMP_H
#define SOK_CAPTURE_DUMP_H

#include "capture/capture.h"

struct sok_dump_options {
    bool append; // else what the file held is lost
    bool gzip;   // also without .gz
    bool nano;   // a new pcap file's times are in nanoseconds
};

struct sok_dump;
// "-": standard output, as pcapng. options NULL: none. 0, or an error and a line in err.
int sok_dump_open(const struct sok_mem *mem, const char *path,
    const struct sok_dump_options *options, struct sok_dump **out, char *err);
int sok_dump_put(struct sok_dump *d, const struct sok_capture_record *r, char *err);
// 0, or the first error of writing.
int sok_dump_close(struct sok_dump *d, char *err);

#endif
