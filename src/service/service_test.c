// A host's side of programs' sockets, asked over channels as programs do, and as they should not.
#include "service/service.h"
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>
#include "calls/protocol.h"
#include "calls/rows.h"
#include <sockeye/names.h>
#include "host/testing.h"

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

static void turn(struct fixture *f)
{
    pair_run(&f->p, MS);
}

// ---- a program ----

static int knock(struct fixture *f)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&f->at, f->at_len), 0);
    return fd;
}

static void send_fds(int door, const int *fds, unsigned count)
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

static int new_channel(int door)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    send_fds(door, &ends[1], 1);
    close(ends[1]);
    return ends[0];
}

static void say(int channel, const struct sok_calls_request *q, const void *bytes)
{
    uint8_t packet[sizeof(*q) + SOK_CALLS_BYTES_MAX];
    memcpy(packet, q, sizeof(*q));
    if (bytes)
        memcpy(packet + sizeof(*q), bytes, q->len);
    send(channel, packet, sizeof(*q) + q->len, MSG_NOSIGNAL);
}

// False: there is none; the channel's end is id 0.
static bool hear(int channel, struct answer *a)
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

static int32_t ask(
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

static struct sockaddr_in at(uint32_t addr, int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(addr), .sin_port = htons((uint16_t)port)};
}

static int new_socket(struct fixture *f, int domain, int type, int protocol, uint64_t *cookie)
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

static int32_t with_addr(
    struct fixture *f, uint32_t op, uint64_t cookie, int a, struct sockaddr_in to)
{
    struct sok_calls_request q = {.op = op, .cookie = cookie, .a = a, .len = sizeof(to)};
    return ask(f, q, &to, NULL);
}

static struct fixture *make(void)
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

static void end(struct fixture *f)
{
    sok_service_free(f->v);
    pair_free(&f->p);
    close(f->door);
    close(f->channel);
    free(f);
}

// It still answers who behaves.
static void still_fine(struct fixture *f)
{
    assert_int_equal(ask(f, (struct sok_calls_request){.op = SOK_CALLS_ABOUT}, NULL, NULL), 0);
}

static unsigned open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned count = 0;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

// ---- tests ----

static void a_stream(void **state)
{
    struct fixture *f = make();
    uint64_t cookie;
    char room[10];
    (void)state;
    int fd = new_socket(f, AF_INET, SOCK_STREAM, 0, &cookie);
    int32_t r = with_addr(f, SOK_CALLS_CONNECT, cookie, SOK_CALLS_CONNECT_WAIT, at(0xc0000202, 80));
    assert_int_equal(r, 0);
    struct sok_socket *s = pair_accept(&f->p);
    assert_int_equal(write(fd, "hello", 5), 5);
    turn(f);
    assert_int_equal(sok_recv(s, room, sizeof(room)), 5);
    close(fd);
    turn(f);
    assert_int_equal(sok_recv(s, room, sizeof(room)), 0);
    assert_int_equal(
        ask(f, (struct sok_calls_request){.op = SOK_CALLS_NAME, .cookie = cookie}, NULL, NULL) < 0,
        0); // it is told from what was kept, or by the connection that still closes
    end(f);
}

static void who_does_not_speak_it(void **state)
{
    static const size_t lengths[] = {1, 5, sizeof(struct sok_calls_request) - 1,
        sizeof(struct sok_calls_request) + 1, sizeof(struct sok_calls_request) + 4097, 20000};
    struct fixture *f = make();
    static uint8_t bytes[20000];
    struct answer a;
    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        int channel = new_channel(f->door);
        turn(f);
        assert_int_equal(send(channel, bytes, lengths[i], MSG_NOSIGNAL), (ssize_t)lengths[i]);
        turn(f);
        assert_true(hear(channel, &a));
        assert_int_equal(a.head.id, 0); // its end
        close(channel);
        still_fine(f);
    }
    // A length that is not what came.
    int channel = new_channel(f->door);
    struct sok_calls_request lies = {.id = 1, .op = SOK_CALLS_HELLO, .len = UINT32_MAX};
    send(channel, &lies, sizeof(lies), MSG_NOSIGNAL);
    turn(f);
    assert_true(hear(channel, &a) && a.head.id == 0);
    close(channel);
    still_fine(f);
    end(f);
}

