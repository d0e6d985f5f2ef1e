// The functions of networks as far as they need no privilege: hosts in virtual time, capture files, drills, complaints.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "lua/internal.h"
#include "lua/lua.h"

static char dir[] = "/tmp/sok-net-test-XXXXXX";

// Runs a script whose last statement returns text. `DIR` is the directory of this test.
static void gives(const char *script, const char *wanted)
{
    struct sok_lua_options o = {.colour = false};
    struct sok_lua *l = sok_lua_new(&o);
    assert_non_null(l);
    lua_State *L = sok_lua_lua(l);
    lua_pushstring(L, dir);
    lua_setglobal(L, "DIR");
    assert_int_equal(luaL_loadbuffer(L, script, strlen(script), "=test"), LUA_OK);
    lua_pcall(L, 0, 1, 0);
    const char *came = luaL_tolstring(L, -1, NULL);
    if (!strstr(came, wanted))
        fail_msg("%s\n  gave   %s\n  wanted %s", script, came, wanted);
    sok_lua_free(l);
}

#define PAIR                                                                                       \
    "local a, b = host{virtual=true, seed=1}, host{virtual=true, seed=2}\n"                        \
    "wire(a, {addr='192.0.2.1/24'}, b, {addr='192.0.2.2/24', impair='delay=100ms'})\n"

static void hosts_talk(void **state)
{
    (void)state;
    gives(PAIR "local l = b:listen(80)\n"
               "local s = a:connect('192.0.2.2', 80)\n"
               "local c = l:accept()\n"
               "s:send(('x'):rep(100000)) s:shutdown()\n"
               "local n = 0\n"
               "for data in function() return c:recv() end do n = n + #data end\n"
               "local addr, port = s:peer()\n"
               "s:close() c:close()\n"
               "return n .. ' ' .. addr .. ' ' .. port .. ' ' .. tostring(#a:events() > 10)",
        "100000 192.0.2.2 80 true");
    gives(PAIR "local u, v = a:udp{port=7}, b:udp{port=9}\n"
               "u:sendto('a datagram', '192.0.2.2', 9)\n"
               "local data, from, port = v:recvfrom()\n"
               "return data .. ' ' .. from .. ' ' .. port",
        "a datagram 192.0.2.1 7");
}

static void time_is_virtual(void **state)
{
    (void)state;
    gives(PAIR "local start = a:now() a:step(3600) return a:now() - start", "3600.0");
    gives(PAIR "a:step(1e300)", "seconds are more than 1e9");
    gives("sleep(0/0)", "seconds are more than 1e9");
    gives("sleep(-1) return 'awake'", "awake");
    gives(PAIR "local l = b:listen(80) return pcall(l.accept, l, {timeout=1000}) and 1 or "
               "select(2, pcall(l.accept, l, {timeout=1000}))",
        "accept: Connection timed out");
}

static void hosts_complain(void **state)
{
    (void)state;
    gives("host{link='nope:x'}", "test:1: host: no such kind of link: nope:x");
    gives("host{lnik='lan:a'}", "test:1: unknown option: lnik");
    gives("host{addr=5}", "test:1: addr: text or a list of texts wanted, not a number");
    gives("host{link='lan:a', addr='192.0.2.300/24'}", "192.0.2.300");
    gives(PAIR "a:connect('192.0.2.2', 81)", "connect: Connection refused");
    gives(PAIR "a:connect('example.test', 80)", "'example.test' is no address");
    gives(PAIR "a:connect('192.0.2.2', 70000)", "port 70000 is not from 0 to 65535");
    gives(PAIR "a:listen(80) a:listen(80)", "Address already in use");
    gives(PAIR "a:close() a:now()", "the host is closed");
    gives(PAIR "local l = a:listen(80) l:close() l:accept()", "the socket is closed");
    gives(PAIR "local l = a:listen(80) a:close() l:accept()", "the host is closed");
    gives("local h = host{virtual=true, events=false} h:events()", "keeps no events");
    gives("wire(1, {}, 2, {})", "a host wanted (host{...}), not a number");
}

static void sockets_outlive_nothing(void **state)
{
    (void)state;
    gives(PAIR "local l = b:listen(80)\n"
               "for i = 1, 50 do a:connect('192.0.2.2', 80) l:accept() end\n"
               "collectgarbage() collectgarbage()\n"
               "return 'fine'",
        "fine");
}

