#include "calls/text.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

const char *sok_calls_text_address(const void *addr, socklen_t len)
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

const char *sok_calls_text_socket(int domain, int type)
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

const char *sok_calls_text_option(int level, int name)
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
        NAME(SOL_SOCKET, SO_BINDTOIFINDEX),
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
