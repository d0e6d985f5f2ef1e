// What happened, and why: the one stream that the timeline, the recording, JSON, counters and tests are
// views of. The core pushes events only while somebody listens (one branch otherwise); the host drains
// them after every call into the stack. Packets carry a copy of their first bytes, so that any view
// decodes them with wire/ and no event type knows a protocol.
#ifndef SOK_BASE_EVENT_H
#define SOK_BASE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/mem.h"

// Why a frame was sent. X(name, text): the text is what the timeline shows and a drill expects.
#define SOK_REASONS(X)                                                                             \
    X(NONE, "")                                                                                    \
    X(OPEN, "open")                                                                                \
    X(OPEN_REPLY, "open reply")                                                                    \
    X(OPEN_COOKIE, "open reply, syn cookie")                                                       \
    X(HANDSHAKE, "handshake done")                                                                 \
    X(DATA, "data")                                                                                \
    X(CLOSE, "close")                                                                              \
    X(ACK_QUICK, "ack at once")                                                                    \
    X(ACK_SECOND, "ack, two segments")                                                             \
    X(ACK_DELAYED, "ack, delay over")                                                              \
    X(ACK_FIN, "ack of close")                                                                     \
    X(ACK_GAP, "ack, gap")                                                                         \
    X(ACK_FILL, "ack, gap filled")                                                                 \
    X(ACK_DUPLICATE, "ack, old data")                                                              \
    X(ACK_OUTSIDE, "ack, outside window")                                                          \
    X(ACK_MARK, "ack, congestion mark")                                                            \
    X(ECN, "congestion mark")                                                                      \
    X(ACK_CHALLENGE, "challenge ack")                                                              \
    X(ACK_PROBE, "answer to probe")                                                                \
    X(WINDOW_UPDATE, "window update")                                                              \
    X(RTO, "again: timeout")                                                                       \
    X(FAST_RETRANSMIT, "again: fast retransmit")                                                   \
    X(IDLE, "idle: the initial window again")                                                      \
    X(HYSTART, "round trips grow: slow start ends")                                                \
    X(RECOVERY, "again: recovery")                                                                 \
    X(TAIL_PROBE, "again: tail loss probe")                                                        \
    X(TAIL_PROBE_NEW, "tail loss probe")                                                           \
    X(TAIL_PROBE_LOST, "mended by a tail loss probe")                                              \
    X(RECOVERED, "recovery over")                                                                  \
    X(UNDO_DSACK, "undone: all of it had arrived")                                                 \
    X(UNDO_EIFEL, "undone: the first copy was answered")                                           \
    X(UNDO_FRTO, "undone: what was not repeated arrives")                                          \
    X(FASTOPEN, "again: not taken with the syn")                                                   \
    X(PATH_MTU, "again: path mtu")                                                                 \
    X(WINDOW_PROBE, "window probe")                                                                \
    X(KEEPALIVE, "keep-alive")                                                                     \
    X(RST_CLOSED, "no such port")                                                                  \
    X(RST_BAD_ACK, "unacceptable ack")                                                             \
    X(RST_ABORT, "abort")                                                                          \
    X(RST_LINGER, "lingered in vain")                                                              \
    X(RST_UNREAD, "closed with data unread")                                                       \
    X(RST_LATE, "data after close")                                                                \
    X(RST_NO_ROOM, "accept queue closed")                                                          \
    X(ARP_ASK, "who has")                                                                          \
    X(ARP_AGAIN, "who has, again")                                                                 \
    X(ARP_REPLY, "answer")                                                                         \
    X(ARP_ANNOUNCE, "announce")                                                                    \
    X(ARP_PROBE, "is it free")                                                                     \
    X(ARP_DEFEND, "it is ours")                                                                    \
    X(DHCP_DISCOVER, "dhcp discover")                                                              \
    X(DHCP_REQUEST, "dhcp request")                                                                \
    X(DHCP_RENEW, "dhcp request, renewing")                                                        \
    X(DHCP_REBIND, "dhcp request, rebinding")                                                      \
    X(DHCP_DECLINE, "dhcp decline")                                                                \
    X(DHCP_RELEASE, "dhcp release")                                                                \
    X(ROUTER_ASK, "who is a router")                                                               \
    X(DHCP6_ASK, "dhcpv6 information request")                                                     \
    X(GROUPS, "groups heard")                                                                      \
    X(DATAGRAM, "datagram")                                                                        \
    X(RAW, "raw datagram")                                                                         \
    X(FRAME, "frame as given")                                                                     \
    X(ECHO_ASK, "ping")                                                                            \
    X(ECHO_REPLY, "answer")                                                                        \
    X(ICMP_PORT, "no such port")                                                                   \
    X(ICMP_PROTO, "no such protocol")                                                              \
    X(ICMP_PARAMETER, "parameter problem")                                                         \
    X(ICMP_REASSEMBLY, "fragments missing")

