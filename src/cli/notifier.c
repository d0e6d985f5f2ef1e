// The filter, and the beginning and the end of the supervisor. The filter is written by hand: libseccomp
// cannot ask whether a half of an argument differs.
#include "cli/notifier.h"
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cli/notifier_internal.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#else
#define ARCH 0 // says so when asked
#endif
#define OTHER_ABI 0x40000000 // x32; above every call of the others
#define END_MS    200

// ---- the filter ----

// Calls of which the first argument is the descriptor.
static const int on_descriptors[] = {SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4,
    SYS_getsockname, SYS_getpeername, SYS_setsockopt, SYS_getsockopt, SYS_shutdown, SYS_recvfrom,
    SYS_sendmsg, SYS_recvmsg, SYS_sendmmsg, SYS_recvmmsg};
static const int families[] = {AF_INET, AF_INET6, AF_PACKET};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
// The machines above are little-endian.
#define ARG_LOW(i)  ((uint32_t)offsetof(struct seccomp_data, args[i]))
#define ARG_HIGH(i) (ARG_LOW(i) + 4)

struct program {
    struct sock_filter code[64];
    unsigned short count;
};

static void op(struct program *p, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
    p->code[p->count++] = (struct sock_filter){code, yes, no, k};
}

static void load(struct program *p, uint32_t offset)
{
    op(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, offset);
}

static void end(struct program *p, uint32_t action)
{
    op(p, BPF_RET | BPF_K, 0, 0, action);
}

// The next `over` instructions are for it alone.
static void unless_equal_skip(struct program *p, uint32_t k, unsigned over)
{
    op(p, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)over, k);
}

static void compose_socket(struct program *p, uint32_t mark)
{
    load(p, ARG_HIGH(3));
    unless_equal_skip(p, mark, 1);
    end(p, SECCOMP_RET_ALLOW);
    load(p, ARG_LOW(0));
    for (unsigned i = 0; i < COUNT(families); i++)
        op(p, BPF_JMP | BPF_JEQ | BPF_K, (uint8_t)(COUNT(families) - i), 0, (uint32_t)families[i]);
    end(p, SECCOMP_RET_ALLOW);
    end(p, SECCOMP_RET_USER_NOTIF);
}

// send() is sendto() without an address: bytes for the pair as it is.
static void compose_sendto(struct program *p)
{
    load(p, ARG_LOW(4));
    op(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 3, 0);
    load(p, ARG_HIGH(4));
    op(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
    end(p, SECCOMP_RET_ALLOW);
}

static void compose(struct program *p, uint32_t mark)
{
    struct program part = {0};
    p->count = 0;
    load(p, offsetof(struct seccomp_data, arch));
    op(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ARCH);
    end(p, SECCOMP_RET_ALLOW);
    load(p, offsetof(struct seccomp_data, nr));
    op(p, BPF_JMP | BPF_JGE | BPF_K, 0, 1, OTHER_ABI);
    end(p, SECCOMP_RET_ALLOW);

    compose_socket(&part, mark);
    unless_equal_skip(p, SYS_socket, part.count);
    memcpy(&p->code[p->count], part.code, part.count * sizeof(part.code[0]));
    p->count = (unsigned short)(p->count + part.count);

    // sendto goes on to the mark, over the jumps, when it has an address.
    part.count = 0;
    compose_sendto(&part);
    unless_equal_skip(p, SYS_sendto, part.count + 1U);
    memcpy(&p->code[p->count], part.code, part.count * sizeof(part.code[0]));
    p->count = (unsigned short)(p->count + part.count);
    op(p, BPF_JMP | BPF_JA, 0, 0, COUNT(on_descriptors) + 1);

    for (unsigned i = 0; i < COUNT(on_descriptors); i++)
        op(p, BPF_JMP | BPF_JEQ | BPF_K, (uint8_t)(COUNT(on_descriptors) - i), 0,
            (uint32_t)on_descriptors[i]);
    end(p, SECCOMP_RET_ALLOW);
    load(p, ARG_HIGH(0));
    unless_equal_skip(p, mark, 1);
    end(p, SECCOMP_RET_ALLOW);
    end(p, SECCOMP_RET_USER_NOTIF);
}

// The listener, or -errno. EBUSY: somebody further up has one already, and the kernel has one per process.
static int install(uint32_t mark)
{
    struct program p;
    compose(&p, mark);
    struct sock_fprog prog = {.len = p.count, .filter = p.code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    // No slower processor for it (SPEC_ALLOW). And no signals while a call is looked at, if the kernel can
    // (Linux 5.19): Go interrupts threads so often that its calls would only ever begin again.
    unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    int fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
        flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &prog);
    if (fd < 0 && errno == EINVAL)
        fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
    return fd < 0 ? -errno : fd;
}

// ---- is everything there? ----

enum { NO_FILTER = 1, NO_BUSY, NO_ADDFD, NO_GETFD };

static _Noreturn void probe(void)
{
    int fd = install(1);
    if (fd < 0)
        _exit(fd == -EBUSY ? NO_BUSY : NO_FILTER);
    struct seccomp_notif_addfd nobody = {.flags = SECCOMP_ADDFD_FLAG_SEND, .srcfd = (uint32_t)fd};
    if (ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, &nobody) < 0 && errno != ENOENT)
        _exit(NO_ADDFD);
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (self < 0 || syscall(SYS_pidfd_getfd, self, fd, 0) < 0)
        _exit(NO_GETFD);
    _exit(0);
}

