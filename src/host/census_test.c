// Rows of a host's sockets: each kind and state, walked in small steps, without memory, and ended by number.
#include "host/census.h"
#include <string.h>
#include "host/host.h"
#include "host/testing.h"

#define MS       INT64_C(1000000)
#define S        INT64_C(1000000000)
#define ROWS_MAX 64

static unsigned walk(struct sok_host *host, struct sok_row *rows, unsigned step)
{
    unsigned count = 0, n;
    uint32_t after = 0;
    while ((n = sok_host_census(host, after, rows + count, step, NULL, NULL)) > 0) {
        assert_true(n <= step);
        count += n;
        assert_true(count + step <= ROWS_MAX);
        after = rows[count - 1].id;
    }
    return count;
}

static const struct sok_row *in_state(const struct sok_row *rows, unsigned count, unsigned state)
{
    for (unsigned i = 0; i < count; i++)
        if (rows[i].kind == SOK_ROW_TCP && rows[i].state == state)
            return &rows[i];
    return NULL;
}

static void open_two(struct pair *p, struct sok_socket **a, struct sok_socket **b)
{
    *a = pair_connect(p);
    assert_int_equal(sok_wait(*a, SOK_POLL_OUT, S) & SOK_POLL_OUT, SOK_POLL_OUT);
    pair_run(p, MS);
    *b = pair_accept(p);
}

static void connections_and_listeners(void **state)
{
    struct pair p;
    struct sok_socket *a, *b, *silent;
    struct sok_row rows[ROWS_MAX];
    struct sok_endpoint nobody = {.addr = sok_addr_v4(0xc00002c8), .port = 9};
    (void)state;
    pair_make(&p, NULL);
    open_two(&p, &a, &b);
    assert_int_equal(sok_send(a, "hello", 5), 5);
    pair_run(&p, 100 * MS);
    pair_connect(&p); // waits to be accepted
    assert_int_equal(sok_socket(p.a, SOK_STREAM, &silent), 0);
    assert_int_equal(sok_connect(silent, &nobody), SOK_EINPROGRESS);
    pair_run(&p, 100 * MS);
    unsigned n = walk(p.b, rows, 1);
    assert_int_equal(n, 3);
    const struct sok_row *l = in_state(rows, n, SOK_ROW_LISTEN);
    assert_non_null(l);
    assert_int_equal(l->local_port, 80);
    assert_int_equal(l->recv_queue, 1);
    assert_int_equal(l->send_queue, 16);
    const struct sok_row *c = &rows[1]; // the older connection
    assert_int_equal(c->state, SOK_ROW_ESTABLISHED);
    assert_int_equal(c->recv_queue, 5);
    assert_int_equal(c->info.bytes_received, 5);
    assert_int_equal(c->info.data_segs_in, 1);
    assert_string_equal(c->congestion, "cubic");
    assert_true(c->flags & SOK_ROW_WSCALE && c->flags & SOK_ROW_SACK);
    int64_t sum = 0;
    for (unsigned i = 0; i < SOK_ROW_LIMIT_COUNT; i++)
        sum += c->limited[i];
    assert_int_equal(sum, c->info.age);
    assert_true(sum >= 100 * MS); // though nothing came since
    n = walk(p.a, rows, 2);
    assert_int_equal(n, 3);
    const struct sok_row *s = in_state(rows, n, SOK_ROW_SYN_SENT);
    assert_non_null(s);
    assert_int_equal(s->remote_port, 9);
    assert_int_equal(rows[2].info.bytes_acked, 5);
    assert_int_equal(rows[2].info.data_segs_out, 1);
    assert_true(rows[2].info.rtt > 0 && rows[2].info.mss > 1000);
    pair_free(&p);
}

