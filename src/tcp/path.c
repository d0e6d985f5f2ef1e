// How large a connection's segments may be, and where they go first. Its next hop was looked up when it began; whenever the stack's routes change
// (a router is taken for gone, RFC 1122 section 3.3.1.4, RFC 4861 section 7.3.3; a redirect, section 8.3; a lifetime
// that is over, section 6.3.5) it is looked up again before the next segment.
#include "tcp/internal.h"

void sok_tcp_routes_changed(struct sok_tcp *tcp)
{
    tcp->route_changes++;
}

// ---- bound to a device ----

int sok_tcp_route_on(const struct sok_tcp *t, uint8_t device, const struct sok_addr *source,
    const struct sok_endpoint *to, struct sok_tcp_path *out)
{
    struct sok_endpoint there = *to;
    if (device) {
        there.zone = device;
    }
    return t->env.route(t->env.route_ctx, source, &there, out);
}

// What was sent to an address of the device did not come in there if it is from this machine, and is as good as.
bool sok_tcp_device_hears(
    const struct sok_tcp *t, uint8_t device, const struct sok_tcp_arrival *arrival)
{
    struct sok_tcp_path path;
    struct sok_addr any =
        sok_addr_is_v4(arrival->to.addr) ? sok_addr_v4(0) : (struct sok_addr){{0}};
    if (device == 0 || arrival->link == device - 1) {
        return true;
    }
    return arrival->link == SOK_TCP_LINK_LOCAL &&
           sok_tcp_route_on(t, device, &any, &arrival->to, &path) == 0 &&
           path.link == SOK_TCP_LINK_LOCAL;
}

void sok_tcp_use_device(struct sok_tcp_conn *c, uint8_t device)
{
    c->device = device;
    c->routes_seen = c->tcp->route_changes - 1; // it is to be looked up again
}

uint8_t sok_tcp_device(const struct sok_tcp_conn *c)
{
    return c->device;
}

void sok_tcp_listener_use_device(struct sok_tcp_listener *l, uint8_t device)
{
    l->flags = sok_bind_on(l->flags, device);
}

uint8_t sok_tcp_listener_device(const struct sok_tcp_listener *l)
{
    return sok_bind_device(l->flags);
}

// ---- where it goes first ----

// True: there is another one. On its own link alone: another one would ask for another address of ours. Without any route it stays where it is.
bool sok_tcp_path_refresh(struct sok_tcp_conn *c)
{
    struct sok_tcp *t = c->tcp;
    struct sok_tcp_path path;
    if (c->routes_seen == t->route_changes) {
        return false;
    }
    c->routes_seen = t->route_changes;
    if (sok_tcp_route_on(t, c->device, &c->local.addr, &c->remote, &path) != 0 ||
        path.link != c->path.link || sok_addr_eq(path.next_hop, c->path.next_hop)) {
        return false;
    }
    c->path.next_hop = path.next_hop;
    return !path.failed;
}

// ---- sizes ----

uint16_t sok_tcp_path_mss(const struct sok_tcp_path *path, const struct sok_addr *peer)
{
    uint16_t headers = sok_addr_is_v4(*peer) ? 40 : 60;
    return (uint16_t)(path->mtu - headers); // MUST-67
}

uint16_t sok_tcp_own_mss(const struct sok_tcp_conn *c)
{
    return sok_tcp_path_mss(&c->path, &c->remote.addr);
}

uint16_t sok_tcp_send_mss(const struct sok_tcp_conn *c)
{
    unsigned ts = c->ts_ok ? 12 : 0;
    uint16_t cut = (uint16_t)(c->path.mtu - sok_tcp_path_mtu(&c->path));
    uint16_t own = (uint16_t)(sok_tcp_own_mss(c) - cut);
    uint16_t mss = c->peer_mss < own ? c->peer_mss : own; // MUST-16
    return (uint16_t)(mss >= ts + SOK_TCP_MSS_LEAST ? mss - ts : SOK_TCP_MSS_LEAST);
}
