// The language from the inside: values, errors with the script's line, completion, garbage.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "lua/internal.h"
#include "lua/lua.h"

struct pair {
    const char *text, *wanted;
};

static struct sok_lua *make(void)
{
    struct sok_lua_options o = {.colour = false};
    struct sok_lua *l = sok_lua_new(&o);
    assert_non_null(l);
    return l;
}

// What an expression gives, or the error it raises.
static void check_all(const struct pair *rows)
{
    struct sok_lua *l = make();
    lua_State *L = sok_lua_lua(l);
    for (; rows->text; rows++) {
        assert_int_equal(sok_lua_load(L, rows->text, "test"), LUA_OK);
        lua_pcall(L, 0, 1, 0);
        const char *came = luaL_tolstring(L, -1, NULL);
        if (strcmp(came, rows->wanted) != 0)
            fail_msg("%s\n  gave   %s\n  wanted %s", rows->text, came, rows->wanted);
        lua_settop(L, 0);
    }
    sok_lua_free(l);
}

static void values(void **state)
{
    static const struct pair rows[] = {
        {"IP{dst=\"192.0.2.1\"}/TCP{dport=80, flags=\"S\"}/\"hello\"",
            "IP{dst=\"192.0.2.1\"}/TCP{dport=80, flags=\"S\"}/Raw{load=\"hello\"}"},
        {"#(IP{}/TCP{}/\"hello\")", "45"}, {"IP()/UDP()", "IP{}/UDP{}"}, {"IP/TCP", "IP{}/TCP{}"},
        {"(IP{}/TCP{})[TCP].dport", "80"}, {"(IP{}/TCP{}).TCP.flags", "S"},
        {"(IP{}/TCP{flags=\"SA\"})[TCP]:number(\"flags\")", "18"},
        {"(IP{}/TCP{dport=80}):text(\"dport\")", "http"},
        {"(IP{}/TCP{dport=\"https\"}).dport", "443"}, {"(IP{}/TCP{}).dport", "80"},
        {"(IP{}/TCP{}).proto", "6"}, {"(IP{}/TCP{}).chksum", "nil"},
        {"(IP{}/UDP{}):haslayer(TCP)", "false"}, {"(IP{}/UDP{}):getlayer(TCP)", "nil"},
        {"(IP{ttl=7}/IP{ttl=8}/UDP{}):getlayer(IP, 2).ttl", "8"},
        {"#(IP{}/IP{}/UDP{}):layers()", "3"}, {"(IP{}/TCP{}).payload", "TCP{}"},
        {"(IP{}/TCP{}).payload.payload", "nil"}, {"(IP{}/TCP{})[TCP].underlayer.name", "IP"},
        {"(IP{}/TCP{})[2]", "TCP{}"}, {"IP{ttl=3} == IP{ttl=3}", "true"},
        {"(IP{}/ICMP{}/\"x\")[ICMP][Raw].load", "x"}, {"(IP{}/ICMP{})[ICMP][1].name", "ICMP"},
        {"(function() local qd = {} for i = 1, 300 do qd[i] = DNSQR{qname=\"example.test\"} end "
         "return #DNS(bytes(DNS{qd=qd})):fields().qd end)()",
            "300"},
        {"(function() local big = {{}} for i = 1, 2000 do big[1][i], big[i + 1] = 2, {1, 9} end "
         "return #TCP{dport=big} end)()",
            "test:1: TCP.dport: a list in a set is a range of two values, {first, last}"},
        {"IP{ttl=3} == IP{ttl=4}", "false"}, {"IP{ttl=3} == 3", "false"},
        {"(function() local p = IP{}/TCP{} p[TCP].dport = 443 p.sport = 7 return p end)()",
            "IP{}/TCP{sport=7, dport=443}"},
        {"(function() local p = IP{ttl=3} p.ttl = nil return p end)()", "IP{}"},
        {"(function() local p = IP{}/TCP{} p.payload = UDP{} return p end)()", "IP{}/UDP{}"},
        {"(function() local p = IP{}/TCP{} p.payload = nil return p end)()", "IP{}"},
        {"(function() local p = IP{}/TCP{}/\"x\" p.payload = p.payload.payload return p end)()",
            "IP{}/Raw{load=\"x\"}"},
        {"(function() local p = IP{} local q = p:copy() q.ttl = 1 return p end)()", "IP{}"},
        {"(function() local a = TCP{} local p = IP{}/a a.dport = 1 return p end)()", "IP{}/TCP{}"},
        {"hex(IP{dst=\"192.0.2.1\", src=\"192.0.2.2\"})", "450000140001000040"
                                                          "00f6e5c0000202c0000201"},
        {"bytes(IP(bytes(IP{}/TCP{}/\"x\"))) == bytes(IP{}/TCP{}/\"x\")", "true"},
        {"unhex(\"4a 4B\")", "JK"},
        {"#(IP{dst={\"192.0.2.1\",\"198.51.100.0/30\"}}/TCP{dport={80,443,{1,10}}}):list()", "60"},
        {"(IP{ttl={1,2}}/TCP{dport={80,443}}):list()[2].dport", "443"},
        {"(IP{ttl={1,2}}/TCP{dport={80,443}}):list()[3].ttl", "2"},
        {"#(IP{ttl={{1,9}}}):list():filter(function(p) return p.ttl > 3 end)", "6"},
        {"(IP{ttl={1,2}}/TCP{}):list()", "<PacketList: TCP:2 UDP:0 ICMP:0 Other:0>"},
        {"#((IP{}/TCP{}):list() + (IP{}/UDP{}):list())[UDP]", "1"},
        {"next((IP{src=\"192.0.2.2\", dst=\"192.0.2.1\"}/TCP{}):list():sessions())",
            "TCP 192.0.2.2:20 > 192.0.2.1:80"},
        {"TCP{options={{\"MSS\",1460},{\"NOP\"},{\"Timestamp\",{1,0}}}}.options[3][2][1]", "1"},
        {"BOOTP{flags=0x8000}.flags", "B"}, {"BOOTP{flags=0x4001}.flags", "16385"},
        {"BOOTP{}.flags == \"\"", "true"}, {"#BOOTP{chaddr=\"02:00:00:00:00:01\"}.chaddr", "16"},
        {"fuzz(IP{}, 7) == fuzz(IP{}, 7)", "true"}, {"fuzz(IP{}, 7) == fuzz(IP{}, 8)", "false"},
        {"fuzz(IP{ttl=9}, 7).ttl", "9"}, {"tostring(TCP)", "TCP"},
        {"TCP.title", "Transmission Control Protocol"},
        {"IP{dst=\"192.0.2.1\"}:fields().dst", "192.0.2.1"},
        {"IP{dst=\"192.0.2.1\"}:given().ttl", "nil"},
        {"STP{age=1.5, maxage=\"2.25\"}", "STP{age=1.5, maxage=2.25}"},
        {"NTP{sent=3900000000.5}", "NTP{sent=\"3900000000.5\"}"},
        {"NTP{sent=\"3900000000.1234567889\"}", "NTP{sent=\"3900000000.1234567889\"}"},
        {NULL, NULL}};
    (void)state;
    check_all(rows);
}

