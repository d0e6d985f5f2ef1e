#include "stack/listener.h"

#include <string.h>
#include "stack/group.h"
#include "stack/internal.h"
#include "wire/igmp.h"
#include "wire/ip6.h"
#include "wire/mld.h"

#define REPORT_MAX    1400 // bytes of a report, at most
#define ETHERTYPE_IP6 0x86dd
#define OLD_REPEATS   1 // reports that follow the first, with older versions (RFC 2236 section 3)

static struct sok_listener *listener(const struct sok_stack *s, uint8_t link, bool v6)
{
    return &s->links[link]->listeners[v6];
}

static bool is_v6(const struct sok_group *g)
{
    return !sok_addr_is_v4(g->addr);
}

// Until a moment within `limit`, never at once.
static int64_t within(struct sok_stack *s, int64_t limit, int64_t now)
{
    return now + 1 + (int64_t)(sok_stack_random(s) % (uint64_t)(limit > 0 ? limit : 1));
}

uint8_t sok_listener_robustness(const struct sok_stack *s, uint8_t link, bool v6)
{
    uint8_t said = listener(s, link, v6)->robustness;
    return said ? said : (uint8_t)s->config.group_robustness;
}

static unsigned version(const struct sok_stack *s, uint8_t link, bool v6, int64_t now)
{
    const struct sok_listener *l = listener(s, link, v6);
    return now < l->v1_until ? 1 : now < l->v2_until ? 2 : 3;
}

// The groups of a link and family: for (g = first(...); g; g = next(...)). The one given may go on the way.
struct walk {
    struct sok_map_iter it;
    struct sok_map_node *n;
    bool begun;
};

static struct sok_group *step(struct sok_stack *s, struct walk *w, uint8_t link, bool v6)
{
    for (;;) {
        w->n = w->begun ? sok_map_step(&s->groups, &w->it) : sok_map_begin(&s->groups, &w->it);
        w->begun = true;
        if (!w->n)
            return NULL;
        struct sok_group *g = SOK_CONTAINER_OF(w->n, struct sok_group, node);
        if (g->link == link && is_v6(g) == v6 && sok_group_is_told(g))
            return g;
    }
}

struct sok_packet *sok_group_new6(
    struct sok_stack *s, const struct sok_group_out *o, uint32_t len, uint8_t **data)
{
    struct sok_packet *p = sok_outgoing_new(s, SOK_ETH_HDR_LEN + SOK_IP6_HDR_LEN + len);
    if (!p) {
        sok_stack_drop(s, SOK_DROP_NO_MEMORY);
        return NULL;
    }
    struct sok_ip6_hdr h = {.version = 6, .plen = (uint16_t)len, .nh = o->next, .hlim = o->hops};
    memcpy(h.src, o->src.b, 16);
    memcpy(h.dst, o->dst.b, 16);
    sok_ip6_hdr_put(p->frame + SOK_ETH_HDR_LEN, &h);
    *data = p->frame + SOK_ETH_HDR_LEN + SOK_IP6_HDR_LEN;
    return p;
}

void sok_group_nd(struct sok_stack *s, uint8_t link, const struct sok_group_out *o, uint8_t *p,
    size_t len, enum sok_reason reason)
{
    uint8_t *at;
    struct sok_packet *packet = sok_group_new6(s, o, (uint32_t)len, &at);
    if (!packet)
        return;
    sok_icmp6_seal(p, len, &o->src, &o->dst);
    memcpy(at, p, len);
    sok_group_send(s, link, packet, &o->dst, reason);
}

