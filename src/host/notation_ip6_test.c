// IPv6 in the notation: what a drill says is built into a frame, read from its bytes again and printed as it was said;
// and drills over IPv4 as drills over IPv6.
#include "host/notation_icmp6.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "host/drill_internal.h"
#include "host/testing.h"

// The one line of a timeline that begins with "in", without its time and reason.
static void line_of(const char *drill, char *out, size_t cap)
{
    struct sok_drill_report report;
    struct sok_drill_options o = {.loose = true};
    assert_int_equal(sok_drill_play(drill, &o, &report), 0);
    if (report.message[0])
        fail_msg("%s: %s", drill, report.message);
    const char *p = strstr(report.timeline, "  in ");
    assert_non_null(p);
    p += strlen("  in ") + strspn(p + strlen("  in "), " x<-");
    size_t n = strcspn(p, "\n");
    const char *reason = strstr(p, "  dropped");
    if (reason && reason < p + n)
        n = (size_t)(reason - p);
    while (n && p[n - 1] == ' ')
        n--;
    snprintf(out, cap, "%.*s", (int)n, p);
    sok_drill_report_free(&report);
}

// Two spaces at most, as the printed head has more.
static void squeeze(char *s)
{
    char *to = s;
    for (; *s; s++) {
        if (*s != ' ' || to[-1] != ' ')
            *to++ = *s;
    }
    *to = 0;
}

#define ENDS "2001:db8::1 > 2001:db8::2 "

static void as_said(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "ICMP6 echo request " ENDS "id 7 seq 1 len 56",
        "ICMP6 packet too big " ENDS
        "mtu 1280 quoting TCP [2001:db8::2]:4000 > [2001:db8::9]:80 seq 7",
        "ICMP6 port unreachable " ENDS "quoting UDP [2001:db8::2]:53 > [2001:db8::9]:80",
        "ICMP6 unknown next header " ENDS "pointer 40 quoting ICMP6 2001:db8::2 > 2001:db8::9",
        "ICMP6 neighbour solicitation fe80::1 > ff02::1:ff00:2 target 2001:db8::2 with "
        "mac=02:00:00:00:00:01,nonce=010203040506",
        "ICMP6 neighbour solicitation :: > ff02::1:ff00:2 target fe80::2",
        "ICMP6 neighbour advertisement " ENDS
        "target 2001:db8::1 with flags=SO,mac=02:00:00:00:00:01",
        "ICMP6 router solicitation fe80::1 > ff02::2",
        "ICMP6 router advertisement fe80::1 > ff02::1 with life=1800,hops=64,flags=MO,pref=high,"
        "reachable=30000,retrans=1000,mac=02:00:00:00:00:01,prefix=2001:db8::/"
        "64+LA+86400+ever,mtu=1400",
        "ICMP6 router advertisement fe80::1 > ff02::1 with life=0,route=2001:db8:5::/48+low+600,"
        "rdnss=1200+2001:db8::53+2001:db8::54",
        "ICMP6 router advertisement fe80::1 > ff02::1 with "
        "life=0,dnssl=1200+example.org+a.example,77=000102030405",
        "ICMP6 redirect fe80::1 > 2001:db8::2 target fe80::9 with "
        "dst=2001:db8:7::1,mac=02:00:00:00:00:09",
        "ICMP6 listener query fe80::1 > ff02::1 target :: with delay=10000,robust=2,interval=125 "
        "headers "
        "hop=050200000001",
        "ICMP6 listener query fe80::1 > ff02::5 target ff02::5 with "
        "delay=1000,robust=2,interval=125,suppress=1,"
        "source=2001:db8::7 headers hop=050200000001",
        "ICMP6 listener report fe80::1 > ff02::5 target ff02::5 headers hop=050200000001",
        "ICMP6 listener report v2 fe80::1 > ff02::16 with "
        "to-ex=ff02::5,allow=ff05::7+2001:db8::7+2001:db8::8 "
        "headers hop=050200000001",
        "ICMP6 " ENDS "type 200 code 3 len 8",
        "IP " ENDS "proto 99 len 100",
        "IP " ENDS "proto 17 id 7 len 1232 off 1232 more",
        "UDP [2001:db8::1]:53 > [2001:db8::2]:5353 len 6 "
        "headers dest=010400000000,frag=000000000007 \"answer\"",
        "SYN [2001:db8::1]:4000 > [2001:db8::2]:80 seq 0 win 64240 mss 1440",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char drill[800], got[800], want[800];
        snprintf(drill, sizeof drill, "neighbour none\n0.0 in %s  dropped\n", lines[i]);
        line_of(drill, got, sizeof got);
        squeeze(got);
        snprintf(want, sizeof want, "%s", lines[i]);
        if (strcmp(got, want) != 0)
            fail_msg("%s\ncame back as\n%s", want, got);
    }
}

