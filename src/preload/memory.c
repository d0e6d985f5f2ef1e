// Whether there is memory where a program says so. What the kernel copies it looks at by itself, and says EFAULT;
// what the library reads or writes of a call (a struct msghdr, an address, a value) is looked at here first, by
// calls of the kernel that touch it and do nothing else.
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "preload/preload.h"

#define STEP 4096 // of the smallest pages

static bool can_read(uintptr_t at)
{
    // Neither to block nor to unblock: it looks at the set, and refuses. (Of none, at 0, there is nothing to refuse.)
    uintptr_t set = at & ~(uintptr_t)7;
    return set && (syscall(SYS_rt_sigprocmask, ~0, set, NULL, 8) == 0 || errno != EFAULT);
}

static bool can_write(uintptr_t at)
{
    static uint32_t other; // nobody sleeps here
    // "or 0" is written, and changes nothing whoever else may write meanwhile.
    return syscall(SYS_futex, &other, FUTEX_WAKE_OP_PRIVATE, 0, 0, at & ~(uintptr_t)3,
               FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_EQ, 0)) >= 0 ||
           errno != EFAULT;
}

static bool each_page(const void *memory, size_t len, bool (*can)(uintptr_t at))
{
    uintptr_t at = (uintptr_t)memory, last = at + len - 1;
    int saved = errno;
    bool there = len == 0 || last >= at;
    for (size_t left = len; there && left > 0;) {
        size_t step = STEP - at % STEP;
        there = can(at);
        at += step;
        left -= step < left ? step : left;
    }
    errno = saved;
    return there;
}

bool sok_can_read(const void *memory, size_t len)
{
    return each_page(memory, len, can_read);
}

bool sok_can_write(void *memory, size_t len)
{
    return each_page(memory, len, can_write);
}

int sok_no_room(void *to, const socklen_t *len)
{
    if (!SOK_WRITES((socklen_t *)(uintptr_t)len, sizeof(*len)))
        return EFAULT;
    if ((int)*len < 0)
        return EINVAL;
    size_t most = *len < SOK_CALLS_BYTES_MAX ? *len : SOK_CALLS_BYTES_MAX;
    return to && !SOK_WRITES(to, most) ? EFAULT : 0;
}

// ---- messages ----

static bool pieces_there(const struct msghdr *m)
{
    return m->msg_iovlen <= SOK_PIECES_MAX &&
           SOK_READS(m->msg_iov, m->msg_iovlen * sizeof(struct iovec));
}

// What a message says beside its bytes. Larger than any kernel takes: so the kernel says so.
static size_t size_of_control(const struct msghdr *m)
{
    return m->msg_control ? m->msg_controllen : 0;
}

static size_t size_of_name(const struct msghdr *m)
{
    return m->msg_name && (int)m->msg_namelen > 0 ? m->msg_namelen : 0;
}

bool sok_message_to_send(const struct msghdr *m)
{
    return SOK_READS(m, sizeof(*m)) && pieces_there(m) && size_of_name(m) <= SOK_NAME_MAX &&
           SOK_READS(m->msg_name, size_of_name(m)) && size_of_control(m) <= SOK_CONTROL_MAX &&
           SOK_READS(m->msg_control, size_of_control(m));
}

bool sok_message_to_fill(struct msghdr *m, bool names)
{
    if (!SOK_WRITES(m, sizeof(*m)) || !pieces_there(m))
        return false;
    size_t name = size_of_name(m), control = size_of_control(m);
    return !names ||
           (SOK_WRITES(m->msg_name, name < SOK_NAME_MAX ? name : SOK_NAME_MAX) &&
               SOK_WRITES(m->msg_control, control < SOK_CONTROL_MAX ? control : SOK_CONTROL_MAX));
}
