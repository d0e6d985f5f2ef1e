// What the files of src/tcp share: the connection, the listener, the instance, and each file's calls.
// Outside src/tcp only tcp.h is included.
//
// Names follow RFC 9293 section 3.3.1 (SND.UNA is snd_una). Sequence numbers are compared with base/seq.h.
#ifndef SOK_TCP_INTERNAL_H
#define SOK_TCP_INTERNAL_H

#include <assert.h>
#include "base/container.h"
#include "base/map.h"
#include "base/seq.h"
#include "base/stream.h"
#include "base/timers.h"
#include "tcp/tcp.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"

struct sok_tcp_cc;
struct sok_tcp_cookies;

// Entries of the smallest ring of a connection, which it keeps when empty: requests and responses would
// otherwise allocate it every time.
#define SOK_TCP_RING_KEPT 4

// ---- sendq.c: the bytes the application gave, from SND.UNA on ----

// Bytes in one buffer, either ours (more may be appended) or lent by send_slice.
struct sok_tcp_chunk {
    struct sok_slice slice;
    uint32_t seq; // of its first byte
    bool ours;
};

#define SOK_TCP_CHUNK_SMALL 2048  // a small write takes this much
#define SOK_TCP_CHUNK_LARGE 65536 // and a large one at most this, per chunk

struct sok_tcp_sendq {
    struct sok_tcp_chunk *ring; // cap is a power of two, or 0 with no memory held
    uint32_t cap, head, count;
    uint32_t start, end; // sequence numbers: first byte held, one past the last
};

void sok_tcp_sendq_init(struct sok_tcp_sendq *q, uint32_t seq);
void sok_tcp_sendq_free(struct sok_tcp_sendq *q, const struct sok_mem *mem);
// Copies up to len bytes; how many were taken (fewer only when memory is short).
size_t sok_tcp_sendq_append(
    struct sok_tcp_sendq *q, const struct sok_mem *mem, const uint8_t *data, size_t len);
int sok_tcp_sendq_append_slice(
    struct sok_tcp_sendq *q, const struct sok_mem *mem, struct sok_slice s);
void sok_tcp_sendq_drop(struct sok_tcp_sendq *q, const struct sok_mem *mem, uint32_t upto);
// Describes [seq, seq + len) in at most *count pieces; returns the bytes described.
uint32_t sok_tcp_sendq_gather(const struct sok_tcp_sendq *q, uint32_t seq, uint32_t len,
    struct sok_iov *iov, unsigned *count);
static inline uint32_t sok_tcp_sendq_len(const struct sok_tcp_sendq *q)
{
    return q->end - q->start;
}

// ---- sent.c: the scoreboard, one record for each segment (or super-frame) on its way ----

enum sok_tcp_sent_flag {
    SOK_SENT_SACKED = 1, // the peer has it (RFC 2018)
    SOK_SENT_LOST = 2,   // declared lost, not sent again since
    SOK_SENT_AGAIN = 4,  // sent more than once: gives no RTT sample (Karn)
    SOK_SENT_IDLY = 8,   // sent while the application gave less than the network might have carried
};

struct sok_tcp_sent {
    int64_t at;            // when it was last sent
    int64_t first;         // and for the first time
    uint64_t delivered;    // bytes that had been delivered when it was last sent: limited.c,
    int64_t delivered_at;  // when the last of them had been,
    int64_t rate_from;     // and when what was delivered then had been sent
    uint32_t start, end;   // a FIN is the last number of its record
    uint16_t older, newer; // neighbours in the order of time, by place in the pool
    uint8_t flags;
    uint8_t why; // enum sok_reason with which it is to go again
};

#define SOK_TCP_SENT_MAX  16384 // records a connection keeps; over it nothing new is sent
#define SOK_TCP_SENT_NONE UINT16_MAX

// Two orders at once: `order` lists the records by sequence number; those on their way (neither sacked nor
// lost) are also linked by the time they were last sent, so that RACK looks only at the oldest. A record
// keeps its place in the pool until it is popped; only sok_tcp_sent_room() and _split() move the pool.
struct sok_tcp_scoreboard {
    struct sok_tcp_sent *pool; // cap is a power of two, or 0 with no memory held
    uint16_t *order;           // a ring of places in the pool, in the same block of memory
    uint32_t cap, head, count;
    uint16_t free, oldest, newest;
    uint32_t sacked, lost; // bytes with these flags
    uint32_t lost_from;    // no record before this is lost
};

static inline struct sok_tcp_sent *sok_tcp_sent_at(const struct sok_tcp_scoreboard *b, uint32_t i)
{
    return &b->pool[b->order[(b->head + i) & (b->cap - 1)]];
}
// The record on its way that was sent longest ago, and the one sent after r; NULL: none.
static inline struct sok_tcp_sent *sok_tcp_sent_oldest(const struct sok_tcp_scoreboard *b)
{
    return b->count == 0 || b->oldest == SOK_TCP_SENT_NONE ? NULL : &b->pool[b->oldest];
}
static inline struct sok_tcp_sent *sok_tcp_sent_newer(
    const struct sok_tcp_scoreboard *b, const struct sok_tcp_sent *r)
{
    return r->newer == SOK_TCP_SENT_NONE ? NULL : &b->pool[r->newer];
}
void sok_tcp_sent_free(struct sok_tcp_scoreboard *b, const struct sok_mem *mem);
bool sok_tcp_sent_room(
    struct sok_tcp_scoreboard *b, const struct sok_mem *mem); // for one record more
