// reader(): what it gives is what the fields give one at a time, of bytes and of packets.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "lua/internal.h"
#include "lua/lua.h"

// Runs the chunk, which says itself what is wrong.
static void run(const char *chunk)
{
    struct sok_lua_options o = {.colour = false};
    struct sok_lua *l = sok_lua_new(&o);
    assert_non_null(l);
    lua_State *L = sok_lua_lua(l);
    if (sok_lua_load(L, chunk, "test") != LUA_OK || lua_pcall(L, 0, 0, 0) != LUA_OK)
        fail_msg("%s", lua_tostring(L, -1));
    sok_lua_free(l);
}

// Every protocol that can be read whole, filled from seeds: as bytes, as a packet, dissected or made.
static void as_one_by_one(void **state)
{
    (void)state;
    run("local function text(v)\n"
        "  if type(v) ~= 'table' then return type(v) .. ':' .. tostring(v) end\n"
        "  local t = {}\n"
        "  for i, x in ipairs(v) do t[i] = text(x) end\n"
        "  return '{' .. table.concat(t, ',') .. '}'\n"
        "end\n"
        "local function names(proto)\n"
        "  local p, t = fuzz(proto{}, 1), {}\n"
        "  for name in pairs(p:fields()) do t[#t + 1] = name end\n"
        "  return t\n"
        "end\n"
        "local wanted = {[IP]={'version', 'ihl', 'tos', 'len', 'id', 'flags', 'frag', 'ttl', "
        "'proto', 'chksum', 'src',\n"
        "    'dst', 'options'}, [UDP]={'sport', 'dport', 'len', 'chksum'}, [Raw]={'load'}, "
        "[BOOTP]=names(BOOTP),\n"
        "    [Ether]={'dst', 'src', 'type'}, [IPv6]=names(IPv6), [TCP]=names(TCP), "
        "[ARP]=names(ARP)}\n"
        "local count = 0\n"
        "for _, below in ipairs{IP, IPv6} do\n"
        "  for _, proto in ipairs{UDP, TCP, Ether, IP, IPv6, ARP, BOOTP} do\n"
        "    for seed = 1, 20 do\n"
        "      local made = below{}/fuzz(proto{}, seed)/'some bytes'\n"
        "      local raw = bytes(made)\n"
        "      for _, name in ipairs(wanted[proto]) do\n"
        "        local read = reader(below, proto.name .. '.' .. name)\n"
        "        local packet = below(raw)\n"
        "        local there = packet:getlayer(proto, below == proto and 2 or 1)\n"
        "        if below ~= proto then\n"
        "          local one = there and there[name]\n"
        "          assert(text(read(raw)) == text(one), proto.name .. '.' .. name)\n"
        "          assert(text(read(packet)) == text(one), proto.name .. '.' .. name)\n"
        "          assert(text(read(made)) == text(made[proto][name]), proto.name .. '.' .. name)\n"
        "          count = count + 1\n"
        "        end\n"
        "      end\n"
        "    end\n"
        "  end\n"
        "end\n"
        "assert(count > 1000, count)\n");
}

static void whole_layers(void **state)
{
    (void)state;
    run("local p = Ether{}/IP{src='192.0.2.2', dst='192.0.2.1', ttl=9}/UDP{sport=7, "
        "dport=53}/'xyz'\n"
        "local read = reader(Ether, Ether, IP, UDP, Raw)\n"
        "local t = table.pack(read(bytes(p)))\n"
        "assert(t.n == 3 + 13 + 4 + 1, t.n)\n"
        "assert(t[3] == 0x800 and t[11] == 9 and t[14] == '192.0.2.2' and t[15] == '192.0.2.1')\n"
        "assert(t[17] == 7 and t[18] == 53 and t[21] == 'xyz')\n"
        // In any order, a layer twice, the inner one where a view begins there.
        "local a, b, c = reader(IP, 'UDP.dport', 'IP.ttl', 'UDP.sport')(bytes(p[IP]))\n"
        "assert(a == 53 and b == 9 and c == 7)\n"
        "local q = IP{ttl=1}/IP{ttl=2}/UDP{}\n"
        "assert(reader(IP, 'IP.ttl')(q) == 1 and reader(IP, 'IP.ttl')(q[2]) == 2)\n");
}

