// Filters, and lines: what a row becomes. That they are ss's own is shown by tests/interop/sockets.py.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/addr.h"
#include "cli/ss.h"

#define MS INT64_C(1000000)
#define S  INT64_C(1000000000)

static void put_addr(uint8_t to[16], const char *text)
{
    struct sok_addr a;
    assert_true(sok_addr_parse(text, &a));
    memcpy(to, a.b, 16);
}

static struct sok_row tcp_row(const char *local, uint16_t port, const char *remote, uint16_t peer)
{
    struct sok_row r = {.id = 7,
        .kind = SOK_ROW_TCP,
        .family = strchr(local, ':') ? 6 : 4,
        .state = SOK_ROW_ESTABLISHED,
        .local_port = port,
        .remote_port = peer,
        .fd = -1};
    put_addr(r.local, local);
    put_addr(r.remote, remote);
    return r;
}

// ---- filters ----

static bool takes(const char *text, const struct sok_row *row)
{
    char err[SOK_SS_ERR_MAX], *words[] = {strdup(text)};
    uint32_t states = SOK_SS_STATES_DEFAULT;
    struct sok_ss_filter *f;
    if (!sok_ss_filter_new(words, 1, &states, &f, err))
        fail_msg("%s", err);
    bool taken = sok_ss_filter_takes(f, row);
    sok_ss_filter_free(f);
    free(words[0]);
    return taken;
}

