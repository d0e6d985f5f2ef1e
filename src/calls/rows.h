// One socket as `sockeye ss` shows it: what a host's side answers LIST with (see protocol.h), and what the
// kernel's sockets are turned into, so that both are printed and filtered by the same code. All that is not
// known is 0. Fixed layout, no pointers; rows of a host come newest first.
#ifndef SOK_CALLS_ROWS_H
#define SOK_CALLS_ROWS_H

#include <stdint.h>
#include "base/addr.h"

enum sok_row_kind { SOK_ROW_TCP, SOK_ROW_UDP, SOK_ROW_RAW, SOK_ROW_PACKET, SOK_ROW_KINDS };

// X(name, word of ss), numbered as the kernel numbers them (net/tcp_states.h). CLOSE is every socket that
// has no peer and does not listen.
#define SOK_ROW_STATES(X)                                                                          \
    X(NONE, "UNKNOWN")                                                                             \
    X(ESTABLISHED, "ESTAB")                                                                        \
    X(SYN_SENT, "SYN-SENT")                                                                        \
    X(SYN_RECEIVED, "SYN-RECV")                                                                    \
    X(FIN_WAIT_1, "FIN-WAIT-1")                                                                    \
    X(FIN_WAIT_2, "FIN-WAIT-2")                                                                    \
    X(TIME_WAIT, "TIME-WAIT")                                                                      \
    X(CLOSE, "UNCONN")                                                                             \
    X(CLOSE_WAIT, "CLOSE-WAIT")                                                                    \
    X(LAST_ACK, "LAST-ACK")                                                                        \
    X(LISTEN, "LISTEN")                                                                            \
    X(CLOSING, "CLOSING")

enum sok_row_state {
#define SOK_X(name, word) SOK_ROW_##name,
    SOK_ROW_STATES(SOK_X)
#undef SOK_X
        SOK_ROW_STATE_COUNT
};

// X(name, word of ss), as the kernel's idiag_timer.
#define SOK_ROW_TIMERS(X)                                                                          \
    X(OFF, "off")                                                                                  \
    X(ON, "on")               /* for an acknowledgment */                                          \
    X(KEEPALIVE, "keepalive") /* for a sign of life */                                             \
    X(TIME_WAIT, "timewait")  /* until its numbers may be used again */                            \
    X(PERSIST, "persist")     /* for a window that opens */

enum sok_row_timer {
#define SOK_X(name, word) SOK_ROW_TIMER_##name,
    SOK_ROW_TIMERS(SOK_X)
#undef SOK_X
        SOK_ROW_TIMER_COUNT
};

enum sok_row_flag {
    SOK_ROW_INFO = 1, // `info` holds something
    SOK_ROW_TIMESTAMPS = 2,
    SOK_ROW_SACK = 4,
    SOK_ROW_ECN = 8,
    SOK_ROW_ECN_SEEN = 16,
    SOK_ROW_FASTOPEN = 32,
    SOK_ROW_WSCALE = 64,
    SOK_ROW_APP_LIMITED = 128, // of the delivery rate
    SOK_ROW_V6ONLY = 256,
    SOK_ROW_V6ONLY_KNOWN = 512,
    SOK_ROW_SHUT_IN = 1024, // nothing more is received, sent
    SOK_ROW_SHUT_OUT = 2048,
    SOK_ROW_LIMITS = 4096,      // `limit` and `limited` are known
    SOK_ROW_MEMORY = 8192,      // `memory` is
    SOK_ROW_OWNER = 16384,      // `uid` is
    SOK_ROW_SHUT_KNOWN = 32768, // and those two say so
};

