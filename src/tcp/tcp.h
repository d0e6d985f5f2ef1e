// TCP (RFC 9293) alone: segments in, segments out, calls from above. No clock, no I/O: `now` comes with
// every call. The stack hands in what IP delivered and pulls what is to be sent, link by link.
//
//   sok_tcp_input()    one segment (or super-frame) arrived
//   sok_tcp_ready()    which connection has something to send on a link
//   sok_tcp_output()   the next segment
//   sok_tcp_advance()  time has come: run what is due
//   sok_tcp_deadline() the next time something is due
//
// Read first: RFC 9293 sections 3.3 (variables), 3.10 (event processing). Then input.c, output.c, timers.c.
#ifndef SOK_TCP_TCP_H
#define SOK_TCP_TCP_H

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/event.h"
#include "base/mem.h"
#include "base/sock.h"
#include "tcp/config.h"

#define SOK_TIME_NEVER     INT64_MAX
#define SOK_TCP_LINKS_MAX  16 // links that connections can be on
#define SOK_TCP_LINK_LOCAL 0  // the one that leads back to this machine

struct sok_tcp;
struct sok_tcp_conn;     // first member: struct sok_sock
struct sok_tcp_listener; // first member: struct sok_sock

// What routers said a way takes (RFC 1191).
struct sok_path_mtu {
    uint16_t mtu;  // IP packet bytes; 0: nothing was said
    bool may_cut;  // less than the least we believe: routers may cut our packets (DF not set)
    int64_t until; // then larger ones are tried again
};

// What TCP needs to know of the way to a peer. The stack fills it.
struct sok_tcp_path {
    struct sok_addr source;
    struct sok_addr next_hop;  // the neighbour to resolve; the peer itself when on-link
    uint8_t link;              // link index
    uint16_t mtu;              // IP packet bytes, of the link
    bool failed;               // the next hop did not answer lately, and there is no better one
    struct sok_path_mtu known; // of all of the way
};
static inline uint16_t sok_tcp_path_mtu(const struct sok_tcp_path *p)
{
    return p->known.mtu && p->known.mtu < p->mtu ? p->known.mtu : p->mtu;
}

// Looks a path up; source may be :: to have one chosen. 0 or SOK_ENETUNREACH, SOK_EADDRNOTAVAIL. Pure.
typedef int (*sok_tcp_route_fn)(void *ctx, const struct sok_addr *source,
    const struct sok_endpoint *to, struct sok_tcp_path *out);

struct sok_tcp_env {
    const struct sok_mem *mem;
    struct sok_events *events;
    struct sok_sock_queue *changed;
    struct sok_sock_list *socks; // all of them, the stack's as well
    sok_tcp_route_fn route;
    // Negative advice (RFC 9293 3.8.3): is this neighbour still there? May be NULL.
    void (*doubt)(void *ctx, uint8_t link, const struct sok_addr *next_hop, int64_t now);
    // The opposite (RFC 4861 7.3.1): something new came from behind it. May be NULL.
    void (*confirm)(void *ctx, uint8_t link, const struct sok_addr *next_hop, int64_t now);
    void *route_ctx;    // of all three
    uint8_t secret[16]; // keys ISNs (RFC 6528), ports (RFC 6056), timestamps, hashing
};

int sok_tcp_new(
    const struct sok_tcp_config *config, const struct sok_tcp_env *env, struct sok_tcp **out);
void sok_tcp_free(struct sok_tcp *tcp); // every connection goes, without a packet
struct sok_tcp_config *sok_tcp_config(struct sok_tcp *tcp); // later connections take changes

// ---- segments ----

struct sok_tcp_arrival {
    struct sok_endpoint from, to; // ports are filled in by TCP
    struct sok_slice segment;     // from the TCP header on, IP's padding removed
    uint16_t gso_size;            // 0, or payload bytes per frame of a super-frame
    uint8_t link;
    uint8_t tos;
    bool csum_valid; // verified by the link, or never on a wire
    bool unicast;    // both addresses are a single host's
};

// What the segment did, for its event.
struct sok_tcp_outcome {
    uint32_t conn; // 0: none
    enum sok_drop drop;
    uint32_t effects; // enum sok_effect
    uint32_t acked, data, window;
    bool has_base;
    uint8_t win_shift;
    uint32_t seq_base, ack_base;
};

void sok_tcp_input(struct sok_tcp *tcp, const struct sok_tcp_arrival *in, int64_t now,
    struct sok_tcp_outcome *out);

