// Streams of the C library on sockets. It reads and writes them by calls of its own, which no library comes before;
// on a pair these could only end as those of a pair do. So fdopen() makes a stream that calls what a program calls.
// (Of bytes: fwide() and its kin find no wide characters there. stdin, stdout and stderr are the C library's.)
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "preload/preload.h"

// ---- fdopen ----

static int fd_of(const void *cookie)
{
    return (int)(intptr_t)cookie;
}

static ssize_t read_stream(void *cookie, char *data, size_t len)
{
    return read(fd_of(cookie), data, len);
}

// All of it: whatever is left out here is an error of the stream.
static ssize_t write_stream(void *cookie, const char *data, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = write(fd_of(cookie), data + done, len - done);
        if (n < 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

static int seek_stream(void *cookie, off64_t *at, int whence)
{
    (void)cookie;
    (void)at;
    (void)whence;
    return sok_fail(ESPIPE);
}

static int close_stream(void *cookie)
{
    return close(fd_of(cookie));
}

SOK_EXPORT FILE *fdopen(int fd, const char *mode)
{
    static const cookie_io_functions_t calls = {
        read_stream, write_stream, seek_stream, close_stream};
    struct entry e;
    if (!sok_table_get(fd, true, &e) || !strchr("rwa", mode[0]) || strchr(mode, ','))
        return sok_reals()->fdopen(fd, mode);
    FILE *stream = fopencookie((void *)(intptr_t)fd, mode, calls);
    if (stream)
        stream->_fileno = fd; // for fileno()
    return stream;
}

// ---- fclose, freopen ----

static void now_unknown(struct entry *e, const void *with)
{
    (void)with;
    e->kind = KIND_UNKNOWN;
}

// What it was is known until it is closed, since it may have something left to write; then the number may be
// another thread's already.
static bool before_end(FILE *stream, int *fd, struct entry *e)
{
    int saved = errno;
    *fd = stream ? fileno(stream) : -1;
    bool is_ours = sok_table_get(*fd, false, e);
    if (*fd >= 0 && !is_ours)
        sok_table_clear(*fd, KIND_UNKNOWN);
    errno = saved;
    return is_ours;
}

SOK_EXPORT int fclose(FILE *stream)
{
    struct entry e;
    int fd;
    bool was_ours = before_end(stream, &fd, &e);
    int r = sok_reals()->fclose(stream);
    if (was_ours)
        sok_table_change(fd, e.cookie, now_unknown, NULL);
    return r;
}

// The C library would write into what a stream has for wide characters unless there is none; that of a stream with calls of
// its own is no address.
static void without_wide(FILE *stream)
{
    if (stream && (uintptr_t)stream->_wide_data == UINTPTR_MAX)
        stream->_wide_data = NULL;
}

SOK_EXPORT FILE *freopen(
    const char *restrict path, const char *restrict mode, FILE *restrict stream)
{
    struct entry e;
    int fd;
    bool was_ours = before_end(stream, &fd, &e);
    without_wide(stream);
    FILE *r = sok_reals()->freopen(path, mode, stream);
    if (was_ours)
        sok_table_change(fd, e.cookie, now_unknown, NULL);
    return r;
}

SOK_EXPORT FILE *freopen64(
    const char *restrict path, const char *restrict mode, FILE *restrict stream)
{
    return freopen(path, mode, stream);
}

// ---- dprintf ----

int __vasprintf_chk(char **text, int flag, const char *format, va_list args);
int __vdprintf_chk(int fd, int flag, const char *format, va_list args);
int __dprintf_chk(int fd, int flag, const char *format, ...);

SOK_EXPORT int __vdprintf_chk(int fd, int flag, const char *format, va_list args)
{
    struct entry e;
    char *text;
    if (!sok_table_get(fd, true, &e))
        return sok_reals()->__vdprintf_chk(fd, flag, format, args);
    int len = __vasprintf_chk(&text, flag, format, args);
    if (len < 0)
        return len;
    ssize_t done = write_stream((void *)(intptr_t)fd, text, (size_t)len);
    int saved = errno;
    free(text);
    errno = saved;
    return done == len ? len : -1;
}

SOK_EXPORT int vdprintf(int fd, const char *format, va_list args)
{
    return __vdprintf_chk(fd, 0, format, args);
}

SOK_EXPORT int dprintf(int fd, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int r = __vdprintf_chk(fd, 0, format, args);
    va_end(args);
    return r;
}

SOK_EXPORT int __dprintf_chk(int fd, int flag, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int r = __vdprintf_chk(fd, flag, format, args);
    va_end(args);
    return r;
}
