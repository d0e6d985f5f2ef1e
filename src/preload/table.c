// Which descriptors are the host's. Pages of entries, made when a descriptor in them is one; a page stays.
// The kind is read without the lock, since every read() and write() of the program asks for it. So is an
// entry, since a signal handler may come while the lock is held: who changes one counts before and after, and
// who has read while the count was odd or has changed reads again.
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "preload/preload.h"

#define PAGE_SIZE  256
#define PAGE_COUNT 4096 // descriptors up to 1,048,576, the most that RLIMIT_NOFILE usually allows

struct page {
    _Atomic uint8_t kinds[PAGE_SIZE], states[PAGE_SIZE]; // of the entries, for who must be quick
    _Atomic unsigned changes;                            // odd: one is being made
    struct entry entries[PAGE_SIZE];
};

static struct page *_Atomic pages[PAGE_COUNT];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct page *page_of(int fd)
{
    unsigned at = (unsigned)fd / PAGE_SIZE;
    return fd >= 0 && at < PAGE_COUNT ? atomic_load_explicit(&pages[at], memory_order_acquire)
                                      : NULL;
}

// False: the descriptors that this is about are not the table's.
static bool change_begin(sigset_t *before)
{
    sigset_t all;
    if (sok_process_is_guest())
        return false;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, before);
    pthread_mutex_lock(&lock);
    return true;
}

static void change_end(const sigset_t *before)
{
    pthread_mutex_unlock(&lock);
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

static void count_change(struct page *p)
{
    atomic_fetch_add_explicit(&p->changes, 1, memory_order_acq_rel);
    atomic_thread_fence(memory_order_seq_cst);
}

static void read_entry(struct page *p, int fd, struct entry *out)
{
    for (;;) {
        unsigned before = atomic_load_explicit(&p->changes, memory_order_acquire);
        if (before % 2 == 0) {
            *out = p->entries[fd % PAGE_SIZE];
            atomic_thread_fence(memory_order_seq_cst);
            if (atomic_load_explicit(&p->changes, memory_order_relaxed) == before)
                return;
        }
        sched_yield();
    }
}

// With the lock held. NULL: no memory, or no such descriptor.
static struct page *make_page(int fd)
{
    unsigned at = (unsigned)fd / PAGE_SIZE;
    struct page *p = page_of(fd);
    if (p || fd < 0 || at >= PAGE_COUNT)
        return p;
    p = calloc(1, sizeof(*p));
    atomic_store_explicit(&pages[at], p, memory_order_release);
    return p;
}

enum kind sok_table_kind(int fd)
{
    const struct page *p = page_of(fd);
    if (!p)
        return KIND_UNKNOWN;
    return (enum kind)atomic_load_explicit(&p->kinds[fd % PAGE_SIZE], memory_order_relaxed);
}

enum sok_calls_state sok_table_state(int fd)
{
    const struct page *p = page_of(fd);
    if (!p)
        return SOK_CALLS_IDLE;
    return (enum sok_calls_state)atomic_load_explicit(
        &p->states[fd % PAGE_SIZE], memory_order_relaxed);
}

static void publish(struct page *p, int fd)
{
    const struct entry *e = &p->entries[fd % PAGE_SIZE];
    atomic_store_explicit(&p->states[fd % PAGE_SIZE], e->state, memory_order_relaxed);
    atomic_store_explicit(&p->kinds[fd % PAGE_SIZE], e->kind, memory_order_relaxed);
}

static void write_entry(int fd, const struct entry *e)
{
    struct page *p = e->kind == KIND_UNKNOWN ? page_of(fd) : make_page(fd);
    if (!p)
        return;
    struct entry *at = &p->entries[fd % PAGE_SIZE];
    if (at->early && at->early != e->early)
        free(at->early);
    count_change(p);
    *at = *e;
    count_change(p);
    publish(p, fd);
}

void sok_table_set(int fd, const struct entry *e)
{
    sigset_t before;
    if (!change_begin(&before))
        return;
    write_entry(fd, e);
    change_end(&before);
}

void sok_table_clear(int fd, enum kind kind)
{
    struct entry none = {.kind = (uint8_t)kind};
    if (sok_table_kind(fd) != kind)
        sok_table_set(fd, &none);
}

void sok_table_copy(int from, int to)
{
    if (sok_table_kind(from) <= KIND_OTHER) {
        sok_table_clear(to, sok_table_kind(from));
        return;
    }
    sigset_t before;
    if (!change_begin(&before))
        return;
    struct entry e = page_of(from)->entries[from % PAGE_SIZE];
    e.early = NULL; // the first one has them
    for (unsigned i = 0; i < EPOLLS_MAX; i++)
        e.epolls[i].epfd = -1;
    write_entry(to, &e);
    change_end(&before);
}

void sok_table_change(
    int fd, uint64_t cookie, void (*change)(struct entry *e, const void *with), const void *with)
{
    sigset_t before;
    if (sok_table_kind(fd) <= KIND_OTHER || !change_begin(&before))
        return;
    struct page *p = page_of(fd);
    struct entry *e = &p->entries[fd % PAGE_SIZE];
    if (e->cookie == cookie) {
        count_change(p);
        change(e, with);
        count_change(p);
        publish(p, fd);
    }
    change_end(&before);
}

void sok_table_fork_lock(void)
{
    pthread_mutex_lock(&lock);
}

void sok_table_fork_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

// Whoever was changing something is not here.
void sok_table_copied(void)
{
    lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    for (unsigned i = 0; i < PAGE_COUNT; i++) {
        struct page *p = atomic_load(&pages[i]);
        if (p && atomic_load(&p->changes) % 2)
            count_change(p);
    }
}

// ---- looking ----

static uint64_t unix_cookie(int fd)
{
    int domain = 0;
    uint64_t cookie = 0;
    socklen_t len = sizeof(domain);
    if (sok_k_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 || domain != AF_UNIX)
        return 0;
    len = sizeof(cookie);
    return sok_k_getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) < 0 ? 0 : cookie;
}

