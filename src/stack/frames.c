// Packet sockets: whole frames of the links, those that come and those the stack sends, and frames sent as
// a program gives them. They look on where frames enter and leave the stack (sok_stack_input() and
// sok_stack_output()), so that nothing is missing, whoever made it and whatever becomes of it.
//
// A super-frame is handed over as one frame with its checksum completed: one call, one frame, as the kernel
// does on a device with segmentation offload, and as recordings show it. Cut into what a wire carries it would
// be up to 45 copies of headers nobody sent in this form, with a splitter for every socket.
//
// On a link with a VLAN frames are those of the VLAN, without the tag, as on a VLAN's interface.
//
// A filter (base/bpf.h) is asked where the frame passes, before anything of it is copied.
#include "stack/internal.h"

#include <string.h>
#include "base/bpf.h"
#include "base/bytes.h"
#include "stack/inbox.h"

// As <linux/if_arp.h> has them.
#define HARDWARE_ETHERNET 1
#define HARDWARE_LOOPBACK 772
#define HARDWARE_NONE     0xfffe

struct sok_frames {
    struct sok_sock sock;
    struct sok_stack *stack;
    struct sok_frames *next; // in stack->frames
    int link;                // SOK_FRAMES_ALL_LINKS, or one
    uint16_t type;
    bool cooked;
    bool incoming;               // alone
    bool blocked;                // waits for room in a link's queue
    int error;                   // pending
    struct sok_bpf_insn *filter; // NULL: none
    unsigned filter_count;
    struct sok_frames_counts counts;
    struct sok_inbox inbox;
};

static void update_ready(struct sok_frames *f)
{
    uint32_t bits = f->inbox.first ? SOK_READY_IN : 0;
    if (!f->blocked)
        bits |= SOK_READY_OUT;
    if (f->error)
        bits |= SOK_READY_ERROR | SOK_READY_IN | SOK_READY_OUT;
    sok_sock_ready(&f->stack->changed, &f->sock, bits);
}

// ---- looking on ----

// A frame that passes, and what is said about it.
struct passing {
    const struct sok_frame_out *frame;
    struct sok_frame_addr addr;
    uint32_t head; // bytes of the link's header, without a tag that is taken off
    bool tagged;   // this tag is there
    uint32_t from; // the packet socket that sent it; 0: none
};

static uint16_t type_of_version(uint8_t first)
{
    return first >> 4 == 4 ? SOK_ETHERTYPE_IP4 : first >> 4 == 6 ? SOK_ETHERTYPE_IP6 : 0;
}

static enum sok_frame_kind kind_of(const uint8_t dst[6], const uint8_t ours[6])
{
    static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    if (memcmp(dst, ours, 6) == 0)
        return SOK_FRAME_FOR_US;
    if (memcmp(dst, all, 6) == 0)
        return SOK_FRAME_BROADCAST;
    return sok_mac_is_group(dst) ? SOK_FRAME_MULTICAST : SOK_FRAME_FOR_OTHERS;
}

// Takes note of the tag of the link's VLAN. False: a frame of another.
static bool see_tag(struct passing *p, uint16_t vlan, const uint8_t *behind, size_t len)
{
    struct sok_vlan_hdr tag;
    if (p->addr.type != SOK_ETHERTYPE_VLAN || len < SOK_VLAN_HDR_LEN)
        return false;
    sok_vlan_hdr_get(behind, &tag);
    p->addr.type = tag.type;
    p->tagged = true;
    return tag.vlan == vlan;
}

