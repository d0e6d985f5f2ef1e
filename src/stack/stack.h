// One machine's stack: addresses, routes, neighbours, IPv4, ICMP, UDP, TCP. It does no I/O: frames go in,
// frames are pulled out link by link, `now` comes along, and what happened is an event. A run is a
// function of its inputs.
//
//   for each frame read:  sok_stack_input(stack, link, &frame, now)        feed all first,
//   for each link:        while (sok_stack_output(stack, link, now, &out)) then pull (MUST-59)
//   sleep until sok_stack_deadline(stack), then sok_stack_advance(stack, now)
//   after each:           while (sok_stack_event(...)), while (sok_stack_changed(...))
#ifndef SOK_STACK_STACK_H
#define SOK_STACK_STACK_H

#include <stdbool.h>
#include <stdint.h>
#include "base/group.h"
#include "base/addr.h"
#include "base/err.h"
#include "base/event.h"
#include "base/frame.h"
#include "base/mem.h"
#include "base/sock.h"
#include "tcp/tcp.h"

struct sok_stack;
struct sok_udp;    // first member: struct sok_sock
struct sok_echo;   // first member: struct sok_sock
struct sok_raw;    // first member: struct sok_sock
struct sok_frames; // first member: struct sok_sock

// X(name, unit, default, min, max, help), as SOK_TCP_SETTINGS.
#define SOK_STACK_SETTINGS(X)                                                                      \
    X(arp_retry, "ns", 1 * SOK_S, SOK_MS, 60 * SOK_S, "between ARP requests (RFC 1122 2.3.2.1)")   \
    X(arp_tries, "count", 3, 1, 255, "ARP requests until a neighbour is given up")                 \
    X(arp_fresh, "ns", 30 * SOK_S, SOK_S, 86400 * SOK_S,                                           \
        "an answer is good for, unless confirmed")                                                 \
    X(arp_table_max, "count", 1024, 1, 1048576, "neighbours known, most")                          \
    X(arp_queue_max, "count", 64, 0, 1024, "packets that wait for one neighbour, most")            \
    X(arp_memory, "bytes", 4194304, 65536, 1073741824, "in packets that wait for neighbours, all") \
    X(ttl, "count", 64, 1, 255, "time to live")                                                    \
    X(icmp_interval, "ns", 1 * SOK_MS, 0, 60 * SOK_S,                                              \
        "least time between ICMP errors to one host")                                              \
    X(frag_timeout, "ns", 30 * SOK_S, SOK_MS, 600 * SOK_S,                                         \
        "fragments wait for the others, at most")                                                  \
    X(frag_timeout6, "ns", 60 * SOK_S, SOK_MS, 600 * SOK_S, "the same of IPv6 (RFC 8200 4.5)")     \
    X(frag_memory, "bytes", 4194304, 65536, 1073741824, "held in fragments, in all")               \
    X(frag_datagrams, "count", 1024, 1, 65536, "packets being put together at once, most")         \
    X(frag_count, "count", 256, 2, 8192, "fragments of one packet that wait, most")                \
    X(pmtu_age, "ns", 600 * SOK_S, SOK_S, 86400 * SOK_S, "a path MTU is believed (RFC 1191 6.3)")  \
    X(pmtu_min, "bytes", 552, 68, 65535, "least path MTU believed; below it DF is not set")        \
    X(udp_queue, "bytes", 212992, 2048, 1073741824, "received datagrams that wait in one socket")  \
    X(raw_queue, "bytes", 212992, 2048, 1073741824, "as udp_queue, of one raw or packet socket")   \
    X(out_queue_max, "count", 512, 1, 65536, "packets that wait on one link, TCP data aside")

