// setsockopt, getsockopt, and the ioctls that look into a queue.
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include "preload/preload.h"

// What is the pair's own, and works on it as on any socket.
static bool of_the_pair(int level, int name)
{
    if (level != SOL_SOCKET)
        return false;
    switch (name) {
    case SO_RCVTIMEO_OLD:
    case SO_SNDTIMEO_OLD:
    case SO_RCVTIMEO_NEW:
    case SO_SNDTIMEO_NEW:
    case SO_COOKIE:
    case SO_RCVLOWAT:
        return true;
    default:
        return false;
    }
}

static void set_linger(struct entry *e, const void *with)
{
    const struct linger *l = with;
    e->linger_s = l->l_onoff && l->l_linger > 0 ? l->l_linger : 0;
}

// Whether there is one may hang on the option.
static void forget_way(struct entry *e, const void *with)
{
    (void)with;
    memset(e->way, 0, sizeof(e->way));
}

// Then sending asks whether they are.
static void set_uncut(struct entry *e, const void *with)
{
    (void)with;
    e->uncut = true;
}

static bool is_about_size(int level, int name)
{
    return (level == IPPROTO_IP && name == IP_MTU_DISCOVER) ||
           (level == IPPROTO_IPV6 && (name == IPV6_MTU_DISCOVER || name == IPV6_DONTFRAG));
}

static int do_set(
    int fd, const struct entry *e, int level, int name, const void *value, socklen_t len)
{
    struct call c = {.op = SOK_CALLS_SETOPT,
        .cookie = e->cookie,
        .a = level,
        .b = name,
        .bytes = value,
        .len = len};
    int result;
    if (sok_capture_option(fd, e, level, name, value, len, &result))
        return result;
    int32_t r = sok_ask(&c);
    if (r < 0)
        return sok_fail(-r);
    sok_table_change(fd, e->cookie, forget_way, NULL);
    if (is_about_size(level, name))
        sok_table_change(fd, e->cookie, set_uncut, NULL);
    if (level == SOL_SOCKET && name == SO_LINGER && len >= sizeof(struct linger))
        sok_table_change(fd, e->cookie, set_linger, value);
    sok_early_option(fd, e, level, name, value, len);
    return 0;
}

SOK_EXPORT int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    struct entry e;
    if (!sok_table_get(fd, true, &e) || of_the_pair(level, name))
        return sok_k_setsockopt(fd, level, name, value, len);
    int number = 0;
    if (len > SOK_CALLS_BYTES_MAX)
        return sok_fail(EINVAL);
    if (!SOK_READS(value, len))
        return sok_fail(EFAULT);
    if (value && len >= sizeof(number))
        memcpy(&number, value, sizeof(number));
    unsigned t = sok_trace_begin(
        fd, "setsockopt(%d, %s, %d)", fd, sok_calls_text_option(level, name), number);
    return (int)sok_trace_end(t, do_set(fd, &e, level, name, value, len));
}

static int give_int(void *value, socklen_t *len, int number)
{
    socklen_t n = *len < sizeof(number) ? *len : sizeof(number);
    memcpy(value, &number, n);
    *len = n;
    return 0;
}

// What the pair knows of an error that the host's side cannot know of (it is gone, say).
static int pair_error(int fd)
{
    int pending = 0;
    socklen_t len = sizeof(pending);
    return sok_k_getsockopt(fd, SOL_SOCKET, SO_ERROR, &pending, &len) < 0 ? 0 : pending;
}

static int get_error(int fd, const struct entry *e, void *value, socklen_t *len)
{
    int32_t number = 0;
    struct call c = {.op = SOK_CALLS_GETOPT,
        .cookie = e->cookie,
        .a = SOL_SOCKET,
        .b = SO_ERROR,
        .c = sizeof(number),
        .reply = &number,
        .reply_max = sizeof(number)};
    int waits = e->kind == KIND_DGRAM ? sok_packet_error(fd, e) : 0;
    if (waits)
        return give_int(value, len, waits);
    int pending = pair_error(fd); // taken, so that the next read does not tell it once more
    int32_t r = sok_ask(&c);
    if (r == -ENETDOWN)
        number = ENETDOWN;
    else if (number == 0 && pending == ECONNRESET)
        number = pending;
    else if (number == 0 && pending == 0 && e->state == SOK_CALLS_CONNECTING && r >= 0) {
        struct sok_calls_socket s;
        struct call look = {
            .op = SOK_CALLS_LOOK, .cookie = e->cookie, .reply = &s, .reply_max = sizeof(s)};
        if (sok_ask(&look) == 0 && s.state == SOK_CALLS_OPEN)
            sok_stream_is_open(fd);
    }
    return give_int(value, len, number);
}

