// Multicast groups over IPv4: what sockets hear, what the routers are told and when, by queriers of each version.
#include "stack/testing.h"
#include "stack/group.h"
#include "wire/igmp.h"

#define GROUP   0xe9fc0001u // 233.252.0.1
#define OTHER   0xe9fc0002u
#define ROUTER  0xc00002feu
#define SOURCE1 0xc6336401u
#define SOURCE2 0xc6336402u
#define SOURCE3 0xc6336403u

static struct sok_udp *open_udp(struct lab *lab, uint16_t port)
{
    struct sok_endpoint at = {.addr = sok_addr_v4(0), .port = port};
    struct sok_udp *u;
    assert_int_equal(sok_udp_open_as(lab->stack, &at, SOK_BIND_SHARED, &u), 0);
    return u;
}

static int change(
    struct lab *lab, struct sok_udp *u, enum sok_group_op op, uint32_t group, uint32_t source)
{
    struct sok_group_change c = {
        .op = op, .link = lab->link, .group = sok_addr_v4(group), .source = sok_addr_v4(source)};
    return sok_udp_group(u, &c, lab->now);
}

// ---- what is sent ----

struct told {
    uint32_t dst;
    uint8_t type;
    unsigned records;
    struct {
        uint8_t type;
        uint32_t group;
        unsigned count;
        uint32_t sources[SOK_GROUP_SOURCES_MAX];
    } r[80];
};

static void read_report(const uint8_t *p, size_t len, struct told *t)
{
    size_t at = 8;
    t->records = sok_get16(p + 6);
    assert_true(t->records <= 80);
    for (unsigned i = 0; i < t->records; i++) {
        assert_true(at + 8 <= len);
        t->r[i].type = p[at];
        t->r[i].count = sok_get16(p + at + 2);
        t->r[i].group = sok_get32(p + at + 4);
        at += 8;
        for (unsigned k = 0; k < t->r[i].count; k++, at += 4)
            t->r[i].sources[k] = sok_get32(p + at);
    }
    assert_int_equal(at, len);
}

// The next message until then; false: none. All of them are as they must be.
static bool next_told(struct lab *lab, int64_t within, struct told *t)
{
    int64_t until = lab->now + within;
    memset(t, 0, sizeof(*t));
    for (;;) {
        if (lab_out(lab)) {
            const uint8_t *ip = lab->frame + 14;
            assert_int_equal(ip[0], 0x46);
            assert_true(sok_ip4_verify(ip, 24));
            assert_true(ip[1] == 0xc0 && ip[8] == 1 && ip[9] == SOK_IPPROTO_IGMP);
            assert_memory_equal(ip + 20, sok_ip4_alert, 4);
            assert_int_equal(sok_get32(ip + 12), LAB_US);
            t->dst = sok_get32(ip + 16);
            assert_int_equal(sok_get24(lab->frame), 0x01005e);
            assert_true(sok_igmp_verify(ip + 24, lab->len - 38));
            t->type = ip[24];
            t->r[0].group = sok_get32(ip + 28);
            if (t->type == SOK_IGMP_REPORT3)
                read_report(ip + 24, lab->len - 38, t);
            return true;
        }
        int64_t due = sok_stack_deadline(lab->stack);
        if (due > until) {
            lab->now = until;
            return false;
        }
        lab_run_to(lab, due > lab->now ? due : lab->now);
    }
}

static void expect_record(struct lab *lab, uint8_t type, uint32_t group, unsigned count)
{
    struct told t;
    assert_true(next_told(lab, 11 * SOK_S, &t));
    assert_int_equal(t.type, SOK_IGMP_REPORT3);
    assert_int_equal(t.dst, 0xe0000016);
    assert_int_equal(t.records, 1);
    assert_int_equal(t.r[0].type, type);
    assert_int_equal(t.r[0].group, group);
    assert_int_equal(t.r[0].count, count);
}

