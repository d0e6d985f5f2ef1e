// Between the files of the drill player.
//
//   drill_parse.c   text to steps
//   drill_setup.c   settings; the stack that is drilled
//   drill_peer.c    what the scripted peer knows of each connection
//   drill_build.c   `in` lines to frames; drill_ip6.c   their IPv6 headers
//   drill_family.c  a drill over IPv4 as one over IPv6
//   drill_call.c    `call` lines
//   drill_look.c    looking at a connection from above
//   drill_log.c     the log of what happened
//   drill_run.c     time, comparing
#ifndef SOK_HOST_DRILL_INTERNAL_H
#define SOK_HOST_DRILL_INTERNAL_H

#include "host/drill.h"
#include "host/notation.h"
#include "stack/stack.h"

enum drill_step_kind {
    STEP_SET,       // set NAME VALUE
    STEP_SEED,      // seed N
    STEP_LINK,      // link [mtu N] [mac MAC] [tso] [csum] [lan]
    STEP_ADDR,      // addr A/N
    STEP_GATEWAY,   // gateway A
    STEP_NEIGHBOUR, // neighbour A MAC | neighbour none
    STEP_PEER,      // peer [A] [isn N] [ts N]
    STEP_SLAAC,     // slaac
    STEP_LAST_SETTING = STEP_SLAAC,
    STEP_TIME,  // time within D | time any | time exact
    STEP_LINE,  // a line of the notation
    STEP_DROP,  // drop REASON
    STEP_QUIET, // quiet until T | quiet for D
    STEP_INFO,  // info [@TAG] NAME [OP] VALUE ...
    STEP_COUNT, // count NAME N | count drop REASON = N
    STEP_READY, // ready [@TAG] in out error hup | none
    STEP_BATCH, // batch on | off
};

enum drill_time { TIME_SAME, TIME_AT, TIME_AFTER, TIME_ANY };

struct drill_step {
    uint8_t kind;      // enum drill_step_kind
    uint8_t time_kind; // enum drill_time
    int64_t time;      // of TIME_AT, TIME_AFTER
    int64_t until;     // QUIET
    bool relative;     // QUIET: for, not until
    unsigned line_no;
    char *source; // the line as written, without comment
    char *body;   // in source: what follows the time
    struct sok_line *line;
};

struct drill_script {
    struct drill_step *steps;
    unsigned count, cap;
    char *text; // source of all steps
};

// 0, or -1 with the line and what is wrong in the report. Words of a directive, cut in place.
int sok_drill_parse(const char *text, struct drill_script *out, struct sok_drill_report *report);
void sok_drill_script_free(struct drill_script *s);
#define DRILL_WORDS_MAX 64
unsigned sok_drill_words(char *text, char *words[DRILL_WORDS_MAX]);

// One connection (or socket) of the drill, as its peer sees it.
#define DRILL_CONNS_MAX  256
#define DRILL_STREAM_MAX (64u << 20)
struct drill_bytes {
    uint8_t *p, *known; // known: 1 for bytes that have been said
    size_t cap, end;
};

struct drill_conn {
    char tag
        [SOK_LINE_TAG_MAX]; // "1" is the one of lines without a tag; "": made by an `in` line alone
    struct sok_tcp_conn *tcp;
    struct sok_tcp_listener *listener;
    struct sok_udp *udp;
    struct sok_raw *raw;
    struct sok_echo *echo;
    uint32_t tcp_id, listener_id, udp_id, raw_id, echo_id; // in events; 0: none
    bool has_ends;
    struct sok_endpoint local, remote;
    // Ours, as the peer has seen it.
    bool has_iss, our_wscale, our_ts;
    uint32_t iss, our_next; // relative
    uint8_t our_shift;
    uint32_t our_ts_base, our_ts_last;
    // The peer's.
    bool has_isn; // it has sent a SYN: until then its numbers are as they are
    bool said_syn, peer_wscale, peer_ts, has_win;
    uint32_t peer_next, win;
    uint8_t peer_shift;
    int64_t peer_ts_start;
    struct drill_bytes sent;     // what our side was given to send
    struct drill_bytes received; // what the peer sent
    uint64_t sent_end, read_end; // stream offsets
    uint16_t echo_ident, echo_seq, ping_seq;
};

struct drill_entry {
    bool is_event, matched, merged;
    char *text; // not an event: as it is
    struct sok_line line;
};

struct drill_neighbour {
    struct sok_addr addr;
    uint8_t mac[6];
};

