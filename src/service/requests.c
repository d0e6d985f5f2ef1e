// What each request does. The program's word is taken for nothing: unknown sockets, short addresses and
// wrong lengths are answered with the errno that a kernel would give.
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sockeye/names.h>
#include "service/internal.h"

static void say(struct request *r, const void *bytes, size_t len)
{
    memcpy(r->reply, bytes, len);
    r->reply_len = (uint32_t)len;
}

static void hello(struct sok_service *v, struct request *r)
{
    struct sok_calls_welcome w = {
        .version = SOK_CALLS_VERSION,
        .trace = v->trace,
        .loopback = v->loopback,
    };
    struct channel *c = r->channel;
    uint32_t len = r->head->len < sizeof(c->program) ? r->head->len : sizeof(c->program) - 1;
    if (r->head->a != SOK_CALLS_VERSION)
        r->result = -EPROTO;
    c->pid = r->head->b;
    memcpy(c->program, r->bytes, len);
    c->program[len] = '\0';
    say(r, &w, sizeof(w));
}

// ---- sockets ----

static void describe(const struct served *e, struct request *r)
{
    const struct sok_socket *s = sok_served_socket(e);
    struct sok_calls_socket d = {
        .cookie = e->cookie,
        .kind = e->kind,
        .state = SOK_CALLS_OPEN,
        .bound = e->posix.bound,
        .connected = s && s->dialled,
        .domain = e->posix.domain,
        .type = e->posix.type,
        .protocol = e->posix.protocol,
    };
    if (e->bridge && sok_bridge_connecting(e->bridge))
        d.state = s->dialled ? SOK_CALLS_CONNECTING : SOK_CALLS_IDLE;
    d.ring = e->ring != NULL;
    say(r, &d, sizeof(d));
}

// As inet_create() of Linux says it.
static int32_t make_raw(struct sok_service *v, struct request *r)
{
    int protocol = r->head->c;
    if (protocol < 0 || protocol >= IPPROTO_MAX)
        return -EINVAL;
    return protocol > 0 && protocol <= 255 ? sok_serve_packets(v, r) : -EPROTONOSUPPORT;
}

static void make_socket(struct sok_service *v, struct request *r)
{
    int domain = r->head->a, type = r->head->b, protocol = r->head->c;
    if (type < 0 || type > SOCK_PACKET) {
        r->result = -EINVAL;
        return;
    }
    if (domain == AF_PACKET)
        r->result =
            type == SOCK_RAW || type == SOCK_DGRAM ? sok_serve_packets(v, r) : -ESOCKTNOSUPPORT;
    else if (domain != AF_INET && domain != AF_INET6)
        r->result = -EAFNOSUPPORT;
    else if (type == SOCK_RAW)
        r->result = make_raw(v, r);
    else if (type == SOCK_STREAM)
        r->result =
            protocol == 0 || protocol == IPPROTO_TCP ? sok_serve_stream(v, r) : -EPROTONOSUPPORT;
    else if (type == SOCK_DGRAM)
        r->result =
            protocol == 0 || protocol == IPPROTO_UDP ? sok_serve_packets(v, r) : -EPROTONOSUPPORT;
    else
        r->result = -ESOCKTNOSUPPORT;
    if (r->result == 0) {
        struct served *e = sok_served_find(v, sok_cookie_of(r->fd));
        sok_served_own(e, r->channel);
        describe(e, r);
    }
}

static void bind_socket(struct served *e, struct request *r)
{
    struct sok_endpoint at;
    bool v6;
    struct sok_socket *s = sok_served_socket(e);
    if (e->posix.domain == AF_PACKET) {
        r->result = sok_serve_frames_bind(e, r->bytes, r->head->len);
        e->posix.bound = e->posix.bound || r->result == 0;
        return;
    }
    int err = sok_sockaddr_get(e->posix.domain, r->bytes, r->head->len, &at, &v6);
    if (err == 0 && (!s || (e->posix.type == SOCK_RAW ? s->dialled : e->posix.bound)))
        err = -EINVAL;
    if (err == 0)
        err = -sok_errno(sok_bind(s, &at));
    if (err == -EADDRINUSE && sok_serve_reap(e->service))
        err = -sok_errno(sok_bind(s, &at));
    e->posix.bound = e->posix.bound || err == 0;
    r->result = err;
}

// AF_UNSPEC takes the peer of a datagram socket away.
static void connect_socket(struct served *e, struct request *r)
{
    struct sok_endpoint to;
    bool v6;
    if (r->head->a == SOK_CALLS_CONNECT_GIVE_UP) {
        r->result = sok_serve_give_up(e, r->channel);
        return;
    }
    int err = e->posix.domain == AF_PACKET
                  ? -EOPNOTSUPP
                  : sok_sockaddr_peer(&e->posix, e->s, r->bytes, r->head->len, &to, &v6);
    if (err < 0)
        r->result = err;
    else if (e->posix.type == SOCK_STREAM)
        r->result = sok_serve_connect(e, r, &to);
    else {
        r->result = -sok_errno(sok_connect(e->s, &to));
        if (r->result == 0)
            sok_serve_packets_changed(e);
    }
}

