#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "capture/dump.h"
#include "capture/file.h"

static struct sok_mem_counter counter;
static struct sok_mem mem;
static char err[SOK_CAPTURE_ERR_MAX], dir[] = "/tmp/sok-file-test-XXXXXX", path[128];

static const char *name(const char *base)
{
    snprintf(path, sizeof(path), "%s/%s", dir, base);
    return path;
}

static struct sok_capture_record record(const uint8_t *data, uint32_t len, uint16_t linktype)
{
    return (struct sok_capture_record){
        .time = 1700000000123456000, .data = data, .len = len, .linktype = linktype};
}

static void write_two(const char *base)
{
    static const uint8_t first[] = {0x45, 1, 2, 3}, second[] = {0x60, 9};
    struct sok_capture_record a = record(first, 4, SOK_CAPTURE_RAW),
                              b = record(second, 2, SOK_CAPTURE_RAW);
    struct sok_dump *d;
    b.orig_len = 1500;
    assert_int_equal(sok_dump_open(&mem, name(base), NULL, &d, err), 0);
    assert_int_equal(sok_dump_put(d, &a, err), 0);
    assert_int_equal(sok_dump_put(d, &b, err), 0);
    assert_int_equal(sok_dump_close(d, err), 0);
}

static void both_formats_come_back(void **state)
{
    static const char *const names[] = {
        "x.pcap", "x.pcapng", "x.cap", "x", "x.pcap.gz", "x.pcapng.gz"};
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        struct sok_capture_file *f;
        struct sok_capture_record r;
        write_two(names[i]);
        assert_int_equal(sok_capture_file_open(&mem, path, NULL, &f, err), 0);
        assert_int_equal(sok_capture_file_next(f, &r, err), 1);
        assert_int_equal(r.time, 1700000000123456000);
        assert_int_equal(r.linktype, SOK_CAPTURE_RAW);
        assert_int_equal(r.len, 4);
        assert_memory_equal(r.data, "\x45\1\2\3", 4);
        assert_int_equal(sok_capture_file_next(f, &r, err), 1);
        assert_int_equal(r.len, 2);
        assert_int_equal(r.orig_len, 1500);
        assert_int_equal(sok_capture_file_next(f, &r, err), 0);
        sok_capture_file_close(f);
        unlink(path);
    }
}

static void link_types_mix_in_pcapng_alone(void **state)
{
    static const uint8_t bytes[20] = {0x45};
    struct sok_capture_record a = record(bytes, 20, SOK_CAPTURE_RAW),
                              b = record(bytes, 20, SOK_CAPTURE_ETHERNET), r;
    struct sok_dump *d;
    struct sok_capture_file *f;
    (void)state;
    assert_int_equal(sok_dump_open(&mem, name("m.pcap"), NULL, &d, err), 0);
    assert_int_equal(sok_dump_put(d, &a, err), 0);
    assert_int_equal(sok_dump_put(d, &b, err), SOK_EINVAL);
    sok_dump_close(d, err);
    unlink(path);
    assert_int_equal(sok_dump_open(&mem, name("m.pcapng"), NULL, &d, err), 0);
    assert_int_equal(sok_dump_put(d, &a, err), 0);
    assert_int_equal(sok_dump_put(d, &b, err), 0);
    assert_int_equal(sok_dump_close(d, err), 0);
    assert_int_equal(sok_capture_file_open(&mem, path, NULL, &f, err), 0);
    assert_int_equal(sok_capture_file_next(f, &r, err), 1);
    assert_int_equal(r.linktype, SOK_CAPTURE_RAW);
    assert_int_equal(sok_capture_file_next(f, &r, err), 1);
    assert_int_equal(r.linktype, SOK_CAPTURE_ETHERNET);
    sok_capture_file_close(f);
    unlink(path);
}

