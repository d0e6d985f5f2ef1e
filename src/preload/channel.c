// The door, the channels, requests. A thread has a channel of its own, made when it first asks something.
//
// Programs close descriptors that they did not open, and open others under the same numbers: so a door or a
// channel is used only when its descriptor still is the socket with the cookie it had. One that is not there
// any more is replaced.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>
#include "calls/descriptor.h"
#include "preload/preload.h"

#define HIGH       900 // descriptors of our own are above what programs count on
#define HIGH_LEAST 100
#define STASH      4 // answers of a call that a signal handler's own call overtook

struct own { // a descriptor of ours
    int fd;  // -1: none
    uint64_t cookie;
};

struct channel {
    struct own own;
    uint32_t next_id;
    struct {
        uint32_t id;
        int32_t result;
    } stash[STASH];
    unsigned stash_at;
    struct channel *next;
};

static struct {
    pthread_mutex_t lock;
    pthread_once_t once;
    pthread_key_t key; // to close a thread's channel with it
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    struct own door;
    bool there, loopback;
    struct channel *all;
} host = {.lock = PTHREAD_MUTEX_INITIALIZER, .once = PTHREAD_ONCE_INIT, .door = {-1, 0}};

bool sok_tracing;
static __thread struct channel *mine;
static _Atomic int lowest = INT32_MAX; // of our own descriptors that ever were
static sigset_t before_fork;

// A signal handler closes descriptors, too, and must not find the lock taken by its own thread.
static void lock_host(sigset_t *before)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, before);
    pthread_mutex_lock(&host.lock);
}

static void unlock_host(const sigset_t *before)
{
    pthread_mutex_unlock(&host.lock);
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

// ---- descriptors of our own ----

static uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof(cookie);
    return sok_k_getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) < 0 ? 0 : cookie;
}

static bool still_there(const struct own *o)
{
    return o->fd >= 0 && o->cookie && cookie_of(o->fd) == o->cookie;
}

// Moves fd above those of the program.
static struct own move_up(int fd, int command)
{
    int high = sok_reals()->fcntl(fd, command, HIGH);
    if (high < 0)
        high = sok_reals()->fcntl(fd, command, HIGH_LEAST);
    if (high >= 0)
        sok_reals()->close(fd);
    else
        high = fd;
    if (high < atomic_load(&lowest))
        atomic_store(&lowest, high);
    return (struct own){high, cookie_of(high)};
}

bool sok_channel_is_ours(int fd)
{
    sigset_t before;
    if (fd < atomic_load(&lowest) || fd < 0)
        return fd >= 0 && fd == host.door.fd;
    bool ours = fd == host.door.fd;
    lock_host(&before);
    for (const struct channel *c = host.all; c && !ours; c = c->next)
        ours = c->own.fd == fd;
    unlock_host(&before);
    return ours;
}

// ---- the door ----

// What is in the environment: PATH, or PATH:FD:COOKIE.
static void read_environment(void)
{
    const char *text = getenv(SOK_CALLS_ENV);
    if (!text || !*text)
        return;
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : strlen(text);
    if (len == 0 || len >= sizeof(host.path))
        return;
    memcpy(host.path, text, len);
    char *end = NULL;
    if (colon) {
        host.door.fd = (int)strtol(colon + 1, &end, 10);
        host.door.cookie = *end == ':' ? strtoull(end + 1, NULL, 10) : 0;
    }
    if (!still_there(&host.door))
        host.door.fd = -1;
}

// With the lock held.
static bool open_door(void)
{
    if (still_there(&host.door))
        return true;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memcpy(at.sun_path, host.path, sizeof(at.sun_path));
    int fd = host.path[0] ? sok_k_socket(AF_UNIX, SOCK_SEQPACKET, 0) : -1;
    if (fd < 0)
        return false;
    if (sok_k_connect(fd, &at, sizeof(at)) < 0) {
        sok_reals()->close(fd);
        return false;
    }
    host.door = move_up(fd, F_DUPFD); // what is run by exec has it too
    char value[sizeof(host.path) + 40];
    snprintf(value, sizeof(value), "%s:%d:%llu", host.path, host.door.fd,
        (unsigned long long)host.door.cookie);
    setenv(SOK_CALLS_ENV, value, 1);
    return true;
}

