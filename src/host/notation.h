// The notation: one event, one line of text, and back. The timeline prints it, a drill is made of it.
// A struct sok_line is the meaning of a line; an event becomes one (sok_notation_line), text is made of
// one (sok_line_text) or becomes one (sok_line_parse), and two are compared by what the first one says
// (sok_line_match). docs/events.md tells people the grammar. Read first: the lists below.
//
//   TIME KIND [@TAG] BODY  [REASON]
//   0.000102  in  ←  SYN,ACK  seq 0 ack 1 win 65160 mss 1460 sackOK TS 0 0 wscale 7   handshake done
//
// Numbers are as people read them: times from the first event, sequence numbers from the initial ones,
// windows in bytes, timestamps from each side's first.
#ifndef SOK_HOST_NOTATION_H
#define SOK_HOST_NOTATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/event.h"
#include "host/notation_icmp6.h"

// The word that begins a line after its time. X(name, word).
#define SOK_LINE_KINDS(X)                                                                          \
    X(CALL, "call")                                                                                \
    X(IN, "in")                                                                                    \
    X(OUT, "out")                                                                                  \
    X(STATE, "state")                                                                              \
    X(RTT, "rtt")                                                                                  \
    X(CWND, "cwnd")                                                                                \
    X(LOSS, "loss")                                                                                \
    X(HELD, "held")                                                                                \
    X(ERROR, "error")                                                                              \
    X(ADDR, "addr")                                                                                \
    X(DHCP, "dhcp")                                                                                \
    X(LOST, "lost")

enum sok_line_kind {
#define SOK_X(name, word) SOK_LINE_##name,
    SOK_LINE_KINDS(SOK_X)
#undef SOK_X
        SOK_LINE_KIND_COUNT
};

// What the first word of a packet is. TCP's word is its flags.
enum sok_head {
    SOK_HEAD_TCP,
    SOK_HEAD_UDP,
    SOK_HEAD_ICMP,
    SOK_HEAD_ICMP6,
    SOK_HEAD_ARP,
    SOK_HEAD_IP,  // IPv4 or IPv6, but no protocol (or no first fragment) that is shown
    SOK_HEAD_ETH, // Ethernet, but nothing of the above
    SOK_HEAD_HEX, // bytes; what cannot be read
    SOK_HEAD_COUNT
};