#define SOK_TCP_HEAD_MAX 60
#define SOK_TCP_IOV_MAX  16
struct sok_tcp_segment {
    struct sok_endpoint from, to;
    struct sok_addr next_hop;
    uint8_t link, tos, ttl;
    uint8_t head[SOK_TCP_HEAD_MAX]; // header and options; the checksum is left 0 for the stack
    uint8_t head_len;
    struct sok_iov data[SOK_TCP_IOV_MAX]; // points into the send buffer; valid until the next call
    unsigned data_count;
    uint32_t data_len;
    uint16_t gso_size; // payload per frame; data_len above it makes a super-frame
    uint8_t reason;    // enum sok_reason
    uint8_t win_shift;
    bool may_cut; // no DF
    uint32_t conn;
    bool has_base;
    uint32_t seq_base, ack_base;
};

// The next hop of whoever sends next on this link; false: nobody. Nothing is consumed.
bool sok_tcp_ready(struct sok_tcp *tcp, uint8_t link, int64_t now, struct sok_addr *next_hop);
// Takes the next segment; false: none after all.
bool sok_tcp_output(struct sok_tcp *tcp, uint8_t link, int64_t now, struct sok_tcp_segment *out);
// The next hop that sok_tcp_ready() just gave is being resolved: the one it was given for steps aside until
// one of the two calls after. Others for the same next hop are parked when their turn comes.
void sok_tcp_park(struct sok_tcp *tcp, uint8_t link, int64_t now);
void sok_tcp_unpark(struct sok_tcp *tcp, uint8_t link, const struct sok_addr *next_hop);
void sok_tcp_unreachable(
    struct sok_tcp *tcp, uint8_t link, const struct sok_addr *next_hop, int err, int64_t now);
// An ICMP error quoted a segment of ours (RFC 9293 3.9.2.2, RFC 5927). True if it concerns a connection
// and quotes a sequence number in flight.
bool sok_tcp_icmp(struct sok_tcp *tcp, const struct sok_endpoint *local,
    const struct sok_endpoint *remote, uint32_t seq, int err, bool hard, uint32_t *conn,
    int64_t now);

// A router said that a segment of ours with this sequence number was too large (RFC 1191). It is believed
// only when that is on its way and the MTU is less than what was known (RFC 5927). Connections of the same
// path see what the stack knows of it before they send again.
enum sok_tcp_mtu {
    SOK_TCP_MTU_NOBODY, // quotes nothing of ours
    SOK_TCP_MTU_KNOWN,  // nothing new
    SOK_TCP_MTU_LOWER,
};
enum sok_tcp_mtu sok_tcp_mtu(struct sok_tcp *tcp, const struct sok_endpoint *local,
    const struct sok_endpoint *remote, uint32_t seq, const struct sok_path_mtu *said,
    uint32_t *conn, int64_t now);
// Something else made the stack know less of a path: who goes there looks again.
void sok_tcp_mtu_changed(struct sok_tcp *tcp);
// Routes are others than they were: each connection asks for its next hop again before it sends.
void sok_tcp_routes_changed(struct sok_tcp *tcp);

void sok_tcp_advance(struct sok_tcp *tcp, int64_t now);
int64_t sok_tcp_deadline(const struct sok_tcp *tcp);

// ---- calls (RFC 9293 section 3.9.1); each returns 0 or a count, or a negative enum sok_err ----

// Active OPEN. local.port 0: one is chosen (RFC 6056). The path is what the stack found.
int sok_tcp_connect(struct sok_tcp *tcp, const struct sok_endpoint *local,
    const struct sok_endpoint *remote, const struct sok_tcp_path *path, int64_t now,
    struct sok_tcp_conn **out);
// Passive OPEN. local.addr 0.0.0.0 takes every address of IPv4, :: every address.
int sok_tcp_listen(struct sok_tcp *tcp, const struct sok_endpoint *local, int backlog, int64_t now,
    struct sok_tcp_listener **out);
// The same with enum sok_bind_flag. Of those that share an address and port each connection goes to one, chosen by a keyed
// hash of its addresses and ports.
int sok_tcp_listen_as(struct sok_tcp *tcp, const struct sok_endpoint *local, int backlog,
    unsigned flags, int64_t now, struct sok_tcp_listener **out);
int sok_tcp_accept(
    struct sok_tcp_listener *l, int64_t now, struct sok_tcp_conn **out); // EAGAIN: none yet