void sok_tcp_sent_push(struct sok_tcp_scoreboard *b, uint32_t start, uint32_t end, int64_t now);
void sok_tcp_sent_pop(struct sok_tcp_scoreboard *b);                // the oldest
void sok_tcp_sent_trim(struct sok_tcp_scoreboard *b, uint32_t seq); // the oldest now begins at seq
// Index of the first record that ends after seq; count if none.
uint32_t sok_tcp_sent_find(const struct sok_tcp_scoreboard *b, uint32_t seq);
// Cuts the record at index so that a new one begins at seq; false: no memory.
bool sok_tcp_sent_split(
    struct sok_tcp_scoreboard *b, const struct sok_mem *mem, uint32_t i, uint32_t seq);
void sok_tcp_sent_mark(struct sok_tcp_scoreboard *b, struct sok_tcp_sent *r, uint8_t flag);
void sok_tcp_sent_unmark(struct sok_tcp_scoreboard *b, struct sok_tcp_sent *r, uint8_t flag);
// It is sent again: on its way, and the newest.
void sok_tcp_sent_again(struct sok_tcp_scoreboard *b, struct sok_tcp_sent *r, int64_t now);

// ---- the timers of a connection, named by what they wait for: timers.c ----

// Of those due at one time the first in the list goes first.
#define SOK_TCP_TIMERS(X)                                                                          \
    X(PROBE)       /* an ACK that says whether the tail arrived (RFC 8985 7) */                    \
    X(RETRANSMIT)  /* an acknowledgment of SYN, data or FIN (RFC 6298) */                          \
    X(PERSIST)     /* a window that opens (RFC 9293 3.8.6.1) */                                    \
    X(REORDER)     /* segments that may only be late (RFC 8985 6.3) */                             \
    X(DELAYED_ACK) /* more data, or an answer, to acknowledge along with (3.8.6.3) */              \
    X(KEEPALIVE)   /* a sign of life (3.8.4) */                                                    \
    X(CORK)        /* the rest of a full segment */                                                \
    X(DEFER)       /* the first data of a connection that is not to be accepted before it */       \
    X(LINGER)      /* the acknowledgment of all, that the application gave up waiting for */       \
    X(FIN_WAIT_2)  /* the FIN of a peer nobody reads from any more */                              \
    X(TIME_WAIT)   /* 2 MSL (3.6.1) */

enum sok_tcp_timer {
#define SOK_X(name) SOK_TCP_TIMER_##name,
    SOK_TCP_TIMERS(SOK_X)
#undef SOK_X
        SOK_TCP_TIMER_COUNT
};

enum sok_tcp_recovery {
    SOK_RECOVERY_NONE,
    SOK_RECOVERY_FAST, // loss seen by acknowledgments (RFC 5681 3.2, 6582, 8985)
    SOK_RECOVERY_CWR,  // congestion was signalled, nothing is lost (RFC 3168 6.1.2)
    SOK_RECOVERY_RTO,  // loss seen by a timeout: slow start from one segment
    SOK_RECOVERY_MTU,  // what was too large for the way: no sign of congestion
};

enum sok_tcp_frto {
    SOK_FRTO_OFF,
    SOK_FRTO_FIRST,  // waits for the ACK of what the timeout repeated (RFC 5682 step 2)
    SOK_FRTO_SECOND, // new data is out; the next ACK decides (step 3)
};

// What was before the last reduction of cwnd, and what may show that it was for nothing.
struct sok_tcp_undo {
    bool possible;
    bool stamped;            // again_ts holds, and no ACK has advanced SND.UNA since
    uint32_t again_ts;       // timestamp of the first retransmission (RFC 3522)
    uint32_t una;            // SND.UNA then
    uint32_t cwnd, ssthresh; // before
    uint32_t again;          // bytes repeated since and not reported as duplicates
};

// The delivery rate (draft-ietf-ccwg-bbr section 4.1), with its names in brackets.
struct sok_tcp_rate {
    uint64_t delivered;   // bytes delivered so far (C.delivered),
    int64_t delivered_at; // the last of them when (C.delivered_time)
    int64_t from;         // when the newest of them had been sent (C.first_send_time)
    uint64_t idle_until; // bubbles in the flow are behind this many bytes delivered (C.app_limited)
    uint64_t per_second; // bytes, of the last sample worth keeping; 0: none yet
    bool limited;        // by the application
};

// What SACK blocks said last: what lies in them need not be walked again.
struct sok_tcp_sack_seen {
    uint32_t start, end;
};
#define SOK_TCP_SACKS_SEEN 4

// ---- what congestion control remembers: cc_newreno.c, cc_cubic.c, hystart.c ----

struct sok_tcp_newreno {
    uint64_t counted; // bytes acknowledged since cwnd last grew by a segment
};

// One stay in congestion avoidance (RFC 9438 4.1.2).
struct sok_tcp_cubic_epoch {
    int64_t epoch; // when it began
    uint32_t w_max, cwnd_prior, w_est, k_ms;
    bool running;
};

struct sok_tcp_cubic {
    int64_t epoch;
    uint32_t w_max, cwnd_prior, w_est, k_ms;
    bool running, after_timeout;
    int64_t paused_at;                 // the window is not used since; 0: it is
    uint64_t est_rest, rest;           // what of w_est and cwnd is less than a byte yet
    struct sok_tcp_cubic_epoch before; // the last reduction
};

// RFC 9406 4.2.
struct sok_tcp_hystart {
    bool running, css;
    uint8_t samples, css_rounds;
    uint32_t round_end;
    int64_t last_min, current_min, css_baseline; // round-trip times
};

