// The DHCP client under virtual time, against a server that is scripted here: the whole life of a lease, and
// what servers should not say.
#include "stack/testing.h"
#include "wire/dhcp.h"

#define SERVER  0xc00002fe // 192.0.2.254
#define OFFERED 0xc0000207 // 192.0.2.7

struct script {
    struct lab lab;
    struct sok_bootp_hdr sent; // the last message of the client
    struct sok_dhcp_said said;
    uint8_t eth_dst[6];
    uint32_t ip_src, ip_dst;
    struct sok_bootp_hdr h; // the next answer: fixed part
    uint32_t server, mask, lease, t1, t2, router;
    uint16_t mtu;
};

static void open_script(struct script *s, uint32_t caps)
{
    struct sok_stack_config config;
    struct sok_link_info info = {.name = "lab", .mtu = 1500, .caps = caps};
    memset(s, 0, sizeof(*s));
    memcpy(info.mac, lab_mac, 6);
    lab_config(&config, &s->lab);
    s->lab.now = 1000 * SOK_S;
    assert_int_equal(sok_stack_new(&config, &s->lab.stack), 0);
    s->lab.link = (uint8_t)sok_stack_link_add(s->lab.stack, &info);
    assert_int_equal(
        sok_stack_neighbour_add(s->lab.stack, s->lab.link, sok_addr_v4(SERVER), lab_peer_mac), 0);
    assert_int_equal(sok_stack_dhcp_start(s->lab.stack, s->lab.link, s->lab.now), 0);
    s->server = s->router = SERVER;
    s->mask = 0xffffff00;
    s->lease = 3600;
    s->h = sok_bootp_hdr_default();
    s->h.op = SOK_BOOTP_REPLY;
    s->h.yiaddr = OFFERED;
    memcpy(s->h.chaddr, lab_mac, 6);
}

static void close_script(struct script *s)
{
    lab_close(&s->lab);
}

static bool take_message(struct script *s)
{
    struct lab *lab = &s->lab;
    if (lab_type(lab) != SOK_ETHERTYPE_IP4 || lab->frame[23] == SOK_IPPROTO_TCP)
        return false;
    struct sok_udp_hdr udp;
    struct sok_ip4_hdr ip;
    sok_ip4_hdr_get(lab->frame + 14, &ip);
    assert_true(sok_ip4_verify(lab->frame + 14, 20));
    assert_int_equal(ip.proto, SOK_IPPROTO_UDP);
    sok_udp_hdr_get(lab->frame + 34, &udp);
    struct sok_addr src = sok_addr_v4(ip.src), dst = sok_addr_v4(ip.dst);
    assert_true(sok_udp_verify(lab->frame + 34, udp.len, &src, &dst));
    assert_true(udp.sport == 68 && udp.dport == 67);
    assert_true(sok_dhcp_get(lab->frame + 42, lab->len - 42, &s->sent, &s->said));
    assert_int_equal(s->sent.op, SOK_BOOTP_REQUEST);
    assert_memory_equal(s->sent.chaddr, lab_mac, 6);
    memcpy(s->eth_dst, lab->frame, 6);
    s->ip_src = ip.src;
    s->ip_dst = ip.dst;
    s->h.xid = s->sent.xid;
    return true;
}

// The next message of the client; ARP and TCP are passed by. 0: none until then.
static unsigned next_message(struct script *s, int64_t within)
{
    int64_t until = s->lab.now + within;
    for (;;) {
        while (lab_out(&s->lab))
            if (take_message(s))
                return s->said.message;
        int64_t due = sok_stack_deadline(s->lab.stack);
        if (due > until) {
            s->lab.now = until;
            return 0;
        }
        lab_run_to(&s->lab, due);
    }
}