// Address conflict detection (RFC 5227) and DHCP (RFC 2131).
#define SOK_STACK_ADDR_SETTINGS(X)                                                                 \
    X(acd, "bool", 1, 0, 1, "ask whether an address is somebody's, on links with others")          \
    X(acd_early, "ns", 2 * SOK_MS, 0, 60 * SOK_S,                                                  \
        "an address is used this long after its first probe; 0s: after all of them")               \
    X(acd_wait, "ns", 0, 0, 60 * SOK_S, "before the first probe, at most (RFC: 1s)")               \
    X(acd_probes, "count", 3, 1, 20, "probes for an address")                                      \
    X(acd_probe_min, "ns", 1 * SOK_S, SOK_MS, 60 * SOK_S, "between probes, at least")              \
    X(acd_probe_max, "ns", 2 * SOK_S, SOK_MS, 60 * SOK_S, "between probes, at most")               \
    X(acd_announce_wait, "ns", 2 * SOK_S, SOK_MS, 60 * SOK_S, "after the last probe")              \
    X(acd_announcements, "count", 2, 1, 20, "announcements of an address")                         \
    X(acd_announce_interval, "ns", 2 * SOK_S, SOK_MS, 60 * SOK_S, "between announcements")         \
    X(acd_defend, "ns", 10 * SOK_S, 0, 3600 * SOK_S,                                               \
        "a second conflict within this time loses the address")                                    \
    X(dhcp_early, "ns", 300 * SOK_MS, 0, 60 * SOK_S, "as acd_early, of a leased address")          \
    X(dhcp_retry, "ns", 1 * SOK_S, 10 * SOK_MS, 60 * SOK_S, "before the second DHCP message")      \
    X(dhcp_retry_max, "ns", 64 * SOK_S, 10 * SOK_MS, 3600 * SOK_S,                                 \
        "between DHCP messages, at most; the time doubles")                                        \
    X(dhcp_tries, "count", 4, 1, 100, "requests to a DHCP server until another is looked for")     \
    X(dhcp_decline_wait, "ns", 10 * SOK_S, 0, 3600 * SOK_S,                                        \
        "after an offered address was somebody's (RFC 2131: 10 s)")                                \
    X(dhcp_wait, "ns", 30 * SOK_S, 0, 3600 * SOK_S, "a command waits for a lease, at most")

// Neighbour discovery (RFC 4861 section 10). Bounds on what is known are those of ARP.
#define SOK_STACK_ND_SETTINGS(X)                                                                   \
    X(nd_retrans, "ns", 1 * SOK_S, SOK_MS, 60 * SOK_S,                                             \
        "between solicitations of a neighbour, unless a router says")                              \
    X(nd_tries, "count", 3, 1, 255, "solicitations until a neighbour is given up")                 \
    X(nd_reachable, "ns", 30 * SOK_S, SOK_MS, 3600 * SOK_S,                                        \
        "a neighbour is believed to be there, unless a router says or TCP hears from it")          \
    X(nd_delay, "ns", 5 * SOK_S, 0, 60 * SOK_S, "before an old neighbour in use is asked")

// Multicast groups (RFC 3376, RFC 3810).
#define SOK_STACK_GROUP_SETTINGS(X)                                                                \
    X(group_max, "count", 256, 0, 65536, "multicast groups on all links, most")                    \
    X(group_robustness, "count", 2, 1, 7, "times a change of groups is reported (RFC 3376 8.1)")   \
    X(group_repeat, "ns", 1 * SOK_S, SOK_MS, 60 * SOK_S, "between these reports, at most")         \
    X(group_repeat_old, "ns", 10 * SOK_S, SOK_MS, 600 * SOK_S,                                     \
        "the same, while a querier of an older version is there")                                  \
    X(group_interval, "ns", 125 * SOK_S, SOK_S, 31744 * SOK_S,                                     \
        "between a querier's queries, unless it says (RFC 3376 8.2)")

// What IPv6 hosts find out by themselves (RFC 4861, RFC 4862, RFC 8981, RFC 8415).
#define SOK_STACK_AUTO_SETTINGS(X)                                                                 \
    X(dad_probes, "count", 1, 0, 20, "solicitations for an IPv6 address of ours; 0: none")         \
    X(dad_interval, "ns", 1 * SOK_S, SOK_MS, 60 * SOK_S,                                           \
        "after each of them, unless a router says")                                                \
    X(dad_retry, "ns", 1 * SOK_S, 0, 60 * SOK_S,                                                   \
        "after an address was somebody's, until the next")                                         \
    X(rs_wait, "ns", 0, 0, 60 * SOK_S, "before routers are asked for, at most (RFC: 1s)")          \
    X(rs_interval, "ns", 4 * SOK_S, SOK_MS, 3600 * SOK_S,                                          \
        "until they are asked for again; the time doubles (RFC 7559)")                             \
    X(rs_interval_max, "ns", 3600 * SOK_S, SOK_MS, 86400 * SOK_S, "between these, at most")        \
    X(slaac_temporary, "bool", 1, 0, 1, "temporary addresses beside the stable ones (RFC 8981)")   \
    X(temporary_valid, "ns", 172800 * SOK_S, 10 * SOK_S, 31536000 * SOK_S, "they are kept")        \
    X(temporary_preferred, "ns", 86400 * SOK_S, 10 * SOK_S, 31536000 * SOK_S,                      \
        "they are used for what is new")                                                           \
    X(temporary_advance, "ns", 5 * SOK_S, 0, 3600 * SOK_S, "before its end the next one is made")  \
    X(dhcp6, "bool", 1, 0, 1, "ask DHCPv6 for name servers when a router says so")                 \
    X(dhcp6_retry, "ns", 1 * SOK_S, 10 * SOK_MS, 60 * SOK_S,                                       \
        "before it is asked again; it doubles")                                                    \
    X(dhcp6_retry_max, "ns", 3600 * SOK_S, 10 * SOK_MS, 86400 * SOK_S, "between these, at most")

