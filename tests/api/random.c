// Random calls from a seed: good ones, odd ones and nonsense, on two hosts that a wire in memory joins.
//
//   random [--seed N] [--calls N] [-v]
//
// After every call the stacks' invariants hold, and what a call refused for its arguments has changed nothing: names,
// readiness, queues and flags of all descriptors are what they were. All memory that a call gets is exactly as large as
// the call is told, so that a sanitizer sees a step beside it. A failure prints the seed and the call; -v shows all.
// Without --calls SOK_TIER says how many.
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sockeye/sys.h>
#include "host/host.h"

#define FILES_MAX 24 // descriptors of a host, about
#define PORTS     6  // so few that they meet

static struct sok_host *hosts[2];
static uint64_t state, seed = 1;
static long call_number;
static bool verbose;

// ---- chance ----

static uint64_t draw(void) // splitmix64
{
    uint64_t z = state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static unsigned below(unsigned n)
{
    return (unsigned)(draw() % n);
}

static bool one_in(unsigned n)
{
    return below(n) == 0;
}

static void __attribute__((format(printf, 1, 2), noreturn)) broken(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("not ok random - seed %llu, call %ld: ", (unsigned long long)seed, call_number);
    vprintf(format, args);
    printf("\nagain: random --seed %llu --calls %ld -v\n", (unsigned long long)seed, call_number);
    va_end(args);
    exit(1);
}

// ---- what calls get ----

static int odd_number(void)
{
    static const int odd[] = {
        -1, 0, 1, 2, 3, 127, 128, 255, 256, 4096, 65535, 65536, INT32_MAX, INT32_MIN};
    return odd[below(sizeof(odd) / sizeof(odd[0]))];
}

static int some_fd(void)
{
    if (one_in(20))
        return odd_number();
    return SOK_SYS_FIRST + (int)below(FILES_MAX);
}

// Memory of exactly this size.
static void *room(size_t len)
{
    uint8_t *p = malloc(len ? len : 1);
    if (!p)
        abort();
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)draw();
    return p;
}

struct place {
    void *at; // NULL, or of exactly `size` bytes
    socklen_t len, size;
};

// Of IPv4 by its mapped address, or one of IPv6: ours, the peer's, nobody's, a group's.
static struct in6_addr some_addr6(uint32_t addr)
{
    static const uint8_t starts[][4] = {{0x20, 0x01, 0x0d, 0xb8}, {0x20, 0x01, 0x0d, 0xb8},
        {0x20, 0x01, 0x0d, 0xb8}, {0xfe, 0x80, 0, 0}, {0xff, 0x02, 0, 0}, {0, 0, 0, 0}};
    struct in6_addr a = {{{0}}};
    if (one_in(2)) {
        a.s6_addr[10] = a.s6_addr[11] = 0xff;
        memcpy(&a.s6_addr[12], &addr, 4);
        return a;
    }
    memcpy(a.s6_addr, starts[below(6)], 4);
    a.s6_addr[15] = (uint8_t)below(4);
    return a;
}

static struct place some_place(void)
{
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)(7000 + below(PORTS)))};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = in.sin_port};
    struct sockaddr_ll ll = {
        .sll_family = AF_PACKET, .sll_protocol = htons(0x0800), .sll_ifindex = (int)below(4)};
    static const uint32_t addrs[] = {
        0x7f000001, 0xc0000201, 0xc0000202, 0, 0xc0000263, 0xcb007101, 0xe0000001};
    struct place p = {.size = sizeof(in)};
    uint32_t addr = htonl(addrs[below(sizeof(addrs) / sizeof(addrs[0]))]);
    const void *from = &in;
    in.sin_addr.s_addr = addr;
    if (one_in(8))
        in.sin_port = in6.sin6_port = 0;
    if (one_in(3)) {
        in6.sin6_addr = some_addr6(addr);
        in6.sin6_scope_id = one_in(5) ? below(4) : 0;
        from = &in6;
        p.size = sizeof(in6);
    } else if (one_in(10)) {
        from = &ll;
        p.size = sizeof(ll);
    }
    if (one_in(20))
        in.sin_family = in6.sin6_family = (sa_family_t)below(40);
    p.len = p.size;
    if (one_in(15))
        p.len = p.size = below((unsigned)p.size + 1); // cut
    if (one_in(25))
        return (struct place){NULL, p.len, 0};
    p.at = room(p.size);
    memcpy(p.at, from, p.size);
    if (one_in(40))
        p.len = one_in(2) ? (socklen_t)-1 : 4000; // refused before it is looked at
    return p;
}

