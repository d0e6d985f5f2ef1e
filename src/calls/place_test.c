// Names, directories and doors of hosts, in a directory of the test's own; and asking a host, which here is a
// thread with a few canned answers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "calls/client.h"
#include "calls/place.h"

static char top[] = "/tmp/sok-place-XXXXXX";

// Root's doors are in /run, which a test must not touch: it becomes somebody.
static int somebody(void **state)
{
    (void)state;
    if (!mkdtemp(top) || chmod(top, 0700) < 0)
        return -1;
    if (geteuid() == 0 && (chown(top, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0))
        return -1;
    prctl(PR_SET_DUMPABLE, 1); // the sanitizer's leak check attaches to us
    return setenv("XDG_RUNTIME_DIR", top, 1);
}

static int tidy(void **state)
{
    char path[300];
    (void)state;
    snprintf(path, sizeof(path), "%s/sockeye", top);
    rmdir(path);
    return rmdir(top);
}

static void names(void **state)
{
    char door[SOK_PLACE_MAX];
    (void)state;
    assert_true(sok_place_name_ok("web-1.a_B"));
    assert_false(sok_place_name_ok(""));
    assert_false(sok_place_name_ok(".."));
    assert_false(sok_place_name_ok("a b"));
    assert_false(sok_place_name_ok("0123456789012345678901234567890123456789x"));
    assert_int_equal(sok_place_door("..", door), -EINVAL);
    assert_int_equal(sok_place_door("web", door), 0);
    assert_memory_equal(door, top, strlen(top));
    assert_string_equal(door + strlen(top), "/sockeye/web/door");
    assert_int_equal(sok_place_door("/tmp/x/door", door), 0);
    assert_string_equal(door, "/tmp/x/door");
    setenv("XDG_RUNTIME_DIR", "/nowhere", 1);
    assert_int_equal(sok_place_base(door), 0);
    assert_memory_equal(door, "/tmp/sockeye-", 13);
    setenv("XDG_RUNTIME_DIR", top, 1);
}

static int listen_at(const char *door)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    strcpy(at.sun_path, door);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static int collect(void *ctx, const char *name, const char *door)
{
    (void)door;
    strcat(strcat(ctx, name), " ");
    return 0;
}

static void making_and_finding(void **state)
{
    char door[SOK_PLACE_MAX], other[SOK_PLACE_MAX], found[200] = "", dir[SOK_PLACE_MAX];
    struct stat st;
    (void)state;
    assert_int_equal(sok_place_each(collect, found), 0);
    assert_string_equal(found, "");
    int web = sok_place_make("web", door);
    assert_true(web >= 0);
    assert_int_equal(sok_place_connect(door), -ENOENT);
    int fd = listen_at(door);
    assert_int_equal(sok_place_make("web", other), -EADDRINUSE);
    int db = sok_place_make("db", other);
    assert_true(db >= 0);
    int second = listen_at(other);
    assert_int_equal(sok_place_each(collect, found), 0);
    assert_string_equal(found, "db web ");
    close(fd); // as if it had been killed
    close(web);
    assert_int_equal(sok_place_connect(door), -ECONNREFUSED);
    web = sok_place_make("web", door);
    assert_true(web >= 0);
    assert_int_equal(access(door, F_OK), -1);
    strcpy(dir, door);
    *strrchr(dir, '/') = 0;
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    close(second);
    sok_place_remove("web", web);
    sok_place_remove("db", db);
    assert_int_equal(stat(dir, &st), -1);
}

static int makes_and_removes(const char *name)
{
    char door[SOK_PLACE_MAX];
    for (int i = 0; i < 500; i++) {
        int r = sok_place_make(name, door);
        if (r < 0)
            return r;
        sok_place_remove(name, r);
    }
    return 0;
}

// The last one that ends removes what all have in common, while another begins.
static void ends_while_another_begins(void **state)
{
    int status;
    (void)state;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(makes_and_removes("db") == 0 ? 0 : 1);
    assert_int_equal(makes_and_removes("web"), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

#define AT_ONCE 20

// Waits for the word, tries to take the place, and says how that went: 'h' it was had and is held, 'u' another has it, else '?'.
static void try_to_take(int begin, int said)
{
    char door[SOK_PLACE_MAX], byte, result = '?';
    ssize_t n = read(begin, &byte, 1); // the end: all are there
    int taken = sok_place_make("one", door);
    if (taken == -EADDRINUSE)
        result = 'u';
    else if (n == 0 && taken >= 0 && listen_at(door) >= 0)
        result = 'h';
    if (write(said, &result, 1) != 1)
        _exit(1);
    while (result == 'h')
        pause();
    _exit(0);
}

// Of many that begin at the very same moment one stays, and its door is there.
static void begin_at_once(void)
{
    int begin[2], said[2], had = 0, in_use = 0;
    pid_t pids[AT_ONCE];
    char result, door[SOK_PLACE_MAX];
    fflush(NULL);
    assert_int_equal(pipe(begin), 0);
    assert_int_equal(pipe(said), 0);
    for (unsigned i = 0; i < AT_ONCE; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            close(begin[1]);
            try_to_take(begin[0], said[1]);
        }
    }
    close(begin[1]);
    for (unsigned i = 0; i < AT_ONCE; i++) {
        assert_int_equal(read(said[0], &result, 1), 1);
        had += result == 'h';
        in_use += result == 'u';
    }
    assert_int_equal(had, 1);
    assert_int_equal(in_use, AT_ONCE - 1);
    assert_int_equal(sok_place_door("one", door), 0);
    assert_int_equal(access(door, F_OK), 0);
    for (unsigned i = 0; i < AT_ONCE; i++) {
        kill(pids[i], SIGKILL); // the one that stays leaves its door behind
        assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
    }
    close(begin[0]);
    close(said[0]);
    close(said[1]);
}

static void one_of_many(void **state)
{
    char door[SOK_PLACE_MAX];
    (void)state;
    begin_at_once();
    begin_at_once(); // with a door that nobody is behind
    int taken = sok_place_make("one", door);
    assert_true(taken >= 0);
    sok_place_remove("one", taken);
}

// Several remove what was a host's: who comes last leaves another host's alone that has the name by then.
static void removed_twice(void **state)
{
    char door[SOK_PLACE_MAX], dir[SOK_PLACE_MAX];
    (void)state;
    int first = sok_place_make("web", door);
    assert_true(first >= 0);
    strcpy(dir, door);
    *strrchr(dir, '/') = 0;
    assert_int_equal(rmdir(dir), 0);
    int second = sok_place_make("web", door);
    assert_true(second >= 0);
    int again = dup(first);
    sok_place_remove("web", again);
    assert_int_equal(access(dir, F_OK), 0); // with no door in it yet
    int fd = listen_at(door);
    sok_place_remove("web", first);
    assert_int_equal(access(door, F_OK), 0);
    close(fd);
    sok_place_remove("web", second);
    assert_int_equal(access(dir, F_OK), -1);
}

// A directory that others may write in is not believed.
static void others_are_not_believed(void **state)
{
    char door[SOK_PLACE_MAX], base[SOK_PLACE_MAX], found[200] = "";
    (void)state;
    assert_int_equal(sok_place_base(base), 0);
    assert_int_equal(mkdir(base, 0700), 0);
    assert_int_equal(chmod(base, 0770), 0);
    assert_int_equal(sok_place_make("web", door), -EPERM);
    assert_string_equal(door, base);
    assert_int_equal(sok_place_each(collect, found), -EPERM);
    assert_int_equal(rmdir(base), 0);
    assert_int_equal(symlink("/tmp", base), 0);
    assert_int_equal(sok_place_make("web", door), -EPERM);
    assert_int_equal(unlink(base), 0);
}

// ---- a host ----

struct fake {
    int listener;
    uint32_t version;
};

static int take_channel(int door)
{
    char byte;
    struct iovec iov = {.iov_base = &byte, .iov_len = 1};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct msghdr m = {.msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control)};
    int fd = -1;
    if (recvmsg(door, &m, 0) == 1 && CMSG_FIRSTHDR(&m))
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
    return fd;
}

static void answer(
    int channel, const struct sok_calls_request *q, int32_t result, const void *bytes, size_t len)
{
    char packet[sizeof(struct sok_calls_reply) + SOK_CALLS_BYTES_MAX];
    struct sok_calls_reply reply = {.id = q->id, .result = result, .len = (uint32_t)len};
    memcpy(packet, &reply, sizeof(reply));
    if (len > 0)
        memcpy(packet + sizeof(reply), bytes, len);
    send(channel, packet, sizeof(reply) + len, MSG_NOSIGNAL);
}

static void *be_host(void *ctx)
{
    const struct fake *f = ctx;
    int door = accept(f->listener, NULL, NULL), channel = take_channel(door);
    struct {
        struct sok_calls_request q;
        char bytes[SOK_CALLS_BYTES_MAX];
    } in;
    struct sok_calls_welcome welcome = {.version = f->version};
    while (recv(channel, &in, sizeof(in), 0) > 0) {
        struct sok_calls_request stale = {.id = in.q.id - 1};
        struct sok_row rows[2] = {{.id = 9}, {.id = 8}};
        answer(channel, &stale, 0, NULL, 0); // an answer that nobody waits for any more
        if (in.q.op == SOK_CALLS_HELLO)
            answer(channel, &in.q, 0, &welcome, sizeof(welcome));
        else if (in.q.op == SOK_CALLS_LIST)
            answer(channel, &in.q, 0, rows, in.q.a == 0 ? sizeof(rows) : 0);
        else if (in.q.op == SOK_CALLS_KILL)
            answer(channel, &in.q, in.q.a == 9 ? 0 : -EINVAL, NULL, 0);
        else
            break;
    }
    close(channel);
    close(door);
    return NULL;
}

static void asking(void **state)
{
    char door[SOK_PLACE_MAX];
    struct sok_calls_client c;
    struct sok_row rows[SOK_CALLS_ROWS_MAX];
    pthread_t thread;
    (void)state;
    int taken = sok_place_make("web", door);
    assert_true(taken >= 0);
    assert_int_equal(sok_calls_open(&c, door, "test"), -ENOENT);
    struct fake f = {.listener = listen_at(door), .version = SOK_CALLS_VERSION};
    pthread_create(&thread, NULL, be_host, &f);
    assert_int_equal(sok_calls_open(&c, door, "test"), 0);
    assert_int_equal(sok_calls_list(&c, 0, rows), 2);
    assert_int_equal(rows[1].id, 8);
    assert_int_equal(sok_calls_list(&c, 8, rows), 0);
    assert_int_equal(sok_calls_kill(&c, 9), 0);
    assert_int_equal(sok_calls_kill(&c, 7), -EINVAL);
    size_t len = 0;
    assert_int_equal(sok_calls_ask(&c, SOK_CALLS_STOP, 0, NULL, &len), -EPIPE); // it goes
    sok_calls_close(&c);
    pthread_join(thread, NULL);
    f.version = SOK_CALLS_VERSION + 1;
    pthread_create(&thread, NULL, be_host, &f);
    assert_int_equal(sok_calls_open(&c, door, "test"), -EPROTO);
    assert_int_equal(c.welcome.version, SOK_CALLS_VERSION + 1);
    pthread_join(thread, NULL);
    close(f.listener);
    sok_place_remove("web", taken);
}

// A door that nobody listens behind any more, made long ago.
static void leave(const char *name, bool old)
{
    char door[SOK_PLACE_MAX];
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct timespec then[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    int taken = sok_place_make(name, door);
    assert_true(taken >= 0);
    strcpy(at.sun_path, door);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    close(fd);
    close(taken);
    *strrchr(door, '/') = '\0';
    if (old)
        assert_int_equal(utimensat(AT_FDCWD, door, then, 0), 0);
}

static bool is_there(const char *name)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/sockeye/%s", top, name);
    return access(path, F_OK) == 0;
}

static void take_away(const char *name)
{
    char door[SOK_PLACE_MAX];
    int taken = sok_place_make(name, door);
    assert_true(taken >= 0);
    sok_place_remove(name, taken);
}

static void what_was_left(void **state)
{
    static const char *const stay[] = {
        "web", "run-x", "run-", "run-0", "run--5", "run-1", "run-99999999"};
    char mine[SOK_PLACE_NAME_MAX], dead[SOK_PLACE_NAME_MAX], door[SOK_PLACE_MAX];
    struct timespec then[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    int status;
    (void)state;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, &status, 0), child);
    snprintf(dead, sizeof(dead), "run-%d", (int)child);
    sok_place_name_mine(mine);
    leave(mine, true);
    for (size_t i = 0; i < sizeof(stay) / sizeof(stay[0]); i++)
        leave(stay[i], i + 1 < sizeof(stay) / sizeof(stay[0])); // the last one is young
    leave(dead, true);
    sok_place_sweep();
    assert_false(is_there(dead));
    assert_true(is_there(mine));
    for (size_t i = 0; i < sizeof(stay) / sizeof(stay[0]); i++) {
        assert_true(is_there(stay[i]));
        take_away(stay[i]);
    }
    take_away(mine);
    // One with no door yet, and one that is answered.
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int taken = sok_place_make(dead, door);
    assert_true(taken >= 0);
    strcpy(at.sun_path, door);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 1), 0);
    *strrchr(door, '/') = '\0';
    utimensat(AT_FDCWD, door, then, 0);
    sok_place_sweep();
    assert_true(is_there(dead));
    close(fd);
    unlink(at.sun_path);
    utimensat(AT_FDCWD, door, then, 0);
    sok_place_sweep();
    assert_true(is_there(dead)); // a process of its own may have it yet
    close(taken);
    sok_place_sweep();
    assert_false(is_there(dead));
}

static void words(void **state)
{
    (void)state;
    assert_string_equal(sok_row_state_text(SOK_ROW_FIN_WAIT_1), "FIN-WAIT-1");
    assert_string_equal(sok_row_state_text(200), "UNKNOWN");
    assert_string_equal(sok_row_timer_text(SOK_ROW_TIMER_TIME_WAIT), "timewait");
    assert_string_equal(sok_row_timer_text(200), "unknown");
    assert_true(SOK_CALLS_ROWS_MAX >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(making_and_finding),
        cmocka_unit_test(ends_while_another_begins),
        cmocka_unit_test(one_of_many),
        cmocka_unit_test(removed_twice),
        cmocka_unit_test(others_are_not_believed),
        cmocka_unit_test(asking),
        cmocka_unit_test(what_was_left),
        cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, somebody, tidy);
}