struct sok_stack_config {
    size_t size; // sizeof(struct sok_stack_config)
    struct sok_mem mem;
    uint8_t
        seed[16]; // of everything random: ISNs, ports, ids, hashing. Unpredictable in production.
    uint8_t stable_secret[16]; // of interface identifiers (RFC 7217), the same from run to run
    bool events;               // somebody will drain sok_stack_event()
    struct sok_tcp_config tcp;
#define SOK_X(name, unit, def, min, max, help) int64_t name;
    SOK_STACK_SETTINGS(SOK_X)
    SOK_STACK_ADDR_SETTINGS(SOK_X)
    SOK_STACK_GROUP_SETTINGS(SOK_X)
    SOK_STACK_AUTO_SETTINGS(SOK_X)
    SOK_STACK_ND_SETTINGS(SOK_X)
#undef SOK_X
};
void sok_stack_config_default(struct sok_stack_config *config);
// Sets one value of the stack's or TCP's settings from text. NULL, or a message to show.
const char *sok_stack_config_set(
    struct sok_stack_config *config, const char *name, const char *value);
const struct sok_setting *sok_stack_settings(
    size_t *count); // the stack's own; offset in sok_stack_config

int sok_stack_new(const struct sok_stack_config *config, struct sok_stack **out);
void sok_stack_free(struct sok_stack *stack); // everything goes, without a packet

#define SOK_STACK_LINKS_MAX  SOK_TCP_LINKS_MAX // link 0 is the stack's own loopback
#define SOK_STACK_ADDRS_MAX  64
#define SOK_STACK_ROUTES_MAX 256
int sok_stack_link_add(
    struct sok_stack *stack, const struct sok_link_info *info); // its index, 1 and up
const struct sok_link_info *sok_stack_link(const struct sok_stack *stack, uint8_t link);
// Adds an address and the route to its network.
int sok_stack_addr_add(
    struct sok_stack *stack, uint8_t link, struct sok_addr addr, unsigned prefix_len);
// gateway :: : on-link.
int sok_stack_route_add(struct sok_stack *stack, struct sok_addr net, unsigned prefix_len,
    struct sok_addr gateway, uint8_t link);
// Among routes of one length the least metric wins (else the one added first); sok_stack_route_add(): 0.
int sok_stack_route_add_metric(struct sok_stack *stack, struct sok_addr net, unsigned prefix_len,
    struct sok_addr gateway, uint8_t link, uint32_t metric);
int sok_stack_route_remove(struct sok_stack *stack, struct sok_addr net, unsigned prefix_len,
    struct sok_addr gateway, uint8_t link);

// ---- addresses that may be somebody's ----

// As sok_stack_addr_add, once nobody has been heard who has it already (RFC 5227): at once on a link of our own
// (SOK_LINK_POINT) or with acd off. From then on it is defended; who loses it hears of it by
// sok_stack_addr_state and by an event, connections on it end with SOK_EABORTED.
int sok_stack_addr_claim(
    struct sok_stack *stack, uint8_t link, struct sok_addr addr, unsigned prefix_len, int64_t now);
// PROBED: not ours yet; USED; TAKEN: mac (may be NULL) has it; REMOVED: none of ours.
enum sok_addr_news sok_stack_addr_state(
    const struct sok_stack *stack, uint8_t link, struct sok_addr addr, uint8_t mac[6]);
// A link is gone for good: its addresses with it, what used them ends with SOK_ELINKDOWN.
void sok_stack_link_over(struct sok_stack *stack, uint8_t link, int64_t now);
int sok_stack_addr_remove(struct sok_stack *stack, uint8_t link, struct sok_addr addr, int64_t now);