// A field whose value is drawn for each packet that is gone through.
static void random_values(void **state)
{
    static const struct pair rows[] = {{"TCP{sport=RandShort()}", "TCP{sport=Rand{{0, 65535}}}"},
        {"TCP{dport=Rand{80, {8000, 8099}}}", "TCP{dport=Rand{80, {8000, 8099}}}"},
        {"TCP{sport=RandNum(7, 7)}.sport", "7"}, {"IP{ttl=RandChoice(9, 9)}.ttl", "9"},
        {"#(IP{src=RandIP()}/TCP{sport=RandShort(), dport={80, 443}}):list()", "2"},
        {"IP{src=RandIP(\"192.0.2.7/32\")}.src", "192.0.2.7"},
        {"IPv6{src=RandIP6(\"2001:db8::7/128\")}.src", "2001:db8::7"},
        {"IPv6{src=RandIP6(\"2001:db8::/32\")}.src:sub(1, 9)", "2001:db8:"},
        {"IPv6{src=RandIP6()}.src:sub(1, 2) == \"::\"", "false"},
        {"Ether{src=RandMAC(\"02:00:00:00:00:*\")}.src:sub(1, 15)", "02:00:00:00:00:"},
        {"TCP{options={{\"MSS\", RandNum(9, 9)}}}.options[1][2]", "9"},
        {"(function() local p, seen, n = TCP{seq=RandInt()}, {}, 0 for i = 1, 9 do for q in "
         "p:each() "
         "do seen[q.seq] = true end end for _ in pairs(seen) do n = n + 1 end return n > 1 end)()",
            "true"},
        {"#RandBin(5)", "5"}, {"RandString(40):match(\"^%w+$\") ~= nil", "true"},
        {"RandNum(5, 3)", "test:1: RandNum(FIRST, LAST): a number from 5 on is wanted"},
        {"RandBin(math.maxinteger)", "test:1: RandBin(COUNT): more than a packet has: 65535"},
        {"Rand{}", "test:1: Rand{...}: values are wanted, and ranges {FIRST, LAST}"},
        {"TCP{sport=RandInt()}", "test:1: TCP.sport: 4294967295 is too large (0 to 65535)"},
        {NULL, NULL}};
    (void)state;
    check_all(rows);
}

