// What a confined process can still do, tried from inside: each attempt in a child of its own, confined as
// the commands are. The attempts are made by bare system calls: no library stands between.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "cli/confine.h"
#include "cli/steward.h"

#define SKIPPED 77

// A child that is confined and then does this; its exit code.
static int child_does(const struct sok_confine *c, int (*what)(void))
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char line[SOK_HOST_ERR_MAX];
        if (sok_confine(c, line) < 0)
            _exit(100);
        _exit(strstr(line, "not filtered") ? SKIPPED : what());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void expect(const struct sok_confine *c, int (*what)(void))
{
    int code = child_does(c, what);
    if (code == SKIPPED)
        skip();
    assert_int_equal(code, 0);
}

static const struct sok_confine bare, with_sockets = {.sockets = true};

// ---- what is refused ----

static int
    fds[3]; // made before: a stream, a datagram socket, a packet socket (-1: not allowed here)

static void make_fds(void)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    fds[0] = pair[0];
    fds[1] = socket(AF_INET, SOCK_DGRAM, 0);
    fds[2] = socket(AF_PACKET, SOCK_RAW, 0);
}

struct attempt {
    const char *name;
    long number, args[6];
};

#define P(x) ((long)(intptr_t)(x))

static const char path[] = "/etc/hostname", new_path[] = "/tmp/sok-confine-was-here";
static const char *const argv[] = {"/bin/true", NULL};
static uint8_t clone_args[88];
static struct sockaddr_ll everywhere = {.sll_family = AF_PACKET, .sll_protocol = 0x0300};
static struct ifreq nothing;
static int one = 1;

static const struct attempt attempts[] = {
    {"openat", SYS_openat, {AT_FDCWD, P(path), O_RDONLY}},
    {"openat new", SYS_openat, {AT_FDCWD, P(new_path), O_RDWR | O_CREAT | O_NOFOLLOW, 0600}},
    {"openat2", SYS_openat2, {AT_FDCWD, P(path), P(clone_args), 24}},
    {"open_by_handle_at", SYS_open_by_handle_at, {AT_FDCWD, P(clone_args), O_RDONLY}},
    {"statx", SYS_statx, {AT_FDCWD, P(path), 0, 0x7ff, P(clone_args)}},
    {"newfstatat", SYS_newfstatat, {AT_FDCWD, P(path), P(clone_args), 0}},
    {"unlinkat", SYS_unlinkat, {AT_FDCWD, P(new_path), 0}},
    {"mkdirat", SYS_mkdirat, {AT_FDCWD, P(new_path), 0700}},
    {"renameat2", SYS_renameat2, {AT_FDCWD, P(path), AT_FDCWD, P(new_path)}},
    {"linkat", SYS_linkat, {AT_FDCWD, P(path), AT_FDCWD, P(new_path), 0}},
    {"fchmodat", SYS_fchmodat, {AT_FDCWD, P(path), 0644}},
    {"chdir", SYS_chdir, {P("/")}},
    {"memfd_create", SYS_memfd_create, {P("x"), 0}},
    {"execve", SYS_execve, {P("/bin/true"), P(argv), 0}},
    {"execveat", SYS_execveat, {AT_FDCWD, P("/bin/true"), P(argv), 0, 0}},
    {"clone: a process", SYS_clone, {SIGCHLD}},
    {"clone: a namespace", SYS_clone, {CLONE_NEWUSER | SIGCHLD}},
    {"clone3", SYS_clone3, {P(clone_args), sizeof(clone_args)}},
    {"unshare", SYS_unshare, {CLONE_NEWNET}},
    {"setns", SYS_setns, {0, 0}},
    {"ptrace", SYS_ptrace, {PTRACE_TRACEME}},
    {"process_vm_readv", SYS_process_vm_readv, {1, P(clone_args), 1, P(clone_args), 1}},
    {"kill", SYS_kill, {1, 0}},
    {"tgkill", SYS_tgkill, {1, 1, 0}},
    {"pidfd_open", SYS_pidfd_open, {1, 0}},
    {"setresuid", SYS_setresuid, {0, 0, 0}},
    {"capset", SYS_capset, {P(clone_args), P(clone_args)}},
    {"prctl", SYS_prctl, {PR_SET_DUMPABLE, 1}},
    {"seccomp", SYS_seccomp, {0, 0, 0}},
    {"bpf", SYS_bpf, {0, P(clone_args), 48}},
    {"io_uring_setup", SYS_io_uring_setup, {1, P(clone_args)}},
    {"userfaultfd", SYS_userfaultfd, {0}},
    {"mount", SYS_mount, {P("none"), P("/mnt"), P("tmpfs"), 0, 0}},
    {"perf_event_open", SYS_perf_event_open, {P(clone_args), 0, -1, -1, 0}},
    {"keyctl", SYS_keyctl, {0, 0, 0}},
    {"socket packet", SYS_socket, {AF_PACKET, SOCK_RAW, 0}},
    {"socket netlink", SYS_socket, {AF_NETLINK, SOCK_RAW, NETLINK_ROUTE}},
    {"socket unix", SYS_socket, {AF_UNIX, SOCK_STREAM, 0}},
    {"socket raw", SYS_socket, {AF_INET, SOCK_RAW, IPPROTO_ICMP}},
    {"socket sctp", SYS_socket, {AF_INET, SOCK_STREAM, 132}},
    {"socket raw inet6", SYS_socket, {AF_INET6, SOCK_RAW, IPPROTO_ICMPV6}},
    {"socket vsock", SYS_socket, {40, SOCK_STREAM, 0}},
    {"socketpair of datagrams", SYS_socketpair, {AF_UNIX, SOCK_DGRAM, 0, P(clone_args)}},
    {"bind", SYS_bind, {2, P(&everywhere), sizeof(everywhere)}},
    {"listen", SYS_listen, {0, 1}},
    {"setsockopt filter", SYS_setsockopt, {2, SOL_SOCKET, SO_DETACH_FILTER, P(&one), sizeof(one)}},
    {"setsockopt packet", SYS_setsockopt, {2, SOL_PACKET, PACKET_FANOUT, P(&one), sizeof(one)}},
    {"ioctl of an interface", SYS_ioctl, {1, SIOCSIFFLAGS, P(&nothing)}},
    {"ioctl TIOCSTI", SYS_ioctl, {1, TIOCSTI, P("x")}},
    {"mmap executable", SYS_mmap,
        {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1}},
};

