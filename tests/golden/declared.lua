-- Protocols declared here whose fields have any length: made, read again, cut at every length, and what is refused.
protocol{name="Tlv", fields={{"kind", 8, names={a=1, b=2}}, {"len", 8}, {"value", size="len", minus=2}}}
protocol{name="Beep", fields={
    {"version", 4, 1}, {"kind", 4, names={ask=0, tell=1}}, {"all", 16, computed="length"}, {"n", 8},
    {"hops", list="ip4", count="n"}, {"size", 16}, {"data", size="size", default="xyz"}, {"who", zero=true}, {"x", 8, 7},
    {"m", 8}, {"tlvs", list=Tlv, count="m"}, {"numbers", rest=true, list=16}},
    bind={{UDP, dport={4242, 4243}}, {UDP, sport=4242}}}

local function same(what, got, wanted)
    if got ~= wanted then error(("%s: %s, not %s"):format(what, got, wanted), 2) end
end

local under = IP{src="192.0.2.2", dst="192.0.2.1"}/UDP{}
local p = under/Beep{kind="tell", hops={"192.0.2.1", "192.0.2.9"}, data="hello", who="me",
    tlvs={Tlv{kind="b", value="abc"}, Tlv{kind="a"}}, numbers={1, 2, 65535}}
same("bytes", hex(bytes(p[Beep])), "11002502c0000201c0000209000568656c6c6f6d650007020205616263010200010002ffff")
local q = IP(bytes(p))
same("the same bytes", bytes(q), bytes(p))
same("port", q.dport, 4242)
same("computed", ("%d %d %d %d"):format(q[Beep].all, q[Beep].n, q[Beep].size, q[Beep].m), "37 2 5 2")
same("data", q[Beep].data, "hello")
same("text", q[Beep].who, "me")
same("address", q[Beep].hops[2], "192.0.2.9")
same("behind a part", q[Beep].x, 7)
same("header in a list", q[Beep].tlvs[1].value, "abc")
same("number in a list", q[Beep].numbers[3], 65535)
same("another port", IP(bytes(under/UDP{dport=4243}/Beep{})):haslayer(Beep), false)
same("another port", UDP(bytes(UDP{dport=4243}/Beep{})):haslayer(Beep), true)
same("changed", hex(bytes((function() q[Beep].data, q[Beep].size, q[Beep].all = "hi", nil, nil return q[Beep] end)())),
    "11002202c0000201c0000209000268696d650007020205616263010200010002ffff")
same("defaults", bytes(Beep{}), "\x10\0\x0c\0\0\3xyz\0\7\0")
same("given, though wrong", bytes(Tlv{len=9, value="x"}), "\0\9x")

-- Whatever is there is read, and nothing else.
local whole = bytes(p)
for i = 1, #whole do
    local cut = IP(whole:sub(1, i))
    same("cut at " .. i, bytes(cut), whole:sub(1, i))
    cut:show(true)
    cut:json()
end
math.randomseed(1)
for _ = 1, 500 do
    local any = {}
    for i = 1, math.random(40) do any[i] = string.char(math.random(0, 3) == 0 and math.random(0, 255) or math.random(0, 4)) end
    any = table.concat(any)
    same("any bytes", bytes(Beep(any)), any)
    Beep(any):show(true)
end

local function refused(text, wanted)
    local f, message = load("return " .. text, "x")
    f, message = pcall(f)
    same(text, not f and message:match("^.-:1: (.*)") or tostring(message), wanted)
end
refused('Beep{who="a\\0b"}', "Beep.who: 'a.b' has a zero in it, which would end it")
refused('bytes(Tlv{value=("x"):rep(254)})',
    "Tlv.len: 256 is too large (0 to 255): shorten what it counts, or give it a value")
refused('Beep{tlvs={5}}', "Beep.tlvs: 5 where Tlv belong")
local function declared(fields, wanted, bind)
    refused(("protocol{name='A1', fields={%s}, bind=%s}"):format(fields, bind or "nil"), "protocol: " .. wanted)
end
declared('{"v", size="len"}, {"len", 8}', 'v: size="len" is no number in front of it that nothing else uses')
declared('{"n", 8}, {"v", size="n"}, {"w", size="n"}', 'w: size="n" is no number in front of it that nothing else uses')
declared('{"v", rest=true}, {"len", 8}', "len: nothing comes behind the rest")
declared('{"v", rest=true}, {"w", zero=true}', "w: nothing comes behind the rest")
declared('{"n", 4}, {"v", rest=true}', "v begins at bit 4: bytes begin on a byte")
declared('{"n", 8}, {"v", count="n"}', "v: count= is for lists; size= counts bytes")
declared('{"n", 8}, {"v", size="n", list=9}', 'v: list= is bits (8, 16, ... 64), "ip4", "ip6" or a protocol')
declared('{"n", 8}, {"v", zero=true, list=8}', "v: a list does not end with a zero")
declared('{"n", 8}, {"v", size="n", minus=300}', "v: minus= is a number of 0 to 255, with size= or count=")
declared('{"n", 8}, {"n", size="n"}', "two fields are named n")
declared('{"v", zero=true}, {"sum", 16, computed="checksum"}', "sum: a checksum stands in front of what has any length")
declared('{"n", 8}', "bind: UDP.dport: 70000 is too large (0 to 65535)", "{UDP, dport=70000}")
print("ok")