static void what_is_not_there(void **state)
{
    (void)state;
    run("local read = reader(IP, 'TCP.sport', 'IP.ttl', 'TCP.options', 'Raw.load')\n"
        "local t = table.pack(read(bytes(IP{ttl=3}/UDP{}/'x')))\n"
        "assert(t.n == 4 and t[1] == nil and t[2] == 3 and t[3] == nil and t[4] == 'x')\n"
        "for cut = 0, 40 do\n"
        "  t = table.pack(read(bytes(IP{}/TCP{sport=77}/'x'):sub(1, cut)))\n"
        "  assert(t.n == 4 and (t[1] == 77) == (cut >= 40) and (t[2] ~= nil) == (cut >= 20), cut)\n"
        "end\n"
        "assert(read('') == nil)\n"
        // Known at build only; and of a layout that depends on what is in it.
        "assert(reader(IP, 'IP.chksum')(IP{}) == nil)\n"
        "local id, mtu = reader(IP, 'ICMP.id', 'ICMP.nexthopmtu')(bytes(IP{}/ICMP{id=5}))\n"
        "assert(id == 5 and mtu == nil)\n"
        "id, mtu = reader(IP, 'ICMP.id', 'ICMP.nexthopmtu')(bytes(IP{}/ICMP{type=3, code=4, "
        "nexthopmtu=1300}))\n"
        "assert(id == nil and mtu == 1300)\n");
}

// A finalizer that runs while values are pushed uses the same reader.
static void within_itself(void **state)
{
    (void)state;
    run("local read = reader(IP, 'TCP.options', 'IP.src', 'Raw.load')\n"
        "local long, short = bytes(IP{}/TCP{options={{'MSS', 1}, {'NOP'}, {'Timestamp', {1, "
        "2}}}}/('y'):rep(9000)), bytes(IP{src='192.0.2.9'})\n"
        "local times = 0\n"
        "local function drop()\n"
        "  setmetatable({}, {__gc=function() times = times + 1 read(long) end})\n"
        "end\n"
        "for i = 1, 3000 do\n"
        "  drop()\n"
        "  local raw = i % 2 == 0 and long or short\n"
        "  local options, src, load = read(raw)\n"
        "  assert((i % 2 == 0 and #options == 4 and #load == 9000) or src == '192.0.2.9')\n"
        "end\n"
        "assert(times > 0)\n");
}

static void wrong(void **state)
{
    static const struct {
        const char *text, *wanted;
    } rows[] = {
        {"reader()", "reader(FIRST, WHAT...): what bytes begin with, then fields (\"TCP.flags\") "
                     "or protocols"},
        {"reader(IP)", "reader(FIRST, WHAT...): what bytes begin with, then fields (\"TCP.flags\") "
                       "or protocols"},
        {"reader(IP, 'IP.tttl')", "IP has no field 'tttl'; it has: version, ihl, tos, len, id, "
                                  "flags, frag, ttl, proto, chksum, "
                                  "src, dst, options"},
        {"reader(IP, 'ttl')", "unknown protocol: ttl (ls() tells which there are)"},
        {"reader(IP, 'Foo.ttl')", "unknown protocol: Foo (ls() tells which there are)"},
        {"reader(IP, ICMP)", "reader: which fields ICMP has depends on its contents: name those "
                             "you want (\"ICMP.type\")"},
        {"reader(IP, {})",
            "reader: a protocol, or the name of a field (\"TCP.flags\"), is wanted, not a table"},
        {"reader(IP, 'IP.ttl')(5)", "a packet is wanted here, not a number"},
        {"reader(IP, 'IP.ttl')()", "a packet is wanted here, not a no value"},
        {"(function() local t = {} for i = 1, 241 do t[i] = 'IP.ttl' end return reader(IP, "
         "table.unpack(t)) end)()",
            "reader: more than 240 values"},
        {"(function() local t = {} for i = 1, 300 do t[i] = HTTP end return reader(IP, "
         "table.unpack(t)) end)()",
            "reader: more than 240 values"},
    };
    struct sok_lua_options o = {.colour = false};
    struct sok_lua *l = sok_lua_new(&o);
    lua_State *L = sok_lua_lua(l);
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(sok_lua_load(L, rows[i].text, "test"), LUA_OK);
        assert_int_not_equal(lua_pcall(L, 0, 1, 0), LUA_OK);
        const char *came = lua_tostring(L, -1);
        if (strcmp(came + strlen("test:1: "), rows[i].wanted) != 0)
            fail_msg("%s\n  gave   %s\n  wanted %s", rows[i].text, came, rows[i].wanted);
        lua_settop(L, 0);
    }
    sok_lua_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_one_by_one),
        cmocka_unit_test(whole_layers),
        cmocka_unit_test(what_is_not_there),
        cmocka_unit_test(within_itself),
        cmocka_unit_test(wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
