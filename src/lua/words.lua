-- Words of the language that are made of others: methods of packets, of lists, functions. What this chunk gives is
-- their tables; `c` are helpers in C (words.c). Mistakes of the caller's are told by c.fail, with the caller's line.
local c = ...
local packet, list, functions = {}, {}, {}

local function number_or(value, initial, least, what)
    if value == nil then value = initial end
    local n = value ~= nil and math.tointeger(value) or nil
    if not n or n < least then c.fail(("%s: a number from %d on is wanted"):format(what, least)) end
    return n
end

local function call_wanted(f, what)
    if type(f) ~= "function" then c.fail(("%s: a function is wanted, not a %s"):format(what, type(f))) end
end

-- ---- text by a format: p:sprintf("%IP.src% > %-15s,IP.dst% {TCP:%TCP.flags%}") ----

local ESCAPED = {["%"] = "%", ["("] = "{", [")"] = "}"}

-- The innermost braces first: {LAYER:text} stays where the layer is there, {!LAYER:text} where it is not.
local function conditions(p, format)
    repeat
        local count
        format, count = format:gsub("{([^{}]*)}", function(inner)
            local negative, layer, text = inner:match("^(!?)([^:]+):(.*)$")
            if not layer then c.fail("sprintf: {" .. inner .. "}: a condition is written {LAYER:text}") end
            return (p:haslayer(layer) == (negative == "")) and text or ""
        end)
    until count == 0
    return format
end

local function time_of(p)
    local t = p.time or 0
    return os.date("%H:%M:%S", math.floor(t)) .. (".%06d"):format(math.floor(t % 1 * 1e6))
end

local function directive(p, inner)
    local how, name = inner:match("^([^,]*),(.*)$")
    how, name = how or "s", name or inner
    local raw = how:sub(-1) == "r"
    if raw then how = #how > 1 and how:sub(1, -2) or "s" end
    local layer, nth, field = name:match("^([%w_]*):(%d+)%.([%w_]+)$")
    if not layer then layer, field = name:match("^([%w_]*)%.([%w_]+)$") end
    if not field then layer, field = "", name end
    if field == "time" then return time_of(p) end
    local at = p
    if layer ~= "" then at = p:getlayer(layer, tonumber(nth) or 1) end
    if not at then return "??" end
    local value
    if raw then value = at[field] else value = c.shown(at, field) end
    local fine, text = pcall(string.format, "%" .. how, value)
    if not fine then c.fail(("sprintf: %%%s%%: %s is no format for %s"):format(inner, how, tostring(value))) end
    return text
end

