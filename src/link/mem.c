// A wire in memory: two ends, each with a queue of what is on its way to it. A frame is gathered into a
// counted buffer of the receiving end and handed over as it is; there is no time in it.
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include "link/internal.h"

#define CUT_MAX 128

struct mem_end {
    struct sok_link link;
    struct mem_end *peer; // NULL: closed
    struct sok_link_queue in;
    unsigned limit;
};

static int mem_send(struct sok_link *link, const struct sok_frame_out *frame, int64_t now)
{
    struct mem_end *end = (struct mem_end *)link;
    struct mem_end *peer = end->peer;
    (void)now;
    link->wants_out = false;
    if (!peer)
        return SOK_ELINKDOWN;
    if (peer->in.count >= peer->limit) {
        link->wants_out = true;
        return SOK_EAGAIN;
    }
    bool whole = (frame->meta.gso == SOK_GSO_NONE || (link->info.caps & SOK_LINK_TSO)) &&
                 (!frame->meta.csum_partial || (link->info.caps & SOK_LINK_CSUM));
    unsigned lost;
    if (whole) {
        struct sok_frame copy;
        lost = 1;
        if (sok_link_gather(peer->link.mem, frame, &copy) == 0) {
            lost = !sok_link_queue_put(&peer->in, peer->link.mem, peer->limit, &copy);
            if (lost)
                sok_buf_unref(copy.buf);
        }
    } else {
        lost = sok_link_cut(peer->link.mem, frame, link->info.caps, &peer->in,
            peer->limit + CUT_MAX); // a super-frame that was begun is finished
    }
    link->lost += lost;
    return lost ? SOK_ENOMEM : 0;
}

static int mem_recv(struct sok_link *link, struct sok_frame *frame, int64_t now)
{
    struct mem_end *end = (struct mem_end *)link;
    (void)now;
    if (!sok_link_queue_take(&end->in, frame))
        return end->peer ? SOK_EAGAIN : SOK_ELINKDOWN;
    if (frame->meta.csum_partial)
        frame->meta.csum_valid = true;
    return 0;
}

// Without a descriptor, this is how the end says that something is there.
static int64_t mem_deadline(const struct sok_link *link)
{
    return ((const struct mem_end *)link)->in.count ? 0 : INT64_MAX;
}

static void mem_close(struct sok_link *link)
{
    struct mem_end *end = (struct mem_end *)link;
    if (end->peer)
        end->peer->peer = NULL;
    sok_link_queue_free(&end->in, link->mem);
    sok_mem_free(link->mem, end, sizeof(*end));
}

static const struct sok_link_ops mem_ops = {mem_send, mem_recv, mem_deadline, mem_close};

static struct mem_end *end_new(
    const struct sok_mem *mem, uint16_t mtu, uint32_t caps, unsigned frames, uint8_t number)
{
    struct mem_end *end = (struct mem_end *)sok_link_new(mem, sizeof(*end), &mem_ops);
    if (!end)
        return NULL;
    const uint8_t mac[6] = {0x02, 0, 0, 0, 0, number};
    memcpy(end->link.info.mac, mac, 6);
    snprintf(end->link.info.name, sizeof(end->link.info.name), "mem%u", number);
    end->link.info.mtu = mtu;
    end->link.info.caps = caps | SOK_LINK_POINT;
    end->limit = frames;
    return end;
}

int sok_link_mem_pair(const struct sok_mem *mem, uint16_t mtu, uint32_t caps, unsigned frames,
    struct sok_link **a, struct sok_link **b)
{
    assert(frames > 0);
    struct mem_end *first = end_new(mem, mtu, caps, frames, 1);
    struct mem_end *second = first ? end_new(mem, mtu, caps, frames, 2) : NULL;
    if (!second) {
        if (first)
            mem_close(&first->link);
        return SOK_ENOMEM;
    }
    first->peer = second;
    second->peer = first;
    *a = &first->link;
    *b = &second->link;
    return 0;
}
