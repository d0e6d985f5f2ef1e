// The supervisor's loop: notifications in, answers out, and what happens to a call that a signal, an exit
// or a timeout takes away meanwhile. See notifier_internal.h.
//
// SECCOMP_USER_NOTIF_FLAG_CONTINUE lets the kernel do the call with arguments that the target may have
// changed since they were looked at. That is no danger here, for nothing is forbidden: who tricks us into
// letting go on what we would have answered has made a call on a socket of the kernel's, as it could
// without us.
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "cli/confine.h"
#include "cli/notifier_internal.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS // Linux 6.6: who is woken runs here and now
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#define SYNC_WAKE_UP 1UL

#define SLOT_BITS  12
#define EVENTS_MAX 64
#define OWN_FDS    100 // above what a program's shell leaves open

enum { EVENT_LISTENER, EVENT_CHANNEL, EVENT_READY, EVENT_THREAD };

int64_t sok_supervisor_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

// ---- calls under way ----

static struct sok_notified *new_call(struct sok_supervisor *s)
{
    unsigned slot = 1;
    while (slot < SOK_NOTIFIED_MAX && s->slots[slot])
        slot++;
    struct sok_notified *n = slot < SOK_NOTIFIED_MAX ? calloc(1, sizeof(*n)) : NULL;
    if (!n)
        return NULL;
    s->slots[slot] = n;
    if (slot >= s->top)
        s->top = slot + 1;
    n->request = (++s->generation << SLOT_BITS) | slot;
    n->fd = n->give = n->replacement = n->thread = -1;
    return n;
}

struct sok_notified *sok_notified_find(const struct sok_supervisor *s, uint32_t request)
{
    struct sok_notified *n = s->slots[request % SOK_NOTIFIED_MAX];
    return n && n->request == request ? n : NULL;
}