// What is unanswered waits for an ACK, and counts how often; what was closed is still told of.
static void timers_and_ends(void **state)
{
    struct pair p;
    struct sok_socket *a, *b;
    struct sok_row rows[ROWS_MAX];
    (void)state;
    pair_make(&p, NULL);
    open_two(&p, &a, &b);
    sok_close(a);
    pair_run(&p, 50 * MS);
    unsigned n = walk(p.a, rows, 7);
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].state, SOK_ROW_FIN_WAIT_2);
    assert_int_equal(rows[0].timer, SOK_ROW_TIMER_TIME_WAIT);
    n = walk(p.b, rows, 7);
    assert_non_null(in_state(rows, n, SOK_ROW_CLOSE_WAIT));
    sok_close(b);
    pair_run(&p, 50 * MS);
    n = walk(p.a, rows, 7);
    assert_non_null(in_state(rows, n, SOK_ROW_TIME_WAIT));
    assert_true(rows[0].timer_left > S);
    assert_int_equal(walk(p.b, rows, 7), 1); // its listener
    struct sok_endpoint silent = {.addr = sok_addr_v4(0xc000024d), .port = 9};
    const uint8_t mac[6] = {2, 0, 0, 0, 0, 77};
    assert_int_equal(sok_stack_neighbour_add(p.a->stack, 1, silent.addr, mac), 0);
    assert_int_equal(sok_socket(p.a, SOK_STREAM, &a), 0);
    assert_int_equal(sok_connect(a, &silent), SOK_EINPROGRESS);
    pair_run(&p, 4 * S);
    n = walk(p.a, rows, 7);
    const struct sok_row *c = in_state(rows, n, SOK_ROW_SYN_SENT);
    assert_non_null(c);
    assert_int_equal(c->timer, SOK_ROW_TIMER_ON);
    assert_true(c->retries >= 2 && c->timer_left > 0 && c->info.backoff >= 2);
    assert_int_equal(c->info.timeouts, c->retries);
    pair_free(&p);
}

static void datagram_sockets(void **state)
{
    struct pair p;
    struct sok_socket *u, *echo, *raw, *frames;
    struct sok_endpoint at = {.addr = sok_addr_v4(0xc0000201), .port = 53};
    struct sok_row rows[ROWS_MAX];
    (void)state;
    pair_make(&p, NULL);
    assert_int_equal(sok_socket(p.a, SOK_DGRAM, &u), 0);
    assert_int_equal(sok_bind(u, &at), 0);
    assert_int_equal(sok_connect(u, &p.to_b), 0);
    assert_int_equal(sok_socket(p.a, SOK_ECHO, &echo), 0);
    assert_int_equal(sok_socket_raw(p.a, 102, &raw), 0);
    assert_int_equal(sok_socket_packet(p.a, 3, false, &frames), 0);
    assert_int_equal(walk(p.a, rows, 3), 4);
    assert_int_equal(rows[0].kind, SOK_ROW_PACKET);
    assert_int_equal(rows[0].flags & SOK_ROW_V6ONLY_KNOWN, 0);
    assert_int_equal(rows[1].kind, SOK_ROW_RAW);
    assert_int_equal(rows[1].protocol, 102);
    assert_int_equal(rows[2].kind, SOK_ROW_RAW);
    assert_int_equal(rows[2].protocol, 1);
    const struct sok_addr any = sok_addr_v4(0);
    assert_memory_equal(rows[1].remote, any.b, 16);
    assert_int_equal(rows[3].kind, SOK_ROW_UDP);
    assert_int_equal(rows[3].state, SOK_ROW_ESTABLISHED);
    assert_int_equal(rows[3].local_port, 53);
    assert_int_equal(rows[3].remote_port, 80);
    int64_t error = 0;
    assert_int_equal(sok_host_kill(p.a, rows[3].id), 0);
    assert_int_equal(sok_getsockopt(u, SOK_OPT_ERROR, &error), 0);
    assert_int_equal(error, SOK_EABORTED);
    assert_int_equal(sok_host_kill(p.a, rows[0].id), SOK_EOPNOTSUPP);
    assert_int_equal(sok_host_kill(p.a, 12345), SOK_EINVAL);
    pair_free(&p);
}

