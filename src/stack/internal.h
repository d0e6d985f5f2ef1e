// What the files of src/stack share. Outside src/stack only stack.h is included.
//
//   a frame in:   input.c (Ethernet) -> arp.c | ip4.c or ip6.c (reassembly.c) -> ip.c -> icmp.c | icmp6.c |
//                 udp.c | TCP, and copies to raw.c; packet sockets look on (frames.c)
//   a frame out:  output.c pulls from the link's queues (packet.c), filled through ip.c and neighbour.c,
//                 and from TCP
//   to ourselves: link 0, whose frames local.c takes out and puts in again
#ifndef SOK_STACK_INTERNAL_H
#define SOK_STACK_INTERNAL_H

#include "base/container.h"
#include "base/map.h"
#include "base/timers.h"
#include "stack/acd.h"
#include "stack/dad.h"
#include "stack/dhcp.h"
#include "stack/errqueue.h"
#include "stack/group.h"
#include "stack/link_local.h"
#include "stack/listener.h"
#include "stack/reassembly.h"
#include "stack/router.h"
#include "stack/slaac.h"
#include "stack/source.h"
#include "stack/stack.h"
#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/icmp6.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/split.h"
#include "wire/vlan.h"

// ---- packets that wait: packet.c ----

// A packet of ours other than TCP's, from the Ethernet header on, in one piece. What its link has in place
// of a plain Ethernet header it gets when it leaves; there is room for a tag.
struct sok_packet {
    struct sok_packet *next;
    struct sok_addr next_hop;
    uint32_t len; // of frame
    uint32_t conn;
    uint8_t link;
    uint8_t reason; // enum sok_reason
    uint8_t loops;  // on link 0: a copy of what went to a group on this link; 0: it is none
    bool given;     // a program's own header, whatever it says
    uint8_t *frame; // in bytes
    uint32_t size;  // of bytes
    uint8_t bytes[];
};

struct sok_packet_queue {
    struct sok_packet *first, *last;
    uint32_t count;
};

struct sok_packet *sok_outgoing_new(struct sok_stack *s, uint32_t frame_len); // NULL: no memory
void sok_outgoing_free(struct sok_stack *s, struct sok_packet *p);            // NULL is allowed
void sok_outgoing_push(struct sok_packet_queue *q, struct sok_packet *p);
struct sok_packet *sok_outgoing_pop(struct sok_packet_queue *q); // NULL: none
void sok_outgoing_free_all(struct sok_stack *s, struct sok_packet_queue *q);

// What a program gives to be sent.
size_t sok_iov_total(const struct sok_iov *iov, unsigned count);
void sok_iov_copy(uint8_t *to, const struct sok_iov *iov, unsigned count);

// ---- links ----

#define SOK_STACK_LOCAL 0 // the link to ourselves
#define SOK_TCP_FRAME_HEAD_MAX                                                                     \
    (SOK_ETH_HDR_LEN + SOK_VLAN_HDR_LEN + SOK_IP6_HDR_LEN + SOK_TCP_HEAD_MAX)

struct sok_stack_link {
    struct sok_link_info info;
    struct sok_packet_queue arp, packets; // each has at most out_queue_max
    // As a router says (RFC 4861 section 6.3.4); 0: it does not.
    uint16_t ip6_mtu;
    uint8_t ip6_hop_limit;
    uint32_t reachable_ms, retrans_ms;
    bool blocked;                     // a sender was told to wait for room in `packets`
    struct sok_neighbour *recent;     // last one looked up
    struct sok_listener listeners[2]; // of groups: IPv4, IPv6
    struct sok_link_local link_local;
    struct sok_packet *leaving; // what the frame last given out points into
    // A super-frame being cut for a link that takes none. Calls may come between its frames, so its
    // payload is copied; what a device takes whole points into TCP's send buffer.
    bool cutting;
    struct sok_split split;
    struct sok_frame_out super;
    struct sok_tcp_segment segment;
    uint8_t head[SOK_TCP_FRAME_HEAD_MAX];
    uint8_t *payload; // SOK_PAYLOAD_MAX bytes, while the link is busy
};
#define SOK_PAYLOAD_MAX 65536

