// The conformance program of the sockets API: what a program meets on its sockets, on the kernel's and on Sockeye's.
//
//   api kernel|sockeye 4|6 [GROUP...]
//
// Prints a line for each check. tests/api/run compares the two.
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct calls os;
int family = AF_INET;

static const char *errno_name(int number)
{
    const char *name = strerrorname_np(number);
    return name ? name : "?";
}

void check_text(const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("%s: ", name);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
    fflush(stdout);
}

void check_call(const char *name, long result)
{
    if (result == -1)
        check_text(name, "%s", errno_name(errno));
    else
        check_text(name, "%ld", result);
}

// ---- places ----

static struct place place(const char *v4, const struct in6_addr *v6, int port)
{
    struct place p = {.len = sizeof(p.at.in)};
    if (family == AF_INET) {
        p.at.in.sin_family = AF_INET;
        p.at.in.sin_port = htons((uint16_t)port);
        unsigned b[4];
        sscanf(v4, "%u.%u.%u.%u", &b[0], &b[1], &b[2], &b[3]);
        p.at.in.sin_addr.s_addr = htonl(b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3]);
        return p;
    }
    p.len = sizeof(p.at.in6);
    p.at.in6.sin6_family = AF_INET6;
    p.at.in6.sin6_port = htons((uint16_t)port);
    p.at.in6.sin6_addr = *v6;
    return p;
}

struct place here(int port)
{
    return place("127.0.0.1", &in6addr_loopback, port);
}

struct place anywhere(int port)
{
    return place("0.0.0.0", &in6addr_any, port);
}

struct place elsewhere(void)
{
    struct in6_addr doc = {.s6_addr = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};
    return place("192.0.2.1", &doc, 9);
}

struct place name_of(int fd)
{
    struct place p = {.len = sizeof(p.at)};
    os.getsockname(fd, &p.at.any, &p.len);
    return p;
}

struct place nobody(void)
{
    int fd = stream(), other = dgram();
    struct place p = here(0);
    os.bind(fd, AT(p));
    p = name_of(fd);
    os.close(fd);
    os.close(other);
    return p;
}

int port_of(const struct place *p)
{
    return ntohs(p->at.any.sa_family == AF_INET ? p->at.in.sin_port : p->at.in6.sin6_port);
}

// ---- sockets ----

int stream(void)
{
    return os.socket(family, SOCK_STREAM, 0);
}

int dgram(void)
{
    return os.socket(family, SOCK_DGRAM, 0);
}

int listener(struct place *at, int backlog)
{
    int fd = stream();
    *at = here(0);
    if (os.bind(fd, AT(*at)) < 0 || os.listen(fd, backlog) < 0) {
        printf("no listener: %s\n", strerror(errno));
        exit(1);
    }
    *at = name_of(fd);
    return fd;
}

struct pair pair(void)
{
    struct place at;
    int l = listener(&at, 4);
    struct pair p = {stream(), -1};
    if (os.connect(p.a, AT(at)) < 0 || (p.b = os.accept(l, NULL, NULL)) < 0) {
        printf("no connection: %s\n", strerror(errno));
        exit(1);
    }
    os.close(l);
    return p;
}

void pair_close(struct pair p)
{
    os.close(p.a);
    os.close(p.b);
}

struct pair dgrams(void)
{
    struct pair p = {dgram(), dgram()};
    struct place a = here(0), b = here(0);
    os.bind(p.a, AT(a));
    os.bind(p.b, AT(b));
    a = name_of(p.a);
    os.connect(p.b, AT(a));
    return p;
}

int ready(int fd, int events, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = (short)events};
    return os.poll(&p, 1, timeout_ms) < 0 ? -1 : p.revents;
}

const char *events_text(int events)
{
    static char text[128];
    static const struct {
        int bit;
        const char *name;
    } names[] = {{POLLIN, "IN "}, {POLLPRI, "PRI "}, {POLLOUT, "OUT "}, {POLLERR, "ERR "},
        {POLLHUP, "HUP "}, {POLLNVAL, "NVAL "}, {POLLRDHUP, "RDHUP "}};
    text[0] = '\0';
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (events & names[i].bit)
            strcat(text, names[i].name);
    return text[0] ? text : "nothing";
}

int get_int(int fd, int level, int name)
{
    int value = 0;
    socklen_t len = sizeof(value);
    return os.getsockopt(fd, level, name, &value, &len) < 0 ? -1 : value;
}

int set_int(int fd, int level, int name, int value)
{
    return os.setsockopt(fd, level, name, &value, sizeof(value));
}

void nonblocking(int fd)
{
    os.fcntl(fd, F_SETFL, O_NONBLOCK);
}

// ---- groups ----

static const struct {
    const char *name;
    void (*run)(void);
} groups[] = {
    {"make", check_make},
    {"names", check_names},
    {"connect", check_connect},
    {"stream", check_stream},
    {"urgent", check_urgent},
    {"ends", check_ends},
    {"options", check_options},
    {"poll", check_poll},
    {"dgram", check_dgram},
    {"raw", check_raw},
    {"device", check_device},
    {"wrong", check_wrong},
};

static bool wanted(const char *name, char **names, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return count == 0;
}

int main(int argc, char **argv)
{
    bool kernel = argc > 1 && strcmp(argv[1], "kernel") == 0;
    if (argc < 3 || (!kernel && strcmp(argv[1], "sockeye") != 0)) {
        fputs("api kernel|sockeye 4|6 [GROUP...]\n", stderr);
        return 2;
    }
    family = argv[2][0] == '6' ? AF_INET6 : AF_INET;
    os = kernel ? kernel_calls : sockeye_calls;
    signal(SIGPIPE, SIG_IGN);
    alarm(120); // a call that should not wait did
    if (!(kernel ? kernel_begin() : sockeye_begin(family == AF_INET6)))
        return 77;
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        if (wanted(groups[i].name, argv + 3, argc - 3))
            groups[i].run();
    if (!kernel)
        sockeye_end();
    return 0;
}
