// What the writer wrote is read back; files by hand in the other byte order; cut, mutated and impossible files.
// Whether others read it (tshark) is tests/golden.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "pcapng/format.h"
#include "pcapng/reader.h"
#include "pcapng/writer.h"
#include "wire/csum.h"

static struct sok_mem_counter counter;
static struct sok_mem mem;

static int set_up(void **state)
{
    (void)state;
    counter = (struct sok_mem_counter){.under = sok_mem_libc()};
    mem = sok_mem_counting(&counter);
    return 0;
}

static int nothing_left(void **state)
{
    (void)state;
    assert_int_equal(counter.blocks, 0);
    assert_int_equal(counter.bytes, 0);
    return 0;
}

// ---- a sink in memory that takes little at a time, and fails when told to ----

#define FILE_MAX 400000

struct memory {
    uint8_t bytes[FILE_MAX];
    size_t len;
    size_t most; // bytes taken at once
    size_t full; // -ENOSPC from here on; 0: never
    unsigned interrupts;
};

static int64_t memory_write(void *ctx, const void *data, size_t len)
{
    struct memory *m = ctx;
    if (m->interrupts && m->interrupts-- % 2)
        return -EINTR;
    if (m->full && m->len >= m->full)
        return -ENOSPC;
    if (len > m->most)
        len = m->most;
    assert_true(m->len + len <= sizeof(m->bytes));
    memcpy(m->bytes + m->len, data, len);
    m->len += len;
    return (int64_t)len;
}

static struct memory file;

static struct sok_pcapng_sink sink(size_t most)
{
    file.len = file.full = file.interrupts = 0;
    file.most = most;
    return (struct sok_pcapng_sink){memory_write, &file};
}

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
#define T0 1700000000123456789

// Three packets on two interfaces; the last one's checksum is left to the device.
static int write_sample(struct sok_pcapng_writer *w, struct sok_pcapng_sink to)
{
    static uint8_t frame[54 + 3] = "0123456789ab\x08\x00";
    struct sok_pcapng_interface a = {.name = "tap0", .mac = mac, .linktype = 1},
                                b = {.linktype = 1};
    struct sok_iov iov[2] = {{frame, 20}, {frame + 20, sizeof(frame) - 20}};
    struct sok_frame_meta meta = {.csum_partial = true, .csum_start = 34, .csum_offset = 16};
    struct sok_pcapng_packet p = {.time = T0, .iov = iov, .iov_count = 2, .len = sizeof(frame)};
    int err = sok_pcapng_writer_init(w, &mem, to, "sockeye test");
    if (err)
        return err;
    sok_pcapng_add_interface(w, &a);
    sok_pcapng_add_interface(w, &b);
    p.comment = "open";
    p.direction = SOK_PCAPNG_OUT;
    sok_pcapng_add_packet(w, &p);
    p.interface = 1;
    p.time = T0 + 1;
    p.comment = NULL;
    p.direction = SOK_PCAPNG_IN;
    p.orig_len = 9000;
    sok_pcapng_add_packet(w, &p);
    p.comment = "µs";
    p.direction = SOK_PCAPNG_UNKNOWN;
    p.meta = &meta;
    p.orig_len = 0;
    sok_pcapng_add_packet(w, &p);
    struct sok_pcapng_stats s = {.interface = 1, .time = T0, .received = 7, .dropped = 1ull << 40};
    sok_pcapng_add_stats(w, &s);
    return sok_pcapng_writer_close(w);
}

static struct sok_pcapng_bytes bytes;

static void open_bytes(struct sok_pcapng_reader *r, const uint8_t *p, size_t len)
{
    bytes = (struct sok_pcapng_bytes){p, len};
    sok_pcapng_reader_init(r, &mem, sok_pcapng_source_bytes(&bytes));
}

static void expect(
    struct sok_pcapng_reader *r, enum sok_pcapng_kind kind, struct sok_pcapng_record *out)
{
    int n = sok_pcapng_next(r, out);
    if (n != 1)
        fail_msg("%d: %s", n, r->why ? r->why : "");
    assert_int_equal(out->kind, kind);
}