static void answer(struct script *s, enum sok_dhcp_message message)
{
    uint8_t bytes[548], frame[700];
    struct sok_dhcp_writer w;
    sok_dhcp_begin(&w, bytes, sizeof(bytes), &s->h, message);
    if (s->server)
        sok_dhcp_put32(&w, SOK_DHCP_OPT_SERVER, s->server);
    if (s->mask && message != SOK_DHCP_NAK)
        sok_dhcp_put32(&w, SOK_DHCP_OPT_MASK, s->mask);
    if (s->lease && message != SOK_DHCP_NAK)
        sok_dhcp_put32(&w, SOK_DHCP_OPT_LEASE, s->lease);
    if (s->t1)
        sok_dhcp_put32(&w, SOK_DHCP_OPT_T1, s->t1);
    if (s->t2)
        sok_dhcp_put32(&w, SOK_DHCP_OPT_T2, s->t2);
    if (s->router)
        sok_dhcp_put32(&w, SOK_DHCP_OPT_ROUTER, s->router);
    if (s->mtu)
        sok_dhcp_put16(&w, SOK_DHCP_OPT_MTU, s->mtu);
    sok_dhcp_put(&w, SOK_DHCP_OPT_DNS, "\xc0\0\2\x35", 4);
    size_t len = sok_dhcp_end(&w);
    assert_int_not_equal(len, 0);
    // To the address offered, and our MAC: before the address is ours.
    lab_in(&s->lab, frame, lab_udp_from(frame, SERVER, OFFERED, 67, 68, bytes, len));
}

static const struct sok_dhcp_lease *lease(struct script *s)
{
    return sok_stack_dhcp(s->lab.stack, s->lab.link);
}

static enum sok_addr_news state_of(struct script *s, uint32_t v4)
{
    return sok_stack_addr_state(s->lab.stack, s->lab.link, sok_addr_v4(v4), NULL);
}

static int route_to(struct script *s, uint32_t v4)
{
    struct sok_tcp_conn *c;
    struct sok_endpoint to = {.addr = sok_addr_v4(v4), .port = 80};
    int r = sok_stack_connect(s->lab.stack, NULL, &to, s->lab.now, &c);
    if (r == 0)
        sok_tcp_abort(c, s->lab.now);
    while (lab_out(&s->lab))
        ;
    return r;
}

static void get_lease(struct script *s)
{
    assert_int_equal(next_message(s, SOK_S), SOK_DHCP_DISCOVER);
    answer(s, SOK_DHCP_OFFER);
    assert_int_equal(next_message(s, 0), SOK_DHCP_REQUEST);
    answer(s, SOK_DHCP_ACK);
}

static void gets_a_lease(void **state)
{
    struct script s;
    (void)state;
    open_script(&s, SOK_LINK_POINT);
    s.mtu = 1400;
    assert_int_equal(next_message(&s, 0), SOK_DHCP_DISCOVER);
    assert_true(s.ip_src == 0 && s.ip_dst == UINT32_MAX);
    assert_memory_equal(s.eth_dst, lab_all, 6);
    assert_true(s.sent.ciaddr == 0 && s.sent.flags == 0 && s.said.server == 0);
    uint32_t xid = s.sent.xid;
    answer(&s, SOK_DHCP_OFFER);
    assert_int_equal(next_message(&s, 0), SOK_DHCP_REQUEST);
    assert_true(s.said.requested == OFFERED && s.said.server == SERVER && s.sent.ciaddr == 0);
    assert_true(s.ip_src == 0 && s.sent.xid == xid);
    assert_int_equal(state_of(&s, OFFERED), SOK_ADDR_REMOVED);
    assert_int_equal(route_to(&s, 0xc6336401), SOK_ENETUNREACH);
    answer(&s, SOK_DHCP_ACK);
    assert_int_equal(state_of(&s, OFFERED), SOK_ADDR_USED);
    assert_true(sok_addr_to_v4(lease(&s)->dns[0]) == 0xc0000235 && lease(&s)->dns_count == 1);
    assert_int_equal(sok_stack_link(s.lab.stack, s.lab.link)->mtu, 1400);
    assert_int_equal(route_to(&s, 0xc6336401), 0);
    // The end in order: RELEASE to the server, from the address.
    sok_stack_dhcp_stop(s.lab.stack, s.lab.link, s.lab.now);
    assert_int_equal(next_message(&s, 0), SOK_DHCP_RELEASE);
    assert_true(s.ip_src == OFFERED && s.ip_dst == SERVER && s.sent.ciaddr == OFFERED);
    assert_true(s.said.server == SERVER && s.said.requested == 0);
    assert_memory_equal(s.eth_dst, lab_peer_mac, 6);
    assert_int_equal(state_of(&s, OFFERED), SOK_ADDR_REMOVED);
    assert_int_equal(sok_stack_link(s.lab.stack, s.lab.link)->mtu, 1500);
    assert_int_equal(route_to(&s, 0xc6336401), SOK_ENETUNREACH);
    assert_int_equal(next_message(&s, 100 * 3600 * SOK_S), 0);
    close_script(&s);
}

