// Descriptors of sockeye/sys.h, and how calls on them wait.
#include "host/sys.h"
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

// ---- the table ----

struct sok_sys_file *sok_sys_file(struct sok_host *host, int fd)
{
    const struct sok_sys *t = host ? host->sys : NULL;
    unsigned at = (unsigned)fd - SOK_SYS_FIRST;
    if (host)
        sok_host_mine(host);
    return t && fd >= SOK_SYS_FIRST && at < t->room ? t->files[at] : NULL;
}

static struct sok_sys *table_of(struct sok_host *host)
{
    if (!host->sys)
        host->sys = calloc(1, sizeof(*host->sys));
    return host->sys;
}

// The lowest free place, or -errno.
static int find_place(struct sok_sys *t)
{
    unsigned at = t->first_free;
    while (at < t->room && t->files[at])
        at++;
    if (at >= SOK_SYS_FILES_MAX - SOK_SYS_FIRST)
        return -EMFILE;
    if (at == t->room) {
        unsigned room = t->room ? 2 * t->room : 16;
        struct sok_sys_file **files = realloc(t->files, room * sizeof(struct sok_sys_file *));
        if (!files)
            return -ENOMEM;
        memset(files + t->room, 0, (room - t->room) * sizeof(struct sok_sys_file *));
        t->files = files;
        t->room = room;
    }
    return (int)at;
}

int sok_sys_add(
    struct sok_host *host, struct sok_socket *s, const struct sok_posix *posix, int flags)
{
    struct sok_sys *t = table_of(host);
    struct sok_sys_file *f = t ? calloc(1, sizeof(*f)) : NULL;
    int at = f ? find_place(t) : -ENOMEM;
    if (at < 0) {
        free(f);
        sok_close(s);
        return at;
    }
    *f = (struct sok_sys_file){
        .host = host,
        .s = s,
        .posix = *posix,
        .nonblock = flags & SOCK_NONBLOCK,
        .cloexec = flags & SOCK_CLOEXEC,
        .frames = {.link = SOK_PACKET_ALL_LINKS, .type = ntohs((uint16_t)posix->protocol)},
    };
    t->files[at] = f;
    t->first_free = (unsigned)at + 1;
    t->count++;
    return at + SOK_SYS_FIRST;
}

// Its handle stays.
static struct sok_socket *take_out(struct sok_host *host, int fd)
{
    struct sok_sys *t = host->sys;
    unsigned at = (unsigned)(fd - SOK_SYS_FIRST);
    struct sok_sys_file *f = t->files[at];
    struct sok_socket *s = f->s;
    t->files[at] = NULL;
    t->count--;
    if (at < t->first_free)
        t->first_free = at;
    free(f->held);
    free(f);
    return s;
}

void sok_sys_free(struct sok_host *host)
{
    struct sok_sys *t = host->sys;
    for (unsigned at = 0; t && at < t->room; at++)
        if (t->files[at])
            take_out(host, (int)at + SOK_SYS_FIRST); // the host frees the handles
    if (t) {
        free(t->files);
        free(t->space);
    }
    free(t);
    host->sys = NULL;
}

struct sok_sys_datagram *sok_sys_space(struct sok_host *host)
{
    struct sok_sys *t = host->sys;
    if (!t->space)
        t->space = malloc(sizeof(*t->space) + SOK_SYS_DATAGRAM_MAX);
    return t->space;
}

// ---- buffers ----

int64_t sok_sys_total(const struct iovec *iov, size_t count)
{
    int64_t len = 0;
    if (count > IOV_MAX)
        return -EMSGSIZE;
    if (count > 0 && !iov)
        return -EFAULT;
    for (size_t i = 0; i < count; i++) {
        if (iov[i].iov_len > (size_t)(SSIZE_MAX - len))
            return -EINVAL;
        if (!iov[i].iov_base && iov[i].iov_len > 0)
            return -EFAULT;
        len += (int64_t)iov[i].iov_len;
    }
    return len;
}

struct iovec sok_sys_piece(const struct iovec *iov, size_t count, size_t done)
{
    for (size_t i = 0; i < count; done -= iov[i++].iov_len)
        if (done < iov[i].iov_len)
            return (struct iovec){(char *)iov[i].iov_base + done, iov[i].iov_len - done};
    return (struct iovec){NULL, 0};
}

// ---- waiting ----

int64_t sok_sys_end(const struct sok_host *host, int64_t limit_ns)
{
    int64_t now = sok_host_now(host);
    return limit_ns <= 0 || limit_ns > INT64_MAX - now ? INT64_MAX : now + limit_ns;
}

int sok_sys_sleep(struct sok_host *host, int64_t end)
{
    int64_t now = sok_host_now(host);
    if (now >= end)
        return -EAGAIN;
    int r = sok_host_step(host, end == INT64_MAX ? -1 : end - now);
    if (r < 0)
        return -sok_errno(r);
    bool alone = host->loop->virtual_time && host->loop->listening == 0;
    return r == 0 && end == INT64_MAX && alone ? -EDEADLK : 0;
}

