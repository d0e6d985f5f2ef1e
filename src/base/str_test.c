#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/mem.h"
#include "base/str.h"

static void strings(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "a", "ab", "abc", "b", "one|two", "\xff"};
    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(sok_str_len(texts[i]), strlen(texts[i]));
        assert_ptr_equal(sok_str_find(texts[i], '|'), strchr(texts[i], '|'));
        for (unsigned j = 0; j < sizeof(texts) / sizeof(texts[0]); j++)
            assert_int_equal(sok_str_eq(texts[i], texts[j]), strcmp(texts[i], texts[j]) == 0);
    }
}

static void default_memory(void **state)
{
    (void)state;
    struct sok_mem mem = sok_mem_default();
    char *p = sok_mem_zalloc(&mem, 100);
    assert_non_null(p);
    sok_mem_free(&mem, p, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings),
        cmocka_unit_test(default_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