void sok_group_send(struct sok_stack *s, uint8_t link, struct sok_packet *p,
    const struct sok_addr *dst, enum sok_reason reason)
{
    struct sok_packet_queue *q = &s->links[link]->packets;
    const uint8_t *mac = s->links[link]->info.mac;
    struct sok_eth_hdr eth = {.type = SOK_ETHERTYPE_IP4};
    if (q->count >= (uint64_t)s->config.out_queue_max) {
        sok_stack_drop(s, SOK_DROP_OUT_QUEUE);
        sok_outgoing_free(s, p);
        return;
    }
    // RFC 1112 section 6.4, RFC 2464 section 7.
    sok_put24(eth.dst, 0x01005e);
    sok_put24(eth.dst + 3, sok_get24(dst->b + 13) & 0x7fffff);
    if (!sok_addr_is_v4(*dst)) {
        eth.type = ETHERTYPE_IP6;
        sok_put16(eth.dst, 0x3333);
        memcpy(eth.dst + 2, dst->b + 12, 4);
    }
    memcpy(eth.src, mac, 6);
    sok_eth_hdr_put(p->frame, &eth);
    p->link = link;
    p->next_hop = *dst;
    p->reason = (uint8_t)reason;
    p->given = true;
    sok_outgoing_push(q, p);
}

// ---- reports of version 3 ----

struct report {
    struct sok_stack *s;
    uint8_t link;
    bool v6;
    uint16_t records;
    size_t len, room;
    uint8_t bytes[REPORT_MAX];
};

static void report_begin(struct report *r, struct sok_stack *s, uint8_t link, bool v6)
{
    size_t room = s->links[link]->info.mtu - (v6 ? 48u : 24u); // IP's header, router alert
    r->s = s;
    r->link = link;
    r->v6 = v6;
    r->records = 0;
    r->len = SOK_IGMP3_REPORT_LEN; // MLD's has as many
    r->room = room < sizeof(r->bytes) ? room : sizeof(r->bytes);
}

static void report_flush(struct report *r)
{
    static const struct sok_addr routers6 = {{0xff, 2, [15] = 0x16}};
    if (r->records == 0)
        return;
    memset(r->bytes, 0, SOK_IGMP3_REPORT_LEN);
    r->bytes[0] = r->v6 ? SOK_ICMP6_MLD2_REPORT : SOK_IGMP_REPORT3;
    sok_put16(r->bytes + 6, r->records);
    if (r->v6)
        sok_mld_send(r->s, r->link, &routers6, r->bytes, r->len);
    else
        sok_igmp_send(r->s, r->link, 0xe0000016, r->bytes, r->len);
    report_begin(r, r->s, r->link, r->v6);
}

static size_t put_record(
    uint8_t *p, bool v6, uint8_t rtype, uint16_t count, const struct sok_addr *group)
{
    if (v6) {
        struct sok_mld2_record_hdr h = {.rtype = rtype, .sources_number = count};
        memcpy(h.dst, group->b, 16);
        sok_mld2_record_hdr_put(p, &h);
        return SOK_MLD2_RECORD_LEN;
    }
    struct sok_igmp3_record_hdr h = {
        .rtype = rtype, .numsrc = count, .maddr = sok_addr_to_v4(*group)};
    sok_igmp3_record_hdr_put(p, &h);
    return SOK_IGMP3_RECORD_LEN;
}

// A record; what does not fit goes on in another, save that a list to exclude is cut (RFC 3376 section 4.2.16).
static void report_add(struct report *r, const struct sok_group *g, uint8_t rtype,
    const struct sok_addr *sources, unsigned count)
{
    size_t head = r->v6 ? SOK_MLD2_RECORD_LEN : SOK_IGMP3_RECORD_LEN, each = r->v6 ? 16 : 4;
    bool cut = rtype == SOK_GROUP_IS_EXCLUDE || rtype == SOK_GROUP_TO_EXCLUDE;
    do {
        if (r->len + head + count * each > r->room)
            report_flush(r);
        size_t fit = r->room > r->len + head ? (r->room - r->len - head) / each : 0;
        unsigned n = count < fit ? count : (unsigned)fit;
        r->len += put_record(r->bytes + r->len, r->v6, rtype, (uint16_t)n, &g->addr);
        for (unsigned i = 0; i < n; i++, r->len += each)
            memcpy(r->bytes + r->len, sources[i].b + (r->v6 ? 0 : 12), each);
        r->records++;
        sources += n;
        count -= n;
        if (n == 0)
            break;
    } while (count > 0 && !cut);
}