static size_t some_len(void)
{
    return one_in(10) ? 0 : one_in(20) ? below(70000) : below(3000);
}

static int some_flags(void)
{
    static const int flags[] = {
        MSG_PEEK, MSG_OOB, MSG_TRUNC, MSG_WAITALL, MSG_MORE, MSG_NOSIGNAL, MSG_ERRQUEUE, MSG_EOR};
    int f = one_in(30) ? 0 : MSG_DONTWAIT;
    while (one_in(3))
        f |= flags[below(sizeof(flags) / sizeof(flags[0]))];
    return f;
}

// ---- what is to stay ----

#define LINE 512
struct picture {
    bool error; // one waits to be told by whatever is called
    char lines[2 * FILES_MAX][LINE];
};

static void __attribute__((format(printf, 2, 3))) add(char *line, const char *format, ...)
{
    va_list args;
    size_t n = strlen(line);
    va_start(args, format);
    vsnprintf(line + n, LINE - n, format, args);
    va_end(args);
}

static void add_name(
    char *line, const char *what, int r, const struct sockaddr_storage *a, socklen_t len)
{
    add(line, " %s", what);
    for (socklen_t i = 0; r == 0 && i < len; i++)
        add(line, "%02x", ((const uint8_t *)a)[i]);
}

// All that a program can see of a descriptor.
static bool describe(struct sok_host *h, int fd, char line[LINE])
{
    static const int options[][2] = {{SOL_SOCKET, SO_TYPE}, {SOL_SOCKET, SO_REUSEADDR},
        {SOL_SOCKET, SO_KEEPALIVE}, {SOL_SOCKET, SO_RCVBUF}, {SOL_SOCKET, SO_SNDBUF},
        {SOL_SOCKET, SO_RCVLOWAT}, {SOL_SOCKET, SO_ACCEPTCONN}, {IPPROTO_TCP, TCP_NODELAY},
        {IPPROTO_TCP, TCP_KEEPIDLE}, {IPPROTO_IP, IP_TTL}, {IPPROTO_IP, IP_TOS}};
    struct sockaddr_storage a = {0};
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP};
    socklen_t len = sizeof(a);
    int n = sok_sys_fcntl(h, fd, F_GETFL, 0);
    line[0] = '\0';
    if (n < 0)
        return false;
    add(line, "%d flags %x", fd, n);
    int r = sok_sys_getsockname(h, fd, (struct sockaddr *)&a, &len);
    add_name(line, "name", r, &a, len);
    len = sizeof(a);
    r = sok_sys_getpeername(h, fd, (struct sockaddr *)&a, &len);
    add_name(line, "peer", r, &a, len);
    sok_sys_poll(h, &p, 1, 0);
    r = sok_sys_ioctl(h, fd, FIONREAD, &n);
    add(line, " events %x waiting %d options", p.revents, r < 0 ? -1 : n);
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        len = sizeof(n);
        r = sok_sys_getsockopt(h, fd, options[i][0], options[i][1], &n, &len);
        add(line, " %d", r < 0 ? -1 : n);
    }
    return p.revents & POLLERR;
}

static void draw_picture(struct sok_host *h, struct picture *out)
{
    out->error = false;
    for (int i = 0; i < 2 * FILES_MAX; i++)
        out->error |= describe(h, i + SOK_SYS_FIRST, out->lines[i]);
}

static bool same(const struct picture *before, const struct picture *now)
{
    bool same = true;
    for (int i = 0; i < 2 * FILES_MAX; i++) {
        if (strcmp(before->lines[i], now->lines[i]) == 0)
            continue;
        printf("# before: %s\n# now:    %s\n", before->lines[i], now->lines[i]);
        same = false;
    }
    return same;
}

// Errors that say that a call was wrong in itself.
static bool refuses(int error)
{
    static const int errors[] = {EBADF, EFAULT, EINVAL, EAFNOSUPPORT, ENOPROTOOPT, EOPNOTSUPP,
        ENOTTY, EDOM, EPROTONOSUPPORT, ESOCKTNOSUPPORT, EDESTADDRREQ, EMSGSIZE, ENODEV,
        EADDRNOTAVAIL, ENOTCONN};
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (errors[i] == error)
            return true;
    return false;
}

// ---- calls ----

