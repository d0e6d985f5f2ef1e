#include "host/names_sockets.h"
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include "host/host.h"

#define QUESTION_MAX 1024

static struct sok_names_socket *socket_at(struct sok_names_sockets *n, ares_socket_t fd)
{
    return &n->all[fd - 1];
}

static int refuse(int err)
{
    errno = sok_errno(err);
    return -1;
}

static void socket_changed(void *ctx, struct sok_socket *s)
{
    struct sok_names_socket *ns = ctx;
    ns->may_write = (sok_socket_ready(s) & SOK_POLL_OUT) != 0;
}

static ares_socket_t open_socket(int family, int type, int protocol, void *ctx)
{
    struct sok_names_sockets *n = ctx;
    (void)protocol;
    if (family != AF_INET && family != AF_INET6)
        return refuse(SOK_EAFNOSUPPORT);
    for (int i = 0; i < SOK_NAMES_SOCKETS_MAX; i++) {
        struct sok_names_socket *ns = &n->all[i];
        if (ns->s)
            continue;
        *ns = (struct sok_names_socket){.stream = type == SOCK_STREAM};
        int r = sok_socket(n->host, ns->stream ? SOK_STREAM : SOK_DGRAM, &ns->s);
        if (r < 0)
            return refuse(r);
        if (getrandom(ns->mask, sizeof(ns->mask), 0) != sizeof(ns->mask))
            memset(ns->mask, 0, sizeof(ns->mask));
        sok_socket_notify(ns->s, socket_changed, ns);
        return i + 1;
    }
    return refuse(SOK_ENOBUFS);
}

static int close_socket(ares_socket_t fd, void *ctx)
{
    struct sok_names_socket *ns = socket_at(ctx, fd);
    sok_socket_notify(ns->s, NULL, NULL);
    sok_close(ns->s);
    ns->s = NULL;
    return 0;
}

static uint32_t zone_of(const struct sok_names_sockets *n, const struct sok_addr *addr)
{
    for (unsigned i = 0; i < n->near_count; i++)
        if (sok_addr_eq(n->near[i].addr, *addr))
            return n->near[i].zone;
    return 0;
}

static int connect_socket(
    ares_socket_t fd, const struct sockaddr *to, ares_socklen_t len, void *ctx)
{
    struct sok_names_sockets *n = ctx;
    struct sok_names_socket *ns = socket_at(n, fd);
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    if (to->sa_family == AF_INET && len >= sizeof(in)) {
        memcpy(&in, to, sizeof(in));
        ns->remote.addr = sok_addr_v4(ntohl(in.sin_addr.s_addr));
        ns->remote.port = ntohs(in.sin_port);
    } else if (to->sa_family == AF_INET6 && len >= sizeof(in6)) {
        memcpy(&in6, to, sizeof(in6));
        memcpy(ns->remote.addr.b, &in6.sin6_addr, 16);
        ns->remote.zone = zone_of(n, &ns->remote.addr);
        ns->remote.port = ntohs(in6.sin6_port);
    } else {
        return refuse(SOK_EAFNOSUPPORT);
    }
    int r = n->nobody ? SOK_ENETUNREACH : sok_connect(ns->s, &ns->remote);
    if (r < 0 && r != SOK_EINPROGRESS)
        n->error = r;
    return r < 0 ? refuse(r) : 0;
}

static void put_sockaddr(const struct sok_endpoint *e, struct sockaddr *to, ares_socklen_t *len)
{
    struct sockaddr_in6 in6 = {
        .sin6_family = AF_INET6,
        .sin6_port = htons(e->port),
        .sin6_scope_id = e->zone,
    };
    if (!sok_addr_is_v4(e->addr)) {
        memcpy(&in6.sin6_addr, e->addr.b, 16);
        if (*len > sizeof(in6))
            *len = sizeof(in6);
        memcpy(to, &in6, *len);
        return;
    }
    struct sockaddr_in in = {
        .sin_family = AF_INET,
        .sin_port = htons(e->port),
        .sin_addr.s_addr = htonl(sok_addr_to_v4(e->addr)),
    };
    if (*len > sizeof(in))
        *len = sizeof(in);
    memcpy(to, &in, *len);
}

