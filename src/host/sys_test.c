// What sockeye/sys.h has beside POSIX: descriptors, handles, two hosts, threads. That the calls themselves do what they do
// on a kernel is shown by tests/api.
#include "host/testing.h"
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <sockeye/sys.h>

static struct sockaddr_in place(uint32_t addr, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(addr)};
}

// a's stream to b, and what b accepts of it.
static void join(const struct pair *p, int *a, int *b)
{
    struct sockaddr_in at = place(0xc0000202, 8080);
    int l = sok_sys_socket(p->b, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(sok_sys_bind(p->b, l, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(sok_sys_listen(p->b, l, 4), 0);
    *a = sok_sys_socket(p->a, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(sok_sys_connect(p->a, *a, (struct sockaddr *)&at, sizeof(at)), 0);
    *b = sok_sys_accept(p->b, l, NULL, NULL);
    assert_true(*b >= SOK_SYS_FIRST);
    assert_int_equal(sok_sys_close(p->b, l), 0);
}

static void two_hosts(void **state)
{
    struct pair p;
    int a, b;
    char text[8];
    (void)state;
    pair_make(&p, NULL);
    join(&p, &a, &b);
    assert_int_equal(sok_sys_send(p.a, a, "hello", 5, 0), 5);
    assert_int_equal(sok_sys_recv(p.b, b, text, sizeof(text), 0), 5);
    assert_int_equal(sok_sys_close(p.a, a), 0);
    assert_int_equal(sok_sys_recv(p.b, b, text, sizeof(text), 0), 0);
    assert_int_equal(sok_sys_close(p.a, a), -1);
    assert_int_equal(errno, EBADF);
    pair_free(&p);
}

static void numbers_end(void **state)
{
    struct pair p;
    int last = 0;
    (void)state;
    pair_make(&p, NULL);
    for (int i = SOK_SYS_FIRST; i < SOK_SYS_FILES_MAX; i++)
        last = sok_sys_socket(p.a, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(last, SOK_SYS_FILES_MAX - 1);
    assert_int_equal(sok_sys_socket(p.a, AF_INET, SOCK_STREAM, 0), -1);
    assert_int_equal(errno, EMFILE);
    assert_int_equal(sok_sys_close(p.a, 1000), 0);
    assert_int_equal(sok_sys_socket(p.a, AF_INET, SOCK_DGRAM, 0), 1000);
    assert_int_equal(
        sok_sys_socket(p.b, AF_INET, SOCK_DGRAM, 0), SOK_SYS_FIRST); // numbers of its own
    pair_free(&p);
}

static void no_host(void **state)
{
    struct pollfd p = {.fd = 3};
    (void)state;
    assert_int_equal(sok_sys_socket(NULL, AF_INET, SOCK_STREAM, 0), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(sok_sys_send(NULL, 3, "x", 1, 0), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(sok_sys_poll(NULL, &p, 1, 0), -1);
    assert_null(sok_sys_handle(NULL, 3));
    assert_int_equal(errno, EBADF);
}

// A wait that nothing can end is an error, and not for ever.
static void nothing_can_come(void **state)
{
    struct pair p;
    int a, b;
    char byte;
    (void)state;
    pair_make(&p, NULL);
    join(&p, &a, &b);
    assert_int_equal(sok_sys_recv(p.a, a, &byte, 1, 0), -1);
    assert_int_equal(errno, EDEADLK);
    pair_free(&p);
}

static void handle_without_copies(void **state)
{
    struct pair p;
    int a, b, err, count = 4;
    (void)state;
    pair_make(&p, NULL);
    join(&p, &a, &b);
    size_t len = 3;
    struct iovec iov[4];
    struct sok_socket *s = sok_sys_handle(p.a, a), *t = sok_sys_handle(p.b, b);
    memcpy(sok_reserve(s, &len, &err), "abc", 3);
    assert_int_equal(sok_commit(s, 3), 3);
    assert_true(sok_wait(t, SOK_POLL_IN, 1000000000) & SOK_POLL_IN);
    assert_int_equal(sok_peek(t, iov, &count), 3);
    assert_memory_equal(iov[0].iov_base, "abc", 3);
    assert_int_equal(sok_consume(t, 3), 0);
    pair_free(&p);
}

static void detached(void **state)
{
    struct pair p;
    int a, b;
    char text[8];
    (void)state;
    pair_make(&p, NULL);
    join(&p, &a, &b);
    struct sok_socket *s = sok_sys_detach(p.a, a);
    assert_non_null(s);
    assert_null(sok_sys_detach(p.a, a));
    assert_int_equal(errno, EBADF);
    int fd = sok_socket_fd(s);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "hello", 5), 5);
    assert_int_equal(sok_sys_recv(p.b, b, text, sizeof(text), 0), 5);
    close(fd);
    pair_free(&p);
}

static void *step(void *host)
{
    sok_host_step(host, 0);
    return NULL;
}

static void *take_and_step(void *host)
{
    sok_host_take(host);
    return step(host);
}

// Runs fn with a host in another thread of another process; how that process ended.
static int in_thread(void *(*fn)(void *host))
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        struct pair p;
        pthread_t thread;
        freopen("/dev/null", "w", stderr);
        pair_make(&p, NULL);
        if (pthread_create(&thread, NULL, fn, p.a) == 0)
            pthread_join(thread, NULL);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void one_thread(void **state)
{
    (void)state;
#ifdef NDEBUG
    printf("skipped: without assertions nobody looks\n");
    skip();
#endif
    int status = in_thread(step);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_int_equal(in_thread(take_and_step), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_hosts),
        cmocka_unit_test(numbers_end),
        cmocka_unit_test(no_host),
        cmocka_unit_test(nothing_can_come),
        cmocka_unit_test(handle_without_copies),
        cmocka_unit_test(detached),
        cmocka_unit_test(one_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
