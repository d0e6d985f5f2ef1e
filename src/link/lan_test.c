// Several members live in this process; for what needs a process to die, children are forked.
#include "link/testing.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const uint8_t all[6] = {255, 255, 255, 255, 255, 255};
static const uint8_t ips[8] = {192, 0, 2, 1, 192, 0, 2, 2};
static char home[64];

static int start(void **state)
{
    (void)state;
    test_mem_start();
    snprintf(home, sizeof(home), "/tmp/sok-lan-test-XXXXXX");
    assert_non_null(mkdtemp(home));
    setenv("XDG_RUNTIME_DIR", home, 1);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", home);
    return system(command);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static struct sok_link *join(const char *name, uint8_t number, bool offload)
{
    struct sok_lan_options o = {.name = name, .mac = {2, 0, 0, 0, 1, number}, .offload = offload};
    char err[SOK_LINK_ERR_MAX] = "";
    struct sok_link *link = NULL;
    int r = sok_link_lan(&test_mem, &o, &link, err);
    assert_string_equal(err, "");
    assert_int_equal(r, 0);
    return link;
}

// Sends, giving the others (who may be the hub) a chance meanwhile. 0, or the error.
static int say(struct sok_link *from, const uint8_t *dst, uint32_t number)
{
    uint8_t bytes[100];
    struct sok_frame_out f = test_frame(bytes, 100, dst, from->info.mac, number);
    return from->ops->send(from, &f, now_ns());
}

// Pumps all until `to` has a frame; its number, or 0 after 5 s. What the others get is thrown away.
static uint32_t hear(struct sok_link *to, struct sok_link **others, unsigned count)
{
    struct sok_frame got;
    int64_t end = now_ns() + INT64_C(5000000000);
    while (now_ns() < end) {
        for (unsigned i = 0; i < count; i++) {
            if (others[i] != to && others[i]->ops->recv(others[i], &got, now_ns()) == 0)
                sok_buf_unref(got.buf);
        }
        if (to->ops->recv(to, &got, now_ns()) == 0) {
            uint32_t number = test_number(&got);
            sok_buf_unref(got.buf);
            return number;
        }
        usleep(200);
    }
    return 0;
}

// Nobody has anything more to say.
static bool quiet(struct sok_link **links, unsigned count)
{
    struct sok_frame got;
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < count; i++) {
            if (links[i]->ops->recv(links[i], &got, now_ns()) == 0) {
                sok_buf_unref(got.buf);
                return false;
            }
        }
    }
    return true;
}

static void close_all(struct sok_link **links, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        links[i]->ops->close(links[i]);
    test_mem_end();
}

static void test_hub_and_two_members(void **state)
{
    (void)state;
    struct sok_link *l[3] = {join("a", 0, true), join("a", 1, true), join("a", 2, true)};
    assert_true(quiet(l, 3)); // the hub lets them in
    // All to all: the hub and its members hear a broadcast, but not their own.
    for (uint32_t from = 0; from < 3; from++) {
        assert_int_equal(say(l[from], all, 10 + from), 0);
        struct sok_frame got;
        unsigned heard[3] = {0};
        for (unsigned round = 0; round < 50; round++) {
            for (unsigned i = 0; i < 3; i++) {
                if (l[i]->ops->recv(l[i], &got, now_ns()) == 0) {
                    assert_int_equal(test_number(&got), 10 + from);
                    heard[i]++;
                    sok_buf_unref(got.buf);
                }
            }
        }
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(heard[i], i == from ? 0 : 1);
    }
    // One to one, now that the hub knows who is where: nobody else hears it.
    for (uint32_t from = 0; from < 3; from++) {
        for (uint32_t to = 0; to < 3; to++) {
            if (to == from)
                continue;
            assert_int_equal(say(l[from], l[to]->info.mac, 100 + from * 10 + to), 0);
            struct sok_frame got;
            unsigned heard = 0;
            for (unsigned round = 0; round < 50; round++) {
                for (unsigned i = 0; i < 3; i++) {
                    if (l[i]->ops->recv(l[i], &got, now_ns()) == 0) {
                        assert_int_equal(i, to);
                        heard++;
                        sok_buf_unref(got.buf);
                    }
                }
            }
            assert_int_equal(heard, 1);
        }
    }
    assert_int_equal(l[0]->lost + l[1]->lost + l[2]->lost, 0);
    close_all(l, 3);
}