// X(type, name, what), the numbers of ss's info line and more. Times are in ns; cwnd, ssthresh, unacked, lost
// and sacked in segments, as ss has them.
#define SOK_ROW_INFO_LIST(X)                                                                       \
    X(int64_t, rto, "retransmission timeout")                                                      \
    X(int64_t, rtt, "smoothed")                                                                    \
    X(int64_t, rtt_var, "")                                                                        \
    X(int64_t, rtt_min, "")                                                                        \
    X(int64_t, rtt_recv, "estimated by the receiver")                                              \
    X(int64_t, ack_delay, "of delayed ACKs")                                                       \
    X(int64_t, since_sent, "since data was sent last")                                             \
    X(int64_t, since_received, "since data came last")                                             \
    X(int64_t, since_ack, "since an ACK came last")                                                \
    X(int64_t, busy, "had something to send")                                                      \
    X(int64_t, busy_receiver, "of that, waited for the peer's window")                             \
    X(int64_t, busy_buffer, "of that, for room in the send buffer")                                \
    X(int64_t, age, "")                                                                            \
    X(uint64_t, bytes_sent, "again counted, too")                                                  \
    X(uint64_t, bytes_again, "")                                                                   \
    X(uint64_t, bytes_spurious, "of bytes_again, for nothing")                                     \
    X(uint64_t, bytes_acked, "")                                                                   \
    X(uint64_t, bytes_received, "")                                                                \
    X(uint64_t, delivery_rate, "bytes a second")                                                   \
    X(uint64_t, pacing_rate, "bytes a second")                                                     \
    X(uint64_t, pacing_rate_max, "bytes a second")                                                 \
    X(uint32_t, mss, "")                                                                           \
    X(uint32_t, mss_recv, "")                                                                      \
    X(uint32_t, mss_offered, "")                                                                   \
    X(uint32_t, pmtu, "")                                                                          \
    X(uint32_t, cwnd, "")                                                                          \
    X(uint32_t, ssthresh, "0: none yet")                                                           \
    X(uint32_t, cwnd_bytes, "where it is counted in bytes")                                        \
    X(uint32_t, backoff, "doublings of rto")                                                       \
    X(uint32_t, segs_out, "")                                                                      \
    X(uint32_t, segs_in, "")                                                                       \
    X(uint32_t, data_segs_out, "")                                                                 \
    X(uint32_t, data_segs_in, "")                                                                  \
    X(uint32_t, delivered, "segments")                                                             \
    X(uint32_t, delivered_ce, "of these, with a congestion mark")                                  \
    X(uint32_t, unacked, "")                                                                       \
    X(uint32_t, retrans, "on their way again")                                                     \
    X(uint32_t, retrans_total, "segments sent again, ever")                                        \
    X(uint32_t, lost, "")                                                                          \
    X(uint32_t, sacked, "")                                                                        \
    X(uint32_t, dsack_dups, "arrived twice")                                                       \
    X(uint32_t, reordering, "segments; 0 and 3: none seen")                                        \
    X(uint32_t, reorder_seen, "")                                                                  \
    X(uint32_t, recv_space, "")                                                                    \
    X(uint32_t, recv_ssthresh, "")                                                                 \
    X(uint32_t, not_sent, "bytes that wait to be sent")                                            \
    X(uint32_t, recv_early, "segments that came early")                                            \
    X(uint32_t, window_send, "what the peer offers, bytes")                                        \
    X(uint32_t, window_recv, "what is offered to it, bytes")                                       \
    X(uint32_t, timeouts, "")                                                                      \
    X(uint32_t, fast_retransmits, "")                                                              \
    X(uint32_t, tail_probes, "")                                                                   \
    X(uint32_t, undone, "reductions of cwnd taken back")

struct sok_row_info {
#define SOK_X(type, name, what) type name;
    SOK_ROW_INFO_LIST(SOK_X)
#undef SOK_X
};

// As ss -m shows it: X(name, letters).
#define SOK_ROW_MEMORY_LIST(X)                                                                     \
    X(recv_alloc, "r")                                                                             \
    X(recv_buf, "rb")                                                                              \
    X(send_alloc, "t")                                                                             \
    X(send_buf, "tb")                                                                              \
    X(forward, "f")                                                                                \
    X(queued, "w")                                                                                 \
    X(options, "o")                                                                                \
    X(backlog, "bl")                                                                               \
    X(drops, "d")

struct sok_row_memory {
#define SOK_X(name, letters) uint32_t name;
    SOK_ROW_MEMORY_LIST(SOK_X)
#undef SOK_X
};

#define SOK_ROW_LIMIT_COUNT 9 // enum sok_limit of sockeye/socket.h
#define SOK_ROW_WORD_MAX    16

struct sok_row {
    uint32_t id;                    // of its host's; what KILL takes and events show
    uint32_t flags;                 // enum sok_row_flag
    uint8_t kind;                   // enum sok_row_kind
    uint8_t family;                 // 4, 6; 0: neither (packet sockets)
    uint8_t state;                  // enum sok_row_state
    uint8_t timer;                  // enum sok_row_timer
    uint8_t retries;                // of the timer
    uint8_t protocol;               // of raw sockets
    uint8_t send_shift, recv_shift; // window scales
    uint8_t limit;                  // what keeps it from sending more now
    uint8_t reserved[3];
    uint16_t local_port, remote_port;
    uint32_t link;                    // bound to this interface; 0: none
    char interface[SOK_ROW_WORD_MAX]; // its name, where this is not the kernel's
    uint8_t local[16], remote[16];    // IPv4 as v4-mapped
    uint32_t recv_queue, send_queue;  // bytes; of listeners: waiting connections, and how many may
    int64_t timer_left;               // ns
    char congestion[SOK_ROW_WORD_MAX];
    // whose it is
    char program[SOK_ROW_WORD_MAX];
    int32_t pid, fd; // the first that had it, as far as the host was told; pid 0: nobody has
    uint32_t uid, mark;
    uint64_t inode;  // of the program's descriptor: /proc/PID/fd tells who has it
    uint64_t cookie; // SO_COOKIE of the same
    uint64_t cgroup;
    int64_t limited[SOK_ROW_LIMIT_COUNT]; // ns, by what; the sum is the age
    struct sok_row_memory memory;
    struct sok_row_info info;
};

const char *sok_row_state_text(unsigned state); // "ESTAB"; "UNKNOWN"
const char *sok_row_timer_text(unsigned timer); // "on"; "unknown"

#endif