// Of these the first argument is the place in fds.
static bool on_a_socket(const struct attempt *a)
{
    return a->number == SYS_bind || a->number == SYS_listen || a->number == SYS_setsockopt ||
           a->number == SYS_ioctl;
}

static int try_all(void)
{
    int passed = 0;
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        const struct attempt *a = &attempts[i];
        long first = on_a_socket(a) ? fds[a->args[0]] : a->args[0];
        errno = 0;
        long r =
            syscall(a->number, first, a->args[1], a->args[2], a->args[3], a->args[4], a->args[5]);
        int expected = a->number == SYS_clone3 ? ENOSYS : EPERM;
        if (r != -1 || errno != expected) {
            fprintf(stderr, "not refused: %s (%ld, %s)\n", a->name, r, strerror(errno));
            passed++;
        }
    }
    return passed;
}

static void everything_else_is_refused(void **state)
{
    (void)state;
    make_fds();
    expect(&bare, try_all);
    expect(&with_sockets, try_all);
}

// ---- what is left ----

static bool may(int family, int type, int proto)
{
    int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, proto);
    bool refused = fd < 0 && errno == EPERM;
    if (fd >= 0)
        close(fd);
    return !refused;
}

static int no_sockets(void)
{
    return may(AF_INET, SOCK_STREAM, 0) || may(AF_INET, SOCK_DGRAM, 0) ||
           may(AF_INET, SOCK_DGRAM, IPPROTO_ICMP) || may(AF_INET6, SOCK_STREAM, 0) ||
           may(AF_INET6, SOCK_DGRAM, 0) || may(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6);
}

static int some_sockets(void)
{
    return !may(AF_INET, SOCK_STREAM, 0) || !may(AF_INET, SOCK_DGRAM, 0) ||
           !may(AF_INET6, SOCK_STREAM, 0) || !may(AF_INET6, SOCK_DGRAM, 0) ||
           may(AF_INET, SOCK_RAW, IPPROTO_TCP) || may(AF_INET6, SOCK_RAW, IPPROTO_TCP);
}

static void sockets_are_for_the_link_user(void **state)
{
    (void)state;
    expect(&bare, no_sockets);
    expect(&with_sockets, some_sockets);
}

static void *work(void *ctx)
{
    int pair[2] = {-1, -1}, fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN};
    char byte = 0;
    void *large = malloc(64 << 20);
    bool ok = fd >= 0 && large && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0 &&
              epoll_ctl(fd, EPOLL_CTL_ADD, pair[0], &e) == 0 && write(pair[1], "x", 1) == 1 &&
              epoll_wait(fd, &e, 1, -1) == 1 && read(pair[0], &byte, 1) == 1 && byte == 'x';
    *(bool *)ctx = ok;
    free(large);
    return NULL;
}

static int do_work(void)
{
    pthread_t thread;
    bool here = false, there = false;
    work(&here);
    if (!here || pthread_create(&thread, NULL, work, &there) != 0 ||
        pthread_join(thread, NULL) != 0)
        return 1;
    return there ? 0 : 2;
}

static void bytes_waiting_memory_and_threads_go_on(void **state)
{
    (void)state;
    expect(&bare, do_work);
}

static int end_badly(void)
{
    abort();
}