function packet.sprintf(p, format)
    if type(format) ~= "string" then c.fail("sprintf: a format is wanted: p:sprintf(\"%IP.src%\")") end
    local rest, out = conditions(p, format), {}
    while true do
        local text, after = rest:match("^([^%%]*)%%(.*)$")
        if not text then break end
        out[#out + 1] = text
        if ESCAPED[after:sub(1, 1)] then
            out[#out + 1], rest = ESCAPED[after:sub(1, 1)], after:sub(2)
        else
            local inner, more = after:match("^([^%%]+)%%(.*)$")
            if not inner then c.fail("sprintf: a % that nothing ends: %LAYER.FIELD%, or %% for itself") end
            out[#out + 1], rest = directive(p, inner), more
        end
    end
    return table.concat(out) .. rest
end

-- ---- layers and fields by other names ----

function packet.firstlayer(p)
    while p.underlayer do p = p.underlayer end
    return p
end

function packet.add_payload(p, payload) p:lastlayer().payload = payload end
function packet.remove_payload(p) p.payload = nil end
function packet.getfieldval(p, name) return p[name] end
function packet.setfieldval(p, name, value) p[name] = value end
function packet.delfieldval(p, name) p[name] = nil end

local function same(a, b)
    if type(a) ~= "table" or type(b) ~= "table" then return a == b end
    if #a ~= #b then return false end
    for i = 1, #a do
        if not same(a[i], b[i]) then return false end
    end
    return true
end

-- What was given and is the default anyway is given no longer.
function packet.hide_defaults(p)
    for i = 1, #p:layers() do
        local layer = p[i]
        local usual = c.new(layer.name):fields()
        for name, value in pairs(layer:given()) do
            if usual[name] ~= nil and same(usual[name], value) then layer[name] = nil end
        end
    end
end

function packet.decode_payload_as(p, proto)
    if not p.payload then c.fail("decode_payload_as: there is no payload") end
    local bytes = p.payload:build()
    p.payload = c.protocol(proto)(bytes)
end

-- ---- fragments (RFC 791, 3.2; RFC 8200, 4.5) ----

local FRAGMENTS_MAX <const> = 1000000

-- The header that says which part of the whole this is, its two fields, and what they count.
local function fragment_header(p)
    if p:haslayer("IP") then return p:getlayer("IP"), "frag", "flags", 1 end
    if p:haslayer("IPv6ExtHdrFragment") then return p:getlayer("IPv6ExtHdrFragment"), "offset", "m", 1 end
    c.fail("fragment: a packet with IP is wanted, or IPv6 with IPv6ExtHdrFragment")
end

local function fragment_one(p, size, out)
    local header, offset, more = fragment_header(p)
    local data = header.payload and header.payload:build() or ""
    local nested, next_field = header.name, header.name == "IP" and "proto" or "nh"
    for at = 0, math.max(#data - 1, 0), size do
        local piece = p:copy()
        local h = piece:getlayer(nested)
        h[next_field] = header[next_field]
        if nested == "IP" then h.len, h.chksum = nil, nil else piece:getlayer("IPv6").plen = nil end
        h.payload = data ~= "" and data:sub(at + 1, at + size) or nil
        if at + size < #data then h[more] = h:number(more) | 1 end
        h[offset] = h[offset] + at // 8
        if #out == FRAGMENTS_MAX then c.fail("fragment: more than a million: go through the set with each()") end
        out[#out + 1] = piece
    end
end

function packet.fragment(p, size)
    size = number_or(size, 1480, 8, "fragment") // 8 * 8
    local out = c.list{}
    for one in p:each() do fragment_one(one, size, out) end
    return out
end

-- Of an IPv4 packet as it is sent: its header's length, its data without padding, where that belongs.
local function piece_of(p)
    local bytes = p:getlayer("IP"):build()
    local length, word = bytes:byte(3) << 8 | bytes:byte(4), bytes:byte(7) << 8 | bytes:byte(8)
    return {packet = p, data = bytes:sub((bytes:byte(1) & 15) * 4 + 1, length), at = (word & 0x1fff) * 8,
        more = word & 0x2000 ~= 0}
end

-- All bytes from 0 to the last piece's end; nil: some are missing.
local function joined(pieces)
    table.sort(pieces, function(a, b) return a.at < b.at end)
    local parts, length, ended = {}, 0, false
    for _, piece in ipairs(pieces) do
        local after = piece.at + #piece.data
        if piece.at > length then return nil end
        if after > length then
            parts[#parts + 1], length = piece.data:sub(length - piece.at + 1), after
        end
        ended = ended or not piece.more
    end
    return ended and table.concat(parts) or nil
end

-- Whether the piece may be the last that was missing: only then it is worth looking at all of them.
local function add_piece(pieces, piece)
    local have, ended = pieces.have[piece.at] or 0, pieces.ended
    pieces[#pieces + 1] = piece
    if not piece.more then pieces.ended = piece.at + #piece.data end
    if #piece.data > have then
        pieces.have[piece.at], pieces.count = #piece.data, pieces.count + #piece.data - have
    end
    return pieces.ended and pieces.count >= pieces.ended and (#piece.data > have or not ended)
end

local function whole_of(pieces)
    local data = joined(pieces)
    if not data or #data > 65515 then return nil end
    local whole = pieces[1].packet:copy()
    local ip = whole:getlayer("IP")
    ip.len, ip.chksum, ip.frag, ip.flags = nil, nil, 0, ip:number("flags") & 6
    ip.payload = data
    local read = c.protocol(whole.name)(whole:build())
    read.time = whole.time
    return read
end

function functions.defragment(packets)
    local out, open = c.list{}, {}
    for p in c.each(packets) do
        local piece = p:haslayer("IP") and piece_of(p)
        if not piece or (piece.at == 0 and not piece.more) then
            out[#out + 1] = p
        else
            local ip = p:getlayer("IP")
            local key = ("%s %s %d %d"):format(ip.src, ip.dst, ip.id, ip.proto)
            open[key] = open[key] or {have = {}, count = 0}
            out[#out + 1] = false
            local whole = add_piece(open[key], piece) and whole_of(open[key])
            if whole then out[#out], open[key] = whole, nil end
        end
    end
    -- What nothing was made of stays as it came, at the end.
    local kept = c.list{}
    for i = 1, #out do
        if out[i] then kept[#kept + 1] = out[i] end
    end
    for _, pieces in pairs(open) do
        for _, piece in ipairs(pieces) do kept[#kept + 1] = piece.packet end
    end
    return kept
end

function functions.fragment(p, size)
    local out = c.list{}
    size = number_or(size, 1480, 8, "fragment") // 8 * 8
    for one in c.each(p) do fragment_one(one, size, out) end
    return out
end

-- ---- tables of a list: f(p), or f(sent, received), gives column, row and what stands there ----

local function order_of(name)
    local number = tonumber(name)
    if number then return 1, number end
    local a, b, d, e = name:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
    if a then return 2, ((a * 256 + b) * 256 + d) * 256 + e end
    return 3, name
end

local function sorted(set)
    local names = {}
    for name in pairs(set) do names[#names + 1] = name end
    table.sort(names, function(a, b)
        local kind_a, value_a = order_of(a)
        local kind_b, value_b = order_of(b)
        if kind_a ~= kind_b then return kind_a < kind_b end
        return value_a < value_b
    end)
    return names
end

local function collect(packets, f, what)
    call_wanted(f, what)
    local columns, rows, cells, widest = {}, {}, {}, 0
    for one, other in packets:each() do
        local x, y, z = f(one, other)
        x, y, z = tostring(x), tostring(y), tostring(z)
        columns[x] = math.max(columns[x] or 0, #x, #z)
        rows[y] = true
        widest = math.max(widest, #y)
        cells[x .. "\0" .. y] = z
    end
    return columns, sorted(columns), sorted(rows), cells, widest
end

local function padded(text, width) return text .. (" "):rep(width - #text) end

local function print_table(packets, f, lined, what)
    local widths, columns, rows, cells, first = collect(packets, f, what)
    local between = lined and " | " or " "
    local function line(head, cell)
        local parts = {padded(head, first)}
        for _, x in ipairs(columns) do parts[#parts + 1] = padded(cell(x), widths[x]) end
        print(((table.concat(parts, between)):gsub(" +$", "")))
    end
    line("", function(x) return x end)
    if lined then
        local parts = {("-"):rep(first)}
        for _, x in ipairs(columns) do parts[#parts + 1] = ("-"):rep(widths[x]) end
        print(table.concat(parts, "-+-"))
    end
    for _, y in ipairs(rows) do
        line(y, function(x) return cells[x .. "\0" .. y] or "-" end)
    end
end

function list.make_table(packets, f) print_table(packets, f, false, "make_table") end
function list.make_lined_table(packets, f) print_table(packets, f, true, "make_lined_table") end

-- ---- what else a list has ----

function list.getlayer(packets, proto, nth)
    local out = c.list{}
    for p in packets:each() do
        out[#out + 1] = p:getlayer(proto, nth)
    end
    return out
end

function list.append(packets, p) packets[#packets + 1] = p end

-- Of each packet with such a layer its line and the layer's bytes.
local function dump_layer(packets, name, lfilter, worth)
    if lfilter ~= nil then call_wanted(lfilter, "lfilter") end
    local i = 0
    for one, other in packets:each() do
        local p = other or one
        local layer = p:getlayer(name)
        i = i + 1
        if (not lfilter or lfilter(one, other)) and (not worth or (layer and worth(layer.load))) then
            print(("%04d %s %s"):format(i, time_of(p), p:summary()))
            if layer then hexdump(layer.load) end
        end
    end
end

function list.hexraw(packets, lfilter) dump_layer(packets, "Raw", lfilter) end
function list.padding(packets, lfilter) dump_layer(packets, "Padding", lfilter, function() return true end) end
function list.nzpadding(packets, lfilter)
    dump_layer(packets, "Padding", lfilter, function(load) return load:find("[^\0]") ~= nil end)
end

-- Who talks to whom, in the language of Graphviz: dot -Tsvg draws it.
function list.conversations(packets)
    local seen, lines = {}, {}
    for p in packets:each() do
        local ip = p:getlayer("IP") or p:getlayer("IPv6")
        local arp = p:getlayer("ARP")
        local line = ip and ('  "%s" -> "%s"'):format(ip.src, ip.dst)
            or arp and ('  "%s" -> "%s"'):format(arp.psrc, arp.pdst)
        if line then
            if not seen[line] then lines[#lines + 1] = line end
            seen[line] = (seen[line] or 0) + 1
        end
    end
    for i, line in ipairs(lines) do lines[i] = ("%s [label=\"%d\"]"):format(line, seen[line]) end
    return "digraph conversations {\n" .. table.concat(lines, "\n") .. "\n}"
end

-- pkts:replace("IP.src", OLD, NEW), or all with (FIELD, NEW): a list of copies, what follows from it computed again.
function list.replace(packets, field, old, new)
    local layer, name = tostring(field):match("^([%w_]+)%.([%w_]+)$")
    if not layer then c.fail("replace: a field is written \"IP.src\"") end
    local all = new == nil
    if all then new = old end
    local out = c.list{}
    for p in packets:each() do
        local at = p:getlayer(layer)
        if at and (all or at[name] == old) then
            p = p:copy()
            p:getlayer(layer)[name] = new
            c.forget(p)
        end
        out[#out + 1] = p
    end
    return out
end

-- ---- bytes ----

function functions.chexdump(data)
    return (bytes(data):gsub(".", function(b) return ("0x%02x, "):format(b:byte()) end):gsub(", $", ""))
end

function functions.linehexdump(data)
    data = bytes(data)
    local digits = data:gsub(".", function(b) return ("%02X "):format(b:byte()) end)
    return digits .. " " .. data:gsub("[^\32-\126]", ".")
end

-- The digits of a row: what stands behind two blanks is text, unless that is but the gap after eight bytes.
local function digits_of(row)
    local head, rest = row:match("^(.-)%s%s(.*)$")
    if not head then return row end
    if #head == 23 and rest:match("^%x%x%f[%X]") then return head .. (rest:match("^(.-)%s%s") or rest) end
    return head
end

-- Rows of digits as hexdump, tcpdump -x and their like print them: an offset first, text behind two blanks. The last
-- row of hexdump is an offset alone.
function functions.import_hexcap(text)
    if type(text) ~= "string" then c.fail("import_hexcap: the lines of a hexdump are wanted") end
    local out, count = {}, 0
    for line in text:gmatch("[^\n]+") do
        local row = line:match("^%s*0?x?%x+:?%s%s*(.*)$")
        if not row then row = #line >= 7 and tonumber(line, 16) == count and "" or line end
        out[#out + 1] = unhex((digits_of(row):gsub("%X", "")))
        count = count + #out[#out]
    end
    return table.concat(out)
end

-- The Internet checksum (RFC 1071).
function functions.checksum(data)
    data = bytes(data)
    local sum = 0
    for i = 1, #data, 2 do sum = sum + (data:byte(i) << 8) + (data:byte(i + 1) or 0) end
    while sum >> 16 ~= 0 do sum = (sum & 0xffff) + (sum >> 16) end
    return ~sum & 0xffff
end

-- ---- values by chance ----

function functions.Rand(values)
    if type(values) ~= "table" then c.fail("Rand{VALUES}: a set is wanted: Rand{80, 443, {8000, 8099}}") end
    return c.random(values)
end

function functions.RandByte() return c.random{{0, 0xff}} end
function functions.RandShort() return c.random{{0, 0xffff}} end
function functions.RandInt() return c.random{{0, 0xffffffff}} end
function functions.RandLong() return c.random{{0, math.maxinteger}} end

function functions.RandNum(first, last)
    first = number_or(first, nil, 0, "RandNum(FIRST, LAST)")
    return c.random{{first, number_or(last, nil, first, "RandNum(FIRST, LAST)")}}
end

function functions.RandChoice(...)
    if select("#", ...) == 0 then c.fail("RandChoice(VALUE, ...): values are wanted") end
    return c.random{...}
end

local function text_or(value, initial, what)
    if value ~= nil and type(value) ~= "string" then c.fail(what .. ": text is wanted") end
    return value or initial
end

function functions.RandIP(net) return c.random{text_or(net, "0.0.0.0/0", "RandIP(NETWORK)")} end
function functions.RandIP6(net) return c.random{text_or(net, "::/0", "RandIP6(NETWORK)")} end
function functions.Net(net) return text_or(net, "", "Net(NETWORK)") end

function functions.RandMAC(pattern)
    local first, last = {}, {}
    local any = false
    for part in text_or(pattern, "*", 'RandMAC("02:00:00:*")'):gmatch("[^:]+") do
        local fixed = part:match("^%x%x?$")
        if (fixed and any) or not (fixed or part == "*") or #first == 6 then
            c.fail(("RandMAC: %q: pairs of digits are wanted, then what may be anything: 02:00:00:*"):format(pattern))
        end
        any = not fixed
        if fixed then first[#first + 1], last[#last + 1] = part, part end
    end
    for i = #first + 1, 6 do first[i], last[i] = "00", "ff" end
    return c.random{{table.concat(first, ":"), table.concat(last, ":")}}
end

local function drawn(count, alphabet, what)
    local out = {}
    count = number_or(count, nil, 0, what)
    if count > 65535 then c.fail(what .. ": more than a packet has: 65535") end
    for i = 1, count do
        local at = math.random(#alphabet)
        out[i] = alphabet:sub(at, at)
    end
    return table.concat(out)
end

local BYTES, LETTERS = {}, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
for i = 0, 255 do BYTES[i + 1] = string.char(i) end
BYTES = table.concat(BYTES)

function functions.RandBin(count) return drawn(count, BYTES, "RandBin(COUNT)") end
function functions.RandString(count) return drawn(count, LETTERS, "RandString(COUNT)") end

return {packet = packet, list = list, functions = functions}
