// Other descriptors in the loop, for programs that have more to wait for than packets.
#include <stdlib.h>
#include <sys/epoll.h>
#include "host/host.h"

struct sok_watch {
    struct sok_loop_fd lf; // first
    sok_watch_fn fn;
    void *ctx;
    struct sok_watch *next;
};

static void watch_ready(struct sok_loop_fd *lf, uint32_t events)
{
    const struct sok_watch *w = (const struct sok_watch *)lf;
    unsigned ready = 0;
    if (events & (EPOLLIN | EPOLLRDHUP))
        ready |= SOK_POLL_IN;
    if (events & EPOLLOUT)
        ready |= SOK_POLL_OUT;
    if (events & EPOLLERR)
        ready |= SOK_POLL_ERROR;
    if (events & EPOLLHUP)
        ready |= SOK_POLL_HUP;
    w->fn(w->ctx, lf->fd, ready);
}

static struct sok_watch **find(struct sok_host *host, int fd)
{
    struct sok_watch **at = &host->watches;
    while (*at && (*at)->lf.fd != fd)
        at = &(*at)->next;
    return at;
}

int sok_host_watch(struct sok_host *host, int fd, unsigned want, sok_watch_fn fn, void *ctx)
{
    uint32_t events = 0;
    if (want & SOK_POLL_IN)
        events |= EPOLLIN;
    if (want & SOK_POLL_OUT)
        events |= EPOLLOUT;
    struct sok_watch *w = *find(host, fd);
    if (w) {
        w->fn = fn;
        w->ctx = ctx;
        return sok_loop_change(host->loop, &w->lf, events);
    }
    w = calloc(1, sizeof(*w));
    if (!w)
        return SOK_ENOMEM;
    w->lf.ready = watch_ready;
    w->fn = fn;
    w->ctx = ctx;
    int err = sok_loop_add(host->loop, &w->lf, fd, events);
    if (err) {
        free(w);
        return err;
    }
    w->next = host->watches;
    host->watches = w;
    return 0;
}

void sok_host_unwatch(struct sok_host *host, int fd)
{
    struct sok_watch **at = find(host, fd), *w = *at;
    if (!w)
        return;
    *at = w->next;
    sok_loop_remove(host->loop, &w->lf);
    free(w);
}

void sok_host_watches_free(struct sok_host *host)
{
    while (host->watches)
        sok_host_unwatch(host, host->watches->lf.fd);
}