static void retries(void **state)
{
    struct script s;
    int64_t wait = SOK_S;
    (void)state;
    open_script(&s, 0);
    assert_int_equal(next_message(&s, 0), SOK_DHCP_DISCOVER);
    uint32_t xid = s.sent.xid;
    for (int i = 1; i < 12; i++) {
        int64_t last = s.lab.now;
        assert_int_equal(next_message(&s, 100 * SOK_S), SOK_DHCP_DISCOVER);
        assert_true(s.lab.now - last >= wait * 3 / 4 && s.lab.now - last <= wait * 5 / 4);
        assert_int_equal(s.sent.xid, xid);
        assert_int_equal(s.sent.flags, i < 2 ? 0 : SOK_BOOTP_BROADCAST);
        assert_true(s.sent.secs == (s.lab.now - 1000 * SOK_S) / SOK_S);
        wait = wait < 64 * SOK_S ? 2 * wait : wait;
    }
    // A server that offers and is gone: four requests, then somebody else is asked.
    answer(&s, SOK_DHCP_OFFER);
    for (int i = 0; i < 4; i++)
        assert_int_equal(next_message(&s, 100 * SOK_S), SOK_DHCP_REQUEST);
    assert_int_equal(next_message(&s, 100 * SOK_S), SOK_DHCP_DISCOVER);
    assert_int_not_equal(s.sent.xid, xid);
    close_script(&s);
}

static void ignored(struct script *s, enum sok_drop why)
{
    answer(s, SOK_DHCP_OFFER);
    assert_int_equal(lab_drops(&s->lab, why), 1);
    assert_int_equal(next_message(s, 0), 0);
    close_script(s);
}

