// Looking up names: c-ares makes the questions and judges the answers (ids, compression, truncation,
// retries, search domains); here its questions become lookups. Its sockets are in names_sockets.c, what the
// machine's files say in names_files.c. c-ares never runs inside a callback of a program: what it reports
// is kept with the lookup, and told at the end of the pump.
#include "host/names.h"
#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include "host/host.h"
#include "host/posix.h"
#include "host/names_files.h"
#include "host/names_sockets.h"
#include "stack/source.h"

struct sok_lookup {
    struct sok_names *names;
    sok_lookup_fn fn;
    void *ctx;
    bool asked;     // c-ares still has it
    bool done;      // there is a result
    bool cancelled; // nobody wants it any more
    int err;
    char message[SOK_HOST_ERR_MAX];
    char name[SOK_NAME_MAX];
    struct sok_addr addrs[SOK_LOOKUP_ADDRS_MAX];
    unsigned count;
    struct sok_lookup *next;
};

struct sok_names {
    struct sok_host *host;
    struct sok_names_files files;
    ares_channel channel;                           // NULL: not made yet
    char given[SOK_NAMES_SERVERS_TEXT];             // by sok_host_dns_add()
    char servers[SOK_NAMES_SERVERS_TEXT];           // in use
    struct sok_names_near near[SOK_NAMES_NEAR_MAX]; // of `given`
    unsigned near_count;
    bool stale;      // `given` has changed since
    unsigned leases; // the changes of DHCP leases that are in `servers`
    struct sok_names_sockets sockets;
    struct sok_lookup *lookups; // all, the oldest first
    unsigned count;
    int64_t due;
};

// ---- servers ----

static int names_of(struct sok_host *host, struct sok_names **out, char *err)
{
    if (!host->names) {
        struct sok_names *n = calloc(1, sizeof(*n));
        if (!n)
            return sok_host_fail(err, SOK_ENOMEM, "no memory to look up names");
        n->host = n->sockets.host = host;
        n->due = INT64_MAX;
        host->names = n;
    }
    *out = host->names;
    return 0;
}

// "192.0.2.53", "192.0.2.53:5353", "2001:db8::53", "[2001:db8::53]:5353".
static bool is_server(const char *server)
{
    char text[SOK_ADDR_TEXT_MAX];
    struct sok_addr addr;
    bool bracket = server[0] == '[';
    const char *from = server + bracket, *colon = strchr(from, bracket ? ']' : ':');
    if (!bracket && colon && strchr(colon + 1, ':'))
        colon = NULL; // IPv6, without a port
    size_t len = colon ? (size_t)(colon - from) : strlen(from);
    const char *port = !colon ? "" : bracket && colon[1] == ':' ? colon + 2 : colon + 1;
    char *end = NULL;
    unsigned long number = *port ? strtoul(port, &end, 10) : 53;
    if (len >= sizeof(text) || (bracket && !colon) || (!bracket && colon && !*port) ||
        (*port && (*port < '0' || *port > '9' || *end)) || number == 0 || number > 65535)
        return false;
    memcpy(text, from, len);
    text[len] = '\0';
    return sok_addr_parse(text, &addr) && !sok_addr_is_any(addr) &&
           (!bracket || !sok_addr_is_v4(addr));
}

static bool is_of_link(struct sok_addr a)
{
    return a.b[0] == 0xfe && (a.b[1] & 0xc0) == 0x80;
}

// The link that somebody named: eth0, or tap0 of tap:tap0; without a name the first. 0: there is none.
static uint32_t zone_named(const struct sok_host *host, const char *name)
{
    int link = *name ? sok_posix_link_find(host, name) : host->wire_count > 0;
    return link > 0 ? (uint32_t)link + 1 : 0;
}

// Takes %IF out of text. False: there is no such link, or no room for one more.
static bool take_zone(struct sok_names *n, char *text)
{
    char addr_text[SOK_ADDR_TEXT_MAX], name[32] = "";
    struct sok_names_near near;
    char *percent = strchr(text, '%');
    bool bracket = text[0] == '[';
    size_t len = strcspn(text + bracket, "]%");
    if (percent) {
        size_t name_len = strcspn(percent + 1, "]");
        if (name_len == 0 || name_len >= sizeof(name))
            return false;
        memcpy(name, percent + 1, name_len);
        name[name_len] = '\0';
        memmove(percent, percent + 1 + name_len, strlen(percent + 1 + name_len) + 1);
    }
    if (len >= sizeof(addr_text))
        return !percent;
    memcpy(addr_text, text + bracket, len);
    addr_text[len] = '\0';
    if (!sok_addr_parse(addr_text, &near.addr) || !is_of_link(near.addr))
        return !percent;
    near.zone = zone_named(n->host, name);
    if (n->near_count == SOK_NAMES_NEAR_MAX || near.zone == 0)
        return false;
    n->near[n->near_count++] = near;
    return true;
}