static void test_lans_are_apart(void **state)
{
    (void)state;
    struct sok_link *l[3] = {join("a", 0, true), join("b", 1, true), join("a", 2, true)};
    assert_true(quiet(l, 3));
    assert_int_equal(say(l[0], all, 5), 0);
    assert_int_equal(say(l[1], all, 6), 0);
    assert_int_equal(hear(l[2], l, 1), 5);
    assert_true(quiet(l, 3));
    close_all(l, 3);
}

static void test_super_frames_whole_and_cut(void **state)
{
    (void)state;
    static uint8_t bytes[70000];
    struct sok_link *l[3] = {join("s", 0, true), join("s", 1, false), join("s", 2, true)};
    struct sok_frame got;
    assert_int_equal(l[1]->info.caps & (SOK_LINK_TSO | SOK_LINK_CSUM), 0);
    for (uint32_t i = 0; i < 3; i++) { // the hub learns
        assert_int_equal(say(l[i], all, 1), 0);
        while (!quiet(l, 3))
            ;
    }
    struct sok_frame_out f = test_super(bytes, 64000, 1448, l[2]->info.mac, l[0]->info.mac, ips);
    assert_int_equal(l[0]->ops->send(l[0], &f, now_ns()), 0);
    assert_int_equal(l[2]->ops->recv(l[2], &got, now_ns()), 0);
    assert_int_equal(got.len, TEST_SUPER_HDR + 64000);
    assert_memory_equal(got.buf->data, bytes, got.len);
    assert_true(got.meta.csum_partial && got.meta.csum_valid);
    assert_int_equal(got.meta.gso, SOK_GSO_TCP4);
    assert_int_equal(got.meta.gso_size, 1448);
    assert_int_equal(got.meta.hdr_len, TEST_SUPER_HDR);
    sok_buf_unref(got.buf);
    // From a member through the hub to one that wants plain frames.
    f = test_super(bytes, 10000, 1448, l[1]->info.mac, l[2]->info.mac, ips);
    assert_int_equal(l[2]->ops->send(l[2], &f, now_ns()), 0);
    uint32_t bytes_got = 0;
    assert_int_equal(l[0]->ops->recv(l[0], &got, now_ns()), SOK_EAGAIN);
    while (l[1]->ops->recv(l[1], &got, now_ns()) == 0) {
        assert_int_equal(got.meta.gso, SOK_GSO_NONE);
        assert_true(test_tcp_sum_ok(&got));
        assert_memory_equal(got.buf->data + got.off + TEST_SUPER_HDR,
            bytes + TEST_SUPER_HDR + bytes_got, got.len - TEST_SUPER_HDR);
        bytes_got += got.len - TEST_SUPER_HDR;
        sok_buf_unref(got.buf);
    }
    assert_int_equal(bytes_got, 10000);
    close_all(l, 3);
}