// The fields of all lines, in the order in which they are printed; parsing takes any order.
// X(name, word, type, member). Types: u32 number, flag, pair of u32, duration, and some of their own.
// A word that begins with '-' is of no word: the value stands alone at its own place.
#define SOK_LINE_FIELDS(X)                                                                         \
    X(CALL, "-call", CALL, call)             /* call: the word */                                  \
    X(TO, "-to", END, src)                   /* call: remote, or local of listen */                \
    X(AMOUNT, "-amount", I64, amount)        /* call: bytes */                                     \
    X(ENDS, "-ends", ENDS, src)              /* 192.0.2.1:80 > 192.0.2.2:49152 */                  \
    X(PROTO, "proto", U32, proto)            /* IP: protocol number */                             \
    X(TYPE, "type", U32, type)               /* ETH: type; ICMP: when it has no name */            \
    X(CODE, "code", U32, code)               /* ICMP */                                            \
    X(ID, "id", U32, id)                     /* ICMP echo; IP identification */                    \
    X(SEQ, "seq", U32, seq)                  /* TCP relative; ICMP echo */                         \
    X(ACK, "ack", U32, ack)                  /* relative */                                        \
    X(LEN, "len", LEN, len)                  /* payload bytes; super-frame: len N (k×m) */        \
    X(WIN, "win", U32, win)                  /* bytes, scaled */                                   \
    X(URG, "urg", U32, urg)                  /* urgent pointer */                                  \
    X(MSS, "mss", U32, mss)                  /* options: RFC 9293 */                               \
    X(SACKOK, "sackOK", FLAG, sackok)        /* RFC 2018 */                                        \
    X(TS, "TS", PAIR, tsval)                 /* RFC 7323: value, echo; relative */                 \
    X(WSCALE, "wscale", U32, wscale)         /* RFC 7323 */                                        \
    X(TFO, "tfo", WORD, tfo)                 /* RFC 7413: ask, or the cookie */                    \
    X(SACK, "sack", SACK, sack)              /* 1449-2897,... relative */                          \
    X(OPTIONS, "options", WORD, options)     /* which and in which order: nop,nop,TS or none */    \
    X(MTU, "mtu", U32, mtu)                  /* ICMP fragmentation needed */                       \
    X(POINTER, "pointer", U32, pointer)      /* ICMPv6 parameter problem */                        \
    X(TARGET, "target", END, target)         /* ICMPv6: whom neighbour discovery is about */       \
    X(WITH, "with", LIST, with)              /* and what else it says: notation_icmp6.h */         \
    X(OFF, "off", U32, off)                  /* IP fragment offset in bytes */                     \
    X(MORE, "more", FLAG, more)              /* IP: more fragments */                              \
    X(TTL, "ttl", U32, ttl)                  /* IP; IPv6: hop limit */                             \
    X(TOS, "tos", U32, tos)                  /* IP; IPv6: traffic class */                         \
    X(FLOW, "flow", U32, flow)               /* IPv6: flow label */                                \
    X(HEADERS, "headers", LIST, headers)     /* IPv6: extension headers, hop=HEX,60=HEX */         \
    X(DF, "df", U32, df)                     /* IP: don't fragment, 0 or 1 */                      \
    X(BADSUM, "badsum", FLAG, badsum)        /* wrong TCP, UDP or ICMP checksum */                 \
    X(BADIPSUM, "badipsum", FLAG, badipsum)  /* wrong IP header checksum */                        \
    X(TEXT, "-text", TEXT, text)             /* "GET / HTTP/1.1"… */                             \
    X(QUOTE, "quoting", QUOTE, quote)        /* ICMP: quoting [TCP] [A > B] [seq N] */             \
    X(ARP, "-arp", ARP, arp_op)              /* who has A tell B; A is at MAC */                   \
    X(HEX, "-hex", HEX, hex)                 /* bytes */                                           \
    X(FROM, "from", END, dst)                /* call: local, or who came */                        \
    X(BACKLOG, "backlog", U32, backlog)      /* call listen */                                     \
    X(V6ONLY, "v6only", FLAG, v6only)        /* call listen, udp: [::] is IPv6 alone */            \
    X(RESULT, "=", I64, result)              /* call: when it is not what was asked for */         \
    X(STATES, "-states", STATES, from)       /* state: FROM → TO */                              \
    X(SAMPLE, "-sample", TIME, sample)       /* rtt */                                             \
    X(SRTT, "srtt", TIME, srtt)              /* rtt */                                             \
    X(RTTVAR, "rttvar", TIME, rttvar)        /* rtt */                                             \
    X(RTO, "rto", TIME, rto)                 /* rtt */                                             \
    X(BYTES, "-bytes", BYTES, bytes)         /* cwnd; held N bytes */                              \
    X(SSTHRESH, "ssthresh", LIMIT, ssthresh) /* cwnd; UINT32_MAX: none */                          \
    X(EVENTS, "-events", I64, amount)        /* lost: N events */

enum sok_line_field {
#define SOK_X(name, word, type, member) SOK_LINE_FIELD_##name,
    SOK_LINE_FIELDS(SOK_X)
#undef SOK_X
        SOK_LINE_FIELD_COUNT
};
#define SOK_HAS(field) (UINT64_C(1) << SOK_LINE_FIELD_##field)
_Static_assert(SOK_LINE_FIELD_COUNT <= 64, "fields fit into one set");

#define SOK_LINE_TEXT_MAX   96 // payload text of a line, unescaped
#define SOK_LINE_HEX_MAX    2048
#define SOK_LINE_TAG_MAX    16
#define SOK_LINE_LIST_MAX   SOK_ICMP6_WITH_MAX
#define SOK_LINE_WORD_MAX   96
#define SOK_LINE_REASON_MAX 160
#define SOK_LINE_MAX        5120 // a whole line, NUL included
#define SOK_LINE_ERR_MAX    256

