// A host's side of programs' sockets, asked as programs should not: what is no request, odd arguments, strange descriptors,
// none left, answers nobody reads, strange data.
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <sys/mman.h>
#include "service/testing.h"
#include <fcntl.h>
#include <net/if.h>
#include <sys/epoll.h>
#include <sys/resource.h>

// ---- requests ----

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

// ---- data ----

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

static int memory(size_t size, int seals)
{
    int fd = memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static int32_t set(
    struct fixture *f, uint64_t cookie, int level, int name, int c, const void *value, uint32_t len)
{
    struct sok_calls_request q = {
        .op = SOK_CALLS_SETOPT, .cookie = cookie, .a = level, .b = name, .c = c, .len = len};
    return ask(f, q, value, NULL);
}

// A ring without memory, with memory that could shrink or is of another size, twice; what is mapped stays whole.
static void strange_rings(void **state)
{
    struct fixture *f = make();
    const struct tpacket_req form = {
        .tp_block_size = 4096, .tp_block_nr = 2, .tp_frame_size = 2048, .tp_frame_nr = 4};
    const struct tpacket_req none = {0};
    uint64_t cookie;
    (void)state;
    unsigned before = open_descriptors();
    int fd = new_socket(f, AF_PACKET, SOCK_RAW, htons(3), &cookie);
    unsigned open = open_descriptors();
    assert_int_equal(
        set(f, cookie, SOL_PACKET, PACKET_RX_RING, 0, &form, sizeof(form)), -ENOPROTOOPT);
    const struct {
        size_t size;
        int seals;
        int32_t result;
    } rows[] = {{8192, F_SEAL_GROW, -ENOPROTOOPT}, {4096, F_SEAL_SHRINK, -ENOMEM},
        {8192, F_SEAL_SHRINK | F_SEAL_WRITE, -ENOMEM}, {8192, F_SEAL_SHRINK, 0},
        {8192, F_SEAL_SHRINK, -EBUSY}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int shared = memory(rows[i].size, rows[i].seals);
        send_fds(fd, &shared, 1);
        close(shared);
        assert_int_equal(
            set(f, cookie, SOL_PACKET, PACKET_RX_RING, 0, &form, sizeof(form)), rows[i].result);
        assert_int_equal(open_descriptors(), open + (i >= 3));
    }
    int32_t version = TPACKET_V2;
    assert_int_equal(
        set(f, cookie, SOL_PACKET, PACKET_VERSION, 0, &version, sizeof(version)), -EBUSY);
    assert_int_equal(set(f, cookie, SOL_PACKET, PACKET_RX_RING, 0, &none, sizeof(none)), 0);
    assert_int_equal(open_descriptors(), open);
    int shared = memory(8192, F_SEAL_SHRINK);
    send_fds(fd, &shared, 1);
    close(shared);
    assert_int_equal(set(f, cookie, SOL_PACKET, PACKET_RX_RING, 0, &form, sizeof(form)), 0);
    close(fd);
    turn(f);
    assert_int_equal(open_descriptors(), before);
    still_fine(f);
    end(f);
}

static void strange_filters(void **state)
{
    struct fixture *f = make();
    const struct sock_filter all[] = {{0x28, 0, 0, 12}, {0x06, 0, 0, 1000}, {0x05, 0, 0, 7}};
    const int level = SOK_CALLS_LEVEL, part = SOK_CALLS_LEVEL_FILTER;
    uint64_t cookie, udp;
    (void)state;
    int fd = new_socket(f, AF_PACKET, SOCK_RAW, htons(3), &cookie),
        other = new_socket(f, AF_INET, SOCK_DGRAM, 0, &udp);
    assert_int_equal(set(f, cookie, SOL_SOCKET, SO_ATTACH_FILTER, 0, NULL, 0), -ENOPROTOOPT);
    assert_int_equal(set(f, cookie, level, part, 1, all, sizeof(all[0])), -EINVAL);
    assert_int_equal(set(f, cookie, level, part, -1, all, sizeof(all[0])), -EINVAL);
    assert_int_equal(set(f, cookie, level, part, 0, all, 7), -EINVAL);
    assert_int_equal(set(f, cookie, level, part, 0, all, 0), -EINVAL);
    assert_int_equal(set(f, cookie, level, part, 0, all, sizeof(all[0])), 0);
    assert_int_equal(
        set(f, cookie, SOL_SOCKET, SO_ATTACH_FILTER, 0, NULL, 0), -EINVAL); // without an end
    assert_int_equal(set(f, cookie, level, part, 0, all, sizeof(all[0])), 0);
    assert_int_equal(set(f, cookie, level, part, 1, all + 1, sizeof(all[0])), 0);
    assert_int_equal(set(f, cookie, level, part, 1, all + 1, sizeof(all[0])), -EINVAL);
    assert_int_equal(set(f, cookie, SOL_SOCKET, SO_ATTACH_FILTER, 0, NULL, 0), 0);
    assert_int_equal(
        set(f, cookie, level, part, 0, all, sizeof(all)), 0); // and is forgotten with its socket
    assert_int_equal(set(f, cookie, SOL_SOCKET, SO_DETACH_FILTER, 0, NULL, 0), 0);
    assert_int_equal(set(f, cookie, SOL_SOCKET, SO_DETACH_FILTER, 0, NULL, 0), -ENOENT);
    assert_int_equal(set(f, udp, SOL_SOCKET, SO_ATTACH_FILTER, 0, all, 16), -ENOPROTOOPT);
    uint8_t many[SOK_CALLS_BYTES_MAX] = {0};
    int32_t at = 0, result = 0;
    for (; result == 0 && at < 100000; at += (int32_t)sizeof(many) / 8)
        result = set(f, cookie, level, part, at, many, sizeof(many));
    assert_int_equal(result, -EINVAL);
    close(fd);
    close(other);
    turn(f);
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
        cmocka_unit_test(who_does_not_speak_it),
        cmocka_unit_test(every_request_about_nothing),
        cmocka_unit_test(odd_arguments),
        cmocka_unit_test(strange_descriptors),
        cmocka_unit_test(no_descriptors_left),
        cmocka_unit_test(answers_wait),
        cmocka_unit_test(strange_packets),
        cmocka_unit_test(strange_streams),
        cmocka_unit_test(strange_rings),
        cmocka_unit_test(strange_filters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
