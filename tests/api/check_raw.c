// Raw sockets of an own protocol, and packet sockets on the loopback. Only with privileges on the kernel.
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include "check.h"

#define OWN 102 // the protocol of an exercise: nobody else's

static void own_protocol(void)
{
    int a = os.socket(family, SOCK_RAW, OWN), b = os.socket(family, SOCK_RAW, OWN);
    struct place to = here(0), from = {.len = sizeof(from.at)}, name;
    uint8_t bytes[128] = {0};
    int header = family == AF_INET ? 20 : 0; // of IPv4 the header comes along
    CALL("raw-sendto", os.sendto(a, "ping", 4, 0, AT(to)));
    CALL("raw-recvfrom", os.recvfrom(b, bytes, sizeof(bytes), 0, &from.at.any, &from.len) - header);
    TEXT("raw-bytes", "%.4s", bytes + header);
    TEXT("raw-from", "port %d, %s", port_of(&from), from.len == to.len ? "whole" : "cut");
    CALL("raw-own-copy", os.recv(a, bytes, sizeof(bytes), MSG_DONTWAIT) - header);
    name = name_of(a);
    TEXT("raw-name", "port %d", port_of(&name));
    CALL("raw-no-peer", os.send(a, "x", 1, 0));
    CALL("raw-bind", os.bind(b, AT(to)));
    CALL("raw-connect", os.connect(a, AT(to)));
    CALL("raw-send", os.send(a, "again", 5, 0));
    CALL("raw-recv", os.recv(b, bytes, sizeof(bytes), 0) - header);
    CALL("raw-listen", os.listen(a, 1));
    CALL("raw-accept", os.accept(a, NULL, NULL));
    CALL("raw-type", get_int(a, SOL_SOCKET, SO_TYPE));
    CALL("raw-protocol", get_int(a, SOL_SOCKET, SO_PROTOCOL));
    TEXT("raw-ready", "%s", events_text(ready(b, POLLIN | POLLOUT, 0)));
    os.close(a);
    os.close(b);
}

// Echoes, without the requests and without the replies.
static void types(void)
{
    bool v4 = family == AF_INET;
    int level = v4 ? SOL_RAW : IPPROTO_ICMPV6, protocol = v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    int a = os.socket(family, SOCK_RAW, protocol), b = os.socket(family, SOCK_RAW, OWN);
    uint32_t away[8] = {0}, got[9];
    struct place to = here(0);
    uint8_t echo[8] = {v4 ? 8 : 128, 0, 0, 0, 0, 7, 0, 1}, bytes[128];
    socklen_t len = sizeof(got);
    if (v4) {
        echo[2] = 0xf7; // of the complement of 0x0800 + 0x0007 + 0x0001
        echo[3] = 0xf7;
    }
    CALL("types-first", os.getsockopt(a, level, 1, got, &len));
    TEXT("types-first-is", "%d bytes, %x", (int)len, got[0]);
    away[v4 ? 0 : 4] = v4 ? 1u << 8 : 1u << 0; // requests
    CALL("types-set", os.setsockopt(a, level, 1, away, v4 ? 4 : 32));
    CALL("types-of-others", os.setsockopt(b, level, 1, away, v4 ? 4 : 32));
    CALL("types-send", os.sendto(a, echo, sizeof(echo), 0, AT(to)));
    CALL("types-reply", os.recv(a, bytes, sizeof(bytes), 0) - (v4 ? 20 : 0));
    TEXT("types-reply-is", "%d", bytes[v4 ? 20 : 0]);
    CALL("types-no-request", os.recv(a, bytes, sizeof(bytes), MSG_DONTWAIT));
    os.close(a);
    os.close(b);
}

