// Options of packet sockets (packet(7)), and filters (socket(7), SO_ATTACH_FILTER; base/bpf.h), which here are instructions and
// no pointer to them. What a ring is, is its owner's affair (service/ring.c): its form is kept here.
#include <errno.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>
#include "base/bpf.h"
#include "host/host.h"
#include "host/posix.h"
#include "wire/eth.h"

#define EXTENSIONS 64 // SO_BPF_EXTENSIONS: SKF_AD_MAX of <linux/filter.h>

static struct sok_frames *frames_of(const struct sok_socket *s)
{
    return (struct sok_frames *)s->sock;
}

// ---- set ----

static int attach(
    const struct sok_posix *p, struct sok_socket *s, const uint8_t *bytes, uint32_t len)
{
    struct sok_bpf_insn program[SOK_BPF_MOST];
    unsigned count = len / sizeof(program[0]);
    if (p->values[VALUE_FILTER_LOCKED])
        return -EPERM;
    if (count == 0 || count > SOK_BPF_MOST || len % sizeof(program[0]) != 0)
        return -EINVAL;
    memcpy(program, bytes, len);
    return -sok_errno(sok_frames_filter(frames_of(s), program, count));
}

static int detach(const struct sok_posix *p, struct sok_socket *s)
{
    if (p->values[VALUE_FILTER_LOCKED])
        return -EPERM;
    if (!sok_frames_is_filtered(frames_of(s)))
        return -ENOENT;
    return -sok_errno(sok_frames_filter(frames_of(s), NULL, 0));
}

