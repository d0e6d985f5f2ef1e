// Doors and channels. A door is a connection to the listening socket: what comes over it are channels, each
// the end of a pair. A channel carries requests; each is answered at once, or later (struct ask).
#include "calls/descriptor.h"
#include "service/internal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <sockeye/names.h>
#include "base/container.h"

#define READS_MAX 64 // packets of one channel in one turn

static struct channel *channel_take(struct sok_service *v)
{
    struct channel *c = v->channel_count < CHANNELS_MAX ? calloc(1, sizeof(*c)) : NULL;
    for (unsigned i = 0; i < SPARES && !c; i++)
        c = v->spares[i].service ? NULL : &v->spares[i];
    return c;
}

static void channel_give(struct sok_service *v, struct channel *c)
{
    if (c >= v->spares && c < v->spares + SPARES)
        *c = (struct channel){.service = NULL};
    else
        free(c);
}

// What was asked over it is not wanted any more.
static void forget_asks(struct channel *c)
{
    while (c->asks) {
        struct ask *a = c->asks;
        c->asks = a->next;
        a->channel = NULL;
        a->next = a->prev = NULL;
        if (a->lookup) { // else whom it waits for has it
            sok_lookup_cancel(a->lookup);
            free(a);
        }
    }
}

static void unsent_free(struct unsent *u)
{
    if (u->fd >= 0)
        close(u->fd);
    free(u);
}

static void channel_free(struct channel *c)
{
    struct sok_service *v = c->service;
    sok_trace_gone(c);
    forget_asks(c);
    while (c->unsent) {
        struct unsent *u = c->unsent;
        c->unsent = u->next;
        unsent_free(u);
    }
    if (c->prev)
        c->prev->next = c->next;
    else
        v->channels = c->next;
    if (c->next)
        c->next->prev = c->prev;
    v->channel_count--;
    sok_loop_remove(v->host->loop, &c->lf);
    close(c->lf.fd);
    channel_give(v, c);
    if (v->deaf)
        sok_loop_change(v->host->loop, &v->door, EPOLLIN);
    v->deaf = false;
}

// fd is the channel's, also on failure.
static void channel_new(
    struct sok_service *v, int fd, void (*ready)(struct sok_loop_fd *lf, uint32_t epoll_events))
{
    struct channel *c = channel_take(v);
    if (!c) {
        close(fd);
        return;
    }
    c->service = v;
    c->lf.ready = ready;
    if (sok_loop_add(v->host->loop, &c->lf, fd, EPOLLIN) < 0) {
        close(fd);
        channel_give(v, c);
        return;
    }
    c->next = v->channels;
    if (c->next)
        c->next->prev = c;
    v->channels = c;
    v->channel_count++;
}

// ---- answers ----

// False: there is no room for it now.
static bool send_answer(int to, const void *bytes, size_t len, int fd)
{
    union sok_one_descriptor control;
    struct iovec iov = {(void *)(uintptr_t)bytes, len};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fd >= 0)
        sok_one_descriptor_put(&control, &m, fd);
    return sendmsg(to, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || errno != EAGAIN;
}

// An answer must not be lost: its asker would wait for ever. Without memory for it the channel ends.
static void keep_answer(struct channel *c, const uint8_t *bytes, size_t len, int fd)
{
    struct unsent *u = malloc(sizeof(*u) + len);
    int copy = u && fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (!u || (fd >= 0 && copy < 0)) {
        free(u);
        shutdown(c->lf.fd, SHUT_RDWR);
        return;
    }
    u->next = NULL;
    u->fd = copy;
    u->len = (uint32_t)len;
    memcpy(u->bytes, bytes, len);
    if (!c->unsent)
        c->unsent_end = &c->unsent;
    *c->unsent_end = u;
    c->unsent_end = &u->next;
    sok_loop_change(c->service->host->loop, &c->lf, EPOLLOUT);
}

static void reply(struct channel *c, const struct sok_calls_reply *head, const void *bytes, int fd)
{
    uint8_t packet[sizeof(*head) + SOK_CALLS_BYTES_MAX];
    memcpy(packet, head, sizeof(*head));
    if (head->len > 0)
        memcpy(packet + sizeof(*head), bytes, head->len);
    size_t len = sizeof(*head) + head->len;
    if (c->unsent || !send_answer(c->lf.fd, packet, len, fd))
        keep_answer(c, packet, len, fd);
}

static void send_unsent(struct channel *c)
{
    while (c->unsent && send_answer(c->lf.fd, c->unsent->bytes, c->unsent->len, c->unsent->fd)) {
        struct unsent *u = c->unsent;
        c->unsent = u->next;
        unsent_free(u);
    }
    if (!c->unsent)
        sok_loop_change(c->service->host->loop, &c->lf, EPOLLIN);
}

struct ask *sok_ask_later(struct request *r)
{
    struct channel *c = r->channel;
    struct ask *a = c->ask_count < ASKS_MAX ? calloc(1, sizeof(*a)) : NULL;
    if (!a) {
        r->result = c->ask_count < ASKS_MAX ? -ENOMEM : -ENOBUFS;
        return NULL;
    }
    a->channel = c;
    a->id = r->head->id;
    a->next = c->asks;
    if (a->next)
        a->next->prev = a;
    c->asks = a;
    c->ask_count++;
    r->later = true;
    return a;
}