// The hop limit of IPv6 packets over a link: what a router said, or the setting.
uint8_t sok_ip6_hops(const struct sok_stack *s, uint8_t link);

// Whether frames on it go to a station whose MAC address has to be known.
static inline bool sok_link_has_stations(const struct sok_stack_link *l)
{
    return !(l->info.caps & SOK_LINK_IP);
}

// Where an address or a route comes from.
enum sok_origin {
    SOK_ORIGIN_GIVEN,     // by hand or by DHCP
    SOK_ORIGIN_OWN,       // link-local: made by ourselves
    SOK_ORIGIN_ROUTER,    // what a router advertises: prefixes, itself, other routes
    SOK_ORIGIN_TEMPORARY, // of a prefix as well (RFC 8981)
    SOK_ORIGIN_REDIRECT,
};

struct sok_stack_addr {
    struct sok_addr addr;
    uint8_t prefix_len, link;
    uint8_t origin;  // enum sok_origin
    bool deprecated; // for new connections only if there is no other (RFC 4862 section 5.5.4)
    int64_t preferred_until, valid_until; // SOK_TIME_NEVER: for ever
    struct sok_addr router;               // that advertises its prefix; ::: none
};

struct sok_stack_route {
    struct sok_addr net, gateway;
    uint8_t prefix_len, link;
    uint8_t origin;  // enum sok_origin
    uint32_t metric; // among routes of one length the least wins
    int64_t until;   // SOK_TIME_NEVER: for ever
    // gateway.c
    bool failed; // the gateway does not answer
    int64_t failed_at, probe_at;
};

// ---- neighbours: neighbour.c ----

enum sok_neighbour_list {
    SOK_NEIGHBOURS_ASKED,     // no answer yet, and only packets wait
    SOK_NEIGHBOURS_ASKED_TCP, // no answer yet, and TCP waits
    SOK_NEIGHBOURS_KNOWN,
    SOK_NEIGHBOURS_FIXED, // given by hand
    SOK_NEIGHBOUR_LISTS
};

struct sok_neighbour {
    struct sok_map_node node;
    struct sok_timer timer;              // the next request, or giving up
    struct sok_neighbour *older, *newer; // in its list, by use
    struct sok_addr addr;
    uint8_t link;
    uint8_t list;  // enum sok_neighbour_list
    uint8_t tries; // requests since the last answer
    bool polled;   // known, and being asked again because the answer is old
    bool delayed;  // known and old, and in use: will be asked unless it shows that it is there
    uint8_t mac[6];
    int64_t fresh_until; // SOK_NEIGHBOUR_DOUBTED: ask at once
    struct sok_packet_queue waiting;
};

#define SOK_NEIGHBOUR_DOUBTED INT64_MIN

struct sok_neighbours {
    struct sok_map map;
    struct sok_timers timers;
    struct {
        struct sok_neighbour *oldest, *newest;
    } lists[SOK_NEIGHBOUR_LISTS];
    uint32_t count; // without those given by hand
    uint32_t fixed;
    uint64_t waiting_memory; // of all packets that wait
};

// How much an ARP packet may change.
enum sok_neighbour_how {
    SOK_NEIGHBOUR_HEARD,    // an unsolicited claim: only what is already known
    SOK_NEIGHBOUR_ASKED_US, // a request to us: also something new
    SOK_NEIGHBOUR_ANSWERED, // a reply to us: also what we wait for
};

void sok_neighbours_init(struct sok_stack *s);
void sok_neighbours_free(struct sok_stack *s);
// The MAC address of a next hop, or NULL: it is being asked for. for_tcp: TCP has been parked then.
const uint8_t *sok_neighbour_mac(
    struct sok_stack *s, uint8_t link, const struct sok_addr *addr, bool for_tcp, int64_t now);
// Sends p to p->next_hop, now or when its MAC address is known. Takes p in any case.
void sok_neighbour_send(struct sok_stack *s, struct sok_packet *p, int64_t now);
bool sok_neighbour_learn(struct sok_stack *s, uint8_t link, const struct sok_addr *addr,
    const uint8_t mac[6], enum sok_neighbour_how how, int64_t now);
