// Two fences, one behind the other. Without capabilities and with no-new-privs the kernel gives nothing
// that needs privileges, whoever asks. And of the system calls only those below are left: what parses
// packets moves bytes through descriptors that it has, waits, and has memory; there is no open, no exec,
// no other process, no new kind of socket, not even bind() or a new filter for a socket that is there.
//
// What is refused fails with EPERM, as without privileges; it does not end the process: a C library that
// tries something new goes on without it, and the command's own error line says what could not be done.
//
// Read first: seccomp(2), capabilities(7), libcap-ng(7), seccomp_rule_add(3).
#include "cli/confine.h"
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/if_tun.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true // its leak check, at the end, traces and forks
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

// ---- what is left ----

struct allowed {
    int call;
    unsigned count; // of arguments that must be so
    struct scmp_arg_cmp args[3];
};
// clang-format off
#define ANY(name)           {SCMP_SYS(name), 0, {{0, SCMP_CMP_EQ, 0, 0}}}
#define IF(name, a)         {SCMP_SYS(name), 1, {a}}
#define IF2(name, a, b)     {SCMP_SYS(name), 2, {a, b}}
#define IF3(name, a, b, c)  {SCMP_SYS(name), 3, {a, b, c}}
#define HAS(nr, mask, bits) {nr, SCMP_CMP_MASKED_EQ, mask, bits}
#define IS(nr, value)       HAS(nr, UINT32_MAX, (uint32_t)(value))
#define TYPE(nr, type)      HAS(nr, (uint32_t)~(SOCK_CLOEXEC | SOCK_NONBLOCK), type)
#define THREAD              (CLONE_THREAD | CLONE_VM | CLONE_SIGHAND)

static const struct allowed everybody[] = {
    // Bytes through descriptors that are there.
    ANY(read), ANY(readv), ANY(pread64), ANY(write), ANY(writev), ANY(pwrite64), ANY(recvfrom),
    ANY(recvmsg), ANY(recvmmsg), ANY(sendto), ANY(sendmsg), ANY(sendmmsg), ANY(shutdown),
    ANY(close), ANY(lseek), ANY(ftruncate), ANY(fsync), ANY(fdatasync), ANY(getsockname),
    ANY(getpeername), ANY(getsockopt), ANY(dup),
    IF(fcntl, IS(1, F_GETFD)), IF(fcntl, IS(1, F_SETFD)), IF(fcntl, IS(1, F_GETFL)),
    IF(fcntl, IS(1, F_SETFL)), IF(fcntl, IS(1, F_DUPFD_CLOEXEC)), IF(fcntl, IS(1, F_GET_SEALS)),
    // A member comes to the hub of a lan; libcurl connects what is connected already.
    ANY(accept4), ANY(connect),
    // Streams and datagrams for programs: pairs that lead nowhere else.
    IF2(socketpair, IS(0, AF_UNIX), TYPE(1, SOCK_STREAM)),
    IF2(socketpair, IS(0, AF_UNIX), TYPE(1, SOCK_SEQPACKET)),
    // Of sockets that are there: room, how they end, no more. Not a packet socket's filter.
    IF2(setsockopt, IS(1, SOL_SOCKET), IS(2, SO_SNDBUF)),
    IF2(setsockopt, IS(1, SOL_SOCKET), IS(2, SO_RCVBUF)),
    IF2(setsockopt, IS(1, SOL_SOCKET), IS(2, SO_LINGER)),
    IF2(setsockopt, IS(1, SOL_SOCKET), IS(2, SO_KEEPALIVE)),
    IF2(setsockopt, IS(1, SOL_SOCKET), IS(2, SO_TIMESTAMP)), // pairs of packets
    IF2(setsockopt, IS(1, SOL_SOCKET), IS(2, SO_PEEK_OFF)),  // pairs of streams
    // Is it a terminal, how wide, how much is waiting, a file? Nothing that types into a terminal.
    IF(ioctl, IS(1, TCGETS)), IF(ioctl, IS(1, TIOCGWINSZ)), IF(ioctl, IS(1, FIONREAD)),
    IF(ioctl, IS(1, FIONBIO)), IF(ioctl, IS(1, SIOCOUTQ)), ANY(fstat), IF(newfstatat, IS(3, AT_EMPTY_PATH)), // = fstat
    // Whether an interface still is there.
    IF(ioctl, IS(1, SIOCGIFNAME)), IF(ioctl, IS(1, TUNGETIFF)),
    // Waiting, and the time.
    ANY(epoll_create1), ANY(epoll_ctl), ANY(epoll_wait), ANY(epoll_pwait), ANY(epoll_pwait2),
    ANY(poll), ANY(ppoll), ANY(select), ANY(pselect6), ANY(eventfd2), ANY(nanosleep),
    ANY(clock_nanosleep), ANY(clock_gettime), ANY(clock_getres), ANY(gettimeofday), ANY(time),
    ANY(restart_syscall),
    // Memory, none of it executable.
    ANY(brk), IF(mmap, HAS(2, PROT_EXEC, 0)), IF(mprotect, HAS(2, PROT_EXEC, 0)), ANY(munmap),
    ANY(mremap), ANY(madvise),
    // Threads of this process. (pthread_create falls back from clone3, whose flags nobody can check.)
    IF(clone, HAS(0, THREAD, THREAD)), ANY(set_robust_list), ANY(rseq), ANY(futex),
    ANY(sched_yield), ANY(sched_getaffinity), ANY(exit),
    // Signals that come to it.
    ANY(rt_sigaction), ANY(rt_sigprocmask), ANY(rt_sigreturn), ANY(sigaltstack),
    // Who it is, something random, the end.
    ANY(getpid), ANY(gettid), ANY(getuid), ANY(geteuid), ANY(getgid), ANY(getegid), ANY(uname),
    ANY(getrandom), ANY(exit_group),
};

