// Rings of packet sockets: their forms, what is written where, full ones, and a program that writes what it likes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "service/ring.h"

#define STAMP (INT64_C(1700000000) * 1000000000 + 123456789)

static const struct tpacket_req3 plain = {
    .tp_block_size = 8192, .tp_block_nr = 2, .tp_frame_size = 2048, .tp_frame_nr = 8};

static int memory(size_t size)
{
    int fd = memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    return fd;
}

static struct ring_form form_of(int version, const struct tpacket_req3 *q)
{
    return (struct ring_form){.version = version, .request = (const uint8_t *)q, .len = sizeof(*q)};
}

static struct ring *make(int version, uint8_t **shared)
{
    struct ring *r;
    struct ring_form form = form_of(version, &plain);
    size_t size = (size_t)plain.tp_block_size * plain.tp_block_nr;
    int fd = memory(size);
    assert_int_equal(sok_ring_new(&form, fd, &r), 0);
    assert_int_equal(sok_ring_fd(r), fd);
    *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(*shared, MAP_FAILED);
    return r;
}

static void end(struct ring *r, uint8_t *shared)
{
    sok_ring_free(r);
    munmap(shared, (size_t)plain.tp_block_size * plain.tp_block_nr);
}

static bool put(struct ring *r, uint32_t len, uint8_t fill)
{
    static uint8_t data[66000];
    struct sok_calls_packet head = {.whole = len + 7, .stamp = STAMP};
    struct sockaddr_ll ll = {.sll_family = AF_PACKET, .sll_ifindex = 2, .sll_halen = 6};
    memcpy(head.addr, &ll, sizeof(ll));
    memset(data, fill, len);
    return sok_ring_put(r, &head, data, len);
}

static void forms(void **state)
{
    static const struct {
        struct tpacket_req3 q;
        int result; // of V2, and
        int v3;
    } rows[] = {
        {{8192, 2, 2048, 8, 0, 0, 0}, 0, 0},
        {{8192, 2, 2048, 7, 0, 0, 0}, -EINVAL, -EINVAL},
        {{8192, 0, 2048, 8, 0, 0, 0}, -EINVAL, -EINVAL},
        {{0, 2, 2048, 8, 0, 0, 0}, -EINVAL, -EINVAL},
        {{8191, 2, 2048, 6, 0, 0, 0}, -EINVAL, -EINVAL},
        {{8192, 2, 2047, 8, 0, 0, 0}, -EINVAL, -EINVAL},
        {{8192, 2, 16, 1024, 0, 0, 0}, -EINVAL, -EINVAL},
        {{8192, 2, 16384, 0, 0, 0, 0}, -EINVAL, -EINVAL},
        {{8192, 2, 2048, 8, 0, 8192, 0}, 0, -EINVAL},
        {{8192, 2, 2048, 8, 0, UINT32_MAX, 0}, 0, -EINVAL},
        {{0x80000000, 0x80000000, 2048, 0, 0, 0, 0}, -EINVAL, -EINVAL},
        {{1 << 20, 512, 1 << 20, 512, 0, 0, 0}, -ENOMEM, -ENOMEM},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int version = TPACKET_V2; version <= TPACKET_V3; version++) {
            struct ring *r;
            struct ring_form form = form_of(version, &rows[i].q);
            int fd = memory(16384), err = sok_ring_new(&form, fd, &r);
            assert_int_equal(err, version == TPACKET_V3 ? rows[i].v3 : rows[i].result);
            if (err == 0)
                sok_ring_free(r);
            else
                close(fd);
        }
    }
    struct ring *r;
    struct ring_form form = form_of(TPACKET_V3, &plain);
    form.len = sizeof(struct tpacket_req);
    assert_int_equal(sok_ring_new(&form, -1, &r), -EINVAL);
    form = form_of(TPACKET_V2, &plain);
    form.reserve = 2048;
    assert_int_equal(sok_ring_new(&form, -1, &r), -EINVAL);
    form.reserve = 0;
    assert_int_equal(sok_ring_new(&form, -1, &r), -ENOPROTOOPT);
}