// False: this is no frame for anybody.
static bool look(const struct sok_stack_link *l, struct passing *p)
{
    const uint8_t *head = p->frame->iov[0].base;
    size_t len = p->frame->iov[0].len;
    struct sok_eth_hdr h;
    if (!sok_link_has_stations(l)) {
        p->addr.type = len > 0 ? type_of_version(head[0]) : 0;
        return len > 0;
    }
    if (!sok_eth_get(head, len, &h))
        return false;
    p->head = SOK_ETH_HDR_LEN;
    p->addr.type = h.type;
    memcpy(p->addr.mac, h.src, 6);
    if (p->addr.kind != SOK_FRAME_OUTGOING)
        p->addr.kind = (uint8_t)kind_of(h.dst, l->info.mac);
    return !l->info.vlan || see_tag(p, l->info.vlan, head + SOK_ETH_HDR_LEN, len - SOK_ETH_HDR_LEN);
}

// Takes n bytes at `at` out.
static void cut(struct sok_letter *l, uint32_t at, uint32_t n)
{
    memmove(l->data + at, l->data + at + n, l->len - at - n);
    l->len -= n;
}

// How many bytes the filter wants of it; 0: it is not wanted.
static uint32_t filtered(const struct sok_frames *f, const struct passing *p)
{
    const struct sok_frame_out *frame = p->frame;
    if (!f->filter)
        return UINT32_MAX;
    struct sok_bpf_packet packet = {
        .iov = frame->iov,
        .count = frame->iov_count,
        .len = frame->len,
        .cut = 12,
        .cut_len = p->tagged ? SOK_VLAN_HDR_LEN : 0,
        .start = f->cooked ? p->head : 0,
        .net = p->head,
        .type = p->addr.type,
        .kind = p->addr.kind,
        .index = (uint32_t)p->addr.link + 1,
        .hardware = p->addr.link == 0 ? HARDWARE_LOOPBACK
                    : p->head         ? HARDWARE_ETHERNET
                                      : HARDWARE_NONE,
    };
    return sok_bpf_run(f->filter, &packet);
}

static void keep(struct sok_frames *f, const struct passing *p, uint32_t most)
{
    struct sok_frame_meta meta = p->frame->meta;
    enum sok_drop why;
    struct sok_letter *l =
        sok_inbox_add(f->stack, &f->inbox, p->frame->len, SOK_DROP_FRAMES_QUEUE_FULL, &why);
    f->counts.frames++;
    if (!l) {
        f->counts.dropped++;
        sok_stack_drop(f->stack, why);
        return;
    }
    sok_frame_gather(p->frame, l->data, l->len);
    sok_frame_complete(l->data, l->len, &meta);
    if (p->tagged)
        cut(l, 12, SOK_VLAN_HDR_LEN);
    if (f->cooked)
        cut(l, 0, p->head);
    l->from = p->addr;
    l->from.whole = l->len;
    l->len = l->len < most ? l->len : most;
    update_ready(f);
    sok_sock_touch(&f->stack->changed, &f->sock);
}

// As in Linux what is sent is seen by those alone that want every type.
static bool wants(const struct sok_frames *f, const struct passing *p)
{
    if (f->link != SOK_FRAMES_ALL_LINKS && f->link != p->addr.link)
        return false;
    if (f->incoming && p->addr.kind == SOK_FRAME_OUTGOING)
        return false;
    if (f->type == SOK_FRAMES_ALL_TYPES)
        return f->sock.id != p->from;
    return f->type != 0 && f->type == p->addr.type && p->addr.kind != SOK_FRAME_OUTGOING;
}

static void show(struct sok_stack *s, struct passing *p)
{
    if (!look(s->links[p->addr.link], p))
        return;
    for (struct sok_frames *f = s->frames; f; f = f->next) {
        uint32_t most = wants(f, p) ? filtered(f, p) : 0;
        if (most > 0)
            keep(f, p, most);
    }
}

void sok_frames_see_in(struct sok_stack *s, uint8_t link, const struct sok_frame *frame)
{
    struct sok_frame_out whole = {
        .iov = {{frame->buf->data + frame->off, frame->len}},
        .iov_count = 1,
        .len = frame->len,
        .meta = frame->meta,
    };
    struct passing p = {.frame = &whole, .addr = {.link = link, .kind = SOK_FRAME_FOR_US}};
    show(s, &p);
}