static bool send_through_door(int fd)
{
    union sok_one_descriptor control;
    char byte = 0;
    struct iovec iov = {&byte, 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    sok_one_descriptor_put(&control, &m, fd);
    return sok_k_sendmsg(host.door.fd, &m, MSG_NOSIGNAL) == 1;
}

static bool send_call(const struct channel *c, uint32_t id, const struct call *k)
{
    struct sok_calls_request head = {id, k->op, k->cookie, k->a, k->b, k->c, k->len};
    struct iovec iov[2] = {
        {&head, sizeof(head)},
        {(void *)(uintptr_t)k->bytes, k->len},
    };
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    ssize_t n;
    do
        n = sok_k_sendmsg(c->own.fd, &m, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n >= 0;
}

// ---- channels ----

static void channel_close(struct channel *c)
{
    if (still_there(&c->own))
        sok_reals()->close(c->own.fd);
    c->own.fd = -1;
}

static void thread_ends(void *arg)
{
    struct channel *c = arg;
    sigset_t before;
    lock_host(&before);
    struct channel **at = &host.all;
    while (*at && *at != c)
        at = &(*at)->next;
    if (*at)
        *at = c->next;
    unlock_host(&before);
    channel_close(c);
    free(c);
    mine = NULL;
}

// With the lock held.
static bool channel_open(struct channel *c)
{
    int pair[2];
    if (!open_door() || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return false;
    bool sent = send_through_door(pair[1]);
    sok_reals()->close(pair[1]);
    if (!sent) { // the door leads nowhere: the host is gone
        sok_reals()->close(pair[0]);
        return false;
    }
    c->own = move_up(pair[0], F_DUPFD_CLOEXEC);
    struct call k = {.op = SOK_CALLS_HELLO, .a = SOK_CALLS_VERSION, .b = getpid()};
    k.bytes = program_invocation_short_name;
    k.len = (uint32_t)strlen(program_invocation_short_name);
    return send_call(c, 0, &k); // who we are; no answer
}

static void forked(void)
{
    // Only this thread is left. The descriptors are copies of the parent's: its answers are not for us.
    for (struct channel *c = host.all; c;) {
        struct channel *next = c->next;
        if (c != mine) {
            channel_close(c);
            free(c);
        }
        c = next;
    }
    host.all = mine;
    if (mine) {
        mine->next = NULL;
        channel_close(mine);
    }
}

static void fork_prepare(void)
{
    sigset_t before;
    lock_host(&before);
    sok_table_fork_lock();
    before_fork = before;
}

static void fork_parent(void)
{
    sigset_t before = before_fork; // another thread may fork when the lock is free
    sok_table_fork_unlock();
    unlock_host(&before);
}

static void fork_child(void)
{
    sok_process_mine();
    forked();
    fork_parent();
}

// A child that came without these.
static void copied(void)
{
    sok_process_mine();
    host.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    sok_table_copied();
    forked();
}

static struct channel *channel(void)
{
    sigset_t before;
    if (sok_process_is_copy())
        copied();
    if (sok_process_is_guest()) // the parent's thread waits for us: its channel is free
        return mine && still_there(&mine->own) ? mine : NULL;
    if (!mine) {
        struct channel *c = calloc(1, sizeof(*c));
        if (!c)
            return NULL;
        c->own.fd = -1;
        lock_host(&before);
        c->next = host.all;
        host.all = c;
        unlock_host(&before);
        mine = c;
        pthread_setspecific(host.key, c);
    }
    if (still_there(&mine->own))
        return mine;
    lock_host(&before);
    bool open = channel_open(mine);
    unlock_host(&before);
    return open ? mine : NULL;
}

// ---- asking ----

// One answer; 0, or -errno.
static int receive(const struct channel *c, struct call *k, struct sok_calls_reply *head)
{
    union sok_one_descriptor control;
    struct iovec iov[2] = {{head, sizeof(*head)}, {k->reply, k->reply_max}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    sok_one_descriptor_room(&control, &m);
    ssize_t n = sok_k_recvmsg(c->own.fd, &m, k->cloexec ? MSG_CMSG_CLOEXEC : 0);
    if (n < 0)
        return -errno;
    if (n < (ssize_t)sizeof(*head))
        return -ENETDOWN;
    k->fd = sok_one_descriptor_get(&m);
    k->reply_len = (uint32_t)((size_t)n - sizeof(*head));
    return 0;
}

static bool stashed(struct channel *c, uint32_t id, int32_t *result)
{
    for (unsigned i = 0; i < STASH; i++) {
        if (c->stash[i].id != id)
            continue;
        *result = c->stash[i].result;
        c->stash[i].id = 0;
        return true;
    }
    return false;
}

static int32_t wait_answer(struct channel *c, uint32_t id, struct call *k)
{
    struct sok_calls_reply head;
    int32_t result;
    for (;;) {
        if (k->timeout_ms > 0) {
            struct pollfd p = {c->own.fd, POLLIN, 0};
            int n = poll(&p, 1, (int)k->timeout_ms);
            k->given_up = n <= 0;
            if (n <= 0)
                return n == 0 ? -EAGAIN : -errno;
        }
        int r = receive(c, k, &head);
        if (stashed(c, id, &result))
            return result;
        if (r == -EINTR && !k->wait)
            continue;
        k->given_up = r == -EINTR;
        if (r < 0)
            return r;
        if (head.id == id)
            return head.result;
        // Somebody else's: a call that was given up, or one that a signal handler broke into.
        if (k->fd >= 0)
            sok_reals()->close(k->fd);
        c->stash[c->stash_at].id = head.id;
        c->stash[c->stash_at].result = head.result;
        c->stash_at = (c->stash_at + 1) % STASH;
    }
}

static uint32_t new_id(struct channel *c)
{
    return ++c->next_id ? c->next_id : ++c->next_id;
}

// A connect() that is waited for no more goes on, and SO_ERROR will tell how it ended: so the host must know
// that nobody has heard it. r, unless the end has come meanwhile.
static int32_t give_up(struct channel *c, uint32_t id, const struct call *k, int32_t r)
{
    struct call end = {.op = SOK_CALLS_CONNECT, .cookie = k->cookie, .fd = -1};
    uint32_t end_id = new_id(c);
    int32_t result;
    end.a = SOK_CALLS_CONNECT_GIVE_UP;
    if (!send_call(c, end_id, &end))
        return -ENETDOWN;
    wait_answer(c, end_id, &end);
    return stashed(c, id, &result) && result != -ECANCELED ? result : r;
}

static int32_t ask_on(struct channel *c, struct call *k)
{
    uint32_t id = new_id(c);
    k->fd = -1;
    if (!send_call(c, id, k))
        return -ENETDOWN;
    int32_t r = wait_answer(c, id, k);
    return k->given_up ? give_up(c, id, k, r) : r;
}

static void hello(void)
{
    struct sok_calls_welcome w;
    struct call k = {.op = SOK_CALLS_HELLO,
        .a = SOK_CALLS_VERSION,
        .b = getpid(),
        .bytes = program_invocation_short_name,
        .len = (uint32_t)strlen(program_invocation_short_name),
        .reply = &w,
        .reply_max = sizeof(w)};
    struct channel *c = channel();
    if (!c || ask_on(c, &k) < 0 || k.reply_len != sizeof(w))
        return;
    host.there = true;
    host.loopback = w.loopback;
    sok_tracing = w.trace;
}

static void begin(void)
{
    sok_process_mine();
    pthread_key_create(&host.key, thread_ends);
    pthread_atfork(fork_prepare, fork_parent, fork_child);
    read_environment();
    if (host.path[0])
        hello();
}

bool sok_host_there(void)
{
    pthread_once(&host.once, begin);
    return host.there;
}

bool sok_host_has_loopback(void)
{
    return host.loopback;
}

int32_t sok_ask(struct call *k)
{
    sigset_t all, before;
    if (!sok_host_there())
        return -ENETDOWN;
    sigfillset(&all);
    if (!k->wait)
        pthread_sigmask(SIG_BLOCK, &all, &before);
    int saved = errno;
    struct channel *c = channel();
    int32_t r = c ? ask_on(c, k) : -ENETDOWN;
    errno = saved;
    if (!k->wait)
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}