int sok_host_dns_add(struct sok_host *host, const char *server, char *err)
{
    struct sok_names *n = NULL;
    char text[SOK_NAMES_SERVERS_TEXT];
    int r = names_of(host, &n, err);
    if (r < 0)
        return r;
    if (strlen(server) >= sizeof(text))
        return sok_host_fail(err, SOK_EINVAL, "not the address of a name server: %.40s...", server);
    strcpy(text, server);
    unsigned near_count = n->near_count;
    bool zone = take_zone(n, text);
    if (!is_server(text)) {
        n->near_count = near_count;
        return sok_host_fail(err, SOK_EINVAL,
            "not the address of a name server: %s (write 192.0.2.53, or [2001:db8::53]:5353)",
            server);
    }
    if (!zone)
        return sok_host_fail(err, SOK_EINVAL,
            "no link for the name server %s (write fe80::1%%eth0, the first link's name)", server);
    size_t used = strlen(n->given);
    if (used + strlen(text) + 2 > sizeof(n->given)) {
        n->near_count = near_count;
        return sok_host_fail(err, SOK_ENOBUFS, "too many name servers");
    }
    snprintf(n->given + used, sizeof(n->given) - used, "%s%s", used ? "," : "", text);
    n->stale = true;
    return 0;
}

int sok_host_names_read(struct sok_host *host, char *err)
{
    struct sok_names *n = NULL;
    int r = names_of(host, &n, err);
    if (r < 0)
        return r;
    r = sok_names_files_read(&n->files);
    if (r < 0)
        return sok_host_fail(err, r, "no memory to look up names");
    sok_names_files_hosts(&n->files);
    n->files.kept = true;
    return 0;
}

// What DHCP servers said: name servers and search domains.
struct leased {
    char servers[SOK_NAMES_SERVERS_TEXT];
    struct sok_host_lease leases[SOK_STACK_LINKS_MAX];
    struct sok_host_slaac routers[SOK_STACK_LINKS_MAX];
    unsigned count, router_count, changes;
    struct sok_names_near near[SOK_NAMES_NEAR_MAX];
    unsigned near_count;
    char *domains[2 * SOK_STACK_LINKS_MAX * SOK_HOST_LEASE_SEARCH_MAX];
    int domain_count;
};

static void add_domains(struct leased *out, struct sok_host_lease *lease)
{
    for (unsigned i = 0; i < lease->search_count; i++)
        out->domains[out->domain_count++] = lease->search[i];
    if (lease->search_count == 0 && lease->domain[0])
        out->domains[out->domain_count++] = lease->domain;
}

static void add_server(struct leased *out, struct sok_addr server)
{
    char text[SOK_ADDR_TEXT_MAX];
    size_t used = strlen(out->servers);
    snprintf(out->servers + used, SOK_NAMES_SERVERS_TEXT - used, "%s%s", used ? "," : "",
        sok_addr_format(server, text));
}

// A server of the link alone is used on the link that it was heard of.
static void add_router_server(struct leased *out, struct sok_addr server, int link)
{
    bool near = is_of_link(server);
    if (near && out->near_count == SOK_NAMES_NEAR_MAX)
        return;
    if (near)
        out->near[out->near_count++] =
            (struct sok_names_near){.addr = server, .zone = (uint32_t)link + 1};
    add_server(out, server);
}

// What routers say (RFC 8106).
static void read_routers(const struct sok_host *host, struct leased *out)
{
    for (unsigned i = 0; i < host->wire_count; i++) {
        struct sok_host_slaac *s = &out->routers[out->router_count];
        if (!sok_host_slaac(host, host->wires[i]->index, s))
            continue;
        out->router_count++;
        out->changes += s->changes + 1;
        for (unsigned d = 0; d < s->dns_count; d++)
            add_router_server(out, s->dns[d], host->wires[i]->index);
        for (unsigned k = 0; k < s->search_count; k++)
            out->domains[out->domain_count++] = s->search[k];
    }
}

static void read_leases(const struct sok_host *host, struct leased *out)
{
    memset(out, 0, sizeof(*out));
    for (unsigned i = 0; i < host->wire_count; i++) {
        struct sok_host_lease *lease = &out->leases[out->count];
        if (!sok_host_lease(host, host->wires[i]->index, lease))
            continue;
        out->count++;
        out->changes += lease->changes + 1;
        for (unsigned d = 0; d < lease->dns_count; d++)
            add_server(out, lease->dns[d]);
        add_domains(out, lease);
    }
    read_routers(host, out);
}