static unsigned filter_list(const struct sok_group *g, struct sok_addr out[SOK_GROUP_SOURCES_MAX])
{
    unsigned count = 0;
    for (unsigned i = 0; i < g->source_count; i++)
        if (g->sources[i].in)
            out[count++] = g->sources[i].addr;
    return count;
}

// What is so now (section 5.2). A group that nobody hears any more has nothing to say.
static void add_current(struct report *r, const struct sok_group *g)
{
    struct sok_addr list[SOK_GROUP_SOURCES_MAX];
    unsigned count = filter_list(g, list);
    if (!sok_group_is_empty(g))
        report_add(r, g, g->exclude ? SOK_GROUP_IS_EXCLUDE : SOK_GROUP_IS_INCLUDE, list, count);
}

// Of the sources that were asked about, those heard.
static void add_asked(struct report *r, const struct sok_group *g)
{
    struct sok_addr list[SOK_GROUP_SOURCES_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < g->asked_count; i++) {
        bool listed = false;
        for (unsigned k = 0; k < g->source_count; k++)
            listed = listed || (g->sources[k].in && sok_addr_eq(g->sources[k].addr, g->asked[i]));
        if (listed != g->exclude)
            list[count++] = g->asked[i];
    }
    if (count > 0)
        report_add(r, g, SOK_GROUP_IS_INCLUDE, list, count);
}

// Sources that have come into what is heard (allow), or gone out of it.
static void add_moved(struct report *r, struct sok_group *g, bool allow)
{
    struct sok_addr list[SOK_GROUP_SOURCES_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < g->source_count; i++)
        if (g->sources[i].left > 0 && (g->sources[i].in != g->exclude) == allow)
            list[count++] = g->sources[i].addr;
    if (count > 0)
        report_add(r, g, allow ? SOK_GROUP_ALLOW : SOK_GROUP_BLOCK, list, count);
}

static void count_down(struct sok_group *g)
{
    for (unsigned i = g->source_count; i-- > 0;) {
        struct sok_group_source *src = &g->sources[i];
        if (src->left > 0)
            src->left--;
        if (!src->in && src->left == 0)
            *src = g->sources[--g->source_count];
    }
}

// What has changed (section 5.1). True: it has to be said again.
static bool add_changes(struct report *r, struct sok_group *g)
{
    struct sok_addr list[SOK_GROUP_SOURCES_MAX];
    bool more = false;
    if (g->mode_left > 0) {
        unsigned count = filter_list(g, list);
        report_add(r, g, g->exclude ? SOK_GROUP_TO_EXCLUDE : SOK_GROUP_TO_INCLUDE, list, count);
        g->mode_left--; // and what has moved is told by it
    } else {
        add_moved(r, g, true);
        add_moved(r, g, false);
    }
    count_down(g);
    for (unsigned i = 0; i < g->source_count; i++)
        more = more || g->sources[i].left > 0;
    return more || g->mode_left > 0;
}

static void report_changes(struct sok_stack *s, uint8_t link, bool v6, int64_t now)
{
    struct sok_listener *l = listener(s, link, v6);
    struct report r;
    struct walk w = {.begun = false};
    bool more = false;
    report_begin(&r, s, link, v6);
    for (struct sok_group *g; (g = step(s, &w, link, v6));) {
        more = add_changes(&r, g) || more;
        sok_group_settle(s, g);
    }
    report_flush(&r);
    l->change_at = more ? within(s, s->config.group_repeat, now) : 0;
}

static void report_current(struct sok_stack *s, uint8_t link, bool v6)
{
    struct report r;
    struct walk w = {.begun = false};
    report_begin(&r, s, link, v6);
    for (struct sok_group *g; (g = step(s, &w, link, v6));)
        add_current(&r, g);
    report_flush(&r);
}

// ---- older versions ----

static void tell(struct sok_stack *s, struct sok_group *g, unsigned v, bool leave)
{
    g->reported = !leave;
    if (is_v6(g))
        sok_mld_tell(s, g, leave);
    else if (!leave || v == 2) // version 1 just falls silent
        sok_igmp_tell(s, g, v, leave);
}