// What a DHCP server leases us.
#define SOK_LEASE_DNS_MAX    4
#define SOK_LEASE_SEARCH_MAX 6
#define SOK_LEASE_NAME_MAX   254
struct sok_dhcp_lease {
    struct sok_addr addr;           // 0.0.0.0: none (yet, or any more)
    struct sok_addr server, router; // router 0.0.0.0: none
    struct sok_addr dns[SOK_LEASE_DNS_MAX];
    uint8_t prefix_len, dns_count, search_count;
    uint16_t mtu; // 0: not said
    char domain[SOK_LEASE_NAME_MAX], search[SOK_LEASE_SEARCH_MAX][SOK_LEASE_NAME_MAX];
    int64_t renew_at, rebind_at, expires_at; // SOK_TIME_NEVER: for ever
    uint32_t changes;                        // counts up whenever anything above changes
    bool taken;                              // the address offered last is somebody's:
    struct sok_addr taken_addr;
    uint8_t taken_by[6];
};
// Gets an address for a link, with the default route and the MTU that belong to it, and keeps it: renewed,
// replaced, removed when its time is over. SOK_EOPNOTSUPP: the link has no Ethernet.
int sok_stack_dhcp_start(struct sok_stack *stack, uint8_t link, int64_t now);
void sok_stack_dhcp_stop(struct sok_stack *stack, uint8_t link, int64_t now); // and gives it back
// What it has; in use while sok_stack_addr_state says so. NULL: no client on this link.
const struct sok_dhcp_lease *sok_stack_dhcp(const struct sok_stack *stack, uint8_t link);

// What a link has of IPv6 by itself.
#define SOK_SLAAC_DNS_MAX    8
#define SOK_SLAAC_SEARCH_MAX 6
struct sok_slaac_info {
    struct sok_addr
        addr; // a global address in use that is not deprecated, the stable one first; ::: none
    struct sok_addr local;  // the link-local one; ::: not yet
    struct sok_addr router; // that said last to be one; ::: none
    struct sok_addr dns[SOK_SLAAC_DNS_MAX];
    char search[SOK_SLAAC_SEARCH_MAX][SOK_LEASE_NAME_MAX];
    unsigned dns_count, search_count;
    uint16_t mtu;        // as a router says; 0: it does not
    uint32_t asked;      // router solicitations sent
    bool heard;          // a router has advertised something
    bool managed, other; // it says that addresses, or other things, come by DHCPv6
    uint32_t changes;    // counts up whenever anything above changes
    bool taken;          // an address made here was somebody's, the last one:
    struct sok_addr taken_addr;
    uint8_t taken_by[6];
};
// Makes a link-local address, asks for routers, and takes what they say: addresses of their prefixes, stable (RFC
// 7217, by config.stable_secret and the MAC address) and temporary, routes, MTU, name servers. All of it is
// probed, renewed and given up by itself. SOK_EOPNOTSUPP: the MTU is below 1280. SOK_EADDRINUSE: started already.
int sok_stack_slaac_start(struct sok_stack *stack, uint8_t link, int64_t now);
// The link-local address alone; nothing a router says is taken.
int sok_stack_ip6_start(struct sok_stack *stack, uint8_t link, int64_t now);
// Ends either, and takes away what came of it.
void sok_stack_slaac_stop(struct sok_stack *stack, uint8_t link, int64_t now);
const struct sok_slaac_info *sok_stack_slaac(
    const struct sok_stack *stack, uint8_t link); // NULL: no
// Sorts addresses as RFC 6724 section 6 says, by the sources that this stack would use.
void sok_stack_addrs_order(const struct sok_stack *stack, struct sok_addr *addrs, unsigned count);

// An IPv4 address of 169.254.0.0/16 (RFC 3927) for a link with Ethernet; another when it is somebody's, until one
// is free. What is probed or in use (sok_stack_addr_state says which); 0.0.0.0: not started.
int sok_stack_link_local_start(struct sok_stack *stack, uint8_t link, int64_t now);
void sok_stack_link_local_stop(struct sok_stack *stack, uint8_t link, int64_t now);
struct sok_addr sok_stack_link_local(const struct sok_stack *stack, uint8_t link);

// The first IPv4 address of a link; false: none. That of link 0 is 127.0.0.1/8.
bool sok_stack_addr_first(
    const struct sok_stack *stack, uint8_t link, struct sok_addr *addr, unsigned *prefix_len);

// All of them, in no order: the i-th. False: no more.
bool sok_stack_addr_at(const struct sok_stack *stack, unsigned i, uint8_t *link,
    struct sok_addr *addr, unsigned *prefix_len);

// Whether a link has an address of this family that others than its neighbours can reach.
bool sok_stack_has_family(const struct sok_stack *stack, bool v6);

// A neighbour that is known for ever and never asked for.
int sok_stack_neighbour_add(
    struct sok_stack *stack, uint8_t link, struct sok_addr addr, const uint8_t mac[6]);

// The addresses are shared with another stack: of the ports of TCP and UDP these alone are ours, to
// choose, to bind and to listen on. Nothing for other ports may be put in.
void sok_stack_ports(struct sok_stack *stack, uint16_t first, uint16_t count);

// ---- frames and time ----

void sok_stack_input(
    struct sok_stack *stack, uint8_t link, const struct sok_frame *frame, int64_t now);