void sok_tcp_listener_close(struct sok_tcp_listener *l, int64_t now);
// A gateway's passive OPEN: takes every SYN that no other listener wants, whatever its address and port.
// Each is offered at once by sok_tcp_accept, in SYN-RECEIVED and undecided: nothing is sent until one of
// the three calls below. Until then, a reset or another SYN from the peer ends it (SOK_ERESET).
int sok_tcp_listen_any(
    struct sok_tcp *tcp, int backlog, int64_t now, struct sok_tcp_listener **out); // EADDRINUSE
void sok_tcp_admit(struct sok_tcp_conn *c, int64_t now);  // the SYN,ACK goes
void sok_tcp_refuse(struct sok_tcp_conn *c, int64_t now); // a reset; the handle is gone
void sok_tcp_ignore(struct sok_tcp_conn *c, int64_t now); // silence; the handle is gone
// The sequence number of the peer's SYN, for an ICMP error about it.
uint32_t sok_tcp_peer_start(const struct sok_tcp_conn *c);
struct sok_endpoint sok_tcp_listener_local(const struct sok_tcp_listener *l);
bool sok_tcp_listener_v6only(const struct sok_tcp_listener *l);
// Bound to a device (the number of a link + 1; 0: none): it hears what comes in there, and what it sends leaves there.
// A listener begins with that of its flags, its connections with its own, others with none.
void sok_tcp_use_device(struct sok_tcp_conn *c, uint8_t device);
uint8_t sok_tcp_device(const struct sok_tcp_conn *c);
void sok_tcp_listener_use_device(struct sok_tcp_listener *l, uint8_t device);
uint8_t sok_tcp_listener_device(const struct sok_tcp_listener *l);
void sok_tcp_listener_backlog(struct sok_tcp_listener *l, unsigned backlog); // 0: it is full
// A port for local.addr that nobody listens on or has a connection from. 0 or EADDRNOTAVAIL.
int sok_tcp_free_port(struct sok_tcp *tcp, struct sok_endpoint *local, unsigned flags);
// A keyed hash of a pair of endpoints.
uint64_t sok_tcp_hash(
    const struct sok_tcp *tcp, const struct sok_endpoint *local, const struct sok_endpoint *remote);
// A connection has this port (at this address), also one that only waits for its 2 MSL to be over.
bool sok_tcp_port_busy(const struct sok_tcp *tcp, const struct sok_endpoint *local, unsigned flags);

// SEND: copies as much as fits. SOK_EAGAIN: buffer full; READY_OUT comes.
int64_t sok_tcp_send(
    struct sok_tcp_conn *c, const struct sok_iov *iov, unsigned count, int64_t now);
// SEND with the URGENT flag: all that was given until now is urgent (RFC 9293 3.8.5). As sok_tcp_send().
int64_t sok_tcp_send_urgent(
    struct sok_tcp_conn *c, const struct sok_iov *iov, unsigned count, int64_t now);
// SEND without a copy: takes a reference; all or SOK_EAGAIN. The bytes must not change until acked.
int64_t sok_tcp_send_slice(struct sok_tcp_conn *c, struct sok_slice data, int64_t now);
// Room a send would take now.
uint32_t sok_tcp_send_room(const struct sok_tcp_conn *c);
// RECEIVE: 0 is the end of the stream.
int64_t sok_tcp_recv(struct sok_tcp_conn *c, void *data, size_t len, int64_t now);
// RECEIVE without a copy: the bytes at the front, in at most *count pieces, valid until consumed; *count
// becomes how many there are. Returns bytes shown; 0 with SOK_READY_IN set is the end of the stream.
int64_t sok_tcp_peek(struct sok_tcp_conn *c, struct sok_iov *iov, unsigned *count);
// Copies what is there from `skip` bytes behind the front on, without consuming it; how many.
size_t sok_tcp_look(const struct sok_tcp_conn *c, size_t skip, void *data, size_t len);
void sok_tcp_consume(struct sok_tcp_conn *c, size_t bytes, int64_t now);

int sok_tcp_shutdown(
    struct sok_tcp_conn *c, int64_t now); // no more to send: FIN after what is queued
// CLOSE: the handle is gone for the caller; queued data and FIN are still delivered. With unread data
// the peer is reset (SHLD-3).
void sok_tcp_close(struct sok_tcp_conn *c, int64_t now);
void sok_tcp_abort(struct sok_tcp_conn *c, int64_t now); // ABORT: RST; the handle is gone

// Somebody else ends it: as ABORT, but its holder still has the handle and reads SOK_EABORTED of it.
void sok_tcp_kill(struct sok_tcp_conn *c, int64_t now);
// Takes no more connections; those that wait are reset. Accepting gives SOK_EINVAL from then on.
void sok_tcp_listener_kill(struct sok_tcp_listener *l, int64_t now);
// Connections that wait to be accepted, and how many may.
void sok_tcp_listener_queue(const struct sok_tcp_listener *l, uint32_t *waiting, uint32_t *most);
bool sok_tcp_listener_open(const struct sok_tcp_listener *l); // false: killed

