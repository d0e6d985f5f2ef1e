// SO_BINDTODEVICE, and what becomes of datagrams that are too large for the link (IP_MTU_DISCOVER). The link to the peer has
// an MTU of 1500 on both sides.
#include <net/if.h>
#include <sys/ioctl.h>
#include "behave.h"

#define ROOM 1472 // of a datagram

// The interface that has our address.
static const char *link_name(void)
{
    static struct ifreq q;
    struct sockaddr_in in;
    int fd = udp();
    for (unsigned i = 1; i < 100; i++) {
        memset(&q, 0, sizeof(q));
        if (!if_indextoname(i, q.ifr_name) || ioctl(fd, SIOCGIFADDR, &q) < 0)
            continue;
        memcpy(&in, &q.ifr_addr, sizeof(in));
        if (in.sin_addr.s_addr == own.sin_addr.s_addr)
            break;
    }
    close(fd);
    return q.ifr_name;
}

static int to_device(int fd, const char *name)
{
    return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name));
}

static ssize_t send_to(int fd, int port, size_t count)
{
    static char data[9000];
    struct sockaddr_in to = at_peer(port);
    return sendto(fd, data, count, 0, (struct sockaddr *)&to, sizeof(to));
}

static void named(void)
{
    char name[IF_NAMESIZE] = "";
    socklen_t len = sizeof(name);
    int fd = tcp();
    gives("device-unknown", to_device(fd, "nosuch0"), ENODEV);
    gives("device-get-none", getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len), 0);
    is("device-get-none-length", len, 0);
    gives("device-set", to_device(fd, link_name()), 0);
    len = sizeof(name);
    gives("device-get", getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len), 0);
    is_text("device-is", name, link_name());
    is("device-length", len, (long)strlen(link_name()) + 1);
    is("device-index", option(fd, SOL_SOCKET, SO_BINDTOIFINDEX), (long)if_nametoindex(link_name()));
    gives("device-off", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "", 0), 0);
    is("device-off-is", option(fd, SOL_SOCKET, SO_BINDTOIFINDEX), 0);
}

// Two of one port: the peer reaches the one that is on its link.
static void streams(void)
{
    char room[8];
    int on_lo = tcp(), on_link = tcp(), none = tcp();
    struct sockaddr_in at = {.sin_family = AF_INET};
    to_device(on_lo, "lo");
    to_device(on_link, link_name());
    gives("device-bind", bind(on_link, (struct sockaddr *)&at, sizeof(at)), 0);
    at.sin_port = htons((uint16_t)port_of(on_link));
    gives("device-bind-other", bind(on_lo, (struct sockaddr *)&at, sizeof(at)), 0);
    gives("device-bind-none", bind(none, (struct sockaddr *)&at, sizeof(at)), EADDRINUSE);
    gives("device-listen", listen(on_link, 3), 0);
    gives("device-listen-other", listen(on_lo, 3), 0);
    long id = peer("connect %d", port_of(on_link));
    is("device-ready", poll_until(on_link, POLLIN), POLLIN);
    is("device-ready-other", poll_one(on_lo, POLLIN, 0), 0);
    int s = accept(on_link, NULL, NULL);
    is("device-accepted", option(s, SOL_SOCKET, SO_BINDTOIFINDEX),
        (long)if_nametoindex(link_name()));
    peer("send %ld 3", id);
    is("device-recv", recv(s, room, 3, MSG_WAITALL), 3);
}

static void to_peer(void)
{
    int c = tcp(), port = (int)peer("port");
    to_device(c, link_name());
    gives("device-connect", dial(c, port), 0);
    is_true("device-connected", peer("accept") > 0);
}

