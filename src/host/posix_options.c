// setsockopt() and getsockopt(): what the stack can do is done, what only is told back is kept, everything else is
// ENOPROTOOPT. Units of the kernel's interface outside, the host's inside.
#include "host/posix.h"
#include <errno.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include "host/host.h"

enum how {
    BOOL,     // 0, 1: the host's
    PLAIN,    // a number: the host's
    DOUBLED,  // bytes: told back twice as large, as Linux does (socket(7))
    TWICE,    // bytes: taken twice as large, as Linux does where overhead is counted too
    SENDING,  // the same, of what is sent: the least is another
    MS,       // ms outside, ns inside
    SECONDS,  // s outside, ns inside
    ORPHAN,   // the same; less than nothing is -1, and there is a most
    DOUBLING, // the same, made up to what the waits of so many SYN,ACKs add up to, as Linux does
    CLAMP,    // bytes, but for 0 at least as many as Linux says
    UNSIGNED, // a number that is not negative, though an int
    KEPT,     // a value: it is told back
    SWITCH,   // the same, 0 or 1
    ASKED,    // a number: the host's, which cannot be set
};

#define CLAMP_LEAST   1152            // half of the smallest buffer
#define BUFFER_MOST   ((1 << 30) - 1) // of which twice as much is told
#define SENDING_LEAST 4608            // SOCK_MIN_SNDBUF of Linux

