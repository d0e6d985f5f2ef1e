// Delivery to the host's own addresses and 127.0.0.0/8 (RFC 1122 section 3.2.1.3 g): what leaves on link 0
// comes in there again. It happens in sok_stack_advance() only, which the deadline asks for, and only so
// many frames at a time: no call goes deeper for it, and two ends that talk to each other for ever do not
// keep the host from its other work.
#include "stack/internal.h"

#include <string.h>

#define FRAMES_PER_CALL 64

bool sok_local_pending(const struct sok_stack *s)
{
    struct sok_addr next_hop;
    const struct sok_stack_link *l = s->links[SOK_STACK_LOCAL];
    return l->packets.count > 0 || sok_tcp_ready(s->tcp, SOK_STACK_LOCAL, s->now, &next_hop);
}

// The link whose group this frame is for; 0: none.
static uint8_t loops(const struct sok_stack *s, const struct sok_frame_out *out)
{
    const struct sok_packet *p = s->links[SOK_STACK_LOCAL]->leaving;
    return p && out->iov[0].base == p->frame ? p->loops : 0;
}

void sok_local_copy(struct sok_stack *s, const uint8_t *data, uint32_t len,
    const struct sok_ip_out *o, uint8_t link, int64_t now)
{
    struct sok_tcp_path path = {
        .source = o->src,
        .next_hop = o->dst,
        .link = SOK_STACK_LOCAL,
        .mtu = s->links[SOK_STACK_LOCAL]->info.mtu,
    };
    uint8_t *to;
    struct sok_packet *p = sok_ip_new(s, &o->dst, len, &to);
    if (!p)
        return;
    memcpy(to, data, len);
    p->loops = link;
    if (sok_ip_send(s, p, o, &path, now) < 0)
        sok_stack_drop(s, SOK_DROP_OUT_QUEUE);
}

static void turn_round(struct sok_stack *s, const struct sok_frame_out *out, int64_t now)
{
    struct sok_buf *buf = sok_buf_new(sok_stack_mem(s), out->len);
    if (!buf) {
        sok_stack_drop(s, SOK_DROP_NO_MEMORY);
        return;
    }
    struct sok_frame frame = {.buf = buf, .len = out->len, .meta = out->meta};
    // It was never on a wire, and TCP's is not even there; others may be a program's own work (raw.c).
    frame.meta.csum_valid = out->meta.csum_partial;
    sok_frame_gather(out, buf->data, buf->cap);
    s->looping = loops(s, out);
    sok_stack_input(s, SOK_STACK_LOCAL, &frame, now);
    s->looping = 0;
    sok_buf_unref(buf);
}

void sok_local_run(struct sok_stack *s, int64_t now)
{
    struct sok_frame_out out;
    for (int i = 0; i < FRAMES_PER_CALL; i++) {
        if (!sok_local_pending(s) || !sok_stack_output(s, SOK_STACK_LOCAL, now, &out))
            return;
        turn_round(s, &out, now);
    }
}