enum sok_tcp_lane_state { SOK_LANE_NONE, SOK_LANE_READY, SOK_LANE_PARKED };

// Where a connection is with Fast Open: fastopen.c.
enum sok_tcp_tfo {
    SOK_TFO_NONE,
    SOK_TFO_ASKS,    // client: for a cookie
    SOK_TFO_WAITS,   // client: has one, and waits for data to send with the SYN
    SOK_TFO_SHOWS,   // client: the cookie goes with the SYN
    SOK_TFO_GIVES,   // server: a cookie goes with the SYN,ACK
    SOK_TFO_PENDING, // server: the application has it already, in SYN-RECEIVED
};

// What somebody asked for that counts from the first segment on, so that a listener has it for those it hears of.
// 0: nothing was asked.
struct sok_tcp_wishes {
    uint32_t rcv_buf, snd_buf, window_clamp;
    uint16_t mss;
    uint8_t syn_retries;
};

struct sok_tcp_conn {
    struct sok_sock sock;
    struct sok_tcp *tcp;
    struct sok_map_node node;                   // in tcp->conns, by addresses and ports
    struct sok_tcp_conn *all_next, *all_prev;   // in tcp->all, while the memory is held
    struct sok_tcp_conn *lane_next, *lane_prev; // in tcp->lanes[path.link], ready or parked
    struct sok_tcp_conn *queue_next,
        *queue_prev;                   // in the listener's queue (half open or to accept)
    struct sok_tcp_listener *listener; // until accepted
    struct sok_endpoint local, remote;
    struct sok_tcp_path path;
    uint32_t mtu_seen;    // tcp->mtu_changes when path.known was looked at
    uint32_t routes_seen; // tcp->route_changes when path.next_hop was

    uint8_t state;      // enum sok_tcp_state
    uint8_t lane_state; // enum sok_tcp_lane_state
    uint8_t device;     // link + 1 that it is bound to; 0: none
    bool passive;       // came from LISTEN (MUST-11)
    bool half_open;     // in the listener's queue of that name,
    bool deferred;      // or in that one; else in to_accept
    bool undecided;     // SYN-RECEIVED, its SYN,ACK held back until it is admitted
    bool mapped;        // in tcp->conns
    bool orphan;        // the application has closed: nobody holds the handle
    int error;          // pending, for the application
    int soft_error;     // what ICMP said; reported in place of a timeout (MUST-47)

    // options of the application
    bool nodelay, corked, keepalive, linger_zero, recverr;
    bool routers_cut, mtu_deaf; // no DF; what routers say of the MTU does not count
    uint8_t ttl, tos;
    uint32_t snd_buf, rcv_buf;
    uint32_t room_wanted;   // a send_slice waits for this much; 0: none
    uint32_t notsent_lowat; // 0: no limit
    int64_t user_timeout;
    int64_t linger;     // 0: none
    int64_t fin_wait_2; // 0: the setting's; -1: none
    struct sok_tcp_wishes wishes;

    // send sequence space (RFC 9293 3.3.1)
    uint32_t iss, snd_una, snd_nxt;
    uint32_t snd_wnd, snd_wl1, snd_wl2, max_snd_wnd;
    uint16_t peer_mss;  // from the MSS option, or 536 / 1220
    uint8_t snd_wscale; // of the window the peer gives
    bool fin_wanted;    // FIN follows the last byte of sendq
    uint8_t syn_why;    // enum sok_reason: SYN or SYN,ACK is to be sent; NONE: not
    bool syn_is_out;    // SYN was sent at least once,
    bool syn_again;     // more than once: no RTT sample (Karn)
    bool by_cookie;     // its SYN,ACK was a cookie: cookie.c
    bool wscale_ok;     // both sides offered window scaling
    uint8_t held;       // enum sok_hold last told
    uint32_t snd_up;    // one past the last urgent byte given (3.8.5)
    uint32_t small_end; // one past the last segment sent that was not full
    struct sok_tcp_sendq sendq;
    struct sok_tcp_scoreboard sent;

    // receive sequence space
    uint32_t irs, rcv_nxt;
    uint32_t rcv_adv;    // right edge offered: RCV.NXT + RCV.WND, never moves left (SHLD-14)
    uint32_t rcv_window; // the largest window offered at present
    uint32_t rcv_up;     // urgent pointer (3.8.5)
    uint32_t early_seq;  // last segment that came early: its SACK block goes first (RFC 2018 4)
    uint16_t rcv_mss;    // full size of the peer's segments, estimated
    uint8_t rcv_wscale;  // of the window we give
    bool fin_seen;       // the peer's FIN has been taken in
    struct sok_stream stream;
    bool fin_early;     // the peer's FIN came before data that is missing
    uint32_t fin_seq;   // its sequence number, once fin_early or fin_seen
    uint32_t tune_seq;  // when RCV.NXT gets here, see whether the window is too small
    uint64_t tune_read; // bytes_read when that was set

    // options agreed on
    bool sack_ok, ts_ok;
    uint32_t ts_offset, ts_recent, last_ack_sent;
    int64_t ts_recent_at;

    uint8_t tfo;    // enum sok_tcp_tfo
    bool tfo_taken; // the SYN's data was

    // ecn.c
    bool ecn_asked, ecn_ok; // our SYN asked for it; both sides want it
    bool ecn_echo; // the peer's data was marked, and it has not said yet that it slowed down
    bool ecn_cwr;  // the next new data says that we did
    uint32_t
        ecn_cwr_seq; // where that was; what is told before the peer can know of it is the same news
    uint32_t ecn_marks; // segments that came marked