static void datagrams(void)
{
    char room[8];
    long id = peer("udp");
    int port = atoi(peer_text), on_lo = udp(), on_link = udp();
    struct sockaddr_in at = {.sin_family = AF_INET};
    to_device(on_lo, "lo");
    to_device(on_link, link_name());
    bind(on_link, (struct sockaddr *)&at, sizeof(at));
    at.sin_port = htons((uint16_t)port_of(on_link));
    gives("device-dgram-bind-other", bind(on_lo, (struct sockaddr *)&at, sizeof(at)), 0);
    is("device-dgram-send", send_to(on_link, port, 5), 5);
    is("device-dgram-arrives", peer("recvfrom %ld", id), 5);
    peer("sendto %ld %d 7", id, port_of(on_link));
    is("device-dgram-recv", recv(on_link, room, sizeof(room), 0), 7);
    gives("device-dgram-recv-other", recv(on_lo, room, sizeof(room), MSG_DONTWAIT), EAGAIN);
}

// ---- IP_MTU_DISCOVER ----

static void too_large(void)
{
    static const struct {
        const char *name;
        int how, above; // what a byte too many gives
    } rows[] = {
        {"dont", IP_PMTUDISC_DONT, 0},
        {"want", IP_PMTUDISC_WANT, 0},
        {"do", IP_PMTUDISC_DO, EMSGSIZE},
        {"probe", IP_PMTUDISC_PROBE, EMSGSIZE},
        {"interface", IP_PMTUDISC_INTERFACE, EMSGSIZE},
        {"omit", IP_PMTUDISC_OMIT, 0},
    };
    char name[40];
    long id = peer("udp");
    int port = atoi(peer_text);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int fd = udp();
#define NAME(what) (snprintf(name, sizeof(name), "mtu-%s-%s", rows[i].name, what), name)
        gives(NAME("set"), set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, rows[i].how), 0);
        is(NAME("get"), option(fd, IPPROTO_IP, IP_MTU_DISCOVER), rows[i].how);
        is(NAME("fits"), send_to(fd, port, ROOM), ROOM);
        is(NAME("arrives"), peer("recvfrom %ld", id), ROOM);
        gives(NAME("above"), send_to(fd, port, ROOM + 1), rows[i].above);
        if (rows[i].above == 0)
            is(NAME("above-arrives"), peer("recvfrom %ld", id), ROOM + 1);
#undef NAME
        close(fd);
    }
}

static void too_large_for_peer(void)
{
    static char data[ROOM + 1];
    long id = peer("udp");
    struct sockaddr_in to = at_peer(atoi(peer_text));
    int fd = udp();
    connect(fd, (struct sockaddr *)&to, sizeof(to));
    set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
    gives("mtu-connected-above", send(fd, data, sizeof(data), 0), EMSGSIZE);
    is("mtu-connected-fits", send(fd, data, ROOM, 0), ROOM);
    is("mtu-connected-arrives", peer("recvfrom %ld", id), ROOM);
    set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT);
    is("mtu-connected-cut", send(fd, data, sizeof(data), 0), sizeof(data));
    is("mtu-connected-cut-arrives", peer("recvfrom %ld", id), sizeof(data));
}

// And of a stream: all goes as it did.
static void of_streams(void)
{
    for (int how = IP_PMTUDISC_DONT; how <= IP_PMTUDISC_OMIT; how++) {
        char name[40];
        int fd = tcp(), port = (int)peer("port");
        snprintf(name, sizeof(name), "mtu-stream-%d", how);
        gives(name, set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, how), 0);
        snprintf(name, sizeof(name), "mtu-stream-%d-connect", how);
        gives(name, dial(fd, port), 0);
        long id = peer("accept");
        snprintf(name, sizeof(name), "mtu-stream-%d-get", how);
        is(name, option(fd, IPPROTO_IP, IP_MTU_DISCOVER), how);
        static char data[5000];
        send(fd, data, sizeof(data), 0);
        snprintf(name, sizeof(name), "mtu-stream-%d-arrives", how);
        is(name, peer("holds %ld 5000", id), 5000);
        close(fd);
    }
}

const struct group device_groups[] = {
    {"device", named},
    {"device-streams", streams},
    {"device-connect", to_peer},
    {"device-dgrams", datagrams},
    {"mtu-discover", too_large},
    {"mtu-discover-connected", too_large_for_peer},
    {"mtu-discover-streams", of_streams},
    {NULL, NULL},
};
