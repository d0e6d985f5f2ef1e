// A host's side of programs' sockets, asked over channels as programs do. What they should not do is in misuse_test.c.
#include "service/testing.h"
#include <fcntl.h>
#include <sockeye/names.h>

// ---- streams ----

static void a_stream(void **state)
{
    struct fixture *f = make();
    uint64_t cookie;
    char room[10];
    (void)state;
    int fd = new_socket(f, AF_INET, SOCK_STREAM, 0, &cookie);
    int32_t r = with_addr(f, SOK_CALLS_CONNECT, cookie, SOK_CALLS_CONNECT_WAIT, at(0xc0000202, 80));
    assert_int_equal(r, 0);
    struct sok_socket *s = pair_accept(&f->p);
    assert_int_equal(write(fd, "hello", 5), 5);
    turn(f);
    assert_int_equal(sok_recv(s, room, sizeof(room)), 5);
    close(fd);
    turn(f);
    assert_int_equal(sok_recv(s, room, sizeof(room)), 0);
    assert_int_equal(
        ask(f, (struct sok_calls_request){.op = SOK_CALLS_NAME, .cookie = cookie}, NULL, NULL) < 0,
        0); // it is told from what was kept, or by the connection that still closes
    end(f);
}

// What the program has written and the peer has no room for is in its row, wherever it waits.
static void what_waits_is_listed(void **state)
{
    struct fixture *f = make();
    static char block[65536];
    struct sok_row rows[SOK_CALLS_BYTES_MAX / sizeof(struct sok_row)];
    struct answer a;
    uint64_t cookie;
    uint32_t written = 0;
    (void)state;
    int fd = new_socket(f, AF_INET, SOCK_STREAM, 0, &cookie);
    int32_t r = with_addr(f, SOK_CALLS_CONNECT, cookie, SOK_CALLS_CONNECT_WAIT, at(0xc0000202, 80));
    assert_int_equal(r, 0);
    struct sok_socket *s = pair_accept(&f->p); // who never reads
    for (ssize_t n; (n = send(fd, block, sizeof(block), MSG_DONTWAIT)) > 0; turn(f))
        written += (uint32_t)n;
    pair_run(&f->p, S);
    assert_true(ask(f, (struct sok_calls_request){.op = SOK_CALLS_LIST}, NULL, &a) > 0);
    memcpy(rows, a.bytes, a.head.len);
    assert_int_equal(rows[0].cookie, cookie);
    struct sok_info i;
    assert_int_equal(sok_getinfo(s, &i), 0);
    assert_int_equal(rows[0].send_queue + (uint32_t)i.bytes_received, written);
    struct sok_calls_request get = {.op = SOK_CALLS_GETOPT,
        .cookie = cookie,
        .a = SOK_CALLS_LEVEL,
        .b = SOK_CALLS_LEVEL_QUEUED,
        .c = 4};
    uint32_t queued;
    assert_true(ask(f, get, NULL, &a) >= 0);
    memcpy(&queued, a.bytes, sizeof(queued));
    assert_int_equal(queued, rows[0].send_queue);
    close(fd);
    end(f);
}

// ---- connect ----

static void connects_that_wait(void **state)
{
    struct fixture *f = make();
    struct sockaddr_in nobody = at(0xc0000263, 80);
    struct answer a;
    uint64_t cookie;
    unsigned aborted = 0, unreachable = 0;
    (void)state;
    int fd = new_socket(f, AF_INET, SOCK_STREAM, 0, &cookie);
    struct sok_calls_request q = {.op = SOK_CALLS_CONNECT,
        .cookie = cookie,
        .a = SOK_CALLS_CONNECT_WAIT,
        .len = sizeof(nobody)};
    for (q.id = 1; q.id <= 3; q.id++)
        say(f->channel, &q, &nobody);
    turn(f);
    assert_false(hear(f->channel, &a)); // all three wait
    assert_int_equal(with_addr(f, SOK_CALLS_CONNECT, cookie, 0, nobody), -EALREADY);
    // A channel that goes while it waits, and one that gives up.
    int other = new_channel(f->door);
    q.id = 9;
    say(other, &q, &nobody);
    turn(f);
    close(other);
    turn(f);
    pair_run(&f->p, 10 * S);
    while (hear(f->channel, &a)) {
        aborted += a.head.result == -ECONNABORTED;
        unreachable += a.head.result == -EHOSTUNREACH;
    }
    assert_int_equal(unreachable, 1);
    assert_int_equal(aborted, 2);
    close(fd);
    turn(f);
    end(f);
}

