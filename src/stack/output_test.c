// Two stacks on a wire: data arrives whatever the links can do for us, frames are what they should be, and
// the events come in their order.
#include "stack/testing.h"

#define DATA_LEN 700000

struct pair {
    struct lab a, b; // b is 192.0.2.2
    struct sok_tcp_listener *listener;
    struct sok_tcp_conn *client, *server;
    unsigned supers, frames;
};

static void pair_open(struct pair *p, uint32_t caps_a, uint32_t caps_b)
{
    struct sok_stack_config config;
    struct sok_link_info info = {.name = "b", .mtu = 1500, .caps = caps_b};
    struct sok_endpoint at = {.port = 80};
    memset(p, 0, sizeof(*p));
    lab_config(&config, &p->a);
    config.events = true;
    lab_start(&p->a, &config, caps_a);
    lab_config(&config, &p->b);
    memset(config.seed, 9, sizeof(config.seed));
    memcpy(info.mac, lab_peer_mac, 6);
    p->b.now = p->a.now;
    p->b.link = 1;
    assert_int_equal(sok_stack_new(&config, &p->b.stack), 0);
    assert_int_equal(sok_stack_link_add(p->b.stack, &info), 1);
    assert_int_equal(sok_stack_addr_add(p->b.stack, 1, sok_addr_v4(LAB_PEER), 24), 0);
    assert_int_equal(sok_stack_listen(p->b.stack, &at, 5, p->b.now, &p->listener), 0);
}

static void pair_close(struct pair *p)
{
    sok_tcp_listener_close(p->listener, p->b.now);
    lab_close(&p->a);
    lab_close(&p->b);
}

// What a device without the capability must never be given.
static void check_frame(const struct lab *lab, uint32_t caps)
{
    if (!(caps & SOK_LINK_TSO)) {
        assert_int_equal(lab->meta.gso, SOK_GSO_NONE);
        assert_true(lab->len <= 1514);
    }
    if (!(caps & (SOK_LINK_CSUM | SOK_LINK_TSO)))
        assert_false(lab->meta.csum_partial);
    if (lab_type(lab) != SOK_ETHERTYPE_IP4)
        return;
    struct sok_ip4_hdr ip;
    sok_ip4_hdr_get(lab->frame + 14, &ip);
    assert_int_equal(ip.len, lab->len - 14);
    assert_true(sok_ip4_verify(lab->frame + 14, 20));
    struct sok_addr src = sok_addr_v4(ip.src), dst = sok_addr_v4(ip.dst);
    if (!lab->meta.csum_partial)
        assert_true(sok_tcp_verify(lab->frame + 34, lab->len - 34, &src, &dst));
}

static bool move_one(struct pair *p, struct lab *from, struct lab *to, uint32_t caps)
{
    if (!lab_out(from))
        return false;
    check_frame(from, caps);
    p->frames++;
    p->supers += from->meta.gso != SOK_GSO_NONE;
    struct sok_buf *buf = sok_buf_new(&to->memory.under, from->len);
    memcpy(buf->data, from->frame, from->len);
    struct sok_frame frame = {.buf = buf, .len = from->len, .meta = from->meta};
    frame.meta.csum_valid = from->meta.csum_partial;
    sok_stack_input(to->stack, to->link, &frame, to->now);
    sok_buf_unref(buf);
    return true;
}

// One frame at a time in turn, so that acknowledgments come between the frames of a super-frame.
static void run(struct pair *p)
{
    uint32_t caps_a = sok_stack_link(p->a.stack, 1)->caps;
    uint32_t caps_b = sok_stack_link(p->b.stack, 1)->caps;
    bool more = true;
    while (more) {
        more = move_one(p, &p->a, &p->b, caps_a);
        more |= move_one(p, &p->b, &p->a, caps_b);
    }
}

static void step(struct pair *p)
{
    p->a.now += SOK_MS;
    p->b.now = p->a.now;
    sok_stack_advance(p->a.stack, p->a.now);
    sok_stack_advance(p->b.stack, p->b.now);
    run(p);
}