// The link user: kernel sockets to wherever its stack is asked to go.
static const struct allowed outward[] = {
    IF3(socket, IS(0, AF_INET), TYPE(1, SOCK_STREAM), IS(2, 0)),
    IF3(socket, IS(0, AF_INET), TYPE(1, SOCK_DGRAM), IS(2, 0)),
    IF3(socket, IS(0, AF_INET), TYPE(1, SOCK_DGRAM), IS(2, IPPROTO_UDP)),
    IF3(socket, IS(0, AF_INET), TYPE(1, SOCK_DGRAM), IS(2, IPPROTO_ICMP)), // for ping
    IF3(socket, IS(0, AF_INET6), TYPE(1, SOCK_STREAM), IS(2, 0)),
    IF3(socket, IS(0, AF_INET6), TYPE(1, SOCK_DGRAM), IS(2, 0)),
    IF3(socket, IS(0, AF_INET6), TYPE(1, SOCK_DGRAM), IS(2, IPPROTO_UDP)),
    IF3(socket, IS(0, AF_INET6), TYPE(1, SOCK_DGRAM), IS(2, IPPROTO_ICMPV6)),
    IF2(setsockopt, IS(1, IPPROTO_TCP), IS(2, TCP_NODELAY)),
    IF2(setsockopt, IS(1, SOL_IP), IS(2, IP_RECVERR)),
    IF2(setsockopt, IS(1, SOL_IP), IS(2, IP_RECVTTL)),
    IF2(setsockopt, IS(1, SOL_IP), IS(2, IP_MTU_DISCOVER)),
    IF2(setsockopt, IS(1, SOL_IP), IS(2, IP_TTL)),
    IF2(setsockopt, IS(1, SOL_IPV6), IS(2, IPV6_RECVERR)),
    IF2(setsockopt, IS(1, SOL_IPV6), IS(2, IPV6_RECVHOPLIMIT)),
    IF2(setsockopt, IS(1, SOL_IPV6), IS(2, IPV6_MTU_DISCOVER)),
    IF2(setsockopt, IS(1, SOL_IPV6), IS(2, IPV6_UNICAST_HOPS)),
};

// --kernel: sockets of the kernel's are what the command is about.
static const struct allowed own_sockets[] = {
    IF2(socket, IS(0, AF_INET6), TYPE(1, SOCK_STREAM)),
    IF2(socket, IS(0, AF_INET6), TYPE(1, SOCK_DGRAM)),
    IF3(socket, IS(0, AF_INET), TYPE(1, SOCK_STREAM), IS(2, IPPROTO_TCP)),
    ANY(bind),
    IF2(setsockopt, IS(1, IPPROTO_TCP), IS(2, TCP_KEEPIDLE)), // libcurl
    IF2(setsockopt, IS(1, IPPROTO_TCP), IS(2, TCP_KEEPINTVL)),
    IF2(setsockopt, IS(1, SOL_IPV6), IS(2, IPV6_RECVERR)),
};

