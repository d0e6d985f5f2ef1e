// The link and its pump. What the host sends goes into the gateway's stack at once; everything else happens
// when the host asks for frames: kernel sockets that are ready, connections that changed, time.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/bytes.h"
#include "link/user_internal.h"
#include "wire/icmp.h"
#include "wire/icmp6.h"

#define BACKLOG 128
#define ROUNDS  64        // of the pump without a frame, before the host has its turn
#define BUFFER  (1 << 20) // of each direction, beside the kernel's own

// ---- what the parts share ----

uint8_t *sok_user_room(struct sok_user *u)
{
    if (!u->rx)
        u->rx = sok_buf_new(u->link.mem, SOK_USER_READ);
    return u->rx ? u->rx->data : NULL;
}

bool sok_user_watch(struct sok_user *u, struct sok_user_fd *f, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = f};
    return epoll_ctl(u->link.fd, EPOLL_CTL_ADD, f->fd, &e) == 0;
}

struct sok_user_sockaddr sok_user_sockaddr(const struct sok_endpoint *e)
{
    struct sok_user_sockaddr s = {.len = sizeof(struct sockaddr_in)};
    if (sok_addr_is_v4(e->addr)) {
        s.at.in = (struct sockaddr_in){
            .sin_family = AF_INET,
            .sin_port = htons(e->port),
            .sin_addr.s_addr = htonl(sok_addr_to_v4(e->addr)),
        };
        return s;
    }
    s.at.in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(e->port)};
    memcpy(&s.at.in6.sin6_addr, e->addr.b, 16);
    s.len = sizeof(struct sockaddr_in6);
    return s;
}

void sok_user_complain(struct sok_user *u, const struct sok_addr *who,
    const struct sok_endpoint *from, const struct sok_endpoint *to, uint8_t proto,
    const uint8_t head[8], uint8_t type, uint8_t code, int64_t now)
{
    struct sok_complaint c = {
        .from = who                        ? *who
                : sok_addr_is_v4(to->addr) ? u->address
                                           : u->address6,
        .asker = from->addr,
        .about = to->addr,
        .proto = proto,
        .len = 8,
        .type = type,
        .code = code,
    };
    memcpy(c.head, head, sizeof(c.head));
    if (sok_stack_complain(u->gateway, &c, now) < 0)
        u->link.lost++;
}

uint8_t sok_user_unreachable(bool v6)
{
    return v6 ? SOK_ICMP6_UNREACHABLE : SOK_ICMP_UNREACHABLE;
}

static int code6(int errno_value)
{
    switch (errno_value) {
    case EHOSTUNREACH:
    case EHOSTDOWN:
        return SOK_ICMP6_ADDRESS;
    case ENETUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
        return SOK_ICMP6_NO_ROUTE;
    case ECONNREFUSED:
        return SOK_ICMP6_PORT;
    case EACCES:
    case EPERM:
        return SOK_ICMP6_ADMIN;
    default:
        return -1;
    }
}

int sok_user_code(bool v6, int errno_value)
{
    if (v6)
        return code6(errno_value);
    switch (errno_value) {
    case EHOSTUNREACH:
    case EHOSTDOWN:
        return SOK_ICMP_HOST;
    case ENETUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
        return SOK_ICMP_NET;
    case ECONNREFUSED:
        return SOK_ICMP_PORT;
    case EACCES:
    case EPERM:
        return SOK_ICMP_ADMIN;
    default:
        return -1;
    }
}

// ---- the pump ----

static bool hear(struct sok_user *u, int64_t now)
{
    struct epoll_event events[SOK_USER_BATCH];
    int n = epoll_wait(u->link.fd, events, SOK_USER_BATCH, 0);
    for (int i = 0; i < n; i++) {
        struct sok_user_fd *f = events[i].data.ptr;
        f->ready(u, f, events[i].events, now);
    }
    return n > 0;
}

static void accept_all(struct sok_user *u, int64_t now)
{
    struct sok_tcp_conn *conn;
    while (sok_tcp_accept(u->every, now, &conn) == 0)
        sok_user_stream_open(u, conn, now);
}

static bool look_at_changed(struct sok_user *u, int64_t now)
{
    struct sok_sock *sock;
    bool any = false;
    while ((sock = sok_stack_changed(u->gateway))) {
        any = true;
        if (sock->kind == SOK_SOCK_TCP_LISTEN)
            accept_all(u, now);
        else if (sock->kind == SOK_SOCK_UDP)
            sok_user_datagrams(u, now);
        else
            sok_user_stream_changed(u, sock);
    }
    return any;
}

// Whether there may be something new to send.
static bool pump(struct sok_user *u, int64_t now)
{
    bool moved = false;
    u->again = false;
    if (sok_stack_deadline(u->gateway) <= now) {
        sok_stack_advance(u->gateway, now);
        moved = true;
    }
    sok_user_echoes(u, now);
    moved |= hear(u, now);
    moved |= look_at_changed(u, now);
    moved |= sok_user_streams_work(u, now);
    sok_user_talks_expire(u, now);
    u->link.busy = u->holding > 0;
    return moved;
}

// ---- the link ----

static int user_send(struct sok_link *link, const struct sok_frame_out *frame, int64_t now)
{
    struct sok_user *u = (struct sok_user *)link;
    struct sok_frame copy;
    if (sok_link_gather(link->mem, frame, &copy) < 0) {
        link->lost++;
        return SOK_ENOMEM;
    }
    copy.meta.csum_valid |= copy.meta.csum_partial; // it never is on a wire
    sok_stack_input(u->gateway, SOK_USER_LINK, &copy, now);
    sok_buf_unref(copy.buf);
    u->again = true;
    return 0;
}