// TCP hears nothing from behind it: it is asked again when it is used next.
void sok_neighbour_doubt(void *stack, uint8_t link, const struct sok_addr *addr, int64_t now);
// TCP hears something new from behind it: it is there (RFC 4861 section 7.3.1).
void sok_neighbour_confirm(void *stack, uint8_t link, const struct sok_addr *addr, int64_t now);
// A message from addr itself, which is not an answer, said so: known, but to be asked when it is used.
bool sok_neighbour_told(struct sok_stack *s, uint8_t link, const struct sok_addr *addr,
    const uint8_t mac[6], int64_t now);
// A neighbour advertisement about addr; mac NULL: it had none.
bool sok_neighbour_advertised(struct sok_stack *s, uint8_t link, const struct sok_addr *addr,
    const uint8_t *mac, bool solicited, bool override, int64_t now);
void sok_neighbours_advance(struct sok_stack *s, int64_t now);
const char *sok_neighbours_check(const struct sok_stack *s);

// One request for a neighbour that nobody waits for, unless it is known or being asked for.
void sok_neighbour_probe(
    struct sok_stack *s, uint8_t link, const struct sok_addr *addr, int64_t now);

// ---- gateways that do not answer: gateway.c ----

// Nobody answers for a neighbour: routes over it are used no more while there are others.
void sok_gateway_failed(
    struct sok_stack *s, uint8_t link, const struct sok_addr *addr, int64_t now);
// It is there (again).
void sok_gateway_works(struct sok_stack *s, uint8_t link, const struct sok_addr *addr);
// Something goes to dst by next_hop: other gateways that it could have gone by are asked whether they answer now.
void sok_gateway_wanted(struct sok_stack *s, uint8_t link, const struct sok_addr *dst,
    const struct sok_addr *next_hop, int64_t now);
// Whether a goes before b in this respect: < 0 it does, 0 no difference, > 0 b does.
int sok_gateway_compare(const struct sok_stack_route *a, const struct sok_stack_route *b);
const char *sok_gateway_check(const struct sok_stack *s);

// ---- the stack ----

#define SOK_ICMP_LIMITS 64
struct sok_icmp_limit {
    struct sok_addr addr;
    int64_t next; // no error to it before
};

#define SOK_PMTUS 256
struct sok_pmtu {
    struct sok_addr addr;
    struct sok_path_mtu known;
};

#define SOK_ID_COUNTERS 256

struct sok_stack {
    struct sok_stack_config config;
    struct sok_events events;
    struct sok_sock_queue changed;
    struct sok_sock_list socks;
    int64_t now; // of the last call
    struct sok_tcp *tcp;
    struct sok_stack_link *links[SOK_STACK_LINKS_MAX];
    unsigned link_count, addr_count, route_count;
    struct sok_stack_addr addrs[SOK_STACK_ADDRS_MAX];
    struct sok_stack_route routes[SOK_STACK_ROUTES_MAX];
    struct sok_neighbours neighbours;
    struct sok_acd acd[SOK_STACK_ADDRS_MAX];
    unsigned acd_count;
    struct sok_dhcp *dhcp[SOK_STACK_LINKS_MAX];   // NULL: no client
    struct sok_slaac *slaac[SOK_STACK_LINKS_MAX]; // NULL: not started
    int64_t routes_due;                           // the first route whose time is over
    unsigned routes_failed;                       // those whose gateway does not answer
    struct sok_reassembly reassembly;
    struct sok_map udp, echo; // by local port; by identifier
    struct sok_map groups;    // by link and address
    struct sok_raw *raws;
    struct sok_frames *frames;
    bool any;          // every address is ours
    bool loopback_out; // 127.0.0.0/8 is not
    bool echo_handed;  // echo requests are handed over:
    struct sok_echo_request *echo_first, *echo_last;
    uint32_t echo_count;
    uint8_t hash_key[16];
    uint64_t random;               // state of sok_stack_random()
    uint64_t id_key;               // spreads destinations over ids
    uint16_t ids[SOK_ID_COUNTERS]; // next IP identification
    struct sok_icmp_limit icmp_limits[SOK_ICMP_LIMITS];
    struct sok_pmtu pmtus[SOK_PMTUS];
    uint64_t drops[SOK_DROP_COUNT];
    uint8_t looping; // the link that what comes in on link 0 right now was sent to a group on
    bool few_ports;  // port_first and port_count are all there are
};