// libcurl has the C library look up where a redirect leads: its files, name servers, nscd, which addresses
// this machine has. Reading is all; nothing is made.
static const struct allowed lookups[] = {
    IF(openat, HAS(2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)), ANY(newfstatat), ANY(access),
    ANY(statx), ANY(readlink), ANY(getppid),
    IF2(socket, IS(0, AF_UNIX), TYPE(1, SOCK_STREAM)),
    IF2(socket, IS(0, AF_NETLINK), TYPE(1, SOCK_RAW)),
};

static const struct allowed steward[] = {
    ANY(recvfrom), ANY(sendmsg), ANY(close), ANY(exit_group), ANY(exit), ANY(rt_sigreturn),
    IF2(socket, IS(0, AF_UNIX), TYPE(1, SOCK_SEQPACKET)),
    ANY(connect), ANY(bind), ANY(listen), ANY(getsockopt), ANY(rmdir), ANY(unlink), ANY(unlinkat), ANY(flock),
    IF(openat, HAS(2, O_CREAT | O_NOFOLLOW, O_CREAT | O_NOFOLLOW)), // the lock of a lan
};

#define NOTIFICATIONS HAS(1, 0xff00, SECCOMP_IOC_MAGIC << 8)
static const struct allowed supervisor[] = {
    // Notifications, and what they are about.
    IF(ioctl, NOTIFICATIONS), ANY(pidfd_open), ANY(pidfd_getfd), ANY(process_vm_readv),
    ANY(process_vm_writev), ANY(recvfrom), ANY(recvmsg), ANY(sendto), ANY(sendmsg),
    ANY(getsockopt), ANY(setsockopt), IF(fcntl, IS(1, F_GETFL)), IF(fcntl, IS(1, F_SETFL)),
    // Who it is: /proc/PID/status, fdinfo.
    IF(openat, HAS(2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)), ANY(read), ANY(close),
    // Instead of a host's socket where a program goes to 127.0.0.1.
    IF2(socket, IS(0, AF_INET), TYPE(1, SOCK_STREAM)),
    IF2(socket, IS(0, AF_INET), TYPE(1, SOCK_DGRAM)),
    IF2(socket, IS(0, AF_INET6), TYPE(1, SOCK_STREAM)),
    IF2(socket, IS(0, AF_INET6), TYPE(1, SOCK_DGRAM)),
    ANY(epoll_wait), ANY(epoll_pwait), ANY(epoll_ctl), ANY(clock_gettime), ANY(brk),
    IF(mmap, HAS(2, PROT_EXEC, 0)), ANY(munmap), ANY(mremap), ANY(madvise), ANY(futex),
    ANY(getpid), ANY(gettid), ANY(rt_sigprocmask), ANY(rt_sigreturn), ANY(exit), ANY(exit_group),
};
// clang-format on

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static int add(scmp_filter_ctx filter, const struct allowed *rows, size_t count)
{
    int r = 0;
    for (size_t i = 0; i < count && r == 0; i++) {
        r = seccomp_rule_add_array(
            filter, SCMP_ACT_ALLOW, rows[i].call, rows[i].count, rows[i].args);
        if (r == -EDOM) // this machine has no such call
            r = 0;
    }
    return r;
}

static int add_child(scmp_filter_ctx filter, pid_t child)
{
    const struct allowed rows[] = {IF(kill, IS(0, child)), IF(wait4, IS(0, child))};
    return child > 0 ? add(filter, rows, COUNT(rows)) : 0;
}

// abort() must end it.
static int add_abort(scmp_filter_ctx filter)
{
    const struct allowed rows[] = {IF(tgkill, IS(0, getpid()))};
    return add(filter, rows, COUNT(rows));
}

static scmp_filter_ctx new_filter(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return NULL;
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); // a tree, not a list
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);      // no slower processor for it
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);    // also threads that are there
    seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    return filter;
}

// 0, or an errno: this kernel has no filters.
static int load(scmp_filter_ctx filter, int r)
{
    if (r == 0)
        r = seccomp_load(filter);
    seccomp_release(filter);
    return -r;
}

static int filter_calls(const struct sok_confine *c)
{
    scmp_filter_ctx filter = new_filter();
    if (!filter)
        return ENOMEM;
    int r = add(filter, everybody, COUNT(everybody));
    if (r == 0 && c->sockets)
        r = add(filter, outward, COUNT(outward));
    if (r == 0 && c->kernel)
        r = add(filter, own_sockets, COUNT(own_sockets));
    if (r == 0 && c->names)
        r = add(filter, lookups, COUNT(lookups));
    if (r == 0)
        r = add_child(filter, c->child);
    if (r == 0)
        r = add_abort(filter);
    return load(filter, r);
}

