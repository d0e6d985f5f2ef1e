// Every constant of TCP is a run-time setting with a default, described once in this list: the struct,
// the defaults, `--set NAME=VALUE`, the drills' `set` and the help come from it.
#ifndef SOK_TCP_CONFIG_H
#define SOK_TCP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOK_MS INT64_C(1000000)
#define SOK_S  INT64_C(1000000000)

// X(name, unit, default, min, max, help): every value is an int64_t. Units: "ns" is given and shown as
// a duration ("200ms", "3m"), "bool" as on/off, "cubic|newreno" as one of these words (the value is its
// number), others as a plain number.
#define SOK_TCP_SETTINGS(X)                                                                        \
    X(rto_initial, "ns", 1 * SOK_S, SOK_MS, 60 * SOK_S, "RTO before a sample (RFC 6298 2.1)")      \
    X(rto_min, "ns", 200 * SOK_MS, SOK_MS, 60 * SOK_S, "least RTO; Linux's, RFC 6298 2.4 says 1s") \
    X(rto_max, "ns", 120 * SOK_S, SOK_S, 3600 * SOK_S, "greatest RTO (RFC 6298 2.5)")              \
    X(syn_r2, "ns", 180 * SOK_S, SOK_S, 86400 * SOK_S, "a SYN gives up not before (MUST-23)")      \
    X(syn_retries, "count", 7, 0, 255, "SYN retransmissions at most")                              \
    X(syn_ack_retries, "count", 5, 0, 255, "SYN,ACK retransmissions at most")                      \
    X(r2, "ns", 924 * SOK_S, SOK_S, 86400 * SOK_S, "data gives up after (SHLD-11); Linux's 15")    \
    X(msl, "ns", 30 * SOK_S, SOK_MS, 240 * SOK_S, "segment lifetime; TIME-WAIT lasts two")         \
    X(fin_wait_2, "ns", 60 * SOK_S, SOK_S, 86400 * SOK_S, "closed FIN-WAIT-2 waits (as Linux)")    \
    X(delayed_ack, "ns", 40 * SOK_MS, 0, 500 * SOK_MS, "delayed ACK (MUST-40: under 500 ms)")      \
    X(quick_acks, "count", 16, 0, 65535, "segments acknowledged at once at the start")             \
    X(initial_window, "count", 10, 1, 64, "initial congestion window in segments (RFC 6928)")      \
    X(congestion, "cubic|newreno", 0, 0, 1, "cubic (RFC 9438) or newreno (RFC 5681)")              \
    X(hystart, "bool", 1, 0, 1, "leave slow start when round trips grow (RFC 9406)")               \
    X(idle_restart, "bool", 1, 0, 1, "after an idle RTO begin with the initial window (RFC 5681)") \
    X(dup_threshold, "count", 3, 1, 255, "duplicate ACKs that mean loss (RFC 5681 3.2)")           \
    X(tlp, "bool", 1, 0, 1, "probe for a lost tail before the RTO (RFC 8985 7)")                   \
    X(tlp_ack_delay, "ns", 200 * SOK_MS, 0, SOK_S, "a lone segment's ACK may be delayed so long")  \
    X(frto, "bool", 1, 0, 1, "after a timeout see whether it was needed (RFC 5682)")               \
    X(undo, "bool", 1, 0, 1, "undo a reduction that was for nothing (RFC 3522, 3708)")             \
    X(dsack, "bool", 1, 0, 1, "report what arrived twice (RFC 2883)")                              \
    X(r1, "count", 3, 1, 255, "timeouts until the delivery problem is told (SHLD-10)")             \
    X(rcv_buf, "bytes", 6291456, 2048, 1073741824, "receive buffer, most")                         \
    X(rcv_buf_initial, "bytes", 131072, 2048, 1073741824, "receive buffer, first (window 64240)")  \
    X(snd_buf, "bytes", 4194304, 2048, 1073741824, "send buffer, most")                            \
    X(snd_buf_initial, "bytes", 16384, 2048, 1073741824, "send buffer, first; open: 20 segments")  \
    X(snd_buf_all, "bytes", 134217728, 0, 1099511627776,                                           \
        "no buffer grows while all hold so much to send")                                          \
    X(reassembly_runs, "count", 256, 1, 65535, "gaps held in one receive queue")                   \
    X(window_scale, "bool", 1, 0, 1, "offer window scaling (RFC 7323)")                            \
    X(timestamps, "bool", 1, 0, 1, "offer timestamps (RFC 7323)")                                  \
    X(sack, "bool", 1, 0, 1, "offer selective acknowledgments (RFC 2018)")                         \
    X(nagle, "bool", 1, 0, 1, "Nagle's algorithm (SHLD-7)")                                        \
    X(super_frame_max, "bytes", 65160, 536, 65160, "payload of one segment handed to the link")    \
    X(mss_min, "bytes", 88, 48, 1460, "least MSS believed (a hostile one costs too much)")         \
    X(keepalive_idle, "ns", 7200 * SOK_S, SOK_S, 86400 * 365 * SOK_S, "idle before a keep-alive")  \
    X(keepalive_interval, "ns", 75 * SOK_S, SOK_S, 86400 * SOK_S, "between keep-alives")           \
    X(keepalive_count, "count", 9, 1, 255, "unanswered keep-alives until it is dead")              \
    X(cork_max, "ns", 200 * SOK_MS, SOK_MS, 60 * SOK_S, "a corked rest waits at most (as Linux)")  \
    X(challenge_interval, "ns", 500 * SOK_MS, 0, 60 * SOK_S, "challenge ACKs, per connection")     \
    X(challenge_max, "count", 1000, 1, 1000000,                                                    \
        "and per second, all together; half or more of it")                                        \
    X(syn_cookies, "on|off|always", 0, 0, 2, "on: when the backlog is full (RFC 4987)")            \
    X(ecn, "answer|on|off", 0, 0, 2, "congestion marks (RFC 3168); on: also ask for them")         \
    X(fastopen, "client|off|server|both", 0, 0, 3, "who may do it (RFC 7413)")                     \
    X(fastopen_pending, "count", 256, 0, 65536, "delivered, handshake not done, at most (5.1)")    \
    X(syn_queue_max, "count", 1024, 1, 1048576, "half-open connections per listener, most")        \
    X(conns_max, "count", 262144, 1, 16777216, "connections, most")                                \
    X(port_first, "count", 32768, 1, 65535, "chosen ports begin here, UDP's too (as Linux's)")     \
    X(port_count, "count", 28232, 1, 65535, "and are so many")