// Where the sum of an own protocol of IPv6 stands: filled in, and nothing is heard without it.
static void sums(void)
{
    int a = os.socket(family, SOCK_RAW, OWN), b = os.socket(family, SOCK_RAW, OWN);
    int icmp = os.socket(family, SOCK_RAW, IPPROTO_ICMPV6), d = dgram();
    struct place to = here(0);
    uint8_t bytes[128] = {0};
    TEXT("sum-first", "%d", get_int(a, IPPROTO_IPV6, IPV6_CHECKSUM));
    CALL("sum-odd", set_int(a, IPPROTO_IPV6, IPV6_CHECKSUM, 3));
    CALL("sum-set", set_int(a, IPPROTO_IPV6, IPV6_CHECKSUM, 2));
    CALL("sum-by-another-level", set_int(a, SOL_RAW, IPV6_CHECKSUM, 4));
    TEXT("sum-is", "%d", get_int(a, IPPROTO_IPV6, IPV6_CHECKSUM));
    CALL("sum-no-room", os.sendto(a, "abcde", 5, 0, AT(to)));
    CALL("sum-sent", os.sendto(a, "abcdXXgh", 8, 0, AT(to)));
    CALL("sum-heard", os.recv(b, bytes, sizeof(bytes), 0));
    TEXT("sum-filled-in", "%s", memcmp(bytes + 4, "XX", 2) ? "yes" : "no");
    CALL("sum-right", os.recv(a, bytes, sizeof(bytes), 0));
    CALL("sum-sent-without", os.sendto(b, "abcdXXgh", 8, 0, AT(to)));
    os.settle();
    CALL("sum-wrong", os.recv(a, bytes, sizeof(bytes), MSG_DONTWAIT));
    CALL("sum-none", set_int(a, IPPROTO_IPV6, IPV6_CHECKSUM, -5));
    TEXT("sum-none-is", "%d", get_int(a, SOL_RAW, IPV6_CHECKSUM));
    CALL("sum-of-icmp", set_int(icmp, IPPROTO_IPV6, IPV6_CHECKSUM, 2));
    TEXT("sum-of-icmp-is", "%d", get_int(icmp, IPPROTO_IPV6, IPV6_CHECKSUM));
    CALL("sum-of-datagrams", set_int(d, IPPROTO_IPV6, IPV6_CHECKSUM, 2));
    os.close(a);
    os.close(b);
    os.close(icmp);
    os.close(d);
}

static void frames(void)
{
    int f = os.socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP)),
        a = os.socket(AF_INET, SOCK_RAW, OWN);
    struct sockaddr_ll from = {0};
    socklen_t len = sizeof(from);
    uint8_t bytes[128];
    struct place to = {.len = sizeof(to.at.in)};
    if (f < 0) {
        CALL("packet", f);
        return;
    }
    to.at.in.sin_family = AF_INET;
    to.at.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct sockaddr_ll lo = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = 1};
    CALL("packet-bind", os.bind(f, (struct sockaddr *)&lo, sizeof(lo)));
    CALL("packet-send-raw", os.sendto(a, "ping", 4, 0, AT(to)));
    ssize_t n;
    do // connections of other checks may have a last word
        n = os.recvfrom(f, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &len);
    while (n > 9 && bytes[9] != OWN);
    CALL("packet-recv", n);
    TEXT("packet-from", "index %d, protocol %x, hardware %d, %d bytes", from.sll_ifindex,
        ntohs(from.sll_protocol), from.sll_hatype, (int)len);
    len = sizeof(from);
    CALL("packet-name", os.getsockname(f, (struct sockaddr *)&from, &len));
    TEXT("packet-name-is", "index %d, protocol %x", from.sll_ifindex, ntohs(from.sll_protocol));
    CALL("packet-peer", os.getpeername(f, (struct sockaddr *)&from, &len));
    CALL("packet-connect", os.connect(f, (struct sockaddr *)&lo, sizeof(lo)));
    CALL("packet-bind-short", os.bind(f, (struct sockaddr *)&lo, 8));
    lo.sll_ifindex = 99;
    CALL("packet-bind-nowhere", os.bind(f, (struct sockaddr *)&lo, sizeof(lo)));
    os.close(f);
    os.close(a);
    CALL("packet-stream", os.socket(AF_PACKET, SOCK_STREAM, 0));
}

