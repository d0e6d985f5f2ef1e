// A packet socket with a ring (TPACKET_V3): the kernel fills blocks of packets that lie in memory both see,
// and hands a block over when it is full or has waited for latency_ms. A packet costs no system call, and one
// that finds no free block is counted. Filter and ring are set before the socket is bound, so nothing is heard
// that was not asked for.
//
// Read first: packet(7); Documentation/networking/packet_mmap.rst of the kernel.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/bytes.h"
#include "capture/capture.h"
#include "capture/filter.h"
#include "pcapng/writer.h"

#define TAG_LEN    4
#define LINK_RAWIP 519          // ARPHRD_RAWIP, which not every C library names
#define BLOCK_SIZE (512u << 10) // a super-frame of 64 KB fits many times

struct sok_capture {
    const struct sok_mem *mem;
    int fd;
    uint8_t *ring; // NULL: none yet
    unsigned blocks, block;
    unsigned left;            // packets of this block
    struct tpacket3_hdr *now; // the next of them
    bool holds;               // the block is ours until it is given back
    struct sok_filter *filter;
    bool filter_here;
    unsigned named;                          // interfaces; 0: all there are
    int indexes[SOK_CAPTURE_INTERFACES_MAX]; // of them; 0: it went away
    struct sok_capture_stats stats;
};

static __attribute__((format(printf, 3, 4))) int fail(char *err, int error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(err, SOK_CAPTURE_ERR_MAX, format, args);
    va_end(args);
    return error;
}

// ---- reading ----

// 0: not a kind of link whose packets can be told apart.
static uint16_t linktype_of(unsigned hatype)
{
    switch (hatype) {
    case ARPHRD_ETHER:
    case ARPHRD_LOOPBACK:
        return SOK_CAPTURE_ETHERNET;
    case ARPHRD_NONE: // a TUN device, WireGuard
    case ARPHRD_PPP:
    case ARPHRD_TUNNEL:
    case ARPHRD_TUNNEL6:
    case ARPHRD_SIT:
    case LINK_RAWIP:
        return SOK_CAPTURE_RAW;
    default:
        return 0;
    }
}

static struct tpacket_block_desc *block_at(const struct sok_capture *c)
{
    return (struct tpacket_block_desc *)(void *)(c->ring + (size_t)c->block * BLOCK_SIZE);
}

