// The functions that talk to networks: their list, what they share, and the machine's own addresses and routes as what
// packets are built with. Those that are made of others are written in Lua (net.lua).
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "host/machine.h"
#include "lua/net.h"
#include "wire/registry.h"
#include "lua/net_host.h"
#include "lua/net_lua.h"

#define JOB   "sockeye.job"
#define WORLD "sockeye.world"
#define WORDS "sockeye.net"
#define NAMES "sockeye.interfaces"

#define SLICE_NS 200000000 // of a long sleep

// ---- jobs ----

void sok_lua_job_end(struct sok_lua_job *job)
{
    char err[SOK_CAPTURE_ERR_MAX];
    sok_capture_close(job->capture);
    sok_capture_file_close(job->file);
    sok_sender_close(job->sender);
    sok_ways_close(job->ways);
    if (job->dump)
        sok_dump_close(job->dump, err);
    if (job->exchange.mem)
        sok_exchange_free(&job->exchange);
    job->capture = NULL;
    job->file = NULL;
    job->sender = NULL;
    job->ways = NULL;
    job->dump = NULL;
}

static int job_gc(lua_State *L)
{
    sok_lua_job_end(luaL_checkudata(L, 1, JOB));
    return 0;
}

struct sok_lua_job *sok_lua_job_keep(lua_State *L)
{
    struct sok_lua_job *job = lua_newuserdatauv(L, sizeof(*job), 0);
    memset(job, 0, sizeof(*job));
    luaL_setmetatable(L, JOB);
    return job;
}

struct sok_lua_job *sok_lua_job_new(lua_State *L)
{
    struct sok_lua_job *job = sok_lua_job_keep(L);
    lua_toclose(L, -1);
    return job;
}

struct sok_lua_job *sok_lua_job_check(lua_State *L, int idx)
{
    return luaL_checkudata(L, idx, JOB);
}

int sok_lua_job_fail(lua_State *L, struct sok_lua_job *job)
{
    sok_lua_job_end(job);
    return sok_lua_error(L, "%s", job->err);
}

const struct sok_mem *sok_lua_mem(lua_State *L)
{
    return sok_book_mem(sok_lua_book(L));
}

// The interface with the default route, or the only one with Ethernet that is up.
static bool usual_interface(char name[16])
{
    struct sok_machine m;
    const struct sok_machine_if *found = NULL;
    unsigned up = 0;
    if (sok_machine_read(&m, NULL) < 0)
        return false;
    const struct sok_machine_route *r = sok_machine_default(&m, false, 0);
    if (!r)
        r = sok_machine_default(&m, true, 0);
    if (r)
        found = sok_machine_if_at(&m, r->if_index);
    for (unsigned i = 0; i < m.if_count && !r; i++) {
        if (m.ifs[i].up && m.ifs[i].ethernet) {
            found = &m.ifs[i];
            up++;
        }
    }
    bool clear = found && up <= 1;
    if (clear)
        memcpy(name, found->name, sizeof(found->name));
    sok_machine_free(&m);
    return clear;
}

// Where the packet goes, by the first field that says so (IP's dst, ARP's pdst).
static bool target_of(const struct sok_packet *p, struct sok_addr *out)
{
    struct sok_slot slot;
    struct sok_item value;
    uint8_t room[64];
    for (unsigned layer = 0; layer < sok_packet_count(p); layer++) {
        for (unsigned i = 0; sok_packet_slot_at(p, layer, i, &slot); i++) {
            struct sok_items items = sok_items(room, sizeof(room));
            if (!slot.row ||
                (strcmp(slot.row->name, "dst") != 0 && strcmp(slot.row->name, "pdst") != 0) ||
                sok_packet_get(p, layer, &slot, &items, &value) < 0)
                continue;
            if (value.type == SOK_ITEM_NUMBER && slot.row->bits == 32)
                *out = sok_addr_v4((uint32_t)value.number);
            else if (value.type == SOK_ITEM_BYTES && value.count == 16)
                memcpy(out->b, value.bytes, 16);
            else
                continue;
            return true;
        }
    }
    return false;
}

void sok_lua_ask_hop(struct sok_lua_job *job, const struct sok_packet *packet, unsigned wait_ms)
{
    struct sok_addr to;
    uint8_t mac[6];
    char err[SOK_PROBE_ERR_MAX];
    if (target_of(packet, &to))
        sok_ways_hop_mac(job->ways, to, wait_ms, mac, err);
}

void sok_lua_tell_silence(const struct sok_lua_job *job)
{
    const char *line = sok_ways_silence(job->ways);
    if (line)
        fprintf(stderr, "sockeye: %s\n", line);
}

