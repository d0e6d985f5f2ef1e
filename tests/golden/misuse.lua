-- Values of every kind where others are wanted, from a seed: errors are texts, nothing crashes, and under a sanitizer
-- nothing is lost. arg: how many calls, the seed.
math.randomseed(tonumber(arg[2]))
local p = IP{src="192.0.2.2", dst="192.0.2.1"}/TCP{options={{"MSS", 1460}}}/"hello"
local q = Ether{dst="02:00:00:00:00:01"}/IP{src="192.0.2.2", dst={"192.0.2.1", "192.0.2.3"}}/UDP{dport={1, 2}}
local list = q:list()
local kinds = {nil, 3, -1, 1.5, 0x7fffffffffffffff, "abc", ("x"):rep(70000), {}, {1, 2, {3}}, {{"MSS", {1, 2}}}, p, p[TCP], q,
    list, TCP, IP, print, true, io.stdout, coroutine.create(print), {dst="192.0.2.9", x=1},
    RandShort(), RandIP()}
local KINDS = 23 -- with the nil
local names = {"show", "show2", "summary", "hexdump", "command", "build", "copy", "haslayer", "getlayer", "layers",
    "lastlayer", "fields", "given", "number", "text", "answers", "each", "list", "payload", "dport", "flags", "options",
    "load", "time", "nsummary", "filter", "sessions", "name", "underlayer", "ttl", "sprintf", "display", "firstlayer", "add_payload",
    "remove_payload", "decode_payload_as", "getfieldval", "setfieldval", "delfieldval", "hide_defaults", "fragment", "slice",
    "append", "replace", "make_table", "make_lined_table", "hexraw", "padding", "nzpadding", "conversations"}
local functions = {ls, bytes, str, hexdump, hex, unhex, fuzz, protocol, lsc, rdpcap, help, fragment, defragment,
    Rand, RandShort,
    RandNum, RandChoice, RandIP, RandMAC, RandBin, Net, chexdump, linehexdump, import_hexcap, checksum, IP, TCP, Raw, Ether, ICMP, IPv6, ARP}

local function any() return kinds[math.random(KINDS)] end
local function one_of(t) return t[math.random(#t)] end
local ways = {
    function() local o = any() return o[one_of(names)](o, any(), any()) end,
    function() return one_of(functions)(any(), any()) end,
    function() local o = one_of{p, q, p[TCP]}:copy() o[one_of(names)] = any() return tostring(o), #o end,
    function() return any()/any() end,
    function() return any() == any(), any()[any()], #any() end,
    function() local o = p:copy() local t = o[TCP] o.payload = any() return t.dport, tostring(o) end,
}
local right, wrong = 0, 0
for _ = 1, tonumber(arg[1]) do
    local fine, message = pcall(one_of(ways))
    if fine then right = right + 1 else wrong = wrong + 1 end
    assert(fine or type(message) == "string", "an error that is no text")
end
assert(right > 0 and wrong > 0)
io.stderr:write(("%d went, %d were told\n"):format(right, wrong))