#define IGNORES(why, change)                                                                       \
    do {                                                                                           \
        open_script(&s, SOK_LINK_POINT);                                                           \
        assert_int_equal(next_message(&s, 0), SOK_DHCP_DISCOVER);                                  \
        change;                                                                                    \
        ignored(&s, SOK_DROP_DHCP_##why);                                                          \
    } while (0)

static void bad_offers(void **state)
{
    struct script s;
    (void)state;
    IGNORES(NOT_US, s.h.xid ^= 1);
    IGNORES(NOT_US, s.h.chaddr[5] ^= 1);
    IGNORES(NOT_US, s.h.op = SOK_BOOTP_REQUEST);
    IGNORES(NOT_US, s.h.htype = 6);
    IGNORES(NOT_US, s.h.hlen = 16);
    IGNORES(UNUSABLE, s.mask = 0);
    IGNORES(UNUSABLE, s.lease = 0);
    IGNORES(UNUSABLE, s.server = 0);
    IGNORES(UNUSABLE, s.server = UINT32_MAX);
    IGNORES(UNUSABLE, s.h.yiaddr = 0);
    IGNORES(UNUSABLE, s.h.yiaddr = 0x7f000001);
    IGNORES(UNUSABLE, s.h.yiaddr = 0xe0000001);
    IGNORES(UNUSABLE, s.h.yiaddr = UINT32_MAX);
    IGNORES(UNUSABLE, s.h.yiaddr = 0xc0000200); // the network
    IGNORES(UNUSABLE, s.h.yiaddr = 0xc00002ff); // all of it
    IGNORES(MALFORMED, s.mask = 0xff00ff00);
    IGNORES(MALFORMED, s.h.options = 0);
}

static void unasked(void **state)
{
    struct script s;
    (void)state;
    open_script(&s, SOK_LINK_POINT);
    assert_int_equal(next_message(&s, 0), SOK_DHCP_DISCOVER);
    answer(&s, SOK_DHCP_ACK); // without a request
    answer(&s, SOK_DHCP_NAK);
    answer(&s, SOK_DHCP_DISCOVER);
    assert_int_equal(lab_drops(&s.lab, SOK_DROP_DHCP_NOT_US), 3);
    answer(&s, SOK_DHCP_OFFER);
    assert_int_equal(next_message(&s, 0), SOK_DHCP_REQUEST);
    answer(&s, SOK_DHCP_OFFER); // the first good one it is
    s.server = 0xc0000203;      // another server's word
    answer(&s, SOK_DHCP_NAK);
    answer(&s, SOK_DHCP_ACK);
    s.server = SERVER;
    s.h.yiaddr = OFFERED + 1; // another address than was offered
    answer(&s, SOK_DHCP_ACK);
    assert_int_equal(lab_drops(&s.lab, SOK_DROP_DHCP_NOT_US), 7);
    assert_int_equal(state_of(&s, OFFERED), SOK_ADDR_REMOVED);
    s.h.yiaddr = OFFERED;
    answer(&s, SOK_DHCP_ACK);
    assert_int_equal(state_of(&s, OFFERED), SOK_ADDR_USED);
    uint32_t changes = lease(&s)->changes;
    answer(&s, SOK_DHCP_ACK); // once more
    assert_int_equal(lease(&s)->changes, changes);
    // Nothing else is let in before there is an address.
    close_script(&s);
}

static void only_dhcp_comes_early(void **state)
{
    struct script s;
    struct sok_udp *u;
    struct sok_endpoint at = {.addr = sok_addr_v4(0), .port = 53};
    uint8_t frame[100];
    (void)state;
    open_script(&s, 0);
    assert_int_equal(next_message(&s, 0), SOK_DHCP_DISCOVER);
    assert_int_equal(sok_udp_open(s.lab.stack, &at, &u), 0);
    lab_in(&s.lab, frame, lab_udp_from(frame, SERVER, OFFERED, 67, 53, "no", 2));
    assert_int_equal(lab_drops(&s.lab, SOK_DROP_IP_NOT_US), 1);
    lab_in(&s.lab, frame, lab_udp_from(frame, SERVER, OFFERED, 67, 68, "no", 2));
    assert_int_equal(lab_drops(&s.lab, SOK_DROP_DHCP_MALFORMED), 1);
    assert_int_equal(sok_udp_recvfrom(u, frame, 100, NULL, s.lab.now), SOK_EAGAIN);
    sok_udp_close(u);
    close_script(&s);
}

static void renews(void **state)
{
    struct script s;
    (void)state;
    open_script(&s, SOK_LINK_POINT);
    get_lease(&s);
    int64_t start = s.lab.now;
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(next_message(&s, 3600 * SOK_S), SOK_DHCP_REQUEST);
        assert_true(s.lab.now == start + 1800 * SOK_S); // T1
        assert_true(s.ip_src == OFFERED && s.ip_dst == SERVER && s.sent.ciaddr == OFFERED);
        assert_true(s.said.server == 0 && s.said.requested == 0);
        assert_memory_equal(s.eth_dst, lab_peer_mac, 6);
        s.router = i == 2 ? 0 : SERVER; // and what it says is what counts now
        answer(&s, SOK_DHCP_ACK);
        start = s.lab.now;
        assert_true(lease(&s)->expires_at == start + 3600 * SOK_S);
        assert_int_equal(route_to(&s, 0xc6336401), i == 2 ? SOK_ENETUNREACH : 0);
    }
    assert_int_equal(state_of(&s, OFFERED), SOK_ADDR_USED);
    close_script(&s);
}

static void rebinds_then_expires(void **state)
{
    struct script s;
    struct sok_tcp_conn *c;
    struct sok_endpoint to = {.addr = sok_addr_v4(SERVER), .port = 80};
    (void)state;
    open_script(&s, SOK_LINK_POINT);
    s.t1 = 1000;
    s.t2 = 2000;
    s.lease = 3000;
    get_lease(&s);
    int64_t start = s.lab.now;
    unsigned renewals = 0, rebinds = 0;
    while (next_message(&s, 5000 * SOK_S) == SOK_DHCP_REQUEST) {
        int64_t at = s.lab.now - start;
        assert_int_equal(s.sent.ciaddr, OFFERED);
        if (s.ip_dst == SERVER) {
            assert_true(at >= 1000 * SOK_S && at < 2000 * SOK_S);
            renewals++;
        } else {
            assert_true(at >= 2000 * SOK_S && at < 3000 * SOK_S);
            assert_true(s.ip_dst == UINT32_MAX && s.ip_src == OFFERED);
            if (rebinds++ == 5)
                assert_int_equal(sok_stack_connect(s.lab.stack, NULL, &to, s.lab.now, &c), 0);
        }
    }
    // Halving what is left, at least a minute: 1000 s are 500, 250, 125, 62, 60 s.
    assert_true(renewals == 6 && rebinds == 6);
    assert_int_equal(s.said.message, SOK_DHCP_DISCOVER);
    assert_true(s.lab.now == start + 3000 * SOK_S);
    assert_int_equal(sok_tcp_error(c), SOK_EABORTED);
    sok_tcp_close(c, s.lab.now);
    assert_int_equal(state_of(&s, OFFERED), SOK_ADDR_REMOVED);
    assert_int_equal(s.ip_src, 0);
    assert_int_equal(route_to(&s, SERVER), SOK_ENETUNREACH);
    answer(&s, SOK_DHCP_OFFER); // and it can come back
    assert_int_equal(next_message(&s, 0), SOK_DHCP_REQUEST);
    answer(&s, SOK_DHCP_ACK);
    assert_int_equal(state_of(&s, OFFERED), SOK_ADDR_USED);
    close_script(&s);
}

