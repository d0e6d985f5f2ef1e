#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "probe/lost.h"

static void processors(void **state)
{
    struct sok_lost l = {0};
    (void)state;
    sok_lost_add_cpu(&l, "2106d3b8 00021b07 00000029 00000000 00000000 00000000 00000000 00000000 "
                         "00000000 01ae1594 00000002 00000010 00000000 00000000 00000000\n");
    sok_lost_add_cpu(&l, "0f5ebb0b 0000000a 0000001a 00000000\n"); // of an old kernel
    sok_lost_add_cpu(&l, "no numbers\n");
    assert_int_equal(l.backlog, 0x21b07 + 2 + 10);
    assert_int_equal(l.waiting, 16);
    assert_int_equal(l.in + l.out, 0);
}

static void devices(void **state)
{
    struct sok_lost l = {0};
    (void)state;
    sok_lost_add_device(&l, "Inter-|   Receive                         |  Transmit\n");
    sok_lost_add_device(
        &l, " face |bytes    packets errs drop fifo frame compressed multicast|bytes\n");
    sok_lost_add_device(&l, "  eth0: 4365972   80848    7  159   20     0          0         8 "
                            "3650904   67606    9 4233    5     6       7          3\n");
    sok_lost_add_device(&l, "wlan0:1 2 3 4\n");
    assert_int_equal(l.in, 159 + 20 + 4);
    assert_int_equal(l.out, 4233);
    assert_int_equal(l.backlog + l.waiting, 0);
}

static void since(void **state)
{
    const struct sok_lost then = {.backlog = 5, .in = 7, .out = 1, .waiting = 9},
                          now = {.backlog = 8, .in = 3, .out = 1, .waiting = 2};
    (void)state;
    struct sok_lost l = sok_lost_since(&then, &now);
    assert_int_equal(l.backlog, 3);
    assert_int_equal(l.in, 0); // the interface is gone
    assert_int_equal(l.out, 0);
    assert_int_equal(l.waiting, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processors),
        cmocka_unit_test(devices),
        cmocka_unit_test(since),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