// The interface that the route says.
static bool way_to(lua_State *L, const struct sok_packet *p, char name[16])
{
    struct sok_addr to;
    struct sok_way way;
    struct sok_ways *ways;
    char err[SOK_PROBE_ERR_MAX];
    if (!target_of(p, &to) || sok_addr_is_multicast(to) ||
        sok_ways_open(sok_lua_mem(L), NULL, &ways, err) < 0)
        return false;
    bool found = sok_ways_find(ways, to, &way, err) == 0 && way.ethernet;
    if (found)
        memcpy(name, way.if_name, sizeof(way.if_name));
    sok_ways_close(ways);
    return found;
}

void sok_lua_job_interface(
    lua_State *L, struct sok_lua_job *job, int options, const struct sok_packet *packet)
{
    const char *name = sok_lua_option_text(L, options, "iface", NULL);
    if (!name && lua_getglobal(L, "conf") == LUA_TTABLE)
        name = sok_lua_option_text(L, -1, "iface", NULL); // the table keeps it
    if (name && (strlen(name) >= sizeof(job->interface) || if_nametoindex(name) == 0))
        sok_lua_error(L, "no such interface: %s (see: ip link)", name);
    if (name)
        snprintf(job->interface, sizeof(job->interface), "%s", name);
    else if (packet && !way_to(L, packet, job->interface) && !usual_interface(job->interface))
        sok_lua_error(L, "which interface? (iface=\"eth0\"; see: ip link)");
}

// ---- what is captured ----

static const struct sok_proto *first_proto(
    struct sok_book *book, const struct sok_capture_record *record)
{
    const struct sok_proto *proto;
    switch (record->linktype) {
    case SOK_CAPTURE_RAW:
    case 228: // LINKTYPE_IPV4
    case 229: // LINKTYPE_IPV6
        return sok_book_find(book, record->len > 0 && record->data[0] >> 4 == 6 ? "IPv6" : "IP");
    default:
        proto = sok_proto_of_linktype(record->linktype);
        return proto ? proto : sok_book_find(book, "Raw");
    }
}

// The number of an interface's name: a table has both ways.
static uint32_t name_number(lua_State *L, const char *name)
{
    lua_getfield(L, LUA_REGISTRYINDEX, NAMES);
    if (lua_getfield(L, -1, name) != LUA_TNUMBER) {
        lua_Integer n = (lua_Integer)lua_rawlen(L, -2) + 1;
        lua_pushstring(L, name);
        lua_rawseti(L, -3, n);
        lua_pushinteger(L, n);
        lua_setfield(L, -3, name);
        lua_pop(L, 1);
        lua_getfield(L, -1, name);
    }
    uint32_t number = (uint32_t)lua_tointeger(L, -1);
    lua_pop(L, 2);
    return number;
}

const char *sok_lua_push_sniffed_on(lua_State *L, uint32_t number)
{
    lua_getfield(L, LUA_REGISTRYINDEX, NAMES);
    lua_rawgeti(L, -1, number);
    lua_remove(L, -2);
    return lua_tostring(L, -1);
}

static bool is_named(lua_State *L, uint32_t number, const char *name)
{
    const char *known = sok_lua_push_sniffed_on(L, number);
    bool same = known && name ? strcmp(known, name) == 0 : known == name;
    lua_pop(L, 1);
    return same;
}

static uint32_t interface_number(
    lua_State *L, struct sok_lua_job *job, const struct sok_capture_record *record)
{
    char name[IF_NAMESIZE];
    // A file may have several sections, whose interfaces are numbered anew.
    bool same = job->number_known && job->number_of == record->interface &&
                (!job->file || is_named(L, job->number, record->interface_name));
    if (!same) {
        const char *said =
            job->file ? record->interface_name : if_indextoname(record->interface, name);
        job->number = said ? name_number(L, said) : 0;
        job->number_of = record->interface;
        job->number_known = true;
    }
    return job->number;
}

void sok_lua_push_record(
    lua_State *L, struct sok_lua_job *job, const struct sok_capture_record *record)
{
    struct sok_book *book = sok_lua_book(L);
    struct sok_packet *packet;
    if (sok_packet_dissect(book, first_proto(book, record), record->data, record->len, &packet) < 0)
        sok_lua_error(L, "no memory for packets");
    sok_lua_push_packet(L, packet, record->time);
    sok_lua_to_view(L, -1)->box->sniffed_on = interface_number(L, job, record);
}

// ---- time ----