static void check_sample(const uint8_t *p, size_t len)
{
    struct sok_pcapng_reader r;
    struct sok_pcapng_record rec;
    open_bytes(&r, p, len);
    expect(&r, SOK_PCAPNG_IS_SECTION, &rec);
    expect(&r, SOK_PCAPNG_IS_INTERFACE, &rec);
    assert_string_equal(rec.info->name, "tap0");
    assert_true(rec.info->has_mac);
    assert_memory_equal(rec.info->mac, mac, 6);
    assert_int_equal(rec.info->tsresol, 9);
    expect(&r, SOK_PCAPNG_IS_INTERFACE, &rec);
    assert_int_equal(rec.interface, 1);
    assert_false(rec.info->has_mac);
    expect(&r, SOK_PCAPNG_IS_PACKET, &rec);
    assert_true(rec.time == T0);
    assert_int_equal(rec.direction, SOK_PCAPNG_OUT);
    assert_int_equal(rec.len, 57);
    assert_int_equal(rec.orig_len, 57);
    assert_memory_equal(rec.data, "0123456789ab\x08", 13);
    assert_int_equal(rec.comment_len, 4);
    assert_memory_equal(rec.comment, "open", 4);
    expect(&r, SOK_PCAPNG_IS_PACKET, &rec);
    assert_true(rec.time == T0 + 1);
    assert_int_equal(rec.interface, 1);
    assert_int_equal(rec.direction, SOK_PCAPNG_IN);
    assert_int_equal(rec.orig_len, 9000);
    assert_null(rec.comment);
    assert_int_equal(rec.data[50] << 8 | rec.data[51], 0);
    expect(&r, SOK_PCAPNG_IS_PACKET, &rec);
    assert_int_equal(rec.direction, SOK_PCAPNG_UNKNOWN);
    assert_memory_equal(rec.comment, "µs", 3);
    assert_int_equal(rec.data[50] << 8 | rec.data[51], 0xffff); // completed: the sum of zeros
    expect(&r, SOK_PCAPNG_IS_STATS, &rec);
    assert_true(rec.has_received && rec.has_dropped);
    assert_int_equal(rec.received, 7);
    assert_true(rec.dropped == 1ull << 40);
    assert_int_equal(sok_pcapng_next(&r, &rec), 0);
    assert_int_equal(sok_pcapng_next(&r, &rec), 0);
    sok_pcapng_reader_free(&r);
}

static void there_and_back(void **state)
{
    struct sok_pcapng_writer w;
    (void)state;
    for (size_t most = 1; most < 2000; most = most * 3 + 1) { // short writes of every kind
        assert_int_equal(write_sample(&w, sink(most)), 0);
        assert_int_equal(w.bytes, file.len);
        check_sample(file.bytes, file.len);
    }
    struct sok_pcapng_sink to = sink(10);
    file.interrupts = 9;
    assert_int_equal(write_sample(&w, to), 0);
    check_sample(file.bytes, file.len);
}

// Block type 10, "TLSK", length, text and line ends, by the draft's figure; the reader passes over it.
static void keys(void **state)
{
    static const uint8_t block[] = {10, 0, 0, 0, 32, 0, 0, 0, 'K', 'S', 'L', 'T', 9, 0, 0, 0, 'C',
        'L', 'I', ' ', '1', '\n', '\n', '\n', '\n', 0, 0, 0, 32, 0, 0, 0};
    struct sok_pcapng_writer w;
    struct sok_pcapng_reader r;
    struct sok_pcapng_record rec;
    struct sok_pcapng_interface i = {.name = "tap0", .linktype = 1};
    (void)state;
    assert_int_equal(sok_pcapng_writer_init(&w, &mem, sink(100), "sockeye test"), 0);
    int64_t at = sok_pcapng_add_keys(&w, "CLI 1\n", 6, 9);
    sok_pcapng_add_interface(&w, &i);
    assert_int_equal(sok_pcapng_writer_close(&w), 0);
    assert_true(at > 28 && (uint64_t)at + 16 <= file.len);
    assert_memory_equal(file.bytes + at - 16, block, sizeof(block));
    open_bytes(&r, file.bytes, file.len);
    expect(&r, SOK_PCAPNG_IS_SECTION, &rec);
    expect(&r, SOK_PCAPNG_IS_INTERFACE, &rec);
    assert_int_equal(sok_pcapng_next(&r, &rec), 0);
    sok_pcapng_reader_free(&r);
}