static int attach(int s, const struct sock_filter *program, unsigned count)
{
    struct sock_fprog p = {(unsigned short)count, (struct sock_filter *)(uintptr_t)program};
    return os.setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p));
}

static const struct sock_filter own_protocol_alone[] = {
    {0x30, 0, 0, 9}, {0x15, 0, 1, OWN}, {0x06, 0, 0, 24}, {0x06, 0, 0, 0}};

static int packet_socket(void)
{
    struct sockaddr_ll lo = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = 1};
    int f = os.socket(AF_PACKET, SOCK_DGRAM, 0);
    attach(f, own_protocol_alone, 4); // before anything comes
    os.bind(f, (struct sockaddr *)&lo, sizeof(lo));
    return f;
}

// Which programs are none.
static void wrong_filters(int f)
{
    static const struct sock_filter wrong[][2] = {{{0x34, 0, 0, 0}, {0x06, 0, 0, 1}},
        {{0x64, 0, 0, 32}, {0x06, 0, 0, 1}}, {{0x60, 0, 0, 16}, {0x06, 0, 0, 1}},
        {{0x05, 0, 0, 1}, {0x06, 0, 0, 1}}, {{0x15, 1, 0, 0}, {0x06, 0, 0, 1}},
        {{0x18, 0, 0, 0}, {0x06, 0, 0, 1}}, {{0x20, 0, 0, 0xfffff001}, {0x06, 0, 0, 1}},
        {{0x06, 0, 0, 1}, {0x00, 0, 0, 1}}, {{0xffff, 0, 0, 0}, {0x06, 0, 0, 1}},
        {{0x87, 0, 0, 0}, {0x06, 0, 0, 1}}, {{0x3c, 0, 0, 0}, {0x16, 0, 0, 0}}};
    char name[32];
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        snprintf(name, sizeof(name), "filter-%u", i);
        CALL(name, attach(f, wrong[i], 2));
    }
    CALL("filter-empty", attach(f, wrong[0], 0));
    CALL("filter-of-no-pointer", os.setsockopt(f, SOL_SOCKET, SO_ATTACH_FILTER, wrong, 8));
}