static int64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t sok_lua_monotonic(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

int64_t sok_lua_wall(void)
{
    return clock_ns(CLOCK_REALTIME);
}

bool sok_lua_sleep_until(lua_State *L, int64_t end)
{
    int64_t now;
    while ((now = sok_lua_monotonic()) < end && !sok_lua_interrupted()) {
        // A signal between the look for it and the sleep is seen after this much.
        int64_t until = end - now > SLICE_NS ? now + SLICE_NS : end;
        const struct timespec t = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
    }
    return sok_lua_interrupt_taken(L);
}

int64_t sok_lua_option_ns(lua_State *L, int idx, const char *name, int64_t initial)
{
    double seconds = sok_lua_option_number(L, idx, name, -1, 0);
    return seconds < 0 ? initial : (int64_t)(seconds * 1e9);
}

bool sok_lua_is_verbose(lua_State *L, int idx)
{
    return sok_lua_option_true(L, idx, "verbose", true);
}

// pause(SECONDS), and whether Ctrl-C came: for net.lua.
static int pause_seconds(lua_State *L)
{
    luaL_checknumber(L, 1);
    lua_pushboolean(L, sok_lua_sleep_until(L, sok_lua_monotonic() + sok_lua_check_seconds(L, 1)));
    return 1;
}

static int sleep_seconds(lua_State *L)
{
    pause_seconds(L);
    if (lua_toboolean(L, -1))
        return sok_lua_interrupt_raise(L);
    return 0;
}

static int wall(lua_State *L)
{
    lua_pushnumber(L, (double)sok_lua_wall() / 1e9);
    return 1;
}

static int now(lua_State *L)
{
    lua_pushnumber(L, (double)sok_lua_monotonic() / 1e9);
    return 1;
}

static int fail(lua_State *L)
{
    return sok_lua_error(L, "%s", luaL_checkstring(L, 1));
}

static int check_options(lua_State *L)
{
    sok_lua_options_check(L, 1, luaL_checkstring(L, 2));
    return 0;
}

static int interrupted(lua_State *L)
{
    lua_pushboolean(L, sok_lua_interrupt_taken(L));
    return 1;
}

// interface(PACKET): by which it would leave; mac(INTERFACE).
static int interface(lua_State *L)
{
    unsigned first;
    lua_settop(L, 2);
    struct sok_lua_job *job = sok_lua_job_new(L);
    sok_lua_job_interface(L, job, 2, sok_lua_check_packet(L, 1, &first));
    lua_pushstring(L, job->interface);
    return 1;
}

static int mac(lua_State *L)
{
    struct ifreq ifr = {0};
    const char *name = luaL_checkstring(L, 1);
    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool found = fd >= 0 && ioctl(fd, SIOCGIFHWADDR, &ifr) == 0;
    if (fd >= 0)
        close(fd);
    if (!found)
        return sok_lua_error(L, "no such interface: %s (see: ip link)", name);
    const uint8_t *m = (const uint8_t *)ifr.ifr_hwaddr.sa_data;
    char text[18];
    snprintf(
        text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
    lua_pushstring(L, text);
    return 1;
}

// ---- functions in Lua ----

// Calls the function of net.lua with this name.
static int in_words(lua_State *L, const char *name)
{
    lua_getfield(L, LUA_REGISTRYINDEX, WORDS);
    lua_getfield(L, -1, name);
    lua_replace(L, -2);
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int srloop(lua_State *L)
{
    return in_words(L, "srloop");
}

static int srploop(lua_State *L)
{
    return in_words(L, "srploop");
}

static int async_sniffer(lua_State *L)
{
    return in_words(L, "AsyncSniffer");
}

static int traceroute(lua_State *L)
{
    return in_words(L, "traceroute");
}

static int arping(lua_State *L)
{
    return in_words(L, "arping");
}

// The items of the table as a list, or as pairs of sent and received.
static int as_list(lua_State *L, void (*push)(lua_State *))
{
    lua_Integer n = luaL_len(L, 1);
    push(L);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_geti(L, 1, i);
        lua_rawseti(L, -2, i);
    }
    return 1;
}

static int list(lua_State *L)
{
    return as_list(L, sok_lua_push_list);
}

// named(LIST, NAME): LIST.
static int named(lua_State *L)
{
    const char *name = luaL_checkstring(L, 2);
    lua_pushvalue(L, 1);
    sok_lua_name_list(L, name);
    return 1;
}

static int pairs_of(lua_State *L)
{
    return as_list(L, sok_lua_push_pairs);
}

static void load_words(lua_State *L)
{
    static const luaL_Reg helpers[] = {{"pause", pause_seconds}, {"now", now}, {"fail", fail},
        {"check", check_options}, {"interrupted", interrupted}, {"interface", interface},
        {"mac", mac}, {"named", named}, {"listen", sok_lua_listen}, {"hear", sok_lua_hear},
        {"list", list}, {"pairs", pairs_of}, {NULL, NULL}};
    sok_lua_words_load(L, SOK_NET_LUA, "=net.lua", helpers);
    lua_setfield(L, LUA_REGISTRYINDEX, WORDS);
}

// ---- the world ----

struct world {
    struct sok_ways *ways;
    struct sok_craft_world world;
};

static int world_gc(lua_State *L)
{
    struct world *w = luaL_checkudata(L, 1, WORLD);
    sok_ways_close(w->ways);
    w->ways = NULL;
    return 0;
}

static void new_type(lua_State *L, const char *name, lua_CFunction gc)
{
    luaL_newmetatable(L, name);
    lua_pushcfunction(L, gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
}

// Packets are built with what the kernel knows already; nothing is sent to find out. Where it tells nothing, packets
// are built without.
static void open_world(lua_State *L)
{
    char err[SOK_PROBE_ERR_MAX];
    struct world *w = lua_newuserdatauv(L, sizeof(*w), 0);
    memset(w, 0, sizeof(*w));
    luaL_setmetatable(L, WORLD);
    lua_rawsetp(L, LUA_REGISTRYINDEX, w); // WORLD itself is its metatable there
    if (sok_ways_open(sok_lua_mem(L), NULL, &w->ways, err) < 0)
        return;
    sok_ways_world(w->ways, 0, &w->world);
    sok_book_set_world(sok_lua_book(L), &w->world);
}

void sok_lua_open_net(lua_State *L)
{
    new_type(L, JOB, job_gc);
    luaL_getmetatable(L, JOB);
    lua_pushcfunction(L, job_gc);
    lua_setfield(L, -2, "__close");
    lua_pop(L, 1);
    new_type(L, WORLD, world_gc);
    open_world(L);
    lua_newtable(L);
    lua_setglobal(L, "conf");
    lua_newtable(L);
    lua_setfield(L, LUA_REGISTRYINDEX, NAMES);
    load_words(L);
    sok_lua_open_hosts(L);
}

const struct sok_lua_function sok_lua_net_functions[] = {
    {"send", sok_lua_send, "send(PACKETS, {count=, inter=, loop=, iface=})",
        "send packets that begin with IP or IPv6"},
    {"sendp", sok_lua_sendp, "sendp(PACKETS, {count=, inter=, loop=, iface=})",
        "send packets that begin with Ether"},
    {"sr", sok_lua_sr, "sr(PACKETS, {timeout=, retry=, inter=, multi=, filter=, iface=})",
        "send and receive: ans, unans"},
    {"sr1", sok_lua_sr1, "sr1(PACKETS, {timeout=, ...})",
        "send and receive: the first answer, or nil"},
    {"srp", sok_lua_srp, "srp(PACKETS, {timeout=, iface=, ...})", "as sr, with Ether"},
    {"srp1", sok_lua_srp1, "srp1(PACKETS, {timeout=, iface=, ...})", "as sr1, with Ether"},
    {"srloop", srloop, "srloop(PACKETS, {inter=, count=, timeout=, ...})",
        "send and receive again and again"},
    {"srploop", srploop, "srploop(PACKETS, {inter=, count=, timeout=, iface=})",
        "as srloop, with Ether"},
    {"sniff", sok_lua_sniff,
        "sniff{iface=, filter=, count=, timeout=, prn=, lfilter=, stop_filter=, started_callback=, "
        "store=, offline=, "
        "promisc=, snaplen=, ring=}",
        "what passes on an interface, or lies in a file"},
    {"AsyncSniffer", async_sniffer, "AsyncSniffer{iface=, filter=, ...}",
        "a sniff beside what else is done: s:start(), s:stop(), s:join(), s.results"},
    {"traceroute", traceroute, "traceroute(TARGETS, {dport=, minttl=, maxttl=, timeout=})",
        "the routers on the way, by TCP SYNs of growing TTL"},
    {"arping", arping, "arping(NETWORK, {timeout=, iface=})",
        "who of a network answers ARP, or neighbour solicitations"},
    {"rdpcap", sok_lua_rdpcap, "rdpcap(FILE, {count=, filter=})",
        "packets of a pcap or pcapng file"},
    {"wrpcap", sok_lua_wrpcap, "wrpcap(FILE, PACKETS, {append=, gz=, nano=})",
        "write packets: pcap if the name ends so, else pcapng"},
    {"host", sok_lua_make_host, "host{link=, addr=, gateway=, dhcp=, virtual=, seed=}",
        "a stack of its own: h:connect, h:listen, h:udp, h:events, h:step, h:close"},
    {"wire", sok_lua_wire, "wire(A, {addr=}, B, {addr=, impair=})", "join two hosts in memory"},
    {"drill", sok_lua_drill, "drill(FILE, {v6=, play=})", "play a conversation under virtual time"},
    {"wall", wall, "wall()", "the time in seconds since 1970"},
    {"sleep", sleep_seconds, "sleep(SECONDS)", "let time pass"},
    {NULL, NULL, NULL, NULL},
};
