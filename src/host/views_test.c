// The views: what the timeline prints, that JSON lines are JSON with what is promised, and that a recording
// has every frame with its comment.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"
#include "host/events_json.h"
#include "host/recorder.h"
#include "host/timeline.h"
#include "pcapng/reader.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/tcp.h"

#define MS INT64_C(1000000)

// A segment of a connection whose initial numbers are 100 (ours) and 200.
static struct sok_event segment(bool out, uint32_t seq, uint32_t ack, uint16_t flags, uint32_t len)
{
    struct sok_event e = {.now = 1000 * MS, .conn = 1, .kind = out ? SOK_EVENT_OUT : SOK_EVENT_IN};
    uint8_t *p = e.packet.snap;
    struct sok_eth_hdr eth = {.type = SOK_ETHERTYPE_IP4};
    struct sok_ip4_hdr ip = {.version = 4,
        .ihl = 5,
        .ttl = 64,
        .proto = SOK_IPPROTO_TCP,
        .len = (uint16_t)(40 + len),
        .src = out ? 0xc0000202 : 0xc0000201,
        .dst = out ? 0xc0000201 : 0xc0000202};
    struct sok_tcp_hdr tcp = {.sport = out ? 49152 : 80,
        .dport = out ? 80 : 49152,
        .seq = seq + (out ? 100 : 200),
        .ack = ack + (out ? 200 : 100),
        .dataofs = 5,
        .flags = flags,
        .window = 5000};
    sok_eth_hdr_put(p, &eth);
    sok_ip4_hdr_put(p + 14, &ip);
    sok_tcp_hdr_put(p + 34, &tcp);
    memset(p + 54, 0x80, 10);
    e.packet.snap_len = (uint16_t)(54 + (len < 10 ? len : 10));
    e.packet.len = 54 + len;
    e.packet.has_base = true;
    e.packet.seq_base = out ? 100 : 200;
    e.packet.ack_base = out ? 200 : 100;
    if (out)
        e.packet.reason = SOK_REASON_DATA;
    else
        e.packet.effects = SOK_EFFECT_ACKED;
    e.packet.acked = 1000;
    return e;
}

static char *play(struct sok_timeline_options o, const struct sok_event *events, unsigned count)
{
    char *text = NULL;
    size_t len = 0;
    o.file = open_memstream(&text, &len);
    struct sok_view *v = sok_timeline_open(&o);
    for (unsigned i = 0; i < count; i++)
        sok_views_event(v, &events[i]);
    assert_int_equal(sok_views_close(v), 0);
    fclose(o.file);
    return text;
}

static void test_timeline(void **state)
{
    (void)state;
    struct sok_event e[8];
    e[0] = segment(true, 1, 1, SOK_TCP_PSH | SOK_TCP_ACK, 1000);
    e[1] = segment(false, 1, 1001, SOK_TCP_ACK, 0);
    e[1].now += 20 * MS;
    e[2] = (struct sok_event){.now = e[1].now, .conn = 1, .kind = SOK_EVENT_RTT};
    e[2].rtt.sample = 20 * MS;
    e[3] = segment(false, 1, 1001, SOK_TCP_ACK, 0);
    e[3].now += 30 * MS;
    e[3].packet.effects = 0;
    e[3].packet.drop = SOK_DROP_TCP_CHECKSUM;
    e[4] = segment(true, 1, 1, SOK_TCP_PSH | SOK_TCP_ACK, 1000);
    e[4].now += 300 * MS;
    e[4].packet.reason = SOK_REASON_RTO;
    e[5] = (struct sok_event){.now = e[4].now, .conn = 2, .kind = SOK_EVENT_ERROR};
    e[5].error.err = SOK_EREFUSED;
    char *text = play((struct sok_timeline_options){.utf8 = true}, e, 6);
    assert_string_equal(text, "  0.000000  out →  PSH,ACK  192.0.2.2:49152 > 192.0.2.1:80 seq 1 "
                              "ack 1 len 1000 win 5000  data\n"
                              "  0.020000  in  ←  ACK      seq 1 ack 1001 win 5000                 "
                              "        acks 1000, rtt 20 ms\n"
                              "  0.030000  in  ✗  ACK      ack 1001 badsum                         "
                              "        dropped: tcp: bad checksum\n"
                              "  0.300000  out ↻  PSH,ACK  seq 1 ack 1 len 1000                    "
                              "        again: timeout\n"
                              "  0.300000  error  @2                                               "
                              "        Connection refused\n");
    free(text);
    text = play((struct sok_timeline_options){.full = true}, e, 3);
    assert_string_equal(text,
        "  0.000000  out -> PSH,ACK  192.0.2.2:49152 > 192.0.2.1:80 seq 1 ack 1 len 1000 win 5000 "
        "options none ttl 64 tos 0 df 0  data\n"
        "  0.020000  in  <- ACK      192.0.2.1:80 > 192.0.2.2:49152 seq 1 ack 1001 len 0 win 5000 "
        "options none ttl 64 tos 0 df 0  acks 1000, rtt 20 ms\n");
    free(text);
    text = play((struct sok_timeline_options){.utf8 = true, .colour = true}, e + 4, 1);
    assert_non_null(strstr(text, "\033[33m"));
    free(text);
}