// Only whether there is a listener counts, not its sources.
static void changed_old(struct sok_stack *s, struct sok_group *g, unsigned v, int64_t now)
{
    bool first = g->mode_left > 0 || !g->reported;
    bool empty = sok_group_is_empty(g);
    g->mode_left = 0;
    for (unsigned i = g->source_count; i-- > 0;) {
        g->sources[i].left = 0;
        if (!g->sources[i].in)
            g->sources[i] = g->sources[--g->source_count];
    }
    if (empty) {
        if (g->reported)
            tell(s, g, v, true);
        g->again_at = SOK_TIME_NEVER;
    } else if (first) {
        tell(s, g, v, false);
        g->again = OLD_REPEATS;
        g->again_at = within(s, s->config.group_repeat_old, now);
    }
}

void sok_listener_heard(struct sok_stack *s, uint8_t link, const struct sok_addr *group)
{
    struct sok_group *g = sok_group_find(s, link, group);
    if (!g || version(s, link, is_v6(g), s->now) == 3)
        return;
    g->answer_at = g->again_at = SOK_TIME_NEVER;
    g->again = 0;
    g->reported = false;
}

// ---- changes ----

// 0 is never.
static int64_t at_once(int64_t now)
{
    return now > 0 ? now : 1;
}

void sok_listener_changed(struct sok_stack *s, struct sok_group *g, int64_t now)
{
    bool v6 = is_v6(g);
    unsigned v = version(s, g->link, v6, now);
    if (v < 3) {
        changed_old(s, g, v, now);
        return;
    }
    // All that has changed until the turn ends goes in one report.
    struct sok_listener *l = listener(s, g->link, v6);
    bool fresh = g->mode_left == sok_listener_robustness(s, g->link, v6);
    for (unsigned i = 0; i < g->source_count; i++)
        fresh = fresh || g->sources[i].left == sok_listener_robustness(s, g->link, v6);
    if (fresh || l->change_at == 0)
        l->change_at = at_once(now);
}

// ---- queries (RFC 3376 section 5.2) ----

// An older querier changes how all is said; what was pending is void (section 7.2.1).
static void older_querier(
    struct sok_stack *s, uint8_t link, bool v6, const struct sok_group_query *q, int64_t now)
{
    struct sok_listener *l = listener(s, link, v6);
    uint64_t interval =
        l->interval_s ? l->interval_s : (uint64_t)(s->config.group_interval / SOK_S);
    int64_t until =
        now + (int64_t)interval * SOK_S * sok_listener_robustness(s, link, v6) + q->delay;
    unsigned before = version(s, link, v6, now);
    if (q->version == 1)
        l->v1_until = until;
    else
        l->v2_until = until;
    if (version(s, link, v6, now) == before)
        return;
    struct walk w = {.begun = false};
    l->change_at = l->answer_at = 0;
    for (struct sok_group *g; (g = step(s, &w, link, v6));) {
        g->answer_at = g->again_at = SOK_TIME_NEVER;
        g->mode_left = g->again = 0;
        for (unsigned i = 0; i < g->source_count; i++)
            g->sources[i].left = 0;
        sok_group_settle(s, g);
    }
}

static void remember_asked(struct sok_stack *s, struct sok_group *g,
    const struct sok_group_query *q, bool pending, bool v6)
{
    bool whole = q->source_count == 0 || (pending && g->asked_count == 0);
    if (!whole && !g->asked)
        g->asked = sok_mem_alloc(sok_stack_mem(s), SOK_GROUP_SOURCES_MAX * sizeof(*g->asked));
    if (!pending || whole || !g->asked)
        g->asked_count = 0;
    if (whole || !g->asked) // without memory the answer says more than was asked
        return;
    for (unsigned i = 0; i < q->source_count; i++) {
        if (g->asked_count == SOK_GROUP_SOURCES_MAX) { // so many: the group as a whole
            g->asked_count = 0;
            return;
        }
        struct sok_addr *a = &g->asked[g->asked_count++];
        if (v6)
            memcpy(a->b, q->sources + 16u * i, 16);
        else
            *a = sok_addr_v4(sok_get32(q->sources + 4u * i));
    }
}