static int do_get(int fd, const struct entry *e, int level, int name, void *value, socklen_t *len)
{
    struct call c = {
        .op = SOK_CALLS_GETOPT, .cookie = e->cookie, .a = level, .b = name, .reply = value};
    int wrong = sok_no_room(value, len);
    if (wrong || (!value && *len > 0))
        return sok_fail(wrong ? wrong : EFAULT);
    if (level == SOL_SOCKET) {
        switch (name) {
        case SO_TYPE:
            return give_int(value, len, e->type);
        case SO_DOMAIN:
            return give_int(value, len, e->domain);
        case SO_PROTOCOL:
            return give_int(value, len, e->protocol);
        case SO_ERROR:
            return get_error(fd, e, value, len);
        default:
            break;
        }
    }
    bool filter = (level == IPPROTO_IP || level == IPPROTO_IPV6) &&
                  (name == IP_MSFILTER || name == MCAST_MSFILTER);
    if (filter || (level == SOL_PACKET && name == PACKET_HDRLEN)) { // asked with a value
        c.bytes = value;
        c.len = *len < SOK_CALLS_BYTES_MAX ? *len : SOK_CALLS_BYTES_MAX;
    }
    c.reply_max = *len < SOK_CALLS_BYTES_MAX ? *len : SOK_CALLS_BYTES_MAX;
    c.c = (int)c.reply_max;
    int32_t r = sok_ask(&c);
    if (r < 0)
        return sok_fail(-r);
    *len = c.reply_len;
    return 0;
}

SOK_EXPORT int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    struct entry e;
    if (!sok_table_get(fd, true, &e) || of_the_pair(level, name))
        return sok_k_getsockopt(fd, level, name, value, len);
    unsigned t = sok_trace_begin(fd, "getsockopt(%d, %s)", fd, sok_calls_text_option(level, name));
    int r = do_get(fd, &e, level, name, value, len), number = 0;
    if (r == 0 && *len >= sizeof(number))
        memcpy(&number, value, sizeof(number));
    return (int)sok_trace_end_with(t, r, "%d", number);
}

// ---- ioctl ----

static int queued(int fd, const struct entry *e, unsigned long request, int *out)
{
    if (request == FIONREAD && e->kind == KIND_LISTENER)
        return sok_fail(EINVAL);
    if (request == FIONREAD && e->kind == KIND_DGRAM) { // of the first packet; the pair counts all
        char byte;
        ssize_t n = sok_k_recvfrom(fd, &byte, 1, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT, NULL, NULL);
        ssize_t head = (ssize_t)sizeof(struct sok_calls_packet);
        *out = n > head ? (int)(n - head) : 0;
        return 0;
    }
    if (request == FIONREAD)
        return sok_reals()->ioctl(fd, FIONREAD, out);
    int32_t number = 0;
    struct call c = {.op = SOK_CALLS_GETOPT,
        .cookie = e->cookie,
        .a = SOK_CALLS_LEVEL,
        .b = SOK_CALLS_LEVEL_QUEUED,
        .c = sizeof(number),
        .reply = &number,
        .reply_max = sizeof(number)};
    int32_t r = sok_ask(&c);
    if (r < 0)
        return sok_fail(-r);
    *out = number;
    return 0;
}

static bool is_socket(int fd)
{
    int type;
    socklen_t len = sizeof(type);
    return sok_table_kind(fd) > KIND_OTHER ||
           sok_k_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
}

SOK_EXPORT int ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    struct entry e;
    va_start(args, request);
    void *arg = va_arg(args, void *);
    va_end(args);
    if ((request == FIONREAD || request == SIOCOUTQ) && sok_table_kind(fd) > KIND_OTHER &&
        sok_table_get(fd, false, &e))
        return SOK_WRITES(arg, sizeof(int)) ? queued(fd, &e, request, arg) : sok_fail(EFAULT);
    // netdevice(7): the host's links are the interfaces of a program's sockets, whoever's these are.
    if (sok_interface_request(request) && sok_host_there() && is_socket(fd))
        return SOK_WRITES(arg, sok_interface_bytes(request)) ? sok_interface_ask(request, arg)
                                                             : sok_fail(EFAULT);
    return sok_reals()->ioctl(fd, request, arg);
}
