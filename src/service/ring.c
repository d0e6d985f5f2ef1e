// The memory is the program's: what it says there is believed nothing but whether a frame or a block was given back. Where
// the next one goes is known here alone. And it is a memfd that nobody can shrink, or writing to it could end the host.
//
// The frames of one block (TPACKET_V3) are given together. A kernel does so when it is full or its time is over; here when it
// is full, when the program asks, or when it has nothing else to read: that is never later.
#include "service/ring.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NET_LEAST  16 // room for a link's header, at least
#define ALIGNED(n) (((n) + 7u) & ~7u)
#define ETHERNET   14

struct ring {
    uint8_t *memory;
    int fd;
    int version;
    bool cooked;
    uint32_t reserve;
    uint32_t block_size, block_count, frame_size, frames_per_block, private_bytes;
    uint32_t next; // frame, or block of V3
    // Of V3: the block that is being filled; used 0: none.
    uint32_t used, last, count;
    uint64_t sequence;
    int64_t first_ns, last_ns;
};

// ---- forms ----

static uint32_t head_bytes(int version)
{
    uint32_t head = version == TPACKET_V1   ? sizeof(struct tpacket_hdr)
                    : version == TPACKET_V2 ? sizeof(struct tpacket2_hdr)
                                            : sizeof(struct tpacket3_hdr);
    return TPACKET_ALIGN(head);
}

static uint32_t block_head(const struct ring *r)
{
    return ALIGNED((uint32_t)sizeof(struct tpacket_block_desc)) + ALIGNED(r->private_bytes);
}

// As packet_set_ring() of Linux has it.
static int take_form(struct ring *r, const struct ring_form *form)
{
    struct tpacket_req3 q = {0};
    bool v3 = form->version == TPACKET_V3;
    size_t least = v3 ? sizeof(q) : sizeof(struct tpacket_req);
    if (form->len < least)
        return -EINVAL;
    memcpy(&q, form->request, least);
    r->version = form->version;
    r->cooked = form->cooked;
    r->reserve = form->reserve;
    r->block_size = q.tp_block_size;
    r->block_count = q.tp_block_nr;
    r->frame_size = q.tp_frame_size;
    r->private_bytes = q.tp_sizeof_priv;
    uint64_t head = head_bytes(r->version) + sizeof(struct sockaddr_ll) + (uint64_t)r->reserve;
    if (r->block_size == 0 || r->block_size % (uint32_t)sysconf(_SC_PAGESIZE) != 0 ||
        r->block_count == 0)
        return -EINVAL;
    if (v3 && (r->private_bytes >= r->block_size ||
                  block_head(r) + head + 2 * NET_LEAST >= r->block_size))
        return -EINVAL;
    if (r->frame_size < head || r->frame_size % TPACKET_ALIGNMENT != 0 ||
        r->frame_size > r->block_size)
        return -EINVAL;
    r->frames_per_block = r->block_size / r->frame_size;
    if ((uint64_t)r->frames_per_block * r->block_count != q.tp_frame_nr)
        return -EINVAL;
    return (uint64_t)r->block_size * r->block_count > SOK_RING_MOST ? -ENOMEM : 0;
}

static size_t size_of(const struct ring *r)
{
    return (size_t)r->block_size * r->block_count;
}

static bool is_sound(int fd, size_t size)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & F_SEAL_SHRINK) && fstat(fd, &st) == 0 &&
           st.st_size == (off_t)size && st.st_blksize == sysconf(_SC_PAGESIZE);
}