int sok_tcp_error(struct sok_tcp_conn *c); // takes the pending error (0: none), as SO_ERROR does
enum sok_tcp_state sok_tcp_state(const struct sok_tcp_conn *c);
struct sok_endpoint sok_tcp_local(const struct sok_tcp_conn *c);
struct sok_endpoint sok_tcp_remote(const struct sok_tcp_conn *c);

enum sok_tcp_sockopt {
    SOK_TCP_NODELAY,     // 0, 1
    SOK_TCP_CORK,        // 0, 1: only full segments, until uncorked or cork_max
    SOK_TCP_KEEPALIVE,   // 0, 1
    SOK_TCP_KEEPIDLE,    // ns without a segment until the first keep-alive
    SOK_TCP_KEEPINTVL,   // ns between keep-alives
    SOK_TCP_KEEPCNT,     // unanswered ones until the peer is dead
    SOK_TCP_LINGER_ZERO, // 1: close resets
    SOK_TCP_LINGER, // ns that a close has until all is acknowledged, then it resets; 0: as it takes
    SOK_TCP_RCVBUF, // bytes; once it is said the window has half of it, and grows no more by itself
    SOK_TCP_SNDBUF, // bytes
    SOK_TCP_TTL,
    SOK_TCP_TOS,
    SOK_TCP_USER_TIMEOUT, // ns; 0: config r2
    SOK_TCP_QUICKACK,     // 1: acknowledge at once for a while
    SOK_TCP_CONGESTION,   // number of the algorithm, as in the setting `congestion`; it starts anew
    SOK_TCP_FASTOPEN, // 1, right after connect: the first send goes with the SYN, if it may (RFC 7413)
    SOK_TCP_NOTSENT_LOWAT, // bytes given and not sent yet, of which READY_OUT comes below; 0: no limit
    SOK_TCP_MAXSEG, // bytes, 88 to 32767; 0: as the path says. Before the SYN: what is asked for, and sent at most
    SOK_TCP_WINDOW_CLAMP, // bytes that the window never goes above; 0: no limit
    SOK_TCP_SYNCNT,       // SYNs (or SYN,ACKs) sent again at most; 0: the settings'
    SOK_TCP_LINGER2,      // ns that an orphan waits in FIN-WAIT-2; 0: the setting's; -1: not at all
    SOK_TCP_DEFER_ACCEPT, // of listeners: ns that a connection has to send something before it is accepted
    SOK_TCP_MTU_DISCOVER, // as Linux numbers it: of IPv4 0, 4 and 5 look away from what routers say of the MTU, and routers may cut; with
                          // 3 these may, too
    SOK_TCP_RECVERR, // 1: what ICMP says of an open connection is told at once, by the next call
};
int sok_tcp_setopt(struct sok_tcp_conn *c, enum sok_tcp_sockopt option, int64_t value, int64_t now);
bool sok_tcp_opt_in_range(enum sok_tcp_sockopt option, int64_t value); // else SOK_EINVAL
int sok_tcp_getopt(const struct sok_tcp_conn *c, enum sok_tcp_sockopt option, int64_t *value);
// Those that count for connections before they are accepted: MAXSEG, WINDOW_CLAMP, SYNCNT, RCVBUF; and DEFER_ACCEPT.
// Of all others SOK_EOPNOTSUPP.
int sok_tcp_listener_setopt(struct sok_tcp_listener *l, enum sok_tcp_sockopt option, int64_t value);
// What a connection that is made now begins with.
int64_t sok_tcp_default_opt(const struct sok_tcp_config *config, enum sok_tcp_sockopt option);

// What keeps a connection from sending more now. At every moment it is one of these, so that the times
// add up to the connection's age.
#define SOK_TCP_LIMITS(X)                                                                          \
    X(HANDSHAKE, "handshake")        /* not open yet */                                            \
    X(APPLICATION, "application")    /* it gives nothing more to send */                           \
    X(SEND_BUFFER, "send buffer")    /* all in it is on its way, and there is no room in it */     \
    X(NAGLE, "Nagle or cork")        /* a small segment waits for more */                          \
    X(RECEIVER, "receiver's window") /* */                                                         \
    X(CWND, "congestion window")     /* */                                                         \
    X(RECOVERY, "loss recovery")     /* what was lost is being mended */                           \
    X(PACING, "pacing")              /* there is none yet: always 0 */                             \
    X(LINK, "link")                  /* its turn on the link, the neighbour, or memory */

