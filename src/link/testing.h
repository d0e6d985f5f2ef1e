// For the tests of links: counted memory, a network namespace of the process's own and packet sockets in it,
// frames made and compared.
#ifndef SOK_LINK_TESTING_H
#define SOK_LINK_TESTING_H

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>
#include "base/bytes.h"
#include "link/link.h"

static struct sok_mem_counter test_counter;
static struct sok_mem test_mem;

static inline void test_mem_start(void)
{
    test_counter = (struct sok_mem_counter){.under = sok_mem_libc()};
    test_mem = sok_mem_counting(&test_counter);
}

static inline void test_mem_end(void)
{
    assert_int_equal(test_counter.blocks, 0);
    assert_int_equal(test_counter.bytes, 0);
}

static inline void test_over(struct sok_link *link)
{
    link->ops->close(link);
    test_mem_end();
}

static inline int test_start(void **state)
{
    (void)state;
    test_mem_start();
    return 0;
}

static const uint8_t test_all[6] = {255, 255, 255, 255, 255, 255};
static char test_no_net[128]; // why tests that need devices cannot run; empty: they can

static inline void test_own_net(void)
{
    if (unshare(CLONE_NEWNET) < 0)
        snprintf(
            test_no_net, sizeof(test_no_net), "no private network namespace: %s", strerror(errno));
}

static inline void test_need_net(void)
{
    if (!test_no_net[0])
        return;
    print_message("skipped: %s\n", test_no_net);
    skip();
}

// A packet socket that shows and injects what passes on a device of the kernel's.
static inline int test_packet_socket(const char *name, int type, bool vnet)
{
    struct sockaddr_ll a = {.sll_family = AF_PACKET,
        .sll_protocol = htons((uint16_t)type),
        .sll_ifindex = (int)if_nametoindex(name)};
    struct timeval t = {.tv_sec = 5};
    int on = vnet;
    int fd = socket(AF_PACKET, SOCK_RAW, htons((uint16_t)type));
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

// Waits up to 5 s for a frame of this Ethernet type; others are thrown away.
static inline void test_next_frame(struct sok_link *link, uint16_t type, struct sok_frame *got)
{
    for (int i = 0; i < 100; i++) {
        struct pollfd p = {.fd = link->fd, .events = POLLIN};
        int r = link->ops->recv(link, got, 0);
        if (r == 0 && sok_get16(got->buf->data + got->off + 12) == type)
            return;
        if (r == 0)
            sok_buf_unref(got->buf);
        else
            assert_int_equal(r, SOK_EAGAIN);
        poll(&p, 1, 50);
    }
    fail_msg("no such frame came");
}

// An Ethernet frame with a payload that tells its number.
static inline struct sok_frame_out test_frame(
    uint8_t *bytes, uint32_t len, const uint8_t *dst, const uint8_t *src, uint32_t number)
{
    memcpy(bytes, dst, 6);
    memcpy(bytes + 6, src, 6);
    sok_put16(bytes + 12, 0x88b5); // for local experiments
    sok_put32(bytes + 14, number);
    for (uint32_t i = 18; i < len; i++)
        bytes[i] = (uint8_t)(number * 7 + i);
    return (struct sok_frame_out){.iov = {{bytes, len}}, .iov_count = 1, .len = len};
}

static inline uint32_t test_number(const struct sok_frame *frame)
{
    return sok_get32(frame->buf->data + frame->off + 14);
}

// The sum of RFC 1071 the slow way, independent of wire/csum.c.
static inline uint16_t test_sum(const uint8_t *p, size_t len, uint32_t start)
{
    uint64_t sum = start;
    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static inline uint32_t test_pseudo(const uint8_t *ip, uint32_t len)
{
    return test_sum(ip + 12, 8, 0) + ip[9] + len;
}

#define TEST_SUPER_HDR 54
// A TCP super-frame over IPv4 with `payload` bytes, checksum partial. 54 bytes of headers in one piece.
static inline struct sok_frame_out test_super(uint8_t *bytes, uint32_t payload, uint16_t gso_size,
    const uint8_t *dst, const uint8_t *src, const uint8_t *ips)
{
    memset(bytes, 0, TEST_SUPER_HDR);
    memcpy(bytes, dst, 6);
    memcpy(bytes + 6, src, 6);
    sok_put16(bytes + 12, 0x0800);
    uint8_t *ip = bytes + 14, *tcp = ip + 20;
    ip[0] = 0x45;
    sok_put16(ip + 2, (uint16_t)(40 + payload));
    sok_put16(ip + 4, 100);
    sok_put16(ip + 6, 0x4000);
    ip[8] = 64;
    ip[9] = 6;
    memcpy(ip + 12, ips, 8);
    sok_put16(ip + 10, (uint16_t)~test_sum(ip, 20, 0));
    sok_put16(tcp, 1000);
    sok_put16(tcp + 2, 2000);
    sok_put32(tcp + 4, 1);
    tcp[12] = 0x50;
    tcp[13] = 0x18; // PSH ACK
    sok_put16(tcp + 14, 500);
    sok_put16(tcp + 16, test_sum(NULL, 0, test_pseudo(ip, 20 + payload)));
    for (uint32_t i = 0; i < payload; i++)
        bytes[TEST_SUPER_HDR + i] = (uint8_t)(i * 31 + i / 256);
    return (struct sok_frame_out){
        .iov = {{bytes, TEST_SUPER_HDR}, {bytes + TEST_SUPER_HDR, payload}},
        .iov_count = payload ? 2 : 1,
        .len = TEST_SUPER_HDR + payload,
        .meta = {.gso = SOK_GSO_TCP4,
            .csum_partial = true,
            .gso_size = gso_size,
            .hdr_len = TEST_SUPER_HDR,
            .csum_start = 34,
            .csum_offset = 16},
    };
}

// Whether the TCP checksum of a whole frame (as test_super makes them) is right.
static inline bool test_tcp_sum_ok(const struct sok_frame *frame)
{
    const uint8_t *ip = frame->buf->data + frame->off + 14;
    uint32_t len = sok_get16(ip + 2) - 20U;
    return test_sum(ip + 20, len, test_pseudo(ip, len)) == 0xffff && test_sum(ip, 20, 0) == 0xffff;
}

#endif
