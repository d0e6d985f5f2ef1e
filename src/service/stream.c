// Streams of programs: made before they are connected, connected, and those that come to a listener.
#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>
#include "service/internal.h"

static void stream_opened(void *ctx)
{
    struct served *e = ctx;
    if (!e->connecting)
        return;
    e->connect_reported = true;
    sok_ask_answer(e->connecting, 0, NULL, 0);
    e->connecting = NULL;
}

static void stream_ended(void *ctx, int error)
{
    sok_served_ended(ctx, error);
}

static const struct sok_bridge_hooks hooks = {stream_opened, stream_ended};

// A stream's entry, with its bridge; the socket is the entry's, also on failure.
static struct served *serve_stream(
    struct sok_service *v, struct sok_socket *s, int *program_fd, int32_t *error)
{
    struct sok_bridge *b;
    int fd = sok_bridge_open(s, &b);
    if (fd < 0) {
        sok_abort(s);
        *error = -sok_errno(fd);
        return NULL;
    }
    struct served *e = sok_served_new(v, fd);
    if (!e) {
        close(fd); // the bridge sees it and goes
        *error = -ENFILE;
        return NULL;
    }
    sok_bridge_tell(b, &hooks, e);
    e->bridge = b;
    s->owner = e;
    e->kind = SOK_CALLS_STREAM;
    e->posix.type = SOCK_STREAM;
    e->posix.protocol = IPPROTO_TCP;
    *program_fd = fd;
    return e;
}

int32_t sok_serve_stream(struct sok_service *v, struct request *r)
{
    struct sok_socket *s;
    int32_t error;
    int err = sok_socket(v->host, SOK_STREAM, &s);
    if (err < 0)
        return -sok_errno(err);
    struct served *e = serve_stream(v, s, &r->fd, &error);
    if (!e)
        return error;
    e->posix.domain = r->head->a;
    return 0;
}

struct served *sok_serve_accepted(
    struct sok_service *v, const struct served *from, struct sok_socket *s, int *program_fd)
{
    int32_t error;
    struct served *e = serve_stream(v, s, program_fd, &error);
    if (!e)
        return NULL;
    e->posix.domain = from->posix.domain;
    sok_served_inherit(e, from);
    e->connect_reported = true;
    return e;
}

int32_t sok_serve_connect(struct served *e, struct request *r, const struct sok_endpoint *to)
{
    struct sok_socket *s = sok_served_socket(e);
    if (e->kind == SOK_CALLS_LISTENER)
        return -EISCONN;
    if (!s) { // as Linux: first why it ended, then that it has
        int err = e->error ? e->error : SOK_EABORTED;
        e->error = 0;
        return -sok_errno(err);
    }
    if (s->dialled && sok_bridge_connecting(e->bridge))
        return -EALREADY;
    if (s->dialled) {
        bool first = !e->connect_reported; // this call says how the one before ended
        e->connect_reported = true;
        return first ? 0 : -EISCONN;
    }
    int err = sok_connect(s, to);
    if (err != SOK_EINPROGRESS)
        return -sok_errno(err);
    sok_bridge_pump(e->bridge);
    if (r->head->a == 1)
        e->connecting = sok_ask_later(r);
    return -EINPROGRESS;
}