// Cut anywhere: what was whole comes, then an error with the file's name (or, between packets, the end).
static void cut(const char *base)
{
    bool zipped = strstr(base, ".gz");
    uint8_t all[1000];
    write_two(base);
    FILE *file = fopen(path, "rb");
    size_t len = fread(all, 1, sizeof(all), file);
    fclose(file);
    for (size_t n = 0; n < len; n++) {
        struct sok_capture_file *f;
        struct sok_capture_record r;
        unsigned count = 0;
        file = fopen(path, "wb");
        assert_int_equal(fwrite(all, 1, n, file), n);
        fclose(file);
        int e = sok_capture_file_open(&mem, path, NULL, &f, err);
        if (e == 0) {
            while ((e = sok_capture_file_next(f, &r, err)) == 1)
                count++;
            sok_capture_file_close(f);
        }
        if (zipped) // both may have come before the check sum
            assert_true(count <= 2 && e < 0 && strstr(err, base));
        else
            assert_true(count < 2 && (e == 0 || strstr(err, base)));
    }
    unlink(path);
}

static void cut_files_are_named(void **state)
{
    (void)state;
    cut("c.pcap");
    cut("c.pcapng");
    cut("c.pcap.gz");
    cut("c.pcapng.gz");
}

static void append_one(const char *base, struct sok_dump_options o)
{
    static const uint8_t bytes[] = {0x45, 7};
    struct sok_capture_record r = record(bytes, 2, SOK_CAPTURE_RAW);
    struct sok_dump *d;
    r.time += 789;
    o.append = true;
    if (sok_dump_open(&mem, name(base), &o, &d, err) < 0)
        fail_msg("%s", err);
    assert_int_equal(sok_dump_put(d, &r, err), 0);
    assert_int_equal(sok_dump_close(d, err), 0);
}

// The packets of the file: the last one's nanoseconds behind the micro ones.
static unsigned count_all(unsigned *nanos)
{
    struct sok_capture_file *f;
    struct sok_capture_record r;
    unsigned n = 0;
    int e = sok_capture_file_open(&mem, path, NULL, &f, err);
    for (; e >= 0 && (e = sok_capture_file_next(f, &r, err)) == 1; n++) {
        assert_int_equal(r.linktype, SOK_CAPTURE_RAW);
        assert_int_equal(r.time / 1000, 1700000000123456);
        *nanos = (unsigned)(r.time % 1000);
    }
    if (e < 0)
        fail_msg("%s", err);
    sok_capture_file_close(f);
    return n;
}

// Behind a gzip member, as a tape leaves them.
static void append_zeros(void)
{
    static const uint8_t zeros[100000];
    FILE *file = fopen(path, "ab");
    assert_int_equal(fwrite(zeros, 1, sizeof(zeros), file), sizeof(zeros));
    fclose(file);
}

static void a_file_is_gone_on_with(void **state)
{
    static const char *const names[] = {"a.pcap", "a.pcapng", "a.pcap.gz", "a.pcapng.gz"};
    unsigned nanos;
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        append_one(names[i], (struct sok_dump_options){0}); // there is none yet
        unlink(path);
        write_two(names[i]);
        append_one(names[i], (struct sok_dump_options){.nano = true});
        if (strstr(names[i], ".gz"))
            append_zeros();
        append_one(names[i], (struct sok_dump_options){0});
        if (strstr(names[i], ".gz"))
            append_zeros();
        assert_int_equal(count_all(&nanos), 4);
        assert_int_equal(nanos, i % 2 ? 789 : 0);
        unlink(path);
    }
    append_one("n.pcap", (struct sok_dump_options){.nano = true, .gzip = true});
    append_one("n.pcap", (struct sok_dump_options){0});
    assert_int_equal(count_all(&nanos), 2);
    assert_int_equal(nanos, 789);
    unlink(path);
}

