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
#define JOB     6

struct sniffing {
    struct sok_lua_job *job;
    lua_Integer count, seen, kept; // count 0: no limit
    int64_t end;                   // monotonic; below 0: none
    bool store, over;
};

static bool call_is_true(lua_State *L, int function, int packet)
{
    lua_pushvalue(L, function);
    lua_pushvalue(L, packet);
    lua_call(L, 1, 1);
    bool yes = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return yes;
}

static void call_prn(lua_State *L, int packet)
{
    lua_pushvalue(L, PRN);
    lua_pushvalue(L, packet);
    lua_call(L, 1, 1);
    if (!lua_isnil(L, -1)) {
        size_t len;
        const char *text = luaL_tolstring(L, -1, &len);
        sok_lua_write(text, len);
        sok_lua_write("\n", 1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void take(lua_State *L, struct sniffing *s, const struct sok_capture_record *record)
{
    sok_lua_push_record(L, record);
    int packet = lua_gettop(L);
    if (!lua_isnil(L, LFILTER) && !call_is_true(L, LFILTER, packet)) {
        lua_pop(L, 1);
        return;
    }
    s->seen++;
    if (s->store) {
        lua_pushvalue(L, packet);
        lua_rawseti(L, LIST, ++s->kept);
    }
    if (!lua_isnil(L, PRN))
        call_prn(L, packet);
    if (!lua_isnil(L, STOP) && call_is_true(L, STOP, packet))
        s->over = true;
    if (s->count > 0 && s->seen >= s->count)
        s->over = true;
    lua_pop(L, 1);
}

static void from_file(lua_State *L, struct sniffing *s)
{
    struct sok_capture_record record;
    int r = 0;
    while (!s->over && (r = sok_capture_file_next(s->job->file, &record, s->job->err)) == 1) {
        take(L, s, &record);
        if (sok_lua_interrupt_taken(L))
            break;
    }
    if (r < 0)
        sok_lua_job_fail(L, s->job);
}

// Waits for packets, not past the end; false: it is over.
static bool wait_for_more(lua_State *L, struct sniffing *s)
{
    struct pollfd p = {.fd = sok_capture_fd(s->job->capture), .events = POLLIN};
    int64_t left = s->end < 0 ? 1000000000 : s->end - sok_lua_monotonic();
    if (left <= 0 || sok_lua_interrupt_taken(L))
        return false;
    fflush(stdout);
    int ms = left > 200000000 ? 200 : (int)(left / 1000000) + 1;
    poll(&p, 1, ms);
    return !sok_lua_interrupt_taken(L);
}

static void from_interface(lua_State *L, struct sniffing *s)
{
    struct sok_capture_record record;
    while (!s->over) {
        int r = sok_capture_next(s->job->capture, &record);
        if (r < 0) {
            snprintf(s->job->err, sizeof(s->job->err), "listening: %s", sok_strerror(r));
            sok_lua_job_fail(L, s->job);
        }
        if (r == 1) {
            take(L, s, &record);
            // On a busy link there is always more.
            s->over = s->over || sok_lua_interrupt_taken(L) ||
                      (s->end >= 0 && sok_lua_monotonic() >= s->end);
        } else if (!wait_for_more(L, s)) {
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

static void open_interface(lua_State *L, struct sniffing *s)
{
    struct sok_lua_job *job = s->job;
    sok_lua_job_interface(L, job, 1, NULL);
    struct sok_capture_options o = {
        .interface = job->interface[0] ? job->interface : NULL,
        .filter = sok_lua_option_text(L, 1, "filter", NULL),
        .snaplen = (uint32_t)sok_lua_option_integer(L, 1, "snaplen", 0, 0, SOK_CAPTURE_SNAPLEN_MAX),
        .ring_bytes =
            (uint32_t)sok_lua_option_integer(L, 1, "ring", 0, 0, SOK_CAPTURE_RING_BYTES_MAX),
        .promiscuous = sok_lua_option_true(L, 1, "promisc", true),
    };
    if (sok_capture_open(sok_lua_mem(L), &o, &job->capture, job->err) < 0)
        sok_lua_job_fail(L, job);
    int64_t timeout = sok_lua_option_ns(L, 1, "timeout", -1);
    s->end = timeout < 0 ? -1 : sok_lua_monotonic() + timeout;
    if (sok_lua_option_function(L, 1, "started_callback"))
        lua_call(L, 0, 0);
}

static void push_function(lua_State *L, const char *name, int at)
{
    if (!sok_lua_option_function(L, 1, name))
        lua_pushnil(L);
    lua_replace(L, at);
}

int sok_lua_sniff(lua_State *L)
{
    struct sniffing s = {0};
    lua_settop(L, LIST);
    sok_lua_options_check(L, 1, OPTIONS);
    push_function(L, "prn", PRN);
    push_function(L, "lfilter", LFILTER);
    push_function(L, "stop_filter", STOP);
    s.store = sok_lua_option_true(L, 1, "store", true);
    s.count = sok_lua_option_integer(L, 1, "count", 0, 0, LUA_MAXINTEGER);
    const char *offline = sok_lua_option_text(L, 1, "offline", NULL);
    sok_lua_push_list(L);
    lua_replace(L, LIST);
    s.job = sok_lua_job_new(L);
    if (offline) {
        const char *filter = sok_lua_option_text(L, 1, "filter", NULL);
        if (sok_capture_file_open(sok_lua_mem(L), offline, filter, &s.job->file, s.job->err) < 0)
            sok_lua_job_fail(L, s.job);
        from_file(L, &s);
    } else {
        open_interface(L, &s);
        from_interface(L, &s);
        tell_drops(&s);
    }
    sok_lua_job_end(s.job);
    lua_pushvalue(L, LIST);
    return 1;
}