static void let_go(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

// Before the copies are closed: epoll goes by what is open, and the target has it open still.
static void stop_waiting(struct sok_supervisor *s, struct sok_notified *n)
{
    if (!n->waiting)
        return;
    epoll_ctl(s->epoll, EPOLL_CTL_DEL, n->fd, NULL);
    if (n->thread >= 0)
        epoll_ctl(s->epoll, EPOLL_CTL_DEL, n->thread, NULL);
    let_go(&n->thread);
    n->waiting = false;
}

// A call that the host is asked about stays until it has answered.
static void release(struct sok_supervisor *s, struct sok_notified *n)
{
    stop_waiting(s, n);
    let_go(&n->fd);
    let_go(&n->give);
    let_go(&n->replacement);
    n->gone = true;
    n->over = false;
    n->due = 0;
    if (n->asked)
        return;
    s->slots[n->request % SOK_NOTIFIED_MAX] = NULL;
    while (s->top > 1 && !s->slots[s->top - 1])
        s->top--;
    free(n);
}

bool sok_notified_valid(const struct sok_supervisor *s, const struct sok_notified *n)
{
    uint64_t id = n->id;
    return !n->gone && ioctl(s->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static void keep(struct sok_supervisor *s, struct sok_notified *n, int64_t value)
{
    if (n->gone || !n->once) {
        release(s, n);
        return;
    }
    stop_waiting(s, n);
    let_go(&n->fd);
    n->over = true;
    n->value = value;
    n->due = sok_supervisor_now() + SOK_KEEP_NS;
}

static bool respond(
    struct sok_supervisor *s, const struct sok_notified *n, int64_t value, uint32_t flags)
{
    struct seccomp_notif_resp r = {.id = n->id, .flags = flags};
    if (value < 0)
        r.error = (int32_t)value;
    else
        r.val = value;
    return !n->gone && ioctl(s->listener, SECCOMP_IOCTL_NOTIF_SEND, &r) == 0;
}

void sok_notified_answer(struct sok_supervisor *s, struct sok_notified *n, int64_t value)
{
    sok_trace_answered(s, n, value); // before it makes its next call
    if (respond(s, n, value, 0))
        release(s, n);
    else
        keep(s, n, value);
}

void sok_notified_continue(struct sok_supervisor *s, struct sok_notified *n)
{
    sok_trace_answered(s, n, 0);
    respond(s, n, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
    release(s, n);
}

// EMFILE and kin are the target's own.
void sok_notified_give(struct sok_supervisor *s, struct sok_notified *n, int fd, bool cloexec)
{
    struct seccomp_notif_addfd add = {.id = n->id,
        .flags = SECCOMP_ADDFD_FLAG_SEND,
        .srcfd = (uint32_t)fd,
        .newfd_flags = cloexec ? O_CLOEXEC : 0};
    int r = n->gone ? -1 : ioctl(s->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
    int error = n->gone ? ENOENT : errno;
    n->give = fd;
    n->give_cloexec = cloexec;
    if (r >= 0)
        sok_trace_answered(s, n, r);
    if (r >= 0)
        release(s, n);
    else if (error == ENOENT || error == EINPROGRESS)
        keep(s, n, 0);
    else
        sok_notified_answer(s, n, -error);
}

bool sok_notified_put(struct sok_supervisor *s, struct sok_notified *n, int fd, bool cloexec)
{
    struct seccomp_notif_addfd add = {.id = n->id,
        .flags = SECCOMP_ADDFD_FLAG_SETFD,
        .srcfd = (uint32_t)fd,
        .newfd = (uint32_t)n->args[0],
        .newfd_flags = cloexec ? O_CLOEXEC : 0};
    return !n->gone && ioctl(s->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) >= 0;
}

// ---- waiting ----

static uint64_t event_data(uint64_t kind, const struct sok_notified *n)
{
    return kind << 32 | (n ? n->request : 0);
}

static void watch(struct sok_supervisor *s, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event e = {.events = events, .data.u64 = data};
    if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) < 0 && errno == EEXIST)
        epoll_ctl(s->epoll, EPOLL_CTL_MOD, fd, &e);
}

// timeout_option: SO_RCVTIMEO or SO_SNDTIMEO, which are kept by the pair itself.
void sok_notified_limit(struct sok_notified *n, int timeout_option)
{
    struct timeval t = {0};
    socklen_t len = sizeof(t);
    if (n->due == 0 && getsockopt(n->fd, SOL_SOCKET, timeout_option, &t, &len) == 0 &&
        (t.tv_sec || t.tv_usec))
        n->due = sok_supervisor_now() + t.tv_sec * 1000000000LL + t.tv_usec * 1000;
}

void sok_notified_wait(struct sok_supervisor *s, struct sok_notified *n, uint32_t events,
    int timeout_option, sok_notified_next *next)
{
    n->next = next;
    if (n->waiting)
        return;
    n->waiting = true;
    sok_notified_limit(n, timeout_option);
    watch(s, n->fd, events, event_data(EVENT_READY, n));
    n->thread = sok_target_thread(n->tid);
    if (n->thread >= 0)
        watch(s, n->thread, EPOLLIN, event_data(EVENT_THREAD, n));
}

static void time_is_over(struct sok_supervisor *s, struct sok_notified *n)
{
    if (n->over)
        release(s, n);
    else
        sok_notified_answer(s, n, n->asked ? -EINPROGRESS : -EAGAIN);
}

// A call that waits and need not: it is over, or a signal is there. No event tells of these, and a copy of
// the target's descriptor must not keep open what it closes.
static void look_after(struct sok_supervisor *s, struct sok_notified *n)
{
    bool valid = sok_notified_valid(s, n);
    int signalled = valid ? sok_target_signalled(n->tid) : 0;
    if (valid && !signalled)
        return;
    if (signalled) // a call with a time limit does not begin again (signal(7))
        respond(s, n, n->due ? -EINTR : signalled, 0);
    if (n->asked) // it goes on in the host, as a kernel's connect() does
        let_go(&n->fd);
    else
        release(s, n);
}

// All in their turn, some at a time.
static void look_around(struct sok_supervisor *s, int64_t now)
{
    s->looked = now;
    for (unsigned i = 0; i < SOK_SWEEP_MAX && i < s->top; i++) {
        s->look = s->look + 1 < s->top ? s->look + 1 : 1;
        struct sok_notified *n = s->slots[s->look];
        if (n && !n->gone && !n->over)
            look_after(s, n);
    }
}

// What time ends. Returns how long to sleep, in ms.
static int sweep(struct sok_supervisor *s)
{
    int64_t now = sok_supervisor_now(), next = INT64_MAX;
    if (now - s->looked >= SOK_SWEEP_NS)
        look_around(s, now);
    for (unsigned i = 1; i < s->top; i++) {
        struct sok_notified *n = s->slots[i];
        if (n && n->due && n->due <= now) {
            time_is_over(s, n);
            continue;
        }
        if (n && n->due && n->due < next)
            next = n->due;
        if (n && !n->gone && !n->over && s->looked + SOK_SWEEP_NS < next)
            next = s->looked + SOK_SWEEP_NS;
    }
    return next == INT64_MAX ? -1 : next <= now ? 0 : (int)((next - now) / 1000000 + 1);
}

// ---- which socket is it? ----

static struct sok_known *known_place(struct sok_supervisor *s, uint64_t cookie)
{
    return &s->known[(cookie * 0x9E3779B97F4A7C15ULL) >> 32 & (SOK_KNOWN_MAX - 1)];
}

void sok_known_keep(struct sok_supervisor *s, const struct sok_known *known)
{
    *known_place(s, known->cookie) = *known;
}

static void run(struct sok_supervisor *s, struct sok_notified *n)
{
    sok_trace_notified(s, n);
    n->run(s, n, NULL);
}

static void answered_plain(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *answer)
{
    n->known.plain = answer->result == 0;
    sok_known_keep(s, &n->known);
    run(s, n);
}

// A packet socket that somebody connected: whoever uses it now may read() from it, unseen.
static void make_plain(struct sok_supervisor *s, struct sok_notified *n)
{
    static const int32_t one = 1;
    struct sok_calls_request r = {.op = SOK_CALLS_SETOPT,
        .a = SOK_CALLS_LEVEL,
        .b = SOK_CALLS_LEVEL_PLAIN,
        .len = sizeof(one)};
    sok_host_ask(s, n, &r, &one, answered_plain);
}

void sok_known_set(struct sok_known *known, const struct sok_calls_socket *socket)
{
    known->ours = true;
    known->dgram = socket->kind == SOK_CALLS_DGRAM;
    known->listener = socket->kind == SOK_CALLS_LISTENER;
    known->bound = socket->bound;
    known->domain = socket->domain;
    known->type = socket->type;
    known->protocol = socket->protocol;
}

static void answered_look(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *answer)
{
    struct sok_calls_socket socket = {0};
    if (answer->result == -ENETDOWN) { // the host has gone; the pairs tell the rest
        sok_notified_continue(s, n);
        return;
    }
    if (answer->result >= 0 && answer->len >= sizeof(socket))
        memcpy(&socket, answer->bytes, sizeof(socket));
    sok_known_set(&n->known, &socket);
    n->known.ours = answer->result >= 0;
    sok_known_keep(s, &n->known);
    if (!n->known.ours)
        sok_notified_continue(s, n);
    else if (n->known.dgram && socket.connected)
        make_plain(s, n);
    else
        run(s, n);
}

// The descriptor's socket: false when it is the kernel's affair (no socket at all included).
static bool identify(struct sok_supervisor *s, struct sok_notified *n)
{
    int domain = 0;
    socklen_t len = sizeof(domain), cookie_len = sizeof(n->known.cookie);
    uint64_t cookie = 0;
    n->fd = sok_target_fd(n->tid, (int)n->args[0]);
    if (n->fd < 0 || getsockopt(n->fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ||
        domain != AF_UNIX || getsockopt(n->fd, SOL_SOCKET, SO_COOKIE, &cookie, &cookie_len) < 0)
        return false;
    n->known = *known_place(s, cookie);
    if (n->known.cookie == cookie)
        return n->known.ours;
    n->known = (struct sok_known){.cookie = cookie, .ours = true};
    return true;
}

static void begin(struct sok_supervisor *s, struct sok_notified *n)
{
    n->flags = n->fd >= 0 ? fcntl(n->fd, F_GETFL) : 0;
    struct sok_calls_request look = {.op = SOK_CALLS_LOOK};
    if (n->known.type != 0 || n->fd < 0)
        run(s, n);
    else
        sok_host_ask(s, n, &look, NULL, answered_look);
}

// ---- notifications ----

static struct sok_notified *of_thread(
    const struct sok_supervisor *s, const struct sok_notified *new)
{
    for (unsigned i = 1; i < s->top; i++)
        if (s->slots[i] && s->slots[i] != new && !s->slots[i]->gone && s->slots[i]->tid == new->tid)
            return s->slots[i];
    return NULL;
}

static bool same(const struct sok_notified *a, const struct sok_notified *b)
{
    return a->nr == b->nr && a->known.cookie == b->known.cookie &&
           memcmp(a->args, b->args, sizeof(a->args)) == 0;
}

// Begun again after a signal: the earlier one goes on under the new name.
static void go_on(struct sok_supervisor *s, struct sok_notified *old, struct sok_notified *again)
{
    int fd = old->give;
    old->id = again->id;
    if (old->fd < 0) {
        old->fd = again->fd;
        again->fd = -1;
    }
    release(s, again);
    if (!old->over)
        return;
    old->over = false;
    old->due = 0;
    old->give = -1;
    if (fd >= 0)
        sok_notified_give(s, old, fd, old->give_cloexec);
    else
        sok_notified_answer(s, old, old->value);
}

static void refuse(struct sok_supervisor *s, const struct seccomp_notif *r, int error)
{
    struct seccomp_notif_resp response = {.id = r->id, .error = -error};
    ioctl(s->listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

static void arrive(struct sok_supervisor *s)
{
    struct seccomp_notif r = {0};
    if (ioctl(s->listener, SECCOMP_IOCTL_NOTIF_RECV, &r) < 0)
        return; // it has gone again
    struct sok_notified *n = new_call(s);
    if (!n) {
        refuse(s, &r, ENOBUFS);
        return;
    }
    n->id = r.id;
    n->tid = (pid_t)r.pid;
    n->nr = r.data.nr;
    memcpy(n->args, r.data.args, sizeof(n->args));
    n->run = sok_notified_call(n->nr);
    bool ours = n->run && (n->nr == SYS_socket || identify(s, n));
    struct sok_notified *old = of_thread(s, n);
    if (old && ours && same(old, n)) {
        go_on(s, old, n);
        return;
    }
    if (old) // that call is over, however it ended
        release(s, old);
    if (!ours || !sok_notified_valid(s, n))
        sok_notified_continue(s, n);
    else
        begin(s, n);
}

static void act(struct sok_supervisor *s, const struct epoll_event *e)
{
    struct sok_notified *n = sok_notified_find(s, (uint32_t)e->data.u64);
    switch (e->data.u64 >> 32) {
    case EVENT_LISTENER:
        if (e->events & EPOLLIN)
            arrive(s);
        else if (e->events & (EPOLLHUP | EPOLLERR)) // nobody has the filter any more
            _exit(0);
        break;
    case EVENT_CHANNEL:
        if (s->channel >= 0)
            sok_host_hear(s);
        break;
    case EVENT_READY:
        if (n && n->waiting && sok_notified_valid(s, n))
            n->next(s, n, NULL);
        else if (n && n->waiting)
            release(s, n);
        break;
    case EVENT_THREAD:
        if (n)
            release(s, n);
        break;
    }
}

static _Noreturn void loop(struct sok_supervisor *s)
{
    struct epoll_event events[EVENTS_MAX];
    watch(s, s->listener, EPOLLIN, event_data(EVENT_LISTENER, NULL));
    watch(s, s->channel, EPOLLIN, event_data(EVENT_CHANNEL, NULL));
    for (;;) {
        int count = epoll_wait(s->epoll, events, EVENTS_MAX, sweep(s));
        if (count < 0 && errno != EINTR)
            _exit(1);
        for (int i = 0; i < count; i++)
            act(s, &events[i]);
    }
}

// ---- the process ----

// Who reads the program's output must see its end when the program has ended: nothing else stays open.
static void keep_only(int *line, int *door)
{
    *line = fcntl(*line, F_DUPFD_CLOEXEC, OWN_FDS);
    int last = *line;
    if (*door >= 0)
        last = *door = fcntl(*door, F_DUPFD_CLOEXEC, *line + 1);
    syscall(SYS_close_range, 0, *line - 1, 0);
    if (last > *line + 1)
        syscall(SYS_close_range, *line + 1, last - 1, 0);
    syscall(SYS_close_range, last + 1, ~0U, 0);
    for (int i = 0; i < 3; i++) // whoever complains there must not meet a socket
        if (open("/dev/null", O_RDWR) < 0)
            _exit(1);
}

static int receive_listener(int line)
{
    union sok_one_descriptor control;
    char byte;
    struct iovec iov = {&byte, 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    sok_one_descriptor_room(&control, &m);
    ssize_t n;
    do
        n = recvmsg(line, &m, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    return n == 1 ? sok_one_descriptor_get(&m) : -1;
}

// A copy for each call that blocks.
static void many_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

_Noreturn void sok_supervisor_main(int line, int door, const char *place)
{
    static const int not_for_us[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGPIPE};
    static struct sok_supervisor s;
    for (size_t i = 0; i < sizeof(not_for_us) / sizeof(not_for_us[0]); i++)
        signal(not_for_us[i], SIG_IGN);
    prctl(PR_SET_NAME, "sockeye-notify", 0, 0, 0);
    keep_only(&line, &door);
    many_descriptors();
    s.top = 1;
    s.channel = -1;
    s.epoll = epoll_create1(EPOLL_CLOEXEC);
    s.listener = receive_listener(line);
    if (s.listener < 0 || s.epoll < 0 || sok_host_open(&s, door, place) != 0 ||
        sok_confine_supervisor() != 0)
        _exit(1);
    ioctl(s.listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP);
    if (send(line, "", 1, MSG_NOSIGNAL) != 1)
        _exit(1);
    close(line);
    if (door >= 0)
        close(door);
    loop(&s);
}
