// Valid frames of each protocol, cut off at every length and with every byte changed in turn. After each the
// stack still answers, and holds no more than before. Frames lie in buffers of exactly their length, so a
// sanitizer sees any read behind them.
#include "stack/testing.h"

#define FRAMES_MAX 16

struct sample {
    const char *name;
    uint8_t bytes[300];
    size_t len;
};

struct bench {
    struct lab lab;
    struct sok_udp *udp;
    struct sok_tcp_listener *listener;
    struct sok_tcp_conn *conn;
    struct sample samples[FRAMES_MAX];
    unsigned count;
    uint8_t probe[100];
    size_t probe_len;
};

static struct sample *add(struct bench *b, const char *name)
{
    assert_true(b->count < FRAMES_MAX);
    b->samples[b->count].name = name;
    return &b->samples[b->count++];
}

// IP options in front of a UDP datagram.
static void add_with_options(struct bench *b, const char *name, const uint8_t *options, size_t len)
{
    struct sample *s = add(b, name);
    uint8_t plain[100];
    size_t plain_len = lab_udp(plain, 4000, 7000, "with options");
    memcpy(s->bytes, plain, 34);
    memcpy(s->bytes + 34, options, len);
    memcpy(s->bytes + 34 + len, plain + 34, plain_len - 34);
    s->len = plain_len + len;
    s->bytes[14] = (uint8_t)(0x40 | (5 + len / 4));
    sok_put16(s->bytes + 16, (uint16_t)(s->len - 14));
    sok_ip4_seal(s->bytes + 14, 20 + len);
}

// The handshake of a connection from the peer; then its next data segment and reset are samples.
static void open_connection(struct bench *b)
{
    struct lab *lab = &b->lab;
    uint8_t frame[100];
    lab_in(lab, frame, lab_tcp(frame, 4000, 80, 1000, 0, SOK_TCP_SYN, "", 0));
    assert_true(lab_out(lab));
    struct sok_tcp_hdr h = {0};
    assert_true(sok_tcp_get(lab->frame + 34, lab->len - 34, &h));
    assert_int_equal(h.flags, SOK_TCP_SYN | SOK_TCP_ACK);
    lab_in(lab, frame, lab_tcp(frame, 4000, 80, 1001, h.seq + 1, SOK_TCP_ACK, "", 0));
    assert_int_equal(sok_tcp_accept(b->listener, lab->now, &b->conn), 0);
    struct sample *s = add(b, "tcp data");
    s->len =
        lab_tcp(s->bytes, 4000, 80, 1001, h.seq + 1, SOK_TCP_ACK | SOK_TCP_PSH, "0123456789", 10);
    s = add(b, "tcp fin, ahead");
    s->len = lab_tcp(s->bytes, 4000, 80, 2001, h.seq + 1, SOK_TCP_ACK | SOK_TCP_FIN, "abc", 3);
}