// The number of a question and of its answer, in a datagram, is another one on the wire: c-ares before 1.19
// has its numbers from rand(), which everybody can guess, where /dev/urandom does not open, and a process
// that has given up opening files is such a place.
static void change_number(const struct sok_names_socket *ns, uint8_t *datagram)
{
    datagram[0] ^= ns->mask[0];
    datagram[1] ^= ns->mask[1];
}

// Of datagrams only what comes from the server's own address and port.
static ares_ssize_t receive(ares_socket_t fd, void *data, size_t size, int flags,
    struct sockaddr *from, ares_socklen_t *from_len, void *ctx)
{
    struct sok_names_sockets *n = ctx;
    struct sok_names_socket *ns = socket_at(n, fd);
    struct sok_endpoint sender = ns->remote;
    int64_t r;
    (void)flags;
    do
        r = ns->stream ? sok_recv(ns->s, data, size) : sok_recvfrom(ns->s, data, size, &sender);
    while (
        r >= 0 && (sender.port != ns->remote.port || !sok_addr_eq(sender.addr, ns->remote.addr)));
    if (r < 0 && r != SOK_EAGAIN)
        n->error = (int)r;
    if (r < 0)
        return refuse((int)r);
    if (!ns->stream && r >= 2)
        change_number(ns, data);
    if (from && from_len)
        put_sockaddr(&sender, from, from_len);
    return (ares_ssize_t)r;
}

static int64_t send_question(const struct sok_names_socket *ns, const struct iovec *iov, int count)
{
    uint8_t datagram[QUESTION_MAX];
    size_t len = 0;
    for (int i = 0; i < count; i++) {
        if (iov[i].iov_len > sizeof(datagram) - len)
            return SOK_EMSGSIZE;
        memcpy(datagram + len, iov[i].iov_base, iov[i].iov_len);
        len += iov[i].iov_len;
    }
    if (len >= 2)
        change_number(ns, datagram);
    return sok_send(ns->s, datagram, len);
}

static ares_ssize_t send_pieces(ares_socket_t fd, const struct iovec *iov, int count, void *ctx)
{
    struct sok_names_sockets *n = ctx;
    const struct sok_names_socket *ns = socket_at(n, fd);
    int64_t r = ns->stream ? sok_sendv(ns->s, iov, count) : send_question(ns, iov, count);
    n->host->dirty = true;
    if (r < 0 && r != SOK_EAGAIN)
        n->error = (int)r;
    return r < 0 ? refuse((int)r) : (ares_ssize_t)r;
}

const struct ares_socket_functions sok_names_sockets_functions = {
    .asocket = open_socket,
    .aclose = close_socket,
    .aconnect = connect_socket,
    .arecvfrom = receive,
    .asendv = send_pieces,
};

unsigned sok_names_sockets_pump(struct sok_names_sockets *n, ares_channel channel)
{
    unsigned moves = 0;
    for (int i = 0; i < SOK_NAMES_SOCKETS_MAX; i++) {
        struct sok_names_socket *ns = &n->all[i];
        unsigned ready = ns->s ? sok_socket_ready(ns->s) : 0;
        bool in = ready & (SOK_POLL_IN | SOK_POLL_ERROR | SOK_POLL_HUP);
        bool out = ns->stream && ns->may_write && (ready & SOK_POLL_OUT);
        if (!in && !out)
            continue;
        ns->may_write = false;
        ares_process_fd(channel, in ? i + 1 : ARES_SOCKET_BAD, out ? i + 1 : ARES_SOCKET_BAD);
        moves++;
    }
    return moves;
}
