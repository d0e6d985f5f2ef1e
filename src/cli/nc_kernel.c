// `sockeye nc --kernel` and -U: the kernel's own sockets. Names are looked up by the C library and
// listeners are made before the process is confined; sockets to connect with are made as they are needed.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "cli/kernel.h"
#include "cli/nc_kernel.h"

static int type_of(const struct sok_nc *nc)
{
    return (nc->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
}

// ---- names ----

static int look_up(
    const struct sok_nc *nc, const char *name, uint16_t port, int family, struct addrinfo **out)
{
    char service[8];
    snprintf(service, sizeof(service), "%u", port);
    struct addrinfo hints = {
        .ai_family = family,
        .ai_socktype = nc->udp ? SOCK_DGRAM : SOCK_STREAM,
        .ai_flags =
            AI_NUMERICSERV | (nc->listen ? AI_PASSIVE : 0) | (nc->numeric ? AI_NUMERICHOST : 0),
    };
    int r = getaddrinfo(name, service, &hints, out);
    if (r == 0)
        return 0;
    *out = NULL;
    return sok_cli_fail(SOK_EXIT_NO_NAME, "Could not resolve host: %.255s (%s)", name,
        r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
}

// Anybody's address is IPv4's, unless said otherwise.
static int family_of(const struct sok_nc *nc)
{
    if (nc->listen && !nc->address && !nc->source && nc->family == 0)
        return AF_INET;
    return nc->family == 4 ? AF_INET : nc->family == 6 ? AF_INET6 : AF_UNSPEC;
}

// ---- own addresses ----

// 0 or an error.
static int bind_source(const struct sok_nc *nc, int fd, int family)
{
    struct sockaddr_storage own = {.ss_family = (sa_family_t)family};
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&own;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&own;
    uint16_t port = htons(nc->local.port);
    socklen_t len = family == AF_INET ? sizeof(*v4) : sizeof(*v6);
    if (!nc->source && port == 0)
        return 0;
    if (family == AF_INET)
        v4->sin_port = port;
    else
        v6->sin6_port = port;
    void *addr = family == AF_INET ? (void *)&v4->sin_addr : (void *)&v6->sin6_addr;
    if (nc->source && inet_pton(family, nc->source, addr) != 1)
        return SOK_EAFNOSUPPORT;
    return bind(fd, (struct sockaddr *)&own, len) < 0 ? sok_from_errno(errno) : 0;
}

// A descriptor, or an error.
static int new_socket(struct sok_nc *nc, int family)
{
    struct sok_nc_kernel_state *k = nc->k;
    int fd = k->prepared;
    if (fd >= 0 && k->prepared_family == family) {
        k->prepared = -1;
        return fd;
    }
    fd = socket(family, type_of(nc), 0);
    if (fd < 0)
        return sok_from_errno(errno);
    int r = bind_source(nc, fd, family);
    nc->bind_failed = r < 0;
    if (r < 0) {
        close(fd);
        return r;
    }
    return fd;
}

// The first one has its address already: a port under 1024 may need privileges.
static int prepare(struct sok_nc *nc)
{
    int family = nc->k->found->ai_family;
    if (!nc->source && nc->local.port == 0)
        return 0;
    int fd = new_socket(nc, family);
    if (fd < 0)
        return sok_cli_fail(1, "bind failed: %s", sok_strerror(fd));
    nc->k->prepared = fd;
    nc->k->prepared_family = family;
    return 0;
}

static int listen_at(const struct sok_nc *nc, int fd)
{
    return nc->udp ? 0 : listen(fd, nc->keep ? 128 : 1);
}

// ---- AF_UNIX ----

static int path_address(struct sok_nc_peer *peer, const char *path)
{
    struct sockaddr_un *un = (struct sockaddr_un *)(void *)&peer->at.kernel;
    memset(peer, 0, sizeof(*peer));
    if (strlen(path) >= sizeof(un->sun_path))
        return sok_cli_fail(
            1, "%s: too long a path (%zu bytes at most)", path, sizeof(un->sun_path) - 1);
    un->sun_family = AF_UNIX;
    strcpy(un->sun_path, path);
    peer->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
    return 0;
}

// A socket's file that nobody listens at: left behind by a process that was killed.
static bool left_behind(const struct sok_nc *nc, const struct sok_nc_peer *at, const char *path)
{
    struct stat st;
    if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return false;
    int fd = socket(AF_UNIX, type_of(nc), 0);
    bool refused =
        connect(fd, (const struct sockaddr *)&at->at.kernel, at->len) < 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static int bind_path(struct sok_nc *nc, struct sok_cli_host *ho, int fd, const char *path)
{
    struct sok_nc_peer at;
    int code = path_address(&at, path);
    if (code != 0)
        return code;
    int r = bind(fd, (struct sockaddr *)&at.at.kernel, at.len);
    if (r < 0 && errno == EADDRINUSE && left_behind(nc, &at, path) && unlink(path) == 0)
        r = bind(fd, (struct sockaddr *)&at.at.kernel, at.len);
    if (r < 0)
        return sok_cli_fail(1, "%s: %s", path, strerror(errno));
    ho->made = path;
    return 0;
}

// A datagram's sender needs an address to be answered at: without -s one of the kernel's choice, which
// is no file.
static int bind_sender(struct sok_nc *nc, struct sok_cli_host *ho, int fd)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (nc->source)
        return bind_path(nc, ho, fd, nc->source);
    return bind(fd, (struct sockaddr *)&un, sizeof(sa_family_t)) < 0
               ? sok_cli_fail(1, "bind failed: %s", strerror(errno))
               : 0;
}

static int open_path(struct sok_nc *nc, struct sok_cli_host *ho)
{
    int code = path_address(&nc->peer, nc->address);
    int fd = socket(AF_UNIX, type_of(nc), 0);
    if (fd < 0)
        return sok_cli_fail(1, "no socket: %s", strerror(errno));
    if (nc->listen)
        nc->k->listener = fd;
    else
        nc->k->prepared = fd;
    nc->k->prepared_family = AF_UNIX;
    nc->port = nc->port_last = 1; // once
    if (code == 0 && nc->listen)
        code = bind_path(nc, ho, fd, nc->address);
    if (code == 0 && nc->listen && listen_at(nc, fd) < 0)
        code = sok_cli_fail(1, "%s: %s", nc->address, strerror(errno));
    else if (code == 0 && !nc->listen && nc->udp)
        code = bind_sender(nc, ho, fd);
    return code;
}

// ---- before the process is confined ----

// The first of the own addresses that can be had.
static void open_listener(struct sok_nc *nc)
{
    int one = 1;
    for (const struct addrinfo *a = nc->k->found; a; a = a->ai_next) {
        int fd = socket(a->ai_family, type_of(nc), 0);
        if (fd >= 0)
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (a == nc->k->found)
            memcpy(&nc->peer.at.kernel, a->ai_addr, nc->peer.len = a->ai_addrlen);
        if (fd >= 0 && bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen_at(nc, fd) == 0) {
            memcpy(&nc->peer.at.kernel, a->ai_addr, nc->peer.len = a->ai_addrlen);
            nc->k->listener = fd;
            return;
        }
        nc->k->listen_error = sok_from_errno(errno);
        if (fd >= 0)
            close(fd);
    }
}

static int open_ports(struct sok_nc *nc)
{
    const char *name = nc->address ? nc->address : nc->source;
    int code =
        look_up(nc, name, nc->listen ? nc->local.port : nc->port, family_of(nc), &nc->k->found);
    if (code != 0)
        return code;
    if (!nc->listen)
        return prepare(nc);
    open_listener(nc);
    return 0;
}

int sok_nc_kernel_open(struct sok_nc *nc, struct sok_cli_host *ho)
{
    struct sok_confine c = {0};
    nc->net = &sok_nc_kernel;
    nc->k = calloc(1, sizeof(*nc->k));
    if (!nc->k)
        return sok_cli_fail(1, "no memory");
    nc->k->listener = nc->k->fd = nc->k->prepared = -1;
    int code = sok_cli_kernel_begin(&nc->host);
    if (code == 0)
        code = nc->local_path ? open_path(nc, ho) : open_ports(nc);
    if (code == 0)
        code = sok_cli_kernel_confine(ho, &c);
    if (code == 0)
        sok_cli_signals(nc->host);
    return code;
}

static void drop(struct sok_nc *nc, int *fd)
{
    if (*fd < 0)
        return;
    sok_host_unwatch(nc->host, *fd);
    close(*fd);
    *fd = -1;
}

int sok_nc_kernel_end(struct sok_nc *nc, struct sok_cli_host *ho, int code)
{
    drop(nc, &nc->k->fd);
    drop(nc, &nc->k->listener);
    drop(nc, &nc->k->prepared);
    if (nc->k->found)
        freeaddrinfo(nc->k->found);
    free(nc->k);
    return sok_cli_kernel_end(ho, nc->host, code);
}

// ---- connections ----

static void begin_connection(struct sok_nc *nc, int fd)
{
    struct sok_nc_kernel_state *k = nc->k;
    k->fd = fd;
    k->error = 0;
    k->connecting = k->hungry = k->ending = false;
    k->in_len = k->out_len = 0;
}

static int kernel_listen(struct sok_nc *nc)
{
    struct sok_nc_kernel_state *k = nc->k;
    if (k->listener < 0)
        return k->listen_error;
    if (!nc->udp)
        return 0;
    begin_connection(nc, k->listener);
    k->listener = -1;
    return 0;
}

static void woken(void *ctx, int fd, unsigned ready)
{
    (void)ctx;
    (void)fd;
    (void)ready;
}

static int kernel_accept(struct sok_nc *nc)
{
    struct sok_nc_peer peer = {.len = sizeof(peer.at.kernel)};
    int fd = accept4(nc->k->listener, (struct sockaddr *)&peer.at.kernel, &peer.len,
        SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)) {
        sok_host_watch(nc->host, nc->k->listener, SOK_POLL_IN, woken, NULL);
        return SOK_EAGAIN;
    }
    if (fd < 0)
        return sok_from_errno(errno);
    sok_host_unwatch(nc->host, nc->k->listener); // until the next one is wanted
    if (!nc->local_path)
        nc->peer = peer;
    begin_connection(nc, fd);
    return 0;
}

static unsigned kernel_targets(const struct sok_nc *nc)
{
    unsigned count = nc->local_path;
    for (const struct addrinfo *a = nc->k->found; a; a = a->ai_next)
        count++;
    return count;
}

static int kernel_connect(struct sok_nc *nc, unsigned target, uint16_t port)
{
    const struct addrinfo *a = nc->k->found;
    for (unsigned i = 0; i < target; i++)
        a = a->ai_next;
    if (a) {
        memset(&nc->peer, 0, sizeof(nc->peer));
        memcpy(&nc->peer.at.kernel, a->ai_addr, nc->peer.len = a->ai_addrlen);
        // sin_port and sin6_port are at the same place
        ((struct sockaddr_in *)(void *)&nc->peer.at.kernel)->sin_port = htons(port);
    }
    int fd = new_socket(nc, nc->peer.at.kernel.ss_family);
    if (fd < 0)
        return fd;
    begin_connection(nc, fd);
    if (connect(fd, (struct sockaddr *)&nc->peer.at.kernel, nc->peer.len) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return sok_from_errno(errno);
    nc->k->connecting = true;
    sok_nc_kernel_watch(nc);
    return SOK_EINPROGRESS;
}

static int kernel_connected(struct sok_nc *nc)
{
    struct pollfd p = {.fd = nc->k->fd, .events = POLLOUT};
    int error = 0;
    socklen_t len = sizeof(error);
    if (poll(&p, 1, 0) <= 0) {
        nc->k->connecting = true;
        sok_nc_kernel_watch(nc);
        return 0;
    }
    nc->k->connecting = false;
    if (getsockopt(nc->k->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    return error ? sok_from_errno(error) : 1;
}

static void kernel_close(struct sok_nc *nc)
{
    drop(nc, &nc->k->fd);
}

static void kernel_close_listener(struct sok_nc *nc)
{
    drop(nc, &nc->k->listener);
}

// ---- who it is ----

static void kernel_name(const struct sok_nc_peer *peer, char out[SOK_NC_PEER_TEXT_MAX])
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)&peer->at.kernel;
    snprintf(out, SOK_NC_PEER_TEXT_MAX, "?");
    if (un->sun_family == AF_UNIX)
        snprintf(out, SOK_NC_PEER_TEXT_MAX, "%.107s", un->sun_path);
    else
        getnameinfo((const struct sockaddr *)&peer->at.kernel, peer->len, out, SOK_NC_PEER_TEXT_MAX,
            NULL, 0, NI_NUMERICHOST);
}

static uint16_t kernel_port(const struct sok_nc_peer *peer)
{
    return ntohs(((const struct sockaddr_in *)(const void *)&peer->at.kernel)->sin_port);
}

const struct sok_nc_net sok_nc_kernel = {
    .listen = kernel_listen,
    .accept = kernel_accept,
    .targets = kernel_targets,
    .connect = kernel_connect,
    .connected = kernel_connected,
    .close = kernel_close,
    .close_listener = kernel_close_listener,
    .name = kernel_name,
    .port = kernel_port,
    .peek = sok_nc_kernel_peek,
    .consume = sok_nc_kernel_consume,
    .reserve = sok_nc_kernel_reserve,
    .commit = sok_nc_kernel_commit,
    .shutdown = sok_nc_kernel_shutdown,
    .takes = sok_nc_kernel_takes,
    .drained = sok_nc_kernel_drained,
    .notify = sok_nc_kernel_notify,
    .recv = sok_nc_kernel_recv,
    .send = sok_nc_kernel_send,
};