static void name_of(const struct served *e, struct request *r, bool peer)
{
    struct sok_endpoint at = peer ? e->remote : e->local;
    const struct sok_socket *s = sok_served_socket(e);
    bool connecting = e->bridge && sok_bridge_connecting(e->bridge);
    int err = 0;
    if (e->posix.domain == AF_PACKET) {
        r->result = peer ? -EOPNOTSUPP : 0;
        r->reply_len = peer ? 0 : sok_serve_frames_name(e, r->reply);
        return;
    }
    if (peer && (!s || connecting))
        err = SOK_ENOTCONN;
    else if (s)
        err = peer ? sok_getpeername(s, &at) : sok_getsockname(s, &at);
    r->result = -sok_errno(err);
    if (e->posix.type == SOCK_RAW && !peer) // raw(7) does not say so, but it is so
        at.port = (uint16_t)e->posix.protocol;
    if (err == 0)
        r->reply_len = sok_sockaddr_put(e->posix.domain, &at, r->reply);
}

// Why the pair is broken. With nothing known, the pair's own word is right.
static void error_of(struct served *e, struct request *r)
{
    r->result = -sok_errno(e->error);
    e->error = 0; // told
}

static int32_t set_option(struct served *e, struct request *r)
{
    int level = r->head->a, name = r->head->b;
    int32_t result;
    if (e->posix.domain == AF_PACKET && sok_serve_frames_option(e, r, &result))
        return result;
    if (level == SOK_CALLS_LEVEL && name == SOK_CALLS_LEVEL_PLAIN && e->kind == SOK_CALLS_DGRAM) {
        e->plain = true;
        return 0;
    }
    if (level == SOK_CALLS_LEVEL && name == SOK_CALLS_LEVEL_SEND && e->kind == SOK_CALLS_DGRAM)
        return sok_serve_packets_send(e, r->bytes, r->head->len);
    if (level == SOK_CALLS_LEVEL && name == SOK_CALLS_LEVEL_WAY && e->kind == SOK_CALLS_DGRAM)
        return sok_serve_packets_way(
            e, r->bytes, r->head->len, r->head->c > 0 ? (size_t)r->head->c : 0);
    return sok_posix_setopt(&e->posix, sok_served_socket(e), level, name, r->bytes, r->head->len);
}

// What connect() left; as SO_ERROR, it is told once.
static int32_t take_error(struct served *e)
{
    struct sok_socket *s = sok_served_socket(e);
    int64_t pending = e->error;
    e->error = 0;
    if (s && e->kind != SOK_CALLS_LISTENER)
        sok_getsockopt(s, SOK_OPT_ERROR, &pending);
    return sok_errno((int)pending);
}

// What of a stream is sent and not acknowledged yet.
static int32_t queued(const struct served *e)
{
    struct sok_info i = {.send_queued = 0};
    const struct sok_socket *s = sok_served_socket(e);
    if (s && e->posix.type == SOCK_STREAM)
        sok_getinfo(s, &i);
    return (int32_t)(i.send_queued + (e->bridge ? sok_bridge_unsent(e->bridge) : 0));
}

static int32_t next_news(struct served *e, struct request *r)
{
    struct sok_calls_news news;
    uint8_t *data = r->reply + sizeof(news);
    int64_t n = sok_posix_news(&e->posix, e->s, &news, data, sizeof(r->reply) - sizeof(news));
    if (n < 0)
        return (int32_t)n;
    memcpy(r->reply, &news, sizeof(news));
    r->reply_len = (uint32_t)(sizeof(news) + (size_t)n);
    return (int32_t)r->reply_len;
}

static int32_t get_option(struct served *e, struct request *r)
{
    int level = r->head->a, name = r->head->b;
    uint32_t most = sizeof(r->reply), want = (uint32_t)r->head->c;
    bool error = level == SOL_SOCKET && name == SO_ERROR;
    if (r->head->c < 0)
        return -EINVAL;
    want = want < most ? want : most;
    if (level == SOK_CALLS_LEVEL && name == SOK_CALLS_LEVEL_NEWS && e->kind == SOK_CALLS_DGRAM)
        return next_news(e, r);
    if (error || (level == SOK_CALLS_LEVEL && name == SOK_CALLS_LEVEL_QUEUED)) {
        int32_t number = error ? take_error(e) : queued(e);
        say(r, &number, want < sizeof(number) ? want : sizeof(number));
        return (int32_t)r->reply_len;
    }
    memset(r->reply, 0, want);
    if (r->head->len > 0) // what is asked, of options that are asked with a value
        memcpy(r->reply, r->bytes, r->head->len < want ? r->head->len : want);
    int n = sok_posix_getopt(&e->posix, sok_served_socket(e), level, name, r->reply, want);
    r->reply_len = n > 0 ? (uint32_t)n : 0;
    return n;
}