static void lists_are_read_as_files_are(void **state)
{
    (void)state;
    gives("local a, b = DIR .. '/a.pcap', DIR .. '/b.pcapng'\n"
          "local pkts = (IP{dst='192.0.2.1'}/UDP{dport={{1, 5}}}):list()\n"
          "wrpcap(a, pkts) wrpcap(b, {pkts[1], pkts[2]})\n"
          "assert(#sniff{offline={a, b}} == 7)\n"
          "assert(#sniff{offline={a, b}, count=6, filter='udp'} == 6)\n"
          "assert(#sniff{offline=pkts, lfilter=function(p) return p.dport > 2 end} == 3)\n"
          "assert(#sniff{offline={pkts[1], pkts[2]}} == 2 and #sniff{offline=pkts[1]} == 1)\n"
          "assert(#sniff{offline=IP{dst='192.0.2.0/30'}, stop_filter=function(p) return p.dst == "
          "'192.0.2.2' end} == 3)\n"
          "os.remove(a) os.remove(b)\n"
          "return 'fine'",
        "fine");
    gives("sniff{offline=IP{}, filter='udp'}", "filter: of files and interfaces; packets are");
    gives("sniff{offline=7}", "a packet is wanted here, not a number");
    gives("sniff{offline={'none.pcap', 7}}", "none.pcap: No such file");
}

static void files_go_round(void **state)
{
    (void)state;
    gives("local out = {Ether{}/IP{dst='192.0.2.1'}/TCP{dport={{1, 10}}}, Ether{}/IP{}/UDP{}/'x'}\n"
          "for _, name in ipairs{'a.pcap', 'a.pcapng', 'a.cap', 'a.pcap.gz', 'a.pcapng.gz'} do\n"
          "    wrpcap(DIR .. '/' .. name, out)\n"
          "    local back = rdpcap(DIR .. '/' .. name)\n"
          "    assert(#back == 11 and back[11][Raw].load == 'x' and back[5].dport == 5)\n"
          "    assert(#rdpcap(DIR .. '/' .. name, {filter='tcp', count=3}) == 3)\n"
          "    assert(#sniff{offline=DIR .. '/' .. name, lfilter=function(p) return "
          "p:haslayer(UDP) end} == 1)\n"
          "    wrpcap(DIR .. '/' .. name, Ether{}/IP{}/UDP{}/'more', {append=true})\n"
          "    back = rdpcap(DIR .. '/' .. name)\n"
          "    assert(#back == 12 and back[12].load == 'more')\n"
          "    local seen = 0\n"
          "    sniff{offline=DIR .. '/' .. name, store=false, prn=function() seen = seen + 1 end,\n"
          "        stop_filter=function(p) return p:haslayer(TCP) and p.dport == 4 end}\n"
          "    assert(seen == 4, seen)\n"
          "    os.remove(DIR .. '/' .. name)\n"
          "end\n"
          "return 'fine'",
        "fine");
}

// What a capture of all interfaces begins with, and of other links.
static void files_of_other_links(void **state)
{
    (void)state;
    gives(
        "local ip = IP{src='192.0.2.1', dst='192.0.2.2'}/UDP{sport=9, dport=9}/'x'\n"
        "local mac = {src='02:00:00:00:00:01', dst='02:00:00:00:00:02'}\n"
        "local out = {CookedLinux{}/ip, CookedLinuxV2{ifindex=3}/ip, Loopback{}/ip, PPP{}/ip, "
        "HDLC{}/PPP{}/ip,\n"
        "    PPPoE{}/PPP{}/ip, Dot3(mac)/LLC{}/STP{age=1.5}}\n"
        "wrpcap(DIR .. '/links.pcapng', out)\n"
        "local back = rdpcap(DIR .. '/links.pcapng')\n"
        "for i, p in ipairs(out) do\n"
        "    assert(back[i]:summary() == p:summary() and bytes(back[i]) == bytes(p), p:summary())\n"
        "end\n"
        "assert(back[7][STP].age == 1.5)\n"
        "os.remove(DIR .. '/links.pcapng')\n"
        "return 'fine'",
        "fine");
}

