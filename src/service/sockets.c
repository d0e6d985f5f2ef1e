// The sockets of programs, by cookie. One whose stream has ended is kept for a while, since its program may
// still ask why.
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/container.h"
#include "service/internal.h"

uint64_t sok_cookie_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof(cookie);
    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

struct served *sok_served_new(struct sok_service *v, int program_fd)
{
    uint64_t cookie = sok_cookie_of(program_fd);
    struct served *e = cookie && v->socket_count < SOCKETS_MAX ? calloc(1, sizeof(*e)) : NULL;
    if (!e)
        return NULL;
    e->service = v;
    e->cookie = cookie;
    e->inode = sok_inode_of(program_fd);
    e->lf.fd = e->memory = -1;
    e->posix.domain = AF_INET;
    e->next = v->live;
    if (e->next)
        e->next->prev = e;
    v->live = e;
    v->socket_count++;
    sok_map_add(&v->sockets, &e->node, cookie);
    return e;
}

struct served *sok_served_find(struct sok_service *v, uint64_t cookie)
{
    for (struct sok_map_node *n = sok_map_first(&v->sockets, cookie); n; n = sok_map_next(n)) {
        struct served *e = SOK_CONTAINER_OF(n, struct served, node);
        if (e->cookie == cookie)
            return e;
    }
    return NULL;
}

static void unlink_live(struct served *e)
{
    if (e->prev)
        e->prev->next = e->next;
    else
        e->service->live = e->next;
    if (e->next)
        e->next->prev = e->prev;
    e->next = e->prev = NULL;
    e->service->socket_count--;
}

// Its end of a pair, if it has one of its own, and what waits for it.
static void let_go(struct served *e, int error)
{
    if (sok_ask_answer_all(
            &e->connecting, error ? -sok_errno(error) : -ECONNABORTED, -ECONNABORTED))
        e->error = 0; // told
    if (e->lf.fd >= 0) {
        sok_loop_remove(e->service->host->loop, &e->lf);
        close(e->lf.fd);
        e->lf.fd = -1;
    }
    sok_serve_packets_free(e);
}

void sok_served_free(struct served *e)
{
    struct sok_service *v = e->service;
    unlink_live(e);
    let_go(e, 0);
    sok_close(e->s);
    sok_map_remove(&v->sockets, &e->node);
    free(e);
}

static void forget_oldest(struct sok_service *v)
{
    struct served *e = v->ended_last;
    v->ended_last = e->prev;
    if (e->prev)
        e->prev->next = NULL;
    else
        v->ended = NULL;
    v->ended_count--;
    sok_map_remove(&v->sockets, &e->node);
    free(e);
}

void sok_served_ended(struct served *e, int error)
{
    struct sok_service *v = e->service;
    const struct sok_socket *s = sok_served_socket(e);
    if (s) {
        sok_getsockname(s, &e->local);
        sok_getpeername(s, &e->remote);
    }
    e->bridge = NULL;
    e->error = error;
    let_go(e, error);
    unlink_live(e);
    if (v->ended_count == ENDED_MAX)
        forget_oldest(v);
    e->next = v->ended;
    if (e->next)
        e->next->prev = e;
    else
        v->ended_last = e;
    v->ended = e;
    v->ended_count++;
}

struct sok_socket *sok_served_socket(const struct served *e)
{
    return e->bridge ? sok_bridge_socket(e->bridge) : e->s;
}

bool sok_serve_reap(struct sok_service *v)
{
    bool some = false;
    for (struct served *e = v->live, *next; e; e = next) {
        struct pollfd p = {.fd = e->bridge ? sok_bridge_pair(e->bridge) : e->lf.fd};
        next = e->next;
        bool idle =
            !e->bridge || !sok_served_socket(e)->dialled; // else what it wrote is to be delivered
        if (!idle || p.fd < 0 || poll(&p, 1, 0) != 1 || !(p.revents & POLLHUP))
            continue;
        some = true;
        if (e->kind == SOK_CALLS_DGRAM) // what it sent before
            sok_serve_packets_rest(e);
        if (e->bridge)
            sok_bridge_drop(e->bridge);
        else
            sok_served_free(e);
    }
    return some;
}

void sok_served_free_all(struct sok_service *v)
{
    while (v->live) {
        struct served *e = v->live;
        // A bridge goes with its host.
        if (e->bridge)
            sok_bridge_tell(e->bridge, NULL, NULL);
        sok_served_free(e);
    }
    while (v->ended)
        forget_oldest(v);
}