static void of_socket(struct sok_service *v, struct request *r)
{
    struct served *e = sok_served_find(v, r->head->cookie);
    const struct sok_calls_request *q = r->head;
    if (!e) {
        r->result = -ENOTSOCK;
        return;
    }
    if (e->kind == SOK_CALLS_DGRAM)
        sok_serve_packets_first(e);
    switch (q->op) {
    case SOK_CALLS_LOOK:
        describe(e, r);
        break;
    case SOK_CALLS_BIND:
        bind_socket(e, r);
        break;
    case SOK_CALLS_CONNECT:
        connect_socket(e, r);
        break;
    case SOK_CALLS_LISTEN:
        r->result = sok_serve_listen(e, q->a);
        break;
    case SOK_CALLS_NAME:
        name_of(e, r, false);
        break;
    case SOK_CALLS_PEER:
        name_of(e, r, true);
        break;
    case SOK_CALLS_SETOPT:
        r->result = set_option(e, r);
        break;
    case SOK_CALLS_GETOPT:
        r->result = get_option(e, r);
        break;
    case SOK_CALLS_RING:
        r->fd = sok_serve_frames_memory(e);
        r->result = r->fd < 0 ? r->fd : 0;
        break;
    default:
        error_of(e, r);
        break;
    }
}

// ---- names ----

static int32_t name_errno(int err)
{
    return err == SOK_ENONAME ? -ENOENT : err == SOK_ETIMEDOUT ? -ETIMEDOUT : -sok_errno(err);
}

static void found_addresses(void *ctx, const struct sok_lookup_result *result)
{
    struct sok_calls_names names = {.count = 0};
    unsigned most = sizeof(names.addrs) / sizeof(names.addrs[0]);
    for (unsigned i = 0; i < result->count && i < most; i++) {
        names.addrs[i].family = sok_addr_is_v4(result->addrs[i]) ? AF_INET : AF_INET6;
        memcpy(names.addrs[i].addr, result->addrs[i].b, 16);
        names.count++;
    }
    if (result->name)
        strncpy(names.canonical, result->name, sizeof(names.canonical) - 1);
    sok_ask_answer(ctx, result->err < 0 ? name_errno(result->err) : 0, &names, sizeof(names));
}

static void found_name(void *ctx, const struct sok_lookup_result *result)
{
    const char *name = result->name ? result->name : "";
    sok_ask_answer(
        ctx, result->err < 0 ? name_errno(result->err) : 0, name, (uint32_t)strlen(name) + 1);
}

static void look_up(struct sok_service *v, struct request *r)
{
    struct sok_endpoint at;
    char name[SOK_NAME_MAX];
    bool v6 = false, reverse = r->head->op == SOK_CALLS_REVERSE;
    int err;
    if (r->head->len >= sizeof(name)) {
        r->result = -ENOENT;
        return;
    }
    memcpy(name, r->bytes, r->head->len);
    name[r->head->len] = '\0';
    if (reverse && (sok_sockaddr_get(AF_INET, r->bytes, r->head->len, &at, &v6) < 0)) {
        r->result = -ENOENT;
        return;
    }
    struct ask *a = sok_ask_later(r);
    if (!a)
        return;
    if (reverse)
        err = sok_lookup_addr(v->host, at.addr, found_name, a, &a->lookup, NULL);
    else
        err = sok_lookup_name(v->host, name, found_addresses, a, &a->lookup, NULL);
    if (err < 0)
        sok_ask_answer(a, name_errno(err), NULL, 0);
}

// ---- all ----

void sok_serve_request(struct sok_service *v, struct request *r)
{
    v->host->dirty = true;
    switch (r->head->op) {
    case SOK_CALLS_HELLO:
        hello(v, r);
        break;
    case SOK_CALLS_SOCKET:
        make_socket(v, r);
        break;
    case SOK_CALLS_LOOKUP:
    case SOK_CALLS_REVERSE:
        look_up(v, r);
        break;
    case SOK_CALLS_BEGIN:
        sok_trace_begin(v, r);
        break;
    case SOK_CALLS_END:
        sok_trace_end(v, r);
        break;
    case SOK_CALLS_GO:
        sok_trace_go(v, r);
        break;
    case SOK_CALLS_DEVICE:
        sok_serve_interface(v, r);
        break;
    case SOK_CALLS_ADDRESSES:
        sok_serve_addresses(v, r);
        break;
    case SOK_CALLS_LIST:
        sok_serve_list(v, r);
        break;
    case SOK_CALLS_KILL:
        sok_serve_kill(v, r);
        break;
    case SOK_CALLS_ABOUT:
        sok_serve_about(v, r);
        break;
    case SOK_CALLS_STOP:
        v->stopped = true;
        break;
    case SOK_CALLS_LOOK:
    case SOK_CALLS_BIND:
    case SOK_CALLS_CONNECT:
    case SOK_CALLS_LISTEN:
    case SOK_CALLS_NAME:
    case SOK_CALLS_PEER:
    case SOK_CALLS_SETOPT:
    case SOK_CALLS_GETOPT:
    case SOK_CALLS_RING:
    case SOK_CALLS_ERROR:
        of_socket(v, r);
        break;
    default:
        r->result = -ENOSYS;
        break;
    }
}