// ---- the channel ----

static int make_channel(struct sok_names *n, struct leased *leased)
{
    char dns_only[] = "b"; // the files were asked before
    struct ares_options o = n->files.options;
    int mask = n->files.mask | ARES_OPT_LOOKUPS;
    o.lookups = dns_only;
    if (leased->domain_count > 0) {
        o.domains = leased->domains;
        o.ndomains = leased->domain_count;
        mask |= ARES_OPT_DOMAINS;
    }
    if (n->channel)
        ares_destroy(n->channel);
    n->channel = NULL;
    if (ares_init_options(&n->channel, &o, mask) != ARES_SUCCESS) {
        n->channel = NULL;
        return SOK_ENOMEM;
    }
    ares_set_socket_functions(n->channel, &sok_names_sockets_functions, &n->sockets);
    return 0;
}

// Those given, else those leased, else the machine's.
static int choose_servers(struct sok_names *n, struct leased *leased)
{
    int r = sok_names_files_read(&n->files);
    if (r == 0)
        r = make_channel(n, leased);
    if (r < 0)
        return r;
    const char *best = n->given[0]          ? n->given
                       : leased->servers[0] ? leased->servers
                                            : n->files.servers;
    memcpy(n->servers, best, sizeof(n->servers));
    n->sockets.nobody = n->servers[0] == '\0';
    const struct sok_names_near *near = n->given[0] ? n->near : leased->near;
    memcpy(n->sockets.near, near, sizeof(leased->near));
    n->sockets.near_count = n->given[0] ? n->near_count : leased->near_count;
    return 0;
}

// A channel with servers that can be asked; what was given or leased meanwhile is taken up when nothing
// is asked. Without any server /etc/hosts still has answers; `why` is for a name that is not there.
static int channel_ready(struct sok_names *n, char why[SOK_HOST_ERR_MAX])
{
    struct leased leased;
    const char *left_out = n->files.left_out;
    read_leases(n->host, &leased);
    if (n->channel && (n->count > 0 || (!n->stale && n->leases == leased.changes)))
        return 0;
    int r = choose_servers(n, &leased);
    n->stale = r < 0 || !n->servers[0];
    n->leases = leased.changes;
    if (r < 0)
        return sok_host_fail(why, r, "no memory to look up names");
    if (n->servers[0] && ares_set_servers_ports_csv(n->channel, n->servers) != ARES_SUCCESS)
        return sok_host_fail(why, SOK_EINVAL, "bad name servers: %s", n->servers);
    if (!n->servers[0] && left_out[0])
        sok_host_fail(why, 0,
            "the name server %.60s of /etc/resolv.conf is the kernel's own, not reachable over "
            "this "
            "link (use --dns ADDRESS)",
            left_out);
    else if (!n->servers[0])
        sok_host_fail(why, 0, "no name server is known (use --dns ADDRESS)");
    return 0;
}

// ---- families ----

bool sok_lookup_family(const struct sok_host *host, unsigned family)
{
    return sok_stack_has_family(host->stack, family == 6);
}

// What is not reached is not asked for: IPv4 where there is neither.
static unsigned usable_family(const struct sok_host *host)
{
    bool v6 = sok_lookup_family(host, 6), v4 = sok_lookup_family(host, 4);
    return v6 && v4 ? 0 : v6 ? 6 : 4;
}

void sok_lookup_sort(struct sok_host *host, struct sok_addr *addrs, unsigned count)
{
    sok_stack_addrs_order(host->stack, addrs, count);
}

// ---- what c-ares reports ----

static const struct {
    int status, err;
    const char *text; // NULL: the error's own
} reports[] = {
    {ARES_ENOTFOUND, SOK_ENONAME, "no such name"},
    {ARES_ENONAME, SOK_ENONAME, "no such name"},
    {ARES_ENODATA, SOK_ENONAME, "the name has no address"},
    {ARES_EBADNAME, SOK_EINVAL, "not a name"},
    {ARES_ENOMEM, SOK_ENOMEM, NULL},
    {ARES_ETIMEOUT, SOK_ETIMEDOUT, "no answer"},
    {ARES_ECONNREFUSED, SOK_EREFUSED, NULL},
    {ARES_EBADRESP, SOK_EPROTO, "the answer makes no sense"},
    {ARES_ESERVFAIL, SOK_EPROTO, "the server failed"},
    {ARES_EREFUSED, SOK_EPROTO, "the server refuses to answer"},
};