static const struct option {
    int level, name, type; // type: SOCK_...; 0: every
    enum how how;
    int number; // enum sok_socket_option, or enum sok_posix_value
} table[] = {
    {SOL_SOCKET, SO_REUSEADDR, 0, BOOL, SOK_OPT_REUSEADDR},
    {SOL_SOCKET, SO_REUSEPORT, 0, BOOL, SOK_OPT_REUSEPORT},
    {SOL_SOCKET, SO_KEEPALIVE, SOCK_STREAM, BOOL, SOK_OPT_KEEPALIVE},
    {SOL_SOCKET, SO_RCVBUF, SOCK_STREAM, DOUBLED, SOK_OPT_RCVBUF},
    {SOL_SOCKET, SO_SNDBUF, 0, SENDING, SOK_OPT_SNDBUF},
    {SOL_SOCKET, SO_RCVBUFFORCE, SOCK_STREAM, DOUBLED, SOK_OPT_RCVBUF},
    {SOL_SOCKET, SO_SNDBUFFORCE, 0, SENDING, SOK_OPT_SNDBUF},
    {SOL_SOCKET, SO_RCVBUF, 0, TWICE, SOK_OPT_RCVBUF},
    {SOL_SOCKET, SO_RCVBUFFORCE, 0, TWICE, SOK_OPT_RCVBUF},
    {SOL_SOCKET, SO_BROADCAST, 0, BOOL, SOK_OPT_BROADCAST},
    {SOL_SOCKET, SO_KEEPALIVE, 0, SWITCH, VALUE_KEEPALIVE},
    {SOL_SOCKET, SO_OOBINLINE, 0, SWITCH, VALUE_OOBINLINE},
    {SOL_SOCKET, SO_PRIORITY, 0, KEPT, VALUE_PRIORITY},
    {IPPROTO_TCP, TCP_NODELAY, SOCK_STREAM, BOOL, SOK_OPT_NODELAY},
    {IPPROTO_TCP, TCP_CORK, SOCK_STREAM, BOOL, SOK_OPT_CORK},
    {IPPROTO_TCP, TCP_QUICKACK, SOCK_STREAM, BOOL, SOK_OPT_QUICKACK},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, SOCK_STREAM, MS, SOK_OPT_USER_TIMEOUT},
    {IPPROTO_TCP, TCP_KEEPIDLE, SOCK_STREAM, SECONDS, SOK_OPT_KEEPIDLE},
    {IPPROTO_TCP, TCP_KEEPINTVL, SOCK_STREAM, SECONDS, SOK_OPT_KEEPINTVL},
    {IPPROTO_TCP, TCP_KEEPCNT, SOCK_STREAM, PLAIN, SOK_OPT_KEEPCNT},
    {IPPROTO_TCP, TCP_FASTOPEN_CONNECT, SOCK_STREAM, BOOL, SOK_OPT_FASTOPEN},
    {IPPROTO_TCP, TCP_DEFER_ACCEPT, SOCK_STREAM, DOUBLING, SOK_OPT_DEFER_ACCEPT},
    {IPPROTO_TCP, TCP_SYNCNT, SOCK_STREAM, PLAIN, SOK_OPT_SYNCNT},
    {IPPROTO_TCP, TCP_MAXSEG, SOCK_STREAM, PLAIN, SOK_OPT_MAXSEG},
    {IPPROTO_TCP, TCP_WINDOW_CLAMP, SOCK_STREAM, CLAMP, SOK_OPT_WINDOW_CLAMP},
    {IPPROTO_TCP, TCP_LINGER2, SOCK_STREAM, ORPHAN, SOK_OPT_LINGER2},
    {IPPROTO_TCP, TCP_NOTSENT_LOWAT, SOCK_STREAM, UNSIGNED, SOK_OPT_NOTSENT_LOWAT},
    {IPPROTO_IP, IP_RECVERR, 0, BOOL, SOK_OPT_RECVERR},
    {IPPROTO_IPV6, IPV6_RECVERR, 0, BOOL, SOK_OPT_RECVERR},
    {IPPROTO_IP, IP_HDRINCL, SOCK_RAW, BOOL, SOK_OPT_HDRINCL},
    {IPPROTO_IP, IP_MTU, 0, ASKED, SOK_OPT_MTU},
    {IPPROTO_IPV6, IPV6_MTU, 0, ASKED, SOK_OPT_MTU},
    {IPPROTO_IP, IP_TTL, 0, PLAIN, SOK_OPT_TTL},
    {IPPROTO_IP, IP_TOS, 0, PLAIN, SOK_OPT_TOS},
    {IPPROTO_IPV6, IPV6_TCLASS, 0, PLAIN, SOK_OPT_TOS},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, 0, PLAIN, SOK_OPT_TTL},
    {IPPROTO_IP, IP_MTU_DISCOVER, 0, PLAIN, SOK_OPT_MTU_DISCOVER},
    {IPPROTO_IPV6, IPV6_MTU_DISCOVER, 0, PLAIN, SOK_OPT_MTU_DISCOVER6},
    {IPPROTO_IPV6, IPV6_DONTFRAG, 0, BOOL, SOK_OPT_DONTFRAG},
    {IPPROTO_IPV6, IPV6_V6ONLY, SOCK_RAW, KEPT, VALUE_V6ONLY},
    {IPPROTO_IPV6, IPV6_V6ONLY, 0, BOOL, SOK_OPT_V6ONLY},
};

// Control messages that come with datagrams: a bit each.
static const struct wanted {
    int level, name, bit; // enum sok_calls_wanted
} wanted[] = {
    {IPPROTO_IP, IP_PKTINFO, SOK_WANT_PKTINFO},
    {IPPROTO_IP, IP_RECVTTL, SOK_WANT_TTL},
    {IPPROTO_IP, IP_RECVTOS, SOK_WANT_TOS},
    {SOL_SOCKET, SO_TIMESTAMP_OLD, SOK_WANT_STAMP},
    {SOL_SOCKET, SO_TIMESTAMPNS_OLD, SOK_WANT_STAMP_NS},
    {IPPROTO_IPV6, IPV6_RECVPKTINFO, SOK_WANT_PKTINFO6},
    {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, SOK_WANT_HOPLIMIT},
    {IPPROTO_IPV6, IPV6_2292HOPLIMIT, SOK_WANT_HOPLIMIT_2292},
    {IPPROTO_IPV6, IPV6_RECVTCLASS, SOK_WANT_TCLASS},
    {SOL_PACKET, PACKET_AUXDATA, SOK_WANT_AUXDATA},
};

