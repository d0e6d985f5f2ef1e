// Between the files of the notation: what is remembered of one connection or pair of endpoints.
#ifndef SOK_HOST_NOTATION_FLOW_H
#define SOK_HOST_NOTATION_FLOW_H

#include "base/map.h"
#include "base/mem.h"
#include "host/notation.h"

// One direction: what its sender said so far.
struct sok_flow_side {
    bool has_base, has_next, has_win, has_ts;
    bool amid;        // its last data was no end of a message: no PSH, and nothing came back since
    uint32_t base;    // initial sequence number
    uint32_t next;    // relative: the number after everything sent
    uint32_t win;     // bytes, last said
    uint32_t ts_base; // first timestamp
    uint32_t ts_last;
    int64_t ts_start; // when that was
};

struct sok_flow {
    struct sok_map_node by_id, by_ends;
    uint32_t id;     // as in events; 0: no connection (any more)
    uint32_t was;    // the id it had
    unsigned tag;    // 0: none
    bool listener;   // has no packets of its own
    bool has_ends;   // local and remote are known, and it is in the map of ends
    bool introduced; // the reader has seen local and remote
    struct sok_endpoint local, remote;
    struct sok_flow_side side[2]; // 0: ours, 1: theirs
};

struct sok_notation {
    struct sok_mem mem;
    bool started;
    int64_t start;
    unsigned tags;
    struct sok_map ids, ends;
    struct sok_flow *over[SOK_NOTATION_OVER_MAX]; // id 0; a ring
    unsigned over_next;
};

// The flow of a packet; made when there is none. NULL: no memory.
struct sok_flow *sok_notation_flow(struct sok_notation *n, uint32_t id,
    const struct sok_endpoint *local, const struct sok_endpoint *remote);
struct sok_flow *sok_notation_flow_of_ends(struct sok_notation *n, const struct sok_endpoint *local,
    const struct sok_endpoint *remote); // NULL: none

void sok_notation_tag(struct sok_notation *n, uint32_t id, struct sok_line *l); // id 0: none

// The part of sok_notation_line() for IN and OUT.
void sok_notation_packet(struct sok_notation *n, const struct sok_event *e, struct sok_line *out);

// The bytes of one packet, on the way down its headers.
struct sok_bytes {
    const uint8_t *p;
    uint32_t have; // of these in the snap
    uint32_t len;  // of these in the packet
};

static inline struct sok_bytes sok_bytes_skip(struct sok_bytes b, uint32_t n)
{
    uint32_t s = n < b.have ? n : b.have, t = n < b.len ? n : b.len;
    return (struct sok_bytes){b.p + s, b.have - s, b.len - t};
}

// What a packet's headers say, from the first byte of each on; there is as much as its fixed part needs.
void sok_notation_ip6(
    struct sok_notation *n, const struct sok_event *e, struct sok_bytes b, struct sok_line *l);
void sok_notation_tcp(
    struct sok_notation *n, const struct sok_event *e, struct sok_bytes b, struct sok_line *l);
void sok_notation_udp(struct sok_bytes b, struct sok_line *l);
// The packet that an ICMP error quotes (RFC 792; RFC 4443 section 2.4), of which there may be anything.
void sok_notation_quote(struct sok_notation *n, struct sok_line *l, struct sok_bytes b, bool ours);
// A payload's first line, if it can be read; a small fragment's bytes, to be played again.
void sok_notation_text(struct sok_line *l, struct sok_bytes b, uint32_t len);
void sok_notation_bytes(struct sok_line *l, struct sok_bytes b);

// Types and codes of ICMP and ICMPv6 that have a name. In notation_packet.c and notation_ip6.c.
struct sok_icmp_name {
    uint8_t type, code;
    const char *name;
};
extern const struct sok_icmp_name sok_icmp_names[];
extern const struct sok_icmp_name sok_icmp6_names[];

#endif
