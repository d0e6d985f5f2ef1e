#include "stack/group.h"

#include <string.h>
#include "base/siphash.h"
#include "stack/internal.h"
#include "stack/listener.h"

// ---- the table ----

static uint64_t hash_of(const struct sok_stack *s, uint8_t link, const struct sok_addr *addr)
{
    uint8_t in[17];
    memcpy(in, addr->b, 16);
    in[16] = link;
    return sok_siphash(s->hash_key, in, sizeof(in));
}

struct sok_group *sok_group_find(
    const struct sok_stack *s, uint8_t link, const struct sok_addr *group)
{
    if (sok_map_count(&s->groups) == 0)
        return NULL;
    struct sok_map_node *n = sok_map_first(&s->groups, hash_of(s, link, group));
    for (; n; n = sok_map_next(n)) {
        struct sok_group *g = SOK_CONTAINER_OF(n, struct sok_group, node);
        if (g->link == link && sok_addr_eq(g->addr, *group))
            return g;
    }
    return NULL;
}

bool sok_group_is_empty(const struct sok_group *g)
{
    return g->held == 0 && !g->members;
}

bool sok_group_has(const struct sok_stack *s, uint8_t link, const struct sok_addr *group)
{
    const struct sok_group *g = sok_group_find(s, link, group);
    return g && !sok_group_is_empty(g);
}

static bool is_all_nodes(const struct sok_addr *a)
{
    static const struct sok_addr all6 = {{0xff, 2, [15] = 1}};
    return sok_addr_is_v4(*a) ? sok_addr_to_v4(*a) == 0xe0000001 : sok_addr_eq(*a, all6);
}

bool sok_group_is_told(const struct sok_group *g)
{
    bool stays = !sok_addr_is_v4(g->addr) && (g->addr.b[1] & 15) < 2; // scopes 0 and 1
    return g->link != SOK_STACK_LOCAL && !is_all_nodes(&g->addr) && !stays;
}

static void drop_sources(const struct sok_stack *s, struct sok_addr *sources, size_t max)
{
    sok_mem_free(sok_stack_mem(s), sources, sources ? max * sizeof(*sources) : 0);
}

static void forget(struct sok_stack *s, struct sok_group *g)
{
    sok_map_remove(&s->groups, &g->node);
    drop_sources(s, g->asked, SOK_GROUP_SOURCES_MAX);
    sok_mem_free(
        sok_stack_mem(s), g->sources, g->sources ? SOK_GROUP_SOURCES_MAX * sizeof(*g->sources) : 0);
    sok_mem_free(sok_stack_mem(s), g, sizeof(*g));
}

static bool has_news(const struct sok_group *g)
{
    if (g->mode_left > 0)
        return true;
    for (unsigned i = 0; i < g->source_count; i++)
        if (g->sources[i].left > 0)
            return true;
    return false;
}

void sok_group_settle(struct sok_stack *s, struct sok_group *g)
{
    if (sok_group_is_empty(g) && !has_news(g))
        forget(s, g);
}

static struct sok_group *find_or_make(
    struct sok_stack *s, uint8_t link, const struct sok_addr *group, int *err)
{
    struct sok_group *g = sok_group_find(s, link, group);
    if (g)
        return g;
    *err = SOK_ENOBUFS;
    if (sok_map_count(&s->groups) >= (uint64_t)s->config.group_max)
        return NULL;
    *err = SOK_ENOMEM;
    g = sok_mem_zalloc(sok_stack_mem(s), sizeof(*g));
    if (!g)
        return NULL;
    g->addr = *group;
    g->link = link;
    g->again_at = g->answer_at = SOK_TIME_NEVER;
    sok_map_add(&s->groups, &g->node, hash_of(s, link, group));
    *err = 0;
    return g;
}

// ---- the filter of the link (RFC 3376 section 3.2) ----