    // acknowledging (RFC 9293 3.8.6.3, RFC 5681 4.2)
    uint8_t ack_why; // enum sok_reason: an ACK is due at once; NONE: not
    bool ack_is_delayed;
    bool interactive; // answers follow requests: no quick ACKs
    uint16_t quick_left;
    uint32_t unacked; // bytes taken in since the last ACK
    uint16_t unacked_segments;
    int64_t data_in_at;   // last data received
    int64_t challenge_at; // last ACK answering something wrong

    // RTT and RTO: rtt.c
    int64_t srtt, rttvar, rto, min_rtt; // srtt 0: no sample yet
    uint8_t backoff;                    // doublings of rto so far
    uint16_t retries;                   // timeouts without progress
    int64_t stalled_at;                 // first timeout without progress

    // loss and congestion: loss.c and the files it asks, cc*.c
    const struct sok_tcp_cc *cc;
    union {
        struct sok_tcp_cubic cubic;
        struct sok_tcp_newreno newreno;
    } cc_state; // belongs to cc; all zero at the start
    struct sok_tcp_hystart hystart;
    uint32_t cwnd, ssthresh;
    uint8_t recovery; // enum sok_tcp_recovery
    bool send_one;    // the first retransmission of a recovery waits for no window
    uint32_t recover; // recovery ends when SND.UNA gets here
    uint32_t dup_acks;
    uint32_t flight_max, flight_end; // the most on its way since SND.UNA passed flight_end
    int64_t sent_at;                 // when data was last sent
    bool cwnd_limited;         // and whether cwnd was what stopped us then (RFC 7661 4.1's idea)
    int64_t rack_at, rack_rtt; // RFC 8985 6.2: newest delivered segment
    uint32_t rack_end, rack_fack;
    bool rack_reordering, rack_in_round; // D-SACK was seen since SND.UNA passed rack_round
    uint32_t rack_round;
    uint8_t rack_extra;                          // quarters of min_rtt waited beyond the first,
    uint8_t rack_persist;                        // for so many recoveries more
    uint32_t prr_delivered, prr_out, prr_flight; // RFC 9937 6
    uint32_t prr_owed; // of what was allowed before it began, not sent yet
    struct sok_tcp_undo undo;
    uint8_t frto;     // enum sok_tcp_frto
    bool tlp_due;     // a tail loss probe is to be sent
    bool tlp_out;     // one is on its way (RFC 8985: TLP.end_seq is known),
    bool tlp_again;   // and repeats data (TLP.is_retrans)
    bool tlp_sampled; // an RTT was measured since the last one
    uint32_t tlp_end; // TLP.end_seq
    int64_t tlp_from; // what PTO counts from
    bool dsack_due;   // [dsack_start, dsack_end) arrived twice: the next ACK says so
    uint32_t dsack_start, dsack_end;
    struct sok_tcp_sack_seen sacks_seen[SOK_TCP_SACKS_SEEN];
    uint8_t sack_place; // where the next goes

    int64_t idle_at;                  // last segment from the peer, for keep-alive
    int64_t keep_idle, keep_interval; // ns; of keep-alives
    uint8_t keep_count;
    uint8_t keepalives;
    bool probe_due; // a window probe is to be sent
    bool keepalive_due;
    bool override_sws; // persist timer: send what fits (3.8.6.2.1)

    struct sok_timer timer; // armed for the least of due[]
    int64_t due[SOK_TCP_TIMER_COUNT];

    uint64_t bytes_sent, bytes_again, bytes_acked, bytes_received, bytes_read;
    uint64_t bytes_spurious; // repeated, though the peer had them: D-SACK said so
    uint64_t segments_in, segments_out, segments_again;
    uint64_t data_in, data_out; // segments with data
    uint32_t timeouts, fast_retransmits, probes, undone;

    // what limits it, and the delivery rate: limited.c
    uint8_t limit;                        // enum sok_tcp_limit
    int64_t born, limit_since;            // when the connection and this limit began
    int64_t limited[SOK_TCP_LIMIT_COUNT]; // up to limit_since
    struct sok_tcp_rate rate;
};

// A queue of connections by their queue_next links.
struct sok_tcp_queue {
    struct sok_tcp_conn *first, *last;
    uint32_t count;
};

#define SOK_TCP_PORT_NONE 0x10000

struct sok_tcp_listener {
    struct sok_sock sock;
    struct sok_tcp *tcp;
    struct sok_map_node node; // in tcp->listeners, by port; 0: every port; _NONE: it was killed
    struct sok_endpoint local;
    uint32_t backlog;
    unsigned flags;    // enum sok_bind_flag
    int64_t cookie_at; // when a cookie was last sent
    int64_t
        defer; // ns that a connection has to send something before it is accepted; 0: it need not
    struct sok_tcp_wishes wishes; // of its connections
    struct sok_tcp_queue half_open, deferred, to_accept;
    bool ripe_waits; // somebody in deferred has sent, and to_accept was full
};

// A segment without a connection, a reset or the SYN,ACK of a cookie: reply.c.
struct sok_tcp_reply {
    struct sok_endpoint from, to;
    struct sok_tcp_path path;
    uint32_t seq, ack, seq_base, ack_base, conn;
    uint16_t flags, window;
    uint8_t reason;
    uint8_t options_len;
    uint8_t options[SOK_TCP_OPTIONS_MAX];
    bool has_base, parked;
};
#define SOK_TCP_REPLIES_MAX 256 // a power of two; what is over it is dropped and counted

struct sok_tcp_lane {
    struct sok_tcp_conn *ready_first, *ready_last;
    struct sok_tcp_conn *parked_first, *parked_last;
};