static void filtered(void)
{
    int f = packet_socket(), a = os.socket(AF_INET, SOCK_RAW, OWN),
        other = os.socket(AF_INET, SOCK_RAW, OWN + 1);
    struct place to = {.len = sizeof(to.at.in)};
    uint8_t bytes[128];
    struct tpacket_stats stats = {0};
    socklen_t len = sizeof(stats);
    to.at.in.sin_family = AF_INET;
    to.at.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CALL("filtered-auxdata", set_int(f, SOL_PACKET, PACKET_AUXDATA, 1));
    CALL("filtered-other", os.sendto(other, "other", 5, 0, AT(to)));
    CALL("filtered-own", os.sendto(a, "abcdefgh", 8, 0, AT(to)));
    struct iovec iov = {bytes, sizeof(bytes)};
    union {
        struct cmsghdr head;
        uint8_t room[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
    } control = {.room = {0}};
    struct msghdr m = {.msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.room,
        .msg_controllen = sizeof(control.room)};
    CALL("filtered-recv", os.recvmsg(f, &m, 0));
    struct tpacket_auxdata aux;
    memcpy(&aux, CMSG_DATA(&control.head), sizeof(aux));
    TEXT("filtered-aux", "level %d, type %d, %u of %u, %u %u", control.head.cmsg_level,
        control.head.cmsg_type, aux.tp_snaplen, aux.tp_len, aux.tp_mac, aux.tp_net);
    CALL("filtered-no-more", os.recv(f, bytes, sizeof(bytes), MSG_DONTWAIT));
    CALL("filtered-statistics", os.getsockopt(f, SOL_PACKET, PACKET_STATISTICS, &stats, &len));
    TEXT("filtered-counts", "%d bytes, %u, %u", (int)len, stats.tp_packets, stats.tp_drops);
    os.getsockopt(f, SOL_PACKET, PACKET_STATISTICS, &stats, &len);
    TEXT("filtered-counts-again", "%u, %u", stats.tp_packets, stats.tp_drops);
    wrong_filters(f);
    CALL("filter-lock", set_int(f, SOL_SOCKET, SO_LOCK_FILTER, 1));
    TEXT("filter-locked", "%d", get_int(f, SOL_SOCKET, SO_LOCK_FILTER));
    CALL("filter-unlock", set_int(f, SOL_SOCKET, SO_LOCK_FILTER, 0));
    CALL("filter-locked-attach", attach(f, own_protocol_alone, 4));
    CALL("filter-locked-detach", set_int(f, SOL_SOCKET, SO_DETACH_FILTER, 0));
    os.close(f);
    os.close(a);
    os.close(other);
}

static void packet_options(void)
{
    int f = packet_socket();
    struct packet_mreq q = {.mr_ifindex = 1, .mr_type = PACKET_MR_PROMISC};
    CALL("options-detach", set_int(f, SOL_SOCKET, SO_DETACH_FILTER, 0));
    CALL("options-detach-again", set_int(f, SOL_SOCKET, SO_DETACH_FILTER, 0));
    TEXT("options-auxdata", "%d", get_int(f, SOL_PACKET, PACKET_AUXDATA));
    for (int version = -1; version < 4; version++) {
        int head = version;
        socklen_t len = sizeof(head);
        char name[4][32];
        for (unsigned i = 0; i < 4; i++)
            snprintf(name[i], sizeof(name[i]), "options-version%d-%u", version, i);
        CALL(name[0], os.getsockopt(f, SOL_PACKET, PACKET_HDRLEN, &head, &len));
        TEXT(name[1], "%d", head);
        CALL(name[2], set_int(f, SOL_PACKET, PACKET_VERSION, version));
        TEXT(name[3], "%d", get_int(f, SOL_PACKET, PACKET_VERSION));
    }
    int first = TPACKET_V1;
    CALL("options-version-short", os.setsockopt(f, SOL_PACKET, PACKET_VERSION, &first, 2));
    TEXT("options-version-kept", "%d", get_int(f, SOL_PACKET, PACKET_VERSION));
    CALL("options-reserve", set_int(f, SOL_PACKET, PACKET_RESERVE, 4));
    TEXT("options-reserve-is", "%d", get_int(f, SOL_PACKET, PACKET_RESERVE));
    CALL("options-incoming", set_int(f, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1));
    CALL("options-incoming-two", set_int(f, SOL_PACKET, PACKET_IGNORE_OUTGOING, 2));
    TEXT("options-incoming-is", "%d", get_int(f, SOL_PACKET, PACKET_IGNORE_OUTGOING));
    TEXT("options-extensions", "%d", get_int(f, SOL_SOCKET, SO_BPF_EXTENSIONS));
    CALL("options-promiscuous", os.setsockopt(f, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &q, sizeof(q)));
    CALL("options-promiscuous-short", os.setsockopt(f, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &q, 8));
    CALL("options-promiscuous-no-more",
        os.setsockopt(f, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &q, sizeof(q)));
    q.mr_ifindex = 99;
    CALL("options-promiscuous-nowhere",
        os.setsockopt(f, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &q, sizeof(q)));
    os.close(f);
}

static void captures(void)
{
    int f = os.socket(AF_PACKET, SOCK_DGRAM, 0);
    if (f < 0)
        return;
    os.close(f);
    filtered();
    packet_options();
}

void check_raw(void)
{
    own_protocol();
    types();
    if (family == AF_INET)
        frames();
    if (family == AF_INET)
        captures();
    else
        sums();
}