// The same from plain bytes, copied: for tests and small embedders. 0 or SOK_ENOMEM.
int sok_stack_input_bytes(
    struct sok_stack *stack, uint8_t link, const void *data, size_t len, int64_t now);

// The next frame for a link; false: none. `out` stays valid until the next call into the stack. Frames
// respect the link's caps: without TSO super-frames come out cut, without CSUM sums come out complete.
bool sok_stack_output(
    struct sok_stack *stack, uint8_t link, int64_t now, struct sok_frame_out *out);

void sok_stack_advance(struct sok_stack *stack, int64_t now);
int64_t sok_stack_deadline(const struct sok_stack *stack); // SOK_TIME_NEVER: none

bool sok_stack_event(struct sok_stack *stack, struct sok_event *event);
void sok_stack_events_on(struct sok_stack *stack, bool on);
struct sok_sock *sok_stack_changed(
    struct sok_stack *stack); // a sock whose readiness changed; NULL: none

// ---- calls; 0 or a count, or a negative enum sok_err ----

// TCP: what needs a route is here, the rest is tcp/tcp.h on the handle. local may be NULL.
int sok_stack_connect(struct sok_stack *stack, const struct sok_endpoint *local,
    const struct sok_endpoint *remote, int64_t now, struct sok_tcp_conn **out);
// The same, bound to a device: the number of a link + 1; 0: none.
int sok_stack_connect_on(struct sok_stack *stack, uint8_t device, const struct sok_endpoint *local,
    const struct sok_endpoint *remote, int64_t now, struct sok_tcp_conn **out);
int sok_stack_listen(struct sok_stack *stack, const struct sok_endpoint *local, int backlog,
    int64_t now, struct sok_tcp_listener **out);
// With enum sok_bind_flag (sok_tcp_listen_as).
int sok_stack_listen_as(struct sok_stack *stack, const struct sok_endpoint *local, int backlog,
    unsigned flags, int64_t now, struct sok_tcp_listener **out);
// What can be bound: an address of ours or any; port 0 becomes a free one of TCP. 0 or EADDRNOTAVAIL.
int sok_stack_bindable(struct sok_stack *stack, struct sok_endpoint *local, unsigned flags);
// A TCP connection has this port, also one in TIME-WAIT: bind() without SO_REUSEADDR must not.
bool sok_stack_port_busy(
    const struct sok_stack *stack, const struct sok_endpoint *local, unsigned flags);
struct sok_tcp *sok_stack_tcp(struct sok_stack *stack);

const struct sok_stack_config *sok_stack_config(const struct sok_stack *stack);

// Bytes that an IP packet on the way to there may have, as far as is known; or why there is no way.
int sok_stack_path_mtu(struct sok_stack *stack, const struct sok_addr *source,
    const struct sok_endpoint *to, uint16_t *mtu);

// What becomes of what is too large for its way, numbered as Linux does (ip(7), IP_MTU_DISCOVER).
enum sok_mtu_discover {
    SOK_MTU_DONT,      // it is cut, here and by routers
    SOK_MTU_WANT,      // it is cut here, as far as is known (RFC 1191); no router cuts
    SOK_MTU_DO,        // it is refused with SOK_EMSGSIZE
    SOK_MTU_PROBE,     // the same, but what routers said does not count: the link's MTU does
    SOK_MTU_INTERFACE, // as PROBE, and routers may cut
    SOK_MTU_OMIT,      // as DONT, by the link's MTU
};

// What datagram sockets of all kinds can be told; 0: as the stack's settings say.
struct sok_dgram_opts {
    uint8_t ttl, tos; // of what is sent; not of frames and of what has a header of its own
    bool broadcast;   // it may be sent to a broadcast address; else SOK_EACCES
    uint8_t discover, discover6; // enum sok_mtu_discover, of either family
    bool dontfrag;               // of IPv6 nothing is cut: as DO
    bool recverr;   // errors about what was sent are kept, and told to unconnected ones, too
    uint32_t queue; // bytes that wait to be read, most
};

// What somebody said about a datagram that was sent.
struct sok_dgram_error {
    int err;
    struct sok_endpoint to; // whom it was for
    struct sok_addr from;   // who says so
    uint8_t type, code;     // ICMP's
    uint32_t mtu;           // SOK_EMSGSIZE: that it may have
    uint32_t len;           // bytes of its data that are known
    bool local;             // nobody said it: it was refused here, and never went
};

// UDP (RFC 768). local NULL: any address of both families. local.port 0: one is chosen. EADDRINUSE, EADDRNOTAVAIL.
int sok_udp_open(struct sok_stack *stack, const struct sok_endpoint *local, struct sok_udp **out);
// The same with enum sok_bind_flag. Of those that share an address and port, a datagram to one host goes to the one opened
// last, one to a group or a broadcast address to all.
int sok_udp_open_as(struct sok_stack *stack, const struct sok_endpoint *local, unsigned flags,
    struct sok_udp **out);