static void explain(struct sok_lookup *l, int status)
{
    const struct sok_names *n = l->names;
    const char *text = ares_strerror(status);
    l->err = SOK_EPROTO;
    for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++) {
        if (reports[i].status != status)
            continue;
        l->err = reports[i].err;
        if (status == ARES_ECONNREFUSED && n->sockets.error)
            l->err = n->sockets.error;
        text = reports[i].text ? reports[i].text : sok_strerror(l->err);
    }
    if (l->err == SOK_ENONAME && l->name[0] == '\0')
        text = "the address has no name";
    bool servers = l->err != SOK_ENONAME && l->err != SOK_EINVAL && l->err != SOK_ENOMEM;
    snprintf(l->message, sizeof(l->message), "%s%s%.150s", text,
        !servers                  ? ""
        : strchr(n->servers, ',') ? "; name servers "
                                  : "; name server ",
        servers ? n->servers : "");
}

static void lookup_ended(struct sok_lookup *l, int status)
{
    if (status == ARES_SUCCESS)
        l->message[0] = '\0';
    else if (!l->names->servers[0])
        l->err = SOK_ENETUNREACH; // with the message it began with
    else
        explain(l, status);
    l->asked = false;
    l->done = true;
    l->names->host->dirty = true;
}

static void on_addrs(void *ctx, int status, int timeouts, struct ares_addrinfo *info)
{
    struct sok_lookup *l = ctx;
    (void)timeouts;
    if (info && info->name)
        snprintf(l->name, sizeof(l->name), "%s", info->name);
    for (const struct ares_addrinfo_node *at = info ? info->nodes : NULL; at; at = at->ai_next) {
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        if (l->count == SOK_LOOKUP_ADDRS_MAX)
            break;
        if (at->ai_family == AF_INET) {
            memcpy(&in, at->ai_addr, sizeof(in));
            l->addrs[l->count++] = sok_addr_v4(ntohl(in.sin_addr.s_addr));
        } else if (at->ai_family == AF_INET6) {
            memcpy(&in6, at->ai_addr, sizeof(in6));
            memcpy(l->addrs[l->count].b, &in6.sin6_addr, 16);
            // One that is mapped would be an answer for IPv4 in disguise.
            l->count += !sok_addr_is_v4(l->addrs[l->count]);
        }
    }
    if (info)
        ares_freeaddrinfo(info);
    sok_lookup_sort(l->names->host, l->addrs, l->count);
    lookup_ended(l, status == ARES_SUCCESS && l->count == 0 ? ARES_ENODATA : status);
}

static void on_name(void *ctx, int status, int timeouts, struct hostent *host)
{
    struct sok_lookup *l = ctx;
    (void)timeouts;
    lookup_ended(l, status);
    if (status == ARES_SUCCESS)
        snprintf(l->name, sizeof(l->name), "%s", host->h_name);
}

// ---- lookups ----

static void unlink_lookup(struct sok_names *n, struct sok_lookup *l)
{
    struct sok_lookup **at = &n->lookups;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    n->count--;
    free(l);
}

static void set_due(struct sok_names *n, int64_t now)
{
    struct timeval tv;
    n->due = INT64_MAX;
    if (n->count == 0 || !n->channel)
        return;
    for (const struct sok_lookup *l = n->lookups; l; l = l->next)
        if (l->done)
            n->due = now;
    if (n->due != now && ares_timeout(n->channel, NULL, &tv))
        n->due = now + tv.tv_sec * INT64_C(1000000000) + tv.tv_usec * INT64_C(1000);
}

static int begin(
    struct sok_host *host, sok_lookup_fn fn, void *ctx, struct sok_lookup **out, char *err)
{
    struct sok_names *n = NULL;
    char why[SOK_HOST_ERR_MAX] = "";
    int r = names_of(host, &n, err);
    if (r < 0)
        return r;
    if (n->count == SOK_LOOKUPS_MAX)
        return sok_host_fail(err, SOK_ENOBUFS, "too many names looked up at once");
    r = channel_ready(n, why);
    if (r < 0)
        return sok_host_fail(err, r, "%s", why);
    struct sok_lookup *l = calloc(1, sizeof(*l));
    if (!l)
        return sok_host_fail(err, SOK_ENOMEM, "no memory to look up names");
    l->names = n;
    l->fn = fn;
    l->ctx = ctx;
    l->asked = true;
    memcpy(l->message, why, sizeof(why));
    struct sok_lookup **last = &n->lookups;
    while (*last)
        last = &(*last)->next;
    *last = l;
    n->count++;
    n->sockets.error = 0;
    *out = l;
    return 0;
}

