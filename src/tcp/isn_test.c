// Numbers nobody outside can guess (RFC 6528): the clock's, and the two ends'.
#include "tcp/testing.h"

static struct sok_endpoint end_at(uint8_t last, uint16_t port)
{
    return (struct sok_endpoint){.addr = sok_addr_v4(0xc0000200u | last), .port = port};
}

static void the_clock_drives_it(void **state)
{
    (void)state;
    struct sok_tcp t = {.env = {.secret = {1, 2, 3}}};
    struct sok_endpoint a = end_at(1, 1000), b = end_at(2, 80);
    uint32_t first = sok_tcp_isn(&t, &a, &b, 0);
    assert_int_equal(sok_tcp_isn(&t, &a, &b, 3999), first); // a tick is 4 us (MUST-8)
    assert_int_equal(sok_tcp_isn(&t, &a, &b, 4000), first + 1);
    assert_int_equal(sok_tcp_isn(&t, &a, &b, SOK_S), first + 250000);
}

static void numbers_of_two_ends_are_apart(void **state)
{
    (void)state;
    struct sok_tcp t = {.env = {.secret = {1, 2, 3}}}, other = {.env = {.secret = {1, 2, 4}}};
    struct sok_endpoint a = end_at(1, 1000), b = end_at(2, 80);
    struct sok_endpoint port = end_at(1, 1001), addr = end_at(3, 80), web = end_at(2, 443);
    uint32_t isn = sok_tcp_isn(&t, &a, &b, 0);
    assert_int_not_equal(sok_tcp_isn(&t, &port, &b, 0), isn);
    assert_int_not_equal(sok_tcp_isn(&t, &a, &addr, 0), isn);
    assert_int_not_equal(sok_tcp_isn(&t, &a, &web, 0), isn);
    assert_int_not_equal(sok_tcp_isn(&t, &b, &a, 0), isn);
    assert_int_not_equal(sok_tcp_isn(&other, &a, &b, 0), isn); // the secret counts (MUST-9)
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_drives_it),
        cmocka_unit_test(numbers_of_two_ends_are_apart),
    };
    return cmocka_run_group_tests_name("isn", tests, NULL, NULL);
}