static void abort_ends_it(void **state)
{
    int status;
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        char line[SOK_HOST_ERR_MAX];
        sok_confine(&bare, line);
        _exit(end_badly());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

// ---- privileges ----

static FILE *own_status; // opened before

static int look_at_status(void)
{
    static const char *const rows[] = {"CapInh:\t0000000000000000", "CapPrm:\t0000000000000000",
        "CapEff:\t0000000000000000", "CapAmb:\t0000000000000000", "NoNewPrivs:\t1"};
    char row[256];
    unsigned found = 0;
    while (fgets(row, sizeof(row), own_status))
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
            found += strncmp(row, rows[i], strlen(rows[i])) == 0;
    return found == sizeof(rows) / sizeof(rows[0]) ? 0 : 1;
}

static int look_at_status_as_user(void)
{
    if (getuid() != 12345 || geteuid() != 12345 || getgid() != 12346 || getegid() != 12346)
        return 2;
    return look_at_status();
}

static int same_user(void)
{
    return geteuid() == 0 ? 0 : 1;
}

// The file was opened before, and is read by who it is about.
static int status_of_child(const struct sok_confine *c, int (*look)(void))
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        char line[SOK_HOST_ERR_MAX];
        own_status = fopen("/proc/self/status", "re");
        _exit(!own_status || sok_confine(c, line) < 0 ? 100 : look());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void no_capability_is_left(void **state)
{
    (void)state;
    assert_int_equal(status_of_child(&bare, look_at_status), 0);
}

static void sudo_is_undone(void **state)
{
    static const struct sok_confine stay = {.stay = true};
    (void)state;
    if (geteuid() != 0)
        skip();
    setenv("SUDO_UID", "12345", 1);
    setenv("SUDO_GID", "12346", 1);
    assert_int_equal(status_of_child(&bare, look_at_status_as_user), 0);
    assert_int_equal(status_of_child(&stay, same_user), 0);
    setenv("SUDO_UID", "12345x", 1);
    assert_int_equal(status_of_child(&bare, same_user), 0);
    unsetenv("SUDO_UID");
    unsetenv("SUDO_GID");
}

// ---- the steward ----

static char lan_dir[] = "/tmp/sok-confine-XXXXXX";
static char made[64];

static int use_steward(void)
{
    char line[SOK_HOST_ERR_MAX], err[SOK_LINK_ERR_MAX];
    struct sok_steward s = {.lan_count = 1, .file = made};
    struct sok_lan_place other;
    int lock = -1;
    if (sok_lan_place("here", &s.lans[0], err) < 0 || sok_lan_place("there", &other, err) < 0)
        return 1;
    if (sok_steward_start(&s) < 0)
        return 2;
    const struct sok_confine with_steward = {.child = sok_steward_pid()};
    if (sok_confine(&with_steward, line) < 0)
        return 2;
    if (sok_lan_connect(&s.lans[0]) != SOK_EREFUSED)
        return 3;
    int hub = sok_lan_listen(&s.lans[0], &lock);
    if (hub < 0)
        return 4;
    int member = sok_lan_connect(&s.lans[0]);
    int met = accept4(hub, NULL, NULL, SOCK_CLOEXEC);
    char byte = 0;
    if (member < 0 || met < 0 || send(member, "x", 1, 0) != 1 || recv(met, &byte, 1, 0) != 1 ||
        !sok_lan_same_user(&s.lans[0], met))
        return 5;
    sok_lan_unlisten(&s.lans[0], hub, lock);
    if (sok_lan_connect(&s.lans[0]) != SOK_EREFUSED)
        return 6;
    if (sok_lan_connect(&other) != SOK_EACCES || sok_lan_listen(&other, &lock) != SOK_EACCES)
        return 7; // it was not among the places
    sok_steward_remove();
    sok_steward_end();
    errno = 0;
    return waitpid(with_steward.child, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : 8;
}

static void the_steward_does_what_was_agreed(void **state)
{
    struct stat st;
    int status;
    (void)state;
    assert_non_null(mkdtemp(lan_dir));
    setenv("XDG_RUNTIME_DIR", lan_dir, 1);
    snprintf(made, sizeof(made), "%s/made", lan_dir);
    int fd = open(made, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
    pid_t child = fork();
    if (child == 0)
        _exit(use_steward());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(stat(made, &st), -1);
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", lan_dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_else_is_refused),
        cmocka_unit_test(sockets_are_for_the_link_user),
        cmocka_unit_test(bytes_waiting_memory_and_threads_go_on),
        cmocka_unit_test(abort_ends_it),
        cmocka_unit_test(no_capability_is_left),
        cmocka_unit_test(sudo_is_undone),
        cmocka_unit_test(the_steward_does_what_was_agreed),
    };
    unsetenv("SUDO_UID");
    unsetenv("SUDO_GID");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