static void disk_full(void **state)
{
    struct sok_pcapng_writer w;
    (void)state;
    struct sok_pcapng_sink to = sink(100);
    file.full = 200;
    assert_int_equal(write_sample(&w, to), -ENOSPC);
    int fd = open("/dev/full", O_WRONLY);
    if (fd >= 0) {
        assert_int_equal(write_sample(&w, sok_pcapng_sink_fd(fd)), -ENOSPC);
        FILE *f = fdopen(fd, "w");
        assert_non_null(f);
        assert_int_equal(write_sample(&w, sok_pcapng_sink_file(f)), -ENOSPC);
        fclose(f);
    }
    assert_int_equal(write_sample(&w, sok_pcapng_sink_fd(-1)), -EBADF);
}

static void error_stays(void **state)
{
    struct sok_pcapng_writer w;
    struct sok_pcapng_packet p = {.time = 1};
    (void)state;
    struct sok_pcapng_sink to = sink(1000);
    assert_int_equal(sok_pcapng_writer_init(&w, &mem, to, NULL), 0);
    file.full = 1;
    file.len = 1;
    assert_int_equal(sok_pcapng_flush(&w), -ENOSPC);
    file.full = 0;
    assert_int_equal(sok_pcapng_add_packet(&w, &p), -ENOSPC);
    assert_int_equal(sok_pcapng_writer_close(&w), -ENOSPC);
    assert_int_equal(file.len, 1);
}

static void no_memory(void **state)
{
    struct sok_pcapng_writer w;
    struct sok_pcapng_reader r;
    struct sok_pcapng_record rec;
    (void)state;
    counter.fail_after = 0;
    counter.bytes_limit = 100;
    assert_int_equal(write_sample(&w, sink(1000)), -ENOMEM);
    counter.bytes_limit = 0;
    assert_int_equal(write_sample(&w, sink(1000)), 0);
    counter.bytes_limit = 100;
    open_bytes(&r, file.bytes, file.len);
    assert_int_equal(sok_pcapng_next(&r, &rec), SOK_ENOMEM);
    sok_pcapng_reader_free(&r);
    counter.bytes_limit = 65536 + 100; // a block fits, the table of interfaces does not
    open_bytes(&r, file.bytes, file.len);
    expect(&r, SOK_PCAPNG_IS_SECTION, &rec);
    assert_int_equal(sok_pcapng_next(&r, &rec), SOK_ENOMEM);
    sok_pcapng_reader_free(&r);
    counter.bytes_limit = 0;
}

// A frame larger than the buffer, and one larger than the longest snapshot.
static void large(void **state)
{
    static uint8_t frame[300000];
    struct sok_pcapng_writer w;
    struct sok_pcapng_reader r;
    struct sok_pcapng_record rec;
    struct sok_iov iov = {frame, sizeof(frame)};
    struct sok_pcapng_packet p = {.time = -1, .iov = &iov, .iov_count = 1, .len = 200000};
    struct sok_pcapng_interface i = {.linktype = 1};
    char comment[SOK_PCAPNG_COMMENT_MAX + 100];
    (void)state;
    for (size_t k = 0; k < sizeof(frame); k++)
        frame[k] = (uint8_t)(k * 7 >> 3);
    memset(comment, 'x', sizeof(comment));
    memcpy(comment + SOK_PCAPNG_COMMENT_MAX - 1, "ü", 2);
    comment[sizeof(comment) - 1] = 0;
    p.comment = comment;
    assert_int_equal(sok_pcapng_writer_init(&w, &mem, sink(FILE_MAX), NULL), 0);
    assert_int_equal(sok_pcapng_add_interface(&w, &i), 0);
    assert_int_equal(sok_pcapng_add_packet(&w, &p), 0);
    assert_int_equal(sok_pcapng_writer_close(&w), 0);
    open_bytes(&r, file.bytes, file.len);
    expect(&r, SOK_PCAPNG_IS_SECTION, &rec);
    expect(&r, SOK_PCAPNG_IS_INTERFACE, &rec);
    expect(&r, SOK_PCAPNG_IS_PACKET, &rec);
    assert_int_equal(rec.len, 200000);
    assert_memory_equal(rec.data, frame, rec.len);
    assert_true(rec.time == INT64_MAX); // before 1970 is far in the future for an unsigned clock
    assert_int_equal(
        rec.comment_len, SOK_PCAPNG_COMMENT_MAX - 1); // not in the middle of a character
    sok_pcapng_reader_free(&r);
    p.len = sizeof(frame);
    p.comment = NULL;
    assert_int_equal(sok_pcapng_writer_init(&w, &mem, sink(FILE_MAX), NULL), 0);
    assert_int_equal(sok_pcapng_add_interface(&w, &i), 0);
    assert_int_equal(sok_pcapng_add_packet(&w, &p), 0);
    assert_int_equal(sok_pcapng_writer_close(&w), 0);
    open_bytes(&r, file.bytes, file.len);
    expect(&r, SOK_PCAPNG_IS_SECTION, &rec);
    expect(&r, SOK_PCAPNG_IS_INTERFACE, &rec);
    expect(&r, SOK_PCAPNG_IS_PACKET, &rec);
    assert_int_equal(rec.len, SOK_PCAPNG_SNAPLEN_MAX);
    assert_int_equal(rec.orig_len, sizeof(frame));
    assert_memory_equal(rec.data, frame, rec.len);
    sok_pcapng_reader_free(&r);
}