enum sok_reason {
#define SOK_X(name, text) SOK_REASON_##name,
    SOK_REASONS(SOK_X)
#undef SOK_X
        SOK_REASON_COUNT
};

// Why a frame, or part of it, was not used. Counted per stack, shown on the timeline.
#define SOK_DROPS(X)                                                                               \
    X(NONE, "")                                                                                    \
    X(NO_MEMORY, "no memory")                                                                      \
    X(ETH_SHORT, "ethernet: too short")                                                            \
    X(ETH_NOT_US, "ethernet: for somebody else")                                                   \
    X(ETH_TYPE, "ethernet: unknown type")                                                          \
    X(ETH_VLAN, "ethernet: another vlan")                                                          \
    X(ARP_MALFORMED, "arp: malformed")                                                             \
    X(ARP_NOT_US, "arp: not about us")                                                             \
    X(ARP_CONFLICT, "arp: claims our address")                                                     \
    X(IP_SHORT, "ip: too short")                                                                   \
    X(IP_VERSION, "ip: wrong version")                                                             \
    X(IP_HEADER_LENGTH, "ip: bad header length")                                                   \
    X(IP_TOTAL_LENGTH, "ip: bad total length")                                                     \
    X(IP_CHECKSUM, "ip: bad checksum")                                                             \
    X(IP_OPTION, "ip: malformed option")                                                           \
    X(IP_SOURCE, "ip: impossible source")                                                          \
    X(IP_NOT_US, "ip: for somebody else")                                                          \
    X(IP_FRAGMENT, "ip: malformed fragment")                                                       \
    X(IP_FRAGMENT_OVERLAP, "ip: fragments contradict each other")                                  \
    X(IP_FRAGMENT_LIMIT, "ip: too many fragments")                                                 \
    X(IP_FRAGMENT_LATE, "ip: fragments missing")                                                   \
    X(IP_EXTENSION, "ip: bad extension header")                                                    \
    X(IP_EMPTY, "ip: nothing behind the headers")                                                  \
    X(IP_PROTOCOL, "ip: unknown protocol")                                                         \
    X(RAW_QUEUE_FULL, "raw: queue full")                                                           \
    X(RAW_CHECKSUM, "raw: bad checksum")                                                           \
    X(FRAMES_QUEUE_FULL, "frames: queue full")                                                     \
    X(ICMP_SHORT, "icmp: too short")                                                               \
    X(ICMP_CHECKSUM, "icmp: bad checksum")                                                         \
    X(ICMP_TYPE, "icmp: type ignored")                                                             \
    X(ICMP_QUOTE, "icmp: quotes nothing of ours")                                                  \
    X(ICMP_MTU, "icmp: mtu not lower")                                                             \
    X(ICMP_BROADCAST, "icmp: echo to broadcast")                                                   \
    X(ICMP_NOBODY, "icmp: nobody asked")                                                           \
    X(UDP_SHORT, "udp: too short")                                                                 \
    X(UDP_LENGTH, "udp: bad length")                                                               \
    X(UDP_CHECKSUM, "udp: bad checksum")                                                           \
    X(UDP_PORT_ZERO, "udp: port 0")                                                                \
    X(UDP_NO_SOCKET, "udp: no such port")                                                          \
    X(UDP_QUEUE_FULL, "udp: queue full")                                                           \
    X(DHCP_MALFORMED, "dhcp: malformed")                                                           \
    X(DHCP_NOT_US, "dhcp: not for us")                                                             \
    X(DHCP_UNUSABLE, "dhcp: nothing usable offered")                                               \
    X(TCP_SHORT, "tcp: too short")                                                                 \
    X(TCP_OFFSET, "tcp: bad data offset")                                                          \
    X(TCP_CHECKSUM, "tcp: bad checksum")                                                           \
    X(TCP_PORT_ZERO, "tcp: port 0")                                                                \
    X(TCP_NOT_UNICAST, "tcp: not unicast")                                                         \
    X(TCP_NO_CONNECTION, "tcp: no such connection")                                                \
    X(TCP_NO_ACK, "tcp: no ack")                                                                   \
    X(TCP_BAD_ACK, "tcp: unacceptable ack")                                                        \
    X(TCP_FUTURE_ACK, "tcp: acks what was never sent")                                             \
    X(TCP_OLD_ACK, "tcp: ack too old")                                                             \
    X(TCP_OUTSIDE_WINDOW, "tcp: outside window")                                                   \
    X(TCP_PAWS, "tcp: old timestamp")                                                              \
    X(TCP_BAD_RST, "tcp: reset not exact")                                                         \
    X(TCP_SYN_IN_STATE, "tcp: syn on open connection")                                             \
    X(TCP_NOT_SYN, "tcp: not a syn")                                                               \
    X(TCP_AFTER_FIN, "tcp: data after close")                                                      \
    X(TCP_TIME_WAIT, "tcp: in time-wait")                                                          \
    X(TCP_BACKLOG, "tcp: backlog full")                                                            \
    X(TCP_REASSEMBLY, "tcp: reassembly full")                                                      \
    X(TCP_RCVBUF, "tcp: receive buffer full")                                                      \
    X(TCP_REPLY_QUEUE, "tcp: too many resets to send")                                             \
    X(IGMP_MALFORMED, "igmp: malformed")                                                           \
    X(IGMP_CHECKSUM, "igmp: bad checksum")                                                         \
    X(IGMP_NOT_US, "igmp: not for us")                                                             \
    X(MLD_MALFORMED, "mld: malformed")                                                             \
    X(MLD_NOT_US, "mld: not for us")                                                               \
    X(ND_MALFORMED, "nd: malformed")                                                               \
    X(ND_NOT_US, "nd: not about us")                                                               \
    X(ND_CONFLICT, "nd: claims our address")                                                       \
    X(ND_NOT_WANTED, "nd: not asked for")                                                          \
    X(ND_LIMIT, "nd: too much said")                                                               \
    X(GROUP_SOURCE, "group: no socket wants this source")                                          \
    X(NEIGHBOUR_FAILED, "neighbour: no answer")                                                    \
    X(NEIGHBOUR_QUEUE, "neighbour: queue full")                                                    \
    X(OUT_QUEUE, "output queue full")                                                              \
    X(RATE, "rate limited")