void sok_frames_see_out(struct sok_stack *s, uint8_t link, const struct sok_frame_out *frame)
{
    const struct sok_packet *own = s->links[link]->leaving;
    struct passing p = {
        .frame = frame,
        .addr = {.link = link, .kind = SOK_FRAME_OUTGOING},
        .from = own ? own->conn : 0,
    };
    show(s, &p);
}

// ---- opening, naming, closing ----

int sok_frames_open(struct sok_stack *stack, uint16_t type, bool cooked, struct sok_frames **out)
{
    struct sok_frames *f = sok_mem_zalloc(sok_stack_mem(stack), sizeof(*f));
    if (!f)
        return SOK_ENOMEM;
    f->sock.kind = SOK_SOCK_FRAMES;
    sok_sock_born(&stack->socks, &f->sock);
    f->stack = stack;
    f->link = SOK_FRAMES_ALL_LINKS;
    f->type = type;
    f->cooked = cooked;
    f->next = stack->frames;
    stack->frames = f;
    update_ready(f);
    *out = f;
    return 0;
}

int sok_frames_bind(struct sok_frames *f, int link, uint16_t type)
{
    if (link != SOK_FRAMES_ALL_LINKS && (link < 0 || (unsigned)link >= f->stack->link_count))
        return SOK_ENODEV;
    f->link = link;
    f->type = type;
    return 0;
}

void sok_frames_options(struct sok_frames *f, const struct sok_dgram_opts *opts)
{
    f->inbox.most = opts->queue;
}

static void free_filter(struct sok_frames *f)
{
    if (f->filter)
        sok_mem_free(sok_stack_mem(f->stack), f->filter, f->filter_count * sizeof(*f->filter));
    f->filter = NULL;
    f->filter_count = 0;
}

int sok_frames_filter(struct sok_frames *f, const struct sok_bpf_insn *program, unsigned count)
{
    struct sok_bpf_insn *copy = NULL;
    if (count > 0 && !sok_bpf_check(program, count))
        return SOK_EINVAL;
    if (count > 0 && !(copy = sok_mem_alloc(sok_stack_mem(f->stack), count * sizeof(*copy))))
        return SOK_ENOMEM;
    free_filter(f);
    if (copy)
        memcpy(copy, program, count * sizeof(*copy));
    f->filter = copy;
    f->filter_count = count;
    return 0;
}

bool sok_frames_is_filtered(const struct sok_frames *f)
{
    return f->filter;
}

void sok_frames_incoming(struct sok_frames *f, bool alone)
{
    f->incoming = alone;
}

struct sok_frames_counts sok_frames_take_counts(struct sok_frames *f)
{
    struct sok_frames_counts counts = f->counts;
    f->counts = (struct sok_frames_counts){0};
    return counts;
}

static void free_socket(struct sok_frames *f)
{
    struct sok_stack *s = f->stack;
    free_filter(f);
    struct sok_frames **at = &s->frames;
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    sok_inbox_free(s, &f->inbox);
    sok_sock_forget(&s->changed, &f->sock);
    sok_sock_gone(&s->socks, &f->sock);
    sok_mem_free(sok_stack_mem(s), f, sizeof(*f));
}

void sok_frames_close(struct sok_frames *f)
{
    sok_stack_call(f->stack, f->sock.id, SOK_CALL_CLOSE, -1, 0, f->stack->now);
    free_socket(f);
}

void sok_frames_free_all(struct sok_stack *s)
{
    while (s->frames)
        free_socket(s->frames);
}

void sok_frames_link_over(struct sok_stack *s, uint8_t link)
{
    for (struct sok_frames *f = s->frames; f; f = f->next) {
        if (f->link == link) {
            f->error = SOK_ELINKDOWN;
            update_ready(f);
        }
    }
}

// ---- sending ----