static bool lists(const struct sok_membership *m, const struct sok_addr *source)
{
    for (unsigned i = 0; i < m->count; i++)
        if (sok_addr_eq(m->sources[i], *source))
            return true;
    return false;
}

static bool wanted(const struct sok_group *g, const struct sok_addr *source)
{
    if (g->held > 0)
        return true;
    for (const struct sok_membership *m = g->members; m; m = m->peer)
        if (m->exclude != lists(m, source))
            return true;
    return false;
}

static struct sok_group_source *source_of(const struct sok_group *g, const struct sok_addr *addr)
{
    for (unsigned i = 0; i < g->source_count; i++)
        if (sok_addr_eq(g->sources[i].addr, *addr))
            return &g->sources[i];
    return NULL;
}

// Sources that only have yet to be told of make room for new ones: their reports are repeats.
static void make_room(struct sok_group *g)
{
    for (unsigned i = 0; i < g->source_count; i++) {
        if (g->sources[i].in)
            continue;
        g->sources[i] = g->sources[--g->source_count];
        return;
    }
}

static void add_source(struct sok_group *g, const struct sok_addr *addr, uint8_t left)
{
    struct sok_group_source *src = source_of(g, addr);
    if (!src) {
        if (g->source_count == SOK_GROUP_SOURCES_MAX)
            make_room(g);
        src = &g->sources[g->source_count++]; // the sum of all lists is bounded (fits)
        *src = (struct sok_group_source){.addr = *addr};
    }
    if (!src->in)
        src->left = left;
    src->in = true;
}

// Takes sources out that are in the list and ought not to be, and adds the others.
static void set_list(struct sok_group *g, bool exclude, uint8_t left)
{
    for (unsigned i = g->source_count; i-- > 0;) {
        struct sok_group_source *src = &g->sources[i];
        if (!src->in || wanted(g, &src->addr) != exclude)
            continue;
        src->in = false;
        src->left = left;
        if (left == 0)
            *src = g->sources[--g->source_count];
    }
    for (const struct sok_membership *m = g->members; m; m = m->peer)
        for (unsigned i = 0; i < m->count; i++)
            if (wanted(g, &m->sources[i]) != exclude)
                add_source(g, &m->sources[i], left);
}

static void refilter(struct sok_stack *s, struct sok_group *g, int64_t now)
{
    bool exclude = g->held > 0;
    for (const struct sok_membership *m = g->members; m; m = m->peer)
        exclude = exclude || m->exclude;
    bool told = sok_group_is_told(g);
    uint8_t left = told ? sok_listener_robustness(s, g->link, !sok_addr_is_v4(g->addr)) : 0;
    if (exclude != g->exclude) {
        g->exclude = exclude;
        g->mode_left = left;
        g->source_count = 0;
        set_list(g, exclude, 0);
    } else {
        set_list(g, exclude, left);
    }
    if (told && has_news(g))
        sok_listener_changed(s, g, now);
}

// ---- memberships ----

static unsigned source_total(const struct sok_group *g)
{
    unsigned total = 0;
    for (const struct sok_membership *m = g->members; m; m = m->peer)
        total += m->count;
    return total;
}

// Memory for `more` sources in a membership, and in its group.
static int reserve(struct sok_stack *s, struct sok_membership *m, unsigned more)
{
    struct sok_group *g = m->group;
    if (more == 0)
        return 0;
    if (m->count + more > SOK_MEMBERSHIP_SOURCES_MAX ||
        source_total(g) + more > SOK_GROUP_SOURCES_MAX)
        return SOK_ENOBUFS;
    if (!m->sources)
        m->sources =
            sok_mem_alloc(sok_stack_mem(s), SOK_MEMBERSHIP_SOURCES_MAX * sizeof(*m->sources));
    if (!g->sources)
        g->sources = sok_mem_alloc(sok_stack_mem(s), SOK_GROUP_SOURCES_MAX * sizeof(*g->sources));
    return m->sources && g->sources ? 0 : SOK_ENOMEM;
}

