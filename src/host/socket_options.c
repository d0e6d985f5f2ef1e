// Options of sockets (enum sok_socket_option). Most of a stream's are TCP's (tcp/option.c): until there is a connection they are
// kept, and then applied. Those of datagram sockets alone are in socket_raw.c.
#include <string.h>
#include "host/host.h"

// The numbers of enum sok_socket_option that are TCP's; -1: not TCP's.
static int tcp_option(enum sok_socket_option option)
{
    switch (option) {
    case SOK_OPT_NODELAY:
        return SOK_TCP_NODELAY;
    case SOK_OPT_CORK:
        return SOK_TCP_CORK;
    case SOK_OPT_KEEPALIVE:
        return SOK_TCP_KEEPALIVE;
    case SOK_OPT_KEEPIDLE:
        return SOK_TCP_KEEPIDLE;
    case SOK_OPT_KEEPINTVL:
        return SOK_TCP_KEEPINTVL;
    case SOK_OPT_KEEPCNT:
        return SOK_TCP_KEEPCNT;
    case SOK_OPT_LINGER_ZERO:
        return SOK_TCP_LINGER_ZERO;
    case SOK_OPT_RCVBUF:
        return SOK_TCP_RCVBUF;
    case SOK_OPT_SNDBUF:
        return SOK_TCP_SNDBUF;
    case SOK_OPT_TTL:
        return SOK_TCP_TTL;
    case SOK_OPT_TOS:
        return SOK_TCP_TOS;
    case SOK_OPT_USER_TIMEOUT:
        return SOK_TCP_USER_TIMEOUT;
    case SOK_OPT_QUICKACK:
        return SOK_TCP_QUICKACK;
    case SOK_OPT_CONGESTION:
        return SOK_TCP_CONGESTION;
    case SOK_OPT_LINGER:
        return SOK_TCP_LINGER;
    case SOK_OPT_FASTOPEN:
        return SOK_TCP_FASTOPEN;
    case SOK_OPT_MAXSEG:
        return SOK_TCP_MAXSEG;
    case SOK_OPT_WINDOW_CLAMP:
        return SOK_TCP_WINDOW_CLAMP;
    case SOK_OPT_NOTSENT_LOWAT:
        return SOK_TCP_NOTSENT_LOWAT;
    case SOK_OPT_SYNCNT:
        return SOK_TCP_SYNCNT;
    case SOK_OPT_LINGER2:
        return SOK_TCP_LINGER2;
    case SOK_OPT_DEFER_ACCEPT:
        return SOK_TCP_DEFER_ACCEPT;
    case SOK_OPT_RECVERR:
        return SOK_TCP_RECVERR;
    case SOK_OPT_ERROR:
    case SOK_OPT_BLOCKING:
    case SOK_OPT_TIMEOUT:
    case SOK_OPT_HDRINCL:
    case SOK_OPT_STAMP:
    case SOK_OPT_REUSEADDR:
    case SOK_OPT_BROADCAST:
    case SOK_OPT_REUSEPORT:
    case SOK_OPT_V6ONLY:
    case SOK_OPT_BINDTODEVICE:
    case SOK_OPT_MTU_DISCOVER:
    case SOK_OPT_MTU_DISCOVER6:
    case SOK_OPT_DONTFRAG:
    case SOK_OPT_MTU:
        break;
    }
    return -1;
}

void sok_socket_options_apply(struct sok_socket *s)
{
    int64_t now = sok_host_now(s->host);
    for (unsigned option = 0; option < sizeof s->options / sizeof *s->options; option++)
        if (s->options_set & (1U << option))
            sok_tcp_setopt(sok_socket_conn(s),
                (enum sok_tcp_sockopt)tcp_option((enum sok_socket_option)option),
                s->options[option], now);
    s->options_set = 0;
    if (s->dgram.discover != SOK_MTU_WANT)
        sok_tcp_setopt(sok_socket_conn(s), SOK_TCP_MTU_DISCOVER, s->dgram.discover, now);
}