static void test_brief(void **state)
{
    (void)state;
    struct sok_event e[40];
    unsigned n = 0;
    for (unsigned i = 0; i < 15; i++) {
        e[n++] = segment(true, 1 + 1000 * i, 1, SOK_TCP_ACK, 1000);
        e[n++] = segment(false, 1, 1001 + 1000 * i, SOK_TCP_ACK, 0);
    }
    e[n] = segment(true, 15001, 1, SOK_TCP_FIN | SOK_TCP_ACK, 0);
    e[n++].packet.reason = SOK_REASON_CLOSE;
    char *text = play((struct sok_timeline_options){.utf8 = true, .brief = true}, e, n);
    unsigned lines = 0;
    for (const char *p = text; *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, 6);
    assert_non_null(strstr(text, "# 13 frames out with 13000 bytes, 13 in with 0 bytes\n"));
    assert_non_null(strstr(text, "FIN,ACK"));
    free(text);
}

static void test_write_error(void **state)
{
    (void)state;
    FILE *f = fopen("/dev/full", "w");
    if (!f)
        skip();
    struct sok_timeline_options o = {.file = f};
    struct sok_view *timeline = sok_timeline_open(&o), *json = sok_events_json_open(f);
    timeline->next = json;
    struct sok_event e = segment(true, 1, 1, SOK_TCP_ACK, 0);
    sok_views_event(timeline, &e);
    sok_views_flush(timeline);
    assert_int_equal(sok_views_close(timeline), ENOSPC);
    fclose(f);
}

static void test_json(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    struct sok_view *v = sok_events_json_open(f);
    struct sok_event e = segment(true, 1, 1, SOK_TCP_PSH | SOK_TCP_ACK, 1000);
    v->ops->event(v, &e);
    for (unsigned kind = 0; kind <= SOK_EVENT_LOST; kind++) {
        e = segment(false, 1, 1, SOK_TCP_ACK, 0);
        if (kind != SOK_EVENT_IN)
            memset(&e.packet, 0, sizeof e.packet);
        e.kind = (uint8_t)kind;
        v->ops->event(v, &e);
    }
    assert_int_equal(v->ops->close(v), 0);
    fclose(f);
    unsigned lines = 0;
    for (char *p = text, *next; (next = strchr(p, '\n')); p = next + 1, lines++) {
        json_error_t error;
        json_t *o = json_loadb(p, (size_t)(next - p), 0, &error);
        if (!o)
            fail_msg("%s: %.*s", error.text, (int)(next - p), p);
        assert_true(json_is_integer(json_object_get(o, "time_ns")));
        assert_true(json_is_integer(json_object_get(o, "conn")));
        assert_true(json_is_string(json_object_get(o, "kind")));
        if (lines == 0) {
            const json_t *packet = json_object_get(o, "packet");
            assert_string_equal(json_string_value(json_object_get(o, "reason")), "data");
            assert_string_equal(json_string_value(json_object_get(packet, "proto")), "tcp");
            assert_string_equal(
                json_string_value(json_object_get(packet, "src")), "192.0.2.2:49152");
            assert_int_equal(json_integer_value(json_object_get(packet, "seq")), 1);
            assert_int_equal(json_integer_value(json_object_get(packet, "len")), 1000);
            assert_int_equal(json_array_size(json_object_get(packet, "flags")), 2);
        }
        json_decref(o);
    }
    assert_int_equal(lines, 1 + SOK_EVENT_LOST + 1);
    free(text);
}

