// Formats give what printf gives: asked of the C library, value by value.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "wire/text.h"

static void compare(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void compare(const char *format, ...)
{
    char ours[128], theirs[128];
    for (size_t room = 1; room <= sizeof(ours); room += room < 24 ? 1 : 104) {
        struct sok_text t = sok_text(ours, room);
        va_list args;
        va_start(args, format);
        sok_text_add_list(&t, format, args);
        va_end(args);
        va_start(args, format);
        int n = vsnprintf(theirs, room, format, args);
        va_end(args);
        assert_string_equal(ours, theirs);
        assert_int_equal(t.used, n);
    }
}

static void numbers(void **state)
{
    (void)state;
    static const uint64_t values[] = {
        0, 1, 9, 10, 255, 65535, 2147483647, 2147483648, 4294967295, 4294967296, UINT64_MAX};
    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        uint64_t v = values[i];
        compare("%u|%x|%X|%d", (unsigned)v, (unsigned)v, (unsigned)v, (int)v);
        compare("%5u|%-5u|%05u|%0*x", (unsigned)v, (unsigned)v, (unsigned)v, 7, (unsigned)v);
        compare("%llu|%llx|%lld", (unsigned long long)v, (unsigned long long)v, (long long)v);
        compare("%08llx|%-12lld|%012lld", (unsigned long long)v, (long long)v, (long long)v);
        compare("%lu %ld %zu %04zx", (unsigned long)v, (long)v, (size_t)v, (size_t)v);
        compare("%hhu %hu", (unsigned char)v, (unsigned short)v);
    }
}

static void words(void **state)
{
    (void)state;
    compare("plain");
    compare("%s", "");
    compare("a %s b %10s c %-10s d", "one", "two", "three");
    compare("%.2s|%.*s|%5.1s|%-5.1s|", "abc", 3, "abcdef", "xyz", "xyz");
    compare("%c%c%3c%-3c%%", 'a', 'b', 'c', 'd');
    compare("100%%");
}

static void no_room_at_all(void **state)
{
    (void)state;
    struct sok_text t = sok_text(NULL, 0);
    sok_text_add(&t, "%s %u", "count", 12u);
    assert_int_equal(t.used, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(words),
        cmocka_unit_test(no_room_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
