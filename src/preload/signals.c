// Whether the program ignores SIGPIPE: then write() can be the kernel's own write(), which is quicker, and all
// that is allowed in a program that has locked itself in (sshd's child that speaks to strangers).
#include <signal.h>
#include <stdatomic.h>
#include "preload/preload.h"

static _Atomic bool ignored;

bool sok_pipe_signal_ignored(void)
{
    return atomic_load_explicit(&ignored, memory_order_relaxed);
}

// What it begins with: exec keeps what is ignored.
__attribute__((constructor)) static void begin(void)
{
    struct sigaction now;
    if (sok_reals()->sigaction(SIGPIPE, NULL, &now) == 0)
        atomic_store(&ignored, now.sa_handler == SIG_IGN);
}

SOK_EXPORT int sigaction(
    int sig, const struct sigaction *restrict action, struct sigaction *restrict before)
{
    int r = sok_reals()->sigaction(sig, action, before);
    if (r == 0 && sig == SIGPIPE && action)
        atomic_store(&ignored, !(action->sa_flags & SA_SIGINFO) && action->sa_handler == SIG_IGN);
    return r;
}

SOK_EXPORT sighandler_t signal(int sig, sighandler_t handler)
{
    sighandler_t before =
        ((sighandler_t(*)(int, sighandler_t))(void (*)(void))sok_reals()->signal)(sig, handler);
    if (before != SIG_ERR && sig == SIGPIPE)
        atomic_store(&ignored, handler == SIG_IGN);
    return before;
}