// The packet that leaves, with a plain Ethernet header, which fit_to_link() adapts. `make`: it is made here,
// else it is in the frame given.
static struct sok_packet *packet_of(struct sok_frames *f, const struct sok_stack_link *l, bool make,
    const struct sok_iov *iov, unsigned count, size_t len, const struct sok_frame_addr *to)
{
    uint32_t head = make ? SOK_ETH_HDR_LEN : 0;
    struct sok_packet *p = sok_outgoing_new(f->stack, head + (uint32_t)len);
    if (!p)
        return NULL;
    if (make) {
        struct sok_eth_hdr eth = {.type = to ? to->type : 0};
        memcpy(eth.src, l->info.mac, 6);
        if (to)
            memcpy(eth.dst, to->mac, 6);
        sok_eth_hdr_put(p->frame, &eth);
    }
    sok_iov_copy(p->frame + head, iov, count);
    p->reason = SOK_REASON_FRAME;
    p->conn = f->sock.id;
    return p;
}

static int64_t send_frame(struct sok_frames *f, const struct sok_iov *iov, unsigned count,
    const struct sok_frame_addr *to)
{
    struct sok_stack *s = f->stack;
    int link = to ? to->link : f->link;
    size_t len = sok_iov_total(iov, count);
    if (f->error)
        return sok_frames_error(f);
    if (link < 0 || (unsigned)link >= s->link_count)
        return SOK_ENODEV;
    struct sok_stack_link *l = s->links[link];
    bool stations = sok_link_has_stations(l), make = f->cooked || !stations;
    size_t head = make ? 0 : SOK_ETH_HDR_LEN;
    if (len < head || (stations && f->cooked && !to))
        return SOK_EINVAL;
    if (len - head > l->info.mtu)
        return SOK_EMSGSIZE;
    if (l->packets.count >= (uint64_t)s->config.out_queue_max) {
        f->blocked = l->blocked = true;
        update_ready(f);
        return SOK_EAGAIN;
    }
    struct sok_packet *p = packet_of(f, l, make, iov, count, len, to);
    if (!p)
        return SOK_ENOMEM;
    p->link = (uint8_t)link;
    sok_outgoing_push(&l->packets, p);
    return (int64_t)len;
}

int64_t sok_frames_send(struct sok_frames *f, const struct sok_iov *iov, unsigned count,
    const struct sok_frame_addr *to, int64_t now)
{
    f->stack->now = now;
    int64_t result = send_frame(f, iov, count, to);
    if (result != SOK_EAGAIN)
        sok_stack_call(
            f->stack, f->sock.id, SOK_CALL_SENDTO, (int64_t)sok_iov_total(iov, count), result, now);
    return result;
}

int64_t sok_frames_recv(struct sok_frames *f, void *data, size_t len, struct sok_frame_addr *from,
    int64_t *at, int64_t now)
{
    const struct sok_letter *l = f->inbox.first;
    f->stack->now = now;
    if (f->error)
        return sok_frames_error(f);
    if (!l)
        return SOK_EAGAIN;
    *from = l->from;
    *at = l->at;
    int64_t n = (int64_t)sok_inbox_take(f->stack, &f->inbox, data, len);
    update_ready(f);
    sok_stack_call(f->stack, f->sock.id, SOK_CALL_RECVFROM, (int64_t)len, n, now);
    return n;
}

int sok_frames_error(struct sok_frames *f)
{
    int err = f->error;
    f->error = 0;
    update_ready(f);
    return err;
}

void sok_frames_room(struct sok_stack *s)
{
    for (struct sok_frames *f = s->frames; f; f = f->next) {
        f->blocked = false;
        update_ready(f);
    }
}

void sok_frames_about(const struct sok_frames *f, struct sok_sock_about *out)
{
    out->type = f->type;
    out->link = f->link;
    out->held = f->inbox.held;
    out->most = sok_inbox_most(f->stack, &f->inbox);
}
