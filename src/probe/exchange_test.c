#include "craft/packet.h"
#include "probe/exchange.h"
#include "probe/testing.h"

// Who is asked for 192.0.2.X (X from 2 on) by ARP. The exchange asks stop() again and again: there it answers.
struct peer {
    unsigned answers;  // to each request
    unsigned deaf;     // requests that are not heard
    unsigned requests; // that came
    unsigned heard,
        enough;    // packets that the exchange has looked at; with so many it is stopped. 0: never
    unsigned sent; // as told
    bool pulls_the_plug; // when a request comes
};

static struct sok_book *book;
static const struct sok_proto *ether, *arp;

static void set_up(short flags)
{
    struct ifreq ifr = {.ifr_flags = flags};
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(test_ioctl(s, SIOCSIFFLAGS, &ifr), 0);
    close(s);
}

static void answer(struct peer *peer, uint8_t *f)
{
    uint8_t asked[4];
    if (peer->pulls_the_plug)
        set_up(0);
    if (++peer->requests <= peer->deaf)
        return;
    memcpy(asked, f + 38, 4);
    memcpy(f, f + 6, 6);
    memcpy(f + 6, test_peer, 6);
    f[21] = 2;
    memcpy(f + 32, f + 22, 10);
    memcpy(f + 22, test_peer, 6);
    memcpy(f + 28, asked, 4);
    for (unsigned i = 0; i < peer->answers; i++)
        assert_int_equal(write(test_tap, f, 42), 42);
}

static bool stop(void *ctx)
{
    struct peer *peer = ctx;
    uint8_t f[1600];
    ssize_t n;
    while ((n = read(test_tap, f, sizeof(f))) > 0)
        if (n >= 42 && sok_get16(f + 12) == 0x0806 && f[21] == 1 && f[41] >= 2)
            answer(peer, f);
    return peer->enough > 0 && peer->heard >= peer->enough;
}

static void heard(void *ctx, bool is_answer)
{
    (void)is_answer;
    ((struct peer *)ctx)->heard++;
}

static void sent(void *ctx, unsigned count)
{
    ((struct peer *)ctx)->sent = count;
}

static struct sok_packet *who_has(uint8_t last)
{
    const uint8_t bytes[42] = {255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6,
        4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1, [38] = 192, 0, 2, last};
    struct sok_packet *p;
    assert_int_equal(sok_packet_dissect(book, ether, bytes, sizeof(bytes), &p), 0);
    return p;
}

// Exchanges requests for these addresses; *x is to be freed. The result of sok_exchange_run().
static int run(
    struct peer *peer, struct sok_exchange_options o, const char *lasts, struct sok_exchange *x)
{
    struct sok_packet *packets[8];
    struct sok_ways *ways;
    unsigned n = (unsigned)strlen(lasts);
    o.frames = true;
    o.interface = "tap0";
    o.filter = o.filter ? o.filter : "arp[7] = 2";
    o.stop = stop;
    o.sent = sent;
    o.heard = heard;
    o.stop_ctx = o.told_ctx = peer;
    for (unsigned i = 0; i < n; i++)
        packets[i] = who_has((uint8_t)lasts[i]);
    assert_int_equal(sok_ways_open(&test_mem, "tap0", &ways, test_err), 0);
    int r = sok_exchange_run(book, ways, packets, n, &o, x, test_err);
    sok_ways_close(ways);
    for (unsigned i = 0; i < n; i++)
        sok_packet_free(packets[i]);
    return r;
}

static uint8_t from(const struct sok_exchange *x, unsigned i)
{
    uint8_t bytes[64];
    assert_int_equal(sok_packet_layer(x->answers[i].packet, 1) == arp, true);
    assert_true(sok_packet_build(x->answers[i].packet, 0, NULL, bytes, sizeof(bytes)) >= 42);
    return bytes[31];
}

static void each_has_its_own(void **state)
{
    struct peer peer = {.answers = 1};
    struct sok_exchange x;
    (void)state;
    test_need_net();
    assert_int_equal(run(&peer, (struct sok_exchange_options){.timeout_ns = -1}, "\2\5\3", &x), 0);
    assert_int_equal(x.answered, 3);
    assert_int_equal(x.answer_count, 3);
    assert_int_equal(x.heard, 3);
    assert_int_equal(peer.sent, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(x.answers[i].sent, i);
        assert_int_equal(from(&x, i), "\2\5\3"[i]);
        assert_true(x.sent_time[i] > 0 && x.answers[i].time > 0);
    }
    struct sok_packet *mine = sok_exchange_take(&x, 1);
    sok_exchange_free(&x);
    sok_packet_free(mine);
}