static void make_samples(struct bench *b)
{
    struct lab *lab = &b->lab;
    struct sample *s = add(b, "arp request");
    s->len = lab_arp(s->bytes, lab_all, SOK_ARP_REQUEST, lab_peer_mac, LAB_PEER, LAB_US);
    s = add(b, "arp reply");
    s->len = lab_arp(s->bytes, lab_mac, SOK_ARP_REPLY, lab_peer_mac, LAB_PEER, LAB_US);
    s = add(b, "echo");
    s->len = lab_icmp(s->bytes, SOK_ICMP_ECHO, 0, 9, 9, "01234567", 8);
    s = add(b, "udp");
    s->len = lab_udp(s->bytes, 4000, 7000, "datagram");
    s = add(b, "udp, closed port");
    s->len = lab_udp(s->bytes, 4000, 7001, "datagram");
    s = add(b, "unknown protocol");
    s->len = lab_ip4(s->bytes, 4, 40);
    s = add(b, "tcp syn");
    s->len = lab_tcp(s->bytes, 4001, 80, 5000, 0, SOK_TCP_SYN, "", 0);
    s = add(b, "tcp, closed port");
    s->len = lab_tcp(s->bytes, 4001, 81, 5000, 77, SOK_TCP_ACK, "", 0);
    static const uint8_t record_route[] = {7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    add_with_options(b, "record route", record_route, sizeof(record_route));
    static const uint8_t timestamps[] = {1, 1, 68, 10, 5, 0, 0, 0, 0, 0, 0, 0};
    add_with_options(b, "timestamp option", timestamps, sizeof(timestamps));

    struct sok_endpoint to = {.addr = sok_addr_v4(LAB_PEER), .port = 53};
    struct sok_iov iov = {(const uint8_t *)"hello", 5};
    assert_int_equal(sok_udp_sendto(b->udp, &iov, 1, &to, lab->now), 5);
    assert_true(lab_out(lab));
    s = add(b, "icmp error");
    s->len = lab_icmp(s->bytes, SOK_ICMP_UNREACHABLE, SOK_ICMP_PORT, 0, 0, lab->frame + 14, 33);
    open_connection(b);
}

static void bench_open(struct bench *b)
{
    struct sok_endpoint udp_at = {.port = 7000}, tcp_at = {.port = 80};
    memset(b, 0, sizeof(*b));
    lab_open(&b->lab);
    lab_know_peer(&b->lab);
    assert_int_equal(sok_udp_open(b->lab.stack, &udp_at, &b->udp), 0);
    assert_int_equal(sok_stack_listen(b->lab.stack, &tcp_at, 5, b->lab.now, &b->listener), 0);
    make_samples(b);
    b->probe_len = lab_icmp(b->probe, SOK_ICMP_ECHO, 0, 0x7777, 1, "alive?", 6);
}

static void drain(struct bench *b)
{
    uint8_t buf[100];
    int frames = 0;
    while (lab_out(&b->lab))
        assert_true(++frames < 10); // a frame causes few
    while (sok_udp_recvfrom(b->udp, buf, sizeof(buf), NULL, b->lab.now) >= 0)
        ;
    while (b->conn && sok_tcp_recv(b->conn, buf, sizeof(buf), b->lab.now) > 0)
        ;
    while (sok_stack_changed(b->lab.stack))
        ;
}

// One frame, then a good one that must be answered.
static void inject(struct bench *b, const uint8_t *frame, size_t len)
{
    lab_in(&b->lab, frame, len);
    drain(b);
    b->lab.now += 2 * SOK_MS;
    lab_in(&b->lab, b->probe, b->probe_len);
    bool answered = false;
    while (lab_out(&b->lab))
        answered |= lab_type(&b->lab) == SOK_ETHERTYPE_IP4 &&
                    b->lab.frame[23] == SOK_IPPROTO_ICMP && sok_get16(b->lab.frame + 38) == 0x7777;
    assert_true(answered);
}

static void bench_close(struct bench *b)
{
    struct sok_tcp_conn *c;
    if (b->conn)
        sok_tcp_abort(b->conn, b->lab.now);
    while (sok_tcp_accept(b->listener, b->lab.now, &c) == 0)
        sok_tcp_abort(c, b->lab.now);
    sok_tcp_listener_close(b->listener, b->lab.now);
    sok_udp_close(b->udp);
    lab_close(&b->lab);
}

static void samples_are_good(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b);
    uint64_t before = 0, after = 0;
    static struct sok_tcp_counts counts;
    sok_stack_counts(b.lab.stack, &counts);
    for (unsigned i = 0; i < SOK_DROP_COUNT; i++)
        before += counts.drops[i];
    for (unsigned i = 0; i < b.count; i++)
        inject(&b, b.samples[i].bytes, b.samples[i].len);
    sok_stack_counts(b.lab.stack, &counts);
    for (unsigned i = 0; i < SOK_DROP_COUNT; i++)
        after += counts.drops[i];
    // A claim about a fixed neighbour, two closed ports, an unknown protocol, and an error for a socket that
    // is not connected.
    assert_int_equal(after - before, 5);
    bench_close(&b);
}

static void every_length(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b);
    for (unsigned i = 0; i < b.count; i++)
        for (size_t len = 0; len < b.samples[i].len; len++)
            inject(&b, b.samples[i].bytes, len);
    assert_null(sok_stack_check(b.lab.stack));
    bench_close(&b);
}

// Repairs the IP checksum, and where asked the transport's, so that the lie is looked at.
static void reseal(uint8_t *p, size_t len, bool deep)
{
    struct sok_ip4_hdr ip;
    if (sok_get16(p + 12) != SOK_ETHERTYPE_IP4)
        return;
    sok_ip4_hdr_get(p + 14, &ip);
    size_t header = 4u * ip.ihl;
    if (header < 20 || 14 + header > len)
        return;
    sok_ip4_seal(p + 14, header);
    size_t payload = ip.len > header ? ip.len - header : 0;
    if (!deep || payload > len - 14 - header)
        return;
    uint8_t *t = p + 14 + header;
    if (ip.proto == SOK_IPPROTO_ICMP && payload >= 4)
        lab_sum(t, payload, 2, SOK_IPPROTO_ICMP, 0, 0);
    else if (ip.proto == SOK_IPPROTO_UDP && payload >= 8)
        lab_sum(t, payload, 6, SOK_IPPROTO_UDP, ip.src, ip.dst);
    else if (ip.proto == SOK_IPPROTO_TCP && payload >= 18)
        lab_sum(t, payload, 16, SOK_IPPROTO_TCP, ip.src, ip.dst);
}

