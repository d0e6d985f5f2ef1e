// IPv6: both families of one socket, one family alone, who is in whose way, names, a raw protocol. All of it between own
// addresses, which tests/run/run gives.
#include "behave.h"

#define OURS4 "192.0.2.2"
#define OURS6 "2001:db8::2"

static struct sockaddr_in6 six(const char *text, int port)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    inet_pton(AF_INET6, text, &a.sin6_addr);
    return a;
}

static struct sockaddr_in four(const char *text, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, text, &a.sin_addr);
    return a;
}

static int bind6(int fd, const char *text, int port)
{
    struct sockaddr_in6 a = six(text, port);
    return bind(fd, (struct sockaddr *)&a, sizeof(a));
}

static int bind4(int fd, const char *text, int port)
{
    struct sockaddr_in a = four(text, port);
    return bind(fd, (struct sockaddr *)&a, sizeof(a));
}

static int dial6(int fd, const char *text, int port)
{
    struct sockaddr_in6 a = six(text, port);
    return connect(fd, (struct sockaddr *)&a, sizeof(a));
}

static int dial4(int fd, const char *text, int port)
{
    struct sockaddr_in a = four(text, port);
    return connect(fd, (struct sockaddr *)&a, sizeof(a));
}

static int make(int type, bool only)
{
    int fd = socket(AF_INET6, type, 0);
    if (only)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    return fd;
}

static int port6(int fd)
{
    struct sockaddr_in6 a = {0};
    socklen_t len = sizeof(a);
    getsockname(fd, (struct sockaddr *)&a, &len);
    return ntohs(a.sin6_port);
}

// OURS6, of the own end or the peer's.
static const char *name6(int fd, bool peer)
{
    static char text[INET6_ADDRSTRLEN];
    struct sockaddr_in6 a = {0};
    socklen_t len = sizeof(a);
    if ((peer ? getpeername : getsockname)(fd, (struct sockaddr *)&a, &len) < 0)
        return strerror(errno);
    if (len != sizeof(a) || a.sin6_family != AF_INET6)
        return "no sockaddr_in6";
    return inet_ntop(AF_INET6, &a.sin6_addr, text, sizeof(text));
}

static void one_listener_both_families(void)
{
    char data[16] = "";
    int l = make(SOCK_STREAM, false), s;
    gives("six-listener-bind", bind6(l, "::", 0), 0);
    gives("six-listener-listen", listen(l, 5), 0);
    is_text("six-listener-own-name", name6(l, false), "::");
    int port = port6(l), c6 = make(SOCK_STREAM, false), c4 = tcp();
    gives("six-listener-connect-by-ipv6", dial6(c6, OURS6, port), 0);
    s = accept(l, NULL, NULL);
    is_text("six-listener-the-peer-of-ipv6", name6(s, true), OURS6);
    is_text("six-listener-its-own-end", name6(s, false), OURS6);
    is("six-listener-bytes-go", write(c6, "six", 3), 3);
    is("six-listener-and-come", read(s, data, sizeof(data)), 3);
    gives("six-listener-connect-by-ipv4", dial4(c4, OURS4, port), 0);
    s = accept(l, NULL, NULL);
    is_text("six-listener-the-peer-of-ipv4", name6(s, true), "::ffff:" OURS4);
    is_text("six-listener-its-own-end-mapped", name6(s, false), "::ffff:" OURS4);
    is("six-listener-bytes-go-by-ipv4", write(c4, "four", 4), 4);
    is("six-listener-and-come-by-ipv4", read(s, data, sizeof(data)), 4);
    int mapped = make(SOCK_STREAM, false);
    gives("six-listener-connect-to-a-mapped-address", dial6(mapped, "::ffff:" OURS4, port), 0);
    is_text("six-listener-named-as-it-is", name6(mapped, true), "::ffff:" OURS4);
}