static void expect_silence(struct lab *lab)
{
    struct told t;
    assert_false(next_told(lab, 300 * SOK_S, &t));
}

// ---- queries ----

static void query(struct lab *lab, uint32_t dst, const uint8_t *p, size_t len)
{
    uint8_t f[200];
    memcpy(f + 34, p, len);
    sok_igmp_seal(f + 34, len);
    size_t total = lab_ip4(f, SOK_IPPROTO_IGMP, len);
    lab_set_addrs(f, ROUTER, dst);
    lab_in(lab, f, total);
}

static void query3(
    struct lab *lab, uint32_t group, uint8_t code, const uint32_t *sources, unsigned n)
{
    uint8_t p[100];
    struct sok_igmp3_query_hdr h = {.type = SOK_IGMP_QUERY,
        .mrcode = code,
        .gaddr = group,
        .qrv = 2,
        .qqic = 125,
        .numsrc = (uint16_t)n};
    sok_igmp3_query_hdr_put(p, &h);
    for (unsigned i = 0; i < n; i++)
        sok_put32(p + 12 + 4 * i, sources[i]);
    query(lab, group ? group : 0xe0000001, p, 12 + 4u * n);
}

static void query2(struct lab *lab, uint32_t group, uint8_t tenths)
{
    uint8_t p[8];
    struct sok_igmp_hdr h = {.type = SOK_IGMP_QUERY, .mrcode = tenths, .gaddr = group};
    sok_igmp_hdr_put(p, &h);
    query(lab, group ? group : 0xe0000001, p, 8);
}

// ---- version 3 ----

static void nothing_joined(void **state)
{
    struct lab lab;
    (void)state;
    lab_open(&lab);
    query3(&lab, 0, 100, NULL, 0);
    query2(&lab, 0, 100);
    expect_silence(&lab); // 224.0.0.1 is never reported
    struct sok_udp *u = open_udp(&lab, 5000);
    assert_int_equal(change(&lab, u, SOK_GROUP_JOIN, 0xe0000001, 0), 0);
    expect_silence(&lab);
    sok_udp_close(u);
    expect_silence(&lab);
    lab_close(&lab);
}

static void joins_and_leaves(void **state)
{
    struct lab lab;
    (void)state;
    lab_open(&lab);
    struct sok_udp *a = open_udp(&lab, 5000), *b = open_udp(&lab, 5000);
    assert_int_equal(change(&lab, a, SOK_GROUP_JOIN, GROUP, 0), 0);
    assert_int_equal(change(&lab, a, SOK_GROUP_JOIN, GROUP, 0), SOK_EADDRINUSE);
    int64_t begun = lab.now;
    expect_record(&lab, SOK_GROUP_TO_EXCLUDE, GROUP, 0);
    assert_int_equal(lab.now, begun);
    expect_record(&lab, SOK_GROUP_TO_EXCLUDE, GROUP, 0); // robustness 2: once again
    assert_in_range(lab.now, begun + 1, begun + SOK_S);
    assert_int_equal(change(&lab, b, SOK_GROUP_JOIN, GROUP, 0), 0);
    expect_silence(&lab); // the second changes nothing for the link
    sok_udp_close(a);
    expect_silence(&lab);
    assert_int_equal(change(&lab, b, SOK_GROUP_LEAVE, GROUP, 0), 0);
    assert_int_equal(change(&lab, b, SOK_GROUP_LEAVE, GROUP, 0), SOK_EADDRNOTAVAIL);
    expect_record(&lab, SOK_GROUP_TO_INCLUDE, GROUP, 0);
    expect_record(&lab, SOK_GROUP_TO_INCLUDE, GROUP, 0);
    expect_silence(&lab);
    sok_udp_close(b);
    lab_close(&lab);
}