// Whether programs may have this port (sok_stack_ports).
bool sok_port_is_ours(const struct sok_stack *s, uint16_t port);

static inline const struct sok_mem *sok_stack_mem(const struct sok_stack *s)
{
    return &s->config.mem;
}
uint64_t sok_stack_random(struct sok_stack *s);
static inline void sok_stack_drop(struct sok_stack *s, enum sok_drop why)
{
    s->drops[why]++;
}
// An event of a call on a UDP or echo socket; NULL when nobody listens.
struct sok_event *sok_stack_call(struct sok_stack *s, uint32_t conn, enum sok_call call,
    int64_t amount, int64_t result, int64_t now);

// ---- addresses and routes: route.c ----

enum sok_dst_kind {
    SOK_DST_OTHER,     // a host that is not this one
    SOK_DST_OURS,      // an address of this stack
    SOK_DST_BROADCAST, // of all, or of one of our networks
    SOK_DST_MULTICAST,
};
// By the addresses the stack was given, also when it answers for every address. link: on which a link-local address
// is looked for, 0: on all.
enum sok_dst_kind sok_dst_kind(const struct sok_stack *s, uint8_t link, const struct sok_addr *a);
enum sok_dst_kind sok_dst_kind4(const struct sok_stack *s, uint32_t v4);
// Whether we answer for it: one of the given, 127/8, or any when sok_stack_any() says so.
bool sok_addr_is_ours(const struct sok_stack *s, const struct sok_addr *a);
// Looks a path up, as sok_tcp_route_fn says (ctx: the stack); also for broadcast and multicast.
int sok_stack_route(void *ctx, const struct sok_addr *source, const struct sok_endpoint *to,
    struct sok_tcp_path *out);
// An own address for packets on this link towards `to`, any when there is none.
struct sok_addr sok_source_for(const struct sok_stack *s, uint8_t link, const struct sok_addr *to);
// Whether it may be added: 0, or why not.
int sok_addr_check(
    const struct sok_stack *s, uint8_t link, struct sok_addr addr, unsigned prefix_len);
// Takes an address and the route to its network out of the tables; SOK_EADDRNOTAVAIL: not there.
int sok_addr_forget(struct sok_stack *s, uint8_t link, const struct sok_addr *addr);
// The entry of an address on a link; NULL: none. Valid until addresses change.
struct sok_stack_addr *sok_addr_entry(
    struct sok_stack *s, uint8_t link, const struct sok_addr *addr);
// As sok_stack_route_add. What is there already gets the new metric, origin and time.
int sok_route_set(struct sok_stack *s, const struct sok_stack_route *route);
// A network: its first bits, the others 0.
struct sok_addr sok_addr_net(const struct sok_addr *a, unsigned prefix_len);
// The group that a neighbour solicitation for it is sent to (RFC 4291 section 2.7.1).
struct sok_addr sok_addr_solicited(const struct sok_addr *a);
// As sok_stack_addr_add; where it comes from says whether it brings a route to its network: not when a router says
// which prefixes are on the link.
int sok_addr_put(struct sok_stack *s, uint8_t link, struct sok_addr addr, unsigned prefix_len,
    enum sok_origin origin);
bool sok_addr_on_link(const struct sok_stack *s, uint8_t link, const struct sok_addr *a);

// Whether who is bound to a device (the number of a link + 1; 0: to none) hears what came on a link for this address of ours. What
// was sent to an address of the device did not come in there if it is from this machine, and is as good as.
bool sok_device_hears(
    const struct sok_stack *s, uint8_t device, uint8_t link, const struct sok_addr *to);

// The way to a peer of who is bound to a device. The zone of a link-local one becomes that.
int sok_device_way(struct sok_stack *s, uint8_t device, const struct sok_addr *source,
    struct sok_endpoint *remote, struct sok_tcp_path *path);