struct sok_tcp {
    struct sok_tcp_config config;
    struct sok_tcp_env env;
    struct sok_map conns, listeners; // conns: those that segments can be for
    struct sok_tcp_conn *recent;     // the last one found in conns, or NULL
    struct sok_tcp_conn *all;        // and those, too, that are over but still in somebody's hands
    struct sok_timers timers;
    struct sok_tcp_lane lanes[SOK_TCP_LINKS_MAX];
    struct sok_tcp_reply replies[SOK_TCP_REPLIES_MAX]; // a ring, in order of arrival
    unsigned reply_head, reply_count;
    uint32_t conn_count, listener_count;
    uint64_t send_held;              // bytes in the send queues of all connections
    uint32_t fastopen_pending;       // connections in SOK_TFO_PENDING
    struct sok_tcp_cookies *cookies; // fastopen.c; NULL: none yet
    uint32_t port_hint;
    int64_t challenge_second; // of which the challenge ACKs are counted: receive.c
    uint32_t challenges;
    uint32_t mtu_changes;   // how often a path MTU was lowered
    uint32_t route_changes; // how often the stack's routes changed
    uint64_t drops[SOK_DROP_COUNT];
    int64_t now; // the last time told
};

// A segment on its way through input.c, ack.c and receive.c.
struct sok_tcp_in {
    const struct sok_tcp_arrival *from;
    struct sok_tcp_hdr h;
    struct sok_tcp_opts o;
    struct sok_slice data; // payload; trimmed to what is new and in the window
    uint32_t seq, end;     // of the segment after trimming, SYN and FIN counted
    uint32_t wnd;          // SEG.WND, scaled
    bool syn, fin;         // still to be processed after trimming
    bool reopens;          // a SYN for a connection that was in TIME-WAIT:
    uint32_t iss_above;    // its last sequence number
    int64_t now;
    struct sok_tcp_outcome *out;
};

// ---- conn.c: connections, tables, lanes ----
struct sok_tcp_conn *sok_tcp_find(
    const struct sok_tcp *t, const struct sok_endpoint *local, const struct sok_endpoint *remote);
struct sok_tcp_conn *sok_tcp_find_again(
    struct sok_tcp *t, const struct sok_endpoint *local, const struct sok_endpoint *remote);
// Of several that share an address and port the tuple chooses one.
struct sok_tcp_listener *sok_tcp_find_listener(
    const struct sok_tcp *t, const struct sok_tcp_arrival *a);
// Another listener has it, or some of it; flags: enum sok_bind_flag.
bool sok_tcp_listener_in_way(
    const struct sok_tcp *t, const struct sok_endpoint *local, unsigned flags);
int sok_tcp_conn_new(struct sok_tcp *t, const struct sok_endpoint *local,
    const struct sok_endpoint *remote, const struct sok_tcp_path *path, int64_t now,
    struct sok_tcp_conn **out);
void sok_tcp_start_at(struct sok_tcp_conn *c, uint32_t iss);
// Of the windows we give.
uint8_t sok_tcp_scale_for(const struct sok_tcp_config *config, const struct sok_tcp_wishes *wishes);
void sok_tcp_conn_free(struct sok_tcp_conn *c);
void sok_tcp_want_output(struct sok_tcp_conn *c);
void sok_tcp_rest(struct sok_tcp_conn *c); // leaves its lane
void sok_tcp_set_state(struct sok_tcp_conn *c, enum sok_tcp_state to, int64_t now);
void sok_tcp_ready_update(struct sok_tcp_conn *c);
void sok_tcp_ready_touch(struct sok_tcp_conn *c); // new data: told though the bits are the same
// The connection is over: err (or 0) goes to the application; freed if nobody holds it.
void sok_tcp_over(struct sok_tcp_conn *c, int err, int64_t now);
void sok_tcp_time_wait(struct sok_tcp_conn *c, int64_t now);
void sok_tcp_bases(const struct sok_tcp_conn *c, uint32_t *seq_base, uint32_t *ack_base);

// ---- listen.c ----
// The connection that in goes on with: it brought back a cookie. NULL: done.
struct sok_tcp_conn *sok_tcp_listen_input(struct sok_tcp_listener *l, struct sok_tcp_in *in);
struct sok_tcp_conn *sok_tcp_listen_open(struct sok_tcp_listener *l, struct sok_tcp_in *syn);
bool sok_tcp_listener_full(const struct sok_tcp_listener *l);
void sok_tcp_listener_established(struct sok_tcp_conn *c);
void sok_tcp_listener_ripe(struct sok_tcp_conn *c); // a deferred one has sent, or had its time
void sok_tcp_listener_forget(struct sok_tcp_conn *c);
void sok_tcp_listener_event(struct sok_tcp_listener *l);
void sok_tcp_undecided_input(struct sok_tcp_conn *c, struct sok_tcp_in *in);

// ---- sndbuf.c ----
uint32_t sok_tcp_sndbuf_first(const struct sok_tcp_config *config, const struct sok_tcp_wishes *w);
uint32_t sok_tcp_sndbuf_most(const struct sok_tcp_conn *c); // as far as it may grow
void sok_tcp_sndbuf_grow(struct sok_tcp_conn *c);           // to what cwnd is worth
void sok_tcp_sndbuf_on_ack(struct sok_tcp_conn *c);

// ---- option.c ----
void sok_tcp_wish(struct sok_tcp_conn *c, const struct sok_tcp_wishes *w);
uint32_t sok_tcp_wished_window(
    const struct sok_tcp_config *config, const struct sok_tcp_wishes *w); // the first