static bool take_block(struct sok_capture *c)
{
    struct tpacket_block_desc *b = block_at(c);
    if (!(__atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
        return false;
    c->holds = true;
    c->left = b->hdr.bh1.num_pkts;
    c->now = (struct tpacket3_hdr *)(void *)((uint8_t *)b + b->hdr.bh1.offset_to_first_pkt);
    return true;
}

static void give_block_back(struct sok_capture *c)
{
    if (!c->holds)
        return;
    __atomic_store_n(&block_at(c)->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    c->block = (c->block + 1) % c->blocks;
    c->holds = false;
}

// The kernel takes a VLAN's tag off; there is room for it before the frame (PACKET_RESERVE).
static void put_tag_back(const struct tpacket3_hdr *h, uint8_t *data, struct sok_capture_record *r)
{
    unsigned tpid = h->tp_status & TP_STATUS_VLAN_TPID_VALID ? h->hv1.tp_vlan_tpid : ETH_P_8021Q;
    memmove(data - TAG_LEN, data, 12);
    sok_put16(data - TAG_LEN + 12, (uint16_t)tpid);
    sok_put16(data - TAG_LEN + 14, (uint16_t)h->hv1.tp_vlan_tci);
    r->data = data - TAG_LEN;
    r->len += TAG_LEN;
    r->orig_len += TAG_LEN;
}

// False: not one to be given out.
static bool read_packet(struct sok_capture *c, struct tpacket3_hdr *h, struct sok_capture_record *r)
{
    const struct sockaddr_ll *from = (const void *)((const uint8_t *)h + TPACKET_ALIGN(sizeof(*h)));
    uint8_t *data = (uint8_t *)h + h->tp_mac;
    *r = (struct sok_capture_record){
        .time = (int64_t)h->tp_sec * 1000000000 + h->tp_nsec,
        .data = data,
        .len = h->tp_snaplen,
        .orig_len = h->tp_len,
        .interface = (uint32_t)from->sll_ifindex,
        .linktype = linktype_of(from->sll_hatype),
        .direction = from->sll_pkttype == PACKET_OUTGOING ? SOK_PCAPNG_OUT : SOK_PCAPNG_IN,
        .for_others = from->sll_pkttype == PACKET_OTHERHOST,
        .checksum_absent = h->tp_status & TP_STATUS_CSUMNOTREADY,
    };
    // Through the loopback device each comes twice: as it leaves and as it arrives.
    if (from->sll_hatype == ARPHRD_LOOPBACK && r->direction == SOK_PCAPNG_OUT)
        return false;
    if (r->linktype == SOK_CAPTURE_ETHERNET && (h->tp_status & TP_STATUS_VLAN_VALID) &&
        r->len >= 12)
        put_tag_back(h, data, r);
    return r->linktype != 0 && (!c->filter_here || sok_filter_match(c->filter, r->linktype, r->data,
                                                       r->len, r->orig_len));
}

// A socket that is bound to an interface is told what happens to it; of several each has to be asked for.
static int told(const struct sok_capture *c)
{
    int error = 0;
    socklen_t len = sizeof(error);
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error == 0)
        return 0;
    return error == ENETDOWN ? SOK_ELINKDOWN : error == ENXIO ? SOK_ENODEV : SOK_EIO;
}

static int state_of(int fd, int index)
{
    struct ifreq ifr = {.ifr_ifindex = index};
    if (ioctl(fd, SIOCGIFNAME, &ifr) < 0 || ioctl(fd, SIOCGIFFLAGS, &ifr) < 0)
        return SOK_ENODEV;
    return ifr.ifr_flags & IFF_UP ? 0 : SOK_ELINKDOWN;
}

static int why_none(struct sok_capture *c, struct sok_capture_record *out)
{
    if (c->named == 0)
        return told(c);
    for (unsigned i = 0; i < c->named; i++) {
        if (c->indexes[i] == 0)
            continue;
        int r = c->named == 1 ? told(c) : state_of(c->fd, c->indexes[i]);
        if (r == 0)
            continue;
        c->indexes[i] = 0;
        out->interface = i;
        return r;
    }
    return 0;
}

unsigned sok_capture_left(const struct sok_capture *c)
{
    unsigned n = 0;
    for (unsigned i = 0; i < c->named; i++)
        n += c->indexes[i] != 0;
    return n;
}

int sok_capture_next(struct sok_capture *c, struct sok_capture_record *out)
{
    for (;;) {
        while (c->left == 0) {
            give_block_back(c);
            if (!take_block(c))
                return why_none(c, out);
        }
        struct tpacket3_hdr *h = c->now;
        c->left--;
        c->stats.taken++;
        c->now = (struct tpacket3_hdr *)(void *)((uint8_t *)h + h->tp_next_offset);
        if (read_packet(c, h, out))
            return 1;
    }
}

int sok_capture_fd(const struct sok_capture *c)
{
    return c->fd;
}

void sok_capture_stats(struct sok_capture *c, struct sok_capture_stats *out)
{
    struct tpacket_stats_v3 s; // since it was last asked
    socklen_t len = sizeof(s);
    if (getsockopt(c->fd, SOL_PACKET, PACKET_STATISTICS, &s, &len) == 0) {
        c->stats.seen += s.tp_packets;
        c->stats.dropped += s.tp_drops;
    }
    *out = c->stats;
}

uint64_t sok_capture_taken(const struct sok_capture *c)
{
    return c->stats.taken;
}

// ---- opening ----

static int find_interface(int fd, const char *name, int *index, uint16_t *linktype, char *err)
{
    struct ifreq ifr = {0};
    if (strlen(name) >= sizeof(ifr.ifr_name) || (*index = (int)if_nametoindex(name)) == 0)
        return fail(err, SOK_ENODEV, "no such interface: %.40s (see: ip link)", name);
    memcpy(ifr.ifr_name, name, strlen(name));
    if (ioctl(fd, SIOCGIFFLAGS, &ifr) < 0)
        return fail(err, SOK_EIO, "%s: %s", name, strerror(errno));
    if (!(ifr.ifr_flags & IFF_UP))
        return fail(err, SOK_ELINKDOWN, "%s is down (ip link set %s up)", name, name);
    if (ioctl(fd, SIOCGIFHWADDR, &ifr) < 0)
        return fail(err, SOK_EIO, "%s: %s", name, strerror(errno));
    *linktype = linktype_of(ifr.ifr_hwaddr.sa_family);
    if (*linktype == 0)
        return fail(err, SOK_EOPNOTSUPP, "%s: a kind of link that is not known here (%u)", name,
            ifr.ifr_hwaddr.sa_family);
    return 0;
}

// Before the filter: what does not come from one of several interfaces is not looked at. Its length.
static unsigned put_choice(const struct sok_capture *c, struct sock_filter *to)
{
    unsigned n = c->named, at = 0;
    if (n < 2)
        return 0;
    to[at++] = (struct sock_filter)BPF_STMT(
        BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX));
    for (unsigned i = 0; i < n; i++)
        to[at++] = (struct sock_filter)BPF_JUMP(
            BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)c->indexes[i], (uint8_t)(n - i), 0);
    to[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
    return at;
}

static int attach_code(
    const struct sok_capture *c, const struct sock_filter *code, uint16_t len, char *err)
{
    struct sock_filter all[BPF_MAXINSNS + SOK_CAPTURE_INTERFACES_MAX + 2];
    unsigned at = put_choice(c, all);
    memcpy(all + at, code, len * sizeof(*code));
    struct sock_fprog program = {.len = (uint16_t)(at + len), .filter = all};
    if (setsockopt(c->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
        return fail(err, SOK_EIO, "the kernel does not take the filter: %s", strerror(errno));
    return 0;
}

static int set_filter(
    struct sok_capture *c, const struct sok_capture_options *o, uint16_t linktype, char *err)
{
    struct sok_filter_code code;
    uint32_t snaplen = o->snaplen ? o->snaplen : SOK_CAPTURE_SNAPLEN_MAX;
    struct sock_filter cut = BPF_STMT(BPF_RET | BPF_K, snaplen);
    int r = 0;
    if (o->filter)
        r = sok_filter_new(c->mem, o->filter, linktype ? linktype : SOK_CAPTURE_ETHERNET, snaplen,
            &c->filter, err);
    if (r < 0)
        return r;
    c->filter_here = c->filter && sok_filter_is_for_here(c->filter);
    if (!c->filter || c->filter_here)
        return attach_code(c, &cut, 1, err);
    r = sok_filter_code(c->filter, linktype, &code);
    if (r < 0)
        return fail(err, r, "the filter is too long for the kernel");
    r = attach_code(c, code.code, code.len, err);
    sok_filter_code_free(c->mem, &code);
    return r;
}

static int make_ring(struct sok_capture *c, const struct sok_capture_options *o, char *err)
{
    uint32_t bytes = o->ring_bytes ? o->ring_bytes : SOK_CAPTURE_RING_BYTES;
    int version = TPACKET_V3, reserve = TAG_LEN;
    if (bytes < BLOCK_SIZE || bytes > SOK_CAPTURE_RING_BYTES_MAX)
        return fail(err, SOK_EINVAL, "a ring of %u bytes: from %u to %u is allowed", bytes,
            BLOCK_SIZE, SOK_CAPTURE_RING_BYTES_MAX);
    c->blocks = bytes / BLOCK_SIZE;
    struct tpacket_req3 ring = {
        .tp_block_size = BLOCK_SIZE,
        .tp_block_nr = c->blocks,
        .tp_frame_size = 2048, // of no meaning here, but it must divide
        .tp_frame_nr = c->blocks * (BLOCK_SIZE / 2048),
        .tp_retire_blk_tov = o->latency_ms ? o->latency_ms : 20,
    };
    if (setsockopt(c->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
        setsockopt(c->fd, SOL_PACKET, PACKET_RESERVE, &reserve, sizeof(reserve)) < 0 ||
        setsockopt(c->fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring)) < 0)
        return fail(err, SOK_ENOMEM, "no ring of %u bytes: %s", bytes, strerror(errno));
    void *map =
        mmap(NULL, (size_t)c->blocks * BLOCK_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
    if (map == MAP_FAILED)
        return fail(err, SOK_ENOMEM, "no ring of %u bytes: %s", bytes, strerror(errno));
    c->ring = map;
    return 0;
}

// *linktype: what all that are named have; 0: none is named, or they differ.
static int find_interfaces(
    struct sok_capture *c, const struct sok_capture_options *o, uint16_t *linktype, char *err)
{
    const char *const *names = o->interface ? &o->interface : o->interfaces;
    unsigned n = o->interface ? 1 : o->interface_count;
    if (n > SOK_CAPTURE_INTERFACES_MAX)
        return fail(err, SOK_EINVAL, "more than %u interfaces at once (name none: all of them)",
            SOK_CAPTURE_INTERFACES_MAX);
    for (unsigned i = 0; i < n; i++) {
        uint16_t type;
        int r = find_interface(c->fd, names[i], &c->indexes[i], &type, err);
        if (r < 0)
            return r;
        *linktype = i == 0 || type == *linktype ? type : 0;
        c->named = i + 1;
    }
    return 0;
}

static int be_promiscuous(
    const struct sok_capture *c, const struct sok_capture_options *o, char *err)
{
    for (unsigned i = 0; i < c->named; i++) {
        struct packet_mreq all = {.mr_ifindex = c->indexes[i], .mr_type = PACKET_MR_PROMISC};
        if (setsockopt(c->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) < 0)
            return fail(err, SOK_EIO, "%s: not promiscuous: %s",
                o->interface ? o->interface : o->interfaces[i], strerror(errno));
    }
    return 0;
}

static int start(struct sok_capture *c, const struct sok_capture_options *o, char *err)
{
    int one = 1;
    uint16_t linktype = 0;
    int r = find_interfaces(c, o, &linktype, err);
    if (r < 0)
        return r;
    r = set_filter(c, o, linktype, err);
    if (r == 0)
        r = make_ring(c, o, err);
    if (r < 0)
        return r;
    if (o->incoming && setsockopt(c->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0)
        return fail(err, SOK_EIO, "not without what is sent: %s", strerror(errno));
    if (o->promiscuous && (r = be_promiscuous(c, o, err)) < 0)
        return r;
    struct sockaddr_ll at = {.sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ALL),
        .sll_ifindex = c->named == 1 ? c->indexes[0] : 0};
    if (bind(c->fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
        return fail(err, SOK_EIO, "%s: %s", o->interface ? o->interface : "all interfaces",
            strerror(errno));
    return 0;
}

int sok_capture_open(const struct sok_mem *mem, const struct sok_capture_options *options,
    struct sok_capture **out, char *err)
{
    struct sok_capture *c = sok_mem_zalloc(mem, sizeof(*c));
    int r;
    if (!c)
        return fail(err, SOK_ENOMEM, "no memory to capture");
    c->mem = mem;
    c->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        r = fail(err, errno == EPERM ? SOK_EACCES : SOK_EIO,
            "no packet socket to capture with: %s%s", strerror(errno),
            errno == EPERM ? " (needs root or CAP_NET_RAW)" : "");
    else
        r = start(c, options, err);
    if (r < 0) {
        sok_capture_close(c);
        return r;
    }
    *out = c;
    return 0;
}

void sok_capture_close(struct sok_capture *c)
{
    if (!c)
        return;
    if (c->ring)
        munmap(c->ring, (size_t)c->blocks * BLOCK_SIZE);
    if (c->fd >= 0)
        close(c->fd);
    sok_filter_free(c->filter);
    sok_mem_free(c->mem, c, sizeof(*c));
}