static struct sok_membership *find(
    const struct sok_memberships *m, int link, const struct sok_addr *group)
{
    for (struct sok_membership *i = m->first; i; i = i->next)
        if ((link < 0 || i->group->link == link) && sok_addr_eq(i->group->addr, *group))
            return i;
    return NULL;
}

static void unlink_member(struct sok_membership *m)
{
    struct sok_membership **at = &m->group->members;
    while (*at != m)
        at = &(*at)->peer;
    *at = m->peer;
}

static void leave(
    struct sok_stack *s, struct sok_memberships *list, struct sok_membership *m, int64_t now)
{
    struct sok_group *g = m->group;
    struct sok_membership **at = &list->first;
    while (*at != m)
        at = &(*at)->next;
    *at = m->next;
    list->count--;
    unlink_member(m);
    drop_sources(s, m->sources, SOK_MEMBERSHIP_SOURCES_MAX);
    sok_mem_free(sok_stack_mem(s), m, sizeof(*m));
    refilter(s, g, now);
    sok_group_settle(s, g);
}

// A membership that hears nothing yet: it includes no source.
static int make_member(struct sok_stack *s, struct sok_memberships *list, uint8_t link,
    const struct sok_addr *group, struct sok_membership **out)
{
    int err;
    if (list->count >= SOK_MEMBERSHIPS_MAX)
        return SOK_ENOBUFS;
    struct sok_group *g = find_or_make(s, link, group, &err);
    if (!g)
        return err;
    struct sok_membership *m = sok_mem_zalloc(sok_stack_mem(s), sizeof(*m));
    if (!m) {
        sok_group_settle(s, g);
        return SOK_ENOMEM;
    }
    m->group = g;
    m->peer = g->members;
    g->members = m;
    m->next = list->first;
    list->first = m;
    list->count++;
    *out = m;
    return 0;
}

// The link for a group when none is named: as datagrams to it would go.
static int link_for(struct sok_stack *s, const struct sok_addr *group, int link)
{
    struct sok_tcp_path path;
    struct sok_endpoint to = {.addr = *group};
    struct sok_addr any = sok_addr_is_v4(*group) ? sok_addr_v4(0) : (struct sok_addr){{0}};
    if (link >= 0)
        return (unsigned)link < s->link_count ? link : SOK_ENODEV;
    int err = sok_stack_route(s, &any, &to, &path);
    if (err == 0)
        return path.link;
    for (unsigned i = 1; i < s->link_count; i++) // a host without addresses hears all the same
        if (s->links[i])
            return (int)i;
    return SOK_ENODEV;
}

static int add_to_list(struct sok_stack *s, struct sok_membership *m, const struct sok_addr *source)
{
    if (lists(m, source))
        return SOK_EADDRNOTAVAIL;
    int err = reserve(s, m, 1);
    if (err == 0)
        m->sources[m->count++] = *source;
    return err;
}

static int take_from_list(struct sok_membership *m, const struct sok_addr *source)
{
    for (unsigned i = 0; i < m->count; i++) {
        if (!sok_addr_eq(m->sources[i], *source))
            continue;
        m->sources[i] = m->sources[--m->count];
        return 0;
    }
    return SOK_EADDRNOTAVAIL;
}

static int join(struct sok_stack *s, struct sok_memberships *list, const struct sok_group_change *c,
    int64_t now)
{
    struct sok_membership *m;
    int link = link_for(s, &c->group, c->link);
    if (link < 0)
        return link;
    if (find(list, link, &c->group))
        return SOK_EADDRINUSE;
    int err = make_member(s, list, (uint8_t)link, &c->group, &m);
    if (err < 0)
        return err;
    m->exclude = true;
    refilter(s, m->group, now);
    return 0;
}