// 0: none of these. A stream's are kept and tell nothing, but for the time, which it has not.
static int wanted_bit(const struct sok_posix *p, int level, int name)
{
    bool has_level = level == SOL_SOCKET || (level == SOL_PACKET && p->domain == AF_PACKET) ||
                     (level == IPPROTO_IP && p->domain != AF_PACKET) ||
                     (level == IPPROTO_IPV6 && p->domain == AF_INET6);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        if (wanted[i].level == level && wanted[i].name == name && has_level &&
            (p->type != SOCK_STREAM || level != SOL_SOCKET))
            return wanted[i].bit;
    return 0;
}

static int set_wanted(struct sok_posix *p, int bit, const uint8_t *bytes, uint32_t len)
{
    int stamps = SOK_WANT_STAMP | SOK_WANT_STAMP_NS;
    int32_t value = 0;
    if (len < sizeof(value) && (len == 0 || (bit & stamps)))
        return -EINVAL;
    memcpy(&value, bytes, len < sizeof(value) ? len : sizeof(value));
    if (value && (bit & stamps)) // the one or the other
        p->values[VALUE_WANTED] &= ~stamps;
    p->values[VALUE_WANTED] =
        value ? p->values[VALUE_WANTED] | bit : p->values[VALUE_WANTED] & ~bit;
    return 0;
}

// What a number may be, where Linux refuses others.
static const struct range {
    int level, name;
    int64_t least, most;
    bool zero; // that, too
} ranges[] = {
    {IPPROTO_TCP, TCP_KEEPIDLE, 1, 32767, false},
    {IPPROTO_TCP, TCP_KEEPINTVL, 1, 32767, false},
    {IPPROTO_TCP, TCP_KEEPCNT, 1, 127, false},
    {IPPROTO_TCP, TCP_MAXSEG, 88, 32767, true},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, 0, INT32_MAX, false},
    {IPPROTO_TCP, TCP_SYNCNT, 1, 127, false},
    {IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 0, 1, false},
    {IPPROTO_IP, IP_TTL, 1, 255, false},
    {IPPROTO_IP, IP_MTU_DISCOVER, 0, 5, false},
    {IPPROTO_IPV6, IPV6_MTU_DISCOVER, 0, 5, false},
    {IPPROTO_IPV6, IPV6_TCLASS, -1, 255, false},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, -1, 255, false},
};

static bool in_range(int level, int name, const uint8_t *bytes, uint32_t len)
{
    int32_t value;
    if (len < sizeof(value))
        return true;
    memcpy(&value, bytes, sizeof(value));
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (ranges[i].level == level && ranges[i].name == name)
            return (value >= ranges[i].least && value <= ranges[i].most) ||
                   (value == 0 && ranges[i].zero);
    return true;
}

static const struct option *find(const struct sok_posix *p, int level, int name)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const struct option *o = &table[i];
        if (o->level == level && o->name == name && (o->type == 0 || o->type == p->type) &&
            (level != IPPROTO_IPV6 || p->domain == AF_INET6))
            return o;
    }
    return NULL;
}

// Each wait is twice the one before, 120 s at most.
static int64_t doubling(int64_t seconds)
{
    int64_t wait = 1, sum = seconds > 0;
    while (sum > 0 && sum < seconds) {
        wait = wait < 60 ? wait * 2 : 120;
        sum += wait;
    }
    return sum < 86400 ? sum : 86400;
}

