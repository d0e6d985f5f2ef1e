// Where a connection's segments go first. Its next hop was looked up when it began; whenever the stack's routes change
// (a router is taken for gone, RFC 1122 section 3.3.1.4, RFC 4861 section 7.3.3; a redirect, section 8.3; a lifetime
// that is over, section 6.3.5) it is looked up again before the next segment.
#include "tcp/internal.h"

void sok_tcp_routes_changed(struct sok_tcp *tcp)
{
    tcp->route_changes++;
}

// True: there is another one. On its own link alone: another one would ask for another address of ours. Without any route it stays where it is.
bool sok_tcp_path_refresh(struct sok_tcp_conn *c)
{
    struct sok_tcp *t = c->tcp;
    struct sok_tcp_path path;
    if (c->routes_seen == t->route_changes) {
        return false;
    }
    c->routes_seen = t->route_changes;
    if (t->env.route(t->env.route_ctx, &c->local.addr, &c->remote, &path) != 0 ||
        path.link != c->path.link || sok_addr_eq(path.next_hop, c->path.next_hop)) {
        return false;
    }
    c->path.next_hop = path.next_hop;
    return !path.failed;
}