// The zone of an endpoint with this address that is reached over a link (RFC 4007).
static inline uint32_t sok_zone_of(const struct sok_addr *a, uint8_t link)
{
    return !sok_addr_is_v4(*a) && sok_addr_is_link_local(a) ? link + 1u : 0;
}

static inline struct sok_endpoint sok_scoped(const struct sok_addr *a, uint8_t link, uint16_t port)
{
    return (struct sok_endpoint){.addr = *a, .zone = sok_zone_of(a, link), .port = port};
}

// ---- on the way in: input.c fills it, the others read it ----

struct sok_in {
    uint8_t link;
    uint8_t group_link; // whose groups count: not `link` for what we have sent to a group ourselves
    const struct sok_frame *frame;
    int64_t now;
    bool link_unicast; // the Ethernet destination was ours alone
    bool unicast;      // and so are the IP destination and source
    bool counted;      // who has it counts what is dropped
    bool whole;        // was put together from fragments
    bool v6;
    uint8_t proto, tos, ttl; // of IPv6 the last next header, traffic class and hop limit
    struct sok_ip4_hdr ip;   // IPv4 alone
    struct sok_addr src, dst;
    const uint8_t *packet;    // the IP header
    const uint8_t *data;      // behind it
    uint32_t header_len, len; // of the IP header, with extension headers; of data, without padding
    uint32_t field;           // IPv6: where in the packet `proto` stands
    struct sok_tcp_outcome *out; // what it did
};

void sok_arp_input(struct sok_stack *s, struct sok_in *in, const uint8_t *p, uint32_t len);
void sok_ip4_input(struct sok_stack *s, struct sok_in *in, const uint8_t *p, uint32_t len);
void sok_ip6_input(struct sok_stack *s, struct sok_in *in, const uint8_t *p, uint32_t len);
// A datagram that is whole: to whom it is for.
void sok_ip_deliver(struct sok_stack *s, struct sok_in *in);
void sok_icmp_input(struct sok_stack *s, struct sok_in *in);
void sok_udp_input(struct sok_stack *s, struct sok_in *in);

// ---- on the way out: arp.c, ip.c, ip4.c, ip6.c, icmp.c ----

// Asks who has addr: everybody, or the one thought to have it.
void sok_arp_ask(struct sok_stack *s, uint8_t link, const struct sok_addr *addr, const uint8_t *mac,
    enum sok_reason reason);

// RFC 5227: whether somebody has it, and that it is ours.
void sok_arp_probe(struct sok_stack *s, uint8_t link, const struct sok_addr *addr);
void sok_arp_announce(
    struct sok_stack *s, uint8_t link, const struct sok_addr *addr, enum sok_reason reason);

// Neighbour discovery: nd.c.
enum sok_drop sok_nd_input(struct sok_stack *s, struct sok_in *in);
// Asks who has addr: all that might, or the one thought to have it.
void sok_nd_ask(struct sok_stack *s, uint8_t link, const struct sok_addr *addr, const uint8_t *mac,
    enum sok_reason reason);
// Tells all nodes that it is ours (RFC 4861 section 7.2.6).
void sok_nd_announce(
    struct sok_stack *s, uint8_t link, const struct sok_addr *addr, enum sok_reason reason);

struct sok_ip_out {
    struct sok_addr src, dst; // of one family
    uint8_t proto, tos;       // tos: of IPv6 the traffic class
    uint8_t ttl;              // 0: the default
    uint8_t reason;
    uint32_t conn;
    // From sok_ip_discover(); else it is cut by whoever needs to:
    bool df;      // no router may, nor may it be cut here
    bool uncut;   // not here: SOK_EMSGSIZE
    bool by_link; // the link's MTU counts, whatever is known of the way
};
void sok_ip_discover(
    struct sok_ip_out *o, const struct sok_dgram_opts *opts, const struct sok_tcp_path *path);
// Whether what routers say of the MTU may be about what such a socket sends: they may cut the rest, or it looks away.
bool sok_ip_heeds(const struct sok_dgram_opts *opts, const struct sok_addr *to);
// A packet with room for len bytes behind its IP header, at *data.
struct sok_packet *sok_ip_new(
    struct sok_stack *s, const struct sok_addr *dst, uint32_t len, uint8_t **data);