static void sources(void **state)
{
    struct lab lab;
    (void)state;
    lab_open(&lab);
    struct sok_udp *a = open_udp(&lab, 5000), *b = open_udp(&lab, 5000);
    assert_int_equal(change(&lab, a, SOK_GROUP_JOIN_SOURCE, GROUP, SOURCE1), 0);
    assert_int_equal(change(&lab, a, SOK_GROUP_JOIN_SOURCE, GROUP, SOURCE1), SOK_EADDRNOTAVAIL);
    assert_int_equal(change(&lab, a, SOK_GROUP_BLOCK_SOURCE, GROUP, SOURCE1), SOK_EINVAL);
    expect_record(&lab, SOK_GROUP_ALLOW, GROUP, 1);
    expect_record(&lab, SOK_GROUP_ALLOW, GROUP, 1);
    assert_int_equal(change(&lab, a, SOK_GROUP_JOIN_SOURCE, GROUP, SOURCE2), 0);
    expect_record(&lab, SOK_GROUP_ALLOW, GROUP, 1);
    expect_record(&lab, SOK_GROUP_ALLOW, GROUP, 1);
    // Somebody excludes: all but what nobody wants.
    assert_int_equal(change(&lab, b, SOK_GROUP_JOIN, GROUP, 0), 0);
    assert_int_equal(change(&lab, b, SOK_GROUP_BLOCK_SOURCE, GROUP, SOURCE1), 0);
    assert_int_equal(change(&lab, b, SOK_GROUP_BLOCK_SOURCE, GROUP, SOURCE3), 0);
    expect_record(&lab, SOK_GROUP_TO_EXCLUDE, GROUP, 1); // SOURCE3: a wants SOURCE1
    expect_record(&lab, SOK_GROUP_TO_EXCLUDE, GROUP, 1);
    // A source that is wanted no more: blocked, as is told once the mode has been.
    assert_int_equal(change(&lab, a, SOK_GROUP_LEAVE_SOURCE, GROUP, SOURCE1), 0);
    struct told t;
    assert_true(next_told(&lab, 2 * SOK_S, &t));
    assert_true(t.records == 1 && t.r[0].type == SOK_GROUP_BLOCK && t.r[0].sources[0] == SOURCE1);
    assert_true(next_told(&lab, 2 * SOK_S, &t));
    assert_int_equal(change(&lab, b, SOK_GROUP_UNBLOCK_SOURCE, GROUP, SOURCE3), 0);
    expect_record(&lab, SOK_GROUP_ALLOW, GROUP, 1);
    sok_udp_close(b);
    expect_record(&lab, SOK_GROUP_TO_INCLUDE, GROUP, 1);
    sok_udp_close(a);
    while (next_told(&lab, 10 * SOK_S, &t))
        assert_int_equal(t.dst, 0xe0000016);
    lab_close(&lab);
}

static void answers(void **state)
{
    static const uint32_t asked[] = {SOURCE1, SOURCE2};
    struct lab lab;
    struct told t;
    (void)state;
    lab_open(&lab);
    struct sok_udp *u = open_udp(&lab, 5000);
    assert_int_equal(change(&lab, u, SOK_GROUP_JOIN, GROUP, 0), 0);
    assert_int_equal(change(&lab, u, SOK_GROUP_JOIN_SOURCE, OTHER, SOURCE2), 0);
    while (next_told(&lab, 10 * SOK_S, &t))
        ;
    // A general query: one answer with both groups, within its time.
    int64_t begun = lab.now;
    query3(&lab, 0, 50, NULL, 0);
    assert_true(next_told(&lab, 5 * SOK_S, &t));
    assert_in_range(lab.now, begun + 1, begun + 5 * SOK_S);
    assert_int_equal(t.records, 2);
    unsigned first = t.r[0].group == GROUP ? 0 : 1;
    assert_true(t.r[first].type == SOK_GROUP_IS_EXCLUDE && t.r[first].count == 0);
    assert_true(t.r[!first].type == SOK_GROUP_IS_INCLUDE && t.r[!first].count == 1);
    expect_silence(&lab);
    // Of one group; of a group nobody is in; of sources.
    query3(&lab, GROUP, 10, NULL, 0);
    expect_record(&lab, SOK_GROUP_IS_EXCLUDE, GROUP, 0);
    query3(&lab, 0xe9fc0009, 10, NULL, 0);
    expect_silence(&lab);
    query3(&lab, OTHER, 10, asked, 2);
    expect_record(&lab, SOK_GROUP_IS_INCLUDE, OTHER, 1);
    query3(&lab, OTHER, 10, asked, 1); // none that is heard
    expect_silence(&lab);
    // Asked of a source, then of the whole: one answer, of the whole.
    query3(&lab, OTHER, 100, asked, 1);
    query3(&lab, OTHER, 100, NULL, 0);
    expect_record(&lab, SOK_GROUP_IS_INCLUDE, OTHER, 1);
    expect_silence(&lab);
    sok_udp_close(u);
    lab_close(&lab);
}