static int join_source(struct sok_stack *s, struct sok_memberships *list,
    const struct sok_group_change *c, int64_t now)
{
    int link = link_for(s, &c->group, c->link);
    if (link < 0)
        return link;
    struct sok_membership *m = find(list, link, &c->group);
    if (m && m->exclude)
        return SOK_EINVAL;
    bool made = !m;
    int err = made ? make_member(s, list, (uint8_t)link, &c->group, &m) : 0;
    if (err < 0)
        return err;
    err = add_to_list(s, m, &c->source);
    if (err < 0 && made)
        leave(s, list, m, now);
    else if (err == 0)
        refilter(s, m->group, now);
    return err;
}

// What needs a membership: leaving, and the sources of its filter.
static int change_member(struct sok_stack *s, struct sok_memberships *list,
    struct sok_membership *m, const struct sok_group_change *c, int64_t now)
{
    int err = 0;
    if (c->op == SOK_GROUP_LEAVE) {
        leave(s, list, m, now);
        return 0;
    }
    if (m->exclude != (c->op == SOK_GROUP_BLOCK_SOURCE || c->op == SOK_GROUP_UNBLOCK_SOURCE))
        return SOK_EINVAL;
    if (c->op == SOK_GROUP_BLOCK_SOURCE)
        err = add_to_list(s, m, &c->source);
    else
        err = take_from_list(m, &c->source);
    if (err < 0)
        return err;
    if (!m->exclude && m->count == 0)
        leave(s, list, m, now);
    else
        refilter(s, m->group, now);
    return 0;
}

int sok_memberships_change(struct sok_stack *s, struct sok_memberships *m,
    const struct sok_group_change *change, int64_t now)
{
    bool with_source = change->op != SOK_GROUP_JOIN && change->op != SOK_GROUP_LEAVE;
    bool v4 = sok_addr_is_v4(change->group);
    if (!sok_addr_is_multicast(change->group))
        return SOK_EINVAL;
    if (with_source && (sok_addr_is_v4(change->source) != v4 || sok_addr_is_any(change->source) ||
                           sok_addr_is_multicast(change->source)))
        return SOK_EINVAL;
    if (change->op == SOK_GROUP_JOIN)
        return join(s, m, change, now);
    if (change->op == SOK_GROUP_JOIN_SOURCE)
        return join_source(s, m, change, now);
    if (change->link >= 0 && (unsigned)change->link >= s->link_count)
        return SOK_ENODEV;
    struct sok_membership *found = find(m, change->link, &change->group);
    return found ? change_member(s, m, found, change, now) : SOK_EADDRNOTAVAIL;
}

int sok_memberships_set(struct sok_stack *s, struct sok_memberships *list, int link,
    const struct sok_addr *group, bool exclude, const struct sok_addr *sources, unsigned count,
    int64_t now)
{
    if (!sok_addr_is_multicast(*group))
        return SOK_EINVAL;
    link = link_for(s, group, link);
    if (link < 0)
        return link;
    struct sok_membership *m = find(list, link, group);
    if (!exclude && count == 0) {
        if (m)
            leave(s, list, m, now);
        return m ? 0 : SOK_EADDRNOTAVAIL;
    }
    bool made = !m;
    int err = made ? make_member(s, list, (uint8_t)link, group, &m) : 0;
    if (err < 0)
        return err;
    err = reserve(s, m, count > m->count ? count - m->count : 0);
    if (err < 0) {
        if (made)
            leave(s, list, m, now);
        return err;
    }
    m->exclude = exclude;
    m->count = 0;
    for (unsigned i = 0; i < count; i++)
        if (!lists(m, &sources[i]))
            m->sources[m->count++] = sources[i];
    refilter(s, m->group, now);
    return 0;
}