// Whatever bytes there are, they are read or refused, and what is read is written as it was.
static void any_bytes(void **state)
{
    (void)state;
    uint32_t seed = 1;
    static const uint8_t types[] = {130, 131, 132, 133, 134, 135, 136, 137, 143};
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t bytes[160];
        char text[SOK_ICMP6_WITH_MAX], again[SOK_ICMP6_WITH_MAX];
        static uint8_t message[SOK_ICMP6_ITEMS_ROOM];
        for (size_t k = 0; k < sizeof bytes; k++) {
            seed = seed * 1664525 + 1013904223;
            bytes[k] = (uint8_t)(seed >> 24);
            if (k % 8 == 1 && k > 8)
                bytes[k] &= 3; // lengths that often hold
        }
        bytes[0] = types[i % sizeof types];
        bytes[1] = 0;
        size_t have = 8 + seed % (sizeof bytes - 8);
        uint8_t *exact = malloc(have);
        memcpy(exact, bytes, have);
        bool ok = sok_icmp6_items(exact, have, text);
        free(exact);
        message[0] = bytes[0];
        size_t len = ok ? sok_icmp6_put_items(message, text) : 0;
        if (len && sok_icmp6_items(message, len, again))
            assert_string_equal(again, text);
    }
}

static void items_are_said(void **state)
{
    (void)state;
    assert_true(sok_icmp6_items_say("a=1,b=2,c=3", ""));
    assert_true(sok_icmp6_items_say("a=1,b=2,c=3", "b=2"));
    assert_true(sok_icmp6_items_say("a=1,b=2,c=3", "a=1,c=3"));
    assert_false(sok_icmp6_items_say("a=1,b=2,c=3", "c=3,a=1"));
    assert_false(sok_icmp6_items_say("a=1", "a=11"));
    assert_false(sok_icmp6_items_say("a=11", "a=1"));
}

static void to_v6(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
    } cases[] = {
        {"addr 198.51.100.5/24", "addr 2001:db8::c633:6405/120\n"},
        {"link mtu 9000 tso", "link mtu 9020 tso\n"},
        {"0.0 call connect 192.0.2.1:80 from 192.0.2.2:4000",
            "0.0 call connect [2001:db8::c000:201]:80 from [2001:db8::c000:202]:4000\n"},
        {"0.1 in SYN,ACK seq 0 ack 1", "0.1 in SYN,ACK mss 536 seq 0 ack 1\n"},
        {"0.1 in SYN,ACK seq 0 ack 1 mss 1000", "0.1 in SYN,ACK seq 0 ack 1 mss 1000\n"},
        {"0.1 out SYN seq 0", "0.1 out SYN seq 0\n"},
        {"in ICMP     fragmentation needed mtu 1400 quoting seq 1",
            "in ICMP6 packet too big mtu 1420 quoting seq 1\n"},
        {"in PSH,ACK seq 1 \"192.0.2.1 ICMP\"  # 192.0.2.1",
            "in PSH,ACK seq 1 \"192.0.2.1 ICMP\"  # 192.0.2.1\n"},
        {"call listen 0.0.0.0:80", "call listen [::]:80\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *got = sok_drill_to_v6(cases[i].from);
        assert_non_null(got);
        assert_string_equal(got, cases[i].to);
        free(got);
    }
    const char *why;
    assert_int_equal(sok_drill_family("# Rule.\n# family: 4 ARP\n0.0 x", &why), 4);
    assert_memory_equal(why, "ARP\n", 4);
    assert_int_equal(sok_drill_family("# Rule.\n0.0 x\n# family: 4 ARP\n", &why), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_said),
        cmocka_unit_test(any_bytes),
        cmocka_unit_test(items_are_said),
        cmocka_unit_test(to_v6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