static void ask_group(
    struct sok_stack *s, struct sok_group *g, const struct sok_group_query *q, int64_t at, bool v6)
{
    bool pending = g->answer_at != SOK_TIME_NEVER;
    remember_asked(s, g, q, pending, v6);
    if (!pending || at < g->answer_at)
        g->answer_at = at;
}

void sok_listener_query(
    struct sok_stack *s, uint8_t link, bool v6, const struct sok_group_query *q, int64_t now)
{
    struct sok_listener *l = listener(s, link, v6);
    bool general = sok_addr_is_any(q->group);
    struct walk w = {.begun = false};
    if (q->version < 3) {
        older_querier(s, link, v6, q, now);
    } else {
        l->robustness = q->robustness;
        l->interval_s = q->interval_s;
    }
    int64_t at = within(s, q->delay, now);
    if (version(s, link, v6, now) == 3) {
        if (l->answer_at && l->answer_at <= at)
            return;
        if (general) {
            l->answer_at = at;
            return;
        }
    }
    for (struct sok_group *g; (g = step(s, &w, link, v6));) {
        if (general)
            ask_group(s, g, q, within(s, q->delay, now), v6);
        else if (sok_addr_eq(g->addr, q->group))
            ask_group(s, g, q, at, v6);
    }
}

// ---- time ----

static void group_due(struct sok_stack *s, struct sok_group *g, unsigned v, int64_t now)
{
    bool answers = g->answer_at <= now && !sok_group_is_empty(g);
    if (g->answer_at <= now)
        g->answer_at = SOK_TIME_NEVER;
    if (answers && v == 3) {
        struct report r;
        report_begin(&r, s, g->link, is_v6(g));
        if (g->asked_count > 0)
            add_asked(&r, g);
        else
            add_current(&r, g);
        report_flush(&r);
        g->asked_count = 0;
    }
    bool again = g->again_at <= now && g->again > 0 && v < 3 && !sok_group_is_empty(g);
    if (g->again_at <= now)
        g->again_at = SOK_TIME_NEVER;
    if ((answers && v < 3) || again)
        tell(s, g, v, false);
    if (again && --g->again > 0)
        g->again_at = within(s, s->config.group_repeat_old, now);
}

static void listener_due(struct sok_stack *s, uint8_t link, bool v6, int64_t now)
{
    struct sok_listener *l = listener(s, link, v6);
    unsigned v = version(s, link, v6, now);
    if (l->answer_at && l->answer_at <= now) {
        l->answer_at = 0;
        report_current(s, link, v6);
    }
    if (l->change_at && l->change_at <= now)
        report_changes(s, link, v6, now);
    struct walk w = {.begun = false};
    for (struct sok_group *g; (g = step(s, &w, link, v6));)
        if (g->answer_at <= now || g->again_at <= now)
            group_due(s, g, v, now);
}

void sok_listeners_advance(struct sok_stack *s, int64_t now)
{
    if (sok_map_count(&s->groups) == 0)
        return;
    for (unsigned i = 1; i < s->link_count; i++) {
        listener_due(s, (uint8_t)i, false, now);
        listener_due(s, (uint8_t)i, true, now);
    }
}

int64_t sok_listeners_deadline(const struct sok_stack *s)
{
    int64_t least = SOK_TIME_NEVER;
    struct sok_map_iter it;
    if (sok_map_count(&s->groups) == 0)
        return least;
    for (unsigned i = 1; i < s->link_count; i++) {
        for (unsigned v6 = 0; v6 < 2; v6++) {
            const struct sok_listener *l = &s->links[i]->listeners[v6];
            least = l->change_at && l->change_at < least ? l->change_at : least;
            least = l->answer_at && l->answer_at < least ? l->answer_at : least;
        }
    }
    for (struct sok_map_node *n = sok_map_begin(&s->groups, &it); n;
         n = sok_map_step(&s->groups, &it)) {
        const struct sok_group *g = SOK_CONTAINER_OF(n, struct sok_group, node);
        least = g->answer_at < least ? g->answer_at : least;
        least = g->again_at < least ? g->again_at : least;
    }
    return least;
}