// Scapy's lines: the last layer that has a text of its own says it.
static void summaries(void **state)
{
    static const struct pair rows[] = {{"TCP{flags=\"SA\"}:summary()", "TCP ftp_data > http SA"},
        {"(IP{src=\"192.0.2.2\", dst=\"192.0.2.1\"}/UDP{dport=4000}/\"x\"):summary()",
            "IP / UDP 192.0.2.2:domain > 192.0.2.1:4000 / Raw"},
        {"(IP{src=\"192.0.2.2\", dst=\"192.0.2.1\"}/UDP{dport=4000})[UDP]:summary()",
            "UDP domain > 4000"},
        {"(IP{src=\"192.0.2.2\", dst=\"192.0.2.1\", proto=17, frag=5}/\"x\"):summary()",
            "192.0.2.2 > 192.0.2.1 UDP frag:5 / Raw"},
        {"(IP{src=\"192.0.2.2\", dst=\"192.0.2.1\"}/ICMP{type=3, code=3}/IP{}/UDP{}):summary()",
            "IP / ICMP 192.0.2.2 > 192.0.2.1 dest-unreach port-unreachable / IPerror / UDPerror"},
        {"(IPv6{src=\"::1\", dst=\"::2\"}/IPv6ExtHdrHopByHop{}/UDP{}):summary()",
            "IPv6 / IPv6ExtHdrHopByHop / UDP domain > domain"},
        {"(IPv6{src=\"::1\", dst=\"::2\", nh=59}):summary()", "::1 > ::2 (59)"},
        {"(IPv6{}/ICMPv6ND_RA{}/ICMPv6NDOptRDNSS{dns={\"::4\", \"::5\"}}):summary()",
            "IPv6 / ICMPv6ND_RA / ICMPv6 Neighbor Discovery Option - Recursive DNS Server Option "
            "::4, ::5"},
        {"ARP{op=1, psrc=\"192.0.2.2\", pdst=\"192.0.2.1\"}:summary()",
            "ARP who has 192.0.2.1 says 192.0.2.2"},
        {"ARP{op=2, psrc=\"192.0.2.2\", hwsrc=\"02:00:00:00:00:01\"}:summary()",
            "ARP is at 02:00:00:00:00:01 says 192.0.2.2"},
        {"(IP{}/UDP{}/DNS{qd=DNSQR{qname=\"a\\n\"}}):summary()", "IP / UDP / DNS Qry \"a\\010.\""},
        {"(IP{}/UDP{}/DNS{qr=1, qd={}}):summary()", "IP / UDP / DNS Ans"},
        {"(BOOTP{}/DHCP{options={{\"message-type\", \"ack\"}, \"end\"}}):summary()",
            "BOOTP / DHCP Ack"},
        {"(BOOTP{}/DHCP{options={\"end\"}}):summary()", "BOOTP / DHCP"}, {NULL, NULL}};
    (void)state;
    check_all(rows);
}