enum sok_tcp_limit {
#define SOK_X(name, text) SOK_TCP_LIMIT_##name,
    SOK_TCP_LIMITS(SOK_X)
#undef SOK_X
        SOK_TCP_LIMIT_COUNT
};
const char *sok_tcp_limit_text(enum sok_tcp_limit limit);

// What a connection waits for next, of what an onlooker cares for.
enum sok_tcp_wait {
    SOK_TCP_WAIT_NONE,
    SOK_TCP_WAIT_ACK,    // then it sends again, or a probe
    SOK_TCP_WAIT_WINDOW, // then it probes
    SOK_TCP_WAIT_SIGN,   // of life, then it asks for one
    SOK_TCP_WAIT_END,    // then it is over: TIME-WAIT, FIN-WAIT-2
};

struct sok_tcp_info {
    enum sok_tcp_state state;
    const char *congestion;           // the algorithm's name
    int64_t srtt, rttvar, rto;        // ns
    uint32_t cwnd, ssthresh;          // bytes
    uint32_t snd_mss, rcv_mss;        // bytes
    uint32_t snd_wnd, rcv_wnd;        // bytes, scaled
    uint32_t snd_queued, snd_unacked; // bytes in the send buffer; of these on the way
    uint32_t rcv_queued, rcv_early;   // bytes ready to be read; held out of order
    uint32_t rcv_urgent; // bytes to be read until the end of urgent data (RFC 9293 3.8.5)
    uint64_t bytes_sent, bytes_again, bytes_acked, bytes_received;
    uint64_t segments_in, segments_out;
    uint32_t timeouts, fast_retransmits;
    uint32_t retries; // timeouts in a row; r1 of them are a delivery problem (RFC 9293 3.8.3)
    uint8_t snd_wscale, rcv_wscale;
    bool sack, timestamps;
    bool ecn, fastopen;         // fastopen: the SYN's data was taken
    uint32_t ecn_marks;         // segments that came with a congestion mark
    int64_t min_rtt;            // ns, the least ever seen; 0: no sample yet
    uint32_t snd_unsent;        // of snd_queued, not sent yet
    uint32_t sacked, lost;      // of snd_unacked: the peer has it; it is held to be lost
    uint64_t bytes_spurious;    // of bytes_again, for nothing: the peer reported them (RFC 2883)
    uint32_t tail_probes;       // RFC 8985 7
    uint32_t undone;            // reductions of cwnd taken back: nothing had been lost
    bool reordering;            // the network was seen to reorder (RFC 8985 6.2 step 3)
    uint64_t delivery_rate;     // bytes a second that arrived of late; 0: not known
    bool delivery_rate_limited; // and less was sent than the network might have carried
    enum sok_tcp_limit limit;   // what keeps it from sending more now
    int64_t age; // ns from its beginning to the last that TCP was told of, or to its end:
    int64_t limited[SOK_TCP_LIMIT_COUNT]; // the sum of these
    enum sok_tcp_wait wait;
    int64_t wait_until;   // when that is over
    uint8_t wait_retries; // of what it waits for
    uint8_t backoff;      // doublings of rto
    bool send_over, recv_over, window_scale;
    uint16_t path_mtu, own_mss;                        // own_mss: what we told the peer
    uint32_t snd_buf, rcv_buf, rcv_held;               // bytes; rcv_held: of memory
    uint64_t segments_again, data_out, data_in;        // data_: segments with data
    int64_t since_sent, since_received, since_segment; // ns since data went, data came, any came
};
// As of the last time that TCP was told.
void sok_tcp_info(const struct sok_tcp_conn *c, struct sok_tcp_info *out);

// An address of ours is gone: connections on it end with err, without a packet.
void sok_tcp_addr_gone(struct sok_tcp *tcp, const struct sok_addr *addr, int err, int64_t now);

// Counts that must be zero or explained when everything is closed: for tests.
struct sok_tcp_counts {
    uint32_t conns, listeners, time_waits;
    uint64_t drops[SOK_DROP_COUNT];
};
void sok_tcp_counts(const struct sok_tcp *tcp, struct sok_tcp_counts *out);

// Walks the invariants of every connection (sequence space, window, queues, memory, timers). NULL: all
// hold; else what is wrong, in static storage of the stack. For simulation and fuzzing.
const char *sok_tcp_invariants(const struct sok_tcp *tcp);

#endif