static void every_request_about_nothing(void **state)
{
    struct fixture *f = make();
    (void)state;
    for (uint32_t op = 0; op < SOK_CALLS_COUNT + 5; op++) {
        if (op == SOK_CALLS_STOP || op == SOK_CALLS_LOOKUP || op == SOK_CALLS_REVERSE)
            continue;
        struct sok_calls_request q = {
            .op = op, .cookie = 123, .a = -1, .b = INT32_MIN, .c = INT32_MAX};
        int32_t r = ask(f, q, NULL, NULL);
        bool of_socket = (op >= SOK_CALLS_LOOK && op <= SOK_CALLS_ERROR);
        if (op >= SOK_CALLS_COUNT)
            assert_int_equal(r, -ENOSYS);
        else if (of_socket)
            assert_int_equal(r, -ENOTSOCK);
    }
    still_fine(f);
    end(f);
}

static void odd_arguments(void **state)
{
    struct fixture *f = make();
    uint64_t cookie;
    struct sockaddr_in to = at(0xc0000202, 80);
    (void)state;
    int fd = new_socket(f, AF_INET, SOCK_STREAM, 0, &cookie);
    for (uint32_t len = 0; len < sizeof(to); len++) {
        struct sok_calls_request q = {.op = SOK_CALLS_CONNECT, .cookie = cookie, .len = len};
        assert_int_equal(ask(f, q, &to, NULL), -EINVAL);
        q.op = SOK_CALLS_BIND;
        assert_int_equal(ask(f, q, &to, NULL), -EINVAL);
    }
    to.sin_family = AF_UNIX;
    assert_int_equal(with_addr(f, SOK_CALLS_CONNECT, cookie, 0, to), -EAFNOSUPPORT);
    struct sok_calls_request get = {
        .op = SOK_CALLS_GETOPT, .cookie = cookie, .a = SOL_SOCKET, .b = SO_KEEPALIVE, .c = -1};
    assert_int_equal(ask(f, get, NULL, NULL), -EINVAL);
    struct answer a;
    get.c = INT32_MAX;
    assert_true(ask(f, get, NULL, &a) >= 0);
    assert_int_equal(a.head.len, 4);
    struct sok_calls_request make_it = {
        .op = SOK_CALLS_SOCKET, .a = AF_INET, .b = INT32_MIN, .c = 0};
    assert_int_equal(ask(f, make_it, NULL, &a), -EINVAL);
    assert_int_equal(a.fd, -1);
    make_it.a = 12345;
    make_it.b = SOCK_STREAM;
    assert_int_equal(ask(f, make_it, NULL, NULL), -EAFNOSUPPORT);
    close(fd);
    end(f);
}

// What the program has written and the peer has no room for is in its row, wherever it waits.
static void what_waits_is_listed(void **state)
{
    struct fixture *f = make();
    static char block[65536];
    struct sok_row rows[SOK_CALLS_BYTES_MAX / sizeof(struct sok_row)];
    struct answer a;
    uint64_t cookie;
    uint32_t written = 0;
    (void)state;
    int fd = new_socket(f, AF_INET, SOCK_STREAM, 0, &cookie);
    int32_t r = with_addr(f, SOK_CALLS_CONNECT, cookie, SOK_CALLS_CONNECT_WAIT, at(0xc0000202, 80));
    assert_int_equal(r, 0);
    struct sok_socket *s = pair_accept(&f->p); // who never reads
    for (ssize_t n; (n = send(fd, block, sizeof(block), MSG_DONTWAIT)) > 0; turn(f))
        written += (uint32_t)n;
    pair_run(&f->p, S);
    assert_true(ask(f, (struct sok_calls_request){.op = SOK_CALLS_LIST}, NULL, &a) > 0);
    memcpy(rows, a.bytes, a.head.len);
    assert_int_equal(rows[0].cookie, cookie);
    struct sok_info i;
    assert_int_equal(sok_getinfo(s, &i), 0);
    assert_int_equal(rows[0].send_queue + (uint32_t)i.bytes_received, written);
    struct sok_calls_request get = {.op = SOK_CALLS_GETOPT,
        .cookie = cookie,
        .a = SOK_CALLS_LEVEL,
        .b = SOK_CALLS_LEVEL_QUEUED,
        .c = 4};
    uint32_t queued;
    assert_true(ask(f, get, NULL, &a) >= 0);
    memcpy(&queued, a.bytes, sizeof(queued));
    assert_int_equal(queued, rows[0].send_queue);
    close(fd);
    end(f);
}