// ---- older versions ----

static void version2(void **state)
{
    struct lab lab;
    struct told t;
    (void)state;
    lab_open(&lab);
    struct sok_udp *u = open_udp(&lab, 5000);
    query2(&lab, 0, 100);
    assert_int_equal(change(&lab, u, SOK_GROUP_JOIN, GROUP, 0), 0);
    for (int i = 0; i < 2; i++) {
        assert_true(next_told(&lab, 10 * SOK_S, &t));
        assert_true(t.type == SOK_IGMP_REPORT2 && t.dst == GROUP && t.r[0].group == GROUP);
    }
    query2(&lab, GROUP, 10);
    assert_true(next_told(&lab, SOK_S, &t));
    assert_int_equal(t.type, SOK_IGMP_REPORT2);
    // Somebody else is quicker: nothing to say, and on leaving neither.
    uint8_t p[8];
    struct sok_igmp_hdr h = {.type = SOK_IGMP_REPORT2, .gaddr = GROUP};
    query2(&lab, 0, 100);
    sok_igmp_hdr_put(p, &h);
    query(&lab, GROUP, p, 8);
    assert_false(next_told(&lab, 11 * SOK_S, &t));
    query2(&lab, 0, 100);
    assert_true(next_told(&lab, 11 * SOK_S, &t));
    assert_int_equal(change(&lab, u, SOK_GROUP_LEAVE, GROUP, 0), 0);
    assert_true(next_told(&lab, SOK_S, &t));
    assert_true(t.type == SOK_IGMP_LEAVE && t.dst == 0xe0000002 && t.r[0].group == GROUP);
    // The querier of version 2 is gone after 2 * 125 s + its delay.
    lab_run_to(&lab, lab.now + 261 * SOK_S);
    assert_int_equal(change(&lab, u, SOK_GROUP_JOIN, GROUP, 0), 0);
    expect_record(&lab, SOK_GROUP_TO_EXCLUDE, GROUP, 0);
    sok_udp_close(u);
    lab_close(&lab);
}

static void version1(void **state)
{
    struct lab lab;
    struct told t;
    (void)state;
    lab_open(&lab);
    struct sok_udp *u = open_udp(&lab, 5000);
    query2(&lab, 0, 0);
    assert_int_equal(change(&lab, u, SOK_GROUP_JOIN, GROUP, 0), 0);
    assert_true(next_told(&lab, SOK_S, &t));
    assert_true(t.type == SOK_IGMP_REPORT1 && t.dst == GROUP);
    assert_true(next_told(&lab, 10 * SOK_S, &t));
    assert_int_equal(change(&lab, u, SOK_GROUP_LEAVE, GROUP, 0), 0);
    assert_false(next_told(&lab, 100 * SOK_S, &t));
    sok_udp_close(u);
    lab_close(&lab);
}

