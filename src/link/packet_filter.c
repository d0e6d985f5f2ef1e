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

void sok_packet_filter_ports(
    struct sok_packet_filter *f, uint32_t addr, uint16_t first, uint16_t last)
{
    const struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0806, 0, 2), // ARP
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2, 16, 17),     // a reply
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0800, 0, 16), // IPv4
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 30),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, addr, 0, 14), // to us
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 11, 0), // behind a first fragment
        BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14),             // X: the length of the IP header
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 5, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMP, 0, 7),
        BPF_STMT(BPF_LD | BPF_B | BPF_IND, 14),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 8, 5, 0),  // an echo request
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 12, 4, 3), // timestamps and other requests
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, 16),        // the destination port
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    set(f, code, sizeof(code));
}
