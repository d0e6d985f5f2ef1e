// The link: a packet socket with a filter (packet_filter.h), the ports bound in the kernel, and the table of
// keep.c.
#include "link/share.h"
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>
#include "link/internal.h"
#include "link/keep.h"
#include "link/packet.h"

#define TRIES 64

struct share_link {
    struct sok_link link;
    struct sok_link *under;
    int table;
    unsigned bound_count, bound_most;
    int bound[]; // two for each port and family
};

// ---- the ports ----

static void unbind(struct share_link *sh)
{
    while (sh->bound_count > 0)
        close(sh->bound[--sh->bound_count]);
}

// A socket that does nothing but have the port. 0 or an errno.
static int bind_one(struct share_link *sh, int type, const struct sockaddr *at, socklen_t len)
{
    int on = 1;
    int fd = socket(at->sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    sh->bound[sh->bound_count++] = fd;
    if (at->sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    return bind(fd, at, len) < 0 ? errno : 0;
}

static int bind_port(struct share_link *sh, const struct sok_share_options *o, uint16_t port)
{
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(o->addr)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM};
    int error = 0;
    if (o->addr6)
        memcpy(&in6.sin6_addr, o->addr6, 16);
    for (unsigned i = 0; i < 2 && !error; i++) {
        error = bind_one(sh, types[i], (const struct sockaddr *)&in, sizeof(in));
        if (!error && o->addr6)
            error = bind_one(sh, types[i], (const struct sockaddr *)&in6, sizeof(in6));
    }
    return error;
}

static int bind_all(struct share_link *sh, const struct sok_share_options *o,
    const struct sok_share_ports *ports, uint16_t *failed)
{
    int error = 0;
    for (unsigned i = 0; i < ports->count && !error; i++) {
        *failed = (uint16_t)(ports->first + i);
        error = bind_port(sh, o, *failed);
    }
    if (error)
        unbind(sh);
    return error;
}

// Where the kernel does not look for a port by itself, if there is room; ends are included.
static void free_range(unsigned count, unsigned *low, unsigned *high)
{
    unsigned first = 32768, last = 60999;
    FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
    if (f) {
        if (fscanf(f, "%u %u", &first, &last) != 2 || first > last || last > 65535) {
            first = 32768;
            last = 60999;
        }
        fclose(f);
    }
    *low = 1024;
    *high = 65535;
    if (last + 8 * count <= 65535)
        *low = last + 1;
    else if (first >= 10000 + 8 * count)
        *low = 10000, *high = first - 1;
}

static int choose_ports(struct share_link *sh, const struct sok_share_options *o,
    struct sok_share_ports *ports, char *err)
{
    unsigned low, high;
    uint16_t failed = 0;
    int error = 0;
    *ports = (struct sok_share_ports){o->first, o->count};
    if (o->count) {
        error = bind_all(sh, o, ports, &failed);
        if (error == EADDRINUSE)
            return sok_link_fail(err, SOK_EADDRINUSE,
                "port %u of %s is in use by the kernel's sockets (see: ss -tulpn)", failed,
                o->name);
    } else {
        ports->count = SOK_SHARE_PORTS;
        free_range(ports->count, &low, &high);
        for (unsigned i = 0; i < TRIES && (i == 0 || error == EADDRINUSE); i++) {
            uint32_t random = i * 7919;
            ssize_t ignored = getrandom(&random, sizeof(random), GRND_NONBLOCK);
            (void)ignored;
            ports->first = (uint16_t)(low + random % (high - low + 2 - ports->count));
            error = bind_all(sh, o, ports, &failed);
        }
    }
    if (error)
        return sok_link_fail(err, error == EMFILE ? SOK_ENOBUFS : SOK_EIO,
            "no ports to share on %s: %s%s", o->name, strerror(error),
            error == EMFILE ? " (ulimit -n 1024)" : "");
    return 0;
}

// ---- the link ----

static int share_send(struct sok_link *link, const struct sok_frame_out *frame, int64_t now)
{
    struct share_link *sh = (struct share_link *)link;
    int r = sh->under->ops->send(sh->under, frame, now);
    link->wants_out = sh->under->wants_out;
    link->lost = sh->under->lost;
    return r;
}

static int share_recv(struct sok_link *link, struct sok_frame *frame, int64_t now)
{
    struct share_link *sh = (struct share_link *)link;
    int r = sh->under->ops->recv(sh->under, frame, now);
    link->lost = sh->under->lost;
    return r;
}

static int64_t share_deadline(const struct sok_link *link)
{
    (void)link;
    return INT64_MAX; // as packet's
}

static size_t share_size(unsigned count)
{
    return sizeof(struct share_link) + (size_t)count * sizeof(int);
}

// The table goes last: what is on its way to our ports is not for the kernel to answer.
static void share_free(struct share_link *sh, size_t size)
{
    if (sh->under)
        sh->under->ops->close(sh->under);
    if (sh->table >= 0)
        close(sh->table);
    unbind(sh);
    sok_mem_free(sh->link.mem, sh, size);
}

static void share_close(struct sok_link *link)
{
    struct share_link *sh = (struct share_link *)link;
    share_free(sh, share_size(sh->bound_most));
}

static const struct sok_link_ops share_ops = {share_send, share_recv, share_deadline, share_close};

static int open_socket(struct share_link *sh, const struct sok_share_options *o,
    const struct sok_share_ports *ports, char *err)
{
    uint16_t last = (uint16_t)(ports->first + ports->count - 1);
    struct sok_packet_filter filter;
    sok_packet_filter_ports(&filter, o->addr, o->addr6, ports->first, last);
    struct sok_packet_options p = {
        .name = o->name,
        .mtu = o->mtu,
        .offload = o->offload,
        .filter = &filter,
    };
    memcpy(p.mac, o->mac, 6);
    return sok_link_packet(sh->link.mem, &p, &sh->under, err);
}

int sok_link_share(const struct sok_mem *mem, const struct sok_share_options *o,
    struct sok_share_ports *ports, struct sok_link **out, char *err)
{
    unsigned most = (o->addr6 ? 4 : 2) * (o->count ? o->count : SOK_SHARE_PORTS);
    size_t size = share_size(most);
    struct share_link *sh = (struct share_link *)sok_link_new(mem, size, &share_ops);
    if (!sh)
        return sok_link_fail(err, SOK_ENOMEM, "no memory for a link");
    sh->table = -1;
    sh->bound_most = most;
    int r = choose_ports(sh, o, ports, err);
    if (r == 0)
        r = open_socket(sh, o, ports, err);
    if (r == 0) {
        struct sok_keep keep = {if_nametoindex(o->name), o->addr, ports->first,
            (uint16_t)(ports->first + ports->count - 1), o->addr6};
        r = sh->table = sok_keep_open(&keep, err);
    }
    if (r < 0) {
        share_free(sh, size);
        return r;
    }
    sh->link.info = sh->under->info;
    snprintf(sh->link.info.name, sizeof(sh->link.info.name), "share:%s", o->name);
    sh->link.info.caps |= SOK_LINK_POINT; // the address is the kernel's, who has seen to it
    sh->link.interface = sh->under->interface;
    sh->link.fd = sh->under->fd;
    *out = &sh->link;
    return 0;
}