static void bad_messages(void **state)
{
    static const uint32_t asked[] = {SOURCE1};
    struct lab lab;
    struct rng {
        uint64_t x;
    } r = {1};
    uint8_t p[64] = {SOK_IGMP_QUERY, 10};
    (void)state;
    lab_open(&lab);
    struct sok_udp *u = open_udp(&lab, 5000);
    query(&lab, 0xe0000001, p, 4);
    assert_int_equal(lab_drops(&lab, SOK_DROP_IGMP_MALFORMED), 1);
    query(&lab, 0xe0000001, p, 10); // neither version 2's length nor 3's
    assert_int_equal(lab_drops(&lab, SOK_DROP_IGMP_MALFORMED), 2);
    sok_put16(p + 10, 9); // more sources than there are
    query(&lab, 0xe0000001, p, 20);
    assert_int_equal(lab_drops(&lab, SOK_DROP_IGMP_MALFORMED), 3);
    query(&lab, LAB_US, p, 8);
    assert_int_equal(lab_drops(&lab, SOK_DROP_IGMP_NOT_US), 1);
    assert_int_equal(change(&lab, u, SOK_GROUP_JOIN, GROUP, 0), 0);
    for (unsigned i = 0; i < 20000; i++) {
        for (unsigned k = 0; k < sizeof(p); k++)
            p[k] = (uint8_t)((r.x = r.x * 6364136223846793005u + 1442695040888963407u) >> 56);
        p[0] = i % 3 ? SOK_IGMP_QUERY : p[0];
        if (i % 2)
            sok_put32(p + 4, i % 4 == 1 ? GROUP : 0);
        p[10] = 0;
        query(&lab, i % 4 == 1 ? GROUP : 0xe0000001, p, 8 + r.x % 56);
        if (i % 16 == 0)
            query3(&lab, GROUP, 1, asked, 1);
        while (lab_out(&lab))
            ;
    }
    assert_null(sok_stack_check(lab.stack));
    sok_udp_close(u);
    lab_close(&lab);
}

// ---- datagrams ----

static int64_t heard(struct lab *lab, struct sok_udp *u)
{
    char b[16];
    struct sok_endpoint from;
    return sok_udp_recvfrom(u, b, sizeof(b), &from, lab->now);
}

static void delivery(void **state)
{
    struct lab lab;
    uint8_t f[100];
    (void)state;
    lab_open(&lab);
    struct sok_udp *a = open_udp(&lab, 5000), *b = open_udp(&lab, 5000), *c = open_udp(&lab, 5000);
    struct sok_multicast_opts mine = SOK_MULTICAST_OPTS_DEFAULT;
    size_t len = lab_udp_from(f, LAB_PEER, GROUP, 4000, 5000, "hi", 2);
    mine.all = false;
    sok_udp_multicast(c, &mine);
    lab_in(&lab, f, len);
    assert_int_equal(lab_drops(&lab, SOK_DROP_IP_NOT_US), 1);
    assert_int_equal(change(&lab, a, SOK_GROUP_JOIN, GROUP, 0), 0);
    lab_in(&lab, f, len);
    assert_int_equal(heard(&lab, a), 2);
    assert_int_equal(heard(&lab, b), 2); // as Linux has it, unless it wants its own alone
    assert_int_equal(heard(&lab, c), SOK_EAGAIN);
    assert_int_equal(change(&lab, c, SOK_GROUP_JOIN_SOURCE, GROUP, SOURCE1), 0);
    assert_int_equal(change(&lab, a, SOK_GROUP_BLOCK_SOURCE, GROUP, LAB_PEER), 0);
    assert_int_equal(change(&lab, b, SOK_GROUP_JOIN_SOURCE, GROUP, SOURCE2), 0);
    lab_in(&lab, f, len);
    assert_int_equal(lab_drops(&lab, SOK_DROP_GROUP_SOURCE), 1);
    assert_int_equal(change(&lab, c, SOK_GROUP_JOIN_SOURCE, GROUP, LAB_PEER), 0);
    lab_in(&lab, f, len);
    assert_int_equal(heard(&lab, c), 2);
    assert_int_equal(heard(&lab, a), SOK_EAGAIN);
    assert_int_equal(heard(&lab, b), SOK_EAGAIN);
    // Broadcast: all. To one host: the newest.
    lab_in(&lab, f, lab_udp_from(f, LAB_PEER, LAB_NET_BROADCAST, 4000, 5000, "all", 3));
    assert_true(heard(&lab, a) == 3 && heard(&lab, b) == 3 && heard(&lab, c) == 3);
    lab_in(&lab, f, lab_udp_from(f, LAB_PEER, LAB_US, 4000, 5000, "one", 3));
    assert_true(heard(&lab, a) < 0 && heard(&lab, b) < 0 && heard(&lab, c) == 3);
    sok_udp_close(a);
    sok_udp_close(b);
    sok_udp_close(c);
    lab_close(&lab);
}