// Calls that only a drill makes, after those of enum sok_call. X(name, word).
#define SOK_LINE_CALLS(X)                                                                          \
    X(OPTION, "option") /* option nodelay on */                                                    \
    X(URGENT, "urgent") /* send with the URGENT flag: urgent "abc" */                              \
    X(BIND, "udp")      /* opens a UDP socket: udp :53 */                                          \
    X(RAW, "raw")       /* opens a raw socket of a protocol: raw 102 */                            \
    X(SLAAC, "slaac")   /* IPv6 by itself: a link-local address, routers are asked */              \
    X(JOIN, "join")     /* a UDP or raw socket joins a group: join ff05::7 [from SOURCE] */        \
    X(LEAVE, "leave")                                                                              \
    X(TAKE_ERROR, "error")

enum sok_line_call {
    SOK_LINE_CALL_FIRST = SOK_CALL_COUNT - 1,
#define SOK_X(name, word) SOK_LINE_CALL_##name,
    SOK_LINE_CALLS(SOK_X)
#undef SOK_X
        SOK_LINE_CALL_COUNT
};

struct sok_line {
    uint8_t kind; // enum sok_line_kind
    uint8_t head; // enum sok_head, of IN and OUT
    bool has_time;
    bool again;     // OUT: a retransmission
    bool dropped;   // IN
    bool any_psh;   // the word was DATA: ACK, with PSH or without
    bool text_more; // the payload goes on after text
    bool no_port;   // src, dst are bare addresses
    int64_t time;   // ns from the first event
    char tag[SOK_LINE_TAG_MAX];
    uint64_t has;   // SOK_HAS(): what the line says
    uint64_t plain; // of these, what follows from the lines before: left out unless all is wanted
    uint16_t flags; // TCP
    struct sok_endpoint src, dst; // ENDS; TO, FROM of calls
    uint32_t proto, type, code, id, seq, ack, len, per_frame, win, urg, mss, wscale, mtu, off, ttl,
        tos;
    uint32_t df, flow, pointer;
    uint32_t tsval, tsecr; // in this order: a pair
    uint8_t sackok, more, badsum, badipsum, v6only;
    uint8_t sack_count;
    struct {
        uint32_t start, end;
    } sack[4];
    char options[SOK_LINE_WORD_MAX];
    char tfo[SOK_LINE_WORD_MAX];
    struct sok_endpoint target; // a bare address
    char with[SOK_LINE_LIST_MAX], headers[SOK_LINE_LIST_MAX];
    uint8_t text[SOK_LINE_TEXT_MAX];
    uint32_t text_len;
    struct {
        bool has_ends, has_seq;
        uint8_t proto; // 0: that of the tag
        struct sok_endpoint src, dst;
        uint32_t seq;
    } quote;
    uint8_t arp_op; // 1: who has A tell B, 2: A is at MAC
    struct sok_addr arp_about, arp_tell;
    uint8_t arp_mac[6];
    uint8_t hex[SOK_LINE_HEX_MAX];
    uint32_t hex_len;
    uint8_t call; // enum sok_call, or enum sok_line_call
    char option[SOK_LINE_WORD_MAX], value[SOK_LINE_WORD_MAX];
    int64_t amount, result;
    uint32_t backlog;
    uint8_t from, to; // enum sok_tcp_state
    int64_t sample, srtt, rttvar, rto;
    uint32_t bytes, ssthresh;
    char reason[SOK_LINE_REASON_MAX];
};

// ---- events to lines ----

// What the notation remembers between lines: numbers of connections, their initial numbers, what was
// said last of each. Bounded: of connections that are over it keeps the last SOK_NOTATION_OVER_MAX.
#define SOK_NOTATION_OVER_MAX 256
struct sok_notation;