// A member that never reads: its frames are lost and counted, the other's go on, nobody waits for long.
static void test_slow_member(void **state)
{
    (void)state;
    static uint8_t bytes[1500];
    struct sok_link *l[3] = {join("slow", 0, true), join("slow", 1, true), join("slow", 2, true)};
    struct sok_frame got;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(say(l[i], all, 1), 0);
        while (!quiet(l, 3))
            ;
    }
    int64_t now = now_ns();
    unsigned again = 0, sent = 0;
    while (l[0]->lost < 10 && sent < 100000) {
        struct sok_frame_out f = test_frame(bytes, 1500, l[1]->info.mac, l[0]->info.mac, sent);
        int r = l[0]->ops->send(l[0], &f, now);
        if (r == SOK_EAGAIN) {
            again++;
            assert_true(l[0]->wants_out);
            now = l[0]->ops->deadline(l[0]); // as a host that sleeps
            assert_true(now < INT64_MAX);
            assert_int_equal(say(l[0], l[2]->info.mac, 7), 0); // the other hears meanwhile
            assert_int_equal(l[2]->ops->recv(l[2], &got, now), 0);
            sok_buf_unref(got.buf);
        } else {
            sent++;
        }
    }
    assert_in_range(again, 1, 3);
    assert_int_equal(l[0]->lost, 10);
    // It reads again, and gets what was not lost.
    unsigned heard = 0;
    while (l[1]->ops->recv(l[1], &got, now) == 0) {
        heard++;
        sok_buf_unref(got.buf);
    }
    assert_int_equal(heard, sent - 10);
    assert_int_equal(l[0]->ops->recv(l[0], &got, now), SOK_EAGAIN);
    assert_int_equal(say(l[0], l[1]->info.mac, 99), 0);
    assert_int_equal(hear(l[1], l, 1), 99);
    close_all(l, 3);
}

// A child that joins and echoes numbers (+1000) until it is killed.
static pid_t member_process(const char *name, uint8_t number)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct sok_link *link = join(name, number, true);
        ssize_t n = write(ready[1], "x", 1);
        (void)n;
        int64_t end = now_ns() + INT64_C(20000000000);
        while (now_ns() < end) {
            struct sok_frame got;
            if (link->ops->recv(link, &got, now_ns()) < 0) {
                usleep(500);
                continue;
            }
            uint32_t heard = test_number(&got);
            sok_buf_unref(got.buf);
            if (heard < 1000)
                say(link, all, heard + 1000);
        }
        _exit(0);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

static void end_process(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

// Says it again until somebody answers: frames may be lost while a hub is looked for.
static bool answered(struct sok_link *link, uint32_t number)
{
    int64_t end = now_ns() + INT64_C(5000000000), next = 0;
    while (now_ns() < end) {
        struct sok_frame got;
        if (now_ns() >= next) {
            say(link, all, number);
            next = now_ns() + 20000000;
        }
        if (link->ops->recv(link, &got, now_ns()) == 0) {
            uint32_t heard = test_number(&got);
            sok_buf_unref(got.buf);
            if (heard == number + 1000)
                return true;
        }
        usleep(200);
    }
    return false;
}

static void test_killed_hub_is_followed(void **state)
{
    (void)state;
    pid_t hub = member_process("k", 0);
    struct sok_link *link = join("k", 9, true);
    pid_t third = member_process("k", 2);
    assert_true(answered(link, 1));
    end_process(hub);               // leaves its socket file behind
    assert_true(answered(link, 2)); // by the third, over whoever is the hub now
    // A newcomer finds the new hub.
    pid_t fourth = member_process("k", 3);
    end_process(third);
    assert_true(answered(link, 3));
    end_process(fourth);
    // Alone, it is the hub at last.
    struct sok_frame got;
    for (int i = 0; i < 100; i++) {
        while (link->ops->recv(link, &got, now_ns()) == 0)
            sok_buf_unref(got.buf);
        usleep(200);
    }
    assert_int_equal(say(link, all, 4), 0);
    close_all(&link, 1);
}

static void test_leaving_hub_is_followed(void **state)
{
    (void)state;
    struct sok_link *hub = join("q", 0, true), *l[2] = {join("q", 1, true), join("q", 2, true)};
    hub->ops->close(hub);
    assert_true(quiet(l, 2)); // both look for a hub; one of them is it
    int r = SOK_EAGAIN;
    for (int i = 0; i < 1000 && r == SOK_EAGAIN; i++) {
        r = say(l[1], all, 8);
        quiet(l, 2);
        usleep(1000);
    }
    assert_int_equal(r, 0);
    while (!quiet(l, 2))
        ;
    assert_int_equal(say(l[0], all, 9), 0);
    assert_int_equal(hear(l[1], l, 1), 9);
    close_all(l, 2);
    char path[128];
    snprintf(path, sizeof(path), "%s/sockeye/lan-q", home);
    assert_int_not_equal(access(path, F_OK), 0); // the last one clears up
}

static int fails(const char *name, char err[SOK_LINK_ERR_MAX])
{
    struct sok_lan_options o = {.name = name};
    struct sok_link *link = NULL;
    int r = sok_link_lan(&test_mem, &o, &link, err);
    assert_null(strchr(err, '\n'));
    assert_int_equal(test_counter.blocks, 0);
    return r;
}

static void test_bad_names(void **state)
{
    (void)state;
    char err[SOK_LINK_ERR_MAX];
    static const char *const bad[] = {"", "a/b", "..", "a b", "a\n", "a:b", "\xc3\xa4",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(fails(bad[i], err), SOK_EINVAL);
        assert_non_null(strstr(err, "letters, digits"));
    }
}

static void test_directory_of_others(void **state)
{
    (void)state;
    char err[SOK_LINK_ERR_MAX], path[96], real[96];
    snprintf(path, sizeof(path), "%s/sockeye", home);
    snprintf(real, sizeof(real), "%s/real", home);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, 0770), 0); // others could put something there
    assert_int_equal(fails("a", err), SOK_EACCES);
    assert_non_null(strstr(err, "alone"));
    rmdir(path);
    assert_int_equal(mkdir(real, 0700), 0);
    assert_int_equal(symlink(real, path), 0); // or lead us elsewhere
    assert_int_equal(fails("a", err), SOK_EACCES);
    unlink(path);
    struct sok_link *link = join("a", 1, true);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    link->ops->close(link);
}