static int64_t say(struct lab *lab, struct sok_udp *u, uint32_t to, const char *text)
{
    struct sok_iov iov = {(const uint8_t *)text, strlen(text)};
    struct sok_endpoint dst = {.addr = sok_addr_v4(to), .port = 5000};
    return sok_udp_sendto(u, &iov, 1, &dst, lab->now);
}

// The next datagram on the wire: its TTL; 0: none.
static unsigned sent_ttl(struct lab *lab)
{
    while (lab_out(lab))
        if (lab->frame[23] == SOK_IPPROTO_UDP)
            return lab->frame[22];
    return 0;
}

static void sending(void **state)
{
    struct lab lab;
    struct sok_multicast_opts o = SOK_MULTICAST_OPTS_DEFAULT;
    struct sok_dgram_opts opts = {.broadcast = true};
    (void)state;
    lab_open(&lab);
    struct sok_udp *u = open_udp(&lab, 5000);
    assert_int_equal(say(&lab, u, GROUP, "hello"), 5);
    assert_int_equal(sent_ttl(&lab), 1);
    lab_run_to(&lab, lab.now + SOK_S);
    assert_int_equal(heard(&lab, u), SOK_EAGAIN);
    assert_int_equal(change(&lab, u, SOK_GROUP_JOIN, GROUP, 0), 0);
    assert_int_equal(say(&lab, u, GROUP, "hello"), 5);
    lab_run_to(&lab, lab.now + SOK_S);
    assert_int_equal(heard(&lab, u), 5); // our own
    o.loop = false;
    o.ttl = 9;
    sok_udp_multicast(u, &o);
    assert_int_equal(say(&lab, u, GROUP, "hello"), 5);
    lab_run_to(&lab, lab.now + SOK_S);
    assert_int_equal(heard(&lab, u), SOK_EAGAIN);
    assert_int_equal(sent_ttl(&lab), 1);
    assert_int_equal(sent_ttl(&lab), 9);
    o.loop = true;
    o.ttl = 0; // for this host alone
    sok_udp_multicast(u, &o);
    assert_int_equal(say(&lab, u, GROUP, "hello"), 5);
    lab_run_to(&lab, lab.now + SOK_S);
    assert_int_equal(heard(&lab, u), 5);
    assert_int_equal(sent_ttl(&lab), 0);
    o.link = 9;
    sok_udp_multicast(u, &o);
    assert_int_equal(say(&lab, u, GROUP, "hello"), SOK_ENODEV);
    assert_int_equal(say(&lab, u, 0xffffffff, "x"), SOK_EACCES);
    assert_int_equal(say(&lab, u, LAB_NET_BROADCAST, "x"), SOK_EACCES);
    sok_udp_options(u, &opts);
    assert_int_equal(say(&lab, u, 0xffffffff, "x"), 1);
    assert_int_equal(say(&lab, u, LAB_NET_BROADCAST, "x"), 1);
    assert_int_equal(sent_ttl(&lab), 64);
    sok_udp_close(u);
    lab_close(&lab);
}

// ---- limits ----