int sok_ring_new(const struct ring_form *form, int fd, struct ring **out)
{
    struct ring form_of = {.fd = fd};
    int err = take_form(&form_of, form);
    if (err < 0)
        return err;
    if (fd < 0)
        return -ENOPROTOOPT;
    if (!is_sound(fd, size_of(&form_of)))
        return -ENOMEM;
    struct ring *r = malloc(sizeof(*r));
    if (!r)
        return -ENOMEM;
    *r = form_of;
    r->memory = mmap(NULL, size_of(r), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (r->memory == MAP_FAILED) {
        free(r);
        return -ENOMEM;
    }
    *out = r;
    return 0;
}

void sok_ring_free(struct ring *r)
{
    if (!r)
        return;
    munmap(r->memory, size_of(r));
    close(r->fd);
    free(r);
}

int sok_ring_fd(const struct ring *r)
{
    return r->fd;
}

// ---- places ----

static uint8_t *block_at(const struct ring *r, uint32_t block)
{
    return r->memory + (size_t)block * r->block_size;
}

// Of a frame, or of a block of V3.
static uint8_t *slot_at(const struct ring *r, uint32_t slot)
{
    if (r->version == TPACKET_V3)
        return block_at(r, slot);
    return block_at(r, slot / r->frames_per_block) +
           (size_t)(slot % r->frames_per_block) * r->frame_size;
}

static uint32_t slots(const struct ring *r)
{
    return r->version == TPACKET_V3 ? r->block_count : r->block_count * r->frames_per_block;
}

// Where the status stands: what the program and this side tell each other.
static void set_status(const struct ring *r, uint8_t *slot, uint32_t status)
{
    if (r->version == TPACKET_V1)
        __atomic_store_n((unsigned long *)(void *)slot, (unsigned long)status, __ATOMIC_RELEASE);
    else if (r->version == TPACKET_V2)
        __atomic_store_n((uint32_t *)(void *)slot, status, __ATOMIC_RELEASE);
    else
        __atomic_store_n(&((struct tpacket_block_desc *)(void *)slot)->hdr.bh1.block_status, status,
            __ATOMIC_RELEASE);
}

static bool is_ours(const struct ring *r, uint32_t n)
{
    uint8_t *slot = slot_at(r, n);
    if (r->version == TPACKET_V1)
        return __atomic_load_n((unsigned long *)(void *)slot, __ATOMIC_ACQUIRE) == TP_STATUS_KERNEL;
    if (r->version == TPACKET_V2)
        return __atomic_load_n((uint32_t *)(void *)slot, __ATOMIC_ACQUIRE) == TP_STATUS_KERNEL;
    return __atomic_load_n(&((struct tpacket_block_desc *)(void *)slot)->hdr.bh1.block_status,
               __ATOMIC_ACQUIRE) == TP_STATUS_KERNEL;
}

bool sok_ring_readable(const struct ring *r)
{
    return !is_ours(r, r->next == 0 ? slots(r) - 1 : r->next - 1);
}

static void step(struct ring *r)
{
    r->next = r->next + 1 == slots(r) ? 0 : r->next + 1;
}

// ---- frames ----

// Where the link's header and what is behind it stand, from the head of the frame on.
static void places(const struct ring *r, const struct sockaddr_ll *ll, uint32_t *mac, uint32_t *net)
{
    uint32_t head = head_bytes(r->version) + (uint32_t)sizeof(*ll), link = 0;
    if (!r->cooked && ll->sll_halen > 0)
        link = ETHERNET;
    *net = TPACKET_ALIGN(head + (link < NET_LEAST ? NET_LEAST : link)) + r->reserve;
    *mac = *net - link;
}

struct frame {
    const struct sok_calls_packet *head;
    struct sockaddr_ll ll;
    uint32_t mac, net, snap;
};

static void put_head(const struct ring *r, uint8_t *at, const struct frame *f)
{
    uint32_t sec = (uint32_t)(f->head->stamp / 1000000000),
             ns = (uint32_t)(f->head->stamp % 1000000000);
    if (r->version == TPACKET_V1) {
        struct tpacket_hdr h = {
            .tp_len = f->head->whole, .tp_snaplen = f->snap, .tp_sec = sec, .tp_usec = ns / 1000};
        h.tp_mac = (unsigned short)f->mac;
        h.tp_net = (unsigned short)f->net;
        memcpy(at + sizeof(h.tp_status), (uint8_t *)&h + sizeof(h.tp_status),
            sizeof(h) - sizeof(h.tp_status));
    } else if (r->version == TPACKET_V2) {
        struct tpacket2_hdr h = {
            .tp_len = f->head->whole, .tp_snaplen = f->snap, .tp_sec = sec, .tp_nsec = ns};
        h.tp_mac = (uint16_t)f->mac;
        h.tp_net = (uint16_t)f->net;
        memcpy(at + sizeof(h.tp_status), (uint8_t *)&h + sizeof(h.tp_status),
            sizeof(h) - sizeof(h.tp_status));
    } else {
        struct tpacket3_hdr h = {
            .tp_len = f->head->whole, .tp_snaplen = f->snap, .tp_sec = sec, .tp_nsec = ns};
        h.tp_status = TP_STATUS_USER;
        h.tp_mac = (uint16_t)f->mac;
        h.tp_net = (uint16_t)f->net;
        memcpy(at, &h, sizeof(h));
    }
    memcpy(at + head_bytes(r->version), &f->ll, sizeof(f->ll));
}

static bool put_frame(struct ring *r, struct frame *f, const uint8_t *data)
{
    uint8_t *at = slot_at(r, r->next);
    if (!is_ours(r, r->next))
        return false;
    uint32_t room = r->frame_size > f->mac ? r->frame_size - f->mac : 0;
    f->snap = f->snap < room ? f->snap : room;
    put_head(r, at, f);
    memcpy(at + f->mac, data, f->snap);
    set_status(r, at, TP_STATUS_USER);
    step(r);
    return true;
}

// ---- blocks ----

static void give_block(struct ring *r, uint32_t status)
{
    uint8_t *at = block_at(r, r->next);
    struct tpacket_block_desc d = {
        .version = TPACKET_V3, .offset_to_priv = ALIGNED((uint32_t)sizeof(d))};
    uint32_t none = 0;
    d.hdr.bh1.num_pkts = r->count;
    d.hdr.bh1.offset_to_first_pkt = block_head(r);
    d.hdr.bh1.blk_len = r->used;
    d.hdr.bh1.seq_num = ++r->sequence;
    d.hdr.bh1.ts_first_pkt.ts_sec = (uint32_t)(r->first_ns / 1000000000);
    d.hdr.bh1.ts_first_pkt.ts_nsec = (uint32_t)(r->first_ns % 1000000000);
    d.hdr.bh1.ts_last_pkt.ts_sec = (uint32_t)(r->last_ns / 1000000000);
    d.hdr.bh1.ts_last_pkt.ts_nsec = (uint32_t)(r->last_ns % 1000000000);
    memcpy(at + r->last, &none, sizeof(none)); // of the last frame, tp_next_offset
    memcpy(at, &d, sizeof(d));
    set_status(r, at, status);
    r->used = r->count = 0;
    step(r);
}

static bool put_in_block(struct ring *r, struct frame *f, const uint8_t *data)
{
    uint32_t most = r->block_size - block_head(r), len;
    if (f->mac + (uint64_t)f->snap > most)
        f->snap = f->mac < most ? most - f->mac : 0;
    len = ALIGNED(f->mac + f->snap);
    if (r->used > 0 && r->used + (uint64_t)len > r->block_size)
        give_block(r, TP_STATUS_USER);
    if (r->used == 0 && !is_ours(r, r->next))
        return false;
    if (r->used == 0) {
        r->used = block_head(r);
        r->first_ns = f->head->stamp;
    }
    uint8_t *at = block_at(r, r->next) + r->used;
    put_head(r, at, f);
    memcpy(at, &len, sizeof(len)); // tp_next_offset
    memcpy(at + f->mac, data, f->snap);
    r->last = r->used;
    r->last_ns = f->head->stamp;
    r->used += len;
    r->count++;
    return true;
}

bool sok_ring_put(
    struct ring *r, const struct sok_calls_packet *head, const uint8_t *data, uint32_t len)
{
    struct frame f = {.head = head, .snap = len};
    memcpy(&f.ll, head->addr, sizeof(f.ll));
    places(r, &f.ll, &f.mac, &f.net);
    return r->version == TPACKET_V3 ? put_in_block(r, &f, data) : put_frame(r, &f, data);
}

void sok_ring_flush(struct ring *r, bool at_once)
{
    if (r->version == TPACKET_V3 && r->used > 0 && (at_once || !sok_ring_readable(r)))
        give_block(r, TP_STATUS_USER | TP_STATUS_BLK_TMO);
}