// Calls that wait do not do so for ever: somewhere a probe for room is always on its way.
static void limit(struct sok_host *h, int fd)
{
    struct timeval t = {.tv_sec = 1};
    sok_sys_setsockopt(h, fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
    sok_sys_setsockopt(h, fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

static long do_socket(struct sok_host *h)
{
    static const int domains[] = {
        AF_INET, AF_INET, AF_INET, AF_INET6, AF_INET6, AF_PACKET, 0, 9999};
    static const int types[] = {
        SOCK_STREAM, SOCK_STREAM, SOCK_STREAM, SOCK_DGRAM, SOCK_DGRAM, SOCK_RAW, 0, 77};
    int type = types[below(8)], protocol = one_in(4) ? odd_number() : 0;
    if (type == SOCK_RAW && protocol == 0)
        protocol = one_in(2) ? 102 : one_in(2) ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    struct sok_host *on = one_in(200) ? NULL : h;
    int fd =
        sok_sys_socket(on, domains[below(8)], type | (one_in(3) ? 0 : SOCK_NONBLOCK), protocol);
    if (fd >= SOK_SYS_FIRST + FILES_MAX) // enough of them
        return sok_sys_close(h, fd);
    if (fd >= 0)
        limit(h, fd);
    return fd;
}

static long do_close(struct sok_host *h)
{
    return sok_sys_close(h, some_fd());
}

static long do_bind(struct sok_host *h)
{
    struct place p = some_place();
    int r = sok_sys_bind(h, some_fd(), p.at, p.len);
    free(p.at);
    return r;
}

static long do_connect(struct sok_host *h)
{
    struct place p = some_place();
    int r = sok_sys_connect(h, some_fd(), p.at, p.len);
    free(p.at);
    return r;
}

static long do_listen(struct sok_host *h)
{
    return sok_sys_listen(h, some_fd(), one_in(3) ? odd_number() : 3);
}

static long do_name(struct sok_host *h)
{
    socklen_t size = below(40), len = one_in(20) ? (socklen_t)-1 : size;
    void *at = one_in(20) ? NULL : room(size);
    int fd = some_fd(), r;
    socklen_t *where = one_in(30) ? NULL : &len;
    if (one_in(3))
        r = sok_sys_accept4(h, fd, at, where, one_in(8) ? odd_number() : SOCK_NONBLOCK);
    else if (one_in(2))
        r = sok_sys_getsockname(h, fd, at, where);
    else
        r = sok_sys_getpeername(h, fd, at, where);
    free(at);
    return r;
}

static long do_accept(struct sok_host *h)
{
    int r = sok_sys_accept4(h, some_fd(), NULL, NULL, SOCK_NONBLOCK);
    if (r >= SOK_SYS_FIRST + FILES_MAX)
        return sok_sys_close(h, r);
    return r;
}

static long do_send(struct sok_host *h)
{
    size_t len = some_len();
    void *data = one_in(30) ? NULL : room(len);
    struct place p = one_in(2) ? (struct place){.at = NULL} : some_place();
    ssize_t r = sok_sys_sendto(h, some_fd(), data, len, some_flags(), p.at, p.len);
    free(p.at);
    free(data);
    return r;
}

static long do_recv(struct sok_host *h)
{
    size_t len = some_len();
    socklen_t size = below(40), addr_len = size;
    void *data = one_in(30) ? NULL : room(len), *addr = one_in(2) ? NULL : room(size);
    ssize_t r = sok_sys_recvfrom(
        h, some_fd(), data, len, some_flags(), addr, one_in(30) ? NULL : &addr_len);
    if (r >= 0 && data && (size_t)r > len && r > 70000)
        broken("recvfrom gave %zd bytes of %zu", r, len);
    free(addr);
    free(data);
    return r;
}

static long do_message(struct sok_host *h)
{
    struct iovec iov[4];
    size_t count = below(5);
    struct place p = one_in(2) ? (struct place){.at = NULL} : some_place();
    size_t control = below(80);
    for (size_t i = 0; i < count; i++) {
        iov[i].iov_len = below(600);
        iov[i].iov_base = one_in(60) ? NULL : room(iov[i].iov_len);
    }
    struct msghdr m = {.msg_name = p.at,
        .msg_namelen = p.at ? p.size : 0,
        .msg_iov = count || one_in(2) ? iov : NULL,
        .msg_iovlen = one_in(60) ? 5000 : count,
        .msg_control = one_in(3) ? room(control) : NULL};
    void *space = m.msg_control;
    m.msg_controllen = space ? control : 0;
    int fd = some_fd(), flags = some_flags();
    bool none = one_in(100);
    ssize_t r;
    if (one_in(4))
        r = one_in(2) ? sok_sys_readv(h, fd, m.msg_iov, (int)m.msg_iovlen)
                      : sok_sys_writev(h, fd, m.msg_iov, (int)m.msg_iovlen);
    else
        r = one_in(2) ? sok_sys_sendmsg(h, fd, none ? NULL : &m, flags)
                      : sok_sys_recvmsg(h, fd, none ? NULL : &m, flags);
    for (size_t i = 0; i < count; i++)
        free(iov[i].iov_base);
    free(space);
    free(p.at);
    return r;
}

static long do_option(struct sok_host *h)
{
    static const int levels[] = {SOL_SOCKET, IPPROTO_TCP, IPPROTO_IP, IPPROTO_IPV6, SOL_PACKET,
        IPPROTO_RAW, IPPROTO_ICMPV6, 0x7777};
    int level = levels[below(sizeof(levels) / sizeof(levels[0]))];
    int name = one_in(20) ? odd_number() : (int)below(80);
    socklen_t size = one_in(2) ? 4 : below(300), len = one_in(30) ? (socklen_t)-1 : size;
    uint8_t *value = one_in(30) ? NULL : room(size);
    int fd = some_fd(), r;
    // Times that take the clock out of all proportion, and buffers that hide the others, are rare.
    if (value && size >= 4 && !one_in(4))
        memcpy(value, &(int){(int)below(4)}, 4);
    if (one_in(2))
        r = sok_sys_setsockopt(h, fd, level, name, value, len);
    else
        r = sok_sys_getsockopt(h, fd, level, name, value, one_in(30) ? NULL : &len);
    int error = errno;
    if (level == SOL_SOCKET && r == 0)
        limit(h, fd);
    errno = error;
    free(value);
    return r;
}

static long do_other(struct sok_host *h)
{
    static const unsigned long requests[] = {FIONREAD, FIONBIO, SIOCOUTQ, SIOCATMARK, 0x5401};
    static const int commands[] = {F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_DUPFD};
    int *number = one_in(20) ? NULL : room(sizeof(*number)), r, fd = some_fd();
    switch (below(3)) {
    case 0:
        r = sok_sys_ioctl(h, fd, requests[below(5)], number);
        break;
    case 1:
        r = sok_sys_fcntl(h, fd, commands[below(5)], one_in(4) ? 0 : O_NONBLOCK);
        break;
    default:
        r = sok_sys_shutdown(h, fd, one_in(8) ? odd_number() : (int)below(3));
        break;
    }
    free(number);
    return r;
}

// A connection between the hosts, so that there is always something to talk over: chance alone makes few.
static long do_join(struct sok_host *h)
{
    struct sok_host *other = h == hosts[0] ? hosts[1] : hosts[0];
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)(9000 + below(PORTS)))};
    int l = sok_sys_socket(other, AF_INET, SOCK_STREAM, 0), on = 1, taken = -1;
    at.sin_addr.s_addr = htonl(other == hosts[0] ? 0xc0000201 : 0xc0000202);
    sok_sys_setsockopt(other, l, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (sok_sys_bind(other, l, (struct sockaddr *)&at, sizeof(at)) == 0 &&
        sok_sys_listen(other, l, 4) == 0) {
        int s = sok_sys_socket(h, AF_INET, SOCK_STREAM, 0);
        limit(h, s);
        limit(other, l);
        if (sok_sys_connect(h, s, (struct sockaddr *)&at, sizeof(at)) == 0)
            taken = sok_sys_accept4(other, l, NULL, NULL, 0);
        if (s >= SOK_SYS_FIRST + FILES_MAX)
            sok_sys_close(h, s);
    }
    if (taken >= SOK_SYS_FIRST + FILES_MAX)
        sok_sys_close(other, taken);
    sok_sys_close(other, l);
    return 0;
}

static long do_poll(struct sok_host *h)
{
    unsigned count = below(6);
    struct pollfd *set = room(count * sizeof(*set));
    for (unsigned i = 0; i < count; i++)
        set[i] = (struct pollfd){some_fd(), (short)draw(), 0x55};
    int r = sok_sys_poll(h, one_in(40) ? NULL : set, count, one_in(5) ? (int)below(300) : 0);
    free(set);
    return r;
}

static long do_step(struct sok_host *h)
{
    int64_t most = one_in(10) ? INT64_C(20000000000) : INT64_C(50000000);
    int64_t end = sok_host_now(h) + most, now;
    for (int i = 0; i < 300 && (now = sok_host_now(h)) < end; i++)
        sok_host_step(h, end - now);
    return 0;
}

static const struct {
    const char *name;
    long (*make)(struct sok_host *h);
    unsigned weight;
} table[] = {
    {"socket", do_socket, 10},
    {"close", do_close, 4},
    {"bind", do_bind, 10},
    {"connect", do_connect, 12},
    {"listen", do_listen, 5},
    {"accept", do_accept, 8},
    {"name", do_name, 4},
    {"send", do_send, 14},
    {"recv", do_recv, 14},
    {"message", do_message, 10},
    {"option", do_option, 10},
    {"other", do_other, 5},
    {"join", do_join, 2},
    {"poll", do_poll, 4},
    {"step", do_step, 6},
};

// ---- all ----

static void settle(void)
{
    for (int i = 0; i < 1000 && sok_host_step(hosts[0], 0) > 0; i++) {
    }
}

static unsigned choose(void)
{
    unsigned sum = 0, i = 0;
    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        sum += table[i].weight;
    unsigned at = below(sum);
    for (i = 0; at >= table[i].weight; i++)
        at -= table[i].weight;
    return i;
}

// Whether it changed anything is looked at for one call in four: that costs more than the call.
static void one_call(void)
{
    struct sok_host *h = hosts[below(2)];
    unsigned which = choose();
    bool look = one_in(4);
    static struct picture before, now;
    if (look) {
        settle();
        draw_picture(h, &before);
    }
    errno = 0;
    long r = table[which].make(h);
    int error = r == -1 ? errno : 0;
    if (verbose)
        printf("%ld host %d %s = %ld %s\n", call_number, h == hosts[1], table[which].name, r,
            error ? strerrorname_np(error) : "");
    if (r < -1 || (r == -1 && error == 0))
        broken("%s gave %ld, errno %d", table[which].name, r, error);
    if (look && !before.error && refuses(error)) {
        draw_picture(h, &now);
        if (!same(&before, &now))
            broken("%s said %s, and changed something", table[which].name, strerrorname_np(error));
    }
    for (int i = 0; i < 2; i++) {
        const char *wrong = sok_stack_check(sok_host_stack(hosts[i]));
        if (wrong)
            broken("after %s host %d: %s", table[which].name, i, wrong);
    }
}

static void begin(void)
{
    static const char *const addrs[2][3] = {
        {"192.0.2.1/24", "2001:db8::1/64", NULL}, {"192.0.2.2/24", "2001:db8::2/64", NULL}};
    struct sok_host_link links[2];
    char err[SOK_HOST_ERR_MAX];
    for (int i = 0; i < 2; i++) {
        struct sok_host_config config;
        sok_host_config_default(&config);
        config.virtual_time = config.has_seed = true;
        config.start_ns = 1000000000;
        config.seed = seed * 2 + (uint64_t)i;
        links[i] = (struct sok_host_link){
            .size = sizeof(links[i]), .addrs = addrs[i], .impair = i ? NULL : "loss=2%"};
        if (sok_host_new(&config, &hosts[i], err) < 0)
            broken("no host: %s", err);
    }
    if (sok_host_link_pair(hosts[0], &links[0], hosts[1], &links[1], err) < 0)
        broken("no wire: %s", err);
}

static long calls_of_tier(void)
{
    const char *tier = getenv("SOK_TIER");
    return tier && strcmp(tier, "full") == 0    ? 500000
           : tier && strcmp(tier, "check") == 0 ? 100000
                                                : 5000;
}

int main(int argc, char **argv)
{
    long calls = calls_of_tier();
    const char *given = getenv("SOK_SEED");
    seed = given ? strtoull(given, NULL, 10) : 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--calls") == 0 && i + 1 < argc)
            calls = strtol(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "-v") == 0)
            verbose = true;
        else {
            fputs("random [--seed N] [--calls N] [-v]\n", stderr);
            return 2;
        }
    }
    state = seed;
    begin();
    for (call_number = 1; call_number <= calls; call_number++)
        one_call();
    sok_host_free(hosts[0]);
    sok_host_free(hosts[1]);
    printf("ok random (%ld calls, seed %llu)\n", calls, (unsigned long long)seed);
    return 0;
}