// ---- the door ----

static void strange_descriptors(void **state)
{
    struct fixture *f = make();
    int ends[4], none[2];
    char byte = 0;
    (void)state;
    still_fine(f);
    unsigned before = open_descriptors();
    // Two at once, and more, are not kept; nor is the message of nothing an offence.
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends + 2), 0);
    send_fds(f->door, ends, 2);
    send_fds(f->door, ends, 4);
    send_fds(f->door, ends, 3);
    for (unsigned i = 0; i < 4; i++)
        close(ends[i]);
    send(f->door, &byte, 1, MSG_NOSIGNAL);
    for (unsigned i = 0; i < 5; i++)
        turn(f);
    assert_int_equal(open_descriptors(), before);
    still_fine(f);
    // What is no channel.
    int strange[] = {open("/dev/null", O_RDWR), open("/proc/self/exe", O_RDONLY), epoll_create1(0),
        socket(AF_UNIX, SOCK_STREAM, 0), socket(AF_INET, SOCK_DGRAM, 0), -1, -1};
    assert_int_equal(pipe(none), 0);
    strange[5] = none[0];
    strange[6] = none[1];
    for (unsigned i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        send_fds(f->door, &strange[i], 1);
        turn(f);
        still_fine(f);
    }
    for (unsigned i = 0; i < sizeof(strange) / sizeof(strange[0]); i++)
        close(strange[i]);
    turn(f);
    still_fine(f);
    end(f);
}

static void no_descriptors_left(void **state)
{
    struct fixture *f = make();
    struct rlimit limit, tight;
    char byte;
    (void)state;
    still_fine(f);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int late = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int probe = fcntl(0, F_DUPFD_CLOEXEC, 0);
    close(probe);
    tight = limit;
    tight.rlim_cur = (rlim_t)probe; // no number is free below it
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    assert_int_equal(connect(late, (struct sockaddr *)&f->at, f->at_len), 0);
    turn(f); // which comes to rest
    turn(f);
    assert_int_equal(recv(late, &byte, 1, 0), 0); // let in and out
    still_fine(f);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    close(late);
    int door = knock(f), channel = new_channel(door);
    struct sok_calls_request about = {.id = 7, .op = SOK_CALLS_ABOUT};
    struct answer a;
    say(channel, &about, NULL);
    turn(f);
    assert_true(hear(channel, &a) && a.head.id == 7);
    close(channel);
    close(door);
    end(f);
}

// Nobody reads the answers for a while: none is lost, and no request is read meanwhile.
static void answers_wait(void **state)
{
    struct fixture *f = make();
    struct answer a;
    uint32_t sent = 0, heard = 0;
    (void)state;
    fcntl(f->channel, F_SETFL, O_NONBLOCK);
    for (unsigned quiet = 0; quiet < 3; turn(f)) {
        struct sok_calls_request q = {.id = 1000 + sent, .op = SOK_CALLS_LIST};
        bool went = send(f->channel, &q, sizeof(q), MSG_NOSIGNAL) > 0;
        sent += went;
        quiet = went ? 0 : quiet + 1;
    }
    assert_true(sent > 100);
    while (heard < sent) {
        turn(f);
        while (hear(f->channel, &a)) {
            assert_int_equal(a.head.id, 1000 + heard);
            heard++;
        }
    }
    still_fine(f);
    // With answers that wait, and requests behind them, it goes.
    int other = new_channel(f->door);
    fcntl(other, F_SETFL, O_NONBLOCK);
    struct sok_calls_request q = {.id = 5, .op = SOK_CALLS_ABOUT};
    for (unsigned i = 0; i < 2000; i++) {
        send(other, &q, sizeof(q), MSG_NOSIGNAL);
        if (i % 50 == 0)
            turn(f);
    }
    close(other);
    turn(f);
    still_fine(f);
    end(f);
}