// Of another program, with its bytes the other way round and a name that says nothing.
static void what_lies_there_says_how(void **state)
{
    static const uint8_t head[24] = {
        0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, [16] = 0xff, 0xff, [20] = 101};
    unsigned nanos;
    struct sok_dump *d;
    (void)state;
    FILE *file = fopen(name("other"), "wb");
    assert_int_equal(fwrite(head, 1, sizeof(head), file), sizeof(head));
    fclose(file);
    append_one("other", (struct sok_dump_options){0});
    assert_int_equal(count_all(&nanos), 1);
    assert_int_equal(nanos, 789);
    file = fopen(path, "w");
    fputs("text", file);
    fclose(file);
    const struct sok_dump_options o = {.append = true};
    assert_int_equal(sok_dump_open(&mem, path, &o, &d, err), SOK_EPROTO);
    assert_non_null(strstr(err, "other: not a capture file that can be appended to"));
    unlink(path);
}

static void interfaces_have_names(void **state)
{
    static const uint8_t bytes[20] = {0x45};
    static const char *const names[] = {"a0", NULL, "b0", "a0"};
    struct sok_capture_record r = record(bytes, 20, SOK_CAPTURE_RAW);
    struct sok_dump *d;
    struct sok_capture_file *f;
    (void)state;
    assert_int_equal(sok_dump_open(&mem, name("i.pcapng"), NULL, &d, err), 0);
    for (unsigned i = 0; i < 4; i++) {
        r.interface_name = names[i];
        assert_int_equal(sok_dump_put(d, &r, err), 0);
    }
    assert_int_equal(sok_dump_close(d, err), 0);
    assert_int_equal(sok_capture_file_open(&mem, path, NULL, &f, err), 0);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(sok_capture_file_next(f, &r, err), 1);
        assert_int_equal(r.interface, i % 3);
        assert_true(names[i] ? strcmp(r.interface_name, names[i]) == 0 : !r.interface_name);
    }
    sok_capture_file_close(f);
    unlink(path);
}

static void other_files_are_refused(void **state)
{
    struct sok_capture_file *f;
    struct sok_dump *d;
    (void)state;
    assert_int_equal(sok_capture_file_open(&mem, name("none"), NULL, &f, err), SOK_EIO);
    assert_non_null(strstr(err, "none: No such file"));
    assert_int_equal(sok_capture_file_open(&mem, dir, NULL, &f, err), SOK_EIO);
    FILE *file = fopen(name("text"), "w");
    fputs("not packets at all, but some text that is long enough", file);
    fclose(file);
    assert_int_equal(sok_capture_file_open(&mem, path, NULL, &f, err), SOK_EPROTO);
    assert_non_null(strstr(err, "text: not a capture file"));
    unlink(path);
    write_two("f.pcap");
    assert_int_equal(sok_capture_file_open(&mem, path, "no filter", &f, err), SOK_EINVAL);
    unlink(path);
    assert_int_equal(sok_dump_open(&mem, "/nowhere/at/all.pcap", NULL, &d, err), SOK_EIO);
    assert_non_null(strstr(err, "/nowhere/at/all.pcap"));
}

static void a_full_disk_is_told(void **state)
{
    static uint8_t bytes[60000];
    struct sok_capture_record r = record(bytes, sizeof(bytes), SOK_CAPTURE_RAW);
    struct sok_dump *d;
    (void)state;
    if (access("/dev/full", W_OK) < 0)
        skip();
    assert_int_equal(symlink("/dev/full", name("full.pcap")), 0);
    assert_int_equal(sok_dump_open(&mem, path, NULL, &d, err), 0);
    sok_dump_put(d, &r, err);
    assert_int_equal(sok_dump_close(d, err), SOK_EIO);
    assert_non_null(strstr(err, "No space left"));
    unlink(path);
}

static int start(void **state)
{
    (void)state;
    counter = (struct sok_mem_counter){.under = sok_mem_libc()};
    mem = sok_mem_counting(&counter);
    return mkdtemp(dir) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    return rmdir(dir) == 0 && counter.blocks == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_formats_come_back),
        cmocka_unit_test(link_types_mix_in_pcapng_alone),
        cmocka_unit_test(cut_files_are_named),
        cmocka_unit_test(a_file_is_gone_on_with),
        cmocka_unit_test(what_lies_there_says_how),
        cmocka_unit_test(interfaces_have_names),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(a_full_disk_is_told),
    };
    return cmocka_run_group_tests(tests, start, end);
}