static void errors(void **state)
{
    static const struct pair rows[] = {
        {"IP{ttl=256}", "test:1: IP.ttl: 256 is too large (0 to 255)"},
        {"\n\nIP{ttl=256}", "test:3: IP.ttl: 256 is too large (0 to 255)"},
        {"IP{ttl=-1}", "test:1: IP.ttl: -1 is negative"},
        {"IP{ttl=1.5}", "test:1: IP.ttl: 1.5 is no whole number"},
        {"IP{ttl=print}", "test:1: IP.ttl: a function is no value"},
        {"IP{5}", "test:1: IP{...} has fields by name: IP{NAME=VALUE}, not by place"},
        {"IP(5)", "test:1: IP wants its fields, IP{NAME=VALUE}, or bytes, not a number"},
        {"IP.ttl", "test:1: IP.ttl: a protocol alone has no values; IP{} is a header with "
                   "defaults, ls(IP) its fields"},
        {"IP{}/5", "test:1: a packet is wanted here, not a number"},
        {"IP{}[TCP]", "test:1: this packet has no layer TCP (haslayer(TCP) asks)"},
        {"IP{}.TCP", "test:1: this packet has no layer TCP (haslayer(TCP) asks)"},
        {"IP{}[5]", "test:1: layer 5 of 1"}, {"ICMP{}[5]", "test:1: layer 5 of 1"},
        {"ICMP{}[TCP]", "test:1: this packet has no layer TCP (haslayer(TCP) asks)"},
        {"IP{}[{}]", "test:1: a packet is indexed by a protocol or a name, not by a table"},
        {"TCP{flags=\"X\"}", "test:1: TCP.flags: 'X' is no flag; known: FSRPAUECN"},
        {"IP{}:haslayer(\"Tcp9\")", "test:1: unknown protocol: Tcp9 (ls() tells which there are)"},
        {"RandMAC(\"02:*:03\")",
            "test:1: RandMAC: \"02:*:03\": pairs of digits are wanted, then what may be "
            "anything: 02:00:00:*"},
        {"unhex(\"4x\")", "test:1: unhex: 'x' is no hexadecimal digit"},
        {"unhex(\"4\")", "test:1: unhex: an odd number of digits"},
        {"TCP{options={x=1}}", "test:1: TCP.options: a list has no names, but 'x'"},
        {"(function() local p = IP{}/TCP{} local t = p[TCP] p.payload = UDP{} return t.dport "
         "end)()",
            "test:1: this TCP is no longer a layer of its packet"},
        {"protocol{name=\"IP\", fields={{\"a\", 8}}}", "test:1: protocol: there is a IP already"},
        {"protocol{nam=\"IP\"}", "test:1: unknown option: nam (known: name title fields bind)"},
        {NULL, NULL}};
    (void)state;
    check_all(rows);
}

static void declared(void **state)
{
    static const struct pair rows[] = {{"(function() protocol{name=\"Beep\", fields={{\"version\", "
                                        "4, 1}, {\"kind\", 4, \"tell\", names={ask=0, "
                                        "tell=1}}, {\"len\", 16, computed=\"length\"}, {\"who\", "
                                        "\"ip4\", \"192.0.2.1\"}, {\"flags\", 8, "
                                        "flags={\"A\", \"B\"}}, {\"rest\", bytes=3}}, bind={{UDP, "
                                        "dport=4242}, {UDP, sport=4242}}} return 1 end)()",
                                           "1"},
        {"hex(Beep{flags=\"AB\", rest=\"xyz\"}/\"!\")", "11000cc00002010378797a21"},
        {"IP(bytes(IP{}/UDP{}/Beep{kind=\"ask\"}/\"!\")).Beep:text(\"kind\")", "ask"},
        {"(UDP{}/Beep{}).dport", "4242"},
        {"IP(bytes(IP{}/UDP{sport=4242, dport=5}/Beep{})):haslayer(Beep)", "true"},
        {"(function() bind_layers(TCP, HTTP, {dport=8080}) return (TCP{}/HTTPRequest{}).dport "
         "end)()",
            "8080"},
        {"IP(bytes(IP{}/TCP{dport=8080}/\"GET / HTTP/1.1\\r\\n\\r\\n\")):haslayer(HTTPRequest)",
            "true"},
        {"(function() bind_layers(\"TCP\", \"DNS\", {dport=\"http\"}) return "
         "IP(bytes(IP{}/TCP{}/DNS{})):haslayer(DNSTCP) end)()",
            "true"},
        {"(function() bind_layers(UDP, Beep, {dport=53}) return "
         "IP(bytes(IP{}/UDP{}/Beep{})):haslayer(Beep) end)()",
            "true"},
        {"bind_layers(TCP, HTTP, {dprot=1})", "test:1: bind_layers: TCP has no number 'dprot'"},
        {"bind_layers(TCP, HTTP, {dport=70000})",
            "test:1: bind_layers: TCP.dport: 70000 is too large (0 to 65535)"},
        {"bind_layers(TCP, HTTP, {dport=1, sport=1})",
            "test:1: bind_layers: one field at a time (call it for each)"},
        {"bind_layers(TCP, HTTP)", "test:1: bind_layers(PROTOCOL, PROTOCOL, {FIELD=NUMBER})"},
        {"Beep{kind=\"shout\"}", "test:1: Beep.kind: 'shout' is no value of it; known: ask, tell"},
        {NULL, NULL}};
    struct sok_lua *l = make();
    (void)state;
    sok_lua_free(l);
    check_all(rows);
}