static void expressions(void **state)
{
    struct sok_row r = tcp_row("192.0.2.1", 80, "198.51.100.7", 40000);
    static const struct {
        const char *text;
        bool taken;
    } rows[] = {
        {"sport = :80", true},
        {"sport = 80", true},
        {"sport eq :http", true},
        {"sport == 81", false},
        {"sport != :80", false},
        {"sport 80", true},
        {"dport > :1024", true},
        {"dport gt 40000", false},
        {"dport >= 40000", true},
        {"dport<40001", true},
        {"dport le 39999", false},
        {"src 192.0.2.1", true},
        {"src = 192.0.2.1:80", true},
        {"src 192.0.2.1:81", false},
        {"src != 192.0.2.1", false},
        {"src :80", true},
        {"src *:80", true},
        {"dst 198.51.100.0/24", true},
        {"dst 198.51.100.0/30", false},
        {"dst 198.51.0.0/16:40000", true},
        {"dst [2001:db8::]/32", false},
        {"not dst 198.51.100.7", false},
        {"! dst 192.0.2.1", true},
        {"sport = :80 dport = :40000", true},
        {"sport = :80 and dport = :1", false},
        {"sport = :1 or dport = :40000", true},
        {"sport = :80 or sport = :1 and dport = :1", true}, // and before or
        {"( sport = :80 or sport = :1 ) and dport = :1", false},
        {"not ( sport = :1 || dport = :1 ) && id = 7", true},
        {"id != 7", false},
        {"((((sport = :80))))", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (takes(rows[i].text, &r) != rows[i].taken)
            fail_msg("%s", rows[i].text);
    r = tcp_row("2001:db8::1", 80, "2001:db8::2", 9);
    assert_true(takes("src [2001:db8::1]:80", &r));
    assert_true(takes("src 2001:db8::/32", &r));
    assert_true(takes("dst [2001:db8::2]/128:9", &r));
    assert_false(takes("src [2001:db8::1]:81", &r));
    assert_false(takes("src 0.0.0.0/0", &r));
}

static void states_of_words(void **state)
{
    static const struct {
        const char *text;
        uint32_t states;
    } rows[] = {
        {"", SOK_SS_STATES_DEFAULT},
        {"sport = :1", SOK_SS_STATES_DEFAULT},
        {"state established", 1u << SOK_ROW_ESTABLISHED},
        {"state established state syn-sent", 1u << SOK_ROW_ESTABLISHED | 1u << SOK_ROW_SYN_SENT},
        {"state FIN-WAIT-2 sport = :1", 1u << SOK_ROW_FIN_WAIT_2},
        {"exclude time-wait", SOK_SS_STATES_ALL & ~(1u << SOK_ROW_TIME_WAIT)},
        {"state connected exclude established",
            SOK_SS_STATES_CONNECTED & ~(1u << SOK_ROW_ESTABLISHED)},
        {"state all", SOK_SS_STATES_ALL},
        {"state listening", 1u << SOK_ROW_LISTEN},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char err[SOK_SS_ERR_MAX], *words[] = {strdup(rows[i].text)};
        uint32_t states = SOK_SS_STATES_DEFAULT;
        struct sok_ss_filter *f;
        assert_true(sok_ss_filter_new(words, 1, &states, &f, err));
        assert_int_equal(states, rows[i].states);
        sok_ss_filter_free(f);
        free(words[0]);
    }
}

// What is wrong is marked where it is.
static void mistakes(void **state)
{
    static const struct {
        const char *text, *mark;
    } rows[] = {
        {"foo", ">>foo<<"},
        {"sport = :80 and ( foo )", "sport = :80 and ( >>foo<< )"},
        {"sport =", ">>here it ends<<"},
        {"sport = :nosuchservice", ">>:nosuchservice<<"},
        {"sport = :70000", ">>:70000<<"},
        {"dst 192.0.2.300", ">>192.0.2.300<<"},
        {"dst 192.0.2.0/33", ">>192.0.2.0/33<<"},
        {"dst [2001:db8::1", ">>[2001:db8::1<<"},
        {"dst > 192.0.2.1", ">>><<"},
        {"( sport = :80", "a ) is missing"},
        {"sport = :80 )", ">>)<<"},
        {"sport = :80 or", ">>here it ends<<"},
        {"state foo", ">>foo<<"},
        {"state", ">>here it ends<<"},
        {"sport = :80 state established", ">>state<<"},
        {"id = x", ">>x<<"},
        {"not", ">>here it ends<<"},
    };
    char err[SOK_SS_ERR_MAX];
    uint32_t states = 0;
    struct sok_ss_filter *f;
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *words[] = {strdup(rows[i].text)};
        assert_false(sok_ss_filter_new(words, 1, &states, &f, err));
        assert_null(f);
        if (!strstr(err, rows[i].mark))
            fail_msg("%s: %s", rows[i].text, err);
        free(words[0]);
    }
    char deep[400] = "", *words[] = {deep};
    memset(deep, '(', 300);
    assert_false(sok_ss_filter_new(words, 1, &states, &f, err));
    assert_non_null(strstr(err, "too deep"));
    char port[] = "sport = :80", *many[200]; // too many words
    for (int i = 0; i < 200; i++)
        many[i] = port;
    assert_false(sok_ss_filter_new(many, 200, &states, &f, err));
    assert_non_null(strstr(err, "too long"));
    assert_false(sok_ss_filter_new(many, 140, &states, &f, err));
    assert_non_null(strstr(err, "too long"));
}

// ---- lines ----

static char *printed(struct sok_ss_show *show, const struct sok_row *rows, size_t count)
{
    char *text;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    struct sok_ss_list list = {0};
    for (size_t i = 0; i < count; i++)
        sok_ss_list_add(&list)->row = rows[i];
    sok_ss_print(f, show, &list);
    fclose(f);
    sok_ss_list_free(&list);
    return text;
}

static void expect(
    struct sok_ss_show *show, const struct sok_row *rows, size_t count, const char *wanted)
{
    char *text = printed(show, rows, count);
    assert_string_equal(text, wanted);
    free(text);
}

static void a_table(void **state)
{
    struct sok_row rows[] = {
        tcp_row("192.0.2.1", 80, "0.0.0.0", 0),
        tcp_row("192.0.2.1", 80, "198.51.100.77", 40000),
        tcp_row("::", 443, "::", 0),
        tcp_row("::", 443, "::", 0),
        {.kind = SOK_ROW_RAW, .family = 4, .state = SOK_ROW_CLOSE, .protocol = 102},
    };
    struct sok_ss_show show = {
        .numeric = true, .kinds = 0xf, .states = SOK_SS_STATES_ALL, .timers = true, .users = true};
    (void)state;
    rows[0].state = rows[2].state = rows[3].state = SOK_ROW_LISTEN;
    rows[0].send_queue = 4096;
    rows[1].timer = SOK_ROW_TIMER_ON;
    rows[1].timer_left = 200 * MS;
    rows[1].retries = 3;
    rows[1].pid = 12;
    strcpy(rows[1].program, "curl");
    rows[3].flags |= SOK_ROW_V6ONLY;
    memcpy(rows[4].local, rows[0].remote, 16);
    memcpy(rows[4].remote, rows[0].remote, 16);
    expect(&show, rows, 5,
        "Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:Port  Process\n"
        "tcp   LISTEN 0      4096       192.0.2.1:80         0.0.0.0:*    \n"
        "tcp   ESTAB  0      0          192.0.2.1:80   198.51.100.77:40000 "
        "users:((\"curl\",pid=12)) timer:(on,200ms,3)\n"
        "tcp   LISTEN 0      0                  *:443              *:*    \n"
        "tcp   LISTEN 0      0               [::]:443           [::]:*    \n"
        "raw   UNCONN 0      0            0.0.0.0:102        0.0.0.0:*    \n");
    show = (struct sok_ss_show){.numeric = true,
        .kinds = 1u << SOK_ROW_TCP,
        .states = 1u << SOK_ROW_LISTEN,
        .no_header = true};
    expect(&show, rows, 1, "0 4096 192.0.2.1:80 0.0.0.0:*\n");
    rows[0].link = rows[2].link = 2;
    strcpy(rows[0].interface, "eth0");
    expect(&show, rows, 1, "0 4096 192.0.2.1%eth0:80 0.0.0.0:*\n");
    expect(&show, rows + 2, 1, "0 0 *%if2:443 *:*\n");
}

static void info_and_limits(void **state)
{
    struct sok_row r = tcp_row("192.0.2.1", 80, "192.0.2.2", 4000);
    struct sok_ss_show show = {.numeric = true,
        .kinds = 1,
        .states = 2,
        .info = true,
        .timers = true,
        .memory = true,
        .one_line = true,
        .no_header = true};
    (void)state;
    r.flags = SOK_ROW_INFO | SOK_ROW_LIMITS | SOK_ROW_MEMORY | SOK_ROW_SACK | SOK_ROW_WSCALE |
              SOK_ROW_APP_LIMITED;
    strcpy(r.congestion, "cubic");
    r.send_shift = 7;
    r.recv_shift = 8;
    r.memory.recv_buf = 131072;
    r.info.rto = 204 * MS;
    r.info.rtt = 30000;
    r.info.rtt_var = 15000;
    r.info.mss = 1448;
    r.info.cwnd = 10;
    r.info.bytes_sent = UINT64_C(5000000000);
    r.info.retrans_total = 4;
    r.info.delivery_rate = 1000;
    r.info.busy = 200 * MS;
    r.info.busy_receiver = 50 * MS;
    r.info.since_sent = 999999; // less than a millisecond
    r.info.age = 2 * S;
    r.limit = 5;
    r.limited[1] = 500 * MS;
    r.limited[5] = 1500 * MS;
    expect(&show, &r, 1,
        "0 0 192.0.2.1:80 192.0.2.2:4000 skmem:(r0,rb131072,t0,tb0,f0,w0,o0,bl0,d0) sack cubic "
        "wscale:7,8 rto:204 rtt:0.03/0.015 mss:1448 cwnd:10 bytes_sent:5000000000 "
        "send 3861333333bps delivery_rate 8000bps app_limited busy:200ms rwnd_limited:50ms(25.0%) "
        "retrans:0/4 limited by congestion window; of 2.0s: congestion window 1.5s (75.0%), "
        "application 500ms (25.0%)\n");
    show.numeric = false;
    char *text = printed(&show, &r, 1);
    assert_non_null(strstr(text, "send 3.86Gbps delivery_rate 8kbps"));
    free(text);
    show.one_line = show.memory = false;
    text = printed(&show, &r, 1);
    assert_non_null(strstr(text, "\n\t sack cubic"));
    assert_non_null(strstr(text, "\n\t limited by congestion window;"));
    free(text);
}

static void durations(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } rows[] = {
        {0, "000ms"},
        {5 * MS, "005ms"},
        {200 * MS, "200ms"},
        {1200 * MS, "1.200ms"},
        {12 * S + 3 * MS, "12sec"},
        {60 * S, "1min"},
        {62 * S + MS, "1min2sec"},
        {601 * S, "10min"},
        {7200 * S, "120min"},
    };
    char text[32];
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sok_ss_duration(rows[i].ns, text);
        assert_string_equal(text, rows[i].text);
    }
}

