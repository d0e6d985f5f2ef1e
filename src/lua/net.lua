-- Functions of the network that are made of others. What this chunk gives is their table; `c` are a few helpers in C
-- (net.c). Mistakes of the caller's are told by c.fail, with the caller's line.
local c = ...
local words = {}

local ASKED_MAX <const> = 65536

local function merged(options, more)
    local all = {}
    for name, value in pairs(options or {}) do all[name] = value end
    for name, value in pairs(more) do all[name] = value end
    return all
end

-- Addresses as a field takes them: text, or a list of texts.
local function check_targets(targets, what)
    if type(targets) ~= "string" and type(targets) ~= "table" then
        c.fail(("%s wants an address or a list of them, not a %s"):format(what, type(targets)))
    end
end

local function lines(word, count, packets, text)
    if count == 0 then return end
    local head = ("%s %d:"):format(word, count)
    for i = 1, count do
        print((i == 1 and head or (" "):rep(#head)) .. " " .. text(packets[i]))
    end
end

-- As often as count says or until Ctrl-C, a round every `inter` seconds; then how many were answered. store=false:
-- what was printed is not kept.
local function loop(send_and_receive, packets, options)
    c.check(options, "inter count timeout verbose prn prnfail store iface filter retry multi")
    options = options or {}
    local inter, count = options.inter or 1, options.count
    local prn = options.prn or function(pair) return pair[2]:summary() end
    local prnfail = options.prnfail or function(packet) return packet:summary() end
    local quiet = options.verbose == false or options.verbose == 0
    local round = {timeout = options.timeout or math.min(2 * inter, 5), verbose = false, iface = options.iface,
        filter = options.filter, retry = options.retry, multi = options.multi}
    local keep = options.store ~= false and options.store ~= 0
    local answered, failed, sent, received, rounds, stopped = {}, {}, 0, 0, 0, count == 0
    while not stopped do
        local start = c.now()
        local ans, unans = send_and_receive(packets, round)
        sent, received, rounds = sent + #ans + #unans, received + #ans, rounds + 1
        if not quiet then
            lines("RECV", #ans, ans, prn)
            lines("fail", #unans, unans, prnfail)
            io.stdout:flush()
        end
        for i = 1, keep and #ans or 0 do answered[#answered + 1] = ans[i] end
        for i = 1, keep and #unans or 0 do failed[#failed + 1] = unans[i] end
        stopped = c.interrupted() or (count and rounds >= count)
            or (#ans + #unans == 0) or c.pause(start + inter - c.now())
    end
    if sent > 0 and not quiet then
        print(("\nSent %d packets, received %d packets. %3.1f%% hits."):format(sent, received, 100 * received / sent))
    end
    return c.pairs(answered), c.list(failed)
end

function words.srloop(packets, options) return loop(sr, packets, options) end
function words.srploop(packets, options) return loop(srp, packets, options) end

-- Scapy's tables: who answered for each TTL, a column for each target.
local function show_route(ans, v6)
    local to = v6 and "%-42s,IPv6.dst%:{TCP:tcp%TCP.dport%}{UDP:udp%UDP.dport%}{ICMPv6EchoRequest:IER}"
        or "%IP.dst%:{TCP:tcp%ir,TCP.dport%}{UDP:udp%ir,UDP.dport%}{ICMP:ICMP}"
    local from = v6 and "%-42s,IPv6.src% " or "%-15s,IP.src% "
    ans:make_table(function(sent, got)
        local layer = got[2]
        local what = layer.name == "TCP" and layer.flags or layer:number("type")
        return sent:sprintf(to), v6 and sent.hlim or sent.ttl, got:sprintf(from) .. what
    end)
end

local FILTER = "(icmp and (icmp[0]=3 or icmp[0]=4 or icmp[0]=5 or icmp[0]=11 or icmp[0]=12))"
    .. " or (tcp and (tcp[13] & 0x16 > 0x10))"

-- Addresses of either family, which have traces of their own.
local function by_family(targets)
    local four, six = {}, {}
    for _, target in ipairs(type(targets) == "table" and targets or {targets}) do
        local first = type(target) == "table" and target[1] or target
        local list = tostring(first):find(":", 1, true) and six or four
        list[#list + 1] = target
    end
    return four, six
end

-- A source port for each TTL: of what comes back it says which packet it is about.
local function probes(packets, targets, v6, options, sport)
    for ttl = options.minttl or 1, #targets > 0 and (options.maxttl or 30) or 0 do
        local l4 = options.l4 or TCP{dport = options.dport or 80, sport = sport + ttl, seq = math.random(0, 0xffffffff),
            flags = "S"}
        packets[#packets + 1] = (v6 and IPv6{dst = targets, hlim = ttl}
            or IP{dst = targets, id = math.random(1, 65535), ttl = ttl}) / l4
    end
end

function words.traceroute(targets, options)
    check_targets(targets, "traceroute")
    c.check(options, "dport minttl maxttl sport timeout verbose iface filter l4 retry")
    options = options or {}
    local packets, sport = {}, options.sport or math.random(32768, 60000)
    local four, six = by_family(targets)
    probes(packets, four, false, options, sport)
    probes(packets, six, true, options, sport)
    local filter = options.filter
    if not filter and #six == 0 and not options.l4 then filter = FILTER end
    local ans, unans = sr(packets, {timeout = options.timeout or 2, filter = filter, iface = options.iface,
        retry = options.retry, verbose = options.verbose})
    c.named(ans, "Traceroute")
    if options.verbose ~= false and options.verbose ~= 0 then
        if #four > 0 then show_route(ans:filter(function(sent) return sent.name == "IP" end), false) end
        if #six > 0 then show_route(ans:filter(function(sent) return sent.name == "IPv6" end), true) end
    end
    return ans, unans
end

-- One question for each address of IPv6, to the group that it alone is most likely in (RFC 4291 section 2.7.1).
local function solicitations(net, iface)
    local asked, mac = {}, nil
    for target in IPv6{dst = net}:each() do
        if #asked == ASKED_MAX then
            c.fail(("arping: more than %d addresses of IPv6 at once"):format(ASKED_MAX))
        end
        iface = iface or c.interface(target)
        mac = mac or c.mac(iface)
        local low = table.pack(bytes(IPv6{src = "::", dst = target.dst}):byte(38, 40))
        asked[#asked + 1] = Ether{dst = ("33:33:ff:%02x:%02x:%02x"):format(table.unpack(low))}
            / IPv6{dst = ("ff02::1:ff%02x:%02x%02x"):format(table.unpack(low))}
            / ICMPv6ND_NS{tgt = target.dst} / ICMPv6NDOptSrcLLAddr{lladdr = mac}
    end
    return asked, iface
end

local function is_six(net)
    return tostring(type(net) == "table" and net[1] or net):find(":", 1, true) ~= nil
end

local function who_said(got)
    if got:haslayer(ARP) then return got[ARP].hwsrc, got[ARP].psrc end
    local option = got:getlayer(ICMPv6NDOptDstLLAddr)
    return option and option.lladdr or got.src, got[ICMPv6ND_NA].tgt
end

-- IPv6 has no ARP: its neighbours are solicited (RFC 4861).
function words.arping(net, options)
    check_targets(net, "arping")
    c.check(options, "timeout verbose iface retry inter")
    options = merged(options, {timeout = options and options.timeout or 2})
    local packets
    if is_six(net) then
        packets, options.iface = solicitations(net, options.iface or conf.iface)
        options.filter = "icmp6 and ip6[40] = 136"
    else
        packets = Ether{dst = "ff:ff:ff:ff:ff:ff"} / ARP{pdst = net}
        options.filter = "arp and arp[7] = 2"
    end
    local ans, unans = srp(packets, options)
    c.named(ans, "ARPing")
    if options.verbose ~= false and options.verbose ~= 0 then
        for i = 1, #ans do print(("  %s  %s"):format(who_said(ans[i][2]))) end
    end
    return ans, unans
end

-- What the ring of a sniff gathers while the script does something else. The script's functions are called when it is
-- stopped or waited for.
local sniffer = {__name = "AsyncSniffer"}
sniffer.__index = sniffer

function words.AsyncSniffer(options)
    if options ~= nil and type(options) ~= "table" then c.fail("AsyncSniffer wants options: AsyncSniffer{iface=...}") end
    return setmetatable({options = options or {}}, sniffer)
end

local function check_sniffer(self, what)
    if getmetatable(self) ~= sniffer then c.fail(("call it with a colon: s:%s()"):format(what)) end
end

function sniffer.start(self)
    check_sniffer(self, "start")
    if self.listening then c.fail("AsyncSniffer: it listens already") end
    self.results, self.listening = nil, c.listen(self.options)
end

local function finish(self, what, ...)
    check_sniffer(self, what)
    if not self.listening then c.fail(("AsyncSniffer: %s() before start()"):format(what)) end
    local listening <close> = self.listening
    self.listening = nil
    self.results = c.hear(self.options, listening, ...)
    return self.results
end

function sniffer.stop(self) return finish(self, "stop", true) end
function sniffer.join(self, seconds) return finish(self, "join", false, seconds) end

return words