int sok_udp_group(struct sok_udp *u, const struct sok_group_change *change, int64_t now);
// The whole filter of a group at once, and what it is: exclude (all but) or include (only) these.
int sok_udp_filter(struct sok_udp *u, int link, const struct sok_addr *group, bool exclude,
    const struct sok_addr *sources, unsigned count, int64_t now);
int sok_udp_filter_get(const struct sok_udp *u, int link, const struct sok_addr *group,
    bool *exclude, struct sok_addr *sources, unsigned *count); // *count: room, then all there are
void sok_udp_multicast(struct sok_udp *u, const struct sok_multicast_opts *opts);
int sok_udp_connect(
    struct sok_udp *u, const struct sok_endpoint *remote); // a peer for send; errors come
void sok_udp_disconnect(struct sok_udp *u, const struct sok_endpoint *local); // local: as bound
int64_t sok_udp_sendto(struct sok_udp *u, const struct sok_iov *iov, unsigned count,
    const struct sok_endpoint *to,
    int64_t now); // to NULL: the connected peer. EMSGSIZE over 65507 bytes
// One datagram; longer ones are cut, the result is the length copied. EAGAIN: none.
int64_t sok_udp_recvfrom(
    struct sok_udp *u, void *data, size_t len, struct sok_endpoint *from, int64_t now);
// What is known of a datagram that came, and said of one that goes.
struct sok_udp_heard {
    struct sok_endpoint to; // what it was sent to
    uint32_t len;           // all of it, also when it is cut
    int64_t at;             // when it came
    uint8_t link, ttl, tos;
};
int64_t sok_udp_recv_heard(struct sok_udp *u, void *data, size_t len, struct sok_endpoint *from,
    struct sok_udp_heard *heard, int64_t now);
struct sok_udp_how {
    struct sok_endpoint from; // any address: the socket's; the port is the socket's
    int link, ttl, tos;       // -1: as the routes, the socket say
};
int64_t sok_udp_send_how(struct sok_udp *u, const struct sok_iov *iov, unsigned count,
    const struct sok_endpoint *to, const struct sok_udp_how *how, int64_t now);
void sok_udp_options(struct sok_udp *u, const struct sok_dgram_opts *opts);
// Bound to a device: the number of a link + 1; 0: none. As sok_bind_on() of the flags that it is opened with.
void sok_udp_use_device(struct sok_udp *u, uint8_t device);
// Of sockets that share an address and port, those with this get each sender's datagrams at one of them, chosen by a
// keyed hash, instead of all at the newest.
void sok_udp_spread(struct sok_udp *u, bool on);
// Whether a datagram to there has a way and may take it: 0, or what sending would answer.
int sok_udp_way(const struct sok_udp *u, const struct sok_endpoint *to);
// Whether one of this many bytes may leave (to NULL: for the peer), or is to be refused because it may not be cut: SOK_EMSGSIZE.
int sok_udp_fits(struct sok_udp *u, const struct sok_endpoint *to, size_t len);
int sok_udp_error(
    struct sok_udp *u); // takes the pending error (port unreachable on a connected socket)
// The oldest error kept with recverr: bytes of the datagram copied, SOK_EAGAIN: there is none. The pending error is that of
// the next one then.
int64_t sok_udp_recv_error(
    struct sok_udp *u, void *data, size_t len, struct sok_dgram_error *out, int64_t now);
struct sok_endpoint sok_udp_local(const struct sok_udp *u);
void sok_udp_close(struct sok_udp *u);

// ICMP echo (RFC 792, RFC 4443): one socket is one identifier, of both families.
struct sok_echo_reply {
    struct sok_addr from;
    int err; // 0: an echo reply; else an error about this echo: EHOSTUNREACH, ENETUNREACH, ...
    uint16_t seq;
    uint8_t ttl;
    uint8_t icmp_type, icmp_code;
    int64_t rtt;  // ns
    uint32_t len; // payload bytes of the reply
};
int sok_echo_open(struct sok_stack *stack, struct sok_echo **out);
int sok_echo_send(struct sok_echo *e, const struct sok_addr *to, uint16_t seq, const void *data,
    size_t len, uint8_t ttl, int64_t now); // ttl 0: default
// The same with the zone of a link-local address; the port does not count.
int sok_echo_sendto(struct sok_echo *e, const struct sok_endpoint *to, uint16_t seq,
    const void *data, size_t len, uint8_t ttl, int64_t now);