// Who has given up has not heard how it ended: SO_ERROR tells it.
static void a_connect_given_up(void **state)
{
    struct fixture *f = make();
    struct sockaddr_in nobody = at(0xc0000263, 80);
    struct answer a;
    uint64_t cookie;
    int32_t error;
    (void)state;
    int fd = new_socket(f, AF_INET, SOCK_STREAM, 0, &cookie);
    struct sok_calls_request q = {.id = 900,
        .op = SOK_CALLS_CONNECT,
        .cookie = cookie,
        .a = SOK_CALLS_CONNECT_WAIT,
        .len = sizeof(nobody)};
    say(f->channel, &q, &nobody);
    turn(f);
    struct sok_calls_request give_up = {
        .id = 901, .op = SOK_CALLS_CONNECT, .cookie = cookie, .a = SOK_CALLS_CONNECT_GIVE_UP};
    say(f->channel, &give_up, NULL);
    turn(f);
    assert_true(hear(f->channel, &a) && a.head.id == 900 && a.head.result == -ECANCELED);
    assert_true(hear(f->channel, &a) && a.head.id == 901 && a.head.result == 0);
    pair_run(&f->p, 10 * S);
    struct sok_calls_request get = {
        .op = SOK_CALLS_GETOPT, .cookie = cookie, .a = SOL_SOCKET, .b = SO_ERROR, .c = 4};
    assert_true(ask(f, get, NULL, &a) >= 0);
    memcpy(&error, a.bytes, sizeof(error));
    assert_int_equal(error, EHOSTUNREACH);
    close(fd);
    end(f);
}

// Questions that are open when who asked goes, and when the service does.
static void open_questions(void **state)
{
    struct fixture *f = make();
    char err[SOK_HOST_ERR_MAX];
    uint64_t cookie;
    struct sockaddr_in nobody = at(0xc0000263, 80);
    struct sok_calls_request name = {.id = 50, .op = SOK_CALLS_LOOKUP, .len = 11};
    (void)state;
    assert_int_equal(sok_host_dns_add(f->p.a, "192.0.2.99", err), 0);
    int other = new_channel(f->door);
    say(other, &name, "example.org");
    turn(f);
    close(other);
    turn(f);
    name.id = 51;
    say(f->channel, &name, "example.com");
    int fd = new_socket(f, AF_INET, SOCK_STREAM, 0, &cookie);
    struct sok_calls_request q = {.id = 52,
        .op = SOK_CALLS_CONNECT,
        .cookie = cookie,
        .a = SOK_CALLS_CONNECT_WAIT,
        .len = sizeof(nobody)};
    say(f->channel, &q, &nobody);
    turn(f);
    close(fd);
    end(f);
}

// ---- listeners ----

static void listener_is_killed(void **state)
{
    struct fixture *f = make();
    uint64_t cookie;
    struct answer a;
    struct sok_socket *client;
    struct sok_endpoint to = {.addr = sok_addr_v4(0xc0000201), .port = 8080};
    char room[200];
    (void)state;
    int fd = new_socket(f, AF_INET, SOCK_STREAM, 0, &cookie);
    assert_int_equal(with_addr(f, SOK_CALLS_BIND, cookie, 0, at(0, 8080)), 0);
    struct sok_calls_request listens = {.op = SOK_CALLS_LISTEN, .cookie = cookie, .a = 5};
    assert_int_equal(ask(f, listens, NULL, NULL), 0);
    assert_int_equal(sok_socket(f->p.b, SOK_STREAM, &client), 0);
    assert_int_equal(sok_connect(client, &to), SOK_EINPROGRESS);
    turn(f);
    // By each id there may be: the listener's is among them.
    for (int32_t id = 0; id < 16; id++)
        ask(f, (struct sok_calls_request){.op = SOK_CALLS_KILL, .a = id}, NULL, &a);
    recv(fd, room, sizeof(room), MSG_DONTWAIT); // the host has room in the pair again
    turn(f);
    ask(f, listens, NULL, NULL);
    ask(f, (struct sok_calls_request){.op = SOK_CALLS_NAME, .cookie = cookie}, NULL, NULL);
    ask(f, (struct sok_calls_request){.op = SOK_CALLS_LIST}, NULL, NULL);
    still_fine(f);
    close(fd);
    turn(f);
    still_fine(f);
    end(f);
}

