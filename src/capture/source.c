#include "capture/source.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "capture/zlib_late.h"

#define CHUNK     (64 << 10)
#define MAGIC_LEN 2
#define ANY_SIZE  31 // of inflate's window: what the gzip header says

// A file may be several such streams one after the other: appended to, or made by several threads.
struct sok_gunzip {
    z_stream z;
    bool in_stream; // its end has not come
    uint8_t in[CHUNK];
};

static int64_t read_raw(int fd, void *data, size_t len)
{
    ssize_t n;
    while ((n = read(fd, data, len)) < 0 && errno == EINTR)
        continue;
    return n < 0 ? -errno : n;
}

static int64_t read_full(struct sok_source *s, int64_t (*more)(void *, void *, size_t), size_t len)
{
    while (s->head_len < len) {
        int64_t n = more(s, s->head + s->head_len, len - s->head_len);
        if (n <= 0)
            return n;
        s->head_len += (unsigned)n;
    }
    return 0;
}

static int64_t more_raw(void *ctx, void *data, size_t len)
{
    return read_raw(((struct sok_source *)ctx)->fd, data, len);
}

// ---- gzip ----

static int64_t broken(struct sok_source *s, const char *why)
{
    s->why = why;
    return -EPROTO;
}

// 1: there is input, 0: none any more.
static int64_t fill(struct sok_source *s)
{
    struct sok_gunzip *g = s->gunzip;
    if (g->z.avail_in > 0)
        return 1;
    int64_t n = read_raw(s->fd, g->in, sizeof(g->in));
    if (n <= 0)
        return n;
    g->z.next_in = g->in;
    g->z.avail_in = (uInt)n;
    return 1;
}

// Between what was packed and what comes then a tape, say, leaves zeros; gzip does not mind them either.
static int64_t fill_behind_zeros(struct sok_source *s)
{
    struct sok_gunzip *g = s->gunzip;
    for (;;) {
        int64_t there = fill(s);
        if (there <= 0 || g->in_stream)
            return there;
        while (g->z.avail_in > 0 && *g->z.next_in == 0) {
            g->z.next_in++;
            g->z.avail_in--;
        }
        if (g->z.avail_in > 0)
            return 1;
    }
}

static int64_t more_unzipped(void *ctx, void *data, size_t len)
{
    struct sok_source *s = ctx;
    struct sok_gunzip *g = s->gunzip;
    uInt room = len > INT_MAX ? INT_MAX : (uInt)len;
    g->z.next_out = data;
    g->z.avail_out = room;
    while (g->z.avail_out == room && room > 0) {
        int64_t there = fill_behind_zeros(s);
        if (there <= 0)
            return there < 0 || !g->in_stream ? there : broken(s, "its gzip data is cut off");
        if (!g->in_stream)
            inflateReset(&g->z);
        g->in_stream = true;
        int r = inflate(&g->z, Z_NO_FLUSH);
        if (r == Z_STREAM_END)
            g->in_stream = false;
        else if (r != Z_OK)
            return r == Z_MEM_ERROR ? -ENOMEM : broken(s, "its gzip data is broken");
    }
    return room - g->z.avail_out;
}

static int begin_gzip(struct sok_source *s, char *err)
{
    if (!sok_zlib_load(err))
        return SOK_EIO;
    struct sok_gunzip *g = sok_mem_zalloc(s->mem, sizeof(*g));
    if (!g || inflateInit2(&g->z, ANY_SIZE) != Z_OK) {
        sok_mem_free(s->mem, g, sizeof(*g));
        snprintf(err, SOK_CAPTURE_ERR_MAX, "no memory to read it");
        return SOK_ENOMEM;
    }
    s->gunzip = g;
    memcpy(g->in, s->head, s->head_len);
    g->z.next_in = g->in;
    g->z.avail_in = s->head_len;
    g->in_stream = true;
    s->head_len = 0;
    return 0;
}

// ---- open, read, close ----

static int64_t more(void *ctx, void *data, size_t len)
{
    const struct sok_source *s = ctx;
    return s->gunzip ? more_unzipped(ctx, data, len) : more_raw(ctx, data, len);
}

int sok_source_open(struct sok_source *s, const struct sok_mem *mem, const char *path, char *err)
{
    *s = (struct sok_source){.mem = mem};
    s->fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    int64_t n = s->fd < 0 ? -errno : read_full(s, more_raw, MAGIC_LEN);
    bool zipped = n == 0 && s->head_len == MAGIC_LEN && s->head[0] == 0x1f && s->head[1] == 0x8b;
    int r = zipped ? begin_gzip(s, err) : 0;
    if (r < 0)
        return r;
    if (n == 0)
        n = read_full(s, more, SOK_SOURCE_HEAD);
    if (n == 0)
        return 0;
    snprintf(err, SOK_CAPTURE_ERR_MAX, "%s", s->why ? s->why : strerror((int)-n));
    return n == -EACCES ? SOK_EACCES : s->why ? SOK_EPROTO : SOK_EIO;
}

int64_t sok_source_read(void *ctx, void *data, size_t len)
{
    struct sok_source *s = ctx;
    size_t left = s->head_len - s->head_read;
    if (left == 0)
        return more(s, data, len);
    size_t n = left < len ? left : len;
    memcpy(data, s->head + s->head_read, n);
    s->head_read += (unsigned)n;
    return (int64_t)n;
}

void sok_source_close(struct sok_source *s)
{
    if (!s->mem)
        return;
    if (s->gunzip)
        inflateEnd(&s->gunzip->z);
    sok_mem_free(s->mem, s->gunzip, sizeof(*s->gunzip));
    if (s->fd >= 0)
        close(s->fd);
    s->mem = NULL;
}
