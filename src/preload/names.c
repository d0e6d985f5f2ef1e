// getaddrinfo and its kin: names are asked for by the host, over its own UDP. What needs no question (numbers,
// services, a missing name) is the C library's.
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "preload/preload.h"

static int (*real_getaddrinfo(void))(
    const char *, const char *, const struct addrinfo *, struct addrinfo **)
{
    return (int (*)(const char *, const char *, const struct addrinfo *, struct addrinfo **))(
        void (*)(void))sok_reals()
        ->getaddrinfo;
}

static bool is_number(const char *name)
{
    struct in_addr in;
    struct in6_addr in6;
    char cut[INET6_ADDRSTRLEN + 1];
    size_t len = strcspn(name, "%");
    if (inet_aton(name, &in) || inet_pton(AF_INET6, name, &in6) == 1)
        return true;
    if (len >= sizeof(cut))
        return false;
    memcpy(cut, name, len);
    cut[len] = '\0';
    return inet_pton(AF_INET6, cut, &in6) == 1;
}

static bool is_local(const char *name)
{
    return strcmp(name, "localhost") == 0 || strcmp(name, "ip6-localhost") == 0;
}

static int32_t look_up(const char *name, struct sok_calls_names *names)
{
    struct call c = {.op = SOK_CALLS_LOOKUP,
        .bytes = name,
        .len = (uint32_t)strlen(name),
        .reply = names,
        .reply_max = sizeof(*names)};
    if (c.len > 255)
        return -ENOENT;
    int32_t r = sok_ask(&c);
    if (r == 0 && (c.reply_len != sizeof(*names) || names->count == 0))
        return -ENOENT;
    return r;
}

static int eai_of(int32_t error)
{
    switch (error) {
    case -ENOENT:
        return EAI_NONAME;
    case -ENOMEM:
        return EAI_MEMORY;
    case -EINVAL:
        return EAI_FAIL;
    default:
        return EAI_AGAIN;
    }
}

// The lists of the C library for each address, one after the other.
static int list_of(const struct sok_calls_names *names, const char *service,
    const struct addrinfo *hints, struct addrinfo **out)
{
    struct addrinfo h = {.ai_family = AF_UNSPEC}, *first = NULL, **end = &first;
    int result = EAI_NONAME;
    if (hints)
        h = *hints;
    bool mapped = h.ai_family == AF_INET6 && (h.ai_flags & AI_V4MAPPED);
    bool canonical = h.ai_flags & AI_CANONNAME;
    h.ai_flags =
        (h.ai_flags & ~(AI_ADDRCONFIG | AI_CANONNAME | AI_IDN | AI_CANONIDN)) | AI_NUMERICHOST;
    for (unsigned i = 0; i < names->count; i++) {
        char text[INET6_ADDRSTRLEN] = "";
        bool v4 = names->addrs[i].family == AF_INET;
        struct addrinfo *one = NULL;
        if (h.ai_family != AF_UNSPEC && !mapped && h.ai_family != names->addrs[i].family)
            continue;
        inet_ntop(
            v4 ? AF_INET : AF_INET6, names->addrs[i].addr + (v4 ? 12 : 0), text, sizeof(text));
        int r = real_getaddrinfo()(text, service, &h, &one);
        if (r != 0) {
            result = r;
            continue;
        }
        for (*end = one; *end;)
            end = &(*end)->ai_next;
    }
    if (!first)
        return result;
    if (canonical) // freeaddrinfo() frees it
        first->ai_canonname = strdup(names->canonical);
    *out = first;
    return 0;
}

static bool asks_nobody(const char *node, const struct addrinfo *hints)
{
    return !node || !sok_host_there() || is_number(node) || is_local(node) ||
           (hints && (hints->ai_flags & AI_NUMERICHOST));
}

SOK_EXPORT int getaddrinfo(const char *restrict node, const char *restrict service,
    const struct addrinfo *restrict hints, struct addrinfo **restrict out)
{
    struct sok_calls_names names;
    if (asks_nobody(node, hints))
        return real_getaddrinfo()(node, service, hints, out);
    unsigned t = sok_trace_begin(-1, "getaddrinfo(\"%s\", \"%s\")", node, service ? service : "");
    int32_t r = look_up(node, &names);
    int result = r < 0 ? eai_of(r) : list_of(&names, service, hints, out);
    if (t)
        sok_trace_result(t, result, "%s",
            result == 0 ? sok_calls_text_address((*out)->ai_addr, (*out)->ai_addrlen)
                        : gai_strerror(result));
    return result;
}

// ---- gethostbyname ----

// Address, list and names of one answer in the caller's buffer.
struct host_space {
    char *aliases[1];
    char *addrs[33];
    uint8_t bytes[32][4];
    char name[256];
};

static int fill(const struct sok_calls_names *names, struct host_space *s, struct hostent *out)
{
    unsigned count = 0;
    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < names->count; i++) {
        if (names->addrs[i].family != AF_INET)
            continue;
        memcpy(s->bytes[count], names->addrs[i].addr + 12, 4);
        s->addrs[count] = (char *)s->bytes[count];
        count++;
    }
    snprintf(s->name, sizeof(s->name), "%s", names->canonical);
    *out = (struct hostent){.h_name = s->name,
        .h_aliases = s->aliases,
        .h_addrtype = AF_INET,
        .h_length = 4,
        .h_addr_list = s->addrs};
    return count > 0 ? 0 : -ENOENT;
}

static int numbers(const char *name, struct sok_calls_names *names)
{
    struct in_addr in;
    if (!inet_aton(name, &in) && !is_local(name))
        return -ENOENT;
    if (is_local(name))
        in.s_addr = htonl(INADDR_LOOPBACK);
    memset(names, 0, sizeof(*names));
    names->count = 1;
    names->addrs[0].family = AF_INET;
    memcpy(names->addrs[0].addr + 12, &in, 4);
    snprintf(names->canonical, sizeof(names->canonical), "%s", name);
    return 0;
}