// ---- datagrams ----

static void send_packet(int fd, const char *text)
{
    uint8_t packet[sizeof(struct sok_calls_packet) + 16] = {0};
    memcpy(packet + sizeof(struct sok_calls_packet), text, strlen(text));
    send(fd, packet, sizeof(struct sok_calls_packet) + strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void sent_before_close(void **state)
{
    struct fixture *f = make();
    struct sok_socket *s = receiver(f);
    uint64_t cookie;
    unsigned count = 0;
    (void)state;
    int fd = new_socket(f, AF_INET, SOCK_DGRAM, 0, &cookie);
    assert_int_equal(with_addr(f, SOK_CALLS_CONNECT, cookie, 0, at(0xc0000202, 5000)), 0);
    send_packet(fd, "first");
    turn(f);
    assert_int_equal(received(s), 1);
    for (unsigned i = 0; i < 200; i++)
        send_packet(fd, "more");
    close(fd);
    for (unsigned i = 0; i < 5; i++) {
        turn(f);
        count += received(s);
    }
    assert_int_equal(count, 200);
    struct sok_calls_request look = {.op = SOK_CALLS_LOOK, .cookie = cookie};
    assert_int_equal(ask(f, look, NULL, NULL), -ENOTSOCK);
    end(f);
}

// It sends no more, and receives still; the host does not look again and again, and sends nothing itself.
static void shut_for_sending(void **state)
{
    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        struct fixture *f = make();
        struct sok_socket *s = receiver(f);
        uint64_t cookie;
        int32_t one = 1;
        char room[100];
        int fd = new_socket(f, AF_INET, SOCK_DGRAM, 0, &cookie);
        assert_int_equal(with_addr(f, SOK_CALLS_BIND, cookie, 0, at(0, 6000)), 0);
        assert_int_equal(with_addr(f, SOK_CALLS_CONNECT, cookie, 0, at(0xc0000202, 5000)), 0);
        struct sok_calls_request set = {.op = SOK_CALLS_SETOPT,
            .cookie = cookie,
            .a = SOK_CALLS_LEVEL,
            .b = SOK_CALLS_LEVEL_PLAIN,
            .len = sizeof(one)};
        if (plain)
            assert_int_equal(ask(f, set, &one, NULL), 0);
        send(fd, "", 0, MSG_NOSIGNAL); // plain: a datagram of nothing
        turn(f);
        assert_int_equal(received(s), plain);
        shutdown(fd, SHUT_WR);
        turn(f);
        turn(f);
        assert_int_equal(received(s), 0);
        struct sok_endpoint to = {.addr = sok_addr_v4(0xc0000201), .port = 6000};
        assert_int_equal(sok_sendto(s, "back", 4, &to), 4);
        turn(f);
        assert_int_equal(recv(fd, room, sizeof(room), MSG_DONTWAIT),
            (ssize_t)(4 + (plain ? 0 : sizeof(struct sok_calls_packet))));
        close(fd);
        turn(f);
        assert_int_equal(received(s), 0);
        still_fine(f);
        end(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream),
        cmocka_unit_test(what_waits_is_listed),
        cmocka_unit_test(connects_that_wait),
        cmocka_unit_test(a_connect_given_up),
        cmocka_unit_test(open_questions),
        cmocka_unit_test(listener_is_killed),
        cmocka_unit_test(sent_before_close),
        cmocka_unit_test(shut_for_sending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