int sok_memberships_get(const struct sok_memberships *list, int link, const struct sok_addr *group,
    bool *exclude, struct sok_addr *sources, unsigned *count)
{
    const struct sok_membership *m = find(list, link, group);
    if (!m)
        return SOK_EADDRNOTAVAIL;
    *exclude = m->exclude;
    for (unsigned i = 0; i < m->count && i < *count; i++)
        sources[i] = m->sources[i];
    *count = m->count;
    return 0;
}

void sok_memberships_leave_all(struct sok_stack *s, struct sok_memberships *m, int64_t now)
{
    while (m->first)
        leave(s, m, m->first, now);
}

bool sok_memberships_hear(const struct sok_memberships *m, uint8_t link,
    const struct sok_addr *group, const struct sok_addr *source, bool all)
{
    for (const struct sok_membership *i = m->first; i; i = i->next)
        if (i->group->link == link && sok_addr_eq(i->group->addr, *group))
            return i->exclude != lists(i, source);
    return all;
}

// ---- the stack's own ----

int sok_group_hold(struct sok_stack *s, uint8_t link, const struct sok_addr *group, int64_t now)
{
    int err = 0;
    struct sok_group *g = find_or_make(s, link, group, &err);
    if (!g)
        return err;
    g->held++;
    refilter(s, g, now);
    return 0;
}

void sok_group_release(struct sok_stack *s, uint8_t link, const struct sok_addr *group, int64_t now)
{
    struct sok_group *g = sok_group_find(s, link, group);
    if (!g || g->held == 0)
        return;
    g->held--;
    refilter(s, g, now);
    sok_group_settle(s, g);
}

// ---- the end, and invariants ----

// Sockets keep their memberships, which hear nothing any more; there is nobody to tell.
void sok_groups_link_over(struct sok_stack *s, uint8_t link)
{
    struct sok_map_iter it;
    for (struct sok_map_node *n = sok_map_begin(&s->groups, &it); n;
         n = sok_map_step(&s->groups, &it)) {
        struct sok_group *g = SOK_CONTAINER_OF(n, struct sok_group, node);
        if (g->link != link)
            continue;
        g->again_at = g->answer_at = SOK_TIME_NEVER;
        g->mode_left = g->again = 0;
        for (unsigned i = 0; i < g->source_count; i++)
            g->sources[i].left = 0;
        sok_group_settle(s, g);
    }
}

void sok_groups_free(struct sok_stack *s)
{
    struct sok_map_iter it;
    for (struct sok_map_node *n = sok_map_begin(&s->groups, &it); n;
         n = sok_map_step(&s->groups, &it))
        forget(s, SOK_CONTAINER_OF(n, struct sok_group, node));
    sok_map_free(&s->groups);
}

static const char *group_check(const struct sok_group *g)
{
    bool exclude = g->held > 0;
    for (const struct sok_membership *m = g->members; m; m = m->peer) {
        exclude = exclude || m->exclude;
        if (m->group != g)
            return "group: a membership of another group";
    }
    if (exclude != g->exclude)
        return "group: wrong mode of the filter";
    if (g->source_count > SOK_GROUP_SOURCES_MAX || source_total(g) > SOK_GROUP_SOURCES_MAX)
        return "group: too many sources";
    for (unsigned i = 0; i < g->source_count; i++)
        if (g->sources[i].in && wanted(g, &g->sources[i].addr) == g->exclude)
            return "group: a wrong source in the filter";
    return sok_group_is_empty(g) && !has_news(g) ? "group: kept for nothing" : NULL;
}

const char *sok_groups_check(const struct sok_stack *s)
{
    struct sok_map_iter it;
    const char *wrong = NULL;
    for (struct sok_map_node *n = sok_map_begin(&s->groups, &it); n && !wrong;
         n = sok_map_step(&s->groups, &it))
        wrong = group_check(SOK_CONTAINER_OF(n, struct sok_group, node));
    if (!wrong && sok_map_count(&s->groups) > (uint64_t)s->config.group_max)
        wrong = "group: too many";
    return wrong;
}
