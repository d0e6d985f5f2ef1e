// Which descriptors are the host's. Pages of entries, made when a descriptor in them is one; a page stays.
// The kind is read without the lock, since every read() and write() of the program asks for it.
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "preload/preload.h"

#define PAGE_SIZE  256
#define PAGE_COUNT 4096 // descriptors up to 1,048,576, the most that RLIMIT_NOFILE usually allows

struct page {
    _Atomic uint8_t kinds[PAGE_SIZE], states[PAGE_SIZE]; // of the entries, for who must be quick
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

enum kind table_kind(int fd)
{
    const struct page *p = page_of(fd);
    if (!p)
        return KIND_UNKNOWN;
    return (enum kind)atomic_load_explicit(&p->kinds[fd % PAGE_SIZE], memory_order_relaxed);
}

enum sok_calls_state table_state(int fd)
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
    *at = *e;
    publish(p, fd);
}

void table_set(int fd, const struct entry *e)
{
    pthread_mutex_lock(&lock);
    write_entry(fd, e);
    pthread_mutex_unlock(&lock);
}

void table_clear(int fd, enum kind kind)
{
    struct entry none = {.kind = (uint8_t)kind};
    if (table_kind(fd) != kind)
        table_set(fd, &none);
}

void table_copy(int from, int to)
{
    if (table_kind(from) <= KIND_OTHER) {
        table_clear(to, table_kind(from));
        return;
    }
    pthread_mutex_lock(&lock);
    struct entry e = page_of(from)->entries[from % PAGE_SIZE];
    e.early = NULL; // the first one has them
    for (unsigned i = 0; i < EPOLLS_MAX; i++)
        e.epolls[i].epfd = -1;
    write_entry(to, &e);
    pthread_mutex_unlock(&lock);
}

void table_change(
    int fd, uint64_t cookie, void (*change)(struct entry *e, const void *with), const void *with)
{
    if (table_kind(fd) <= KIND_OTHER)
        return;
    pthread_mutex_lock(&lock);
    struct page *p = page_of(fd);
    struct entry *e = &p->entries[fd % PAGE_SIZE];
    if (e->cookie == cookie) {
        change(e, with);
        publish(p, fd);
    }
    pthread_mutex_unlock(&lock);
}

void table_fork_lock(void)
{
    pthread_mutex_lock(&lock);
}

void table_fork_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

// ---- looking ----

static uint64_t unix_cookie(int fd)
{
    int domain = 0;
    uint64_t cookie = 0;
    socklen_t len = sizeof(domain);
    if (k_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 || domain != AF_UNIX)
        return 0;
    len = sizeof(cookie);
    return k_getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) < 0 ? 0 : cookie;
}

static void look(int fd)
{
    int saved = errno;
    struct sok_calls_socket s;
    struct call c = {.op = SOK_CALLS_LOOK, .reply = &s, .reply_max = sizeof(s)};
    struct entry e = {.kind = KIND_OTHER};
    c.cookie = unix_cookie(fd);
    if (c.cookie && ask(&c) == 0 && c.reply_len == sizeof(s)) {
        e = (struct entry){
            .cookie = s.cookie,
            .kind = (uint8_t)(2 + s.kind),
            .state = s.state,
            .bound = s.bound,
            .connected = s.connected,
            .domain = s.domain,
            .type = s.type,
            .protocol = s.protocol,
            .epolls = {{.epfd = -1}, {.epfd = -1}},
        };
    }
    table_set(fd, &e);
    errno = saved;
}

void table_received(int fd)
{
    if (host_there())
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

bool table_again(int fd, struct entry *out)
{
    struct sok_calls_socket s;
    struct call c = {.op = SOK_CALLS_LOOK, .reply = &s, .reply_max = sizeof(s)};
    if (!table_get(fd, false, out))
        return false;
    c.cookie = out->cookie;
    if (ask(&c) == 0 && c.reply_len == sizeof(s))
        table_change(fd, out->cookie, now_as, &s);
    return table_get(fd, false, out);
}

bool table_get(int fd, bool want_look, struct entry *out)
{
    enum kind kind = table_kind(fd);
    if (kind == KIND_UNKNOWN && want_look && fd >= 0 && host_there()) {
        look(fd);
        kind = table_kind(fd);
    }
    if (kind <= KIND_OTHER)
        return false;
    pthread_mutex_lock(&lock);
    *out = page_of(fd)->entries[fd % PAGE_SIZE];
    pthread_mutex_unlock(&lock);
    return out->kind > KIND_OTHER;
}

// What a program begins with: descriptors that came through exec.
__attribute__((constructor)) static void look_at_all(void)
{
    DIR *dir = host_there() ? opendir("/proc/self/fd") : NULL;
    if (!dir)
        return;
    for (const struct dirent *d; (d = readdir(dir));) {
        int fd = atoi(d->d_name);
        if (fd != dirfd(dir) && d->d_name[0] != '.' && !channel_is_ours(fd) && unix_cookie(fd))
            look(fd);
    }
    closedir(dir);
}
