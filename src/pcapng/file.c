// Sinks and sources of the operating system.
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "pcapng/reader.h"
#include "pcapng/writer.h"

static int64_t fd_write(void *ctx, const void *data, size_t len)
{
    ssize_t n = write((int)(intptr_t)ctx, data, len);
    return n < 0 ? -errno : n;
}

struct sok_pcapng_sink sok_pcapng_sink_fd(int fd)
{
    return (struct sok_pcapng_sink){fd_write, (void *)(intptr_t)fd};
}

// Flushes too, so that an error of the disk shows here and not at a later fclose().
static int64_t file_write(void *ctx, const void *data, size_t len)
{
    errno = 0;
    if (fwrite(data, 1, len, ctx) < len || fflush(ctx) != 0)
        return errno ? -errno : -EIO;
    return (int64_t)len;
}

struct sok_pcapng_sink sok_pcapng_sink_file(FILE *file)
{
    return (struct sok_pcapng_sink){file_write, file};
}

static int64_t fd_read(void *ctx, void *data, size_t len)
{
    ssize_t n = read((int)(intptr_t)ctx, data, len);
    return n < 0 ? -errno : n;
}

struct sok_pcapng_source sok_pcapng_source_fd(int fd)
{
    return (struct sok_pcapng_source){fd_read, (void *)(intptr_t)fd};
}

static int64_t bytes_read(void *ctx, void *data, size_t len)
{
    struct sok_pcapng_bytes *b = ctx;
    size_t n = b->left < len ? b->left : len;
    if (n > 0) {
        memcpy(data, b->at, n);
        b->at += n;
        b->left -= n;
    }
    return (int64_t)n;
}

struct sok_pcapng_source sok_pcapng_source_bytes(struct sok_pcapng_bytes *bytes)
{
    return (struct sok_pcapng_source){bytes_read, bytes};
}
