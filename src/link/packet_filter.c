#include "link/packet_filter.h"
#include <assert.h>
#include <netinet/in.h>
#include <string.h>
#include "base/bytes.h"

static void set(struct sok_packet_filter *f, const struct sock_filter *code, size_t size)
{
    assert(size <= sizeof(f->code));
    memcpy(f->code, code, size);
    f->len = (uint16_t)(size / sizeof(*code));
}

// A jump counts instructions to leap over.
void sok_packet_filter_mac(struct sok_packet_filter *f, const uint8_t mac[6])
{
    const struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, sok_get32(mac), 0, 2),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, sok_get16(mac + 4), 2, 0),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    set(f, code, sizeof(code));
}

// ---- by port ----

// A program that is put together from pieces: jumps to its two ends are written as these and resolved at the end.
#define TAKE 254
#define PASS 255

static void add(struct sok_packet_filter *f, const struct sock_filter *code, size_t size)
{
    size_t count = size / sizeof(*code);
    assert(f->len + count <= SOK_PACKET_FILTER_MAX);
    memcpy(f->code + f->len, code, size);
    f->len = (uint16_t)(f->len + count);
}

static uint8_t resolve(uint8_t jump, unsigned at, unsigned end)
{
    return jump == TAKE ? (uint8_t)(end - at - 1) : jump == PASS ? (uint8_t)(end - at) : jump;
}

// The two ends, and what leads to them.
static void finish(struct sok_packet_filter *f)
{
    const struct sock_filter ends[] = {
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    unsigned end = f->len;
    for (unsigned i = 0; i < end; i++) {
        if (BPF_CLASS(f->code[i].code) != BPF_JMP)
            continue;
        f->code[i].jt = resolve(f->code[i].jt, i, end);
        f->code[i].jf = resolve(f->code[i].jf, i, end);
    }
    add(f, ends, sizeof(ends));
}

static void add_ip4(struct sok_packet_filter *f, uint32_t addr, uint16_t first, uint16_t last)
{
    const struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 30),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, addr, 0, PASS), // to us
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, TAKE, 0), // behind a first fragment
        BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14),               // X: the length of the IP header
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 5, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMP, 0, PASS),
        BPF_STMT(BPF_LD | BPF_B | BPF_IND, 14),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 8, PASS, 0),     // an echo request
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 12, PASS, TAKE), // timestamps and other requests
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, 16),              // the destination port
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first, 0, PASS),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, PASS, TAKE),
    };
    add(f, code, sizeof(code));
}

// X: what lies between the IPv6 header and the transport's: a first fragment's header, or nothing.
static void add_ip6(struct sok_packet_filter *f, const uint8_t a[16], uint16_t first, uint16_t last)
{
    const struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 38),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, sok_get32(a), 0, PASS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 42),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, sok_get32(a + 4), 0, PASS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 46),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, sok_get32(a + 8), 0, PASS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 50),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, sok_get32(a + 12), 0, PASS),
        BPF_STMT(BPF_LDX | BPF_IMM, 0),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 20),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_FRAGMENT, 0, 4),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 56),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0xfff8, TAKE, 0), // behind a first fragment
        BPF_STMT(BPF_LDX | BPF_IMM, 8),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 54),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 6, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 5, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, PASS),
        BPF_STMT(BPF_LD | BPF_B | BPF_IND, 54),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 4, 0, TAKE),      // an error
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 129, TAKE, 0),    // an echo reply
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 136, TAKE, PASS), // a neighbour's advertisement
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, 56),               // the destination port
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first, 0, PASS),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, PASS, TAKE),
    };
    add(f, code, sizeof(code));
}

void sok_packet_filter_ports(struct sok_packet_filter *f, uint32_t addr, const uint8_t addr6[16],
    uint16_t first, uint16_t last)
{
    const struct sock_filter head[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0806, 0, 2), // ARP
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2, TAKE, PASS), // a reply
    };
    f->len = 0;
    add(f, head, sizeof(head));
    if (addr6) {
        // Over the part for IPv6, which ends with a jump to one of the ends.
        unsigned at = f->len;
        const struct sock_filter is6 = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x86dd, 0, 0);
        add(f, &is6, sizeof(is6));
        add_ip6(f, addr6, first, last);
        f->code[at].jf = (uint8_t)(f->len - at - 1);
    }
    const struct sock_filter is4 = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0800, 0, PASS);
    add(f, &is4, sizeof(is4));
    add_ip4(f, addr, first, last);
    finish(f);
}
