// Sockets: making, naming, connecting, waiting. Moving bytes is in socket_io.c, options in socket_options.c. Each is a thin
// hand around a handle of the stack; readiness is the stack's own, looked at, never copied.
#include <stdlib.h>
#include <string.h>
#include "host/host.h"

_Static_assert((int)SOK_POLL_IN == (int)SOK_READY_IN && (int)SOK_POLL_OUT == (int)SOK_READY_OUT &&
                   (int)SOK_POLL_ERROR == (int)SOK_READY_ERROR &&
                   (int)SOK_POLL_HUP == (int)SOK_READY_HUP &&
                   (int)SOK_POLL_URGENT == (int)SOK_READY_URGENT,
    "the public bits are the stack's");

struct sok_socket *sok_socket_wrap(
    struct sok_host *host, enum sok_socket_type type, struct sok_sock *sock)
{
    struct sok_socket *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->host = host;
    s->type = (uint8_t)type;
    s->sock = sock;
    s->multicast = (struct sok_multicast_opts)SOK_MULTICAST_OPTS_DEFAULT;
    s->dgram.discover = s->dgram.discover6 = SOK_MTU_WANT;
    if (sock)
        sock->user = s;
    s->next = host->sockets;
    if (s->next)
        s->next->prev = s;
    host->sockets = s;
    return s;
}

void sok_socket_unwrap(struct sok_socket *s)
{
    if (s->prev)
        s->prev->next = s->next;
    else
        s->host->sockets = s->next;
    if (s->next)
        s->next->prev = s->prev;
    sok_buf_unref(s->reserved);
    free(s);
}

void sok_sockets_free(struct sok_host *host)
{
    while (host->sockets) {
        struct sok_socket *s = host->sockets;
        if (s->sock)
            s->sock->user = NULL;
        sok_socket_unwrap(s);
    }
}

static void adopt(struct sok_socket *s, struct sok_sock *sock)
{
    s->sock = sock;
    sock->user = s;
}

int sok_socket(struct sok_host *host, enum sok_socket_type type, struct sok_socket **out)
{
    sok_host_mine(host);
    if (type != SOK_STREAM && type != SOK_DGRAM && type != SOK_ECHO)
        return SOK_EINVAL;
    struct sok_socket *s = sok_socket_wrap(host, type, NULL);
    if (!s)
        return SOK_ENOMEM;
    if (type == SOK_ECHO) {
        struct sok_echo *echo;
        int r = sok_echo_open(host->stack, &echo);
        if (r < 0) {
            sok_socket_unwrap(s);
            return r;
        }
        adopt(s, (struct sok_sock *)echo);
    }
    *out = s;
    return 0;
}

static void close_sock(struct sok_host *host, struct sok_sock *sock, bool abort)
{
    int64_t now = sok_host_now(host);
    sock->user = NULL;
    switch ((enum sok_sock_kind)sock->kind) {
    case SOK_SOCK_TCP:
        if (abort)
            sok_tcp_abort((struct sok_tcp_conn *)sock, now);
        else
            sok_tcp_close((struct sok_tcp_conn *)sock, now);
        break;
    case SOK_SOCK_TCP_LISTEN:
        sok_tcp_listener_close((struct sok_tcp_listener *)sock, now);
        break;
    case SOK_SOCK_UDP:
        sok_udp_close((struct sok_udp *)sock);
        break;
    case SOK_SOCK_ECHO:
        sok_echo_close((struct sok_echo *)sock);
        break;
    case SOK_SOCK_RAW:
        sok_raw_close((struct sok_raw *)sock);
        break;
    case SOK_SOCK_FRAMES:
        sok_frames_close((struct sok_frames *)sock);
        break;
    }
    host->dirty = true;
}

// Every address that a socket nobody has bound has.
static struct sok_endpoint any_of(const struct sok_socket *s)
{
    return (struct sok_endpoint){.addr = s->v4only ? sok_addr_v4(0) : (struct sok_addr){{0}}};
}

static unsigned bind_flags(const struct sok_socket *s, bool shared)
{
    unsigned flags = (shared ? SOK_BIND_SHARED : 0U) | (s->v6only ? SOK_BIND_V6ONLY : 0U);
    return sok_bind_on(flags, s->device);
}

void sok_socket_renew(struct sok_socket *s, bool keep_port)
{
    struct sok_endpoint local = s->bound ? s->local : any_of(s);
    if (s->type == SOK_DGRAM && s->sock && !keep_port) {
        close_sock(s->host, s->sock, false);
        s->sock = NULL;
        s->bound = false;
        s->local = (struct sok_endpoint){.port = 0};
    } else if (s->type == SOK_DGRAM && s->sock)
        sok_udp_disconnect((struct sok_udp *)s->sock, &local);
    else if (s->type == SOK_RAW)
        sok_raw_disconnect((struct sok_raw *)s->sock, &local.addr);
    else if (s->type == SOK_STREAM && s->sock) {
        close_sock(s->host, s->sock, true);
        s->sock = NULL;
        s->options_set = s->options_given;
    }
    s->dialled = false;
    s->remote = (struct sok_endpoint){.port = 0};
}

