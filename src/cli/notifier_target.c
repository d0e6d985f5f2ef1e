// A target's memory and descriptors. Whatever is read may be changed by the target at any time: it is
// looked at once, and means nothing but what the program asks for itself.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include "cli/notifier_internal.h"

#define PIECES_MAX  1024   // UIO_MAXIOV
#define THREAD_FLAG O_EXCL // PIDFD_THREAD, Linux 6.9
#define ERESTARTSYS 512    // the kernel's own

// ---- processes ----

static ssize_t read_proc(pid_t tid, const char *what, char *text, size_t room)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", tid, what);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, room - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    return n;
}

// The process of a thread and its name, from /proc/TID/status; 0: it has gone.
pid_t sok_target_process(pid_t tid, char name[16])
{
    char text[1024];
    if (read_proc(tid, "status", text, sizeof(text)) <= 0)
        return 0;
    const char *process = strstr(text, "\nTgid:");
    if (name && sscanf(text, "Name:\t%15[^\n]", name) != 1)
        name[0] = 0;
    return process ? (pid_t)atoi(process + 6) : 0;
}

int sok_target_thread(pid_t tid)
{
    int fd = (int)syscall(SYS_pidfd_open, tid, THREAD_FLAG);
    if (fd < 0 && errno == EINVAL) // an older kernel knows processes only
        fd = (int)syscall(SYS_pidfd_open, sok_target_process(tid, NULL), 0);
    return fd < 0 ? -errno : fd;
}

int sok_target_fd(pid_t tid, int fd)
{
    int thread = sok_target_thread(tid);
    if (thread < 0)
        return thread;
    int copy = (int)syscall(SYS_pidfd_getfd, thread, fd, 0);
    int error = errno;
    close(thread);
    return copy < 0 ? -error : copy;
}

bool sok_target_cloexec(pid_t tid, int fd)
{
    char what[32], text[256];
    unsigned flags = 0;
    snprintf(what, sizeof(what), "fdinfo/%d", fd);
    read_proc(tid, what, text, sizeof(text));
    const char *at = strstr(text, "flags:");
    return at && sscanf(at, "flags:\t%o", &flags) == 1 && (flags & O_CLOEXEC);
}

// A line of /proc/TID/status: its number.
static uint64_t number(const char *text, const char *name, int base)
{
    const char *at = strstr(text, name);
    return at ? strtoull(at + strlen(name), NULL, base) : 0;
}

int sok_target_signalled(pid_t tid)
{
    char text[2048];
    if (read_proc(tid, "status", text, sizeof(text)) <= 0)
        return 0;
    uint64_t open = ~number(text, "\nSigBlk:", 16);
    if (number(text, "\nSigPnd:", 16) & open)
        return -ERESTARTSYS;
    if (!(number(text, "\nShdPnd:", 16) & open))
        return 0;
    // Of several threads another one may take it; then nothing would turn ERESTARTSYS into what it means.
    return number(text, "\nThreads:", 10) == 1 ? -ERESTARTSYS : -EINTR;
}

// ---- memory ----

static void *remote(uint64_t address)
{
    return (void *)(uintptr_t)address;
}

int sok_target_read(pid_t tid, uint64_t from, void *to, size_t len)
{
    struct iovec here = {to, len}, there = {remote(from), len};
    if (len == 0)
        return 0;
    ssize_t n = process_vm_readv(tid, &here, 1, &there, 1, 0);
    return n == (ssize_t)len ? 0 : n < 0 && errno == EPERM ? -EPERM : -EFAULT;
}

int sok_target_write(pid_t tid, uint64_t to, const void *from, size_t len)
{
    struct iovec here = {(void *)(uintptr_t)from, len}, there = {remote(to), len};
    if (len == 0)
        return 0;
    ssize_t n = process_vm_writev(tid, &here, 1, &there, 1, 0);
    return n == (ssize_t)len ? 0 : n < 0 && errno == EPERM ? -EPERM : -EFAULT;
}

int sok_target_write_address(
    pid_t tid, uint64_t to, uint64_t len_at, const void *address, uint32_t len)
{
    int32_t room;
    if (to == 0)
        return 0;
    int error = sok_target_read(tid, len_at, &room, sizeof(room));
    if (error)
        return error;
    if (room < 0)
        return -EINVAL;
    error = sok_target_write(tid, to, address, (uint32_t)room < len ? (uint32_t)room : len);
    return error ? error : sok_target_write(tid, len_at, &len, sizeof(len));
}

// ---- messages ----

static struct iovec pieces[PIECES_MAX];

// The pieces, cut to `room` bytes in all. Their number, or -errno.
static int read_pieces(pid_t tid, const struct msghdr *m, size_t room)
{
    size_t count = m->msg_iovlen;
    if (count > PIECES_MAX)
        return -EMSGSIZE;
    int error = sok_target_read(tid, (uintptr_t)m->msg_iov, pieces, count * sizeof(struct iovec));
    if (error)
        return error;
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].iov_len > SSIZE_MAX)
            return -EINVAL;
        if (pieces[i].iov_len > room)
            pieces[i].iov_len = room;
        room -= pieces[i].iov_len;
    }
    return (int)count;
}

ssize_t sok_target_size(pid_t tid, const struct msghdr *m)
{
    int count = read_pieces(tid, m, SSIZE_MAX);
    ssize_t size = 0;
    for (int i = 0; i < count; i++)
        size += (ssize_t)pieces[i].iov_len;
    return count < 0 ? count : size;
}

static ssize_t move(pid_t tid, const struct msghdr *m, void *here, size_t len, bool out)
{
    struct iovec local = {here, len};
    int count = read_pieces(tid, m, len);
    size_t total = 0;
    if (count < 0)
        return count;
    for (int i = 0; i < count; i++)
        total += pieces[i].iov_len;
    if (total == 0)
        return 0;
    local.iov_len = total;
    ssize_t n = out ? process_vm_writev(tid, &local, 1, pieces, (unsigned long)count, 0)
                    : process_vm_readv(tid, &local, 1, pieces, (unsigned long)count, 0);
    return n == (ssize_t)total ? n : n < 0 && errno == EPERM ? -EPERM : -EFAULT;
}

ssize_t sok_target_gather(pid_t tid, const struct msghdr *m, void *to, size_t room)
{
    return move(tid, m, to, room, false);
}

ssize_t sok_target_scatter(pid_t tid, const struct msghdr *m, const void *from, size_t len)
{
    return move(tid, m, (void *)(uintptr_t)from, len, true);
}
