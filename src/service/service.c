// Doors and channels. A door is a connection to the listening socket: what comes over it are channels, each
// the end of a pair. A channel carries requests; each is answered at once, or later (struct ask).
#include "service/internal.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
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

static void channel_free(struct channel *c)
{
    struct sok_service *v = c->service;
    sok_trace_gone(c);
    for (struct ask *a = c->asks; a; a = a->next)
        a->channel = NULL;
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

static void reply(
    const struct channel *c, const struct sok_calls_reply *head, const void *bytes, int fd)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.space = {0}};
    struct iovec iov[2] = {
        {.iov_base = (void *)(uintptr_t)head, .iov_len = sizeof(*head)},
        {.iov_base = (void *)(uintptr_t)bytes, .iov_len = head->len},
    };
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    if (fd >= 0) {
        m.msg_control = control.space;
        m.msg_controllen = sizeof(control.space);
        struct cmsghdr *cm = CMSG_FIRSTHDR(&m);
        cm->cmsg_level = SOL_SOCKET;
        cm->cmsg_type = SCM_RIGHTS;
        cm->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
    }
    // One that is not read does without: nobody waits for a program.
    sendmsg(c->lf.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

struct ask *sok_ask_later(struct request *r)
{
    struct ask *a = calloc(1, sizeof(*a));
    if (!a) {
        r->result = -ENOMEM;
        return NULL;
    }
    a->channel = r->channel;
    a->id = r->head->id;
    a->next = a->channel->asks;
    if (a->next)
        a->next->prev = a;
    a->channel->asks = a;
    r->later = true;
    return a;
}

void sok_ask_answer(struct ask *a, int32_t result, const void *bytes, uint32_t len)
{
    if (a->channel) {
        struct sok_calls_reply head = {a->id, result, len};
        reply(a->channel, &head, bytes, -1);
        if (a->prev)
            a->prev->next = a->next;
        else
            a->channel->asks = a->next;
    } else if (a->prev) {
        a->prev->next = a->next;
    }
    if (a->next)
        a->next->prev = a->prev;
    free(a);
}

// ---- requests ----

static void serve(struct channel *c, const struct sok_calls_request *head, const uint8_t *bytes)
{
    struct request r = {.channel = c, .head = head, .bytes = bytes, .fd = -1};
    sok_serve_request(c->service, &r);
    if (!r.later && head->id) {
        struct sok_calls_reply answer = {head->id, r.result, r.reply_len};
        reply(c, &answer, r.reply, r.fd);
    }
    if (r.fd >= 0)
        close(r.fd);
}

static void channel_ready(struct sok_loop_fd *lf, uint32_t events)
{
    (void)events;
    struct channel *c = (struct channel *)lf;
    union {
        struct sok_calls_request head;
        uint8_t bytes[sizeof(struct sok_calls_request) + SOK_CALLS_BYTES_MAX];
    } packet;
    for (unsigned i = 0; i < READS_MAX; i++) {
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

// The descriptor that came; -1: none. *end: the door is closed.
static int take_descriptor(int door, bool *end)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    char byte;
    struct iovec iov = {&byte, 1};
    struct msghdr m = {.msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.space,
        .msg_controllen = sizeof(control.space)};
    ssize_t n = recvmsg(door, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    *end = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
    const struct cmsghdr *cm = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    int fd = -1;
    if (cm && cm->cmsg_level == SOL_SOCKET && cm->cmsg_type == SCM_RIGHTS &&
        cm->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(&fd, CMSG_DATA(cm), sizeof(fd));
    return fd;
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

static void somebody_comes(struct sok_loop_fd *lf, uint32_t events)
{
    (void)events;
    struct sok_service *v = SOK_CONTAINER_OF(lf, struct sok_service, door);
    int fd = accept4(lf->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        channel_new(v, fd, door_ready);
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
