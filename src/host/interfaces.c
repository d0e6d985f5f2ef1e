#include "host/interfaces.h"
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "host/host.h"

// In between the descriptor only wakes the loop, which looks for other things in all its turns.
#define SOONEST (50 * SOK_MS)

void sok_host_on_link(struct sok_host *host, void (*fn)(void *ctx, const char *line), void *ctx)
{
    host->interfaces.tell = fn;
    host->interfaces.tell_ctx = ctx;
}

bool sok_host_cut_off(const struct sok_host *host)
{
    for (unsigned i = 0; i < host->wire_count; i++)
        if (!host->wires[i]->down)
            return false;
    return host->wire_count > 0;
}

// "eth0", of "share:eth0".
static const char *interface_name(const struct sok_host_wire *w)
{
    const char *name = w->link->info.name, *colon = strchr(name, ':');
    return colon ? colon + 1 : name;
}

static void __attribute__((format(printf, 2, 3)))
tell(struct sok_host *host, const char *format, ...)
{
    char line[SOK_HOST_ERR_MAX];
    va_list args;
    if (!host->interfaces.tell)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    host->interfaces.tell(host->interfaces.tell_ctx, line);
}

void sok_host_interface_gone(struct sok_host *host, struct sok_host_wire *w)
{
    sok_stack_link_over(host->stack, w->index, sok_host_now(host));
    tell(host, "%s is gone: connections over it have ended", interface_name(w));
}

// Up and connected, as the kernel says ("operational state up", RFC 2863).
static void moved(struct sok_host *host, unsigned index, bool up)
{
    for (unsigned i = 0; i < host->wire_count; i++) {
        struct sok_host_wire *w = host->wires[i];
        if (w->link->interface != index || w->down || w->paused == !up)
            continue;
        w->paused = !up;
        if (up)
            tell(host, "%s is up again", interface_name(w));
        else
            tell(host, "%s is down: waiting until it is up again (ip link set %s up)",
                interface_name(w), interface_name(w));
    }
}

static int take(const struct nlmsghdr *h, void *ctx)
{
    const struct ifinfomsg *info = mnl_nlmsg_get_payload(h);
    if (h->nlmsg_type == RTM_NEWLINK && mnl_nlmsg_get_payload_len(h) >= sizeof(*info))
        moved(ctx, (unsigned)info->ifi_index,
            (info->ifi_flags & IFF_UP) && (info->ifi_flags & IFF_RUNNING));
    return MNL_CB_OK;
}

void sok_host_interfaces_look(struct sok_host *host, int64_t now)
{
    struct sok_host_interfaces *s = &host->interfaces;
    char buffer[16384]; // more than the kernel puts into one message of this kind
    if (!s->open || now < s->next_look)
        return;
    s->next_look = now + SOONEST;
    for (unsigned i = 0; i < 64; i++) {
        ssize_t n = recv(s->lf.fd, buffer, sizeof(buffer), MSG_DONTWAIT);
        if (n <= 0) // also when some were lost (ENOBUFS): the next will come
            return;
        mnl_cb_run(buffer, (size_t)n, 0, 0, take, host);
    }
}

void sok_host_interfaces_watch(struct sok_host *host)
{
    struct sok_host_interfaces *s = &host->interfaces;
    struct sockaddr_nl at = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
    if (s->open)
        return;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return;
    if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
        sok_loop_add(host->loop, &s->lf, fd, EPOLLIN) < 0) {
        close(fd);
        return;
    }
    s->open = true;
}

void sok_host_interfaces_free(struct sok_host *host)
{
    struct sok_host_interfaces *s = &host->interfaces;
    if (!s->open)
        return;
    sok_loop_remove(host->loop, &s->lf);
    close(s->lf.fd);
    s->open = false;
}