bool sok_table_is(int fd, uint64_t cookie)
{
    return unix_cookie(fd) == cookie;
}

static void look(int fd)
{
    int saved = errno;
    struct sok_calls_socket s;
    struct call c = {.op = SOK_CALLS_LOOK, .reply = &s, .reply_max = sizeof(s)};
    struct entry e = {.kind = KIND_OTHER};
    c.cookie = unix_cookie(fd);
    if (c.cookie && sok_ask(&c) == 0 && c.reply_len == sizeof(s)) {
        e = (struct entry){
            .cookie = s.cookie,
            .kind = (uint8_t)(2 + s.kind),
            .state = s.state,
            .bound = s.bound,
            .connected = s.connected,
            .domain = s.domain,
            .type = s.type,
            .protocol = s.protocol,
            .ring = s.ring,
            .epolls = {{.epfd = -1}, {.epfd = -1}},
        };
        if (s.ring)
            sok_capture_ring_inherited();
    }
    sok_table_set(fd, &e);
    errno = saved;
}

void sok_table_received(int fd)
{
    if (sok_host_there())
        look(fd);
}

static void now_as(struct entry *e, const void *with)
{
    const struct sok_calls_socket *s = with;
    e->kind = (uint8_t)(2 + s->kind);
    e->state = s->state;
    e->bound = s->bound;
    e->connected = s->connected;
    e->name_len = e->peer_len = 0;
}

bool sok_table_again(int fd, struct entry *out)
{
    struct sok_calls_socket s;
    struct call c = {.op = SOK_CALLS_LOOK, .reply = &s, .reply_max = sizeof(s)};
    if (!sok_table_get(fd, false, out))
        return false;
    c.cookie = out->cookie;
    if (sok_ask(&c) == 0 && c.reply_len == sizeof(s))
        sok_table_change(fd, out->cookie, now_as, &s);
    return sok_table_get(fd, false, out);
}

bool sok_table_get(int fd, bool want_look, struct entry *out)
{
    enum kind kind = sok_table_kind(fd);
    if (kind == KIND_UNKNOWN && want_look && fd >= 0 && sok_host_there()) {
        look(fd);
        kind = sok_table_kind(fd);
    }
    if (kind <= KIND_OTHER)
        return false;
    read_entry(page_of(fd), fd, out);
    return out->kind > KIND_OTHER;
}

// What a program begins with: descriptors that came through exec.
__attribute__((constructor)) static void look_at_all(void)
{
    DIR *dir = sok_host_there() ? opendir("/proc/self/fd") : NULL;
    if (!dir)
        return;
    for (const struct dirent *d; (d = readdir(dir));) {
        int fd = atoi(d->d_name);
        if (fd != dirfd(dir) && d->d_name[0] != '.' && !sok_channel_is_ours(fd) && unix_cookie(fd))
            look(fd);
    }
    closedir(dir);
}
