// Options that are the descriptor's own; the others are mapped by posix_options.c. And ioctl().
#include "host/sys.h"
#include <linux/filter.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>

// ---- set ----

// socket(7): 0 is no limit; what is below nothing waits not at all.
static int64_t set_limit(int64_t *limit_ns, const void *value, socklen_t len)
{
    struct timeval t;
    if (len < sizeof(t))
        return -EINVAL;
    memcpy(&t, value, sizeof(t));
    if (t.tv_usec < 0 || t.tv_usec >= 1000000)
        return -EDOM;
    if (t.tv_sec < 0)
        *limit_ns = 1;
    else if (t.tv_sec > INT64_MAX / 1000000000 - 1)
        *limit_ns = 0;
    else
        *limit_ns = (int64_t)t.tv_sec * 1000000000 + t.tv_usec * INT64_C(1000);
    return 0;
}

static int64_t set_low_water(struct sok_sys_file *f, const void *value, socklen_t len)
{
    int number;
    if (len < sizeof(number))
        return -EINVAL;
    memcpy(&number, value, sizeof(number));
    f->posix.values[VALUE_RCVLOWAT] = number < 0 ? INT32_MAX : number ? number : 1;
    return 0;
}

// Its value has a pointer; of the mapping the instructions are the value.
static int64_t attach_filter(struct sok_sys_file *f, const void *value, socklen_t len)
{
    struct sock_fprog program;
    if (len < sizeof(program))
        return -EINVAL;
    memcpy(&program, value, sizeof(program));
    if (!program.filter)
        return -EINVAL;
    return sok_posix_setopt(&f->posix, f->s, SOL_SOCKET, SO_ATTACH_FILTER,
        (const uint8_t *)program.filter, (uint32_t)(program.len * sizeof(*program.filter)));
}

static int64_t set_option(
    struct sok_sys_file *f, int level, int name, const void *value, socklen_t len)
{
    if ((int)len < 0)
        return -EINVAL;
    if (!value && len > 0)
        return -EFAULT;
    if (level == SOL_SOCKET) {
        switch (name) {
        case SO_RCVTIMEO:
            return set_limit(&f->recv_limit_ns, value, len);
        case SO_SNDTIMEO:
            return set_limit(&f->send_limit_ns, value, len);
        case SO_RCVLOWAT:
            return set_low_water(f, value, len);
        case SO_TYPE:
        case SO_DOMAIN:
        case SO_PROTOCOL:
        case SO_ERROR:
        case SO_ACCEPTCONN:
            return len < sizeof(int) ? -EINVAL : -ENOPROTOOPT;
        default:
            break;
        }
    }
    if (level == IPPROTO_TCP && name == TCP_CORK)
        f->more = false;
    if (level == SOL_SOCKET && name == SO_ATTACH_FILTER)
        return attach_filter(f, value, len);
    return sok_posix_setopt(&f->posix, f->s, level, name, value ? value : "", len);
}

int sok_sys_setsockopt(
    struct sok_host *host, int fd, int level, int name, const void *value, socklen_t len)
{
    struct sok_sys_file *f = sok_sys_file(host, fd);
    int64_t r = f ? set_option(f, level, name, value, len) : -EBADF;
    if (r == 0)
        sok_host_begin(host); // what a cork held, say
    return (int)sok_sys_result(r);
}

// ---- get ----

static int64_t give(void *value, socklen_t *len, const void *from, size_t n)
{
    if (*len < n)
        n = *len;
    memcpy(value, from, n);
    *len = (socklen_t)n;
    return 0;
}

static int64_t give_int(void *value, socklen_t *len, int number)
{
    return give(value, len, &number, sizeof(number));
}

static int64_t give_limit(void *value, socklen_t *len, int64_t ns)
{
    struct timeval t = {.tv_sec = ns / 1000000000, .tv_usec = ns / 1000 % 1000000};
    return give(value, len, &t, sizeof(t));
}