static void one_family_alone(void)
{
    int l = make(SOCK_STREAM, true);
    is("six-alone-only-is-told", option(l, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    gives("six-alone-bind", bind6(l, "::", 0), 0);
    gives("six-alone-listen", listen(l, 5), 0);
    int port = port6(l), four_too = tcp();
    gives("six-alone-ipv4-is-refused", dial4(tcp(), OURS4, port), ECONNREFUSED);
    gives("six-alone-ipv6-connects", dial6(make(SOCK_STREAM, false), OURS6, port), 0);
    gives("six-alone-ipv4-has-the-port-beside-it", bind4(four_too, "0.0.0.0", port), 0);
    gives("six-alone-and-listens", listen(four_too, 5), 0);
    gives("six-alone-and-is-reached", dial4(tcp(), OURS4, port), 0);
    is_true("six-alone-by-its-own-listener", accept(four_too, NULL, NULL) >= 0);
    gives("six-alone-too-late", setsockopt(l, IPPROTO_IPV6, IPV6_V6ONLY, &(int){0}, sizeof(int)),
        EINVAL);
    gives("six-alone-a-mapped-address-is-none", bind6(make(SOCK_STREAM, true), "::ffff:" OURS4, 0),
        EINVAL);
    gives("six-alone-nor-to-connect-to", dial6(make(SOCK_STREAM, true), "::ffff:" OURS4, port),
        ENETUNREACH);
}

// That neither family uses, not even a connection that is over.
static int free_port(int type)
{
    int fd = make(type, false);
    bind6(fd, "::", 0);
    int port = port6(fd);
    close(fd);
    return port;
}

// Whether what is bound second is in the way of the first.
static void in_the_way(const char *kind, int type)
{
    static const struct {
        const char *addr;
        bool v6, only;
    } ways[] = {{"0.0.0.0", false, false}, {OURS4, false, false}, {"::", true, false},
        {"::", true, true}, {OURS6, true, false}};
    char name[80];
    for (unsigned i = 0; i < 5; i++) {
        for (unsigned k = 0; k < 5; k++) {
            int fd[2] = {socket(ways[i].v6 ? AF_INET6 : AF_INET, type, 0),
                socket(ways[k].v6 ? AF_INET6 : AF_INET, type, 0)};
            bool heard_by_both = ways[i].v6 == ways[k].v6 ||
                                 (strcmp(ways[i].addr, "::") == 0 && !ways[i].only) ||
                                 (strcmp(ways[k].addr, "::") == 0 && !ways[k].only);
            int port = free_port(type), want = heard_by_both ? EADDRINUSE : 0;
            for (unsigned n = 0; n < 2; n++) {
                unsigned at = n == 0 ? i : k;
                if (ways[at].only)
                    set_option(fd[n], IPPROTO_IPV6, IPV6_V6ONLY, 1);
                int r = ways[at].v6 ? bind6(fd[n], ways[at].addr, port)
                                    : bind4(fd[n], ways[at].addr, port);
                snprintf(name, sizeof(name), "six-%s-%s%s-then-%s%s-%u", kind, ways[i].addr,
                    ways[i].only ? "-alone" : "", ways[k].addr, ways[k].only ? "-alone" : "", n);
                gives(name, r, n == 0 ? 0 : want);
            }
            close(fd[0]);
            close(fd[1]);
        }
    }
}

static void streams_in_the_way(void)
{
    in_the_way("streams", SOCK_STREAM);
}

static void datagrams_in_the_way(void)
{
    in_the_way("datagrams", SOCK_DGRAM);
}

static const char *came_from(int fd)
{
    static char text[64];
    char data[16];
    struct sockaddr_in6 a = {0};
    socklen_t len = sizeof(a);
    if (!poll_one(fd, POLLIN, 10000))
        return "nothing";
    if (recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&a, &len) < 0)
        return strerror(errno);
    inet_ntop(AF_INET6, &a.sin6_addr, text, sizeof(text));
    return text;
}

static void datagrams(void)
{
    int s = make(SOCK_DGRAM, false), c = make(SOCK_DGRAM, false), c4 = udp();
    gives("six-datagrams-bind", bind6(s, "::", 0), 0);
    struct sockaddr_in6 to6 = six(OURS6, port6(s)), to4 = six("::ffff:" OURS4, port6(s));
    struct sockaddr_in plain = four(OURS4, port6(s));
    is("six-datagrams-to-ipv6", sendto(c, "x", 1, 0, (struct sockaddr *)&to6, sizeof(to6)), 1);
    is_text("six-datagrams-from-ipv6", came_from(s), OURS6);
    is("six-datagrams-to-a-mapped-address-of-the-same-socket",
        sendto(c, "x", 1, 0, (struct sockaddr *)&to4, sizeof(to4)), 1);
    is_text("six-datagrams-from-ipv4", came_from(s), "::ffff:" OURS4);
    is_text("six-datagrams-it-has-no-address-of-its-own", name6(c, false), "::");
    is("six-datagrams-from-a-socket-of-ipv4",
        sendto(c4, "x", 1, 0, (struct sockaddr *)&plain, sizeof(plain)), 1);
    is_text("six-datagrams-from-it", came_from(s), "::ffff:" OURS4);
    int only = make(SOCK_DGRAM, true);
    gives("six-datagrams-ipv6-alone-does-not-reach-ipv4",
        sendto(only, "x", 1, 0, (struct sockaddr *)&to4, sizeof(to4)), ENETUNREACH);
    gives("six-datagrams-connects-to-ipv6", dial6(only, OURS6, port6(s)), 0);
    is_text("six-datagrams-and-has-an-address-then", name6(only, false), OURS6);
    is("six-datagrams-sends", send(only, "x", 1, 0), 1);
    is_text("six-datagrams-arrived", came_from(s), OURS6);
    gives("six-datagrams-short-address", connect(only, (struct sockaddr *)&to6, 20), EINVAL);
}

// A datagram socket of IPv6 takes IPv4's addresses as they are, a stream does not.
static void addresses_of_ipv4(void)
{
    int s = make(SOCK_DGRAM, false), c = make(SOCK_DGRAM, false), d = make(SOCK_DGRAM, false);
    gives("six-of-four-bind", bind6(s, "::", 0), 0);
    struct sockaddr_in to = four(OURS4, port6(s));
    gives("six-of-four-connect", dial4(c, OURS4, port6(s)), 0);
    is_text("six-of-four-the-peer", name6(c, true), "::ffff:" OURS4);
    is_text("six-of-four-its-own-end", name6(c, false), "::ffff:" OURS4);
    is("six-of-four-send", send(c, "x", 1, 0), 1);
    is_text("six-of-four-arrived", came_from(s), "::ffff:" OURS4);
    is("six-of-four-sendto", sendto(d, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
    is_text("six-of-four-sendto-arrived", came_from(s), "::ffff:" OURS4);
    gives("six-of-four-short", connect(d, (struct sockaddr *)&to, sizeof(to) - 1), EINVAL);
    int only = make(SOCK_DGRAM, true);
    gives("six-of-four-not-if-alone", dial4(only, OURS4, port6(s)), EAFNOSUPPORT);
    gives("six-of-four-nor-a-send", sendto(only, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)),
        ENETUNREACH);
    gives("six-of-four-no-stream", dial4(make(SOCK_STREAM, false), OURS4, 80), EINVAL);
    gives("six-of-four-no-bind", bind4(d, OURS4, 0), EINVAL);
}

static void refused(void)
{
    int l = make(SOCK_STREAM, false), c = make(SOCK_DGRAM, false);
    bind6(l, OURS6, 0);
    gives("six-refused-nobody-listens", dial6(make(SOCK_STREAM, false), OURS6, port6(l)),
        ECONNREFUSED);
    gives("six-refused-no-way", dial6(make(SOCK_STREAM, false), "2001:db8:9::1", 80), ENETUNREACH);
    gives("six-refused-a-datagram-s-connect", dial6(c, OURS6, 9), 0);
    is("six-refused-goes", send(c, "x", 1, 0), 1);
    poll_one(c, POLLIN, 5000);
    gives("six-refused-and-is-refused", send(c, "x", 1, 0), ECONNREFUSED);
    gives(
        "six-refused-not-ours", bind6(make(SOCK_STREAM, false), "2001:db8:9::1", 0), EADDRNOTAVAIL);
}

static void raw(void)
{
    char data[16] = "";
    int a = socket(AF_INET6, SOCK_RAW, 102), b = socket(AF_INET6, SOCK_RAW, 102);
    is_true("six-raw-made", a >= 0 && b >= 0);
    struct sockaddr_in6 to = six(OURS6, 0);
    gives("six-raw-bind", bind6(b, OURS6, 0), 0);
    is("six-raw-sent", sendto(a, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
    is_true("six-raw-came", poll_one(b, POLLIN, 10000) & POLLIN);
    is("six-raw-without-a-header", recv(b, data, sizeof(data), 0), 5);
    is_text("six-raw-it", data, "hello");
}

const struct group six_groups[] = {
    {"six-listener", one_listener_both_families},
    {"six-alone", one_family_alone},
    {"six-streams-in-the-way", streams_in_the_way},
    {"six-datagrams-in-the-way", datagrams_in_the_way},
    {"six-datagrams", datagrams},
    {"six-of-four", addresses_of_ipv4},
    {"six-refused", refused},
    {"six-raw", raw},
    {NULL, NULL},
};