enum sok_drop {
#define SOK_X(name, text) SOK_DROP_##name,
    SOK_DROPS(SOK_X)
#undef SOK_X
        SOK_DROP_COUNT
};

// What a received frame did; several may apply. X(name, text). Amounts are in the packet event.
#define SOK_EFFECTS(X)                                                                             \
    X(PART, "part, held")            /* a fragment that others must join */                        \
    X(COMPLETE, "whole now")         /* the last fragment that was missing */                      \
    X(OPENED, "opens")               /* SYN took us to SYN-RECEIVED */                             \
    X(FASTOPEN, "fast open")         /* its cookie is good: delivered at once */                   \
    X(COOKIE, "syn cookie")          /* a SYN was answered with one, an ACK brought it back */     \
    X(ESTABLISHED, "handshake done") /* */                                                         \
    X(ACKED, "acks %u")              /* acked bytes */                                             \
    X(DATA, "%u new bytes")          /* data bytes, in order */                                    \
    X(HELD, "%u bytes early, held")  /* data bytes, out of order */                                \
    X(DUPLICATE, "nothing new")      /* data already had */                                        \
    X(DUP_ACK, "duplicate ack")      /* */                                                         \
    X(SACKED, "sacks %u")            /* newly sacked bytes, in acked */                            \
    X(WINDOW, "window now %u")       /* window bytes */                                            \
    X(PEER_CLOSED, "peer closed")    /* in-order FIN */                                            \
    X(CLOSE_ACKED, "acks close")     /* */                                                         \
    X(RESET, "reset")                /* connection ended by RST */                                 \
    X(REFUSED, "refused")            /* RST in SYN-SENT */                                         \
    X(SOFT_ERROR, "noted")           /* ICMP error remembered */                                   \
    X(ANSWERED, "answer due")        /* echo request, ARP request */                               \
    X(LEARNED, "neighbour learned")  /* */                                                         \
    X(DELIVERED, "delivered")        /* datagram, echo reply */                                    \
    X(QUERY, "asks for groups")      /* IGMP, MLD */                                               \
    X(ROUTER, "router heard")        /* router advertisement */                                    \
    X(REDIRECTED, "redirected")      /* a better way to one host */                                \
    X(DHCP6, "dhcpv6 reply")         /* */                                                         \
    X(PATH_MTU, "path mtu lower")    /* ICMP fragmentation needed, believed */                     \
    X(DHCP_OFFER, "dhcp offer")      /* */                                                         \
    X(DHCP_ACK, "dhcp ack")          /* */                                                         \
    X(DHCP_NAK, "dhcp nak")          /* */

