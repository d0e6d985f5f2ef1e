// Streams of programs: made before they are connected, connected, and those that come to a listener.
#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>
#include "service/internal.h"

static void stream_opened(void *ctx)
{
    struct served *e = ctx;
    if (sok_ask_answer_all(&e->connecting, 0, 0))
        e->connect_reported = true;
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
    s->v4only = e->posix.domain == AF_INET;
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
    sok_bridge_given(e->bridge);
    e->connect_reported = true;
    return e;
}

// connect() that blocks, of a socket that connects: as Linux (and unlike POSIX, which has EALREADY) each of
// these waits for the end.
static int32_t wait_for_end(struct served *e, struct request *r)
{
    sok_serve_give_up(e, NULL); // those that are gone
    struct ask *a = sok_ask_later(r);
    if (!a)
        return r->result;
    a->also = e->connecting;
    e->connecting = a;
    return -EINPROGRESS;
}

int32_t sok_serve_give_up(struct served *e, const struct channel *c)
{
    for (struct ask **at = &e->connecting; *at;) {
        struct ask *a = *at;
        if (a->channel != c) {
            at = &a->also;
            continue;
        }
        *at = a->also;
        sok_ask_answer(a, -ECANCELED, NULL, 0);
    }
    return 0;
}

int32_t sok_serve_connect(struct served *e, struct request *r, const struct sok_endpoint *to)
{
    bool waits = r->head->a == SOK_CALLS_CONNECT_WAIT;
    struct sok_socket *s = sok_served_socket(e);
    if (e->kind == SOK_CALLS_LISTENER)
        return -EISCONN;
    if (!s) { // as Linux: first why it ended, then that it has
        int err = e->error ? e->error : SOK_EABORTED;
        e->error = 0;
        return -sok_errno(err);
    }
    if (s->dialled && sok_bridge_connecting(e->bridge))
        return waits ? wait_for_end(e, r) : -EALREADY;
    if (s->dialled) {
        bool first = !e->connect_reported; // this call says how the one before ended
        e->connect_reported = true;
        return first ? 0 : -EISCONN;
    }
    int err = sok_connect(s, to);
    if (err != SOK_EINPROGRESS)
        return -sok_errno(err);
    sok_bridge_pump(e->bridge);
    return waits ? wait_for_end(e, r) : -EINPROGRESS;
}