static int set_filter(
    struct sok_posix *p, struct sok_socket *s, int name, const uint8_t *bytes, uint32_t len)
{
    int32_t value = 0;
    memcpy(&value, bytes, len < sizeof(value) ? len : sizeof(value));
    switch (name) {
    case SO_ATTACH_FILTER:
        return attach(p, s, bytes, len);
    case SO_DETACH_FILTER:
        return detach(p, s);
    case SO_LOCK_FILTER:
        if (len < sizeof(value))
            return -EINVAL;
        if (p->values[VALUE_FILTER_LOCKED] && !value)
            return -EPERM;
        p->values[VALUE_FILTER_LOCKED] = value != 0;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

// Promiscuous or not, a packet socket sees whatever its link gives.
static int set_membership(const struct sok_socket *s, const uint8_t *bytes, uint32_t len)
{
    struct packet_mreq q;
    struct sok_packet_link about;
    if (len < sizeof(q))
        return -EINVAL;
    memcpy(&q, bytes, sizeof(q));
    return q.mr_ifindex > 0 && sok_packet_link(s->host, q.mr_ifindex - 1, &about) == 0 ? 0
                                                                                       : -ENODEV;
}

static bool takes_number(int name)
{
    switch (name) {
    case PACKET_VERSION:
    case PACKET_RESERVE:
    case PACKET_IGNORE_OUTGOING:
    case PACKET_TIMESTAMP:
    case PACKET_COPY_THRESH:
    case PACKET_ORIGDEV:
        return true;
    default:
        return false;
    }
}

static int set_number(struct sok_posix *p, struct sok_socket *s, int name, int32_t value)
{
    switch (name) {
    case PACKET_VERSION:
        if (value < TPACKET_V1 || value > TPACKET_V3)
            return -EINVAL;
        p->values[VALUE_RING_VERSION] = value;
        return 0;
    case PACKET_RESERVE:
        if (value < 0)
            return -EINVAL;
        p->values[VALUE_RING_RESERVE] = value;
        return 0;
    case PACKET_IGNORE_OUTGOING:
        if (value < 0 || value > 1)
            return -EINVAL;
        p->values[VALUE_IGNORE_OUTGOING] = value;
        sok_frames_incoming(frames_of(s), value != 0);
        return 0;
    default: // PACKET_TIMESTAMP (there is one clock, the host's) and others that change nothing here
        return 0;
    }
}

int sok_posix_packet_set(struct sok_posix *p, struct sok_socket *s, int level, int name,
    const uint8_t *bytes, uint32_t len)
{
    int32_t value;
    if (p->domain != AF_PACKET)
        return -ENOPROTOOPT;
    if (level == SOL_SOCKET)
        return set_filter(p, s, name, bytes, len);
    if (level != SOL_PACKET)
        return -ENOPROTOOPT;
    if (name == PACKET_ADD_MEMBERSHIP || name == PACKET_DROP_MEMBERSHIP)
        return set_membership(s, bytes, len);
    if (!takes_number(name))
        return -ENOPROTOOPT;
    if (len < sizeof(value))
        return -EINVAL;
    memcpy(&value, bytes, sizeof(value));
    return set_number(p, s, name, value);
}

// ---- get ----

static int give(uint8_t *out, uint32_t want, const void *value, size_t len)
{
    uint32_t n = want < len ? want : (uint32_t)len;
    memcpy(out, value, n);
    return (int)n;
}

static int give_int(uint8_t *out, uint32_t want, int32_t value)
{
    return give(out, want, &value, sizeof(value));
}

static int statistics(const struct sok_posix *p, struct sok_socket *s, uint8_t *out, uint32_t want)
{
    struct sok_frames_counts counts = sok_frames_take_counts(frames_of(s));
    struct tpacket_stats_v3 stats = {.tp_packets = counts.frames, .tp_drops = counts.dropped};
    bool v3 = p->values[VALUE_RING_VERSION] == TPACKET_V3;
    return give(out, want, &stats, v3 ? sizeof(stats) : sizeof(struct tpacket_stats));
}

// Asked with a version.
static int head_length(uint8_t *out, uint32_t want)
{
    int32_t version = -1;
    if (want < sizeof(version))
        return -EINVAL;
    memcpy(&version, out, sizeof(version));
    switch (version) {
    case TPACKET_V1:
        return give_int(out, want, sizeof(struct tpacket_hdr));
    case TPACKET_V2:
        return give_int(out, want, sizeof(struct tpacket2_hdr));
    case TPACKET_V3:
        return give_int(out, want, sizeof(struct tpacket3_hdr));
    default:
        return -EINVAL;
    }
}

int sok_posix_packet_get(const struct sok_posix *p, struct sok_socket *s, int level, int name,
    uint8_t *out, uint32_t want)
{
    if (p->domain != AF_PACKET)
        return -ENOPROTOOPT;
    if (level == SOL_SOCKET && name == SO_BPF_EXTENSIONS)
        return give_int(out, want, EXTENSIONS);
    if (level == SOL_SOCKET && name == SO_LOCK_FILTER)
        return give_int(out, want, p->values[VALUE_FILTER_LOCKED]);
    if (level != SOL_PACKET)
        return -ENOPROTOOPT;
    switch (name) {
    case PACKET_STATISTICS:
        return statistics(p, s, out, want);
    case PACKET_HDRLEN:
        return head_length(out, want);
    case PACKET_VERSION:
        return give_int(out, want, p->values[VALUE_RING_VERSION]);
    case PACKET_RESERVE:
        return give_int(out, want, p->values[VALUE_RING_RESERVE]);
    case PACKET_IGNORE_OUTGOING:
        return give_int(out, want, p->values[VALUE_IGNORE_OUTGOING]);
    default:
        return -ENOPROTOOPT;
    }
}

// ---- what comes along ----

void sok_posix_frame_came(const struct sok_posix *p, const struct sok_socket *s, int link,
    uint32_t len, struct sok_calls_packet *head)
{
    struct sok_packet_link about;
    bool ethernet = sok_packet_link(s->host, link, &about) == 0 && about.ethernet;
    head->whole = s->whole;
    head->kept = len;
    head->net = p->type == SOCK_RAW && ethernet ? SOK_ETH_HDR_LEN : 0;
}