enum sok_effect_bit {
#define SOK_X(name, text) SOK_EFFECT_BIT_##name,
    SOK_EFFECTS(SOK_X)
#undef SOK_X
        SOK_EFFECT_BIT_COUNT
};
enum sok_effect {
#define SOK_X(name, text) SOK_EFFECT_##name = 1 << SOK_EFFECT_BIT_##name,
    SOK_EFFECTS(SOK_X)
#undef SOK_X
};

// What holds data back.
#define SOK_HOLDS(X)                                                                               \
    X(NOTHING, "nothing")                                                                          \
    X(NAGLE, "Nagle")                                                                              \
    X(CORK, "cork")                                                                                \
    X(CWND, "congestion window")                                                                   \
    X(WINDOW, "receiver window")                                                                   \
    X(NEIGHBOUR, "waiting for neighbour")                                                          \
    X(SILENCE, "peer silent")

enum sok_hold {
#define SOK_X(name, text) SOK_HOLD_##name,
    SOK_HOLDS(SOK_X)
#undef SOK_X
        SOK_HOLD_COUNT
};

// Calls an application makes. X(name, text).
#define SOK_CALLS(X)                                                                               \
    X(CONNECT, "connect")                                                                          \
    X(LISTEN, "listen")                                                                            \
    X(ACCEPT, "accept")                                                                            \
    X(SEND, "send")                                                                                \
    X(RECV, "recv")                                                                                \
    X(SHUTDOWN, "shutdown")                                                                        \
    X(CLOSE, "close")                                                                              \
    X(ABORT, "abort")                                                                              \
    X(SENDTO, "sendto")                                                                            \
    X(RECVFROM, "recvfrom")                                                                        \
    X(PING, "ping")

