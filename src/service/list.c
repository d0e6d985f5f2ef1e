// What `sockeye ss` asks: rows of the host's sockets with whose they are, one ended, the host in a few lines.
// No memory is taken.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "calls/rows.h"
#include "host/census.h"
#include "service/internal.h"

// Who asked for the socket; who has it later is found by its inode.
void sok_served_own(struct served *e, const struct channel *c)
{
    struct ucred who;
    socklen_t len = sizeof(who);
    e->pid = c->pid;
    snprintf(e->program, sizeof(e->program), "%.15s", c->program);
    if (getsockopt(c->lf.fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0)
        e->uid = who.uid;
}

void sok_served_inherit(struct served *e, const struct served *from)
{
    e->pid = from->pid;
    e->uid = from->uid;
    memcpy(e->program, from->program, sizeof(e->program));
}

uint64_t sok_inode_of(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

// A listener is ahead of its program by connections that are in the pair already.
static void put_owner(void *ctx, const struct sok_socket *s, struct sok_row *row)
{
    const struct served *e = s->owner;
    (void)ctx;
    if (!e)
        return;
    row->inode = e->inode;
    row->cookie = e->cookie;
    row->pid = e->pid;
    row->uid = e->uid;
    row->flags |= SOK_ROW_OWNER;
    memcpy(row->program, e->program, sizeof(row->program));
    if (row->state == SOK_ROW_LISTEN && e->backlog > 0) {
        row->recv_queue += e->pushed;
        row->send_queue = e->backlog - 1;
    }
    if (e->bridge)
        row->send_queue += sok_bridge_unsent(e->bridge);
}

void sok_serve_list(struct sok_service *v, struct request *r)
{
    struct sok_row rows[SOK_CALLS_BYTES_MAX / sizeof(struct sok_row)];
    unsigned n = sok_host_census(
        v->host, (uint32_t)r->head->a, rows, sizeof(rows) / sizeof(rows[0]), put_owner, v);
    memcpy(r->reply, rows, n * sizeof(rows[0]));
    r->reply_len = (uint32_t)(n * sizeof(rows[0]));
    r->result = (int32_t)n;
}

// accept() of a listener's program waits for what comes through the pair: its end is EINVAL.
static void end_accept(const struct sok_host *host, uint32_t id)
{
    const struct sok_sock *sock = sok_stack_sock(host->stack, id);
    const struct sok_socket *s = sock ? sock->user : NULL;
    const struct served *e = s ? s->owner : NULL;
    if (e && e->kind == SOK_CALLS_LISTENER && e->lf.fd >= 0)
        shutdown(e->lf.fd, SHUT_WR);
}

void sok_serve_kill(struct sok_service *v, struct request *r)
{
    int err = sok_host_kill(v->host, (uint32_t)r->head->a);
    if (err == 0)
        end_accept(v->host, (uint32_t)r->head->a);
    r->result = err < 0 ? -sok_errno(err) : 0;
}

static size_t put_link(const struct sok_host *host, unsigned link, char *out, size_t room)
{
    const struct sok_link_info *info = sok_stack_link(host->stack, (uint8_t)link);
    char text[SOK_ADDR_TEXT_MAX], addr_text[SOK_ADDR_TEXT_MAX + 4] = "no address";
    struct sok_addr addr;
    unsigned prefix_len;
    if (sok_stack_addr_first(host->stack, (uint8_t)link, &addr, &prefix_len))
        snprintf(addr_text, sizeof(addr_text), "%s/%u", sok_addr_format(addr, text), prefix_len);
    int n = snprintf(out, room, "%s %s mtu %u\n", info->name, addr_text, info->mtu);
    return n > 0 && (size_t)n < room ? (size_t)n : 0;
}

void sok_serve_about(struct sok_service *v, struct request *r)
{
    size_t at = 0;
    for (unsigned link = 1; sok_stack_link(v->host->stack, (uint8_t)link); link++)
        at += put_link(v->host, link, (char *)r->reply + at, sizeof(r->reply) - at);
    r->reply_len = (uint32_t)at;
}