// Each line is JSON whatever the names are made of.
static void json(void **state)
{
    struct sok_row r = tcp_row("2001:db8::1", 80, "2001:db8::2", 4000);
    struct sok_ss_item item = {.row = r};
    struct sok_ss_show show = {.users = true};
    char *text;
    size_t len;
    (void)state;
    item.row.flags = SOK_ROW_INFO | SOK_ROW_LIMITS | SOK_ROW_MEMORY | SOK_ROW_OWNER;
    item.row.pid = 5;
    strcpy(item.row.program, "a\"\\\n\xff");
    item.row.timer = SOK_ROW_TIMER_PERSIST;
    item.row.timer_left = 1500 * MS;
    item.row.info.bytes_acked = UINT64_C(10000000000);
    item.row.limited[1] = S;
    FILE *f = open_memstream(&text, &len);
    sok_ss_json(f, "web", &show, &item);
    fclose(f);
    json_t *j = json_loads(text, 0, NULL);
    assert_non_null(j);
    assert_ptr_equal(strchr(text, '\n'), text + len - 1);
    assert_string_equal(json_string_value(json_object_get(j, "local")), "2001:db8::1");
    assert_string_equal(json_string_value(json_object_get(j, "timer")), "persist");
    assert_true(json_real_value(json_object_get(j, "timer_left")) == 1.5);
    json_t *user = json_array_get(json_object_get(j, "users"), 0);
    assert_string_equal(json_string_value(json_object_get(user, "name")), "a\"\\\n\xc3\xbf");
    assert_true(json_integer_value(json_object_get(json_object_get(j, "info"), "bytes_acked")) ==
                INT64_C(10000000000));
    assert_true(
        json_number_value(json_object_get(json_object_get(j, "limited"), "application")) == 1);
    json_decref(j);
    free(text);
}

// The users of an inode, the later processes first; without one, what the host was told.
static void users(void **state)
{
    struct sok_ss_user all[] = {{3, 9, 1, "a"}, {5, 8, 4, "b"}, {5, 7, 4, "c"}, {6, 1, 1, "d"}};
    struct sok_ss_users u = {.all = all, .count = 4};
    struct sok_ss_user own;
    const struct sok_ss_user *to;
    struct sok_row r = {.inode = 5};
    (void)state;
    assert_int_equal(sok_ss_users_of(&u, &r, &own, &to), 2);
    assert_int_equal(to[0].pid, 8);
    r.inode = 4;
    assert_int_equal(sok_ss_users_of(&u, &r, &own, &to), 0);
    r.pid = 77;
    assert_int_equal(sok_ss_users_of(&u, &r, &own, &to), 1);
    assert_int_equal(to[0].pid, 77);
    r = (struct sok_row){.inode = 0};
    assert_int_equal(sok_ss_users_of(&u, &r, &own, &to), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions),
        cmocka_unit_test(states_of_words),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(a_table),
        cmocka_unit_test(info_and_limits),
        cmocka_unit_test(durations),
        cmocka_unit_test(json),
        cmocka_unit_test(users),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