// Sends it along a path, in fragments if need be. Takes p in any case. 0, SOK_EMSGSIZE or SOK_EAGAIN (the
// link's queue is full).
int sok_ip_send(struct sok_stack *s, struct sok_packet *p, const struct sok_ip_out *o,
    const struct sok_tcp_path *path, int64_t now);
// The same with an IP header that is there already: nothing is filled in, nothing is cut.
int sok_ip_send_given(struct sok_stack *s, struct sok_packet *p, const struct sok_ip_out *o,
    const struct sok_tcp_path *path, int64_t now);
// The Ethernet address of a group.
void sok_group_mac(const struct sok_addr *group, uint8_t mac[6]);

// Most bytes of a packet to dst, from its IP header on.
static inline uint32_t sok_ip_packet_max(const struct sok_addr *dst)
{
    return sok_addr_is_v4(*dst) ? SOK_IP4_PACKET_MAX : SOK_IP6_HDR_LEN + UINT16_MAX;
}
// Most bytes behind the IP header.
static inline uint32_t sok_ip_data_max(const struct sok_addr *dst)
{
    return sok_addr_is_v4(*dst) ? SOK_IP4_PACKET_MAX - SOK_IP4_HDR_LEN : UINT16_MAX;
}

// What ip.c needs of each family: the header of a packet (fields, lengths, sums), how many bytes each of its
// fragments but the last carries, and one of them, with its headers (NULL: no memory).
void sok_ip4_put(struct sok_stack *s, struct sok_packet *p, const struct sok_ip_out *o, bool whole);
uint32_t sok_ip4_fragment_len(uint32_t mtu);
struct sok_packet *sok_ip4_fragment(
    struct sok_stack *s, const struct sok_packet *whole, uint32_t at, uint32_t len);
void sok_ip6_put(struct sok_stack *s, struct sok_packet *p, const struct sok_ip_out *o);
uint32_t sok_ip6_fragment_len(uint32_t mtu);
struct sok_packet *sok_ip6_fragment(
    struct sok_stack *s, const struct sok_packet *whole, uint32_t id, uint32_t at, uint32_t len);
// The same label for all packets of a flow (RFC 6437 section 3).
uint32_t sok_ip6_label(const struct sok_stack *s, const struct sok_endpoint *from,
    const struct sok_endpoint *to, uint8_t proto);
uint16_t sok_ip4_id(struct sok_stack *s, const struct sok_addr *dst, uint8_t proto, unsigned count);

// ICMPv6: icmp6.c. Answers with an error, whose second word is `word`, if that is allowed (RFC 4443 section 2.4 e).
void sok_icmp6_input(struct sok_stack *s, struct sok_in *in);
void sok_icmp6_answer(struct sok_stack *s, const struct sok_in *in, uint8_t type, uint8_t code,
    uint32_t word, enum sok_reason reason);

// Errors (RFC 1122 section 3.2.2): answers the packet with one, if that is allowed.
void sok_icmp_answer(struct sok_stack *s, const struct sok_in *in, uint8_t type, uint8_t code,
    enum sok_reason reason);
// A packet of ours could not be delivered: tells the socket it came from.
void sok_icmp_undelivered(struct sok_stack *s, const struct sok_packet *p, int err, int64_t now);

