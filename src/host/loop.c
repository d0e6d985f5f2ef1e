#include "host/loop.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>
#include "host/host.h"

int sok_loop_new(bool virtual_time, int64_t start_ns, int64_t spin_ns, struct sok_loop **out)
{
    struct sok_loop *loop = calloc(1, sizeof(*loop));
    if (!loop)
        return SOK_ENOMEM;
    loop->epfd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epfd < 0) {
        free(loop);
        return sok_from_errno(errno);
    }
    loop->virtual_time = virtual_time;
    loop->virtual_now = start_ns;
    loop->spin_ns = spin_ns;
    *out = loop;
    return 0;
}

void sok_loop_leave(struct sok_loop *loop, struct sok_host *host)
{
    for (unsigned i = 0; i < loop->host_count; i++) {
        if (loop->hosts[i] != host)
            continue;
        loop->hosts[i] = loop->hosts[--loop->host_count];
        break;
    }
    if (loop->host_count > 0)
        return;
    assert(!loop->fds);
    while (loop->memories) {
        struct sok_loop_memory *m = loop->memories;
        loop->memories = m->next;
        sok_store_free(&m->store);
        free(m);
    }
    close(loop->epfd);
    free(loop);
}

const struct sok_mem *sok_loop_memory_new(struct sok_loop *loop)
{
    struct sok_loop_memory *m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    m->mem = sok_mem_store(&m->store);
    m->next = loop->memories;
    loop->memories = m;
    return &m->mem;
}

static int epoll_set(struct sok_loop *loop, int op, struct sok_loop_fd *lf)
{
    struct epoll_event ev = {.events = lf->events, .data.ptr = lf};
    return epoll_ctl(loop->epfd, op, lf->fd, &ev) == 0 ? 0 : errno;
}

static void chain(struct sok_loop *loop, struct sok_loop_fd *lf)
{
    lf->prev = NULL;
    lf->next = loop->fds;
    if (lf->next)
        lf->next->prev = lf;
    loop->fds = lf;
    loop->listening += lf->ready != NULL;
    loop->always_count += lf->always && lf->events;
}

static void unchain(struct sok_loop *loop, struct sok_loop_fd *lf)
{
    if (lf->prev)
        lf->prev->next = lf->next;
    else
        loop->fds = lf->next;
    if (lf->next)
        lf->next->prev = lf->prev;
    loop->listening -= lf->ready != NULL;
    loop->always_count -= lf->always && lf->events;
}

int sok_loop_add(struct sok_loop *loop, struct sok_loop_fd *lf, int fd, uint32_t events)
{
    lf->fd = fd;
    lf->events = events;
    lf->always = false;
    int error = events == 0 ? 0 : epoll_set(loop, EPOLL_CTL_ADD, lf);
    if (error == EPERM)
        lf->always = true;
    else if (error)
        return sok_from_errno(error);
    chain(loop, lf);
    return 0;
}

int sok_loop_change(struct sok_loop *loop, struct sok_loop_fd *lf, uint32_t events)
{
    if (lf->events == events)
        return 0;
    uint32_t before = lf->events;
    lf->events = events;
    if (lf->always) {
        loop->always_count -= before != 0;
        loop->always_count += events != 0;
        return 0;
    }
    // Nothing wanted: out of the set, since epoll tells of errors and hang-ups unasked.
    int op = before == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    return sok_from_errno(epoll_set(loop, op, lf));
}

void sok_loop_remove(struct sok_loop *loop, struct sok_loop_fd *lf)
{
    if (!lf->always && lf->events != 0)
        epoll_ctl(loop->epfd, EPOLL_CTL_DEL, lf->fd, NULL);
    unchain(loop, lf);
    for (int i = 0; i < loop->batch_count; i++)
        if (loop->batch[i] == lf)
            loop->batch[i] = NULL;
}

int sok_loop_join(struct sok_loop *into, struct sok_loop *from)
{
    if (into == from)
        return 0;
    if (into->virtual_time != from->virtual_time)
        return SOK_EINVAL;
    if (into->host_count + from->host_count > SOK_LOOP_HOSTS_MAX)
        return SOK_ENOBUFS;
    while (from->fds) {
        struct sok_loop_fd *lf = from->fds;
        unchain(from, lf);
        if (!lf->always && lf->events != 0 && epoll_set(into, EPOLL_CTL_ADD, lf) != 0)
            return SOK_ENOBUFS;
        chain(into, lf);
    }
    for (unsigned i = 0; i < from->host_count; i++) {
        from->hosts[i]->loop = into;
        into->hosts[into->host_count++] = from->hosts[i];
    }
    struct sok_loop_memory **last = &into->memories;
    while (*last)
        last = &(*last)->next;
    *last = from->memories;
    if (into->virtual_now < from->virtual_now)
        into->virtual_now = from->virtual_now;
    close(from->epfd);
    free(from);
    return 0;
}

int64_t sok_loop_now(const struct sok_loop *loop)
{
    if (loop->virtual_time)
        return loop->virtual_now;
    if (loop->in_turn)
        return loop->turn_now;
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * SOK_S + ts.tv_nsec;
}

int64_t sok_loop_deadline(const struct sok_loop *loop)
{
    int64_t first = INT64_MAX;
    for (unsigned i = 0; i < loop->host_count; i++) {
        int64_t due = sok_host_due(loop->hosts[i]);
        if (due < first)
            first = due;
    }
    return loop->again || loop->always_count > 0 ? sok_loop_now(loop) : first;
}