// ---- connect ----

static void connects_that_wait(void **state)
{
    struct fixture *f = make();
    struct sockaddr_in nobody = at(0xc0000263, 80);
    struct answer a;
    uint64_t cookie;
    unsigned aborted = 0, unreachable = 0;
    (void)state;
    int fd = new_socket(f, AF_INET, SOCK_STREAM, 0, &cookie);
    struct sok_calls_request q = {.op = SOK_CALLS_CONNECT,
        .cookie = cookie,
        .a = SOK_CALLS_CONNECT_WAIT,
        .len = sizeof(nobody)};
    for (q.id = 1; q.id <= 3; q.id++)
        say(f->channel, &q, &nobody);
    turn(f);
    assert_false(hear(f->channel, &a)); // all three wait
    assert_int_equal(with_addr(f, SOK_CALLS_CONNECT, cookie, 0, nobody), -EALREADY);
    // A channel that goes while it waits, and one that gives up.
    int other = new_channel(f->door);
    q.id = 9;
    say(other, &q, &nobody);
    turn(f);
    close(other);
    turn(f);
    pair_run(&f->p, 10 * S);
    while (hear(f->channel, &a)) {
        aborted += a.head.result == -ECONNABORTED;
        unreachable += a.head.result == -EHOSTUNREACH;
    }
    assert_int_equal(unreachable, 1);
    assert_int_equal(aborted, 2);
    close(fd);
    turn(f);
    end(f);
}

// Who has given up has not heard how it ended: SO_ERROR tells it.
static void a_connect_given_up(void **state)
{
    struct fixture *f = make();
    struct sockaddr_in nobody = at(0xc0000263, 80);
    struct answer a;
    uint64_t cookie;
    int32_t error;
    (void)state;
    int fd = new_socket(f, AF_INET, SOCK_STREAM, 0, &cookie);
    struct sok_calls_request q = {.id = 900,
        .op = SOK_CALLS_CONNECT,
        .cookie = cookie,
        .a = SOK_CALLS_CONNECT_WAIT,
        .len = sizeof(nobody)};
    say(f->channel, &q, &nobody);
    turn(f);
    struct sok_calls_request give_up = {
        .id = 901, .op = SOK_CALLS_CONNECT, .cookie = cookie, .a = SOK_CALLS_CONNECT_GIVE_UP};
    say(f->channel, &give_up, NULL);
    turn(f);
    assert_true(hear(f->channel, &a) && a.head.id == 900 && a.head.result == -ECANCELED);
    assert_true(hear(f->channel, &a) && a.head.id == 901 && a.head.result == 0);
    pair_run(&f->p, 10 * S);
    struct sok_calls_request get = {
        .op = SOK_CALLS_GETOPT, .cookie = cookie, .a = SOL_SOCKET, .b = SO_ERROR, .c = 4};
    assert_true(ask(f, get, NULL, &a) >= 0);
    memcpy(&error, a.bytes, sizeof(error));
    assert_int_equal(error, EHOSTUNREACH);
    close(fd);
    end(f);
}

// Questions that are open when who asked goes, and when the service does.
static void open_questions(void **state)
{
    struct fixture *f = make();
    char err[SOK_HOST_ERR_MAX];
    uint64_t cookie;
    struct sockaddr_in nobody = at(0xc0000263, 80);
    struct sok_calls_request name = {.id = 50, .op = SOK_CALLS_LOOKUP, .len = 11};
    (void)state;
    assert_int_equal(sok_host_dns_add(f->p.a, "192.0.2.99", err), 0);
    int other = new_channel(f->door);
    say(other, &name, "example.org");
    turn(f);
    close(other);
    turn(f);
    name.id = 51;
    say(f->channel, &name, "example.com");
    int fd = new_socket(f, AF_INET, SOCK_STREAM, 0, &cookie);
    struct sok_calls_request q = {.id = 52,
        .op = SOK_CALLS_CONNECT,
        .cookie = cookie,
        .a = SOK_CALLS_CONNECT_WAIT,
        .len = sizeof(nobody)};
    say(f->channel, &q, &nobody);
    turn(f);
    close(fd);
    end(f);
}

