// The stack as a whole: making and freeing it, links, time, events, and the calls that need a route.
#include "stack/internal.h"

#include <string.h>
#include "base/siphash.h"

#define LOCAL_MTU 65535

// ---- making and freeing ----

// One of the secrets that come from the seed.
static uint64_t secret(const struct sok_stack_config *config, uint8_t which)
{
    return sok_siphash(config->seed, &which, 1);
}

static void secret16(const struct sok_stack_config *config, uint8_t which, uint8_t out[16])
{
    for (uint8_t i = 0; i < 2; i++) {
        uint64_t half = secret(config, (uint8_t)(which + i));
        memcpy(out + 8 * i, &half, sizeof(half));
    }
}

// SplitMix64 (Steele, Lea and Flood 2014). Nothing that must stay secret for long hangs on it alone.
uint64_t sok_stack_random(struct sok_stack *s)
{
    uint64_t z = s->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static int make_local_link(struct sok_stack *s)
{
    struct sok_link_info info = {
        .name = "local",
        .mtu = LOCAL_MTU,
        .caps = SOK_LINK_CSUM | SOK_LINK_TSO | SOK_LINK_POINT,
    };
    return sok_stack_link_add(s, &info);
}

static int make_tcp(struct sok_stack *s)
{
    struct sok_tcp_env env = {
        .mem = sok_stack_mem(s),
        .events = &s->events,
        .changed = &s->changed,
        .socks = &s->socks,
        .route = sok_stack_route,
        .doubt = sok_neighbour_doubt,
        .confirm = sok_neighbour_confirm,
        .route_ctx = s,
    };
    secret16(&s->config, 16, env.secret);
    return sok_tcp_new(&s->config.tcp, &env, &s->tcp);
}

int sok_stack_new(const struct sok_stack_config *config, struct sok_stack **out)
{
    if (config->size != sizeof(*config))
        return SOK_EINVAL;
    struct sok_stack *s = sok_mem_zalloc(&config->mem, sizeof(*s));
    if (!s)
        return SOK_ENOMEM;
    s->config = *config;
    secret16(config, 0, s->hash_key);
    s->random = secret(config, 2);
    s->routes_due = SOK_TIME_NEVER;
    s->id_key = secret(config, 3) | 1;
    for (unsigned i = 0; i < SOK_ID_COUNTERS; i++)
        s->ids[i] = (uint16_t)sok_stack_random(s);
    sok_events_init(&s->events, sok_stack_mem(s), config->events);
    sok_map_init(&s->udp, sok_stack_mem(s));
    sok_map_init(&s->echo, sok_stack_mem(s));
    sok_map_init(&s->groups, sok_stack_mem(s));
    sok_reassembly_init(s);
    sok_neighbours_init(s);
    int err = make_local_link(s);
    if (err >= 0)
        err = make_tcp(s);
    if (err < 0) {
        sok_stack_free(s);
        return err;
    }
    *out = s;
    return 0;
}

void sok_stack_free(struct sok_stack *stack)
{
    if (!stack)
        return;
    sok_udp_free_all(stack);
    sok_echo_free_all(stack);
    sok_raw_free_all(stack);
    sok_frames_free_all(stack);
    sok_any_free(stack);
    if (stack->tcp)
        sok_tcp_free(stack->tcp);
    sok_neighbours_free(stack);
    sok_reassembly_free(stack);
    sok_dhcp_free_all(stack);
    sok_slaac_free_all(stack);
    sok_groups_free(stack);
    for (unsigned i = 0; i < stack->link_count; i++)
        sok_link_free(stack, stack->links[i]);
    sok_map_free(&stack->udp);
    sok_map_free(&stack->echo);
    sok_events_free(&stack->events);
    struct sok_mem mem = stack->config.mem;
    sok_mem_free(&mem, stack, sizeof(*stack));
}

const struct sok_stack_config *sok_stack_config(const struct sok_stack *stack)
{
    return &stack->config;
}

int sok_stack_link_add(struct sok_stack *stack, const struct sok_link_info *info)
{
    if (stack->link_count == SOK_STACK_LINKS_MAX)
        return SOK_ENOBUFS;
    bool ip = info->caps & SOK_LINK_IP;
    if (info->mtu < 68 || info->vlan > SOK_VLAN_MAX || (ip && info->vlan)) // RFC 791, IEEE 802.1Q
        return SOK_EINVAL;
    struct sok_stack_link *l = sok_mem_zalloc(sok_stack_mem(stack), sizeof(*l));
    if (!l)
        return SOK_ENOMEM;
    l->info = *info;
    stack->links[stack->link_count] = l;
    return (int)stack->link_count++;
}

const struct sok_link_info *sok_stack_link(const struct sok_stack *stack, uint8_t link)
{
    return link < stack->link_count ? &stack->links[link]->info : NULL;
}

// ---- time ----

void sok_stack_advance(struct sok_stack *stack, int64_t now)
{
    stack->now = now;
    sok_neighbours_advance(stack, now);
    sok_reassembly_advance(stack, now);
    sok_acd_advance(stack, now);
    sok_dhcp_advance(stack, now);
    sok_link_locals_advance(stack, now);
    sok_slaac_advance(stack, now);
    sok_dhcp6_advance(stack, now);
    sok_routes_advance(stack, now);
    sok_listeners_advance(stack, now);
    sok_tcp_advance(stack->tcp, now);
    sok_local_run(stack, now);
}

int64_t sok_stack_deadline(const struct sok_stack *stack)
{
    if (sok_local_pending(stack))
        return stack->now;
    int64_t least = sok_tcp_deadline(stack->tcp);
    int64_t neighbours = sok_timers_deadline(&stack->neighbours.timers);
    int64_t fragments = sok_reassembly_deadline(stack);
    int64_t acd = sok_acd_deadline(stack), dhcp = sok_dhcp_deadline(stack);
    least = neighbours < least ? neighbours : least;
    least = acd < least ? acd : least;
    int64_t listeners = sok_listeners_deadline(stack);
    least = dhcp < least ? dhcp : least;
    least = listeners < least ? listeners : least;
    int64_t slaac = sok_slaac_deadline(stack), dhcp6 = sok_dhcp6_deadline(stack);
    least = slaac < least ? slaac : least;
    least = dhcp6 < least ? dhcp6 : least;
    int64_t link_locals = sok_link_locals_deadline(stack);
    least = link_locals < least ? link_locals : least;
    least = stack->routes_due < least ? stack->routes_due : least;
    return fragments < least ? fragments : least;
}

// ---- what happened ----

bool sok_stack_event(struct sok_stack *stack, struct sok_event *event)
{
    return sok_events_pop(&stack->events, event);
}

void sok_stack_events_on(struct sok_stack *stack, bool on)
{
    if (!on) {
        sok_events_free(&stack->events);
        return;
    }
    stack->events.on = true;
}

struct sok_sock *sok_stack_changed(struct sok_stack *stack)
{
    return sok_sock_next(&stack->changed);
}

struct sok_event *sok_stack_call(struct sok_stack *s, uint32_t conn, enum sok_call call,
    int64_t amount, int64_t result, int64_t now)
{
    struct sok_event *e = sok_events_push(&s->events, SOK_EVENT_CALL, now, conn);
    if (e) {
        e->call.call = (uint8_t)call;
        e->call.amount = amount;
        e->call.result = result;
    }
    return e;
}

void sok_stack_ports(struct sok_stack *stack, uint16_t first, uint16_t count)
{
    struct sok_tcp_config *config = sok_tcp_config(stack->tcp);
    config->port_first = first;
    config->port_count = count;
    stack->few_ports = true;
}

bool sok_port_is_ours(const struct sok_stack *s, uint16_t port)
{
    const struct sok_tcp_config *config = sok_tcp_config(s->tcp);
    return !s->few_ports ||
           (port >= config->port_first && port - config->port_first < config->port_count);
}

// ---- TCP calls that need a route ----

struct sok_tcp *sok_stack_tcp(struct sok_stack *stack)
{
    return stack->tcp;
}

static bool is_group(const struct sok_stack *s, const struct sok_addr *a)
{
    enum sok_dst_kind kind = sok_dst_kind(s, 0, a);
    return kind == SOK_DST_BROADCAST || kind == SOK_DST_MULTICAST;
}

// A link-local address is on the device. Another zone is none of it.
int sok_device_way(struct sok_stack *s, uint8_t device, const struct sok_addr *source,
    struct sok_endpoint *remote, struct sok_tcp_path *path)
{
    struct sok_endpoint to = *remote;
    bool near = sok_addr_is_near6(&to.addr);
    if (device && near && to.zone && to.zone != device)
        return SOK_EINVAL;
    if (device)
        to.zone = device;
    if (near)
        remote->zone = to.zone;
    return sok_stack_route(s, source, &to, path);
}

int sok_stack_connect(struct sok_stack *stack, const struct sok_endpoint *local,
    const struct sok_endpoint *remote, int64_t now, struct sok_tcp_conn **out)
{
    return sok_stack_connect_on(stack, 0, local, remote, now, out);
}

int sok_stack_connect_on(struct sok_stack *stack, uint8_t device, const struct sok_endpoint *local,
    const struct sok_endpoint *given, int64_t now, struct sok_tcp_conn **out)
{
    struct sok_endpoint from = {.addr = sok_addr_v4(0)}, there = *given, *remote = &there;
    struct sok_tcp_path path;
    stack->now = now;
    if (local)
        from = *local;
    int err = sok_device_way(stack, device, &from.addr, remote, &path);
    if (err == 0 && from.port && !sok_port_is_ours(stack, from.port))
        err = SOK_EADDRNOTAVAIL;
    if (err == 0 && is_group(stack, &remote->addr)) // MUST-46
        err = SOK_ENETUNREACH;
    if (err == 0) {
        err = sok_tcp_connect(stack->tcp, &from, remote, &path, now, out);
        if (err == 0 && device)
            sok_tcp_use_device(*out, device);
        return err;
    }
    struct sok_event *e = sok_stack_call(stack, 0, SOK_CALL_CONNECT, -1, err, now);
    if (e) {
        e->call.has_remote = true;
        e->call.remote = *remote;
    }
    return err;
}

int sok_stack_bindable(struct sok_stack *stack, struct sok_endpoint *local, unsigned flags)
{
    if (!sok_addr_is_any(local->addr) && !sok_addr_is_ours(stack, &local->addr))
        return SOK_EADDRNOTAVAIL;
    if (local->port == 0)
        return sok_tcp_free_port(stack->tcp, local, flags);
    return sok_port_is_ours(stack, local->port) ? 0 : SOK_EADDRNOTAVAIL;
}

bool sok_stack_port_busy(
    const struct sok_stack *stack, const struct sok_endpoint *local, unsigned flags)
{
    return sok_tcp_port_busy(stack->tcp, local, flags);
}

static int may_listen(struct sok_stack *stack, const struct sok_endpoint *local, int64_t now)
{
    stack->now = now;
    if (!sok_addr_is_any(local->addr) && !sok_addr_is_ours(stack, &local->addr))
        return SOK_EADDRNOTAVAIL;
    if (!sok_port_is_ours(stack, local->port))
        return SOK_EADDRNOTAVAIL;
    return 0;
}

int sok_stack_listen(struct sok_stack *stack, const struct sok_endpoint *local, int backlog,
    int64_t now, struct sok_tcp_listener **out)
{
    return sok_stack_listen_as(stack, local, backlog, 0, now, out);
}

int sok_stack_listen_as(struct sok_stack *stack, const struct sok_endpoint *local, int backlog,
    unsigned flags, int64_t now, struct sok_tcp_listener **out)
{
    int err = may_listen(stack, local, now);
    return err < 0 ? err : sok_tcp_listen_as(stack->tcp, local, backlog, flags, now, out);
}

// ---- for tests and views ----

void sok_stack_counts(const struct sok_stack *stack, struct sok_tcp_counts *out)
{
    sok_tcp_counts(stack->tcp, out);
    for (unsigned i = 0; i < SOK_DROP_COUNT; i++)
        out->drops[i] += stack->drops[i];
}

static const char *queue_check(const struct sok_packet_queue *q, int64_t max)
{
    uint32_t count = 0;
    for (const struct sok_packet *p = q->first; p; p = p->next)
        count++;
    if (count != q->count || (q->first == NULL) != (q->last == NULL))
        return "link: wrong count of packets";
    return count > (uint64_t)max ? "link: too many packets wait" : NULL;
}

const char *sok_stack_check(const struct sok_stack *stack)
{
    const char *wrong = sok_neighbours_check(stack);
    if (!wrong)
        wrong = sok_reassembly_check(stack);
    if (!wrong)
        wrong = sok_acd_check(stack);
    if (!wrong)
        wrong = sok_groups_check(stack);
    if (!wrong)
        wrong = sok_slaac_check(stack);
    if (!wrong)
        wrong = sok_gateway_check(stack);
    for (unsigned i = 0; i < stack->link_count && !wrong; i++) {
        wrong = queue_check(&stack->links[i]->arp, stack->config.out_queue_max);
        if (!wrong)
            wrong = queue_check(&stack->links[i]->packets, stack->config.out_queue_max);
    }
    return wrong ? wrong : sok_tcp_invariants(stack->tcp);
}