void sok_ask_answer(struct ask *a, int32_t result, const void *bytes, uint32_t len)
{
    struct channel *c = a->channel;
    if (c) {
        struct sok_calls_reply head = {a->id, result, len};
        if (a->prev)
            a->prev->next = a->next;
        else
            c->asks = a->next;
        if (a->next)
            a->next->prev = a->prev;
        c->ask_count--;
        if (a->id)
            reply(c, &head, bytes, -1);
    }
    free(a);
}

bool sok_ask_answer_all(struct ask **list, int32_t first, int32_t others)
{
    bool heard = false;
    while (*list) {
        struct ask *a = *list;
        bool there = a->channel;
        *list = a->also;
        sok_ask_answer(a, heard ? others : first, NULL, 0);
        heard = heard || there;
    }
    return heard;
}

// ---- requests ----

static void serve(struct channel *c, const struct sok_calls_request *head, const uint8_t *bytes)
{
    struct request r = {.channel = c, .head = head, .bytes = bytes, .fd = -1};
    sok_serve_request(c->service, &r);
    if (!r.later && head->id) {
        struct sok_calls_reply answer = {head->id, r.result, r.reply_len};
        reply(c, &answer, r.reply, r.result < 0 ? -1 : r.fd);
    }
    if (r.fd >= 0)
        close(r.fd);
}

static void channel_ready(struct sok_loop_fd *lf, uint32_t events)
{
    struct channel *c = (struct channel *)lf;
    union {
        struct sok_calls_request head;
        uint8_t bytes[sizeof(struct sok_calls_request) + SOK_CALLS_BYTES_MAX];
    } packet;
    if (c->unsent && (events & (EPOLLHUP | EPOLLERR))) {
        channel_free(c);
        return;
    }
    if (c->unsent)
        send_unsent(c);
    for (unsigned i = 0; i < READS_MAX && !c->unsent; i++) {
        ssize_t n = recv(lf->fd, &packet, sizeof(packet), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        // Its end, or somebody who does not speak the language.
        if (n < (ssize_t)sizeof(packet.head) ||
            packet.head.len != (size_t)n - sizeof(packet.head)) {
            channel_free(c);
            return;
        }
        serve(c, &packet.head, packet.bytes + sizeof(packet.head));
    }
}

// ---- doors ----

// The descriptor that came; -1: none. *end: the door is closed. There is room for exactly one: CMSG_SPACE()
// rounds up to two, and the second would stay with us.
static int take_descriptor(int door, bool *end)
{
    union sok_one_descriptor control;
    char byte;
    struct iovec iov = {&byte, 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    sok_one_descriptor_room(&control, &m);
    ssize_t n = recvmsg(door, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    *end = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
    return n > 0 ? sok_one_descriptor_get(&m) : -1;
}

static void door_ready(struct sok_loop_fd *lf, uint32_t events)
{
    (void)events;
    struct channel *c = (struct channel *)lf;
    bool end;
    int fd = take_descriptor(lf->fd, &end);
    if (fd >= 0)
        channel_new(c->service, fd, channel_ready);
    if (end)
        channel_free(c);
}

// Out of descriptors: who waits at the door would keep us awake. With the one in reserve he is let in and out.
static void turn_away(struct sok_service *v)
{
    if (v->reserve >= 0)
        close(v->reserve);
    int fd = accept4(v->door.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        close(fd);
    v->reserve = fcntl(v->door.fd, F_DUPFD_CLOEXEC, 0);
    v->deaf = fd < 0 || v->reserve < 0;
    if (v->deaf)
        sok_loop_change(v->host->loop, &v->door, 0);
}

static void somebody_comes(struct sok_loop_fd *lf, uint32_t events)
{
    (void)events;
    struct sok_service *v = SOK_CONTAINER_OF(lf, struct sok_service, door);
    int fd = accept4(lf->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        channel_new(v, fd, door_ready);
    else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
        turn_away(v);
}

// ---- the service ----

int sok_service_new(
    struct sok_host *host, const struct sok_service_config *config, struct sok_service **out)
{
    struct sok_service *v = calloc(1, sizeof(*v));
    if (!v) {
        close(config->door_fd);
        return SOK_ENOMEM;
    }
    v->host = host;
    v->loopback = config->loopback;
    v->trace = config->trace;
    sok_map_init(&v->sockets, &host->mem);
    v->door.ready = somebody_comes;
    int r = sok_loop_add(host->loop, &v->door, config->door_fd, EPOLLIN);
    if (r < 0) {
        close(config->door_fd);
        free(v);
        return r;
    }
    v->reserve = fcntl(config->door_fd, F_DUPFD_CLOEXEC, 0);
    *out = v;
    return 0;
}

void sok_service_free(struct sok_service *v)
{
    if (!v)
        return;
    while (v->channels)
        channel_free(v->channels);
    sok_served_free_all(v);
    sok_map_free(&v->sockets);
    sok_loop_remove(v->host->loop, &v->door);
    close(v->door.fd);
    if (v->reserve >= 0)
        close(v->reserve);
    free(v);
}

bool sok_service_used(const struct sok_service *v)
{
    return v->channels != NULL;
}

bool sok_service_stopped(const struct sok_service *v)
{
    return v->stopped;
}