// Big-endian, by hand from the format's text: microseconds by default, an offset, a simple packet, a block of an
// unknown type, and a second section in the other byte order.
static const uint8_t by_hand[] = {0x0a, 0x0d, 0x0d, 0x0a, 0, 0, 0, 28, 0x1a, 0x2b, 0x3c, 0x4d, 0, 1,
    0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 28, //
    0, 0, 0, 1, 0, 0, 0, 36, 0, 1, 0, 0, 0, 0, 0, 4, 0, 14, 0, 8, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0,
    0, 0, 0, 0,
    36,                                                     //
    0, 0, 0x0b, 0xad, 0, 0, 0, 16, 1, 2, 3, 4, 0, 0, 0, 16, //
    0, 0, 0, 6, 0, 0, 0, 48, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 60, 'a', 'b',
    'c', 0, 0, 2, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 48,              //
    0, 0, 0, 3, 0, 0, 0, 20, 0, 0, 0, 9, 'w', 'x', 'y', 'z', 0, 0, 0, 20, //
    0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 28, 0, 0, 0};

static void other_byte_order(void **state)
{
    struct sok_pcapng_reader r;
    struct sok_pcapng_record rec;
    (void)state;
    open_bytes(&r, by_hand, sizeof(by_hand));
    expect(&r, SOK_PCAPNG_IS_SECTION, &rec);
    expect(&r, SOK_PCAPNG_IS_INTERFACE, &rec);
    assert_int_equal(rec.info->linktype, 1);
    assert_int_equal(rec.info->snaplen, 4);
    expect(&r, SOK_PCAPNG_IS_PACKET, &rec);
    assert_int_equal(rec.time, ((1ll << 32) + 2) * 1000 + 10 * 1000000000ll);
    assert_int_equal(rec.len, 3);
    assert_int_equal(rec.orig_len, 60);
    assert_memory_equal(rec.data, "abc", 3);
    assert_int_equal(rec.direction, SOK_PCAPNG_IN);
    expect(&r, SOK_PCAPNG_IS_PACKET, &rec);
    assert_int_equal(rec.len, 4); // the interface's snaplen
    assert_int_equal(rec.orig_len, 9);
    assert_memory_equal(rec.data, "wxyz", 4);
    expect(&r, SOK_PCAPNG_IS_SECTION, &rec);
    assert_int_equal(r.interface_count, 0);
    assert_int_equal(sok_pcapng_next(&r, &rec), 0);
    sok_pcapng_reader_free(&r);
}

// Reads all of it; the last result. Bytes are in a block of just their size.
static int read_all(const uint8_t *p, size_t len, unsigned *records)
{
    struct sok_pcapng_reader r;
    struct sok_pcapng_record rec;
    volatile uint8_t seen = 0;
    uint8_t *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, p, len);
    open_bytes(&r, exact, len);
    int n;
    *records = 0;
    while ((n = sok_pcapng_next(&r, &rec)) > 0) {
        ++*records;
        for (uint32_t i = 0; i < rec.len; i++)
            seen = seen ^ rec.data[i];
        for (uint32_t i = 0; i < rec.comment_len; i++)
            seen = seen ^ (uint8_t)rec.comment[i];
    }
    if (n < 0)
        assert_non_null(r.why);
    assert_true(counter.bytes < 500000); // memory follows what is there, not what is claimed
    sok_pcapng_reader_free(&r);
    free(exact);
    return n;
}