static void files_complain(void **state)
{
    (void)state;
    gives("rdpcap(DIR .. '/none')", "none: No such file or directory");
    gives("local f = io.open(DIR .. '/text', 'w') f:write(('text'):rep(20)) f:close()\n"
          "local ok, why = pcall(rdpcap, DIR .. '/text') os.remove(DIR .. '/text') return why",
        "text: not a capture file");
    gives("wrpcap(DIR .. '/x', TCP{})", "a packet that begins with TCP has no place in a file");
    gives("os.remove(DIR .. '/x') return rdpcap(5, 6)", "options are a table");
    gives("wrpcap('/nowhere/x.pcap', IP{})", "/nowhere/x.pcap: No such file or directory");
    gives("rdpcap('x', {filtre='tcp'})", "unknown option: filtre");
}

static void options_are_checked(void **state)
{
    (void)state;
    gives("sr(IP{}, {timeout='x'})", "timeout: a number wanted, not a string");
    gives("sr(IP{}, {retry=2})", "retry: after how long? (timeout=2)");
    gives("sr(IP{}, {tiemout=2})", "unknown option: tiemout");
    gives("send(IP{}, {count=0})", "count: 0 is not from 1");
    gives("sr(5)", "a packet");
    gives("sniff{prn=5}", "prn: a function wanted, not a number");
    gives("sniff{iface='nope0'}", "no such interface: nope0");
    gives("conf.iface = 'nope0' sendp(Ether{})", "no such interface: nope0");
    gives("traceroute(5)", "traceroute wants an address or a list of them, not a number");
    gives("arping()", "arping wants an address or a list of them, not a nil");
}

static void no_round_is_none(void **state)
{
    (void)state;
    gives("local ans, unans = srloop(IP{dst='192.0.2.1'}/ICMP{}, {count=0}) return #ans + #unans",
        "0");
    gives("local ans, unans = sr({}, {timeout=1, verbose=false}) return #ans + #unans", "0");
}

// Interfaces of a pcapng file are numbered anew in each of its sections.
static void sections_have_their_interfaces(void **state)
{
    (void)state;
    gives("local function block(kind, body)\n"
          "  return ('<I4I4'):pack(kind, #body + 12) .. body .. ('<I4'):pack(#body + 12)\n"
          "end\n"
          "local function section(name)\n"
          "  return block(0x0a0d0d0a, ('<I4I2I2i8'):pack(0x1a2b3c4d, 1, 0, -1))\n"
          "    .. block(1, ('<I2I2I4I2I2'):pack(1, 0, 0, 2, #name) .. name .. ('<I4'):pack(0))\n"
          "    .. block(6, ('<I4I4I4I4I4'):pack(0, 0, 0, 16, 16) .. ('x'):rep(16))\n"
          "end\n"
          "local path = DIR .. '/two.pcapng'\n"
          "local f = io.open(path, 'wb')\n"
          "f:write(section('eth0'), section('eth1'), section('eth0'))\n"
          "f:close()\n"
          "local pkts = rdpcap(path)\n"
          "os.remove(path)\n"
          "return pkts[1].sniffed_on .. ' ' .. pkts[2].sniffed_on .. ' ' .. pkts[3].sniffed_on",
        "eth0 eth1 eth0");
}

static void drills_are_played(void **state)
{
    (void)state;
    gives("local r = drill('quiet for 100\\n') return tostring(r.passed) .. type(r.timeline)",
        "truestring");
    gives("local r = drill('0.0 call lisen 80\\n') return tostring(r.passed) .. r.line .. "
          "type(r.message)",
        "false1string");
    gives("drill('/nowhere/x.drill')", "/nowhere/x.drill: No such file or directory");
}

static int start(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_talk),
        cmocka_unit_test(time_is_virtual),
        cmocka_unit_test(hosts_complain),
        cmocka_unit_test(sockets_outlive_nothing),
        cmocka_unit_test(lists_are_read_as_files_are),
        cmocka_unit_test(files_go_round),
        cmocka_unit_test(files_of_other_links),
        cmocka_unit_test(files_complain),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(no_round_is_none),
        cmocka_unit_test(sections_have_their_interfaces),
        cmocka_unit_test(drills_are_played),
    };
    return cmocka_run_group_tests(tests, start, end);
}