// ready() may remove any descriptor, so what is still to be told lies where sok_loop_remove() sees it.
static unsigned tell(struct sok_loop *loop, const struct epoll_event *ev, int count)
{
    unsigned told = 0;
    loop->batch_count = count;
    for (int i = 0; i < count; i++)
        loop->batch[i] = ev[i].data.ptr;
    for (int i = 0; i < count; i++) {
        struct sok_loop_fd *lf = loop->batch[i];
        if (!lf || !lf->ready)
            continue;
        lf->ready(lf, ev[i].events);
        told++;
    }
    loop->batch_count = 0;
    return told;
}

static unsigned tell_always(struct sok_loop *loop)
{
    struct epoll_event ev[SOK_LOOP_BATCH];
    int count = 0;
    for (struct sok_loop_fd *lf = loop->fds; lf && count < SOK_LOOP_BATCH; lf = lf->next)
        if (lf->always && lf->events)
            ev[count++] = (struct epoll_event){.events = lf->events, .data.ptr = lf};
    return tell(loop, ev, count);
}

static int wait_events(struct sok_loop *loop, struct epoll_event *ev, int64_t timeout_ns)
{
    if (timeout_ns <= 0)
        return epoll_wait(loop->epfd, ev, SOK_LOOP_BATCH, timeout_ns < 0 ? -1 : 0);
    struct timespec ts = {.tv_sec = timeout_ns / SOK_S, .tv_nsec = timeout_ns % SOK_S};
    int n = epoll_pwait2(loop->epfd, ev, SOK_LOOP_BATCH, &ts, NULL);
    if (n >= 0 || errno != ENOSYS)
        return n;
    int64_t ms = (timeout_ns + SOK_MS - 1) / SOK_MS; // a kernel before 5.11
    return epoll_wait(loop->epfd, ev, SOK_LOOP_BATCH, ms < INT32_MAX ? (int)ms : INT32_MAX);
}

// Waits for descriptors (0: only looks) and tells who listens.
static int look(struct sok_loop *loop, int64_t timeout_ns, unsigned *told)
{
    struct epoll_event ev[SOK_LOOP_BATCH];
    int n = wait_events(loop, ev, timeout_ns);
    if (n < 0)
        return errno == EINTR ? 0 : sok_from_errno(errno);
    *told += tell(loop, ev, n);
    return n;
}

// Nothing is to do before a descriptor or the clock says so.
static bool settled(const struct sok_loop *loop)
{
    for (unsigned i = 0; i < loop->host_count; i++)
        if (!sok_host_polled(loop->hosts[i]))
            return false;
    return sok_loop_deadline(loop) > loop->turn_now;
}

static int turn(struct sok_loop *loop, bool looked)
{
    unsigned done = 0;
    if (loop->listening > 0 && !looked) {
        int r = look(loop, 0, &done);
        if (r < 0)
            return r;
    }
    if (loop->always_count > 0)
        done += tell_always(loop);
    loop->turn_now = sok_loop_now(loop);
    loop->in_turn = true;
    for (unsigned i = 0; i < loop->host_count; i++)
        done += sok_host_turn(loop->hosts[i], loop->turn_now);
    loop->again = done > 0 && loop->host_count > 1; // one may have given to another
    loop->settled = settled(loop);
    loop->in_turn = false;
    return (int)(done < INT32_MAX ? done : INT32_MAX);
}

static int step_virtual(struct sok_loop *loop, int64_t timeout_ns)
{
    int64_t end = timeout_ns < 0 ? INT64_MAX : loop->virtual_now + timeout_ns;
    int64_t due = sok_loop_deadline(loop);
    if (due > end || due == INT64_MAX) {
        if (timeout_ns > 0)
            loop->virtual_now = end;
        return 0;
    }
    if (due > loop->virtual_now)
        loop->virtual_now = due;
    int r = turn(loop, false);
    return r == 0 ? 1 : r; // time moved
}

static int sleep_and_turn(struct sok_loop *loop, int64_t now, int64_t end)
{
    int64_t due = sok_loop_deadline(loop);
    if (due > end)
        due = end;
    int64_t wait = due == INT64_MAX ? -1 : due > now ? due - now : 0;
    for (unsigned i = 0; i < loop->host_count; i++)
        sok_views_flush(loop->hosts[i]->views);
    unsigned told = 0;
    int r = look(loop, wait, &told);
    if (r < 0)
        return r;
    int more = turn(loop, true);
    return more < 0 ? more : more + (int)told;
}

int sok_loop_step(struct sok_loop *loop, int64_t timeout_ns)
{
    int r = turn(loop, false);
    if (r != 0 || timeout_ns == 0)
        return r;
    if (loop->virtual_time)
        return step_virtual(loop, timeout_ns);

    int64_t now = sok_loop_now(loop);
    int64_t end = timeout_ns < 0 || timeout_ns > INT64_MAX - now ? INT64_MAX : now + timeout_ns;
    int64_t spin_end = now + loop->spin_ns;
    while (now < spin_end && now < end) {
        r = turn(loop, false);
        if (r != 0)
            return r;
        now = sok_loop_now(loop);
    }
    return sleep_and_turn(loop, now, end);
}

int sok_loop_go_on(struct sok_loop *loop)
{
    if (!loop->settled || loop->virtual_time)
        return sok_loop_step(loop, -1);
    return sleep_and_turn(loop, sok_loop_now(loop), INT64_MAX);
}