// What a socket is bound to, and the family of a ping.
static void devices_and_families(void **state)
{
    struct pair p;
    struct sok_socket *s[3], *echo, *got;
    struct sok_endpoint at = {.addr = sok_addr_v4(0), .port = 81};
    struct sok_addr us = {{[15] = 1}}, any = {{0}};
    struct sok_row rows[ROWS_MAX];
    (void)state;
    pair_make(&p, NULL);
    assert_int_equal(sok_socket(p.a, SOK_STREAM, &s[0]), 0);
    assert_int_equal(sok_socket(p.a, SOK_DGRAM, &s[1]), 0);
    assert_int_equal(sok_socket(p.a, SOK_STREAM, &s[2]), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(sok_setsockopt(s[i], SOK_OPT_BINDTODEVICE, i == 2 ? 0 : 1), 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(sok_bind(s[i], &at), 0);
    assert_int_equal(sok_listen(s[0], 1), 0);
    at.addr = sok_addr_v4(0x7f000001);
    assert_int_equal(sok_connect(s[2], &at), SOK_EINPROGRESS); // which no listener of lo's hears
    assert_int_equal(sok_socket(p.a, SOK_ECHO, &echo), 0);
    assert_int_equal(sok_ping_send(echo, &us, 1, "", 0, 0), 0);
    assert_int_equal(walk(p.a, rows, 3), 4);
    assert_int_equal(rows[0].family, 6);
    assert_memory_equal(rows[0].local, any.b, 16);
    assert_int_equal(rows[0].link, 0);
    assert_string_equal(rows[0].interface, "");
    assert_string_equal(rows[1].interface, "lo");
    assert_int_equal(rows[2].state, SOK_ROW_LISTEN);
    assert_int_equal(rows[2].link, 2);
    assert_int_equal(rows[3].link, 2);
    assert_string_equal(rows[2].interface, rows[3].interface);
    assert_true(strlen(rows[3].interface) > 3);
    assert_int_equal(sok_accept(s[0], &got), SOK_EAGAIN);
    pair_free(&p);
}

static void connections_are_ended(void **state)
{
    struct pair p;
    struct sok_socket *a, *b, *waits;
    struct sok_row rows[ROWS_MAX];
    int64_t error = 0;
    (void)state;
    pair_make(&p, NULL);
    open_two(&p, &a, &b);
    waits = pair_connect(&p);
    pair_run(&p, 10 * MS);
    unsigned n = walk(p.a, rows, 8);
    assert_int_equal(n, 2);
    assert_int_equal(sok_host_kill(p.a, rows[1].id), 0);
    pair_run(&p, 10 * MS);
    assert_int_equal(sok_getsockopt(a, SOK_OPT_ERROR, &error), 0);
    assert_int_equal(error, SOK_EABORTED); // here
    assert_int_equal(sok_getsockopt(b, SOK_OPT_ERROR, &error), 0);
    assert_int_equal(error, SOK_ERESET); // and there
    n = walk(p.b, rows, 8);
    const struct sok_row *l = in_state(rows, n, SOK_ROW_LISTEN);
    assert_int_equal(sok_host_kill(p.b, l->id), 0);
    assert_int_equal(sok_host_kill(p.b, l->id), 0); // nothing more comes of it
    pair_run(&p, 10 * MS);
    assert_true(sok_socket_ready(p.listener) & SOK_POLL_IN);
    assert_int_equal(sok_accept(p.listener, &b), SOK_EINVAL);
    assert_int_equal(sok_getsockopt(waits, SOK_OPT_ERROR, &error), 0);
    assert_int_equal(error, SOK_ERESET);
    struct sok_socket *refused = pair_connect(&p);
    pair_run(&p, 10 * MS);
    assert_int_equal(sok_getsockopt(refused, SOK_OPT_ERROR, &error), 0);
    assert_int_equal(error, SOK_EREFUSED);
    sok_close(p.listener);
    pair_free(&p);
}

static void owner(void *ctx, const struct sok_socket *socket, struct sok_row *row)
{
    assert_non_null(socket);
    row->pid = *(const int *)ctx;
}

// An owner is asked for what a program holds, and for nothing else; memory is never asked for.
static void owners_and_no_memory(void **state)
{
    struct pair p;
    struct sok_socket *a, *b;
    struct sok_row rows[ROWS_MAX];
    int pid = 77;
    (void)state;
    pair_make(&p, NULL);
    open_two(&p, &a, &b);
    pair_connect(&p);
    pair_run(&p, 10 * MS);
    p.b->mem.resize = NULL;
    assert_int_equal(sok_host_census(p.b, 0, rows, 8, owner, &pid), 3);
    assert_int_equal(rows[0].pid, 0); // not accepted yet
    assert_int_equal(rows[1].pid, 77);
    assert_int_equal(rows[2].pid, 77);
    pair_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_and_listeners),
        cmocka_unit_test(timers_and_ends),
        cmocka_unit_test(datagram_sockets),
        cmocka_unit_test(devices_and_families),
        cmocka_unit_test(connections_are_ended),
        cmocka_unit_test(owners_and_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