static int64_t inside(enum how how, int64_t value)
{
    switch (how) {
    case BOOL:
        return value != 0;
    case MS:
        return value * 1000000;
    case SECONDS:
        return value * 1000000000;
    case ORPHAN:
        return value < 0 ? -1 : (value < 120 ? value : 120) * 1000000000;
    case DOUBLING:
        return doubling(value) * 1000000000;
    case CLAMP:
        return value != 0 && value < CLAMP_LEAST ? CLAMP_LEAST : value;
    case UNSIGNED:
        return (uint32_t)value;
    case DOUBLED:
        return value < 2048 ? 2048 : value < BUFFER_MOST ? value : BUFFER_MOST;
    case TWICE:
        return value < 1152 ? 2304 : value * 2;
    case SENDING:
        return value < SENDING_LEAST / 2 ? SENDING_LEAST
               : value < BUFFER_MOST / 2 ? value * 2
                                         : BUFFER_MOST;
    case PLAIN:
    case KEPT:
    case SWITCH:
    case ASKED:
        break;
    }
    return value;
}

static int64_t outside(enum how how, int64_t value)
{
    switch (how) {
    case MS:
        return value / 1000000;
    case SECONDS:
    case ORPHAN:
    case DOUBLING:
        return value < 0 ? -1 : value / 1000000000;
    case DOUBLED:
        return value * 2;
    case CLAMP:
    case UNSIGNED:
    case BOOL:
    case PLAIN:
    case TWICE:
    case SENDING:
    case KEPT:
    case SWITCH:
    case ASKED:
        break;
    }
    return value;
}

static int set_linger(struct sok_posix *p, struct sok_socket *s, const uint8_t *bytes, uint32_t len)
{
    struct linger l;
    if (len < sizeof(l))
        return -EINVAL;
    memcpy(&l, bytes, sizeof(l));
    p->values[VALUE_LINGER_S] = l.l_onoff ? (l.l_linger < 0 ? 0 : l.l_linger) + 1 : 0;
    if (p->type != SOCK_STREAM)
        return 0;
    // A close that waits is the program's side's affair; here it must not be cut short.
    return -sok_errno(sok_setsockopt(s, SOK_OPT_LINGER_ZERO, l.l_onoff && l.l_linger == 0));
}

static int set_congestion(struct sok_socket *s, const uint8_t *bytes, uint32_t len)
{
    static const char *const names[] = {"cubic", "newreno"};
    char name[16] = "";
    memcpy(name, bytes, len < sizeof(name) ? len : sizeof(name) - 1);
    if (strcmp(name, "reno") == 0) // as Linux calls it
        return -sok_errno(sok_setsockopt(s, SOK_OPT_CONGESTION, 1));
    for (unsigned i = 0; i < 2; i++)
        if (strcmp(name, names[i]) == 0)
            return -sok_errno(sok_setsockopt(s, SOK_OPT_CONGESTION, i));
    return -ENOENT;
}

int sok_posix_setopt(struct sok_posix *p, struct sok_socket *s, int level, int name,
    const uint8_t *bytes, uint32_t len)
{
    int32_t value = 0;
    if (!s)
        return -EINVAL;
    if (level == SOL_SOCKET && name == SO_LINGER)
        return set_linger(p, s, bytes, len);
    if (level == IPPROTO_TCP && name == TCP_CONGESTION && p->type == SOCK_STREAM)
        return set_congestion(s, bytes, len);
    int group = sok_posix_group_set(p, s, level, name, bytes, len);
    if (group == -ENOPROTOOPT)
        group = sok_posix_raw_set(p, s, level, name, bytes, len);
    if (group == -ENOPROTOOPT)
        group = sok_posix_device_set(s, level, name, bytes, len);
    if (group == -ENOPROTOOPT)
        group = sok_posix_packet_set(p, s, level, name, bytes, len);
    if (group != -ENOPROTOOPT)
        return group;
    int bit = wanted_bit(p, level, name);
    if (bit)
        return set_wanted(p, bit, bytes, len);
    const struct option *o = find(p, level, name);
    bool of_type = level != IPPROTO_TCP || p->type == SOCK_STREAM;
    if (of_type && !in_range(level, name, bytes, len))
        return -EINVAL;
    if (!o || o->how == ASKED)
        return -ENOPROTOOPT;
    if (len < sizeof(value) && !(level == IPPROTO_IP && len == 1))
        return -EINVAL;
    memcpy(&value, bytes, len < sizeof(value) ? len : sizeof(value));
    if (o->how == KEPT || o->how == SWITCH) {
        p->values[o->number] = o->how == SWITCH ? value != 0 : value;
        return 0;
    }
    if (level == IPPROTO_IPV6 && value == -1 && o->how == PLAIN) // ipv6(7): as it was at first
        value = name == IPV6_UNICAST_HOPS ? 64 : 0;
    int r = sok_setsockopt(s, (enum sok_socket_option)o->number, inside(o->how, value));
    return r == SOK_EOPNOTSUPP ? -ENOPROTOOPT : -sok_errno(r);
}