int sok_socket_error(struct sok_socket *s)
{
    if (s->sock && s->sock->kind == SOK_SOCK_TCP)
        return sok_tcp_error((struct sok_tcp_conn *)s->sock);
    if (s->sock && s->sock->kind == SOK_SOCK_UDP)
        return sok_udp_error((struct sok_udp *)s->sock);
    if (s->sock && s->sock->kind == SOK_SOCK_RAW)
        return sok_raw_error((struct sok_raw *)s->sock);
    if (s->sock && s->sock->kind == SOK_SOCK_FRAMES)
        return sok_frames_error((struct sok_frames *)s->sock);
    return 0;
}

// Those that count before a connection is accepted; the others it gets then.
void sok_socket_listener_options(struct sok_socket *s)
{
    for (unsigned option = 0; option < sizeof s->options / sizeof *s->options; option++)
        if (s->options_given & (1U << option))
            sok_tcp_listener_setopt((struct sok_tcp_listener *)s->sock,
                (enum sok_tcp_sockopt)tcp_option((enum sok_socket_option)option),
                s->options[option]);
}

static int use_device(struct sok_socket *s, int64_t link)
{
    if (s->type == SOK_ECHO)
        return SOK_EOPNOTSUPP;
    if (link < -1)
        return SOK_EINVAL;
    if (link >= UINT8_MAX)
        return SOK_ENODEV;
    s->device = (uint8_t)(link + 1);
    if (!s->sock)
        return 0;
    if (s->sock->kind == SOK_SOCK_TCP)
        sok_tcp_use_device(sok_socket_conn(s), s->device);
    else if (s->sock->kind == SOK_SOCK_TCP_LISTEN)
        sok_tcp_listener_use_device((struct sok_tcp_listener *)s->sock, s->device);
    else if (s->sock->kind == SOK_SOCK_UDP)
        sok_udp_use_device((struct sok_udp *)s->sock, s->device);
    else if (s->sock->kind == SOK_SOCK_RAW)
        sok_raw_use_device((struct sok_raw *)s->sock, s->device);
    return 0; // a packet socket is bound otherwise
}

// False: it is none of these, which streams and datagrams have alike.
static bool set_discover(
    struct sok_socket *s, enum sok_socket_option option, int64_t value, int *err)
{
    bool of4 = option == SOK_OPT_MTU_DISCOVER, of6 = option == SOK_OPT_MTU_DISCOVER6;
    if (!of4 && !of6 && option != SOK_OPT_DONTFRAG)
        return false;
    *err = s->type == SOK_ECHO                                    ? SOK_EOPNOTSUPP
           : value < 0 || value > (of4 || of6 ? SOK_MTU_OMIT : 1) ? SOK_EINVAL
                                                                  : 0;
    if (*err)
        return true;
    if (of4)
        s->dgram.discover = (uint8_t)value;
    else if (of6)
        s->dgram.discover6 = (uint8_t)value;
    else
        s->dgram.dontfrag = value;
    if (s->type != SOK_STREAM)
        sok_socket_dgram_apply(s);
    else if (of4 && sok_socket_conn(s))
        sok_tcp_setopt(sok_socket_conn(s), SOK_TCP_MTU_DISCOVER, value, sok_host_now(s->host));
    return true;
}

static bool get_discover(const struct sok_socket *s, enum sok_socket_option option, int64_t *value)
{
    if (option == SOK_OPT_MTU_DISCOVER)
        *value = s->dgram.discover;
    else if (option == SOK_OPT_MTU_DISCOVER6)
        *value = s->dgram.discover6;
    else if (option == SOK_OPT_DONTFRAG)
        *value = s->dgram.dontfrag;
    else
        return false;
    return true;
}