int sok_lookup_name(struct sok_host *host, const char *name, sok_lookup_fn fn, void *ctx,
    struct sok_lookup **out, char *err)
{
    return sok_lookup_name_of(host, name, 0, fn, ctx, out, err);
}

int sok_lookup_name_of(struct sok_host *host, const char *name, unsigned family, sok_lookup_fn fn,
    void *ctx, struct sok_lookup **out, char *err)
{
    if (family == 0)
        family = usable_family(host);
    const struct ares_addrinfo_hints hints = {
        .ai_family = family == 4   ? AF_INET
                     : family == 6 ? AF_INET6
                                   : AF_UNSPEC,
        // In the server's order: sorting would ask the kernel's routes.
        .ai_flags = ARES_AI_NOSORT | ARES_AI_CANONNAME,
    };
    struct sok_lookup *l;
    int r = strlen(name) < SOK_NAME_MAX && *name
                ? begin(host, fn, ctx, &l, err)
                : sok_host_fail(err, SOK_EINVAL, "not a name: %.100s", name);
    if (r < 0)
        return r;
    struct sok_names_files *f = &l->names->files;
    sok_names_files_hosts(f);
    snprintf(l->name, sizeof(l->name), "%s", name);
    l->count = sok_hosts_find(&f->hosts, name, family, l->addrs, SOK_LOOKUP_ADDRS_MAX, l->name);
    sok_lookup_sort(host, l->addrs, l->count);
    if (l->count > 0)
        lookup_ended(l, ARES_SUCCESS);
    else
        ares_getaddrinfo(l->names->channel, name, NULL, &hints, on_addrs, l);
    set_due(l->names, sok_host_now(host));
    host->dirty = true;
    *out = l;
    return 0;
}

int sok_lookup_addr(struct sok_host *host, struct sok_addr addr, sok_lookup_fn fn, void *ctx,
    struct sok_lookup **out, char *err)
{
    struct sok_lookup *l;
    int r = begin(host, fn, ctx, &l, err);
    if (r < 0)
        return r;
    bool v4 = sok_addr_is_v4(addr);
    struct sok_names_files *f = &l->names->files;
    sok_names_files_hosts(f);
    if (sok_hosts_name(&f->hosts, addr, l->name))
        lookup_ended(l, ARES_SUCCESS);
    else
        ares_gethostbyaddr(l->names->channel, addr.b + (v4 ? 12 : 0), v4 ? 4 : 16,
            v4 ? AF_INET : AF_INET6, on_name, l);
    set_due(l->names, sok_host_now(host));
    host->dirty = true;
    *out = l;
    return 0;
}

// c-ares has no way to take back one question: its answer is ignored.
void sok_lookup_cancel(struct sok_lookup *l)
{
    if (!l)
        return;
    l->cancelled = true;
    if (!l->asked)
        unlink_lookup(l->names, l);
}

// ---- in the loop ----

// Tells one lookup that is done; fn may start and cancel others.
static bool tell_one(struct sok_names *n)
{
    struct sok_lookup *l = n->lookups;
    while (l && !l->done)
        l = l->next;
    if (!l)
        return false;
    struct sok_lookup copy = *l;
    unlink_lookup(n, l);
    struct sok_lookup_result result = {
        .err = copy.err,
        .message = copy.message,
        .name = copy.name,
        .addrs = copy.addrs,
        .count = copy.err ? 0 : copy.count,
    };
    if (!copy.cancelled)
        copy.fn(copy.ctx, &result);
    return true;
}

unsigned sok_names_pump(struct sok_host *host, int64_t now)
{
    struct sok_names *n = host->names;
    if (!n || !n->channel)
        return 0;
    unsigned moves = sok_names_sockets_pump(&n->sockets, n->channel);
    if (n->due <= now) {
        ares_process_fd(n->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
        moves++;
    }
    for (unsigned i = 0; i < SOK_LOOKUPS_MAX && tell_one(n); i++)
        moves++;
    set_due(n, now);
    return moves;
}

int64_t sok_names_due(const struct sok_host *host)
{
    return host->names ? host->names->due : INT64_MAX;
}

void sok_names_free(struct sok_host *host)
{
    struct sok_names *n = host->names;
    if (!n)
        return;
    if (n->channel)
        ares_destroy(n->channel);
    while (n->lookups)
        unlink_lookup(n, n->lookups);
    sok_names_files_free(&n->files);
    free(n);
    host->names = NULL;
}
