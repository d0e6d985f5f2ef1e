// Memory that a program lends beside what it writes through the pair: one stream, in order, and every block
// comes back. What is no such memory, or no such note, breaks the stream and nothing else.
#include "host/testing.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "calls/descriptor.h"
#include "calls/region.h"

#define MS 1000000

struct lender {
    int fd;
    void *memory;
};

static void lender_make(struct lender *l, int seals, size_t size)
{
    l->fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(l->fd >= 0);
    assert_int_equal(ftruncate(l->fd, (off_t)size), 0);
    assert_int_equal(fcntl(l->fd, F_ADD_SEALS, seals), 0);
    l->memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, l->fd, 0);
    assert_ptr_not_equal(l->memory, MAP_FAILED);
}

static void lender_free(struct lender *l, size_t size)
{
    munmap(l->memory, size);
    close(l->fd);
}

static bool all_back(const struct lender *l)
{
    const struct sok_region_head *h = l->memory;
    return h->taken[0] == 0 && h->taken[1] == 0;
}

static void send_with(int fd, int with, const uint8_t *data, size_t len)
{
    union sok_one_descriptor control;
    struct iovec iov = {(void *)(uintptr_t)data, len};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    sok_one_descriptor_put(&control, &m, with);
    assert_int_equal(sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL), len);
}

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at * 31 + (at >> 8) * 7 + (at >> 16) * 13);
}

// The next len bytes, through lent memory. False: no block is free.
static bool lend(struct lender *l, int fd, size_t at, size_t len)
{
    uint8_t note[SOK_REGION_NOTE];
    int block = sok_region_take(l->memory);
    if (block < 0)
        return false;
    for (size_t i = 0; i < len; i++)
        sok_region_block(l->memory, (unsigned)block)[i] = pattern(at + i);
    sok_region_note_put(note, (unsigned)block, (uint32_t)len);
    send_with(fd, l->fd, note, sizeof(note));
    return true;
}

static bool write_plain(int fd, size_t at, size_t len)
{
    uint8_t data[20000];
    for (size_t i = 0; i < len; i++)
        data[i] = pattern(at + i);
    ssize_t n = write(fd, data, len);
    assert_true(n < 0 || n == (ssize_t)len);
    return n > 0;
}

static int open_pair(struct pair *p, struct sok_socket **peer)
{
    pair_make(p, NULL);
    struct sok_socket *s = pair_connect(p);
    int fd = sok_socket_fd(s);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    pair_run(p, 100 * MS);
    *peer = pair_accept(p);
    return fd;
}

static size_t read_some(struct sok_socket *peer, size_t at, size_t most)
{
    static uint8_t data[200000];
    int64_t n = sok_recv(peer, data, most < sizeof(data) ? most : sizeof(data));
    for (int64_t i = 0; i < n; i++)
        if (data[i] != pattern(at + (size_t)i))
            fail_msg("byte %zu is wrong", at + (size_t)i);
    return n > 0 ? (size_t)n : 0;
}

#define BULK ((size_t)24 << 20)

// Lent and not, in pieces of odd sizes: notes behind bytes, bytes behind notes, notes that a read cuts.
static void in_order(void **state)
{
    struct pair p;
    struct sok_socket *peer;
    struct lender l;
    size_t sent = 0, got = 0;
    (void)state;
    lender_make(&l, F_SEAL_SHRINK, SOK_REGION_SIZE);
    int fd = open_pair(&p, &peer);
    srand(7);
    for (unsigned turn = 0; got < BULK && turn < 1000000; turn++) {
        for (int i = rand() % 6; i > 0 && sent < BULK; i--) {
            bool lent = rand() % 2;
            size_t len = (size_t)rand() % (lent ? SOK_REGION_BLOCK : 20000) + 1;
            if (lent ? lend(&l, fd, sent, len) : write_plain(fd, sent, len))
                sent += len;
        }
        sok_host_step(p.a, MS);
        got += read_some(peer, got, (size_t)rand() % 200000 + 1);
    }
    assert_true(got >= BULK);
    while (got < sent) {
        sok_host_step(p.a, MS);
        got += read_some(peer, got, 200000);
    }
    pair_run(&p, 1000 * MS);
    assert_true(all_back(&l));
    close(fd);
    pair_run(&p, 100 * MS);
    sok_close(peer);
    pair_free(&p);
    lender_free(&l, SOK_REGION_SIZE);
}