int sok_echo_recv(struct sok_echo *e, struct sok_echo_reply *out, int64_t now); // EAGAIN: none
void sok_echo_close(struct sok_echo *e);

// ---- raw and packet sockets ----

// IPv4 datagrams of one protocol (raw(7)), 1 to 255. What arrives for us is given whole with its IP header, to
// every socket that wants it, also what the stack has a use for itself. 255 (SOK_IPPROTO_RAW) only sends.
int sok_raw_open(struct sok_stack *stack, uint8_t protocol, struct sok_raw **out);
// The same of IPv6 (RFC 3542 section 3): what arrives begins behind the IPv6 header and its extension headers.
int sok_raw_open6(struct sok_stack *stack, uint8_t protocol, struct sok_raw **out);
// Where in the payload a checksum stands, that is filled in and without which nothing is received (IPV6_CHECKSUM);
// -1: none. SOK_EINVAL: an odd place, or another than ICMPv6 has.
int sok_raw_checksum(struct sok_raw *r, int offset);
int sok_raw_checksum_at(const struct sok_raw *r);
int sok_raw_bind(struct sok_raw *r, const struct sok_addr *local);         // 0.0.0.0: any
int sok_raw_connect(struct sok_raw *r, const struct sok_endpoint *remote); // its port is nobody's
void sok_raw_disconnect(struct sok_raw *r, const struct sok_addr *local);
void sok_raw_use_device(struct sok_raw *r, uint8_t device); // as of UDP
void sok_raw_options(struct sok_raw *r, const struct sok_dgram_opts *opts);
// As of UDP.
int sok_raw_group(struct sok_raw *r, const struct sok_group_change *change, int64_t now);
int sok_raw_filter(struct sok_raw *r, int link, const struct sok_addr *group, bool exclude,
    const struct sok_addr *sources, unsigned count, int64_t now);
int sok_raw_filter_get(const struct sok_raw *r, int link, const struct sok_addr *group,
    bool *exclude, struct sok_addr *sources, unsigned *count);
void sok_raw_multicast(struct sok_raw *r, const struct sok_multicast_opts *opts);
// ICMP's types that are not given, a bit for each.
void sok_raw_block_types(struct sok_raw *r, const uint32_t blocked[8]);
void sok_raw_blocked_types(const struct sok_raw *r, uint32_t blocked[8]);
// What is sent begins with the IP header; so from the start with protocol 255.
void sok_raw_hdrincl(struct sok_raw *r, bool on);
bool sok_raw_has_hdrincl(const struct sok_raw *r);
// With a header of its own: SOK_EMSGSIZE over the link's MTU, SOK_EINVAL when it is none; else cut as need be.
int64_t sok_raw_sendto(struct sok_raw *r, const struct sok_iov *iov, unsigned count,
    const struct sok_endpoint *to, int64_t now);
// One datagram; *at: when it came. SOK_EAGAIN: none.
int64_t sok_raw_recvfrom(
    struct sok_raw *r, void *data, size_t len, struct sok_endpoint *from, int64_t *at, int64_t now);
int sok_raw_error(struct sok_raw *r);
int64_t sok_raw_recv_error(
    struct sok_raw *r, void *data, size_t len, struct sok_dgram_error *out, int64_t now);
struct sok_addr sok_raw_local(const struct sok_raw *r);
void sok_raw_close(struct sok_raw *r);

// Frames of links (packet(7)): those that come, and for SOK_FRAMES_ALL_TYPES those that leave. Numbers as in
// <linux/if_packet.h> and <linux/if_ether.h>.
enum sok_frame_kind {
    SOK_FRAME_FOR_US,
    SOK_FRAME_BROADCAST,
    SOK_FRAME_MULTICAST,
    SOK_FRAME_FOR_OTHERS,
    SOK_FRAME_OUTGOING,
};
#define SOK_FRAMES_ALL_TYPES 3
#define SOK_FRAMES_ALL_LINKS (-1)
struct sok_frame_addr {
    uint16_t type; // Ethernet's
    uint8_t link;
    uint8_t kind;   // enum sok_frame_kind
    uint8_t mac[6]; // of who sent it; for sending, of who is to have it
    uint32_t whole; // bytes there were, of which a filter wanted fewer
};
// type 0: none until bind. cooked: without the link's header, which is made from the address when sending.
int sok_frames_open(struct sok_stack *stack, uint16_t type, bool cooked, struct sok_frames **out);
int sok_frames_bind(struct sok_frames *f, int link, uint16_t type);
void sok_frames_options(struct sok_frames *f, const struct sok_dgram_opts *opts);
// What it wants of the frames (base/bpf.h; count 0: all of all): SOK_EINVAL, SOK_ENOMEM, the filter stays then.
struct sok_bpf_insn;
int sok_frames_filter(struct sok_frames *f, const struct sok_bpf_insn *program, unsigned count);
bool sok_frames_is_filtered(const struct sok_frames *f);
void sok_frames_incoming(struct sok_frames *f, bool alone); // those that come, not those that leave
// Since they were taken last: frames that were wanted, of which some found no room.
struct sok_frames_counts {
    uint32_t frames, dropped;
};
struct sok_frames_counts sok_frames_take_counts(struct sok_frames *f);
// to NULL: the link bound to. Not cooked: nothing but to->link is looked at.
int64_t sok_frames_send(struct sok_frames *f, const struct sok_iov *iov, unsigned count,
    const struct sok_frame_addr *to, int64_t now);