enum sok_call {
#define SOK_X(name, text) SOK_CALL_##name,
    SOK_CALLS(SOK_X)
#undef SOK_X
        SOK_CALL_COUNT
};

// The states of RFC 9293 section 3.3.2.
#define SOK_TCP_STATES(X)                                                                          \
    X(CLOSED, "CLOSED")                                                                            \
    X(LISTEN, "LISTEN")                                                                            \
    X(SYN_SENT, "SYN-SENT")                                                                        \
    X(SYN_RECEIVED, "SYN-RECEIVED")                                                                \
    X(ESTABLISHED, "ESTABLISHED")                                                                  \
    X(FIN_WAIT_1, "FIN-WAIT-1")                                                                    \
    X(FIN_WAIT_2, "FIN-WAIT-2")                                                                    \
    X(CLOSE_WAIT, "CLOSE-WAIT")                                                                    \
    X(CLOSING, "CLOSING")                                                                          \
    X(LAST_ACK, "LAST-ACK")                                                                        \
    X(TIME_WAIT, "TIME-WAIT")

enum sok_tcp_state {
#define SOK_X(name, text) SOK_TCP_##name,
    SOK_TCP_STATES(SOK_X)
#undef SOK_X
        SOK_TCP_STATE_COUNT
};

// What became of an address (RFC 5227). X(name, text).
#define SOK_ADDR_NEWS(X)                                                                           \
    X(PROBED, "probed")                                                                            \
    X(USED, "in use")                                                                              \
    X(DEFENDED, "defended")                                                                        \
    X(TAKEN, "taken")                                                                              \
    X(DEPRECATED, "deprecated")                                                                    \
    X(EXPIRED, "lease over")                                                                       \
    X(REMOVED, "removed")

enum sok_addr_news {
#define SOK_X(name, text) SOK_ADDR_##name,
    SOK_ADDR_NEWS(SOK_X)
#undef SOK_X
        SOK_ADDR_NEWS_COUNT
};

enum sok_event_kind {
    SOK_EVENT_CALL,  // an application called; result says how it went
    SOK_EVENT_IN,    // a frame came in, with what it did
    SOK_EVENT_OUT,   // a frame goes out, with its reason
    SOK_EVENT_STATE, // a connection changed state
    SOK_EVENT_RTT,   // a round-trip sample (RFC 6298)
    SOK_EVENT_CWND,  // cwnd or ssthresh changed by more than growth: loss, recovery, idle
    SOK_EVENT_LOSS,  // data was declared lost
    SOK_EVENT_HELD,  // data waits, and for what
    SOK_EVENT_ERROR, // a connection failed; the application will be told this error
    SOK_EVENT_ADDR,  // an address of ours: probed, in use, taken by somebody, gone
    SOK_EVENT_DHCP,  // what a DHCP server says
    SOK_EVENT_LOST,  // count events before this one did not fit into the queue
};

#define SOK_EVENT_SNAP 160 // Ethernet, IPv4 and TCP at their longest (14+60+60), or a quoted packet

struct sok_event_packet {
    uint8_t link;      // link index
    uint8_t reason;    // OUT: enum sok_reason
    uint8_t drop;      // IN: enum sok_drop; NONE when it was used
    uint8_t win_shift; // TCP: scale that applies to the window field of this segment
    bool csum_partial; // the transport checksum in snap is not completed (left to the device)
    bool has_base;     // TCP of a known connection: the two bases below apply
    bool bare;         // no Ethernet header: snap begins with the IP header (SOK_LINK_IP)
    uint32_t seq_base; // subtract from the segment's SEQ to get the number people read
    uint32_t ack_base; // likewise from its ACK and SACK edges
    uint32_t effects;  // IN: enum sok_effect, or'ed
    uint32_t acked;    // IN: bytes newly acked or sacked
    uint32_t data;     // IN: bytes of data taken in (in order or held)
    uint32_t window;   // IN: the peer's window in bytes after WINDOW
    uint32_t len;      // bytes of the whole frame
    uint16_t gso_size; // 0, or payload bytes per frame of a super-frame
    uint16_t snap_len; // bytes in snap, from the link-layer header on
    uint8_t snap[SOK_EVENT_SNAP];
};

