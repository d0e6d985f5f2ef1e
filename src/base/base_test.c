// The small parts of base: errors, memory hook, buffers, sequence numbers, the sock queue.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/seq.h"
#include "base/sock.h"

static void errors(void **state)
{
    (void)state;
    assert_string_equal(sok_strerror(0), "Success");
    assert_string_equal(sok_strerror(SOK_EREFUSED), "Connection refused");
    assert_string_equal(sok_errname(SOK_EREFUSED), "REFUSED");
    assert_string_equal(sok_strerror(12345), "Unknown error");
    for (int e = -1; e >= -25; e--)
        assert_string_not_equal(sok_strerror(e), "Unknown error");
}

static void memory_is_counted(void **state)
{
    (void)state;
    struct sok_mem_counter c = {.under = sok_mem_libc(), .bytes_limit = 100};
    struct sok_mem mem = sok_mem_counting(&c);
    char *p = sok_mem_zalloc(&mem, 60);
    assert_true(p && p[59] == 0 && c.bytes == 60 && c.blocks == 1);
    assert_null(sok_mem_alloc(&mem, 41));
    char *q = sok_mem_alloc(&mem, 40);
    assert_non_null(q);
    assert_null(sok_mem_resize(&mem, p, 60, 61));
    p = sok_mem_resize(&mem, p, 60, 30);
    assert_true(p && c.bytes == 70 && c.blocks == 2 && c.bytes_max == 100);
    sok_mem_free(&mem, p, 30);
    sok_mem_free(&mem, q, 40);
    sok_mem_free(&mem, NULL, 40);
    assert_true(c.bytes == 0 && c.blocks == 0);
    c.fail_after = 2;
    p = sok_mem_alloc(&mem, 1);
    assert_non_null(p);
    assert_null(sok_mem_alloc(&mem, 1));
    assert_null(sok_mem_alloc(&mem, 1));
    sok_mem_free(&mem, p, 1);
}

static void buffers_are_counted(void **state)
{
    (void)state;
    struct sok_mem_counter c = {.under = sok_mem_libc()};
    struct sok_mem mem = sok_mem_counting(&c);
    struct sok_buf *b = sok_buf_new(&mem, 1000);
    assert_true(b && b->cap == 1000 && sok_buf_ref(b) == b);
    sok_buf_unref(b);
    assert_int_equal(c.blocks, 1);
    sok_buf_unref(b);
    sok_buf_unref(NULL);
    assert_int_equal(c.blocks, 0);
}

struct lender {
    struct sok_buf_lender is; // first
    uint8_t *back;
};

static void came_back(struct sok_buf_lender *lender, uint8_t *data)
{
    ((struct lender *)lender)->back = data;
}

static void lent_buffers_go_back(void **state)
{
    (void)state;
    uint8_t data[100];
    struct lender l = {.is = {came_back}};
    struct sok_mem_counter c = {.under = sok_mem_libc(), .bytes_limit = sizeof(struct sok_buf)};
    struct sok_mem mem = sok_mem_counting(&c);
    struct sok_buf *b = sok_buf_lent(&mem, &l.is, data, sizeof(data));
    assert_true(b && b->data == data && sok_buf_ref(b) == b);
    assert_null(sok_buf_lent(&mem, &l.is, data, sizeof(data)));
    sok_buf_unref(b);
    assert_null(l.back);
    sok_buf_unref(b);
    assert_ptr_equal(l.back, data);
    assert_int_equal(c.bytes, 0);
}

static void sequence_numbers_wrap(void **state)
{
    (void)state;
    assert_true(sok_seq_lt(0xffffffff, 0) && sok_seq_gt(0, 0xffffffff));
    assert_true(sok_seq_le(5, 5) && sok_seq_ge(5, 5) && !sok_seq_lt(5, 5) && !sok_seq_gt(5, 5));
    assert_true(sok_seq_lt(0, 0x7fffffff) && sok_seq_gt(0x7fffffff, 0));
    assert_int_equal(sok_seq_diff(3, 0xfffffffe), 5);
}

static void changed_socks(void **state)
{
    (void)state;
    struct sok_sock_queue q = {0};
    struct sok_sock a = {.id = 1}, b = {.id = 2}, c = {.id = 3};
    sok_sock_ready(&q, &a, 0); // as before
    assert_null(sok_sock_next(&q));
    sok_sock_ready(&q, &a, SOK_READY_IN);
    sok_sock_ready(&q, &b, SOK_READY_OUT);
    sok_sock_touch(&q, &c);
    sok_sock_touch(&q, &a);
    sok_sock_forget(&q, &b);
    sok_sock_forget(&q, &b);
    assert_ptr_equal(sok_sock_next(&q), &a);
    assert_ptr_equal(sok_sock_next(&q), &c);
    assert_null(sok_sock_next(&q));
    sok_sock_touch(&q, &b);
    sok_sock_forget(&q, &b);
    sok_sock_touch(&q, &a);
    assert_ptr_equal(sok_sock_next(&q), &a);
    assert_true(q.first == NULL && q.last == NULL);
}

// Walked from the newest down, with some coming and going between the steps.
static void all_socks(void **state)
{
    (void)state;
    struct sok_sock_list l = {0};
    struct sok_sock s[6] = {0};
    assert_null(sok_sock_before(&l, 0));
    for (unsigned i = 0; i < 5; i++)
        sok_sock_born(&l, &s[i]);
    assert_int_equal(s[4].id, 5);
    assert_ptr_equal(sok_sock_before(&l, 0), &s[4]);
    assert_ptr_equal(sok_sock_before(&l, 5), &s[3]);
    sok_sock_gone(&l, &s[3]);
    sok_sock_born(&l, &s[5]);
    assert_ptr_equal(sok_sock_before(&l, 4), &s[2]);
    sok_sock_gone(&l, &s[1]);
    assert_ptr_equal(sok_sock_before(&l, 3), &s[0]);
    assert_null(sok_sock_before(&l, 1));
    assert_ptr_equal(sok_sock_before(&l, 5), &s[2]); // another walk
    assert_ptr_equal(sok_sock_before(&l, 100), &s[5]);
    sok_sock_gone(&l, &s[5]);
    sok_sock_gone(&l, &s[0]);
    sok_sock_gone(&l, &s[2]);
    sok_sock_gone(&l, &s[4]);
    assert_true(
        l.newest == NULL && sok_sock_before(&l, 0) == NULL && sok_sock_before(&l, 9) == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors),
        cmocka_unit_test(memory_is_counted),
        cmocka_unit_test(buffers_are_counted),
        cmocka_unit_test(lent_buffers_go_back),
        cmocka_unit_test(sequence_numbers_wrap),
        cmocka_unit_test(changed_socks),
        cmocka_unit_test(all_socks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
