// When the routers of a link are told which groups are heard: the host's side of IGMPv3 (RFC 3376 section 5) and MLDv2
// (RFC 3810 section 6), which are one machine, with their older versions while such a querier is there (RFC 3376
// section 7, RFC 3810 section 8). A change is told at once and `group_robustness` - 1 times again; a query is
// answered after a random delay. Versions count as IGMP's do: MLD's first is 2 here.
#ifndef SOK_STACK_LISTENER_H
#define SOK_STACK_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/event.h"

struct sok_stack;
struct sok_group;
struct sok_in;
struct sok_packet;

// Of one family on one link.
struct sok_listener {
    uint8_t robustness;         // what the querier says; 0: as the setting has it
    uint32_t interval_s;        // of the querier's queries; 0: not heard of
    int64_t change_at;          // the next report of what has changed; these are 0 for "never"
    int64_t answer_at;          // to a general query
    int64_t v1_until, v2_until; // a querier of this version is there
};

struct sok_group_query {
    uint8_t version;       // 1, 2, 3
    struct sok_addr group; // any: a general query
    int64_t delay;         // the answer comes within
    uint8_t robustness;    // 0: not said
    uint32_t interval_s;   // 0: not said
    const uint8_t *sources;
    unsigned source_count; // 4 or 16 bytes each
};

uint8_t sok_listener_robustness(const struct sok_stack *s, uint8_t link, bool v6);
void sok_listener_changed(struct sok_stack *s, struct sok_group *g, int64_t now);
void sok_listener_query(
    struct sok_stack *s, uint8_t link, bool v6, const struct sok_group_query *q, int64_t now);
// Somebody else reported a group, in an older version: our report is not needed.
void sok_listener_heard(struct sok_stack *s, uint8_t link, const struct sok_addr *group);
void sok_listeners_advance(struct sok_stack *s, int64_t now);
int64_t sok_listeners_deadline(const struct sok_stack *s); // SOK_TIME_NEVER: none

// ---- igmp.c, mld.c ----

void sok_igmp_input(struct sok_stack *s, struct sok_in *in);
// An MLD message, its checksum verified, in in->data.
enum sok_drop sok_mld_input(struct sok_stack *s, struct sok_in *in, uint8_t hop_limit);
// A message without its checksum, to be sent at once. It begins with its type.
void sok_igmp_send(struct sok_stack *s, uint8_t link, uint32_t dst, uint8_t *p, size_t len);
void sok_mld_send(
    struct sok_stack *s, uint8_t link, const struct sok_addr *dst, uint8_t *p, size_t len);
// A packet whose IP header is there, to a group on a link.
void sok_group_send(struct sok_stack *s, uint8_t link, struct sok_packet *p,
    const struct sok_addr *dst, enum sok_reason reason);
// One over IPv6, with room for len bytes behind its header, at *data. NULL: no memory.
struct sok_group_out {
    struct sok_addr src, dst; // src: ::, while there is none
    uint8_t next, hops;
};
struct sok_packet *sok_group_new6(
    struct sok_stack *s, const struct sok_group_out *o, uint32_t len, uint8_t **data);
// An ICMPv6 message of neighbour discovery to a group, without its checksum.
void sok_group_nd(struct sok_stack *s, uint8_t link, const struct sok_group_out *o, uint8_t *p,
    size_t len, enum sok_reason reason);
// The link-local address in use on a link; ::: none.
struct sok_addr sok_addr_local6(const struct sok_stack *s, uint8_t link);
// The report, leave or done of an older version.
void sok_igmp_tell(struct sok_stack *s, const struct sok_group *g, unsigned version, bool leave);
void sok_mld_tell(struct sok_stack *s, const struct sok_group *g, bool leave);

#endif