int sok_setsockopt(struct sok_socket *s, enum sok_socket_option option, int64_t value)
{
    sok_host_mine(s->host);
    if (option == SOK_OPT_BINDTODEVICE)
        return use_device(s, value);
    if (option == SOK_OPT_BLOCKING) {
        s->blocking = value != 0;
        return 0;
    }
    if (option == SOK_OPT_REUSEADDR) {
        s->reuse = value != 0;
        return 0;
    }
    if (option == SOK_OPT_REUSEPORT) {
        s->reuse_port = value != 0;
        return 0;
    }
    if (option == SOK_OPT_V6ONLY) {
        if (s->type != SOK_STREAM && s->type != SOK_DGRAM)
            return SOK_EOPNOTSUPP;
        if (s->bound || s->sock)
            return SOK_EINVAL;
        s->v6only = value != 0;
        return 0;
    }
    if (option == SOK_OPT_BROADCAST) {
        s->dgram.broadcast = value != 0;
        sok_socket_dgram_apply(s);
        return 0;
    }
    if (option == SOK_OPT_TIMEOUT) {
        s->timeout_ns = value < 0 ? 0 : value;
        return 0;
    }
    int number = tcp_option(option), err;
    if (set_discover(s, option, value, &err))
        return err;
    if (s->type != SOK_STREAM)
        return sok_socket_dgram_setopt(s, option, value);
    if (number < 0 || !sok_tcp_opt_in_range((enum sok_tcp_sockopt)number, value))
        return SOK_EINVAL;
    struct sok_tcp_conn *c = sok_socket_conn(s);
    s->host->dirty = true;
    s->options[option] = value;
    s->options_given |= 1U << option;
    if (c)
        return sok_tcp_setopt(c, (enum sok_tcp_sockopt)number, value, sok_host_now(s->host));
    s->options_set |= 1U << option;
    if (s->sock)
        sok_socket_listener_options(s);
    return 0;
}

static int path_mtu(const struct sok_socket *s, int64_t *value)
{
    const struct sok_tcp_conn *c = sok_socket_conn(s);
    uint16_t mtu = 0;
    if (!s->dialled || (s->type == SOK_STREAM && !c))
        return SOK_ENOTCONN;
    struct sok_endpoint to = c ? sok_tcp_remote(c) : s->remote, from = {.port = 0};
    sok_getsockname(s, &from);
    if (s->device)
        to.zone = s->device;
    int err = sok_stack_path_mtu(s->host->stack, &from.addr, &to, &mtu);
    *value = mtu;
    return err;
}

// As if it had never been set.
static bool means_default(enum sok_socket_option option, int64_t value)
{
    return value == 0 && (option == SOK_OPT_MAXSEG || option == SOK_OPT_LINGER2);
}

int sok_getsockopt(struct sok_socket *s, enum sok_socket_option option, int64_t *value)
{
    sok_host_mine(s->host);
    int number = tcp_option(option);
    struct sok_tcp_conn *c = sok_socket_conn(s);
    if (option == SOK_OPT_ERROR)
        *value = sok_socket_error(s);
    else if (option == SOK_OPT_BLOCKING)
        *value = s->blocking;
    else if (option == SOK_OPT_REUSEADDR)
        *value = s->reuse;
    else if (option == SOK_OPT_REUSEPORT)
        *value = s->reuse_port;
    else if (option == SOK_OPT_V6ONLY && (s->type == SOK_STREAM || s->type == SOK_DGRAM))
        *value = s->v6only;
    else if (option == SOK_OPT_BROADCAST)
        *value = s->dgram.broadcast;
    else if (option == SOK_OPT_TIMEOUT)
        *value = s->timeout_ns;
    else if (option == SOK_OPT_BINDTODEVICE && s->type != SOK_ECHO)
        *value = s->device - 1;
    else if (s->type != SOK_ECHO && get_discover(s, option, value))
        return 0;
    else if (option == SOK_OPT_MTU)
        return path_mtu(s, value);
    else if (s->type != SOK_STREAM)
        return sok_socket_dgram_getopt(s, option, value);
    else if (number < 0)
        return SOK_EINVAL;
    else if (c)
        return sok_tcp_getopt(c, (enum sok_tcp_sockopt)number, value);
    else if (s->options_set & (1U << option) && !means_default(option, s->options[option]))
        *value = s->options[option];
    else
        *value = sok_tcp_default_opt(
            sok_tcp_config(sok_stack_tcp(s->host->stack)), (enum sok_tcp_sockopt)number);
    return 0;
}