// In a process of its own: a filter stays.
static int supported(char line[SOK_NOTIFIER_LINE_MAX])
{
    static const char *const missing[] = {
        [NO_FILTER] = "this kernel has no seccomp user notification (Linux 5.14)",
        [NO_BUSY] = "a seccomp supervisor further up has the notifications already",
        [NO_ADDFD] = "this kernel's seccomp cannot answer with a descriptor (Linux 5.14)",
        [NO_GETFD] = "this kernel has no pidfd_getfd (Linux 5.6), or it is not allowed",
    };
    int status = 0;
    pid_t pid = ARCH == 0 ? 0 : fork();
    if (pid == 0 && ARCH != 0)
        probe();
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    int code = pid <= 0 || !WIFEXITED(status) ? NO_FILTER : WEXITSTATUS(status);
    if (code == 0)
        return 0;
    if (code > NO_GETFD)
        code = NO_FILTER;
    snprintf(line, SOK_NOTIFIER_LINE_MAX, "%s", missing[code]);
    return code == NO_BUSY ? EBUSY : ENOSYS;
}

// ---- beginning and end ----

int sok_notifier_start(
    struct sok_notifier *n, int door, const char *place, char line[SOK_NOTIFIER_LINE_MAX])
{
    *n = (struct sok_notifier){.line = -1};
    int pair[2], error = supported(line);
    if (error)
        return error;
    while (n->mark == 0)
        if (getrandom(&n->mark, sizeof(n->mark), 0) < 0)
            return errno;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return errno;
    pid_t pid = fork();
    if (pid == 0)
        sok_supervisor_main(pair[1], door, place);
    error = pid < 0 ? errno : 0;
    close(pair[1]);
    if (error) {
        snprintf(line, SOK_NOTIFIER_LINE_MAX, "no process for the supervisor: %s", strerror(error));
        close(pair[0]);
        return error;
    }
    n->pid = pid;
    n->line = pair[0];
    return 0;
}

void sok_notifier_mark(const struct sok_notifier *n, char text[9])
{
    snprintf(text, 9, "%08x", n->mark);
}

// From install() on every socket call of this process needs the mark.
static long marked(const struct sok_notifier *n, long call, int fd, void *arg)
{
    return syscall(call, (long)((uint64_t)n->mark << 32 | (uint32_t)fd), arg, MSG_NOSIGNAL);
}

int sok_notifier_enter(const struct sok_notifier *n)
{
    union sok_one_descriptor control;
    char byte = 0;
    struct iovec iov = {&byte, 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    if (n->pid == 0)
        return ESRCH;
    // Yama lets only ancestors look into a process, and whom it names itself. (Its children do not inherit
    // that.) Without Yama it fails, and need not be.
    prctl(PR_SET_PTRACER, n->pid, 0, 0, 0);
    int fd = install(n->mark);
    if (fd < 0)
        return -fd;
    sok_one_descriptor_put(&control, &m, fd);
    int error = marked(n, SYS_sendmsg, n->line, &m) < 0 ? errno : 0;
    close(fd);
    // An answer: from here on somebody listens, or (it has ended) nobody ever will.
    if (!error && read(n->line, &byte, 1) != 1)
        error = ESRCH;
    close(n->line);
    return error;
}

void sok_notifier_leave(struct sok_notifier *n)
{
    if (n->line >= 0)
        close(n->line);
    n->line = -1;
}

void sok_notifier_end(struct sok_notifier *n)
{
    sok_notifier_leave(n);
    // It sees the end of the last one with the filter at once. It stays for those that stay.
    struct pollfd p = {n->pid > 0 ? (int)syscall(SYS_pidfd_open, n->pid, 0) : -1, POLLIN, 0};
    if (p.fd >= 0 && poll(&p, 1, END_MS) == 1)
        waitpid(n->pid, NULL, 0);
    if (p.fd >= 0)
        close(p.fd);
    n->pid = 0;
}