static void rebinds_elsewhere(void **state)
{
    struct script s;
    (void)state;
    open_script(&s, SOK_LINK_POINT);
    get_lease(&s);
    do
        assert_int_equal(next_message(&s, 3600 * SOK_S), SOK_DHCP_REQUEST);
    while (s.ip_dst == SERVER);
    s.server = 0xc0000203; // another server knows of the lease
    answer(&s, SOK_DHCP_ACK);
    assert_int_equal(sok_addr_to_v4(lease(&s)->server), 0xc0000203);
    assert_int_equal(state_of(&s, OFFERED), SOK_ADDR_USED);
    close_script(&s);
}

static void refused_while_renewing(void **state)
{
    struct script s;
    (void)state;
    open_script(&s, SOK_LINK_POINT);
    get_lease(&s);
    assert_int_equal(next_message(&s, 3600 * SOK_S), SOK_DHCP_REQUEST);
    answer(&s, SOK_DHCP_NAK);
    assert_int_equal(state_of(&s, OFFERED), SOK_ADDR_REMOVED);
    assert_int_equal(next_message(&s, 0), SOK_DHCP_DISCOVER);
    assert_int_equal(s.ip_src, 0);
    // NAK upon NAK: ever more slowly.
    for (int i = 0; i < 10; i++) {
        int64_t before = s.lab.now;
        answer(&s, SOK_DHCP_OFFER);
        assert_int_equal(next_message(&s, 0), SOK_DHCP_REQUEST);
        answer(&s, SOK_DHCP_NAK);
        assert_int_equal(next_message(&s, 100 * SOK_S), SOK_DHCP_DISCOVER);
        assert_true(s.lab.now - before == SOK_S << (i < 5 ? i : 5));
    }
    close_script(&s);
}

static void leases_for_ever(void **state)
{
    struct script s;
    (void)state;
    open_script(&s, SOK_LINK_POINT);
    s.lease = UINT32_MAX;
    get_lease(&s);
    assert_true(lease(&s)->expires_at == SOK_TIME_NEVER);
    assert_int_equal(next_message(&s, INT64_C(1000000) * 3600 * SOK_S), 0);
    close_script(&s);
}

static void odd_times(void **state)
{
    struct script s;
    (void)state;
    open_script(&s, SOK_LINK_POINT);
    s.t1 = 5000; // after the end
    s.t2 = 1;
    get_lease(&s);
    assert_true(lease(&s)->renew_at == s.lab.now + 1800 * SOK_S);
    assert_true(lease(&s)->rebind_at == s.lab.now + 3150 * SOK_S);
    close_script(&s);
    open_script(&s, SOK_LINK_POINT);
    s.lease = 1;
    get_lease(&s);
    assert_int_equal(next_message(&s, 2 * SOK_S), SOK_DHCP_DISCOVER);
    close_script(&s);
}