struct drill {
    struct drill_script script;
    struct sok_drill_report *report;
    bool utf8, loose;
    bool v6; // made from a drill over IPv4
    int64_t now, line_time;
    int64_t tolerance; // ns; INT64_MAX: any time will do
    bool batch;
    // Settings.
    struct sok_stack_config config;
    struct sok_link_info link;
    struct sok_addr addr;
    unsigned prefix_len;
    bool has_addr;
    struct sok_addr peer;
    bool has_peer, no_neighbours, slaac;
    uint8_t peer_mac[6];
    uint32_t peer_isn, peer_ts;
    struct sok_stack *stack;
    struct sok_mem_counter memory;
    struct sok_notation *notation;
    struct drill_conn *conns[DRILL_CONNS_MAX];
    unsigned conn_count;
    unsigned tags; // connections with a tag: the tag column
    struct drill_entry **log;
    unsigned log_count, log_cap;
    unsigned next_out;                    // index of the first entry that may be an unmatched OUT
    unsigned seen[SOK_LINE_KIND_COUNT];   // behind the last checked entry of a kind
    uint8_t frame[14 + 40 + 65535 + 512]; // the last frame, built or taken out
    uint32_t frame_len;
    bool failed;
};

// Says why the drill fails; only the first time counts. Returns -1.
__attribute__((format(printf, 3, 4))) int sok_drill_fail(
    struct drill *d, const struct drill_step *step, const char *format, ...);

// drill_build.c
int sok_drill_build(
    struct drill *d, const struct drill_step *step, struct drill_conn *c); // into frame

// drill_ip6.c
uint32_t sok_drill_ip6_len(const struct sok_line *l); // of the headers
// Writes them for len bytes of payload, that are in place; their length.
uint32_t sok_drill_ip6_put(uint8_t *p, const struct sok_line *l, uint8_t proto,
    const struct sok_addr *src, const struct sok_addr *dst, uint32_t len);

// drill_family.c
// The text of a drill over IPv4 as one over IPv6, to be freed; NULL: no memory. docs/drill.md says what becomes what.
char *sok_drill_to_v6(const char *text);
#define DRILL_MTU_V6 1520 // segments are as long as over IPv4

// drill_peer.c
#define DRILL_PEER_PORT 40001 // the peer's first
struct drill_conn *sok_drill_conn_of_tag(struct drill *d, const char *tag, bool make); // "" is "1"
struct drill_conn *sok_drill_conn_of_id(struct drill *d, uint32_t id);                 // NULL: none
struct drill_conn *sok_drill_conn_of_ends(
    struct drill *d, const struct sok_endpoint *local, const struct sok_endpoint *remote);
// The connection an `in` line is about; made if there is none yet. NULL: failed.
struct drill_conn *sok_drill_conn_of_in(struct drill *d, const struct drill_step *step);
// The stack took the built frame: now the peer has sent it. Call it while the frame is in d->frame.
void sok_drill_peer_sent(
    struct drill *d, struct drill_conn *c, const struct sok_line *want, bool dropped);
// Whether the checksums of the frame that came out (in d->frame) are right, as far as they can be seen.
bool sok_drill_sums_hold(const struct drill *d);
// A frame came out (in d->frame): the peer looks at it. conn: of its event. False: wrong payload.
bool sok_drill_peer_sees(struct drill *d, uint32_t conn);
uint32_t sok_drill_line_seq(const struct sok_line *l, const struct drill_conn *c);
uint32_t sok_drill_line_len(const struct sok_line *l); // of the payload
int sok_drill_bytes_put(
    struct drill_bytes *b, uint64_t off, const uint8_t *p, size_t len, bool over);
uint8_t sok_drill_pattern(uint64_t off);
void sok_drill_conns_free(struct drill *d);

// drill_call.c
int sok_drill_call(struct drill *d, const struct drill_step *step);

// drill_look.c
int sok_drill_info(struct drill *d, const struct drill_step *step);
int sok_drill_count(struct drill *d, const struct drill_step *step);
int sok_drill_ready(struct drill *d, const struct drill_step *step);

// drill_setup.c
int sok_drill_setup(struct drill *d); // makes the stack

// drill_log.c
// Time does not begin at 0: nothing may take 0 for "never".
#define DRILL_START (1000 * SOK_S)
struct drill_entry *sok_drill_log_entry(struct drill *d);                       // NULL: failed
char *sok_drill_entry_text(const struct drill *d, const struct drill_entry *e); // to be freed
char *sok_drill_timeline(const struct drill *d);                                // to be freed
void sok_drill_log_text(struct drill *d, const char *text);
void sok_drill_log_line(struct drill *d, const struct sok_line *line);
// A line of the script in its columns, with the time now: settings and checks in the timeline.
void sok_drill_log_step(struct drill *d, const struct drill_step *step);

bool sok_drill_duration(const char *text, int64_t *ns); // the whole text

#endif