static void pair_connect(struct pair *p)
{
    struct sok_endpoint to = {.addr = sok_addr_v4(LAB_PEER), .port = 80};
    assert_int_equal(sok_stack_connect(p->a.stack, NULL, &to, p->a.now, &p->client), 0);
    run(p);
    assert_int_equal(sok_tcp_accept(p->listener, p->b.now, &p->server), 0);
}

static void bulk(uint32_t caps_a, uint32_t caps_b, bool supers)
{
    struct pair p;
    static uint8_t data[DATA_LEN], got[DATA_LEN];
    for (size_t i = 0; i < DATA_LEN; i++)
        data[i] = (uint8_t)(i * 31 >> 4);
    pair_open(&p, caps_a, caps_b);
    pair_connect(&p);
    size_t sent = 0, received = 0;
    for (int turn = 0; turn < 3000 && received < DATA_LEN; turn++) {
        struct sok_iov iov = {data + sent, DATA_LEN - sent};
        int64_t n = sent < DATA_LEN ? sok_tcp_send(p.client, &iov, 1, p.a.now) : 0;
        sent += n > 0 ? (size_t)n : 0;
        run(&p);
        while ((n = sok_tcp_recv(p.server, got + received, DATA_LEN - received, p.b.now)) > 0)
            received += (size_t)n;
        step(&p);
    }
    assert_int_equal(received, DATA_LEN);
    assert_memory_equal(data, got, DATA_LEN);
    assert_int_equal(p.supers > 0, supers);
    sok_tcp_abort(p.client, p.a.now);
    run(&p);
    sok_tcp_close(p.server, p.b.now);
    pair_close(&p);
}

static void links_of_all_kinds(void **state)
{
    (void)state;
    bulk(0, 0, false);
    bulk(SOK_LINK_CSUM, 0, false);
    bulk(SOK_LINK_CSUM | SOK_LINK_TSO, 0, true);
    bulk(SOK_LINK_TSO, SOK_LINK_CSUM | SOK_LINK_TSO, true);
}

// A super-frame is being cut when its connection goes away: the rest still leaves whole, or not at all.
static void aborted_while_cut(void **state)
{
    struct pair p;
    static uint8_t data[100000];
    struct sok_iov iov = {data, sizeof(data)};
    (void)state;
    pair_open(&p, 0, 0);
    pair_connect(&p);
    run(&p);
    assert_true(sok_tcp_send(p.client, &iov, 1, p.a.now) > 0);
    assert_true(move_one(&p, &p.a, &p.b, 0));
    assert_true(move_one(&p, &p.a, &p.b, 0));
    sok_tcp_abort(p.client, p.a.now);
    run(&p);
    assert_int_equal(sok_tcp_error(p.server), SOK_ERESET);
    sok_tcp_close(p.server, p.b.now);
    pair_close(&p);
}

// The IN event comes before its consequences and says what the frame did.
static void events_in_order(void **state)
{
    struct pair p;
    struct sok_event e;
    (void)state;
    pair_open(&p, 0, 0);
    while (sok_stack_event(p.a.stack, &e))
        ;
    pair_connect(&p);
    static const uint8_t kinds[] = {SOK_EVENT_CALL, SOK_EVENT_STATE, // connect
        SOK_EVENT_HELD,                                              // neighbour
        SOK_EVENT_OUT, SOK_EVENT_IN,                                 // who has, answer
        SOK_EVENT_OUT, SOK_EVENT_IN,                                 // SYN, SYN,ACK
        SOK_EVENT_RTT, SOK_EVENT_STATE,                              // its consequences
        SOK_EVENT_OUT};                                              // ACK
    static const uint32_t effects[] = {SOK_EFFECT_LEARNED, SOK_EFFECT_ESTABLISHED};
    static const uint8_t reasons[] = {SOK_REASON_ARP_ASK, SOK_REASON_OPEN, SOK_REASON_HANDSHAKE};
    unsigned n = 0, in = 0, out = 0;
    uint32_t conn = ((struct sok_sock *)p.client)->id;
    while (sok_stack_event(p.a.stack, &e)) {
        assert_true(n < sizeof(kinds));
        assert_int_equal(e.kind, kinds[n++]);
        if (e.kind == SOK_EVENT_IN) {
            assert_true(e.packet.effects & effects[in]);
            assert_int_equal(e.packet.drop, SOK_DROP_NONE);
            assert_int_equal(e.conn, in == 0 ? 0 : conn);
            assert_true(e.packet.snap_len == e.packet.len && e.packet.link == 1);
            in++;
        }
        if (e.kind == SOK_EVENT_OUT)
            assert_int_equal(e.packet.reason, reasons[out++]);
    }
    assert_int_equal(n, sizeof(kinds));
    sok_tcp_abort(p.client, p.a.now);
    run(&p);
    sok_tcp_close(p.server, p.b.now);
    pair_close(&p);
}