static void declines_what_is_taken(void **state)
{
    struct script s;
    uint8_t frame[64];
    (void)state;
    open_script(&s, 0);
    get_lease(&s);
    assert_int_equal(state_of(&s, OFFERED), SOK_ADDR_PROBED);
    while (!lab_out(&s.lab))
        lab_run_to(&s.lab, sok_stack_deadline(s.lab.stack));
    assert_int_equal(lab_arp_out(&s.lab).pdst, OFFERED);
    static const uint8_t other[6] = {2, 0, 0, 0, 0, 9};
    lab_in(&s.lab, frame, lab_arp(frame, lab_mac, SOK_ARP_REPLY, other, OFFERED, 0));
    assert_int_equal(next_message(&s, 0), SOK_DHCP_DECLINE);
    assert_true(s.said.requested == OFFERED && s.said.server == SERVER);
    assert_true(s.ip_src == 0 && s.ip_dst == UINT32_MAX && s.sent.ciaddr == 0);
    assert_true(lease(&s)->taken);
    assert_memory_equal(lease(&s)->taken_by, other, 6);
    int64_t declined = s.lab.now;
    assert_int_equal(next_message(&s, 60 * SOK_S), SOK_DHCP_DISCOVER);
    assert_true(s.lab.now == declined + 10 * SOK_S);
    s.h.yiaddr = OFFERED + 1;
    answer(&s, SOK_DHCP_OFFER);
    assert_int_equal(next_message(&s, 0), SOK_DHCP_REQUEST);
    answer(&s, SOK_DHCP_ACK);
    lab_run_to(&s.lab, s.lab.now + SOK_S);
    assert_int_equal(state_of(&s, OFFERED + 1), SOK_ADDR_USED);
    assert_false(lease(&s)->taken);
    // Somebody insists on it later: defended once, then given up and declined.
    lab_run_to(&s.lab, s.lab.now + 30 * SOK_S);
    for (int i = 0; i < 2; i++)
        lab_in(
            &s.lab, frame, lab_arp(frame, lab_all, SOK_ARP_REPLY, other, OFFERED + 1, OFFERED + 1));
    assert_int_equal(next_message(&s, 0), SOK_DHCP_DECLINE);
    assert_int_equal(state_of(&s, OFFERED + 1), SOK_ADDR_REMOVED);
    close_script(&s);
}

static void router_outside(void **state)
{
    struct script s;
    (void)state;
    open_script(&s, SOK_LINK_POINT);
    s.mask = UINT32_MAX;
    get_lease(&s);
    assert_int_equal(route_to(&s, 0xc6336401), 0);
    sok_stack_dhcp_stop(s.lab.stack, s.lab.link, s.lab.now);
    assert_int_equal(route_to(&s, 0xc6336401), SOK_ENETUNREACH);
    assert_int_equal(route_to(&s, SERVER), SOK_ENETUNREACH);
    close_script(&s);
}

static void starting(void **state)
{
    struct script s;
    struct sok_link_info tun = {.name = "tun", .mtu = 1500, .caps = SOK_LINK_IP};
    (void)state;
    open_script(&s, SOK_LINK_POINT);
    struct sok_stack *stack = s.lab.stack;
    int link = sok_stack_link_add(stack, &tun);
    assert_int_equal(sok_stack_dhcp_start(stack, (uint8_t)link, 0), SOK_EOPNOTSUPP);
    assert_int_equal(sok_stack_dhcp_start(stack, 0, 0), SOK_ENODEV);
    assert_int_equal(sok_stack_dhcp_start(stack, 9, 0), SOK_ENODEV);
    assert_int_equal(sok_stack_dhcp_start(stack, s.lab.link, 0), SOK_EADDRINUSE);
    assert_null(sok_stack_dhcp(stack, (uint8_t)link));
    sok_stack_dhcp_stop(stack, s.lab.link, s.lab.now);
    assert_int_equal(sok_stack_dhcp_start(stack, s.lab.link, s.lab.now), 0);
    get_lease(&s);
    close_script(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gets_a_lease),
        cmocka_unit_test(retries),
        cmocka_unit_test(bad_offers),
        cmocka_unit_test(unasked),
        cmocka_unit_test(only_dhcp_comes_early),
        cmocka_unit_test(renews),
        cmocka_unit_test(rebinds_then_expires),
        cmocka_unit_test(rebinds_elsewhere),
        cmocka_unit_test(refused_while_renewing),
        cmocka_unit_test(leases_for_ever),
        cmocka_unit_test(odd_times),
        cmocka_unit_test(declines_what_is_taken),
        cmocka_unit_test(router_outside),
        cmocka_unit_test(starting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
