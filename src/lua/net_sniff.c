// sniff: from an interface or a file, through the script's functions, into a list.
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include "lua/net.h"

#define OPTIONS                                                                                    \
    "iface filter count timeout prn lfilter stop_filter store offline promisc snaplen ring "       \
    "started_callback quiet"
#define PRN     2 // on the stack
#define LFILTER 3
#define STOP    4
#define LIST    5
#define REST_NS 1000000000 // for a block that has to be handed over
#define TOLD_MS 200        // at the latest so often it is looked at what happened besides packets

struct sniffing {
    struct sok_lua_job *job;
    lua_Integer count, seen, kept; // count 0: no limit
    int64_t end;                   // monotonic; below 0: none
    bool store, over;
    unsigned names_count; // of interfaces that are listened on; their texts stay in the options
    const char *names[SOK_CAPTURE_INTERFACES_MAX];
};

// Pushes what the function gives. A Ctrl-C in it ends the sniff, and what came is kept; other errors go on.
static void call(lua_State *L, struct sniffing *s, int function, int packet)
{
    lua_pushvalue(L, function);
    lua_pushvalue(L, packet);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK)
        return;
    if (lua_type(L, -1) != LUA_TSTRING || !sok_lua_interrupt_ended(lua_tostring(L, -1)))
        lua_error(L);
    lua_pop(L, 1);
    lua_pushnil(L);
    s->over = true;
}

static bool call_is_true(lua_State *L, struct sniffing *s, int function, int packet)
{
    call(L, s, function, packet);
    bool yes = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return yes;
}

