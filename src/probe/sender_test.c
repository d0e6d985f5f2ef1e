#include <pthread.h>
#include "probe/sender.h"
#include "probe/testing.h"
#include "wire/csum.h"

static struct sok_ways *ways;

static struct sok_sender *sender(bool frames)
{
    struct sok_sender *s = NULL;
    const struct sok_sender_options o = {.interface = frames ? "tap0" : NULL, .frames = frames};
    if (sok_ways_open(&test_mem, o.interface, &ways, test_err) < 0 ||
        sok_sender_open(&test_mem, ways, &o, &s, test_err) < 0)
        fail_msg("%s", test_err);
    return s;
}

static void end(struct sok_sender *s)
{
    sok_sender_close(s);
    sok_ways_close(ways);
}

static void good_packet(uint8_t p[28], uint16_t id)
{
    static const uint8_t packet[28] = {0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192,
        0, 2, 2, 0, 7, 0, 9, 0, 8, 0, 0};
    struct sok_csum sum;
    memcpy(p, packet, 28);
    sok_put16(p + 4, id);
    sok_csum_init(&sum);
    sok_csum_add(&sum, p, 20);
    sok_put16(p + 10, sok_csum_final(&sum));
}

static void send_ip(struct sok_sender *s, const uint8_t *p, size_t len)
{
    if (sok_sender_put(s, p, len, test_err) < 0 || sok_sender_flush(s, test_err) < 0)
        fail_msg("%s", test_err);
}

static void *answer(void *ctx)
{
    (void)ctx;
    test_answer_arp();
    return NULL;
}

// What is right goes by the raw socket, what is wrong (length, checksum, no source, no identification) past it:
// either comes out as it was given.
static void packets_are_kept(void **state)
{
    uint8_t p[28], f[1600];
    pthread_t thread;
    (void)state;
    test_need_net();
    struct sok_sender *s = sender(false);
    good_packet(p, 1);
    pthread_create(&thread, NULL, answer, NULL);
    send_ip(s, p, 28);
    pthread_join(thread, NULL);
    assert_int_equal(test_frame(0x0800, f, sizeof(f)), 14 + 28);
    assert_memory_equal(f + 14, p, 28);
    static const struct {
        unsigned at;
        uint8_t value;
    } wrong[] = {{3, 99}, {10, 1}, {4, 9}, {0, 0x44}, {12, 0}, {0, 0x4f}};
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        good_packet(p, (uint16_t)i);
        p[wrong[i].at] = wrong[i].value;
        send_ip(s, p, 28);
        assert_int_equal(test_frame(0x0800, f, sizeof(f)), 14 + 28);
        assert_memory_equal(f + 14, p, 28);
        assert_memory_equal(f, test_peer, 6);
    }
    end(s);
}

static void frames_in_order(void **state)
{
    uint8_t f[60] = {255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 7, 0x88, 0xb5}, got[1600];
    (void)state;
    test_need_net();
    struct sok_sender *s = sender(true);
    for (int i = 0; i < 300; i++) { // some batches
        f[14] = (uint8_t)i;
        assert_int_equal(sok_sender_put(s, f, 60, test_err), 0);
    }
    assert_int_equal(sok_sender_flush(s, test_err), 0);
    assert_int_equal(sok_sender_sent(s), 300);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(test_frame(0x88b5, got, sizeof(got)), 60);
        assert_int_equal(got[14], (uint8_t)i);
    }
    end(s);
}

static void complaints(void **state)
{
    static uint8_t big[3000];
    uint8_t p[40] = {0x60};
    (void)state;
    test_need_net();
    struct sok_sender *s = sender(false);
    static const uint8_t other[] = {0x12, 0, 0, 0}, few[] = {0x45, 0, 0, 3};
    assert_int_equal(sok_sender_put(s, other, 4, test_err), SOK_EINVAL);
    assert_non_null(strstr(test_err, "does not begin with IP"));
    assert_int_equal(sok_sender_put(s, few, 4, test_err), SOK_EINVAL);
    assert_int_equal(sok_sender_put(s, few, 0, test_err), SOK_EINVAL);
    p[24] = 0xfe;
    p[25] = 0x80;
    assert_int_equal(sok_sender_put(s, p, 40, test_err), SOK_EINVAL);
    assert_non_null(strstr(test_err, "say which"));
    good_packet(big, 1);
    memcpy(big + 16, "\xcb\0\x71\1", 4); // no route
    assert_int_equal(sok_sender_put(s, big, 28, test_err), SOK_ENETUNREACH);
    end(s);
    struct sok_sender_options o = {.frames = true};
    assert_int_equal(sok_ways_open(&test_mem, NULL, &ways, test_err), 0);
    assert_int_equal(sok_sender_open(&test_mem, ways, &o, &s, test_err), SOK_EINVAL);
    sok_ways_close(ways);
    s = sender(true);
    assert_int_equal(sok_sender_put(s, big, sizeof(big), test_err), 0);
    assert_int_equal(sok_sender_flush(s, test_err), SOK_EMSGSIZE);
    assert_non_null(strstr(test_err, "3000 bytes is larger than the MTU of tap0"));
    end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_kept),
        cmocka_unit_test(frames_in_order),
        cmocka_unit_test(complaints),
    };
    return cmocka_run_group_tests(tests, test_start, test_end);
}