// ---- get ----

// Where an answer goes: as much of it as is wanted.
struct answer {
    uint8_t *out;
    uint32_t want;
};

static int give(const struct answer *r, const void *value, size_t len)
{
    uint32_t n = r->want < len ? r->want : (uint32_t)len;
    memcpy(r->out, value, n);
    return (int)n;
}

static int give_int(const struct answer *r, int64_t value)
{
    int32_t number = (int32_t)value;
    return give(r, &number, sizeof(number));
}

// Linux says it with different words for a whole level that is not the socket's.
static bool known_level(const struct sok_posix *p, int level)
{
    return level == SOL_SOCKET || level == IPPROTO_IP ||
           (level == IPPROTO_TCP && p->type == SOCK_STREAM) ||
           (level == IPPROTO_UDP && p->type == SOCK_DGRAM) ||
           (level == IPPROTO_RAW && p->type == SOCK_RAW) || p->domain == AF_INET6 ||
           p->domain == AF_PACKET;
}

int sok_posix_getopt(const struct sok_posix *p, struct sok_socket *s, int level, int name,
    uint8_t *out, uint32_t want)
{
    const struct answer answer = {out, want}, *r = &answer;
    int64_t value = 0;
    if (level == SOL_SOCKET && name == SO_LINGER) {
        struct linger l = {p->values[VALUE_LINGER_S] > 0, p->values[VALUE_LINGER_S] - 1};
        l.l_linger = l.l_onoff ? l.l_linger : 0;
        return give(r, &l, sizeof(l));
    }
    if (level == SOL_SOCKET && name == SO_ACCEPTCONN)
        return give_int(r, p->listens);
    if (level == IPPROTO_TCP && name == TCP_INFO)
        return sok_posix_info(p, s, out, want);
    if (level == IPPROTO_TCP && name == TCP_CONGESTION && p->type == SOCK_STREAM && s) {
        char text[16] = "cubic";
        sok_getsockopt(s, SOK_OPT_CONGESTION, &value);
        strcpy(text, value == 1 ? "reno" : "cubic");
        return give(r, text, sizeof(text));
    }
    int group = sok_posix_group_get(p, s, level, name, out, want);
    if (group == -ENOPROTOOPT)
        group = sok_posix_raw_get(p, s, level, name, out, want);
    if (group == -ENOPROTOOPT)
        group = sok_posix_device_get(s, level, name, out, want);
    if (group == -ENOPROTOOPT && s)
        group = sok_posix_packet_get(p, s, level, name, out, want);
    if (group != -ENOPROTOOPT)
        return group;
    int bit = wanted_bit(p, level, name);
    if (bit)
        return give_int(r, (p->values[VALUE_WANTED] & bit) != 0);
    const struct option *o = find(p, level, name);
    if (!o)
        return known_level(p, level) ? -ENOPROTOOPT : -EOPNOTSUPP;
    if (o->how == KEPT || o->how == SWITCH)
        return give_int(r, p->values[o->number]);
    int err = s ? sok_getsockopt(s, (enum sok_socket_option)o->number, &value) : SOK_EINVAL;
    if (o->number == SOK_OPT_TTL && value == 0)
        value = 64; // a stream's own default (src/tcp): none was set
    return err < 0 ? -sok_errno(err) : give_int(r, outside(o->how, value));
}
