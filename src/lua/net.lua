-- Functions of the network that are made of others. What this chunk gives is their table; `c` are a few helpers in C
-- (net.c). Mistakes of the caller's are told by c.fail, with the caller's line.
local c = ...
local words = {}

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

-- One line of who answered for each TTL, target by target.
local function show_route(ans, minttl, maxttl)
    local routes, order = {}, {}
    for i = 1, #ans do
        local sent, got = ans[i][1], ans[i][2]
        local to = sent.dst
        if not routes[to] then
            routes[to] = {}
            order[#order + 1] = to
        end
        local ttl = sent.ttl or sent.hlim
        local what = not got:haslayer(ICMP) and got:haslayer(TCP) and got[TCP].flags or nil
        routes[to][ttl] = {from = got.src, what = what}
    end
    for _, to in ipairs(order) do
        print(to)
        for ttl = minttl, maxttl do
            local hop = routes[to][ttl]
            print(("%3d  %s"):format(ttl, hop and (hop.from .. (hop.what and "  " .. hop.what or "")) or "*"))
            if hop and hop.what then break end
        end
    end
end

local FILTER = "(icmp and (icmp[0]=3 or icmp[0]=4 or icmp[0]=5 or icmp[0]=11 or icmp[0]=12))"
    .. " or (tcp and (tcp[13] & 0x16 > 0x10))"

function words.traceroute(targets, options)
    check_targets(targets, "traceroute")
    c.check(options, "dport minttl maxttl sport timeout verbose iface filter l4 retry")
    options = options or {}
    local minttl, maxttl = options.minttl or 1, options.maxttl or 30
    local v6 = type(targets) == "string" and targets:find(":") ~= nil
    local sport = options.sport or math.random(32768, 60000)
    local packets = {}
    -- A source port for each TTL: of what comes back it says which packet it is about.
    for ttl = minttl, maxttl do
        local l4 = options.l4 or TCP{dport = options.dport or 80, sport = sport + ttl, seq = math.random(0, 0xffffffff),
            flags = "S"}
        packets[#packets + 1] = (v6 and IPv6{dst = targets, hlim = ttl}
            or IP{dst = targets, id = math.random(1, 65535), ttl = ttl}) / l4
    end
    local filter = options.filter
    if not filter and not v6 and not options.l4 then filter = FILTER end
    local ans, unans = sr(packets, {timeout = options.timeout or 2, filter = filter, iface = options.iface,
        retry = options.retry, verbose = options.verbose})
    if options.verbose ~= false and options.verbose ~= 0 then show_route(ans, minttl, maxttl) end
    return ans, unans
end

function words.arping(net, options)
    check_targets(net, "arping")
    c.check(options, "timeout verbose iface retry inter")
    options = merged(options, {timeout = options and options.timeout or 2})
    local ans, unans = srp(Ether{dst = "ff:ff:ff:ff:ff:ff"} / ARP{pdst = net},
        merged(options, {filter = "arp and arp[7] = 2"}))
    if options.verbose ~= false and options.verbose ~= 0 then
        for i = 1, #ans do
            local got = ans[i][2]
            print(("  %s  %s"):format(got[ARP].hwsrc, got[ARP].psrc))
        end
    end
    return ans, unans
end

return words
