// Capture files: pcapng by our own reader, which knows of several interfaces, pcap by libpcap's. A file that
// is cut off gives what was whole, then an error that says so.
#ifndef SOK_CAPTURE_FILE_H
#define SOK_CAPTURE_FILE_H

#include "capture/capture.h"

struct sok_capture_file;
// "-": standard input. 0, or an error and a line in err (SOK_CAPTURE_ERR_MAX); filter may be NULL.
int sok_capture_file_open(const struct sok_mem *mem, const char *path, const char *filter,
    struct sok_capture_file **out, char *err);
void sok_capture_file_close(struct sok_capture_file *f);
// 1: *out is the next packet; 0: the end; else an error and a line in err.
int sok_capture_file_next(struct sok_capture_file *f, struct sok_capture_record *out, char *err);

#endif