static int take_error(struct sok_sys_file *f)
{
    int64_t pending = 0;
    sok_sys_take_in(f->host);
    if (f->error)
        return (int)-sok_sys_take_error(f);
    if (!f->posix.listens)
        sok_getsockopt(f->s, SOK_OPT_ERROR, &pending);
    return (int)-sok_sys_stream_error(f, sok_sys_errno(pending));
}

static int64_t get_option(struct sok_sys_file *f, int level, int name, void *value, socklen_t *len)
{
    if (!len)
        return -EFAULT;
    if ((int)*len < 0)
        return -EINVAL;
    if (!value && *len > 0)
        return -EFAULT;
    if (level == SOL_SOCKET) {
        int least = f->posix.values[VALUE_RCVLOWAT];
        switch (name) {
        case SO_TYPE:
            return give_int(value, len, f->posix.type);
        case SO_DOMAIN:
            return give_int(value, len, f->posix.domain);
        case SO_PROTOCOL:
            return give_int(value, len, f->posix.protocol);
        case SO_ERROR:
            return give_int(value, len, take_error(f));
        case SO_RCVTIMEO:
            return give_limit(value, len, f->recv_limit_ns);
        case SO_SNDTIMEO:
            return give_limit(value, len, f->send_limit_ns);
        case SO_RCVLOWAT:
            return give_int(value, len, least ? least : 1);
        default:
            break;
        }
    }
    int n = sok_posix_getopt(&f->posix, f->s, level, name, value, *len);
    if (n >= 0)
        *len = (socklen_t)n;
    return n < 0 ? n : 0;
}

int sok_sys_getsockopt(
    struct sok_host *host, int fd, int level, int name, void *value, socklen_t *len)
{
    struct sok_sys_file *f = sok_sys_file(host, fd);
    return (int)sok_sys_result(f ? get_option(f, level, name, value, len) : -EBADF);
}

// ---- ioctl ----

// Bytes that a read would give, of a datagram socket those of the next one.
static int64_t waiting(struct sok_sys_file *f)
{
    struct sok_sys_stream in;
    if (f->posix.listens)
        return -EINVAL;
    sok_sys_take_in(f->host);
    if (!sok_sys_is_stream(f)) {
        const struct sok_sys_datagram *d = sok_sys_look(f);
        return d ? (int64_t)d->len : 0;
    }
    sok_sys_stream(f, &in);
    bool cut = in.urgent > 0 && in.urgent <= in.queued && !f->posix.values[VALUE_OOBINLINE];
    return cut ? in.urgent - 1 : in.queued;
}

static int64_t unacknowledged(const struct sok_sys_file *f)
{
    struct sok_info i = {.send_queued = 0};
    if (f->posix.listens)
        return -EINVAL;
    sok_sys_take_in(f->host);
    if (sok_sys_is_stream(f))
        sok_getinfo(f->s, &i);
    return i.send_queued;
}

static int64_t at_mark(const struct sok_sys_file *f)
{
    struct sok_sys_stream in;
    if (!sok_sys_is_stream(f))
        return -ENOTTY;
    sok_sys_take_in(f->host);
    sok_sys_stream(f, &in);
    return in.urgent == 1;
}

static int64_t control(struct sok_sys_file *f, unsigned long request, void *arg)
{
    int64_t r;
    int number;
    if (request == FIONBIO) {
        if (!arg)
            return -EFAULT;
        memcpy(&number, arg, sizeof(number));
        f->nonblock = number != 0;
        return 0;
    }
    switch (request) {
    case FIONREAD:
        r = waiting(f);
        break;
    case SIOCOUTQ:
        r = unacknowledged(f);
        break;
    case SIOCATMARK:
        r = at_mark(f);
        break;
    default:
        return -ENOTTY;
    }
    if (r < 0)
        return r;
    if (!arg)
        return -EFAULT;
    number = (int)r;
    memcpy(arg, &number, sizeof(number));
    return 0;
}

int sok_sys_ioctl(struct sok_host *host, int fd, unsigned long request, void *arg)
{
    struct sok_sys_file *f = sok_sys_file(host, fd);
    return (int)sok_sys_result(f ? control(f, request, arg) : -EBADF);
}
