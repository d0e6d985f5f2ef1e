// Frames between links and the stack: what came is all fed before anything is pulled (MUST-59), both
// bounded per turn, so that no link and no direction starves another.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include "host/host.h"
#include "host/names.h"

#define IN_MAX  256 // frames taken from one link in a turn; above OUT_MAX: each may be acknowledged
#define OUT_MAX 128 // frames given to one link in a turn
// Bytes taken from one link in a turn, about: what arrived is to be acknowledged within a millisecond,
// and the bridges have to move it first.
#define IN_BYTES (1 << 20)

static void show_frame(const struct sok_host_wire *w, const struct sok_iov *iov, unsigned count,
    uint32_t len, const struct sok_frame_meta *meta, bool out, int64_t now)
{
    struct sok_view_frame f = {
        .now = now,
        .link = w->index,
        .out = out,
        .info = &w->link->info,
        .iov = iov,
        .iov_count = count,
        .len = len,
        .meta = *meta,
    };
    sok_views_frame(w->host->views, &f);
}

static void wire_over(struct sok_host_wire *w)
{
    if (w->down)
        return;
    w->down = true;
    w->holding = false;
    if (w->link->fd >= 0)
        sok_loop_change(w->host->loop, &w->lf, 0);
    sok_host_interface_gone(w->host, w);
}

static unsigned wire_read(struct sok_host_wire *w, int64_t now)
{
    struct sok_host *host = w->host;
    unsigned taken = 0;
    size_t bytes = 0;
    while (taken < IN_MAX && bytes < IN_BYTES && !w->down) {
        struct sok_frame frame;
        int r = w->link->ops->recv(w->link, &frame, now);
        if (r == SOK_ELINKDOWN)
            wire_over(w);
        if (r < 0)
            break;
        taken++;
        bytes += frame.len;
        if (host->views) {
            struct sok_iov iov = {frame.buf->data + frame.off, frame.len};
            show_frame(w, &iov, 1, frame.len, &frame.meta, false, now);
        }
        sok_stack_input(host->stack, w->index, &frame, now);
        sok_buf_unref(frame.buf);
        if (host->views)
            sok_host_drain(host);
    }
    if (taken == IN_MAX || bytes >= IN_BYTES)
        host->dirty = true;
    return taken;
}

#define HELD_MAX (65536 + 128)

// The link is full: the frame was pulled and cannot be put back, so its bytes are kept.
static void hold(struct sok_host_wire *w, const struct sok_frame_out *frame)
{
    if (!w->held_data)
        w->held_data = malloc(HELD_MAX);
    if (!w->held_data || frame->len > HELD_MAX)
        return; // lost, as on any wire
    size_t at = 0;
    for (unsigned i = 0; i < frame->iov_count; i++) {
        memcpy(w->held_data + at, frame->iov[i].base, frame->iov[i].len);
        at += frame->iov[i].len;
    }
    w->held = (struct sok_frame_out){
        .iov = {{w->held_data, at}},
        .iov_count = 1,
        .len = frame->len,
        .meta = frame->meta,
    };
    w->holding = true;
}

// True: taken, or lost; false: full.
static bool wire_send(struct sok_host_wire *w, const struct sok_frame_out *frame, int64_t now)
{
    int r = w->link->ops->send(w->link, frame, now);
    if (r == SOK_ELINKDOWN)
        wire_over(w);
    return r != SOK_EAGAIN;
}

static unsigned wire_write(struct sok_host_wire *w, int64_t now)
{
    struct sok_host *host = w->host;
    unsigned given = 0;
    if (w->holding && wire_send(w, &w->held, now)) {
        w->holding = false;
        given++;
    }
    while (given < OUT_MAX && !w->holding) {
        struct sok_frame_out out;
        if (!sok_stack_output(host->stack, w->index, now, &out))
            break;
        given++;
        if (host->views)
            show_frame(w, out.iov, out.iov_count, out.len, &out.meta, true, now);
        if (!w->down && !wire_send(w, &out, now))
            hold(w, &out);
        if (host->views)
            sok_host_drain(host);
    }
    if (w->link->fd >= 0 && !w->down) {
        bool full = w->holding || w->link->wants_out;
        sok_loop_change(host->loop, &w->lf, full ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
    if (given == OUT_MAX)
        host->dirty = true;
    return given;
}

unsigned sok_host_turn(struct sok_host *host, int64_t now)
{
    unsigned done = host->dirty;
    host->dirty = false;
    for (unsigned i = 0; i < host->wire_count; i++)
        done += wire_read(host->wires[i], now);
    if (sok_stack_deadline(host->stack) <= now) {
        sok_stack_advance(host->stack, now);
        done++;
    }
    sok_host_drain(host);
    sok_host_interfaces_look(host, now);
    if (host->claims.count > 0)
        sok_host_claims_look(host, now);
    done += sok_bridges_pump(host, now);
    done += sok_names_pump(host, now);
    for (unsigned i = 0; i < host->wire_count; i++)
        done += wire_write(host->wires[i], now);
    sok_host_drain(host);
    return done;
}

void sok_host_begin(struct sok_host *host)
{
    int64_t now = sok_host_now(host);
    if (sok_stack_deadline(host->stack) <= now)
        sok_stack_advance(host->stack, now);
    sok_host_drain(host);
    for (unsigned i = 0; i < host->wire_count; i++)
        wire_write(host->wires[i], now);
    sok_host_drain(host);
}

bool sok_host_polled(const struct sok_host *host)
{
    for (unsigned i = 0; i < host->wire_count; i++)
        if (host->wires[i]->link->fd < 0)
            return false;
    return true;
}

int64_t sok_host_due(const struct sok_host *host)
{
    if (host->dirty || host->bridges_active)
        return sok_host_now(host);
    int64_t due = sok_stack_deadline(host->stack), names = sok_names_due(host);
    if (names < due)
        due = names;
    for (unsigned i = 0; i < host->wire_count; i++) {
        const struct sok_link *link = host->wires[i]->link;
        int64_t d = link->ops->deadline ? link->ops->deadline(link) : INT64_MAX;
        if (d < due)
            due = d;
    }
    return due;
}

int sok_host_wire_add(struct sok_host *host, struct sok_link *link, char *err)
{
    struct sok_host_wire *w = calloc(1, sizeof(*w));
    int r = w ? sok_stack_link_add(host->stack, &link->info) : SOK_ENOMEM;
    if (r > 0 && host->wire_count == SOK_STACK_LINKS_MAX)
        r = SOK_ENOBUFS;
    int index = r;
    if (r > 0 && link->fd >= 0)
        r = sok_loop_add(host->loop, &w->lf, link->fd, EPOLLIN);
    if (r < 0) {
        free(w);
        link->ops->close(link);
        return sok_host_fail(err, r, "link not added: %s", sok_strerror(r));
    }
    w->host = host;
    w->link = link;
    w->index = (uint8_t)index;
    host->wires[host->wire_count++] = w;
    if (link->interface)
        sok_host_interfaces_watch(host);
    return index;
}

void sok_host_wires_free(struct sok_host *host)
{
    for (unsigned i = 0; i < host->wire_count; i++) {
        struct sok_host_wire *w = host->wires[i];
        if (w->link->fd >= 0)
            sok_loop_remove(host->loop, &w->lf);
        w->link->ops->close(w->link);
        free(w->held_data);
        free(w);
    }
    host->wire_count = 0;
    sok_host_interfaces_free(host);
}