static void limits(void **state)
{
    struct lab lab;
    struct sok_stack_config config;
    struct sok_addr list[SOK_MEMBERSHIP_SOURCES_MAX + 1], group = sok_addr_v4(GROUP);
    struct told t;
    (void)state;
    lab_config(&config, &lab);
    config.group_max = 70;
    lab_start(&lab, &config, 0);
    struct sok_udp *u = open_udp(&lab, 5000), *more = open_udp(&lab, 5000);
    for (unsigned i = 0; i <= SOK_MEMBERSHIP_SOURCES_MAX; i++)
        list[i] = sok_addr_v4(SOURCE1 + i);
    for (unsigned i = 0; i < SOK_MEMBERSHIPS_MAX; i++)
        assert_int_equal(change(&lab, u, SOK_GROUP_JOIN, GROUP + i, 0), 0);
    assert_int_equal(change(&lab, u, SOK_GROUP_JOIN, GROUP + 99, 0), SOK_ENOBUFS);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(change(&lab, more, SOK_GROUP_JOIN, GROUP + 100 + i, 0), 0);
    assert_int_equal(change(&lab, more, SOK_GROUP_JOIN, GROUP + 106, 0), SOK_ENOBUFS);
    unsigned records = 0;
    while (next_told(&lab, 0, &t) || (t.records == 0 && records == 0))
        records += t.records;
    sok_udp_close(u);
    sok_udp_close(more);
    lab_run_to(&lab, lab.now + 10 * SOK_S);
    while (lab_out(&lab))
        ;
    u = open_udp(&lab, 5000);
    unsigned n = SOK_MEMBERSHIP_SOURCES_MAX;
    assert_int_equal(sok_udp_filter(u, 1, &group, false, list, n + 1, lab.now), SOK_ENOBUFS);
    assert_int_equal(sok_udp_filter(u, 1, &group, false, list, n, lab.now), 0);
    expect_record(&lab, SOK_GROUP_ALLOW, GROUP, n);
    struct sok_addr got[4];
    bool exclude = true;
    unsigned count = 4;
    assert_int_equal(sok_udp_filter_get(u, 1, &group, &exclude, got, &count), 0);
    assert_true(!exclude && count == n && sok_addr_eq(got[3], list[3]));
    assert_int_equal(sok_udp_filter(u, 1, &group, true, list, 2, lab.now), 0);
    expect_record(&lab, SOK_GROUP_TO_EXCLUDE, GROUP, 2);
    assert_int_equal(sok_udp_filter(u, 1, &group, false, NULL, 0, lab.now), 0);
    expect_record(&lab, SOK_GROUP_TO_INCLUDE, GROUP, 0);
    assert_int_equal(sok_udp_filter_get(u, 1, &group, &exclude, got, &count), SOK_EADDRNOTAVAIL);
    sok_udp_close(u);
    lab_close(&lab);
}

static void without_memory(void **state)
{
    (void)state;
    for (size_t after = 1; after < 30; after++) {
        struct lab lab;
        lab_open(&lab);
        struct sok_udp *u = open_udp(&lab, 5000);
        lab.memory.fail_after = after;
        for (unsigned i = 0; i < 4; i++) {
            change(&lab, u, SOK_GROUP_JOIN, GROUP + i, 0);
            change(&lab, u, SOK_GROUP_BLOCK_SOURCE, GROUP + i, SOURCE1);
            change(&lab, u, SOK_GROUP_JOIN_SOURCE, OTHER + 8 + i, SOURCE1);
        }
        lab_run_to(&lab, lab.now + 10 * SOK_S);
        while (lab_out(&lab))
            ;
        sok_udp_close(u);
        lab.memory.fail_after = 0;
        lab_close(&lab);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_joined),
        cmocka_unit_test(joins_and_leaves),
        cmocka_unit_test(sources),
        cmocka_unit_test(answers),
        cmocka_unit_test(version2),
        cmocka_unit_test(version1),
        cmocka_unit_test(bad_messages),
        cmocka_unit_test(delivery),
        cmocka_unit_test(sending),
        cmocka_unit_test(limits),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
