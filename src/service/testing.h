// For the unit tests of src/service: a host that serves, and a program at its door that does the protocol by hand.
#ifndef SOK_SERVICE_TESTING_H
#define SOK_SERVICE_TESTING_H

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "calls/protocol.h"
#include "calls/rows.h"
#include "host/testing.h"
#include "service/service.h"

#define MS INT64_C(1000000)
#define S  INT64_C(1000000000)

struct fixture {
    struct pair p;
    struct sok_service *v; // of p.a
    struct sockaddr_un at;
    socklen_t at_len;
    int door, channel; // a well-behaved program's
    uint32_t id;
};

struct answer {
    struct sok_calls_reply head;
    uint8_t bytes[SOK_CALLS_BYTES_MAX];
    int fd;
};

static inline void turn(struct fixture *f)
{
    pair_run(&f->p, MS);
}

// ---- a program ----

static inline int knock(struct fixture *f)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&f->at, f->at_len), 0);
    return fd;
}

static inline void send_fds(int door, const int *fds, unsigned count)
{
    char byte = 0, space[CMSG_SPACE(4 * sizeof(int))] = {0};
    struct iovec iov = {&byte, 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    m.msg_control = space;
    m.msg_controllen = CMSG_SPACE(count * sizeof(int));
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){CMSG_LEN(count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(c), fds, count * sizeof(int));
    assert_int_equal(sendmsg(door, &m, MSG_NOSIGNAL), 1);
}

static inline int new_channel(int door)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    send_fds(door, &ends[1], 1);
    close(ends[1]);
    return ends[0];
}

static inline void say(int channel, const struct sok_calls_request *q, const void *bytes)
{
    uint8_t packet[sizeof(*q) + SOK_CALLS_BYTES_MAX];
    memcpy(packet, q, sizeof(*q));
    if (bytes)
        memcpy(packet + sizeof(*q), bytes, q->len);
    send(channel, packet, sizeof(*q) + q->len, MSG_NOSIGNAL);
}

// False: there is none; the channel's end is id 0.
static inline bool hear(int channel, struct answer *a)
{
    char space[CMSG_SPACE(sizeof(int))];
    struct iovec iov[2] = {{&a->head, sizeof(a->head)}, {a->bytes, sizeof(a->bytes)}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    m.msg_control = space;
    m.msg_controllen = sizeof(space);
    ssize_t n = recvmsg(channel, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    a->fd = -1;
    if (n <= 0) {
        a->head.id = 0;
        return n == 0 || errno == ECONNRESET;
    }
    assert_true(n >= (ssize_t)sizeof(a->head));
    assert_int_equal(a->head.len, (size_t)n - sizeof(a->head));
    const struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c)
        memcpy(&a->fd, CMSG_DATA(c), sizeof(int));
    return true;
}

static inline int32_t ask(
    struct fixture *f, struct sok_calls_request q, const void *bytes, struct answer *out)
{
    struct answer none;
    struct answer *a = out ? out : &none;
    q.id = ++f->id;
    say(f->channel, &q, bytes);
    turn(f);
    assert_true(hear(f->channel, a));
    assert_int_equal(a->head.id, q.id);
    return a->head.result;
}

static inline struct sockaddr_in at(uint32_t addr, int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(addr), .sin_port = htons((uint16_t)port)};
}

static inline int new_socket(
    struct fixture *f, int domain, int type, int protocol, uint64_t *cookie)
{
    struct answer a;
    struct sok_calls_socket s;
    assert_int_equal(ask(f,
                         (struct sok_calls_request){
                             .op = SOK_CALLS_SOCKET, .a = domain, .b = type, .c = protocol},
                         NULL, &a),
        0);
    assert_int_equal(a.head.len, sizeof(s));
    memcpy(&s, a.bytes, sizeof(s));
    assert_true(a.fd >= 0);
    *cookie = s.cookie;
    return a.fd;
}

static inline int32_t with_addr(
    struct fixture *f, uint32_t op, uint64_t cookie, int a, struct sockaddr_in to)
{
    struct sok_calls_request q = {.op = op, .cookie = cookie, .a = a, .len = sizeof(to)};
    return ask(f, q, &to, NULL);
}

static inline struct fixture *make(void)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct sockaddr_un any = {.sun_family = AF_UNIX};
    pair_make(&f->p, NULL);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    f->at_len = sizeof(f->at);
    assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(sa_family_t)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&f->at, &f->at_len), 0);
    assert_int_equal(listen(fd, 100), 0);
    assert_int_equal(
        sok_service_new(f->p.a, &(struct sok_service_config){.door_fd = fd, .trace = false}, &f->v),
        0);
    f->door = knock(f);
    f->channel = new_channel(f->door);
    struct answer a;
    assert_int_equal(ask(f,
                         (struct sok_calls_request){
                             .op = SOK_CALLS_HELLO, .a = SOK_CALLS_VERSION, .b = 17, .len = 4},
                         "test", &a),
        0);
    assert_int_equal(a.head.len, sizeof(struct sok_calls_welcome));
    return f;
}

static inline void end(struct fixture *f)
{
    sok_service_free(f->v);
    pair_free(&f->p);
    close(f->door);
    close(f->channel);
    free(f);
}

// It still answers who behaves.
static inline void still_fine(struct fixture *f)
{
    assert_int_equal(ask(f, (struct sok_calls_request){.op = SOK_CALLS_ABOUT}, NULL, NULL), 0);
}

static inline unsigned open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned count = 0;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

// ---- datagrams at the other host ----

static inline struct sok_socket *receiver(struct fixture *f)
{
    struct sok_socket *s;
    struct sok_endpoint any = {.addr = sok_addr_v4(0), .port = 5000};
    assert_int_equal(sok_socket(f->p.b, SOK_DGRAM, &s), 0);
    assert_int_equal(sok_bind(s, &any), 0);
    return s;
}

static inline unsigned received(struct sok_socket *s)
{
    char room[100];
    struct sok_endpoint from;
    unsigned count = 0;
    while (sok_recvfrom(s, room, sizeof(room), &from) >= 0)
        count++;
    return count;
}

#endif