static inline uint16_t sok_tcp_wished_mss(const struct sok_tcp_wishes *w, uint16_t mss)
{
    return w->mss && w->mss < mss ? w->mss : mss;
}
static inline int64_t sok_tcp_fin_wait_2(const struct sok_tcp_conn *c)
{
    return c->fin_wait_2 < 0 ? 0 : c->fin_wait_2 ? c->fin_wait_2 : c->tcp->config.fin_wait_2;
}

// ---- cookie.c: RFC 4987 3.6 ----
void sok_tcp_cookie_send(struct sok_tcp_listener *l, struct sok_tcp_in *in);
struct sok_tcp_conn *sok_tcp_cookie_take(struct sok_tcp_listener *l, struct sok_tcp_in *in);
bool sok_tcp_cookies_recent(const struct sok_tcp_listener *l, int64_t now);

// ---- ecn.c: RFC 3168 6.1 ----
bool sok_tcp_ecn_asked(const struct sok_tcp *t, const struct sok_tcp_in *in);
void sok_tcp_ecn_take_syn(struct sok_tcp_conn *c, const struct sok_tcp_in *in);
uint16_t sok_tcp_ecn_syn_flags(struct sok_tcp_conn *c);
void sok_tcp_ecn_data(struct sok_tcp_conn *c, const struct sok_tcp_in *in);
void sok_tcp_ecn_ack(struct sok_tcp_conn *c, const struct sok_tcp_in *in);
void sok_tcp_ecn_reduced(struct sok_tcp_conn *c);
uint16_t sok_tcp_ecn_new_data(struct sok_tcp_conn *c, struct sok_tcp_segment *out);

// ---- fastopen.c: RFC 7413 ----
void sok_tcp_fastopen_free(struct sok_tcp *t);
int sok_tcp_fastopen_want(struct sok_tcp_conn *c, int64_t now);
void sok_tcp_fastopen_go(struct sok_tcp_conn *c);
void sok_tcp_fastopen_option(const struct sok_tcp_conn *c, struct sok_tcp_opts *o);
uint32_t sok_tcp_fastopen_room(const struct sok_tcp_conn *c, unsigned options_len);
void sok_tcp_fastopen_answered(struct sok_tcp_conn *c, struct sok_tcp_in *in);
void sok_tcp_fastopen_cookie(const struct sok_tcp *t, const struct sok_addr *local,
    const struct sok_addr *remote, uint8_t out[8]);
bool sok_tcp_fastopen_syn(struct sok_tcp_conn *c, struct sok_tcp_in *in);
void sok_tcp_fastopen_done(struct sok_tcp_conn *c);
// In SYN-RECEIVED, and yet the application may read and write.
static inline bool sok_tcp_early(const struct sok_tcp_conn *c)
{
    return c->state == SOK_TCP_SYN_RECEIVED && c->tfo == SOK_TFO_PENDING;
}

// ---- input.c ----
bool sok_tcp_ts_stale(const struct sok_tcp_conn *c, int64_t now);
void sok_tcp_take_syn(
    struct sok_tcp_conn *c, const struct sok_tcp_in *in); // the peer's SYN: numbers, options

// ---- ack.c: RFC 9293 3.10.7.4 fifth ----
void sok_tcp_neighbour_is_there(struct sok_tcp_conn *c, const struct sok_tcp_in *in);
bool sok_tcp_ack_input(struct sok_tcp_conn *c, struct sok_tcp_in *in); // false: stop here
void sok_tcp_take_window(struct sok_tcp_conn *c, const struct sok_tcp_in *in);

// ---- receive.c: RFC 9293 3.10.7.4 sixth to eighth, and what is told to the peer ----
bool sok_tcp_trim(
    struct sok_tcp_conn *c, struct sok_tcp_in *in); // first; false: outside the window
void sok_tcp_syn_text(struct sok_tcp_conn *c, struct sok_tcp_in *in);   // data of a SYN, taken
bool sok_tcp_text_input(struct sok_tcp_conn *c, struct sok_tcp_in *in); // false: connection gone
uint32_t sok_tcp_offer(
    struct sok_tcp_conn *c); // the window to advertise now, in bytes; moves rcv_adv
void sok_tcp_was_read(struct sok_tcp_conn *c, size_t bytes, int64_t now);
void sok_tcp_ack_now(struct sok_tcp_conn *c, enum sok_reason why);
void sok_tcp_challenge(
    struct sok_tcp_conn *c, struct sok_tcp_in *in, enum sok_drop drop, enum sok_reason why);
uint32_t sok_tcp_urgent_left(const struct sok_tcp_conn *c);
uint32_t sok_tcp_window_most(const struct sok_tcp_conn *c);
uint32_t sok_tcp_first_window(const struct sok_tcp_conn *c);
uint32_t sok_tcp_whole_segments(
    uint32_t window, uint32_t mss); // what a SYN's window field says of it

// ---- output.c ----
#define SOK_TCP_MSS_LEAST 8 // payload that is left beside options, however small the MTU
uint16_t sok_tcp_path_mss(const struct sok_tcp_path *path, const struct sok_addr *peer);
uint16_t sok_tcp_own_mss(const struct sok_tcp_conn *c);  // what we can take in: the MSS option
uint16_t sok_tcp_send_mss(const struct sok_tcp_conn *c); // payload of a full segment without SACK
uint32_t sok_tcp_pipe(const struct sok_tcp_conn *c);     // bytes thought to be on the way
uint32_t sok_tcp_ts_now(const struct sok_tcp_conn *c, int64_t now);
bool sok_tcp_conn_output(struct sok_tcp_conn *c, int64_t now, struct sok_tcp_segment *out);