void sok_close(struct sok_socket *s)
{
    if (!s)
        return;
    sok_host_mine(s->host);
    if (s->sock)
        close_sock(s->host, s->sock, false);
    sok_socket_unwrap(s);
}

void sok_abort(struct sok_socket *s)
{
    if (!s)
        return;
    sok_host_mine(s->host);
    if (s->sock)
        close_sock(s->host, s->sock, true);
    sok_socket_unwrap(s);
}

// Two streams may have one address and port when both say SOK_OPT_REUSEADDR and neither listens, or both say
// SOK_OPT_REUSEPORT, as with Linux.
static bool bound_by_another(const struct sok_socket *s, const struct sok_endpoint *local)
{
    for (const struct sok_socket *o = s->host->sockets; o; o = o->next) {
        struct sok_endpoint at;
        if (o == s || o->type != SOK_STREAM || !(o->bound || o->sock))
            continue;
        if (o->device && s->device && o->device != s->device)
            continue;
        sok_getsockname(o, &at);
        if (at.port != local->port ||
            !sok_addr_overlaps(at.addr, o->v6only, local->addr, s->v6only))
            continue;
        bool listens = o->sock && o->sock->kind == SOK_SOCK_TCP_LISTEN;
        bool reused = o->reuse && s->reuse && !listens;
        if (!reused && !(o->reuse_port && s->reuse_port))
            return true;
    }
    return false;
}

static int bind_stream(struct sok_socket *s, struct sok_endpoint *local)
{
    bool choose = local->port == 0;
    unsigned flags = bind_flags(s, false);
    for (unsigned tries = 0; tries < 65536; tries++) {
        int r = sok_stack_bindable(s->host->stack, local, flags);
        bool busy =
            !s->reuse && !s->reuse_port && sok_stack_port_busy(s->host->stack, local, flags);
        if (r < 0 || !(busy || bound_by_another(s, local)))
            return r;
        if (!choose)
            return SOK_EADDRINUSE;
        local->port = 0;
    }
    return SOK_EADDRNOTAVAIL;
}

int sok_bind(struct sok_socket *s, const struct sok_endpoint *given)
{
    sok_host_mine(s->host);
    struct sok_endpoint chosen = *given, *local = &chosen;
    if (s->type == SOK_RAW)
        return sok_socket_raw_bind(s, local);
    if (s->sock || s->bound || s->type == SOK_ECHO)
        return SOK_EINVAL;
    if (s->v6only && sok_addr_is_v4(local->addr))
        return SOK_EINVAL;
    bool v6 = !sok_addr_is_v4(local->addr) && !sok_addr_is_any(local->addr);
    if (v6 && s->device && !sok_stack_link(s->host->stack, (uint8_t)(s->device - 1)))
        return SOK_ENODEV;
    if (s->type == SOK_STREAM) {
        int r = bind_stream(s, local);
        if (r < 0)
            return r;
    }
    if (s->type == SOK_DGRAM) {
        struct sok_udp *u;
        int r =
            sok_udp_open_as(s->host->stack, local, bind_flags(s, s->reuse || s->reuse_port), &u);
        if (r < 0)
            return r;
        adopt(s, (struct sok_sock *)u);
        sok_udp_spread(u, s->reuse_port);
        sok_socket_dgram_apply(s);
    }
    s->local = *local;
    s->bound = true;
    return 0;
}

int sok_socket_open_dgram(struct sok_socket *s)
{
    if (s->type == SOK_RAW)
        return 0;
    if (s->type != SOK_DGRAM)
        return SOK_EOPNOTSUPP;
    struct sok_endpoint any = any_of(s);
    return s->sock ? 0 : sok_bind(s, &any);
}

static int connect_end(struct sok_socket *s)
{
    if (!s->blocking)
        return SOK_EINPROGRESS;
    int r = sok_wait(s, SOK_POLL_OUT, s->timeout_ns > 0 ? s->timeout_ns : -1);
    if (r < 0)
        return r;
    return sok_socket_error(s);
}

int sok_connect(struct sok_socket *s, const struct sok_endpoint *remote)
{
    sok_host_mine(s->host);
    if (s->type == SOK_ECHO || s->type == SOK_PACKET)
        return SOK_EOPNOTSUPP;
    s->host->dirty = true;
    if (s->type == SOK_RAW)
        return sok_socket_raw_connect(s, remote);
    if (s->type == SOK_DGRAM) {
        int r = sok_socket_open_dgram(s);
        if (r == 0)
            r = sok_udp_connect((struct sok_udp *)s->sock, remote);
        if (r == 0) {
            s->remote = *remote;
            s->dialled = true;
        }
        return r;
    }
    struct sok_tcp_conn *c = sok_socket_conn(s);
    if (c)
        return sok_tcp_state(c) == SOK_TCP_SYN_SENT ? SOK_EINPROGRESS : SOK_EISCONN;
    if (s->sock)
        return SOK_EINVAL;
    struct sok_endpoint local = s->bound ? s->local : any_of(s);
    if (sok_addr_is_any(local.addr) && !sok_addr_hears(local.addr, s->v6only, remote->addr))
        return SOK_ENETUNREACH;
    int r = sok_stack_connect_on(
        s->host->stack, s->device, s->bound ? &s->local : NULL, remote, sok_host_now(s->host), &c);
    if (r < 0)
        return r;
    adopt(s, (struct sok_sock *)c);
    s->dialled = true;
    sok_socket_options_apply(s);
    return connect_end(s);
}