// ---- completion ----

static const struct pair completions[] = {
    {"TC", "TCP"},
    {"x = hexd", "hexdump("},
    {"IP{ds", "dst="},
    {"IP{dst=\"192.0.2.1\", tt", "ttl="},
    {"IP{}/TCP{dpo", "dport="},
    {"sniff{if", "iface="},
    {"ans = sr(p, {timeo", "timeout="},
    {"sr(IP{}/TCP{}, {retr", "retry="},
    {"sr(p, {timeout=2, retr", "retry="},
    {"sr(IP{tt", "ttl="},
    {"foo({retr", NULL},
    {"p.TC", "TCP"},
    {"p[TCP].dpo", "dport"},
    {"p.TCP.dpo", "dport"},
    {"p.payload.dpo", "dport"},
    {"p:summ", "summary("},
    {"print(p[TCP]:hexd", "hexdump("},
    {"l:nsum", "nsummary("},
    {"l[1].TC", "TCP"},
    {"string.for", "format("},
    {"t.inner.wo", "word"},
    {"ret", "return"},
    {"m:wo", "words("},
    {"nothing.x", NULL},
    {"p.TCP.UDP.x", NULL},
};

static void completion(void **state)
{
    static struct sok_lua_words words;
    struct sok_lua *l = make();
    lua_State *L = sok_lua_lua(l);
    (void)state;
    assert_int_equal(sok_lua_text(l,
                         "p = IP{}/TCP{} l = p:list() t = {inner={word=1}} "
                         "m = setmetatable({}, {methods={words=print, [true]=print, 7, 8}})",
                         "test", false),
        0);
    for (size_t i = 0; i < sizeof(completions) / sizeof(completions[0]); i++) {
        const struct pair *c = &completions[i];
        sok_lua_complete(L, c->text, strlen(c->text), &words);
        assert_int_equal(lua_gettop(L), 0);
        const char *first = words.count == 1 ? words.words[0].text : NULL;
        if ((first == NULL) != (c->wanted == NULL) || (first && strcmp(first, c->wanted) != 0))
            fail_msg("%s: %u words, first %s, wanted %s", c->text, words.count,
                words.count ? words.words[0].text : "none", c->wanted ? c->wanted : "none");
    }
    // Every line that can be cut from one.
    static const char line[] = "x = IP{dst={\"a\"}, [p[TCP]]=l[1].TCP:x.y}}}]]..{{p.";
    for (size_t n = 0; n < sizeof(line); n++)
        sok_lua_complete(L, line, n, &words);
    sok_lua_free(l);
}

// ---- memory ----

static void garbage(void **state)
{
    static const char chunk[] =
        "local kept = {}\n"
        "for i = 1, 3000 do\n"
        "  local p = IP{}/UDP{dport=i}/('x'):rep(i % 50)\n"
        "  kept[i % 10] = p[UDP]\n" // the whole is gone, its layer is not
        "  if i % 500 == 0 then collectgarbage() end\n"
        "  for _, u in pairs(kept) do assert(u.dport and u.underlayer.name == 'IP') end\n"
        "end\n";
    struct sok_lua *l = make();
    (void)state;
    assert_int_equal(sok_lua_text(l, chunk, "test", false), 0);
    sok_lua_free(l);
}

static char noted[200];

static int note(lua_State *L)
{
    snprintf(noted, sizeof(noted), "%s", luaL_checkstring(L, 1));
    return 0;
}

// At the end what is younger goes first: here the packet, before who still has a layer of it.
static void the_end(void **state)
{
    static const char chunk[] = "kept = setmetatable({}, {__gc=function(t)\n"
                                "  note(select(2, pcall(function() return t.layer.dport end)))\n"
                                "end})\n"
                                "kept.layer = (IP{}/UDP{dport=9})[UDP]\n";
    struct sok_lua *l = make();
    (void)state;
    lua_register(sok_lua_lua(l), "note", note);
    assert_int_equal(sok_lua_text(l, chunk, "test", false), 0);
    sok_lua_free(l);
    assert_string_equal(noted, "test:2: the packet of this UDP is gone: the program ends");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(random_values),
        cmocka_unit_test(summaries),
        cmocka_unit_test(errors),
        cmocka_unit_test(declared),
        cmocka_unit_test(completion),
        cmocka_unit_test(garbage),
        cmocka_unit_test(the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