// Everything the application gave, FIN included, has been sent at least once.
static inline bool sok_tcp_fin_sent(const struct sok_tcp_conn *c)
{
    return c->fin_wanted && c->snd_nxt == c->sendq.end + 1;
}
// Bytes given and not sent yet.
static inline uint32_t sok_tcp_unsent(const struct sok_tcp_conn *c)
{
    return sok_tcp_fin_sent(c) ? 0 : c->sendq.end - c->snd_nxt;
}
// As much is given and not sent yet as the application wants to have there.
static inline bool sok_tcp_unsent_enough(const struct sok_tcp_conn *c)
{
    return c->notsent_lowat && sok_tcp_sendq_len(&c->sendq) > 0 &&
           sok_tcp_unsent(c) >= c->notsent_lowat;
}
bool sok_tcp_slice_fits(const struct sok_tcp_conn *c, uint32_t len); // call.c
static inline bool sok_tcp_fin_acked(const struct sok_tcp_conn *c)
{
    return c->fin_wanted && c->snd_una == c->sendq.end + 1;
}

// ---- timers.c ----
void sok_tcp_timer_set(struct sok_tcp_conn *c, enum sok_tcp_timer which, int64_t due);
void sok_tcp_timer_stop(struct sok_tcp_conn *c, enum sok_tcp_timer which);
static inline bool sok_tcp_timer_armed(const struct sok_tcp_conn *c, enum sok_tcp_timer which)
{
    return c->due[which] != SOK_TIME_NEVER;
}
void sok_tcp_timer_stop_all(struct sok_tcp_conn *c);
void sok_tcp_retransmit_arm(struct sok_tcp_conn *c, int64_t now); // or stop, when nothing is out
void sok_tcp_persist_arm(struct sok_tcp_conn *c, int64_t now);
void sok_tcp_keepalive_arm(struct sok_tcp_conn *c, int64_t now);

// ---- rtt.c: RFC 6298 ----
void sok_tcp_rtt_init(struct sok_tcp_conn *c);
void sok_tcp_rtt_sample(struct sok_tcp_conn *c, int64_t sample, int64_t now);
// first: when what is acknowledged was first sent; an older echo is of something else.
void sok_tcp_rtt_by_timestamp(struct sok_tcp_conn *c, uint32_t echoed, int64_t first, int64_t now);
void sok_tcp_rtt_was_longer(struct sok_tcp_conn *c, int64_t sample); // RFC 4015 3.2 step 8
int64_t sok_tcp_rto(const struct sok_tcp_conn *c);                   // with backoff, bounded

// ---- loss.c: what is lost ----
struct sok_tcp_delivery {
    uint32_t acked, sacked; // bytes
    uint32_t delivered;     // bytes the peer has now, and was not known to have
    uint32_t sacked_before; // bytes
    uint32_t fack;          // the highest delivered before this ACK
    int64_t first;          // when the oldest that is acknowledged was first sent
    int64_t sample;         // RTT, 0: none
    bool original;          // something sent once, and before `recover`, was delivered,
    bool beyond;            // something sent after it
    bool dsack;             // [dsack_start, dsack_end) arrived twice (RFC 2883)
    bool has_ts;
    uint32_t dsack_start, dsack_end, tsecr;
    // Of the newest record delivered, for the delivery rate: when it was sent, its end, and what it noted.
    int64_t sent_at, delivered_at, rate_from;
    uint64_t delivered_before;
    uint32_t sent_end;
    bool idly;
};
void sok_tcp_loss_on_ack(struct sok_tcp_conn *c, const struct sok_tcp_delivery *d, uint32_t flight,
    bool duplicate, int64_t now);
void sok_tcp_loss_on_reorder_timer(struct sok_tcp_conn *c, int64_t now);
void sok_tcp_mark_lost(
    struct sok_tcp_conn *c, struct sok_tcp_sent *r, enum sok_reason why, int64_t now);
enum sok_reason sok_tcp_why_lost(const struct sok_tcp_conn *c);

// ---- rack.c: RFC 8985 6 ----
void sok_tcp_rack_delivered(struct sok_tcp_conn *c, const struct sok_tcp_sent *r,
    const struct sok_tcp_delivery *d, int64_t now);
void sok_tcp_rack_adapt(struct sok_tcp_conn *c, bool dsack);
void sok_tcp_rack_recovered(struct sok_tcp_conn *c);
void sok_tcp_rack_detect(struct sok_tcp_conn *c, int64_t now);
bool sok_tcp_rack_late(const struct sok_tcp_conn *c, const struct sok_tcp_sent *r, int64_t now);

// ---- tlp.c: RFC 8985 7 ----
void sok_tcp_tlp_arm(struct sok_tcp_conn *c, int64_t now); // or stop
void sok_tcp_tlp_timeout(struct sok_tcp_conn *c, int64_t now);
void sok_tcp_tlp_sent(struct sok_tcp_conn *c, bool again, int64_t now);
void sok_tcp_tlp_on_ack(
    struct sok_tcp_conn *c, const struct sok_tcp_delivery *d, bool repeats, int64_t now);

// ---- dupack.c: RFC 6582 ----
void sok_tcp_dupack(
    struct sok_tcp_conn *c, const struct sok_tcp_delivery *d, bool duplicate, int64_t now);