static void cut_anywhere(void **state)
{
    struct sok_pcapng_writer w;
    unsigned all, some;
    (void)state;
    assert_int_equal(write_sample(&w, sink(1000)), 0);
    assert_int_equal(read_all(file.bytes, file.len, &all), 0);
    assert_int_equal(all, 7);
    for (size_t len = 0; len < file.len; len++) {
        int n = read_all(file.bytes, len, &some);
        assert_true(n == 0 || n == SOK_EPROTO);
        assert_true(some < all);
    }
}

static void mutated(void **state)
{
    struct sok_pcapng_writer w;
    uint32_t x = 1;
    unsigned records;
    (void)state;
    assert_int_equal(write_sample(&w, sink(1000)), 0);
    for (unsigned run = 0; run < 30000; run++) {
        uint8_t copy[1024];
        const uint8_t *from = run % 2 ? by_hand : file.bytes;
        size_t len = run % 2 ? sizeof(by_hand) : file.len;
        assert_true(len <= sizeof(copy));
        memcpy(copy, from, len);
        for (unsigned k = 0; k < 1 + run % 3; k++) {
            x = x * 1664525 + 1013904223;
            copy[(x >> 8) % len] = x & 0x80 ? (uint8_t)(x >> 24) : (uint8_t)(x & 0x40 ? 0xff : 0);
        }
        int n = read_all(copy, len, &records);
        assert_true(n == 0 || n == SOK_EPROTO);
    }
}

static void says_why(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
        const char *why;
    } cases[] = {
        {0, 0, "not a pcapng file"},
        {8, 0, "byte order not recognized"},
        {13, 2, "unknown version"},
        {7, 30, "impossible block length"},
        {7, 8, "impossible block length"},
        {4, 0x7f, "block too large"},
        {5, 0x7f, "ends in the middle of a block"},
        {27, 32, "block lengths differ"},
        {91, 1, "no such interface"},
        {103, 40, "packet longer than its block"},
    };
    uint8_t copy[sizeof(by_hand)];
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct sok_pcapng_reader r;
        struct sok_pcapng_record rec;
        int n;
        memcpy(copy, by_hand, sizeof(copy));
        copy[cases[i].at] = cases[i].value;
        open_bytes(&r, copy, sizeof(copy));
        while ((n = sok_pcapng_next(&r, &rec)) > 0)
            ;
        assert_int_equal(n, SOK_EPROTO);
        if (strcmp(r.why, cases[i].why) != 0)
            fail_msg("case %u: %s", i, r.why);
        sok_pcapng_reader_free(&r);
    }
}

// One byte at a time, and interrupted before each.
static int64_t slow_read(void *ctx, void *data, size_t len)
{
    static unsigned calls;
    if (len == 0 || calls++ % 2)
        return -EINTR;
    struct sok_pcapng_source whole = sok_pcapng_source_bytes(ctx);
    return whole.read(whole.ctx, data, 1);
}

static void slow_source(void **state)
{
    struct sok_pcapng_reader r;
    struct sok_pcapng_record rec;
    unsigned records = 0;
    (void)state;
    bytes = (struct sok_pcapng_bytes){by_hand, sizeof(by_hand)};
    sok_pcapng_reader_init(&r, &mem, (struct sok_pcapng_source){slow_read, &bytes});
    while (sok_pcapng_next(&r, &rec) > 0)
        records++;
    assert_null(r.why);
    assert_int_equal(records, 5);
    sok_pcapng_reader_free(&r);
}

static int64_t broken_read(void *ctx, void *data, size_t len)
{
    (void)ctx, (void)data, (void)len;
    return -EIO;
}

static void broken_source(void **state)
{
    struct sok_pcapng_reader r;
    struct sok_pcapng_record rec;
    (void)state;
    sok_pcapng_reader_init(&r, &mem, (struct sok_pcapng_source){broken_read, NULL});
    assert_int_equal(sok_pcapng_next(&r, &rec), SOK_EIO);
    assert_string_equal(r.why, "cannot be read");
    sok_pcapng_reader_free(&r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, nothing_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(there_and_back),
        TEST(keys),
        TEST(disk_full),
        TEST(error_stays),
        TEST(no_memory),
        TEST(large),
        TEST(other_byte_order),
        TEST(cut_anywhere),
        TEST(mutated),
        TEST(says_why),
        TEST(broken_source),
        TEST(slow_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
