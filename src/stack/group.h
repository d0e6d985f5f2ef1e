// Multicast groups: which sockets hear what (RFC 1112, RFC 3376 sections 2 to 4, RFC 3810), and what of it the link's
// routers have to be told (listener.c says when, igmp.c and mld.c how).
//
// A socket's membership is a group on a link with a filter: all sources but those in a list (exclude), or those in
// it alone (include). The filter of the link is the least that lets through what some membership wants:
//
//   exclude, if any membership excludes: then a source is in the list when no membership wants it;
//   else include: then a source is in the list when some membership wants it.
//
// Invariant: a group is in the table while it has memberships, holds of the stack's own, or news that the routers
// have yet to be told.
#ifndef SOK_STACK_GROUP_H
#define SOK_STACK_GROUP_H

#include <stdbool.h>
#include <stdint.h>
#include "base/group.h"
#include "base/addr.h"
#include "base/map.h"

struct sok_stack;

// Sources in the memberships of one group on one link, all together; and in one membership of a socket.
#define SOK_GROUP_SOURCES_MAX      128
#define SOK_MEMBERSHIP_SOURCES_MAX 64
// Groups a socket may be in. Those of a stack: the setting group_max.
#define SOK_MEMBERSHIPS_MAX 64

struct sok_membership {
    struct sok_membership *next; // of the same socket
    struct sok_membership *peer; // of the same group
    struct sok_group *group;
    bool exclude;
    uint16_t count;
    struct sok_addr *sources; // SOK_MEMBERSHIP_SOURCES_MAX; NULL: never had any
};

// What is embedded in a socket.
struct sok_memberships {
    struct sok_membership *first;
    uint32_t count;
};

struct sok_group_source {
    struct sok_addr addr;
    bool in;      // in the list of the filter; else it was
    uint8_t left; // reports that have yet to tell of the change
};

struct sok_group {
    struct sok_map_node node;
    struct sok_addr addr;
    uint8_t link;
    bool exclude;      // the filter of the link
    bool reported;     // older versions: nobody else has reported since we did
    uint8_t mode_left; // reports that have yet to tell of the filter's new mode
    uint8_t again;     // older versions: reports that follow the first
    uint32_t held;     // by the stack itself, for all sources
    struct sok_membership *members;
    struct sok_group_source *sources; // SOK_GROUP_SOURCES_MAX; NULL: none
    uint16_t source_count;
    int64_t again_at;  // of those reports; SOK_TIME_NEVER: none
    int64_t answer_at; // to a query about this group; SOK_TIME_NEVER: none
    // The sources that query was about; none: about the group.
    struct sok_addr *asked; // SOK_GROUP_SOURCES_MAX; NULL: none
    uint16_t asked_count;
};

// ---- sockets ----

// Joins, leaves or changes the filter of a socket. 0, SOK_EINVAL, SOK_ENODEV, SOK_EADDRINUSE (is a member already),
// SOK_EADDRNOTAVAIL (is none, or no such source), SOK_ENOBUFS (a limit), SOK_ENOMEM; then nothing has changed.
int sok_memberships_change(struct sok_stack *s, struct sok_memberships *m,
    const struct sok_group_change *change, int64_t now);
// The whole filter at once; include with no sources leaves. `group` has to be one already, or is joined.
int sok_memberships_set(struct sok_stack *s, struct sok_memberships *m, int link,
    const struct sok_addr *group, bool exclude, const struct sok_addr *sources, unsigned count,
    int64_t now);
// What a filter is; *count: room in sources, then how many there are.
int sok_memberships_get(const struct sok_memberships *m, int link, const struct sok_addr *group,
    bool *exclude, struct sok_addr *sources, unsigned *count);
void sok_memberships_leave_all(struct sok_stack *s, struct sok_memberships *m, int64_t now);
// Whether a socket hears a datagram to a group. all: also of groups that others have joined, as with Linux's
// IP_MULTICAST_ALL.
bool sok_memberships_hear(const struct sok_memberships *m, uint8_t link,
    const struct sok_addr *group, const struct sok_addr *source, bool all);

// ---- the stack ----

// Whether something here listens to it on this link; from any source.
bool sok_group_has(const struct sok_stack *s, uint8_t link, const struct sok_addr *group);
// The stack itself listens: solicited-node groups. 0, SOK_ENOBUFS, SOK_ENOMEM.
int sok_group_hold(struct sok_stack *s, uint8_t link, const struct sok_addr *group, int64_t now);
void sok_group_release(
    struct sok_stack *s, uint8_t link, const struct sok_addr *group, int64_t now);
void sok_groups_link_over(struct sok_stack *s, uint8_t link);
void sok_groups_free(struct sok_stack *s);
const char *sok_groups_check(const struct sok_stack *s);

// ---- for listener.c ----

struct sok_group *sok_group_find(
    const struct sok_stack *s, uint8_t link, const struct sok_addr *group);
// Forgets it if nothing keeps it; `g` may be gone then.
void sok_group_settle(struct sok_stack *s, struct sok_group *g);
// Whether routers are told of it: not of all nodes, nor of what never leaves the host.
bool sok_group_is_told(const struct sok_group *g);
bool sok_group_is_empty(const struct sok_group *g); // nobody listens any more

#endif