// ---- recovery.c: RFC 5681 3.1, 3.2, RFC 6298 5 ----
void sok_tcp_congestion(struct sok_tcp_conn *c, enum sok_reason why, uint32_t flight, int64_t now);
void sok_tcp_enter_recovery(
    struct sok_tcp_conn *c, uint32_t flight, uint32_t unsacked, int64_t now);
void sok_tcp_leave_recovery(struct sok_tcp_conn *c, int64_t now);
void sok_tcp_enter_cwr(struct sok_tcp_conn *c, enum sok_reason why, int64_t now);
void sok_tcp_tell_cwnd(struct sok_tcp_conn *c, enum sok_reason why, int64_t now);
void sok_tcp_recovery_on_timeout(struct sok_tcp_conn *c, int64_t now);
void sok_tcp_recovery_on_window_open(struct sok_tcp_conn *c, int64_t now);

// ---- prr.c: RFC 9937 ----
void sok_tcp_prr_begin(struct sok_tcp_conn *c, uint32_t flight, uint32_t owed);
void sok_tcp_prr_sent(struct sok_tcp_conn *c, uint32_t len, bool again);
void sok_tcp_prr_on_ack(struct sok_tcp_conn *c, uint32_t delivered, bool safe);

// ---- undo.c: RFC 3522, 4015, 3708 ----
void sok_tcp_undo_remember(struct sok_tcp_conn *c, bool possible);
void sok_tcp_undo_repeated(struct sok_tcp_conn *c, uint32_t bytes, int64_t now);
void sok_tcp_undo(struct sok_tcp_conn *c, enum sok_reason why, int64_t now);
void sok_tcp_undo_on_ack(struct sok_tcp_conn *c, const struct sok_tcp_delivery *d, int64_t now);

// ---- frto.c: RFC 5682 ----
void sok_tcp_frto_on_timeout(struct sok_tcp_conn *c);
void sok_tcp_frto_on_ack(
    struct sok_tcp_conn *c, const struct sok_tcp_delivery *d, bool duplicate, int64_t now);

// ---- dsack.c: RFC 2883 ----
void sok_tcp_dsack_note(struct sok_tcp_conn *c, uint32_t start, uint32_t end);
void sok_tcp_dsack_note_held(struct sok_tcp_conn *c, const struct sok_tcp_in *in);
bool sok_tcp_dsack_take(
    struct sok_tcp_conn *c, const struct sok_tcp_in *in, struct sok_tcp_delivery *d);

// ---- limited.c ----
void sok_tcp_limited_init(struct sok_tcp_conn *c, int64_t now);
void sok_tcp_limited_by_state(struct sok_tcp_conn *c, enum sok_tcp_state to, int64_t now);
void sok_tcp_limited_by_link(struct sok_tcp_conn *c, int64_t now);
void sok_tcp_limited_judge(struct sok_tcp_conn *c, int64_t now); // it has nothing more to send now
void sok_tcp_limited_info(const struct sok_tcp_conn *c, struct sok_tcp_info *out);
void sok_tcp_rate_sent(struct sok_tcp_conn *c, struct sok_tcp_sent *r, uint32_t pipe, int64_t now);
void sok_tcp_rate_delivered(struct sok_tcp_conn *c, const struct sok_tcp_sent *r, uint32_t bytes,
    struct sok_tcp_delivery *d, int64_t now);
void sok_tcp_rate_sample(struct sok_tcp_conn *c, const struct sok_tcp_delivery *d);

// ---- info.c ----
uint32_t sok_tcp_segments_of(uint32_t bytes, uint32_t mss);

// ---- mtu.c: RFC 1191, RFC 5927 ----
void sok_tcp_mtu_refresh(struct sok_tcp_conn *c, int64_t now); // before something is sent

// ---- path.c ----
// The path of who is bound to a device, 0: to none.
int sok_tcp_route_on(const struct sok_tcp *t, uint8_t device, const struct sok_addr *source,
    const struct sok_endpoint *to, struct sok_tcp_path *out);
// Whether what arrived is for who is bound to it; for who is bound to none, all is.
bool sok_tcp_device_hears(
    const struct sok_tcp *t, uint8_t device, const struct sok_tcp_arrival *arrival);
// The next hop may be another one since routes changed. True if it is, and not known to be silent.
bool sok_tcp_path_refresh(struct sok_tcp_conn *c);

// ---- isn.c: RFC 6528, RFC 6056 ----
uint32_t sok_tcp_isn(const struct sok_tcp *t, const struct sok_endpoint *local,
    const struct sok_endpoint *remote, int64_t now);
uint32_t sok_tcp_ts_offset(
    const struct sok_tcp *t, const struct sok_endpoint *local, const struct sok_endpoint *remote);
int sok_tcp_pick_port(struct sok_tcp *t, struct sok_endpoint *local,
    const struct sok_endpoint *remote, unsigned flags);

// ---- reply.c ----
static inline struct sok_tcp_reply *sok_tcp_reply_at(struct sok_tcp *t, unsigned i)
{
    return &t->replies[(t->reply_head + i) & (SOK_TCP_REPLIES_MAX - 1)];
}
void sok_tcp_reply_park(struct sok_tcp *t, unsigned i);
void sok_tcp_reply_remove(struct sok_tcp *t, unsigned i);
void sok_tcp_reply_push(struct sok_tcp *t, const struct sok_tcp_reply *r);
void sok_tcp_reset_for(struct sok_tcp *t, const struct sok_tcp_in *in, enum sok_reason why);
void sok_tcp_reset_conn(struct sok_tcp_conn *c, enum sok_reason why); // RST with our numbers
void sok_tcp_reply_segment(const struct sok_tcp_reply *r, struct sok_tcp_segment *out);

#endif