#define TURNS_MAX 64 // of a call that does not wait: a flood from outside must not keep it

static bool take_in_some(struct sok_host *host, unsigned *turns)
{
    return (*turns)++ < TURNS_MAX && sok_host_step(host, 0) > 0;
}

void sok_sys_take_in(struct sok_host *host)
{
    unsigned turns = 0;
    while (take_in_some(host, &turns)) {
    }
}

int64_t sok_sys_until(
    struct sok_sys_file *f, sok_sys_try attempt, void *with, bool wait, int64_t limit_ns)
{
    int64_t end = sok_sys_end(f->host, limit_ns), r;
    unsigned turns = 0;
    while ((r = attempt(f, with)) == -EAGAIN) {
        if (!wait && !take_in_some(f->host, &turns))
            return r;
        int slept = wait ? sok_sys_sleep(f->host, end) : 0;
        if (slept < 0)
            return slept;
    }
    return r;
}

// ---- socket, close ----

static int type_of(int domain, int type, int protocol, struct sok_posix *out)
{
    *out = (struct sok_posix){.domain = domain, .type = type, .protocol = protocol};
    if (type < 0 || type > SOCK_PACKET)
        return -EINVAL;
    if (domain == AF_PACKET)
        return type == SOCK_RAW || type == SOCK_DGRAM ? 0 : -ESOCKTNOSUPPORT;
    if (domain != AF_INET && domain != AF_INET6)
        return -EAFNOSUPPORT;
    if (protocol < 0 || protocol >= IPPROTO_MAX)
        return -EINVAL;
    if (type == SOCK_RAW)
        return protocol > 0 && protocol <= 255 ? 0 : -EPROTONOSUPPORT;
    if (type != SOCK_STREAM && type != SOCK_DGRAM)
        return -ESOCKTNOSUPPORT;
    int own = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
    out->protocol = own;
    return protocol == 0 || protocol == own ? 0 : -EPROTONOSUPPORT;
}

static int open_handle(struct sok_host *host, const struct sok_posix *p, struct sok_socket **out)
{
    if (p->domain == AF_PACKET)
        return sok_socket_packet(host, ntohs((uint16_t)p->protocol), p->type == SOCK_DGRAM, out);
    if (p->type == SOCK_RAW)
        return p->domain == AF_INET6 ? sok_socket_raw6(host, p->protocol, out)
                                     : sok_socket_raw(host, p->protocol, out);
    return sok_socket(host, p->type == SOCK_STREAM ? SOK_STREAM : SOK_DGRAM, out);
}

int sok_sys_socket(struct sok_host *host, int domain, int type, int protocol)
{
    int flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct sok_posix p;
    struct sok_socket *s;
    if (!host)
        return (int)sok_sys_result(-EINVAL);
    sok_host_mine(host);
    int64_t r = type_of(domain, type & ~flags, protocol, &p);
    if (r == 0)
        r = sok_sys_errno(open_handle(host, &p, &s));
    if (r == 0) {
        s->v4only = domain == AF_INET;
        r = sok_sys_add(host, s, &p, flags);
    }
    return (int)sok_sys_result(r);
}

int sok_sys_close(struct sok_host *host, int fd)
{
    struct sok_sys_file *f = sok_sys_file(host, fd);
    if (!f)
        return (int)sok_sys_result(-EBADF);
    sok_sys_unlinger(f);
    sok_close(take_out(host, fd));
    sok_host_begin(host);
    return 0;
}

struct sok_socket *sok_sys_handle(struct sok_host *host, int fd)
{
    const struct sok_sys_file *f = sok_sys_file(host, fd);
    if (!f)
        errno = EBADF;
    return f ? f->s : NULL;
}

struct sok_socket *sok_sys_detach(struct sok_host *host, int fd)
{
    if (!sok_sys_handle(host, fd))
        return NULL;
    return take_out(host, fd);
}

// ---- fcntl ----

static int64_t control(struct sok_sys_file *f, int command, int arg)
{
    switch (command) {
    case F_GETFL:
        return O_RDWR | (f->nonblock ? O_NONBLOCK : 0);
    case F_SETFL:
        f->nonblock = arg & O_NONBLOCK;
        return 0;
    case F_GETFD:
        return f->cloexec ? FD_CLOEXEC : 0;
    case F_SETFD:
        f->cloexec = arg & FD_CLOEXEC;
        return 0;
    default:
        return -EINVAL;
    }
}

int sok_sys_fcntl(struct sok_host *host, int fd, int command, int arg)
{
    struct sok_sys_file *f = sok_sys_file(host, fd);
    return (int)sok_sys_result(f ? control(f, command, arg) : -EBADF);
}
