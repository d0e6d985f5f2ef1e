// Where the page goes. Writing may block (a disk, a slow reader), and this process is also the page's
// TCP: so a thread writes, and when it does not keep up, curl pauses and the window closes.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/get.h"

#define PUSH_AT (256 * 1024) // written without waiting for more

static void on_written(void *ctx, int fd, unsigned ready)
{
    struct sok_get_output *o = ctx;
    (void)fd;
    (void)ready;
    o->error = sok_writer_done(&o->writer);
    if (o->filled >= PUSH_AT)
        sok_get_output_push(o);
}

int sok_get_output_open(struct sok_get_output *o, int fd)
{
    o->fd = fd;
    for (unsigned i = 0; i < 2; i++) {
        o->buffers[i] = malloc(SOK_GET_BUFFER);
        if (!o->buffers[i])
            return ENOMEM;
    }
    return 0;
}

int sok_get_output_start(struct sok_get_output *o, struct sok_host *host)
{
    o->host = host;
    int r = sok_writer_start(&o->writer, o->fd);
    return r < 0 ? r : sok_host_watch(host, o->writer.done_fd, SOK_POLL_IN, on_written, o);
}

void sok_get_output_push(struct sok_get_output *o)
{
    if (o->writer.busy || o->filled == 0)
        return;
    struct iovec iov = {o->buffers[o->filling], o->filled};
    sok_writer_give(&o->writer, &iov, 1);
    o->filling ^= 1;
    o->filled = 0;
}

// What the file held before goes when the first byte comes.
static void begin(struct sok_get_output *o)
{
    if (o->fd != STDOUT_FILENO && !o->begun && ftruncate(o->fd, 0) < 0 && errno != EINVAL)
        o->error = errno;
    o->begun = true;
}

bool sok_get_output_take(struct sok_get_output *o, const void *data, size_t len)
{
    begin(o);
    if (o->filled + len > SOK_GET_BUFFER)
        sok_get_output_push(o);
    if (o->filled + len > SOK_GET_BUFFER)
        return false;
    memcpy(o->buffers[o->filling] + o->filled, data, len);
    o->filled += len;
    if (o->filled >= PUSH_AT)
        sok_get_output_push(o);
    return true;
}

bool sok_get_output_room(const struct sok_get_output *o)
{
    return o->filled + CURL_MAX_WRITE_SIZE <= SOK_GET_BUFFER;
}

int sok_get_output_finish(struct sok_get_output *o, bool whole)
{
    if (whole)
        begin(o); // also a page of no bytes replaces the old one
    while (o->writer.started && (o->writer.busy || (o->filled > 0 && !o->error)) &&
           !sok_cli_interrupted()) {
        sok_get_output_push(o);
        if (sok_host_step(o->host, -1) < 0)
            break;
    }
    if (o->writer.started)
        sok_host_unwatch(o->host, o->writer.done_fd);
    if (o->writer.busy) {
        sok_writer_leave(&o->writer); // it may be blocked for ever, with a buffer in use
        return 0;
    }
    int error = sok_writer_stop(&o->writer);
    error = error ? error : o->error;
    free(o->buffers[0]);
    free(o->buffers[1]);
    if (o->fd > STDOUT_FILENO && close(o->fd) < 0 && !error)
        error = errno;
    return error;
}