// Turns of little, which is looked at where it lies, and of anything: one stream, whichever way it is taken.
static void little_and_much(void **state)
{
    struct pair p;
    struct sok_socket *peer;
    struct lender l;
    size_t sent = 0, got = 0;
    (void)state;
    lender_make(&l, F_SEAL_SHRINK, SOK_REGION_SIZE);
    int fd = open_pair(&p, &peer);
    srand(11);
    for (unsigned turn = 0; turn < 6000; turn++) {
        bool little = turn / 40 % 3 != 0;
        for (int i = rand() % 4; i > 0; i--) {
            bool lent = !little && rand() % 2;
            size_t len = (size_t)rand() % (little ? 300 : lent ? SOK_REGION_BLOCK : 20000) + 1;
            if (lent ? lend(&l, fd, sent, len) : write_plain(fd, sent, len))
                sent += len;
        }
        sok_host_step(p.a, MS);
        got += read_some(peer, got, little ? 20000 : 200000);
    }
    while (got < sent) {
        sok_host_step(p.a, MS);
        got += read_some(peer, got, 200000);
    }
    shutdown(fd, SHUT_WR);
    pair_run(&p, 1000 * MS);
    char c;
    assert_int_equal(sok_recv(peer, &c, 1), 0);
    assert_true(all_back(&l));
    close(fd);
    sok_close(peer);
    pair_free(&p);
    lender_free(&l, SOK_REGION_SIZE);
}

static void write_little(struct pair *p, int fd, struct sok_socket *peer, unsigned times)
{
    size_t at = 0;
    for (unsigned i = 0; i < times; i++) {
        assert_true(write_plain(fd, at, 10));
        pair_run(p, 100 * MS); // Nagle waits for an ACK
        assert_int_equal(read_some(peer, at, 100), 10);
        at += 10;
    }
}

// After any number of little writes an end is what it is without them, also when nothing was taken out yet.
static void ends_after_little(void **state)
{
    (void)state;
    for (unsigned times = 0; times < 20; times++) {
        for (int how = 0; how < 3; how++) {
            struct pair p;
            struct sok_socket *peer;
            char c;
            int fd = open_pair(&p, &peer);
            write_little(&p, fd, peer, times);
            if (how == 0) { // the peer resets it
                sok_abort(peer);
                pair_run(&p, 100 * MS);
                assert_int_equal(read(fd, &c, 1), -1);
                assert_int_equal(errno, ECONNRESET);
            } else if (how == 1) { // the program leaves bytes unread
                assert_int_equal(sok_send(peer, "x", 1), 1);
                pair_run(&p, 100 * MS);
                close(fd);
                pair_run(&p, 100 * MS);
                assert_int_equal(sok_recv(peer, &c, 1), SOK_ERESET);
            } else { // it writes, and closes at once
                assert_true(write_plain(fd, 0, 10));
                close(fd);
                pair_run(&p, 100 * MS);
                assert_int_equal(read_some(peer, 0, 100), 10);
                assert_int_equal(sok_recv(peer, &c, 1), 0);
            }
            if (how == 0)
                close(fd);
            if (how > 0)
                sok_close(peer);
            pair_free(&p);
        }
    }
}

// Writes of a byte fill the buffer that a program without privileges has with 554: there is room again when they were passed on.
static void room_after_single_bytes(void **state)
{
    struct pair p;
    struct sok_socket *peer;
    int fd = open_pair(&p, &peer), bytes = 212992;
    size_t sent = 0, got = 0;
    (void)state;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
    for (unsigned turn = 0; turn < 200; turn++) {
        for (unsigned i = turn < 10 ? 1 : turn * 4; i > 0 && write_plain(fd, sent, 1); i--)
            sent++;
        pair_run(&p, 100 * MS);
        struct pollfd room = {.fd = fd, .events = POLLOUT};
        assert_int_equal(poll(&room, 1, 0), 1);
        got += read_some(peer, got, 10000);
        assert_int_equal(got, sent);
    }
    close(fd);
    sok_close(peer);
    pair_free(&p);
}

// The peer does not read: what waits stays lent; the stream ends, and all of it comes back.
static void comes_back_at_the_end(void **state)
{
    for (int how = 0; how < 3; how++) {
        struct pair p;
        struct sok_socket *peer;
        struct lender l;
        size_t sent = 0;
        (void)state;
        lender_make(&l, F_SEAL_SHRINK, SOK_REGION_SIZE);
        int fd = open_pair(&p, &peer);
        for (; lend(&l, fd, sent, SOK_REGION_BLOCK); sent += SOK_REGION_BLOCK)
            sok_host_step(p.a, MS);
        assert_false(all_back(&l));
        if (how == 0)
            sok_abort(peer);
        else if (how == 1)
            shutdown(fd, SHUT_RDWR);
        if (how < 2)
            pair_run(&p, 100 * MS);
        if (how == 0)
            assert_true(all_back(&l));
        close(fd); // how 2: the host ends first
        if (how > 0)
            sok_abort(peer);
        pair_free(&p);
        assert_true(all_back(&l));
        lender_free(&l, SOK_REGION_SIZE);
    }
}

