#include <pthread.h>
#include "probe/testing.h"

static struct sok_addr v4(const char *text)
{
    struct sok_addr a;
    assert_true(sok_addr_parse(text, &a));
    return a;
}

static struct sok_ways *ways(const char *interface)
{
    struct sok_ways *w;
    if (sok_ways_open(&test_mem, interface, &w, test_err) < 0)
        fail_msg("%s", test_err);
    return w;
}

static void routes(void **state)
{
    struct sok_way way;
    struct sok_addr source;
    struct sok_craft_world world;
    (void)state;
    test_need_net();
    struct sok_ways *w = ways(NULL);
    assert_int_equal(sok_ways_find(w, v4("192.0.2.77"), &way, test_err), 0);
    assert_true(sok_addr_eq(way.source, v4("192.0.2.1")));
    assert_true(sok_addr_eq(way.hop, v4("192.0.2.77")));
    assert_string_equal(way.if_name, "tap0");
    assert_memory_equal(way.mac, test_mac, 6);
    assert_true(way.ethernet && !way.local && !way.to_many);
    assert_int_equal(way.mtu, 1500);
    assert_int_equal(sok_ways_find(w, v4("192.0.2.1"), &way, test_err), 0);
    assert_true(way.local);
    assert_int_equal(sok_ways_find(w, v4("192.0.2.255"), &way, test_err), 0);
    assert_true(way.to_many);
    assert_int_equal(sok_ways_find(w, v4("203.0.113.1"), &way, test_err), SOK_ENETUNREACH);
    assert_non_null(strstr(test_err, "no route to 203.0.113.1"));
    sok_ways_world(w, 0, &world);
    struct sok_addr dst = v4("192.0.2.9"), nowhere = v4("203.0.113.1");
    assert_true(world.source(world.ctx, &dst, &source));
    assert_true(sok_addr_eq(source, v4("192.0.2.1")));
    assert_false(world.source(world.ctx, &nowhere, &source));
    sok_ways_close(w);
}

static void macs_of_many(void **state)
{
    uint8_t mac[6];
    (void)state;
    test_need_net();
    struct sok_ways *w = ways("tap0");
    assert_int_equal(sok_ways_hop_mac(w, v4("192.0.2.255"), 0, mac, test_err), 0);
    assert_memory_equal(mac, "\xff\xff\xff\xff\xff\xff", 6);
    assert_int_equal(sok_ways_hop_mac(w, v4("224.129.2.3"), 0, mac, test_err), 0);
    assert_memory_equal(mac, "\x01\x00\x5e\x01\x02\x03", 6);
    sok_ways_close(w);
}

static void *answer(void *ctx)
{
    (void)ctx;
    test_answer_arp();
    return NULL;
}

// The kernel asks for the neighbour, and keeps what it hears; who says nothing is asked for once.
static void neighbours(void **state)
{
    uint8_t mac[6];
    pthread_t thread;
    (void)state;
    test_need_net();
    struct sok_ways *w = ways(NULL);
    assert_int_equal(sok_ways_hop_mac(w, v4("192.0.2.2"), 0, mac, test_err), SOK_EHOSTUNREACH);
    sok_ways_forget(w);
    pthread_create(&thread, NULL, answer, NULL);
    assert_int_equal(sok_ways_hop_mac(w, v4("192.0.2.2"), 5000, mac, test_err), 0);
    pthread_join(thread, NULL);
    assert_memory_equal(mac, test_peer, 6);
    sok_ways_forget(w);
    assert_int_equal(sok_ways_hop_mac(w, v4("192.0.2.2"), 0, mac, test_err), 0);
    assert_int_equal(sok_ways_hop_mac(w, v4("192.0.2.3"), 20, mac, test_err), SOK_EHOSTUNREACH);
    assert_non_null(strstr(test_err, "192.0.2.3 does not answer for its MAC on tap0"));
    assert_int_equal(sok_ways_hop_mac(w, v4("192.0.2.1"), 20, mac, test_err), SOK_EOPNOTSUPP);
    sok_ways_close(w);
}

static void no_such_interface(void **state)
{
    struct sok_ways *w;
    (void)state;
    assert_int_equal(sok_ways_open(&test_mem, "nope0", &w, test_err), SOK_ENODEV);
    assert_non_null(strstr(test_err, "no such interface: nope0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes),
        cmocka_unit_test(macs_of_many),
        cmocka_unit_test(neighbours),
        cmocka_unit_test(no_such_interface),
    };
    return cmocka_run_group_tests(tests, test_start, test_end);
}