static void put_frame(struct sok_view *v, const struct sok_event *e)
{
    static const struct sok_link_info info = {.name = "test0", .mtu = 1500};
    uint8_t zeros[1000] = {0};
    struct sok_iov iov[2] = {{e->packet.snap, 54}, {zeros, e->packet.len - 54}};
    struct sok_view_frame f = {.now = e->now,
        .link = 1,
        .out = e->kind == SOK_EVENT_OUT,
        .info = &info,
        .iov = iov,
        .iov_count = 2,
        .len = e->packet.len};
    sok_views_frame(v, &f);
}

static void test_recorder(void **state)
{
    (void)state;
    char path[] = "/tmp/sockeye-recorder-XXXXXX", err[SOK_RECORDER_ERR_MAX];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    struct sok_view *v;
    assert_int_equal(sok_recorder_open(path, 0, 0, &v, err), 0);
    // A frame out; a frame in, with what followed from it; then something else; then one without an event.
    struct sok_event out = segment(true, 1, 1, SOK_TCP_ACK, 1000);
    struct sok_event in = segment(false, 1, 1001, SOK_TCP_ACK, 0);
    struct sok_event change = {.now = in.now, .conn = 1, .kind = SOK_EVENT_STATE};
    change.state.from = SOK_TCP_FIN_WAIT_1;
    change.state.to = SOK_TCP_FIN_WAIT_2;
    struct sok_event call = {.now = in.now, .conn = 1, .kind = SOK_EVENT_CALL};
    struct sok_event held = {.now = in.now, .conn = 1, .kind = SOK_EVENT_HELD};
    put_frame(v, &out);
    sok_views_event(v, &out);
    put_frame(v, &in);
    sok_views_event(v, &in);
    sok_views_event(v, &change);
    sok_views_event(v, &call);
    sok_views_event(v, &held);
    sok_views_flush(v);
    put_frame(v, &out);
    assert_int_equal(sok_views_close(v), 0);

    static const char *const comments[] = {
        "data", "acks 1000; state FIN-WAIT-1 → FIN-WAIT-2", "goes on"};
    static const uint32_t lens[] = {1054, 54, 1054};
    struct sok_mem mem = sok_mem_libc();
    struct sok_pcapng_reader r;
    struct sok_pcapng_record rec;
    unsigned packets = 0;
    sok_pcapng_reader_init(&r, &mem, sok_pcapng_source_fd(fd));
    while (sok_pcapng_next(&r, &rec) > 0) {
        if (rec.kind != SOK_PCAPNG_IS_PACKET)
            continue;
        assert_true(packets < 3);
        assert_int_equal(rec.len, lens[packets]);
        assert_int_equal(rec.time, out.now);
        assert_int_equal(rec.comment_len, strlen(comments[packets]));
        assert_memory_equal(rec.comment, comments[packets], rec.comment_len);
        packets++;
    }
    assert_int_equal(packets, 3);
    sok_pcapng_reader_free(&r);
    close(fd);
    unlink(path);
    assert_int_equal(sok_recorder_open("/nowhere/x.pcapng", 0, 0, &v, err), ENOENT);
    assert_string_equal(err, "/nowhere/x.pcapng: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timeline),
        cmocka_unit_test(test_brief),
        cmocka_unit_test(test_write_error),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_recorder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