struct sok_event {
    int64_t now;   // nanoseconds, the clock the host passes in
    uint32_t conn; // number of the connection, listener or socket; 0: none
    uint8_t kind;  // enum sok_event_kind
    union {
        struct {
            uint8_t call; // enum sok_call
            bool has_remote, has_local;
            struct sok_endpoint remote, local;
            int64_t amount; // bytes asked for, or backlog; -1: not meaningful
            int64_t result; // bytes or 0, or a negative enum sok_err
        } call;
        struct sok_event_packet packet;
        struct {
            uint8_t from, to; // enum sok_tcp_state
        } state;
        struct {
            int64_t sample, srtt, rttvar, rto; // nanoseconds
        } rtt;
        struct {
            uint32_t cwnd, ssthresh; // bytes; ssthresh UINT32_MAX: none yet
            uint8_t why;             // enum sok_reason of what caused it, or NONE
        } cwnd;
        struct {
            uint32_t seq, len; // relative to the initial sequence number
            uint8_t by;        // enum sok_reason: RTO, FAST_RETRANSMIT, RECOVERY
        } loss;
        struct {
            uint8_t by; // enum sok_hold
            uint32_t bytes;
        } held;
        struct {
            int err; // enum sok_err
        } error;
        struct {
            uint8_t what; // enum sok_addr_news
            uint8_t link, prefix_len;
            uint8_t mac[6]; // of who else claims it: TAKEN, DEFENDED
            struct sok_addr addr;
        } addr;
        struct {
            uint8_t message; // enum sok_dhcp_message
            uint8_t link, prefix_len;
            struct sok_addr addr, server, router, dns; // :: : not said
            int64_t lease;                             // ns; INT64_MAX: for ever
        } dhcp;
        struct {
            uint64_t count;
        } lost;
    };
};

// The queue of events inside a stack: a growing ring with a limit. Over the limit new events are
// counted, not stored, and a LOST event tells so.
#define SOK_EVENTS_MAX 65536
struct sok_events {
    const struct sok_mem *mem;
    struct sok_event *ring;
    uint32_t cap, head, count; // cap is a power of two; head: the oldest
    uint64_t popped;           // position of the oldest
    uint64_t lost;
    bool on;                // somebody listens
    struct sok_event spare; // where sok_events_push() points when the ring is full
};

void sok_events_init(struct sok_events *ev, const struct sok_mem *mem, bool on);
void sok_events_free(struct sok_events *ev);
// A zeroed slot at the end, to be filled by the caller; NULL when nobody listens. The pointer is valid
// until the next push. The events of one sok_stack_input() are pushed after that frame's IN event, which
// the stack fills in at the end (what the frame did) through sok_events_at().
struct sok_event *sok_events_push(
    struct sok_events *ev, enum sok_event_kind kind, int64_t now, uint32_t conn);
// The position after the newest event: one that was just pushed, and did not return `spare`, is at
// sok_events_next() - 1 (before the push that cannot be known: a LOST event may go first). And the event
// at a position, until it is popped; NULL after that.
uint64_t sok_events_next(const struct sok_events *ev);
struct sok_event *sok_events_at(struct sok_events *ev, uint64_t position);
bool sok_events_pop(struct sok_events *ev, struct sok_event *out);

const char *sok_reason_text(enum sok_reason r);
const char *sok_drop_text(enum sok_drop d);
const char *sok_effect_text(enum sok_effect_bit e); // a printf format with at most one %u
const char *sok_hold_text(enum sok_hold h);
const char *sok_call_text(enum sok_call c);
const char *sok_addr_news_text(enum sok_addr_news n);
const char *sok_tcp_state_text(enum sok_tcp_state s);

#endif