int64_t sok_frames_recv(struct sok_frames *f, void *data, size_t len, struct sok_frame_addr *from,
    int64_t *at, int64_t now);
int sok_frames_error(struct sok_frames *f);
void sok_frames_close(struct sok_frames *f);

// ---- all sockets of every kind, for onlookers: census.c ----

// The newest whose number is smaller; id 0: of all. Takes no memory, and a step each in a row of calls.
struct sok_sock *sok_stack_sock_before(struct sok_stack *stack, uint32_t id);
// The one with this number; NULL: none.
struct sok_sock *sok_stack_sock(struct sok_stack *stack, uint32_t id);

// What one that is not TCP's says of itself.
struct sok_sock_about {
    struct sok_endpoint local, remote; // echo: its identifier is the local port
    bool connected, v6only;
    uint8_t protocol;  // raw sockets,
    uint16_t type;     // packet sockets: EtherType,
    int link;          // and link, of others that they are bound to; -1: all
    size_t held, most; // bytes of memory that what waits to be read takes, and may take
};
void sok_stack_about(const struct sok_sock *sock, struct sok_sock_about *out);
// Ends a connection, a listener or what a datagram socket is connected to; its holder reads SOK_EABORTED.
// SOK_EINVAL: no such number, SOK_EOPNOTSUPP: of a kind that has nothing to end.
int sok_stack_kill(struct sok_stack *stack, uint32_t id, int64_t now);

// ---- a gateway: a stack that answers for every address (link/user.c) ----

// Every address is this stack's own, those of 127.0.0.0/8 too. sok_tcp_listen_any() and what follows take
// what comes for them.
void sok_stack_any(struct sok_stack *stack, bool on);
// The other side of it: 127.0.0.0/8 is routed like any other network, instead of being this stack.
void sok_stack_loopback_out(struct sok_stack *stack, bool on);

// A UDP socket for all datagrams to one host that no other socket wants. EADDRINUSE: there is one.
int sok_udp_open_any(struct sok_stack *stack, struct sok_udp **out);
int64_t sok_udp_recv_any(struct sok_udp *u, void *data, size_t len, struct sok_endpoint *from,
    struct sok_endpoint *to, int64_t now);
int64_t sok_udp_send_any(struct sok_udp *u, const struct sok_iov *iov, unsigned count,
    const struct sok_endpoint *from, const struct sok_endpoint *to, int64_t now);

// Echo requests to other addresses than the stack's own are handed over instead of being answered.
#define SOK_ECHO_REQUESTS_MAX 128 // that wait to be taken; more are dropped
struct sok_echo_request {
    struct sok_echo_request *next;
    struct sok_addr from, to;
    uint16_t id, seq;
    uint8_t ttl, tos;
    uint32_t len;
    uint8_t data[];
};
void sok_stack_echo_hand_over(struct sok_stack *stack, bool on);
struct sok_echo_request *sok_stack_echo_take(struct sok_stack *stack); // NULL: none
void sok_stack_echo_done(struct sok_stack *stack, struct sok_echo_request *r);
// The answer of `to` (of the request) with this identifier and sequence number.
int sok_stack_echo_answer(struct sok_stack *stack, const struct sok_echo_request *to, uint16_t seq,
    const void *data, size_t len, uint8_t ttl, int64_t now);

// An ICMP error to asker about what it sent to `about`; from: who says so.
struct sok_complaint {
    struct sok_addr from, asker, about;
    uint8_t proto;   // of the packet complained about,
    uint8_t head[8]; // the first bytes behind its IP header,
    uint16_t len;    // and how many there were in all
    uint8_t type, code;
};
int sok_stack_complain(struct sok_stack *stack, const struct sok_complaint *c, int64_t now);

// ---- for tests and views ----
void sok_stack_counts(
    const struct sok_stack *stack, struct sok_tcp_counts *out); // drops of all layers
const char *sok_stack_check(const struct sok_stack *stack);     // as sok_tcp_invariants

#endif