static int h_errno_of(int32_t error)
{
    return error == -ENOENT ? HOST_NOT_FOUND : TRY_AGAIN;
}

SOK_EXPORT int gethostbyname_r(const char *restrict name, struct hostent *restrict out,
    char *restrict buffer, size_t len, struct hostent **restrict result, int *restrict herr)
{
    struct sok_calls_names names;
    *result = NULL;
    char *aligned = (char *)(((uintptr_t)buffer + 15) & ~(uintptr_t)15);
    if (len < sizeof(struct host_space) + 16)
        return ERANGE;
    int32_t r = numbers(name, &names);
    if (r < 0)
        r = look_up(name, &names);
    if (r == 0)
        r = fill(&names, (struct host_space *)(void *)aligned, out);
    if (r < 0) {
        *herr = h_errno_of(r);
        return r == -ENOENT ? 0 : EAGAIN;
    }
    *result = out;
    return 0;
}

SOK_EXPORT struct hostent *gethostbyname(const char *name)
{
    static __thread struct hostent entry;
    static __thread struct host_space space;
    struct sok_calls_names names;
    int32_t r = numbers(name, &names);
    if (r < 0)
        r = look_up(name, &names);
    if (r == 0)
        r = fill(&names, &space, &entry);
    if (r < 0)
        h_errno = h_errno_of(r);
    return r < 0 ? NULL : &entry;
}

SOK_EXPORT struct hostent *gethostbyname2(const char *name, int family)
{
    if (family == AF_INET)
        return gethostbyname(name);
    h_errno = NO_DATA;
    return NULL;
}

SOK_EXPORT int gethostbyname2_r(const char *restrict name, int family, struct hostent *restrict out,
    char *restrict buffer, size_t len, struct hostent **restrict result, int *restrict herr)
{
    if (family == AF_INET)
        return gethostbyname_r(name, out, buffer, len, result, herr);
    *result = NULL;
    *herr = NO_DATA;
    return 0;
}

// ---- the other way round ----

static int32_t name_of(const void *addr, uint32_t len, char name[256])
{
    struct call c = {
        .op = SOK_CALLS_REVERSE, .bytes = addr, .len = len, .reply = name, .reply_max = 255};
    int32_t r = sok_ask(&c);
    name[r < 0 ? 0 : c.reply_len] = '\0';
    return r == 0 && !name[0] ? -ENOENT : r;
}

SOK_EXPORT struct hostent *gethostbyaddr(const void *addr, socklen_t len, int family)
{
    static __thread struct hostent entry;
    static __thread struct host_space space;
    struct sok_calls_names names = {.count = 1};
    struct sockaddr_in in = {.sin_family = AF_INET};
    if (family != AF_INET || len != 4) {
        h_errno = NO_DATA;
        return NULL;
    }
    memcpy(&in.sin_addr, addr, 4);
    int32_t r = name_of(&in, sizeof(in), names.canonical);
    if (r < 0) {
        h_errno = h_errno_of(r);
        return NULL;
    }
    names.addrs[0].family = AF_INET;
    memcpy(names.addrs[0].addr + 12, addr, 4);
    fill(&names, &space, &entry);
    return &entry;
}

SOK_EXPORT int gethostbyaddr_r(const void *restrict addr, socklen_t len, int family,
    struct hostent *restrict out, char *restrict buffer, size_t buffer_len,
    struct hostent **restrict result, int *restrict herr)
{
    struct sok_calls_names names = {.count = 1};
    struct sockaddr_in in = {.sin_family = AF_INET};
    char *aligned = (char *)(((uintptr_t)buffer + 15) & ~(uintptr_t)15);
    *result = NULL;
    if (buffer_len < sizeof(struct host_space) + 16)
        return ERANGE;
    if (family != AF_INET || len != 4) {
        *herr = NO_DATA;
        return 0;
    }
    memcpy(&in.sin_addr, addr, 4);
    int32_t r = name_of(&in, sizeof(in), names.canonical);
    if (r < 0) {
        *herr = h_errno_of(r);
        return r == -ENOENT ? 0 : EAGAIN;
    }
    names.addrs[0].family = AF_INET;
    memcpy(names.addrs[0].addr + 12, addr, 4);
    fill(&names, (struct host_space *)(void *)aligned, out);
    *result = out;
    return 0;
}

SOK_EXPORT int getnameinfo(const struct sockaddr *restrict addr, socklen_t addr_len,
    char *restrict name, socklen_t name_len, char *restrict service, socklen_t service_len,
    int flags)
{
    char found[256];
    int r = sok_reals()->getnameinfo(
        addr, addr_len, name, name_len, service, service_len, flags | NI_NUMERICHOST);
    bool ask_host =
        r == 0 && name && name_len > 0 && !(flags & NI_NUMERICHOST) && sok_host_there() &&
        addr->sa_family == AF_INET &&
        ntohl(((const struct sockaddr_in *)(const void *)addr)->sin_addr.s_addr) >> 24 != 127;
    if (!ask_host)
        return r != 0 || (flags & NI_NUMERICHOST) || !name
                   ? r
                   : sok_reals()->getnameinfo(
                         addr, addr_len, name, name_len, service, service_len, flags);
    if (name_of(addr, sizeof(struct sockaddr_in), found) < 0)
        return flags & NI_NAMEREQD ? EAI_NONAME : 0;
    if (strlen(found) >= name_len)
        return EAI_OVERFLOW;
    snprintf(name, name_len, "%s", found);
    return 0;
}
