// The settings table: every default lies within its bounds, and values are read from text.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "tcp/config.h"

static void defaults_are_allowed(void **state)
{
    (void)state;
    struct sok_tcp_config config;
    size_t count;
    const struct sok_setting *rows = sok_tcp_settings(&count);
    sok_tcp_config_default(&config);
    assert_int_equal(config.size, sizeof(config));
    for (size_t i = 0; i < count; i++) {
        int64_t value;
        memcpy(&value, (const char *)&config + rows[i].offset, sizeof(value));
        assert_true(value == rows[i].def && value >= rows[i].min && value <= rows[i].max);
    }
}

static void text_becomes_value(void **state)
{
    (void)state;
    struct sok_tcp_config c;
    sok_tcp_config_default(&c);
    assert_null(sok_tcp_config_set(&c, "rto_min", "50ms"));
    assert_int_equal(c.rto_min, 50 * SOK_MS);
    assert_null(sok_tcp_config_set(&c, "rto_initial", "1.5s"));
    assert_int_equal(c.rto_initial, 1500 * SOK_MS);
    assert_null(sok_tcp_config_set(&c, "syn_r2", "3m"));
    assert_int_equal(c.syn_r2, 180 * SOK_S);
    assert_null(sok_tcp_config_set(&c, "rcv_buf", "64K"));
    assert_int_equal(c.rcv_buf, 65536);
    assert_null(sok_tcp_config_set(&c, "sack", "off"));
    assert_int_equal(c.sack, 0);
    assert_null(sok_tcp_config_set(&c, "congestion", "newreno"));
    assert_int_equal(c.congestion, 1);
    assert_null(sok_tcp_config_set(&c, "congestion", "cubic"));
    assert_int_equal(c.congestion, 0);
}

static void bad_text_changes_nothing(void **state)
{
    (void)state;
    struct sok_tcp_config c, before;
    sok_tcp_config_default(&c);
    before = c;
    assert_non_null(sok_tcp_config_set(&c, "no_such", "1"));
    assert_non_null(sok_tcp_config_set(&c, "rto_min", "50"));
    assert_non_null(sok_tcp_config_set(&c, "rto_min", "1.2.3s"));
    assert_non_null(sok_tcp_config_set(&c, "rto_min", "99999999999999999999s"));
    assert_non_null(sok_tcp_config_set(&c, "rto_min", "0ms"));
    assert_non_null(sok_tcp_config_set(&c, "rcv_buf", "many"));
    assert_non_null(sok_tcp_config_set(&c, "rcv_buf", "-5"));
    assert_non_null(sok_tcp_config_set(&c, "rcv_buf", ""));
    assert_non_null(sok_tcp_config_set(&c, "sack", "maybe"));
    assert_non_null(sok_tcp_config_set(&c, "congestion", "cub"));
    assert_non_null(sok_tcp_config_set(&c, "congestion", "cubic|newreno"));
    assert_non_null(sok_tcp_config_set(&c, "congestion", ""));
    assert_non_null(sok_tcp_config_set(&c, "congestion", "1"));
    assert_memory_equal(&c, &before, sizeof(c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_allowed),
        cmocka_unit_test(text_becomes_value),
        cmocka_unit_test(bad_text_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