static void two_streams_one_region(void **state)
{
    struct pair p;
    struct sok_socket *peer[2];
    struct lender l;
    (void)state;
    lender_make(&l, F_SEAL_SHRINK, SOK_REGION_SIZE);
    int fds[2];
    fds[0] = open_pair(&p, &peer[0]);
    fds[1] = sok_socket_fd(pair_connect(&p));
    pair_run(&p, 100 * MS);
    peer[1] = pair_accept(&p);
    for (int i = 0; i < 2; i++)
        assert_true(lend(&l, fds[i], 0, 50000));
    pair_run(&p, 100 * MS);
    close(fds[0]);
    pair_run(&p, 100 * MS);
    assert_true(lend(&l, fds[1], 50000, 50000)); // it is there as long as one of them is
    pair_run(&p, 100 * MS);
    size_t got = 0;
    for (size_t n; (n = read_some(peer[1], got, 200000)) > 0; got += n)
        pair_run(&p, 100 * MS);
    assert_int_equal(got, 100000);
    assert_true(all_back(&l));
    close(fds[1]);
    sok_close(peer[0]);
    sok_close(peer[1]);
    pair_free(&p);
    lender_free(&l, SOK_REGION_SIZE);
}

// What is sent with a descriptor must be a note about memory that cannot shrink; else the stream is reset.
static void refused(
    int seals, size_t size, unsigned block, uint32_t len, size_t note_len, int spoil)
{
    struct pair p;
    struct sok_socket *peer;
    struct lender l;
    uint8_t note[SOK_REGION_NOTE + 1]; // the last: to spoil nothing of it
    char c;
    lender_make(&l, seals, size);
    int fd = open_pair(&p, &peer);
    sok_region_note_put(note, block, len);
    note[SOK_REGION_NOTE] = 0;
    note[spoil] ^= 0x80;
    send_with(fd, l.fd, note, note_len);
    pair_run(&p, 100 * MS);
    assert_int_equal(read(fd, &c, 1), -1);
    assert_int_equal(sok_recv(peer, &c, 1), SOK_ERESET);
    close(fd);
    sok_close(peer);
    pair_free(&p);
    lender_free(&l, size);
}

static void hostile(void **state)
{
    const size_t size = SOK_REGION_SIZE, all = SOK_REGION_NOTE;
    const int none = SOK_REGION_NOTE; // behind the note
    (void)state;
    refused(0, size, 0, 1000, all, none);                             // could shrink
    refused(F_SEAL_SHRINK, size - 1, 0, 1000, all, none);             // too small
    refused(F_SEAL_SHRINK, size, SOK_REGION_BLOCKS, 1000, all, none); // no such block
    refused(F_SEAL_SHRINK, size, UINT32_MAX, 1000, all, none);
    refused(F_SEAL_SHRINK, size, 0, 0, all, none); // of no length, or too long
    refused(F_SEAL_SHRINK, size, 0, SOK_REGION_BLOCK + 1, all, none);
    for (int i = 0; i < (int)all; i++) // a byte out of its place
        refused(F_SEAL_SHRINK, size, 1, 1000, all, i);
    refused(F_SEAL_SHRINK, size, 0, 1000, all / 2, none); // cut
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    for (int fd = 0; fd < 1000; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

// More of them than a note has: none stays open here.
static void more_descriptors(void **state)
{
    struct pair p;
    struct sok_socket *peer;
    char c;
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {0};
    uint8_t note[SOK_REGION_NOTE];
    struct iovec iov = {note, sizeof(note)};
    struct msghdr m = {.msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control)};
    struct cmsghdr *cm = CMSG_FIRSTHDR(&m);
    (void)state;
    int fd = open_pair(&p, &peer), two[2] = {fd, fd};
    cm->cmsg_level = SOL_SOCKET;
    cm->cmsg_type = SCM_RIGHTS;
    cm->cmsg_len = CMSG_LEN(sizeof(two));
    memcpy(CMSG_DATA(cm), two, sizeof(two));
    sok_region_note_put(note, 0, 1000);
    unsigned before = open_descriptors();
    assert_int_equal(sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL), sizeof(note));
    pair_run(&p, 100 * MS);
    assert_int_equal(sok_recv(peer, &c, 1), SOK_ERESET);
    assert_int_equal(open_descriptors(), before - 1); // the host's end
    close(fd);
    sok_close(peer);
    pair_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),
        cmocka_unit_test(little_and_much),
        cmocka_unit_test(ends_after_little),
        cmocka_unit_test(room_after_single_bytes),
        cmocka_unit_test(comes_back_at_the_end),
        cmocka_unit_test(two_streams_one_region),
        cmocka_unit_test(hostile),
        cmocka_unit_test(more_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
