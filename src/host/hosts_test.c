// /etc/hosts as hosts(5) has it, and with what editors leave in it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "host/hosts.h"

static struct sok_hosts hosts;
static char path[] = "/tmp/sok-hosts-XXXXXX";

static void say(const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    sok_hosts_read(&hosts, path);
}

static unsigned find(const char *name, struct sok_addr out[4], char canonical[SOK_NAME_MAX])
{
    canonical[0] = '\0';
    return sok_hosts_find(&hosts, name, 0, out, 4, canonical);
}

static void a_name_has_all_its_addresses(void **state)
{
    struct sok_addr a[4];
    char first[SOK_NAME_MAX];
    (void)state;
    say("# machines\n192.0.2.1\tprinter.example  Printer # the large one\r\n"
        "::1 printer\n192.0.2.2 other printer\n\n  198.51.100.1 last");
    assert_int_equal(find("printer", a, first), 3);
    assert_int_equal(sok_addr_to_v4(a[0]), 0xc0000201);
    assert_true(sok_addr_is_loopback(a[1]));
    assert_int_equal(sok_addr_to_v4(a[2]), 0xc0000202);
    assert_string_equal(first, "printer.example");
    assert_int_equal(sok_hosts_find(&hosts, "printer", 4, a, 4, first), 2);
    assert_int_equal(sok_addr_to_v4(a[1]), 0xc0000202);
    assert_int_equal(sok_hosts_find(&hosts, "printer", 6, a, 4, first), 1);
    assert_false(sok_addr_is_v4(a[0]));
    assert_int_equal(find("LAST", a, first), 1);
    assert_int_equal(sok_addr_to_v4(a[0]), 0xc6336401);
    assert_int_equal(find("large", a, first), 0); // in a remark
    assert_int_equal(find("print", a, first), 0);
    assert_int_equal(find("192.0.2.1", a, first), 0);
    assert_int_equal(sok_hosts_find(&hosts, "printer", 0, a, 1, first), 1);
}

static void an_address_has_its_first_name(void **state)
{
    char name[SOK_NAME_MAX];
    (void)state;
    say("192.0.2.1\n192.0.2.1 one uno\n192.0.2.1 two\n");
    assert_true(sok_hosts_name(&hosts, sok_addr_v4(0xc0000201), name));
    assert_string_equal(name, "one");
    assert_false(sok_hosts_name(&hosts, sok_addr_v4(0xc0000202), name));
}

static void what_does_not_fit_is_left_out(void **state)
{
    struct sok_addr a[4];
    char first[SOK_NAME_MAX], line[2 * SOK_NAME_MAX + 64], name[SOK_NAME_MAX];
    (void)state;
    memset(line, 'x', sizeof(line));
    memcpy(line, "192.0.2.1 ", 10);
    memcpy(line + sizeof(line) - 8, " short\n", 8);
    say(line);
    assert_int_equal(find("short", a, first), 0); // its first name is none
    assert_false(sok_hosts_name(&hosts, sok_addr_v4(0xc0000201), name));
    say("");
    assert_int_equal(find("short", a, first), 0);
    sok_hosts_read(&hosts, "/nonexistent/hosts");
    assert_int_equal(find("short", a, first), 0);
    assert_false(sok_hosts_name(&hosts, sok_addr_v4(0xc0000201), name));
}

static void a_large_file_is_read_whole(void **state)
{
    struct sok_addr a[4];
    char first[SOK_NAME_MAX];
    size_t lines = 5000, at = 0;
    char *text = malloc(lines * 32);
    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < lines; i++)
        at += (size_t)snprintf(text + at, 32, "10.1.%zu.%zu n%zu\n", i / 256, i % 256, i);
    say(text);
    free(text);
    assert_int_equal(find("n4999", a, first), 1);
    assert_int_equal(sok_addr_to_v4(a[0]), 0x0a010000 + 4999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_has_all_its_addresses),
        cmocka_unit_test(an_address_has_its_first_name),
        cmocka_unit_test(what_does_not_fit_is_left_out),
        cmocka_unit_test(a_large_file_is_read_whole),
    };
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sok_hosts_free(&hosts);
    unlink(path);
    return failed;
}