// ---- privileges ----

static bool number(const char *text, unsigned long *out)
{
    char *end;
    errno = 0;
    *out = text ? strtoul(text, &end, 10) : 0;
    return text && *text >= '0' && *text <= '9' && !*end && !errno && *out < UINT32_MAX;
}

// Whom sudo made root. Root without it, in a container say, has nobody to become.
static bool sudo_user(unsigned long *uid, unsigned long *gid)
{
    return geteuid() == 0 && number(getenv("SUDO_UID"), uid) && *uid != 0 &&
           number(getenv("SUDO_GID"), gid);
}

// Groups go, too: nothing is opened any more that they were for. EINVAL: in this user namespace there is no
// such user.
static int become(unsigned long uid, unsigned long gid)
{
    if (setresgid((gid_t)gid, (gid_t)gid, (gid_t)gid) < 0 || setgroups(0, NULL) < 0 ||
        setresuid((uid_t)uid, (uid_t)uid, (uid_t)uid) < 0)
        return errno;
    return 0;
}

// Nothing now, and nothing to be had by exec. CAP_SETPCAP, which the second takes, goes last.
static int drop_bounds(void)
{
    capng_get_caps_process();
    bool may = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
    capng_clear(CAPNG_SELECT_ALL);
    return may && capng_apply(CAPNG_SELECT_BOUNDS) < 0 ? EPERM : 0;
}

static int drop_capabilities(void)
{
    capng_clear(CAPNG_SELECT_ALL);
    if (capng_apply(CAPNG_SELECT_CAPS) < 0 || capng_get_caps_process() < 0 ||
        capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE)
        return EPERM;
    return 0;
}

int sok_confine(const struct sok_confine *c, char line[SOK_HOST_ERR_MAX])
{
    unsigned long uid = 0, gid = 0;
    char user[64] = "";
    const char *what = "capabilities cannot be dropped";
    bool sudo = !c->stay && sudo_user(&uid, &gid);
    int error = drop_bounds();
    if (!error && sudo) {
        what = "sudo's user cannot be gone back to";
        error = become(uid, gid);
        if (error == 0)
            snprintf(user, sizeof(user), ", user %lu again", uid);
        else if (error == EINVAL)
            error = 0;
    }
    if (!error)
        error = drop_capabilities();
    if (!error) {
        what = "no-new-privs cannot be set";
        error = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? errno : 0;
    }
    if (error) {
        snprintf(line, SOK_HOST_ERR_MAX, "%s: %s", what, strerror(error));
        return SOK_EACCES;
    }
    error = SANITIZED || c->unfiltered ? ENOSYS : filter_calls(c);
    if (error)
        snprintf(line, SOK_HOST_ERR_MAX, "no capabilities%s; system calls are not filtered (%s)",
            user,
            SANITIZED       ? "a sanitizer's build"
            : c->unfiltered ? "its sockets are another process's"
                            : "this kernel has no seccomp");
    else
        snprintf(line, SOK_HOST_ERR_MAX, "no capabilities%s; no file%s can be %s any more", user,
            c->sockets ? "" : " and no socket", c->names ? "written to" : "opened");
    return 0;
}

// One capability stays, if it was there: `keep`. 0 or errno.
static int drop_all_but(unsigned keep)
{
    int error = drop_bounds();
    capng_get_caps_process();
    bool had = capng_have_capability(CAPNG_PERMITTED, keep);
    capng_clear(CAPNG_SELECT_ALL);
    if (had)
        capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, keep);
    if (!error && capng_apply(CAPNG_SELECT_CAPS) < 0)
        error = EPERM;
    if (!error && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        error = errno;
    return error;
}

static void filter_helper(const struct allowed *rows, size_t count)
{
    scmp_filter_ctx filter = new_filter();
    if (filter)
        load(filter, add(filter, rows, count));
}

int sok_confine_steward(void)
{
    int error = drop_all_but(CAP_DAC_OVERRIDE); // for what root made in another one's directory
    if (!error && !SANITIZED)
        filter_helper(steward, COUNT(steward));
    return error;
}

int sok_confine_supervisor(void)
{
    int error = drop_all_but(CAP_SYS_PTRACE); // for programs that changed their user
    if (!error && !SANITIZED)
        filter_helper(supervisor, COUNT(supervisor));
    return error;
}