static int user_recv(struct sok_link *link, struct sok_frame *frame, int64_t now)
{
    struct sok_user *u = (struct sok_user *)link;
    struct sok_frame_out out;
    for (int i = 0; i < ROUNDS; i++) {
        if (sok_stack_output(u->gateway, SOK_USER_LINK, now, &out)) {
            u->again = true;
            if (sok_link_gather(link->mem, &out, frame) == 0) {
                frame->meta.csum_valid = true;
                return 0;
            }
            link->lost++;
        } else if (!pump(u, now)) {
            return SOK_EAGAIN;
        }
    }
    u->again = true; // the host has other work, too
    return SOK_EAGAIN;
}

static int64_t user_deadline(const struct sok_link *link)
{
    const struct sok_user *u = (const struct sok_user *)link;
    if (u->again)
        return 0;
    int64_t gateway = sok_stack_deadline(u->gateway), talks = sok_user_talks_deadline(u);
    return gateway < talks ? gateway : talks;
}

static void user_close(struct sok_link *link)
{
    struct sok_user *u = (struct sok_user *)link;
    sok_user_streams_free(u);
    sok_user_talks_free(u);
    sok_map_free(&u->talks);
    sok_stack_free(u->gateway); // with its listener and socket
    sok_buf_unref(u->rx);
    if (link->fd >= 0)
        close(link->fd);
    sok_mem_free(link->mem, u, sizeof(*u));
}

static const struct sok_link_ops user_ops = {user_send, user_recv, user_deadline, user_close};

// ---- opening ----

static int make_gateway(struct sok_user *u)
{
    static const struct sok_addr none;
    struct sok_stack_config config;
    struct sok_link_info info = u->link.info;
    sok_stack_config_default(&config);
    config.mem = *u->link.mem;
    config.tcp.rcv_buf = config.tcp.snd_buf = BUFFER;
    config.icmp_interval = 0; // each connection hears of its own failure
    memcpy(config.seed, u->key, sizeof(config.seed));
    snprintf(info.name, sizeof(info.name), "gateway");
    info.mac[5] ^= 1;
    int r = sok_stack_new(&config, &u->gateway);
    if (r == 0)
        r = sok_stack_link_add(u->gateway, &info);
    if (r >= 0)
        r = sok_stack_addr_add(u->gateway, SOK_USER_LINK, u->address, 24);
    if (r >= 0) // whatever address the client has, it is there
        r = sok_stack_route_add(u->gateway, sok_addr_v4(0), 0, sok_addr_v4(0), SOK_USER_LINK);
    if (r >= 0)
        r = sok_stack_addr_add(u->gateway, SOK_USER_LINK, u->address6, 64);
    if (r >= 0)
        r = sok_stack_route_add(u->gateway, none, 0, none, SOK_USER_LINK);
    if (r < 0)
        return r;
    sok_stack_any(u->gateway, true);
    sok_stack_echo_hand_over(u->gateway, true);
    r = sok_tcp_listen_any(sok_stack_tcp(u->gateway), BACKLOG, 0, &u->every);
    return r < 0 ? r : sok_udp_open_any(u->gateway, &u->udp);
}

int sok_link_user(
    const struct sok_mem *mem, const struct sok_user_options *o, struct sok_link **out, char *err)
{
    struct sok_user *u = (struct sok_user *)sok_link_new(mem, sizeof(*u), &user_ops);
    if (!u)
        return sok_link_fail(err, SOK_ENOMEM, "no memory for the link user");
    sok_map_init(&u->talks, mem);
    sok_addr_parse(SOK_USER_GATEWAY, &u->address);
    sok_addr_parse(SOK_USER_GATEWAY6, &u->address6);
    snprintf(u->link.info.name, sizeof(u->link.info.name), "user");
    u->link.info.mtu = o->mtu ? o->mtu : 1500;
    u->link.info.caps = SOK_LINK_POINT | (o->offload ? SOK_LINK_TSO | SOK_LINK_CSUM : 0);
    sok_link_mac(u->link.info.mac, o->mac);
    u->link.fd = epoll_create1(EPOLL_CLOEXEC);
    int r = u->link.fd < 0 || getrandom(u->key, sizeof(u->key), 0) != sizeof(u->key)
                ? sok_link_fail(err, SOK_EIO, "link user: %s", strerror(errno))
                : 0;
    if (r == 0) {
        r = make_gateway(u);
        if (r < 0)
            sok_link_fail(err, r, "link user: no gateway: %s", sok_strerror(r));
    }
    if (r < 0) {
        user_close(&u->link);
        return r;
    }
    *out = &u->link;
    return 0;
}

// Nothing is sent: the kernel only looks whether it could.
static bool has_way(const char *to)
{
    struct sok_endpoint e = {.port = 9};
    sok_addr_parse(to, &e.addr);
    struct sok_user_sockaddr s = sok_user_sockaddr(&e);
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool way = fd >= 0 && connect(fd, &s.at.any, s.len) == 0;
    if (fd >= 0)
        close(fd);
    return way;
}

bool sok_link_user_has_v6(void)
{
    return has_way("2001:db8::1");
}

bool sok_link_user_loops_v6(void)
{
    return has_way("::1");
}

bool sok_link_user_can_ping(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}