// An error about something sent, from the network or from ourselves.
struct sok_icmp_news {
    struct sok_addr from;
    int err;
    bool hard;
    uint8_t type, code;
    // Of the quoted packet:
    uint8_t proto;
    bool echo;                  // a request for an echo
    uint16_t len;               // IPv4: of all of it
    uint32_t seq;               // TCP
    uint16_t echo_id, echo_seq; // of echo
    struct sok_endpoint local, remote;
    uint32_t mtu;        // SOK_EMSGSIZE
    const uint8_t *data; // the quoted packet from its transport's header on,
    uint32_t data_len;   // as far as it was quoted
};
uint32_t sok_icmp_deliver(struct sok_stack *s, const struct sok_icmp_news *n, int64_t now);
// At most one error in icmp_interval to each host.
bool sok_icmp_within_limit(struct sok_stack *s, const struct sok_addr *to, int64_t now);
void sok_icmp6_undelivered(struct sok_stack *s, const struct sok_packet *p, int err, int64_t now);
// Each gives the number of the socket concerned, or 0.
uint32_t sok_udp_news(struct sok_stack *s, const struct sok_icmp_news *n);
uint32_t sok_echo_news(struct sok_stack *s, const struct sok_icmp_news *n, int64_t now);
uint32_t sok_raw_news(struct sok_stack *s, const struct sok_icmp_news *n);
// Whose socket may have sent it, whether it wants to hear of it or not.
void sok_udp_too_big(struct sok_stack *s, const struct sok_icmp_news *n);
uint32_t sok_udp_sender(const struct sok_stack *s, const struct sok_icmp_news *n);
uint32_t sok_raw_sender(const struct sok_stack *s, const struct sok_icmp_news *n);
// An echo reply came; 0: nobody asked.
uint32_t sok_echo_reply_input(
    struct sok_stack *s, const struct sok_in *in, uint8_t type, uint16_t id, uint16_t seq);

// any.c: an echo request to somebody else.
enum sok_drop sok_echo_hand_over(
    struct sok_stack *s, const struct sok_in *in, uint16_t id, uint16_t seq);
void sok_any_free(struct sok_stack *s);

// ---- path MTUs: pmtu.c ----

struct sok_path_mtu sok_pmtu_find(const struct sok_stack *s, const struct sok_addr *to);
// A router said that something of ours was too large; mtu 0: not what it can take.
enum sok_drop sok_pmtu_input(
    struct sok_stack *s, struct sok_in *in, const struct sok_icmp_news *n, uint32_t mtu);

// ---- raw and packet sockets: raw.c, frames.c; who calls looks whether there are any ----

// What raw sockets did with a datagram.
struct sok_raw_taken {
    bool wanted;        // there are some for it
    uint32_t conn;      // the first that took it; 0: none did, because of
    enum sok_drop drop; // (which is counted)
};
struct sok_raw_taken sok_raw_input(struct sok_stack *s, const struct sok_in *in);
void sok_raw_room(struct sok_stack *s);
void sok_raw_addr_gone(struct sok_stack *s, const struct sok_addr *addr, int err);
void sok_raw_free_all(struct sok_stack *s);

void sok_frames_see_in(struct sok_stack *s, uint8_t link, const struct sok_frame *frame);
void sok_frames_see_out(struct sok_stack *s, uint8_t link, const struct sok_frame_out *frame);
void sok_frames_room(struct sok_stack *s);
void sok_frames_link_over(struct sok_stack *s, uint8_t link);
void sok_frames_free_all(struct sok_stack *s);

// ---- what sockets say of themselves ----

void sok_udp_about(const struct sok_udp *u, struct sok_sock_about *out);
void sok_echo_about(const struct sok_echo *e, struct sok_sock_about *out);
void sok_raw_about(const struct sok_raw *r, struct sok_sock_about *out);
void sok_frames_about(const struct sok_frames *f, struct sok_sock_about *out);
void sok_udp_kill(struct sok_udp *u);

// ---- sockets, the link to ourselves: udp.c, udp_send.c, echo.c, local.c ----

void sok_udp_room(struct sok_stack *s); // senders that were told to wait may try again
void sok_udp_addr_gone(struct sok_stack *s, const struct sok_addr *addr, int err);
void sok_udp_free_all(struct sok_stack *s);
void sok_echo_free_all(struct sok_stack *s);

bool sok_local_pending(const struct sok_stack *s);
// Hands what is sent to a group on a link (`len` bytes behind the IP header) to the sockets here that are in it.
void sok_local_copy(struct sok_stack *s, const uint8_t *data, uint32_t len,
    const struct sok_ip_out *o, uint8_t link, int64_t now);
void sok_local_run(struct sok_stack *s, int64_t now);
void sok_link_free(struct sok_stack *s, struct sok_stack_link *l);

#endif