// ---- listeners ----

static void listener_is_killed(void **state)
{
    struct fixture *f = make();
    uint64_t cookie;
    struct answer a;
    struct sok_socket *client;
    struct sok_endpoint to = {.addr = sok_addr_v4(0xc0000201), .port = 8080};
    char room[200];
    (void)state;
    int fd = new_socket(f, AF_INET, SOCK_STREAM, 0, &cookie);
    assert_int_equal(with_addr(f, SOK_CALLS_BIND, cookie, 0, at(0, 8080)), 0);
    struct sok_calls_request listens = {.op = SOK_CALLS_LISTEN, .cookie = cookie, .a = 5};
    assert_int_equal(ask(f, listens, NULL, NULL), 0);
    assert_int_equal(sok_socket(f->p.b, SOK_STREAM, &client), 0);
    assert_int_equal(sok_connect(client, &to), SOK_EINPROGRESS);
    turn(f);
    // By each id there may be: the listener's is among them.
    for (int32_t id = 0; id < 16; id++)
        ask(f, (struct sok_calls_request){.op = SOK_CALLS_KILL, .a = id}, NULL, &a);
    recv(fd, room, sizeof(room), MSG_DONTWAIT); // the host has room in the pair again
    turn(f);
    ask(f, listens, NULL, NULL);
    ask(f, (struct sok_calls_request){.op = SOK_CALLS_NAME, .cookie = cookie}, NULL, NULL);
    ask(f, (struct sok_calls_request){.op = SOK_CALLS_LIST}, NULL, NULL);
    still_fine(f);
    close(fd);
    turn(f);
    still_fine(f);
    end(f);
}

// ---- datagrams ----

static struct sok_socket *receiver(struct fixture *f)
{
    struct sok_socket *s;
    struct sok_endpoint any = {.addr = sok_addr_v4(0), .port = 5000};
    assert_int_equal(sok_socket(f->p.b, SOK_DGRAM, &s), 0);
    assert_int_equal(sok_bind(s, &any), 0);
    return s;
}

static unsigned received(struct sok_socket *s)
{
    char room[100];
    struct sok_endpoint from;
    unsigned count = 0;
    while (sok_recvfrom(s, room, sizeof(room), &from) >= 0)
        count++;
    return count;
}