static void change_every_byte(struct bench *b, const struct sample *s, bool seal)
{
    static const uint8_t masks[] = {0x01, 0x0f, 0x10, 0x80, 0xf0, 0xff};
    for (size_t at = 0; at < s->len; at++) {
        for (unsigned m = 0; m < sizeof(masks); m++) {
            uint8_t frame[300];
            memcpy(frame, s->bytes, s->len);
            frame[at] ^= masks[m];
            if (seal)
                reseal(frame, s->len, true);
            inject(b, frame, s->len);
        }
    }
}

static void every_byte(void **state)
{
    struct bench b;
    (void)state;
    for (int seal = 0; seal < 2; seal++) {
        bench_open(&b);
        size_t before = b.lab.memory.bytes;
        for (unsigned i = 0; i < b.count; i++)
            change_every_byte(&b, &b.samples[i], seal);
        assert_null(sok_stack_check(b.lab.stack));
        // What half-open connections and neighbours hold is bounded, and goes with time.
        assert_true(b.lab.memory.bytes < before + 100000);
        bench_close(&b);
    }
}

// Both IP lengths and each length in the headers below, at every value near the truth.
static void lying_lengths(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b);
    for (unsigned i = 0; i < b.count; i++) {
        const struct sample *s = &b.samples[i];
        if (sok_get16(s->bytes + 12) != SOK_ETHERTYPE_IP4)
            continue;
        for (unsigned total = 0; total < 200; total++) {
            uint8_t frame[300];
            memcpy(frame, s->bytes, s->len);
            sok_put16(frame + 16, (uint16_t)(total < 199 ? total : 65535));
            reseal(frame, s->len, true);
            inject(&b, frame, s->len);
        }
        for (unsigned first = 0; first < 256; first++) {
            uint8_t frame[300];
            memcpy(frame, s->bytes, s->len);
            frame[14] = (uint8_t)first;
            reseal(frame, s->len, false);
            inject(&b, frame, s->len);
        }
    }
    bench_close(&b);
}

static void ip_options(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b);
    uint64_t seed = 5;
    for (int i = 0; i < 20000; i++) {
        uint8_t options[40];
        size_t len = 4 + 4 * (size_t)(i % 10);
        for (size_t k = 0; k < len; k++) {
            static const uint8_t likely[] = {0, 1, 7, 68, 131, 137, 148, 2, 3, 4, 11, 39, 40, 255};
            seed = seed * UINT64_C(6364136223846793005) + 1;
            options[k] = likely[(seed >> 33) % sizeof(likely)];
        }
        b.count = 0;
        add_with_options(&b, "options", options, len);
        inject(&b, b.samples[0].bytes, b.samples[0].len);
    }
    bench_close(&b);
}

// As a device hands it in, with metadata that lies.
static void lying_metadata(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b);
    for (unsigned i = 0; i < b.count; i++) {
        const struct sample *s = &b.samples[i];
        for (unsigned k = 0; k < 64; k++) {
            struct sok_buf *buf = sok_buf_new(&b.lab.memory.under, (uint32_t)s->len + k % 3);
            memcpy(buf->data + k % 3, s->bytes, s->len);
            struct sok_frame frame = {.buf = buf, .off = k % 3, .len = (uint32_t)s->len};
            frame.meta.gso = k & 1 ? SOK_GSO_TCP4 : k & 2 ? SOK_GSO_TCP6 : SOK_GSO_NONE;
            frame.meta.gso_size = (uint16_t)(k & 4 ? 0 : k & 8 ? 1 : 65535);
            frame.meta.csum_partial = k & 16;
            frame.meta.csum_valid = k & 16;
            frame.meta.hdr_len = (uint16_t)(k & 32 ? 65535 : 0);
            frame.meta.csum_start = (uint16_t)(k & 32 ? 65535 : 0);
            sok_stack_input(b.lab.stack, b.lab.link, &frame, b.lab.now);
            sok_buf_unref(buf);
            inject(&b, b.probe, b.probe_len);
        }
    }
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_are_good),
        cmocka_unit_test(every_length),
        cmocka_unit_test(every_byte),
        cmocka_unit_test(lying_lengths),
        cmocka_unit_test(ip_options),
        cmocka_unit_test(lying_metadata),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