// The same question twice: a second answer belongs to the second of them.
static void alike_are_told_apart(void **state)
{
    struct peer peer = {.answers = 1};
    struct sok_exchange x;
    (void)state;
    test_need_net();
    assert_int_equal(run(&peer, (struct sok_exchange_options){.timeout_ns = -1}, "\2\2", &x), 0);
    assert_int_equal(x.answers[0].sent, 0);
    assert_int_equal(x.answers[1].sent, 1);
    sok_exchange_free(&x);
}

static void one_answer_is_enough(void **state)
{
    struct peer peer = {.answers = 3, .enough = 6};
    struct sok_exchange x;
    (void)state;
    test_need_net();
    assert_int_equal(
        run(&peer, (struct sok_exchange_options){.timeout_ns = -1, .multi = false}, "\2\3", &x), 0);
    assert_int_equal(x.answered, 2);
    assert_int_equal(x.answer_count, 2);
    sok_exchange_free(&x);
}

// Further answers are taken up to a limit, and what is beyond is counted.
static void further_answers_have_a_limit(void **state)
{
    struct peer peer = {.answers = 4, .enough = 8};
    const struct sok_exchange_options o = {.timeout_ns = -1, .multi = true, .more_max = 5};
    struct sok_exchange x;
    (void)state;
    test_need_net();
    assert_int_equal(run(&peer, o, "\2\3", &x), 0);
    assert_true(x.stopped);
    assert_int_equal(x.answered, 2);
    assert_int_equal(x.answer_count, 7);
    assert_int_equal(x.more, 5);
    assert_int_equal(x.left_out, 1);
    assert_int_equal(x.answers_to[0] + x.answers_to[1], 7);
    sok_exchange_free(&x);
}

// As often as it takes, but only what has no answer.
static void silence_is_asked_again(void **state)
{
    struct peer peer = {.answers = 1, .deaf = 1};
    const struct sok_exchange_options o = {.timeout_ns = 50000000, .retry = 1000};
    struct sok_exchange x;
    (void)state;
    test_need_net();
    assert_int_equal(run(&peer, o, "\2\3", &x), 0);
    assert_int_equal(x.answered, 2);
    assert_true(peer.requests >= 3);
    assert_int_equal(peer.sent, 2); // of the first round
    sok_exchange_free(&x);
}

static void it_can_be_stopped(void **state)
{
    struct peer peer = {.answers = 1, .enough = 1};
    struct sok_exchange x;
    (void)state;
    test_need_net();
    assert_int_equal(run(&peer, (struct sok_exchange_options){.timeout_ns = -1}, "\2\1", &x), 0);
    assert_true(x.stopped);
    assert_int_equal(x.answered, 1);
    assert_int_equal(x.answers_to[1], 0);
    sok_exchange_free(&x);
}

static void complaints(void **state)
{
    struct peer peer = {0};
    struct sok_exchange x;
    (void)state;
    test_need_net();
    assert_int_equal(
        run(&peer, (struct sok_exchange_options){.filter = "tpc"}, "\2", &x), SOK_EINVAL);
    assert_non_null(strstr(test_err, "filter 'tpc'"));
    sok_exchange_free(&x);
    assert_int_equal(
        run(&peer, (struct sok_exchange_options){.ring_bytes = 1}, "\2", &x), SOK_EINVAL);
    sok_exchange_free(&x);
}

static void the_interface_goes_down(void **state)
{
    struct peer peer = {.pulls_the_plug = true};
    const struct sok_exchange_options o = {.timeout_ns = -1};
    struct sok_exchange x;
    (void)state;
    test_need_net();
    assert_int_equal(run(&peer, o, "\2\3", &x), 0);
    assert_true(x.lost && x.stopped);
    assert_int_equal(x.answered, 0);
    sok_exchange_free(&x);
    set_up(IFF_UP);
}

static int begin(void **state)
{
    int r = test_start(state);
    book = sok_book_new(&test_mem);
    ether = book ? sok_book_find(book, "Ether") : NULL;
    arp = book ? sok_book_find(book, "ARP") : NULL;
    return arp ? r : -1;
}

static int finish(void **state)
{
    sok_book_free(book);
    return test_end(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_its_own),
        cmocka_unit_test(alike_are_told_apart),
        cmocka_unit_test(one_answer_is_enough),
        cmocka_unit_test(further_answers_have_a_limit),
        cmocka_unit_test(silence_is_asked_again),
        cmocka_unit_test(it_can_be_stopped),
        cmocka_unit_test(complaints),
        cmocka_unit_test(the_interface_goes_down),
    };
    return cmocka_run_group_tests(tests, begin, finish);
}