int sok_listen(struct sok_socket *s, int backlog)
{
    sok_host_mine(s->host);
    if (s->type != SOK_STREAM)
        return SOK_EOPNOTSUPP;
    if (s->sock && s->sock->kind != SOK_SOCK_TCP_LISTEN)
        return SOK_EINVAL;
    if (s->sock) {
        sok_tcp_listener_backlog(
            (struct sok_tcp_listener *)s->sock, backlog > 0 ? (unsigned)backlog : 1);
        return 0;
    }
    struct sok_endpoint any = any_of(s);
    struct sok_tcp_listener *l;
    int r = s->bound ? 0 : sok_bind(s, &any);
    if (r == 0)
        r = sok_stack_listen_as(s->host->stack, &s->local, backlog, bind_flags(s, s->reuse_port),
            sok_host_now(s->host), &l);
    if (r == 0) {
        adopt(s, (struct sok_sock *)l);
        sok_socket_listener_options(s);
    }
    return r;
}

int sok_accept(struct sok_socket *s, struct sok_socket **out)
{
    sok_host_mine(s->host);
    if (!s->sock || s->sock->kind != SOK_SOCK_TCP_LISTEN)
        return SOK_EINVAL;
    struct sok_tcp_conn *c;
    int r;
    while ((r = sok_tcp_accept((struct sok_tcp_listener *)s->sock, sok_host_now(s->host), &c)) ==
               SOK_EAGAIN &&
           s->blocking) {
        int w = sok_wait(s, SOK_POLL_IN, s->timeout_ns > 0 ? s->timeout_ns : -1);
        if (w < 0)
            return w == SOK_ETIMEDOUT ? SOK_EAGAIN : w;
    }
    if (r < 0)
        return r;
    struct sok_socket *made = sok_socket_wrap(s->host, SOK_STREAM, (struct sok_sock *)c);
    if (!made) {
        close_sock(s->host, (struct sok_sock *)c, true);
        return SOK_ENOMEM;
    }
    made->dialled = true;
    made->reuse = s->reuse;
    made->reuse_port = s->reuse_port;
    made->v4only = s->v4only;
    made->v6only = s->v6only;
    made->device = sok_tcp_device(c);
    made->dgram = s->dgram; // IP_MTU_DISCOVER
    made->options_set = made->options_given =
        s->options_given; // as Linux: what the listener was told counts for them
    memcpy(made->options, s->options, sizeof(made->options));
    sok_socket_options_apply(made);
    *out = made;
    return 0;
}

int sok_getsockname(const struct sok_socket *s, struct sok_endpoint *out)
{
    *out = s->local;
    if (!s->sock)
        return 0;
    if (s->sock->kind == SOK_SOCK_TCP)
        *out = sok_tcp_local(sok_socket_conn(s));
    else if (s->sock->kind == SOK_SOCK_TCP_LISTEN)
        *out = sok_tcp_listener_local((const struct sok_tcp_listener *)s->sock);
    else if (s->sock->kind == SOK_SOCK_UDP)
        *out = sok_udp_local((const struct sok_udp *)s->sock);
    else if (s->sock->kind == SOK_SOCK_RAW)
        *out = (struct sok_endpoint){.addr = sok_raw_local((const struct sok_raw *)s->sock)};
    return 0;
}

int sok_getpeername(const struct sok_socket *s, struct sok_endpoint *out)
{
    if (!s->dialled)
        return SOK_ENOTCONN;
    *out = s->type == SOK_STREAM ? sok_tcp_remote(sok_socket_conn(s)) : s->remote;
    return 0;
}

unsigned sok_socket_ready(const struct sok_socket *s)
{
    return s->sock ? s->sock->ready : 0;
}

void sok_socket_notify(struct sok_socket *s, void (*fn)(void *ctx, struct sok_socket *s), void *ctx)
{
    s->notify = fn;
    s->notify_ctx = ctx;
}

int sok_wait(struct sok_socket *s, unsigned want, int64_t timeout_ns)
{
    sok_host_mine(s->host);
    int64_t now = sok_host_now(s->host);
    int64_t end = timeout_ns < 0 || timeout_ns > INT64_MAX - now ? INT64_MAX : now + timeout_ns;
    want |= SOK_POLL_ERROR | SOK_POLL_HUP;
    while (!(sok_socket_ready(s) & want)) {
        int r = sok_host_step(s->host, end == INT64_MAX ? -1 : end - now);
        if (r < 0)
            return r;
        now = sok_host_now(s->host);
        if (now >= end && !(sok_socket_ready(s) & want))
            return SOK_ETIMEDOUT;
    }
    return (int)sok_socket_ready(s);
}