static void frames(void **state)
{
    uint8_t *shared;
    struct ring *r = make(TPACKET_V2, &shared);
    (void)state;
    assert_false(sok_ring_readable(r));
    for (uint8_t i = 0; i < 8; i++)
        assert_true(put(r, 100 + i, i + 1));
    assert_false(put(r, 100, 9));
    assert_true(sok_ring_readable(r));
    for (unsigned i = 0; i < 8; i++) {
        struct tpacket2_hdr h;
        struct sockaddr_ll ll;
        const uint8_t *at = shared + (size_t)i * 2048;
        memcpy(&h, at, sizeof(h));
        memcpy(&ll, at + TPACKET_ALIGN(sizeof(h)), sizeof(ll));
        assert_int_equal(h.tp_status, TP_STATUS_USER);
        assert_int_equal(h.tp_snaplen, 100 + i);
        assert_int_equal(h.tp_len, 107 + i);
        assert_int_equal(h.tp_net, h.tp_mac + 14);
        assert_int_equal(h.tp_net % TPACKET_ALIGNMENT, 0);
        assert_int_equal(h.tp_sec, 1700000000);
        assert_int_equal(h.tp_nsec, 123456789);
        assert_int_equal(ll.sll_ifindex, 2);
        assert_int_equal(at[h.tp_mac], i + 1);
        assert_int_equal(at[h.tp_mac + 99 + i], i + 1);
    }
    memset(shared, 0, sizeof(uint32_t)); // the first is given back
    assert_true(put(r, 60000, 9));       // and cut
    struct tpacket2_hdr h;
    memcpy(&h, shared, sizeof(h));
    assert_int_equal(h.tp_mac + h.tp_snaplen, 2048);
    assert_int_equal(h.tp_len, 60007);
    end(r, shared);
}

static struct tpacket_block_desc block(const uint8_t *shared, unsigned n)
{
    struct tpacket_block_desc d;
    memcpy(&d, shared + (size_t)n * 8192, sizeof(d));
    return d;
}

static void blocks(void **state)
{
    uint8_t *shared;
    struct ring *r = make(TPACKET_V3, &shared);
    (void)state;
    assert_true(put(r, 1000, 1));
    assert_true(put(r, 1000, 2));
    assert_false(sok_ring_readable(r));
    sok_ring_flush(r, false);
    assert_true(sok_ring_readable(r));
    struct tpacket_block_desc d = block(shared, 0);
    assert_int_equal(d.version, TPACKET_V3);
    assert_int_equal(d.hdr.bh1.block_status, TP_STATUS_USER | TP_STATUS_BLK_TMO);
    assert_int_equal(d.hdr.bh1.num_pkts, 2);
    assert_int_equal(d.hdr.bh1.seq_num, 1);
    struct tpacket3_hdr h;
    memcpy(&h, shared + d.hdr.bh1.offset_to_first_pkt, sizeof(h));
    assert_int_equal(h.tp_snaplen, 1000);
    assert_int_equal(shared[d.hdr.bh1.offset_to_first_pkt + h.tp_mac], 1);
    uint32_t second = d.hdr.bh1.offset_to_first_pkt + h.tp_next_offset;
    memcpy(&h, shared + second, sizeof(h));
    assert_int_equal(h.tp_next_offset, 0);
    assert_int_equal(shared[second + h.tp_mac + 999], 2);
    // While the program has something to read the next block is filled, until it is full.
    unsigned count = 0;
    for (; put(r, 1000, 3); count++)
        sok_ring_flush(r, false);
    assert_int_equal(count, 7);
    assert_int_equal(block(shared, 1).hdr.bh1.block_status, TP_STATUS_USER);
    assert_int_equal(block(shared, 1).hdr.bh1.num_pkts, 7);
    memset(shared + 8, 0, sizeof(uint32_t));
    assert_true(put(r, 60000, 4));
    sok_ring_flush(r, true);
    d = block(shared, 0);
    assert_int_equal(d.hdr.bh1.num_pkts, 1);
    assert_int_equal(d.hdr.bh1.blk_len, 8192);
    end(r, shared);
}

// Whatever stands there: nothing is written outside.
static void scribbled(void **state)
{
    (void)state;
    srand(7);
    for (int version = TPACKET_V1; version <= TPACKET_V3; version++) {
        uint8_t *shared;
        struct ring *r = make(version, &shared);
        for (unsigned i = 0; i < 20000; i++) {
            memset(shared + rand() % 16000, rand() % 3 ? 0 : rand(), (size_t)(rand() % 300));
            put(r, (uint32_t)(rand() % 66000), (uint8_t)i);
            sok_ring_flush(r, rand() % 2);
            sok_ring_readable(r);
        }
        end(r, shared);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),
        cmocka_unit_test(frames),
        cmocka_unit_test(blocks),
        cmocka_unit_test(scribbled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