static void call_prn(lua_State *L, struct sniffing *s, int packet)
{
    call(L, s, PRN, packet);
    if (!lua_isnil(L, -1)) {
        size_t len;
        const char *text = luaL_tolstring(L, -1, &len);
        sok_lua_write(text, len);
        sok_lua_write("\n", 1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

// The packet on the top, which is popped.
static void take_packet(lua_State *L, struct sniffing *s)
{
    int packet = lua_gettop(L);
    if (!lua_isnil(L, LFILTER) && !call_is_true(L, s, LFILTER, packet)) {
        lua_pop(L, 1);
        return;
    }
    s->seen++;
    if (s->store) {
        lua_pushvalue(L, packet);
        lua_rawseti(L, LIST, ++s->kept);
    }
    if (!lua_isnil(L, PRN))
        call_prn(L, s, packet);
    if (!lua_isnil(L, STOP) && call_is_true(L, s, STOP, packet))
        s->over = true;
    if (s->count > 0 && s->seen >= s->count)
        s->over = true;
    lua_pop(L, 1);
}

static void take(lua_State *L, struct sniffing *s, const struct sok_capture_record *record)
{
    sok_lua_push_record(L, s->job, record);
    if (s->store) {
        struct sok_lua_box *box = sok_lua_to_view(L, -1)->box;
        box->packet = sok_packet_pack(box->packet);
    }
    take_packet(L, s);
}

// ---- from files and lists ----

static void from_file(lua_State *L, struct sniffing *s, const char *name)
{
    struct sok_capture_record record;
    const char *filter = sok_lua_option_text(L, 1, "filter", NULL);
    int r = 0;
    if (sok_capture_file_open(sok_lua_mem(L), name, filter, &s->job->file, s->job->err) < 0)
        sok_lua_job_fail(L, s->job);
    s->job->number_known = false;
    while (!s->over && (r = sok_capture_file_next(s->job->file, &record, s->job->err)) == 1) {
        take(L, s, &record);
        if (sok_lua_interrupt_taken(L))
            s->over = true; // of further files, too
    }
    if (r < 0)
        sok_lua_job_fail(L, s->job);
    sok_capture_file_close(s->job->file);
    s->job->file = NULL;
}

static void from_packets(lua_State *L, struct sniffing *s, int idx)
{
    struct sok_lua_each each;
    if (sok_lua_option_text(L, 1, "filter", NULL))
        sok_lua_error(L, "filter: of files and interfaces; packets are chosen by lfilter=FUNCTION");
    sok_lua_each_begin(L, idx, &each);
    while (!s->over && sok_lua_each_next(L, &each)) {
        take_packet(L, s);
        if (sok_lua_interrupt_taken(L))
            break;
    }
}

// offline=FILE, {FILE, ...}, PACKETS. False: not given.
static bool from_offline(lua_State *L, struct sniffing *s)
{
    int base = lua_gettop(L);
    if (lua_type(L, 1) != LUA_TTABLE || lua_getfield(L, 1, "offline") == LUA_TNIL) {
        lua_settop(L, base);
        return false;
    }
    bool names = lua_type(L, -1) == LUA_TTABLE && !sok_lua_is_list(L, -1) &&
                 lua_rawgeti(L, -1, 1) == LUA_TSTRING;
    lua_settop(L, base + 1);
    if (lua_type(L, -1) == LUA_TSTRING)
        from_file(L, s, lua_tostring(L, -1));
    else if (!names)
        from_packets(L, s, base + 1);
    for (lua_Integer i = 1; names && !s->over && lua_geti(L, base + 1, i) != LUA_TNIL; i++) {
        if (lua_type(L, -1) != LUA_TSTRING)
            sok_lua_error(L, "offline: names of files wanted, not a %s", luaL_typename(L, -1));
        from_file(L, s, lua_tostring(L, -1));
        lua_settop(L, base + 1);
    }
    lua_settop(L, base);
    return true;
}

// ---- from interfaces ----

// Waits for packets, not past the end; false: it is over.
static bool wait_for_more(lua_State *L, struct sniffing *s)
{
    struct pollfd p = {.fd = sok_capture_fd(s->job->capture), .events = POLLIN};
    int64_t left = s->end < 0 ? 1000000000 : s->end - sok_lua_monotonic();
    if (left <= 0 || sok_lua_interrupt_taken(L))
        return false;
    fflush(stdout);
    int ms = left > TOLD_MS * 1000000LL ? TOLD_MS : (int)(left / 1000000) + 1;
    poll(&p, 1, ms);
    return !sok_lua_interrupt_taken(L);
}

// What came stays; where nothing is left to listen on it is over.
static void lose_interface(lua_State *L, struct sniffing *s, int error, unsigned which)
{
    if (error != SOK_ELINKDOWN && error != SOK_ENODEV) {
        snprintf(s->job->err, sizeof(s->job->err), "listening: %s", sok_strerror(error));
        sok_lua_job_fail(L, s->job);
    }
    s->over = sok_capture_left(s->job->capture) == 0;
    fprintf(stderr, "sockeye: %s %s: no more of it is heard\n", s->names[which],
        error == SOK_ELINKDOWN ? "went down" : "is gone");
}

// What has come by now, also what lies in a block that the kernel has not handed over.
static void take_rest(lua_State *L, struct sniffing *s)
{
    struct sok_capture_record record;
    struct sok_capture_stats stats;
    sok_capture_stats(s->job->capture, &stats);
    uint64_t all = stats.seen - stats.dropped;
    int64_t end = sok_lua_monotonic() + REST_NS;
    while (!s->over && sok_capture_taken(s->job->capture) < all && sok_lua_monotonic() < end) {
        struct pollfd p = {.fd = sok_capture_fd(s->job->capture), .events = POLLIN};
        int r = sok_capture_next(s->job->capture, &record);
        if (r == 1)
            take(L, s, &record);
        else if (r < 0)
            break;
        else
            poll(&p, 1, 20);
    }
}

static void from_interface(lua_State *L, struct sniffing *s)
{
    struct sok_capture_record record;
    while (!s->over) {
        int r = sok_capture_next(s->job->capture, &record);
        if (r < 0) {
            lose_interface(L, s, r, record.interface);
        } else if (r == 1) {
            take(L, s, &record);
            // On a busy link there is always more.
            s->over = s->over || sok_lua_interrupt_taken(L) ||
                      (s->end >= 0 && sok_lua_monotonic() >= s->end);
        } else if (!wait_for_more(L, s)) {
            take_rest(L, s);
            break;
        }
    }
}

static void tell_drops(struct sniffing *s)
{
    struct sok_capture_stats stats;
    sok_capture_stats(s->job->capture, &stats);
    if (stats.dropped > 0)
        fprintf(stderr, "sockeye: %llu of %llu packets found no room in the ring\n",
            (unsigned long long)stats.dropped, (unsigned long long)stats.seen);
}

// iface="a", iface={"a", "b"}; neither: conf.iface, or all there are. The table keeps the texts.
static void read_interfaces(lua_State *L, struct sniffing *s)
{
    int base = lua_gettop(L);
    if (lua_type(L, 1) == LUA_TTABLE && lua_getfield(L, 1, "iface") == LUA_TTABLE) {
        lua_Integer n = luaL_len(L, -1);
        if (n < 1 || n > SOK_CAPTURE_INTERFACES_MAX)
            sok_lua_error(L, "iface: a list of 1 to %d names wanted (none: all interfaces)",
                SOK_CAPTURE_INTERFACES_MAX);
        for (lua_Integer i = 1; i <= n; i++, lua_pop(L, 1)) {
            if (lua_geti(L, base + 1, i) != LUA_TSTRING)
                sok_lua_error(L, "iface: names wanted, not a %s", luaL_typename(L, -1));
            s->names[s->names_count++] = lua_tostring(L, -1);
        }
    } else {
        lua_settop(L, base);
        sok_lua_job_interface(L, s->job, 1, NULL);
        if (s->job->interface[0])
            s->names[s->names_count++] = s->job->interface;
    }
    lua_settop(L, base);
}

static void open_interface(lua_State *L, struct sniffing *s)
{
    struct sok_lua_job *job = s->job;
    read_interfaces(L, s);
    struct sok_capture_options o = {
        .interfaces = s->names,
        .interface_count = s->names_count,
        .filter = sok_lua_option_text(L, 1, "filter", NULL),
        .snaplen = (uint32_t)sok_lua_option_integer(L, 1, "snaplen", 0, 0, SOK_CAPTURE_SNAPLEN_MAX),
        .ring_bytes =
            (uint32_t)sok_lua_option_integer(L, 1, "ring", 0, 0, SOK_CAPTURE_RING_BYTES_MAX),
        .promiscuous = sok_lua_option_true(L, 1, "promisc", true),
    };
    if (sok_capture_open(sok_lua_mem(L), &o, &job->capture, job->err) < 0)
        sok_lua_job_fail(L, job);
    int64_t timeout = sok_lua_option_ns(L, 1, "timeout", -1);
    s->end = job->end = timeout < 0 ? -1 : sok_lua_monotonic() + timeout;
    if (sok_lua_option_function(L, 1, "started_callback"))
        lua_call(L, 0, 0);
}

static void push_function(lua_State *L, const char *name, int at)
{
    if (!sok_lua_option_function(L, 1, name))
        lua_pushnil(L);
    lua_replace(L, at);
}

// The options are at 1; leaves the stack with the functions and the list behind them.
static void prepare(lua_State *L, struct sniffing *s)
{
    lua_settop(L, LIST);
    sok_lua_options_check(L, 1, OPTIONS);
    push_function(L, "prn", PRN);
    push_function(L, "lfilter", LFILTER);
    push_function(L, "stop_filter", STOP);
    s->store = sok_lua_option_true(L, 1, "store", true);
    s->count = sok_lua_option_integer(L, 1, "count", 0, 0, LUA_MAXINTEGER);
    sok_lua_push_list(L);
    sok_lua_name_list(L, "Sniffed");
    lua_replace(L, LIST);
}

int sok_lua_sniff(lua_State *L)
{
    struct sniffing s = {0};
    prepare(L, &s);
    s.job = sok_lua_job_new(L);
    if (!from_offline(L, &s)) {
        open_interface(L, &s);
        from_interface(L, &s);
        tell_drops(&s);
    }
    sok_lua_job_end(s.job);
    lua_pushvalue(L, LIST);
    return 1;
}

int sok_lua_listen(lua_State *L)
{
    struct sniffing s = {0};
    prepare(L, &s); // mistakes are told now, and not at the end
    bool offline = lua_type(L, 1) == LUA_TTABLE && lua_getfield(L, 1, "offline") != LUA_TNIL;
    if (offline)
        return sok_lua_error(L, "a file is read at once: sniff{offline=...}");
    lua_settop(L, LIST);
    s.job = sok_lua_job_keep(L);
    int at = lua_gettop(L);
    open_interface(L, &s);
    lua_pushvalue(L, at);
    return 1;
}

// The caller keeps the job, and closes it.
int sok_lua_hear(lua_State *L)
{
    struct sniffing s = {.job = sok_lua_job_check(L, 2)};
    bool now = lua_toboolean(L, 3);
    int64_t longest =
        lua_isnoneornil(L, 4) ? -1 : sok_lua_monotonic() + sok_lua_check_seconds(L, 4);
    prepare(L, &s);
    read_interfaces(L, &s);
    s.end = s.job->end;
    if (longest >= 0 && (s.end < 0 || longest < s.end))
        s.end = longest;
    if (now)
        take_rest(L, &s);
    else
        from_interface(L, &s);
    tell_drops(&s);
    lua_pushvalue(L, LIST);
    return 1;
}
