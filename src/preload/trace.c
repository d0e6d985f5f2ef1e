// Calls in the timeline: BEGIN before the call is made, END after it, each waited for, so that their order
// among packets is the order in which things happened.
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "preload/preload.h"

#define TEXT_MAX 400

static __thread unsigned next_call;

static unsigned long long cookie_of(int fd)
{
    struct entry e;
    return table_get(fd, false, &e) ? e.cookie : 0;
}

unsigned trace_call(bool held, int fd, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    unsigned id = ++next_call ? next_call : ++next_call;
    int saved = errno;
    struct call c = {.op = SOK_CALLS_BEGIN,
        .cookie = cookie_of(fd),
        .a = (int)id,
        .c = held,
        .bytes = text,
        .len = (uint32_t)(len < (int)sizeof(text) ? len : (int)sizeof(text) - 1)};
    ask(&c);
    errno = saved;
    return id;
}

void trace_go(void)
{
    int saved = errno;
    struct call c = {.op = SOK_CALLS_GO, .a = (int)next_call};
    ask(&c);
    errno = saved;
}

ssize_t trace_result(unsigned call, ssize_t result, const char *format, ...)
{
    int saved = errno;
    char text[TEXT_MAX] = "";
    if (format) {
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
    }
    struct call c = {.op = SOK_CALLS_END,
        .a = (int)call,
        .b = result < 0 ? saved : 0,
        .c = (int)(result > INT32_MAX ? INT32_MAX : result),
        .bytes = text,
        .len = (uint32_t)strlen(text)};
    ask(&c);
    errno = saved;
    return result;
}

// ---- arguments ----

const char *trace_address(const void *addr, socklen_t len)
{
    static __thread char texts[2][80];
    static __thread unsigned at;
    char number[INET6_ADDRSTRLEN] = "?", *text = texts[at++ % 2];
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    if (!addr || len < sizeof(in))
        return "NULL";
    memcpy(&in, addr, sizeof(in));
    if (in.sin_family == AF_INET6 && len >= 24) {
        memset(&in6, 0, sizeof(in6));
        memcpy(&in6, addr, len < sizeof(in6) ? len : sizeof(in6));
        inet_ntop(AF_INET6, &in6.sin6_addr, number, sizeof(number));
        snprintf(text, sizeof(texts[0]), "[%s]:%u", number, ntohs(in6.sin6_port));
    } else if (in.sin_family == AF_INET) {
        inet_ntop(AF_INET, &in.sin_addr, number, sizeof(number));
        snprintf(text, sizeof(texts[0]), "%s:%u", number, ntohs(in.sin_port));
    } else {
        snprintf(text, sizeof(texts[0]), "family %d", in.sin_family);
    }
    return text;
}

const char *trace_bytes(const void *data, size_t len)
{
    static __thread char text[64];
    const uint8_t *p = data;
    size_t shown = len < 24 ? len : 24, n = 0;
    text[n++] = '"';
    for (size_t i = 0; i < shown && n < sizeof(text) - 8; i++) {
        if (p[i] == '\n' || p[i] == '\r' || p[i] == '\t') {
            text[n++] = '\\';
            text[n++] = p[i] == '\n' ? 'n' : p[i] == '\r' ? 'r' : 't';
        } else {
            text[n++] = p[i] >= 32 && p[i] < 127 && p[i] != '"' ? (char)p[i] : '.';
        }
    }
    text[n++] = '"';
    memcpy(text + n, len > shown ? "..." : "", len > shown ? 4 : 1);
    return text;
}

const char *trace_socket(int domain, int type)
{
    static __thread char text[64];
    const char *d = domain == AF_INET ? "AF_INET" : domain == AF_INET6 ? "AF_INET6" : "AF_PACKET";
    int plain = type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
    const char *t = plain == SOCK_STREAM  ? "SOCK_STREAM"
                    : plain == SOCK_DGRAM ? "SOCK_DGRAM"
                    : plain == SOCK_RAW   ? "SOCK_RAW"
                                          : "?";
    snprintf(text, sizeof(text), "%s, %s%s%s", d, t, type & SOCK_NONBLOCK ? "|SOCK_NONBLOCK" : "",
        type & SOCK_CLOEXEC ? "|SOCK_CLOEXEC" : "");
    return text;
}

const char *trace_option(int level, int name)
{
    static const struct {
        int level, name;
        const char *text;
    } names[] = {
#define NAME(l, n) {l, n, #n}
        NAME(SOL_SOCKET, SO_REUSEADDR),
        NAME(SOL_SOCKET, SO_REUSEPORT),
        NAME(SOL_SOCKET, SO_ERROR),
        NAME(SOL_SOCKET, SO_KEEPALIVE),
        NAME(SOL_SOCKET, SO_LINGER),
        NAME(SOL_SOCKET, SO_RCVBUF),
        NAME(SOL_SOCKET, SO_SNDBUF),
        NAME(SOL_SOCKET, SO_BROADCAST),
        NAME(SOL_SOCKET, SO_TYPE),
        NAME(SOL_SOCKET, SO_ACCEPTCONN),
        NAME(SOL_SOCKET, SO_DOMAIN),
        NAME(SOL_SOCKET, SO_PROTOCOL),
        NAME(SOL_SOCKET, SO_OOBINLINE),
        NAME(SOL_SOCKET, SO_PRIORITY),
        NAME(SOL_SOCKET, SO_BINDTODEVICE),
        NAME(IPPROTO_TCP, TCP_NODELAY),
        NAME(IPPROTO_TCP, TCP_CORK),
        NAME(IPPROTO_TCP, TCP_INFO),
        NAME(IPPROTO_TCP, TCP_KEEPIDLE),
        NAME(IPPROTO_TCP, TCP_KEEPINTVL),
        NAME(IPPROTO_TCP, TCP_KEEPCNT),
        NAME(IPPROTO_TCP, TCP_USER_TIMEOUT),
        NAME(IPPROTO_TCP, TCP_MAXSEG),
        NAME(IPPROTO_TCP, TCP_QUICKACK),
        NAME(IPPROTO_TCP, TCP_CONGESTION),
        NAME(IPPROTO_TCP, TCP_DEFER_ACCEPT),
        NAME(IPPROTO_TCP, TCP_FASTOPEN),
        NAME(IPPROTO_IP, IP_TOS),
        NAME(IPPROTO_IP, IP_TTL),
        NAME(IPPROTO_IP, IP_MTU_DISCOVER),
        NAME(IPPROTO_IP, IP_RECVERR),
        NAME(IPPROTO_IP, IP_PKTINFO),
        NAME(IPPROTO_IP, IP_HDRINCL),
        NAME(IPPROTO_IPV6, IPV6_V6ONLY),
        NAME(IPPROTO_IPV6, IPV6_TCLASS),
#undef NAME
    };
    static __thread char text[40];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].level == level && names[i].name == name)
            return names[i].text;
    snprintf(text, sizeof(text), "level %d, option %d", level, name);
    return text;
}