static void exchange(struct pair *p, uint32_t len)
{
    static uint8_t data[100000];
    struct sok_iov iov = {data, len};
    assert_true(sok_tcp_send(p->client, &iov, 1, p->a.now) > 0);
    for (int i = 0; i < 300; i++) {
        step(p);
        while (sok_tcp_recv(p->server, data, sizeof(data), p->b.now) > 0)
            ;
    }
}

// Nothing is left when everything is over: also not of the tables and buffers of a busy time. A first byte
// goes before, since a connection keeps the small rings it needs for that.
static void nothing_is_kept(void **state)
{
    struct pair p;
    (void)state;
    pair_open(&p, 0, 0);
    pair_connect(&p);
    run(&p);
    sok_stack_events_on(p.a.stack, false);
    exchange(&p, 1);
    size_t before = p.a.memory.bytes;
    exchange(&p, 100000);
    assert_int_equal(p.a.memory.bytes, before);
    sok_tcp_abort(p.client, p.a.now);
    run(&p);
    sok_tcp_close(p.server, p.b.now);
    pair_close(&p);
}

// Every allocation fails once, wherever it is: no crash, nothing lost for ever, invariants hold.
static void memory_fails(void **state)
{
    static uint8_t data[20000];
    (void)state;
    for (size_t nth = 1; nth < 60; nth++) {
        struct pair p;
        struct sok_endpoint to = {.addr = sok_addr_v4(LAB_PEER), .port = 80};
        struct sok_iov iov = {data, sizeof(data)};
        pair_open(&p, 0, 0);
        p.a.memory.fail_after = nth;
        int err = sok_stack_connect(p.a.stack, NULL, &to, p.a.now, &p.client);
        for (int i = 0; i < 100; i++) {
            if (i == 5)
                p.a.memory.fail_after = 0;
            if (err == 0 && i == 1)
                sok_tcp_send(p.client, &iov, 1, p.a.now);
            p.a.now += 20 * SOK_MS;
            sok_stack_advance(p.a.stack, p.a.now);
            p.b.now = p.a.now;
            sok_stack_advance(p.b.stack, p.b.now);
            struct sok_frame_out out;
            while (sok_stack_output(p.a.stack, 1, p.a.now, &out)) {
                static uint8_t bytes[2000];
                uint32_t len = sok_frame_gather(&out, bytes, sizeof(bytes));
                lab_in(&p.b, bytes, len);
            }
            while (sok_stack_output(p.b.stack, 1, p.b.now, &out)) {
                static uint8_t bytes[2000];
                uint32_t len = sok_frame_gather(&out, bytes, sizeof(bytes));
                int got = sok_stack_input_bytes(p.a.stack, 1, bytes, len, p.a.now);
                assert_true(got == 0 || got == SOK_ENOMEM);
            }
            assert_null(sok_stack_check(p.a.stack));
        }
        pair_close(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_of_all_kinds),
        cmocka_unit_test(aborted_while_cut),
        cmocka_unit_test(events_in_order),
        cmocka_unit_test(nothing_is_kept),
        cmocka_unit_test(memory_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