// Whatever a member sends, the hub lives, and others hear nothing of it.
static void test_bad_messages(void **state)
{
    (void)state;
    struct sok_link *l[2] = {join("m", 0, true), join("m", 1, true)};
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof(a.sun_path), "%s/sockeye/lan-m", home);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    uint8_t message[16 + 200];
    memset(message, 0xff, sizeof(message));
    static const uint8_t heads[][16] = {
        {0},
        {1},
        {1, 9},
        {9, 2},
        {1, 2, 7},                               // version, kind, gso
        {1, 2, 1, 2},                            // gso_size 0
        {1, 2, 1, 0, 5, 0},                      // no sum
        {1, 2, 1, 2, 5, 0, 0, 54, 0, 34, 0, 16}, // the length TCP tells is another
        {1, 2, 0, 2, 0, 0, 0, 0, 0, 199, 0, 0},  // sum over the edge
        {1, 2, 0, 2, 0, 0, 0, 0, 255, 255, 255, 255},
    };
    for (unsigned i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        memcpy(message, heads[i], 16);
        assert_int_equal(send(fd, message, sizeof(message), 0), sizeof(message));
        assert_true(quiet(l, 2));
    }
    memcpy(message, (const uint8_t[]){1, 2}, 2);
    memset(message + 2, 0, 14);
    for (size_t len = 1; len < 16 + 14; len++) {
        assert_int_equal(send(fd, message, len, 0), len);
        assert_true(quiet(l, 2));
    }
    assert_int_equal(l[0]->lost, sizeof(heads) / sizeof(heads[0]) + 29);
    assert_int_equal(say(l[1], all, 5), 0);
    assert_int_equal(hear(l[0], l, 2), 5);
    close(fd);
    assert_true(quiet(l, 2));
    close_all(l, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hub_and_two_members, start, finish),
        cmocka_unit_test_setup_teardown(test_lans_are_apart, start, finish),
        cmocka_unit_test_setup_teardown(test_super_frames_whole_and_cut, start, finish),
        cmocka_unit_test_setup_teardown(test_slow_member, start, finish),
        cmocka_unit_test_setup_teardown(test_killed_hub_is_followed, start, finish),
        cmocka_unit_test_setup_teardown(test_leaving_hub_is_followed, start, finish),
        cmocka_unit_test_setup_teardown(test_bad_names, start, finish),
        cmocka_unit_test_setup_teardown(test_directory_of_others, start, finish),
        cmocka_unit_test_setup_teardown(test_bad_messages, start, finish),
    };
    return cmocka_run_group_tests_name("link/lan", tests, NULL, NULL);
}
