// What the filter lets through and what it notifies of, call by call on this kernel; and which programs need
// it. What the supervisor answers is tested with programs: tests/interop/static.py.
#include "cli/notifier.h"
#include <elf.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

// ---- which programs ----

static enum sok_notifier_reach reach_of(const void *bytes, size_t len)
{
    char path[] = "/tmp/sockeye-notifier-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
    enum sok_notifier_reach reach = sok_notifier_reach(path);
    unlink(path);
    return reach;
}

static enum sok_notifier_reach reach_of_text(const char *text)
{
    return reach_of(text, strlen(text));
}

static void a_dynamic_program_is_reached(void **state)
{
    (void)state;
    assert_int_equal(sok_notifier_reach("/proc/self/exe"), SOK_REACH_PRELOAD);
    assert_false(sok_notifier_needed("/proc/self/exe"));
}

static void a_script_is_what_its_interpreter_is(void **state)
{
    (void)state;
    assert_int_equal(reach_of_text("#!/bin/sh\ntrue\n"), SOK_REACH_PRELOAD);
    assert_int_equal(reach_of_text("#! \t/bin/sh -e\n"), SOK_REACH_PRELOAD);
    assert_int_equal(reach_of_text("#!/no/such/interpreter\n"), SOK_REACH_UNKNOWN);
    assert_int_equal(reach_of_text("#!\n"), SOK_REACH_UNKNOWN);
    assert_int_equal(reach_of_text("true\n"), SOK_REACH_UNKNOWN);
    assert_int_equal(reach_of_text(""), SOK_REACH_UNKNOWN);
    assert_int_equal(sok_notifier_reach("/no/such/program"), SOK_REACH_UNKNOWN);
}

static void headers_decide(void **state)
{
    (void)state;
    struct {
        Elf64_Ehdr h;
        Elf64_Phdr p;
        Elf64_Shdr s[2];
        char names[32];
    } elf;
    FILE *self = fopen("/proc/self/exe", "re");
    memset(&elf, 0, sizeof(elf));
    assert_int_equal(fread(&elf.h, sizeof(elf.h), 1, self), 1);
    fclose(self);
    elf.h.e_phoff = offsetof(__typeof__(elf), p);
    elf.h.e_phnum = 1;
    elf.h.e_shnum = 0;
    elf.p.p_type = PT_LOAD;
    assert_int_equal(reach_of(&elf, sizeof(elf)), SOK_REACH_STATIC);
    elf.p.p_type = PT_INTERP;
    assert_int_equal(reach_of(&elf, sizeof(elf)), SOK_REACH_PRELOAD);
    elf.h.e_shoff = offsetof(__typeof__(elf), s);
    elf.h.e_shnum = 2;
    elf.h.e_shstrndx = 0;
    elf.s[0].sh_offset = offsetof(__typeof__(elf), names);
    elf.s[0].sh_name = 31;
    strcpy(elf.names, ".note.go.buildid");
    assert_int_equal(reach_of(&elf, sizeof(elf)), SOK_REACH_GO);
    elf.h.e_shstrndx = 9999; // lies about where its names are
    assert_int_equal(reach_of(&elf, sizeof(elf)), SOK_REACH_PRELOAD);
    elf.h.e_ident[EI_CLASS] = ELFCLASS32;
    assert_int_equal(reach_of(&elf, sizeof(elf)), SOK_REACH_NONE);
    assert_int_equal(reach_of(&elf, 20), SOK_REACH_NONE);
}

// ---- marks ----

// Where the supervisor is told to find a door that is not there, it ends, and nobody answers any more: what
// would be a notification fails with ENOSYS.
static int without_supervisor(struct sok_notifier *n)
{
    char line[SOK_NOTIFIER_LINE_MAX];
    if (sok_notifier_start(n, -1, "/no/such/door", line) != 0)
        return 77;
    if (sok_notifier_enter(n) != ESRCH)
        return 1;
    while (waitpid(n->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return 0;
}

static const int calls[] = {SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4,
    SYS_getsockname, SYS_getpeername, SYS_setsockopt, SYS_getsockopt, SYS_shutdown, SYS_sendto,
    SYS_recvfrom, SYS_sendmsg, SYS_recvmsg, SYS_sendmmsg, SYS_recvmmsg};

// The fifth argument is sendto's address. Bad pointers, so that none of them can succeed or wait.
static long call(int number, uint64_t first)
{
    return syscall(number, (long)first, 8, 8, 8, 8, 8);
}

static int try_marks(void)
{
    struct sok_notifier n;
    int pair[2], code = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0;
    if (code == 0)
        code = without_supervisor(&n);
    if (code != 0)
        return code;
    uint64_t mark = (uint64_t)n.mark << 32, wrong = (uint64_t)(n.mark ^ 1) << 32;
    for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        uint64_t fd = (uint64_t)pair[0];
        bool none = call(calls[i], fd) < 0 && errno == ENOSYS;
        bool other = call(calls[i], fd | wrong) < 0 && errno == ENOSYS;
        bool marked = call(calls[i], fd | mark) >= 0 || (errno != ENOSYS && errno != EBADF);
        bool closed = call(calls[i], 999 | mark) < 0 && errno != ENOSYS;
        if (!none || !other || !marked || !closed) {
            fprintf(stderr, "call %d: %d %d %d %d\n", calls[i], none, other, marked, closed);
            return 2;
        }
    }
    if (syscall(SYS_socket, AF_INET, SOCK_STREAM, 0, 0L) >= 0 || errno != ENOSYS)
        return 3;
    if (syscall(SYS_socket, AF_INET, SOCK_STREAM, 0, (long)mark) < 0 ||
        syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0, 0L) < 0)
        return 4;
    // Of what only moves bytes nothing is asked; nor of send().
    char byte = 0;
    if (write(pair[0], "x", 1) != 1 || read(pair[1], &byte, 1) != 1 || byte != 'x' ||
        syscall(SYS_sendto, pair[0], "y", 1L, 0L, NULL, 0L) != 1)
        return 5;
    return 0;
}

static void marked_calls_go_through_and_only_those(void **state)
{
    (void)state;
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(try_marks());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

// A program that never enters leaves no supervisor behind.
static void without_a_program_the_supervisor_ends(void **state)
{
    (void)state;
    struct sok_notifier n;
    char line[SOK_NOTIFIER_LINE_MAX] = "";
    if (sok_notifier_start(&n, -1, "/no/such/door", line) != 0) {
        assert_string_not_equal(line, "");
        skip();
    }
    char mark[9];
    sok_notifier_mark(&n, mark);
    assert_int_equal(strlen(mark), 8);
    assert_int_equal(strtoul(mark, NULL, 16), n.mark);
    assert_int_not_equal(n.mark, 0);
    pid_t pid = n.pid;
    close(n.line);
    n.line = -1;
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dynamic_program_is_reached),
        cmocka_unit_test(a_script_is_what_its_interpreter_is),
        cmocka_unit_test(headers_decide),
        cmocka_unit_test(marked_calls_go_through_and_only_those),
        cmocka_unit_test(without_a_program_the_supervisor_ends),
    };
    return cmocka_run_group_tests_name("cli/notifier", tests, NULL, NULL);
}
