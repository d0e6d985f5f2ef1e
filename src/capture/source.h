// The bytes of a capture file, from the beginning to the end: of a file, standard input or a pipe, taken out of gzip
// (RFC 1952) where they lie in it. The first of them can be looked at before they are read.
#ifndef SOK_CAPTURE_SOURCE_H
#define SOK_CAPTURE_SOURCE_H

#include <stddef.h>
#include "capture/capture.h"

#define SOK_SOURCE_HEAD 24 // that can be looked at: a pcap file's header

struct sok_gunzip;
struct sok_source {
    const struct sok_mem *mem; // NULL: not open
    int fd;
    struct sok_gunzip *gunzip; // NULL: as it is
    uint8_t head[SOK_SOURCE_HEAD];
    unsigned head_len, head_read;
    const char *why; // what was wrong when sok_source_read() said -EPROTO
};

// "-": standard input. 0, or an error and a line without the name in err (SOK_CAPTURE_ERR_MAX); to be closed either way.
int sok_source_open(struct sok_source *s, const struct sok_mem *mem, const char *path, char *err);
void sok_source_close(struct sok_source *s);
// How many bytes came; 0: the end; negative: an errno. `ctx` is the source.
int64_t sok_source_read(void *ctx, void *data, size_t len);

#endif