static void send_packet(int fd, const char *text)
{
    uint8_t packet[sizeof(struct sok_calls_packet) + 16] = {0};
    memcpy(packet + sizeof(struct sok_calls_packet), text, strlen(text));
    send(fd, packet, sizeof(struct sok_calls_packet) + strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void sent_before_close(void **state)
{
    struct fixture *f = make();
    struct sok_socket *s = receiver(f);
    uint64_t cookie;
    unsigned count = 0;
    (void)state;
    int fd = new_socket(f, AF_INET, SOCK_DGRAM, 0, &cookie);
    assert_int_equal(with_addr(f, SOK_CALLS_CONNECT, cookie, 0, at(0xc0000202, 5000)), 0);
    send_packet(fd, "first");
    turn(f);
    assert_int_equal(received(s), 1);
    for (unsigned i = 0; i < 200; i++)
        send_packet(fd, "more");
    close(fd);
    for (unsigned i = 0; i < 5; i++) {
        turn(f);
        count += received(s);
    }
    assert_int_equal(count, 200);
    struct sok_calls_request look = {.op = SOK_CALLS_LOOK, .cookie = cookie};
    assert_int_equal(ask(f, look, NULL, NULL), -ENOTSOCK);
    end(f);
}

// It sends no more, and receives still; the host does not look again and again, and sends nothing itself.
static void shut_for_sending(void **state)
{
    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        struct fixture *f = make();
        struct sok_socket *s = receiver(f);
        uint64_t cookie;
        int32_t one = 1;
        char room[100];
        int fd = new_socket(f, AF_INET, SOCK_DGRAM, 0, &cookie);
        assert_int_equal(with_addr(f, SOK_CALLS_BIND, cookie, 0, at(0, 6000)), 0);
        assert_int_equal(with_addr(f, SOK_CALLS_CONNECT, cookie, 0, at(0xc0000202, 5000)), 0);
        struct sok_calls_request set = {.op = SOK_CALLS_SETOPT,
            .cookie = cookie,
            .a = SOK_CALLS_LEVEL,
            .b = SOK_CALLS_LEVEL_PLAIN,
            .len = sizeof(one)};
        if (plain)
            assert_int_equal(ask(f, set, &one, NULL), 0);
        send(fd, "", 0, MSG_NOSIGNAL); // plain: a datagram of nothing
        turn(f);
        assert_int_equal(received(s), plain);
        shutdown(fd, SHUT_WR);
        turn(f);
        turn(f);
        assert_int_equal(received(s), 0);
        struct sok_endpoint to = {.addr = sok_addr_v4(0xc0000201), .port = 6000};
        assert_int_equal(sok_sendto(s, "back", 4, &to), 4);
        turn(f);
        assert_int_equal(recv(fd, room, sizeof(room), MSG_DONTWAIT),
            (ssize_t)(4 + (plain ? 0 : sizeof(struct sok_calls_packet))));
        close(fd);
        turn(f);
        assert_int_equal(received(s), 0);
        still_fine(f);
        end(f);
    }
}

static void strange_packets(void **state)
{
    struct fixture *f = make();
    struct sok_socket *s = receiver(f);
    uint64_t cookie;
    uint8_t packet[200];
    (void)state;
    for (unsigned kind = 0; kind < 3; kind++) {
        int fd = kind == 0   ? new_socket(f, AF_INET, SOCK_DGRAM, 0, &cookie)
                 : kind == 1 ? new_socket(f, AF_INET, SOCK_RAW, 102, &cookie)
                             : new_socket(f, AF_PACKET, SOCK_RAW, 0, &cookie);
        for (size_t len = 0; len < sizeof(packet); len++) {
            memset(packet, (int)len, sizeof(packet));
            send(fd, packet, len, MSG_DONTWAIT | MSG_NOSIGNAL);
            turn(f);
        }
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        turn(f);
        unsigned before = open_descriptors();
        send_fds(fd, ends, 2); // descriptors go nowhere
        turn(f);
        assert_int_equal(open_descriptors(), before);
        close(ends[0]);
        close(ends[1]);
        close(fd);
        turn(f);
    }
    assert_int_equal(received(s), 0);
    still_fine(f);
    end(f);
}

// Along with the bytes of a stream; what of these is no region (calls/region.h) breaks the stream at most.
static void strange_streams(void **state)
{
    struct fixture *f = make();
    uint64_t cookie;
    int ends[4];
    (void)state;
    still_fine(f);
    for (unsigned count = 1; count <= 4; count++) {
        unsigned before = open_descriptors();
        int fd = new_socket(f, AF_INET, SOCK_STREAM, 0, &cookie);
        with_addr(f, SOK_CALLS_CONNECT, cookie, SOK_CALLS_CONNECT_WAIT, at(0xc0000202, 80));
        struct sok_socket *s = pair_accept(&f->p);
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(pipe(ends + 2), 0);
        assert_int_equal(write(fd, "abc", 3), 3);
        send_fds(fd, ends, count);
        turn(f);
        send(fd, "!", 1, MSG_OOB | MSG_NOSIGNAL | MSG_DONTWAIT);
        turn(f);
        for (unsigned i = 0; i < 4; i++)
            close(ends[i]);
        close(fd);
        turn(f);
        sok_close(s);
        pair_run(&f->p, S);
        assert_int_equal(open_descriptors(), before);
    }
    still_fine(f);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream),
        cmocka_unit_test(who_does_not_speak_it),
        cmocka_unit_test(every_request_about_nothing),
        cmocka_unit_test(odd_arguments),
        cmocka_unit_test(what_waits_is_listed),
        cmocka_unit_test(strange_descriptors),
        cmocka_unit_test(no_descriptors_left),
        cmocka_unit_test(answers_wait),
        cmocka_unit_test(connects_that_wait),
        cmocka_unit_test(a_connect_given_up),
        cmocka_unit_test(open_questions),
        cmocka_unit_test(listener_is_killed),
        cmocka_unit_test(sent_before_close),
        cmocka_unit_test(shut_for_sending),
        cmocka_unit_test(strange_packets),
        cmocka_unit_test(strange_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