struct sok_notation *sok_notation_new(void); // NULL: no memory
void sok_notation_free(struct sok_notation *n);
void sok_notation_start(
    struct sok_notation *n, int64_t now); // what time 0 is; else the first event
int64_t sok_notation_time(struct sok_notation *n, int64_t now); // since time 0, which it may be
void sok_notation_line(struct sok_notation *n, const struct sok_event *e, struct sok_line *out);
unsigned sok_notation_tags(const struct sok_notation *n); // connections and sockets numbered so far

// A round-trip sample that follows the frame which gave it says so in that frame's line: true if `next`
// went into `line`.
bool sok_line_merge(struct sok_line *line, const struct sok_line *next);

// ---- lines to text ----

struct sok_line_text {
    char time[24], kind[16], tag[SOK_LINE_TAG_MAX + 2];
    char body[SOK_LINE_MAX - 256];
    char reason[SOK_LINE_REASON_MAX];
};
// full: fields in `plain` too. utf8: signs beyond ASCII.
void sok_line_text(const struct sok_line *l, bool utf8, bool full, struct sok_line_text *out);

// The columns put together, without a newline. tag_width 0: no tag column.
#define SOK_LINE_REASON_COLUMN 76
void sok_line_join(const struct sok_line_text *t, unsigned tag_width, char out[SOK_LINE_MAX]);

// A duration as people write it: "71 µs", "20.4 ms", "1.5 s", to the microsecond.
#define SOK_DURATION_MAX 32
const char *sok_duration_format(int64_t ns, bool utf8, char out[SOK_DURATION_MAX]);

// ---- text to lines ----

// Parses what follows the time: "in ← @2 ACK ack 1   reason". 0, or -1 and what is wrong in err
// (SOK_LINE_ERR_MAX bytes).
int sok_line_parse(const char *text, struct sok_line *out, char *err);
// "0.2", "200ms", "71 µs", "1.5 s" (a bare number: seconds) at *text, which moves on. False: none there.
bool sok_duration_parse(const char **text, int64_t *ns);

// ---- comparing ----

// Whether `got` is all that `want` says (kind, head, flags, fields, reason; not the time). NULL if so, else
// what is different, in err.
const char *sok_line_match(const struct sok_line *want, const struct sok_line *got, char *err);

// What the tables of the notation say of a field.
enum sok_line_type {
    SOK_LINE_TYPE_U32,
    SOK_LINE_TYPE_I64,
    SOK_LINE_TYPE_LIMIT,
    SOK_LINE_TYPE_FLAG,
    SOK_LINE_TYPE_PAIR,
    SOK_LINE_TYPE_TIME,
    SOK_LINE_TYPE_LEN,
    SOK_LINE_TYPE_BYTES,
    SOK_LINE_TYPE_SACK,
    SOK_LINE_TYPE_WORD,
    SOK_LINE_TYPE_LIST,
    SOK_LINE_TYPE_TEXT,
    SOK_LINE_TYPE_HEX,
    SOK_LINE_TYPE_END,
    SOK_LINE_TYPE_ENDS,
    SOK_LINE_TYPE_QUOTE,
    SOK_LINE_TYPE_ARP,
    SOK_LINE_TYPE_CALL,
    SOK_LINE_TYPE_STATES,
};
struct sok_line_row {
    const char *word; // begins with '-' when it is not written
    uint8_t type;     // enum sok_line_type
    uint16_t offset;  // of the member in struct sok_line
};
extern const struct sok_line_row sok_line_rows[SOK_LINE_FIELD_COUNT];

// TCP flags by their bits, in the order in which they are written; ends with bit 0.
struct sok_flag_name {
    uint16_t bit;
    const char *name;
};
extern const struct sok_flag_name sok_flag_names[];

const char *sok_line_kind_word(enum sok_line_kind kind);
const char *sok_line_call_word(unsigned call);
bool sok_line_call_is_bare(unsigned call); // its ends are addresses without ports
const char *sok_head_word(enum sok_head head);

#endif