enum sok_cookies { SOK_COOKIES_ON, SOK_COOKIES_OFF, SOK_COOKIES_ALWAYS };
enum sok_fastopen { SOK_FASTOPEN_CLIENT, SOK_FASTOPEN_OFF, SOK_FASTOPEN_SERVER, SOK_FASTOPEN_BOTH };
enum sok_ecn { SOK_ECN_ANSWER, SOK_ECN_ON, SOK_ECN_OFF };

struct sok_tcp_config {
    size_t size; // sizeof(struct sok_tcp_config)
#define SOK_X(name, unit, def, min, max, help) int64_t name;
    SOK_TCP_SETTINGS(SOK_X)
#undef SOK_X
};

void sok_tcp_config_default(struct sok_tcp_config *config);

// A row of the settings table, for help, --set and drills.
struct sok_setting {
    const char *name;
    const char *unit;
    int64_t def, min, max;
    const char *help;
    size_t offset; // in struct sok_tcp_config
};
const struct sok_setting *sok_tcp_settings(size_t *count);

// Sets one value of a table's struct from text. NULL, or what is wrong with it, to be put behind the
// name; nothing changes then.
const char *sok_setting_set(const struct sok_setting *rows, size_t count, void *config,
    const char *name, const char *value);

// The same for TCP's own table: ("rto_min", "50ms").
const char *sok_tcp_config_set(struct sok_tcp_config *config, const char *name, const char *value);

#endif
