// host{link="lan:a", addr="192.0.2.2/24"}: a stack of Sockeye's with its links, stepped while Lua waits for one of its
// sockets (net_socket.c) or calls step. With virtual=true time jumps instead of passing: hosts joined by wire() then talk
// for hours in a moment. And drill(): a conversation played, its timeline given.
#include "lua/net_host.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "host/drill.h"
#include "host/host.h"
#include "host/timeline.h"

#define HOST         "sockeye.host"
#define WORDS_MAX    64
#define FILE_MAX_LEN (4 << 20)

#define LINK_OPTIONS "link addr gateway mac mtu vlan impair route dhcp slaac"
#define HOST_OPTIONS LINK_OPTIONS " virtual seed settings events"

// ---- the timeline, kept ----

static ssize_t keep_text(void *ctx, const char *data, size_t len)
{
    struct sok_lua_host *h = ctx;
    size_t all = len;
    if (h->len + len > SOK_LUA_EVENTS_MAX) {
        h->len = 0;
        h->cut = true;
    }
    if (len > SOK_LUA_EVENTS_MAX) {
        data += len - SOK_LUA_EVENTS_MAX;
        len = SOK_LUA_EVENTS_MAX;
    }
    memcpy(h->text + h->len, data, len);
    h->len += len;
    return (ssize_t)all;
}

static int keep_events(struct sok_lua_host *h)
{
    h->text = malloc(SOK_LUA_EVENTS_MAX); // touched as it fills
    h->events = h->text ? fopencookie(h, "w", (cookie_io_functions_t){.write = keep_text}) : NULL;
    struct sok_timeline_options o = {.file = h->events, .utf8 = true};
    struct sok_view *view = h->events ? sok_timeline_open(&o) : NULL;
    if (!view)
        return SOK_ENOMEM;
    sok_host_view_add(h->host, view);
    return 0;
}

// The lines since the last call, as a table.
static int host_events(lua_State *L)
{
    struct sok_lua_host *h = sok_lua_check_host(L, 1);
    lua_Integer n = 0;
    if (!h->events)
        return sok_lua_error(L, "this host keeps no events (host{events=true})");
    sok_views_flush(h->host->views);
    fflush(h->events);
    lua_newtable(L);
    for (size_t at = 0, end; at < h->len; at = end + 1) {
        const char *line = h->text + at, *stop = memchr(line, '\n', h->len - at);
        end = stop ? (size_t)(stop - h->text) : h->len;
        lua_pushlstring(L, line, end - at);
        lua_rawseti(L, -2, ++n);
    }
    h->len = 0;
    lua_pushboolean(L, h->cut);
    lua_setfield(L, -2, "cut");
    h->cut = false;
    return 1;
}

// ---- making one ----

struct words {
    const char *at[WORDS_MAX + 1];
};

// One text or a list of them, kept by the option table.
static const char *const *option_words(lua_State *L, int idx, const char *name, struct words *w)
{
    unsigned n = 0;
    int type = lua_getfield(L, idx, name);
    if (type == LUA_TSTRING) {
        w->at[n++] = lua_tostring(L, -1);
    } else if (type == LUA_TTABLE) {
        lua_Integer count = luaL_len(L, -1);
        for (lua_Integer i = 1; i <= count && n < WORDS_MAX; i++) {
            if (lua_geti(L, -1, i) != LUA_TSTRING)
                sok_lua_error(L, "%s: text wanted, not a %s", name, luaL_typename(L, -1));
            w->at[n++] = lua_tostring(L, -1);
            lua_pop(L, 1);
        }
    } else if (type != LUA_TNIL) {
        sok_lua_error(
            L, "%s: text or a list of texts wanted, not a %s", name, luaL_typename(L, -1));
    }
    w->at[n] = NULL;
    lua_pop(L, 1);
    return n ? w->at : NULL;
}

struct link_words {
    struct words addrs, routes;
};

static struct sok_host_link read_link(lua_State *L, int idx, struct link_words *w)
{
    struct sok_host_link link = {.size = sizeof(link)};
    link.spec = sok_lua_option_text(L, idx, "link", NULL);
    link.addrs = option_words(L, idx, "addr", &w->addrs);
    link.routes = option_words(L, idx, "route", &w->routes);
    link.gateway = sok_lua_option_text(L, idx, "gateway", NULL);
    link.mac = sok_lua_option_text(L, idx, "mac", NULL);
    link.impair = sok_lua_option_text(L, idx, "impair", NULL);
    link.mtu = (uint16_t)sok_lua_option_integer(L, idx, "mtu", 0, 0, 65535);
    link.vlan = (uint16_t)sok_lua_option_integer(L, idx, "vlan", 0, 0, 4094);
    link.dhcp = sok_lua_option_true(L, idx, "dhcp", false);
    link.slaac = sok_lua_option_true(L, idx, "slaac", false);
    return link;
}

// The host first: its view writes a last time.
static void forget(struct sok_lua_host *h)
{
    sok_host_free(h->host);
    if (h->events)
        fclose(h->events);
    free(h->text);
    *h = (struct sok_lua_host){0};
}

static int make_error(lua_State *L, struct sok_lua_host *h, const char *err)
{
    forget(h);
    return sok_lua_error(L, "host: %s", err);
}

int sok_lua_make_host(lua_State *L)
{
    char err[SOK_HOST_ERR_MAX] = "no memory";
    struct words settings;
    struct link_words words;
    struct sok_host_config c = {.size = sizeof(c)};
    luaL_checktype(L, 1, LUA_TTABLE);
    sok_lua_options_check(L, 1, HOST_OPTIONS);
    sok_host_config_default(&c);
    c.virtual_time = sok_lua_option_true(L, 1, "virtual", false);
    c.settings = option_words(L, 1, "settings", &settings);
    lua_Integer seed = sok_lua_option_integer(L, 1, "seed", -1, -1, LUA_MAXINTEGER);
    c.has_seed = seed >= 0;
    c.seed = c.has_seed ? (uint64_t)seed : 0;
    struct sok_host_link link = read_link(L, 1, &words);
    bool events = sok_lua_option_true(L, 1, "events", true);
    struct sok_lua_host *h = lua_newuserdatauv(L, sizeof(*h), 0);
    memset(h, 0, sizeof(*h));
    luaL_setmetatable(L, HOST);
    if (sok_host_new(&c, &h->host, err) < 0 || (events && keep_events(h) < 0))
        return make_error(L, h, err);
    if (link.spec &&
        (sok_host_link_add(h->host, &link, err) < 0 || sok_host_ready(h->host, -1, err) < 0))
        return make_error(L, h, err);
    return 1;
}

// wire(a, {addr=...}, b, {addr=...}): joins two hosts.
int sok_lua_wire(lua_State *L)
{
    char err[SOK_HOST_ERR_MAX] = "";
    struct link_words first, second;
    struct sok_lua_host *a = sok_lua_check_host(L, 1), *b = sok_lua_check_host(L, 3);
    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checktype(L, 4, LUA_TTABLE);
    sok_lua_options_check(L, 2, LINK_OPTIONS);
    sok_lua_options_check(L, 4, LINK_OPTIONS);
    struct sok_host_link la = read_link(L, 2, &first), lb = read_link(L, 4, &second);
    if (sok_host_link_pair(a->host, &la, b->host, &lb, err) < 0)
        return sok_lua_error(L, "wire: %s", err);
    return 0;
}

// ---- methods ----

struct sok_lua_host *sok_lua_check_host(lua_State *L, int idx)
{
    struct sok_lua_host *h = luaL_testudata(L, idx, HOST);
    if (!h)
        sok_lua_error(L, "a host wanted (host{...}), not a %s", luaL_typename(L, idx));
    if (!h->host)
        sok_lua_error(L, "the host is closed");
    return h;
}

// Lets time pass, and what comes be dealt with.
static int host_step(lua_State *L)
{
    struct sok_lua_host *h = sok_lua_check_host(L, 1);
    int64_t end = sok_host_now(h->host) + sok_lua_check_seconds(L, 2);
    do {
        int64_t left = end - sok_host_now(h->host);
        sok_host_step(h->host, left > 0 ? left : 0);
    } while (sok_host_now(h->host) < end && !sok_lua_interrupt_taken(L));
    return 0;
}

static int host_now(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)sok_host_now(sok_lua_check_host(L, 1)->host) / 1e9);
    return 1;
}

static int host_close(lua_State *L)
{
    struct sok_lua_host *h = luaL_checkudata(L, 1, HOST);
    if (!h->host)
        return 0;
    if (lua_gettop(L) == 1) // not the garbage collector's
        sok_host_linger(h->host, 1000000000);
    forget(h);
    return 0;
}

static int host_gc(lua_State *L)
{
    lua_settop(L, 1);
    lua_pushnil(L);
    return host_close(L);
}

void sok_lua_open_hosts(lua_State *L)
{
    static const luaL_Reg methods[] = {{"connect", sok_lua_host_connect},
        {"listen", sok_lua_host_listen}, {"udp", sok_lua_host_udp}, {"events", host_events},
        {"step", host_step}, {"now", host_now}, {"close", host_close}, {NULL, NULL}};
    luaL_newmetatable(L, HOST);
    lua_pushcfunction(L, host_gc);
    lua_setfield(L, -2, "__gc");
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    sok_lua_open_sockets(L);
}

// ---- drills ----

static void push_file(lua_State *L, const char *path)
{
    luaL_Buffer b;
    FILE *f = fopen(path, "re");
    if (!f)
        sok_lua_error(L, "%s: %s", path, strerror(errno));
    luaL_buffinit(L, &b);
    char *room = luaL_buffinitsize(L, &b, FILE_MAX_LEN);
    size_t n = fread(room, 1, FILE_MAX_LEN, f);
    int error = ferror(f) ? errno : n == FILE_MAX_LEN ? EFBIG : 0;
    fclose(f);
    if (error)
        sok_lua_error(L, "%s: %s", path, strerror(error));
    luaL_pushresultsize(&b, n);
}

static void set_text(lua_State *L, const char *name, const char *text)
{
    lua_pushstring(L, text); // NULL: nil
    lua_setfield(L, -2, name);
}

// A file's name, or (with a line end in it) the drill itself.
int sok_lua_drill(lua_State *L)
{
    struct sok_drill_report report;
    lua_settop(L, 2);
    sok_lua_options_check(L, 2, "v6 play");
    const struct sok_drill_options o = {.utf8 = true,
        .v6 = sok_lua_option_true(L, 2, "v6", false),
        .loose = sok_lua_option_true(L, 2, "play", false)};
    const char *text = luaL_checkstring(L, 1);
    if (!strchr(text, '\n')) {
        push_file(L, text);
        text = lua_tostring(L, -1);
    }
    if (sok_drill_play(text, &o, &report) < 0)
        return sok_lua_error(L, "no memory for a drill");
    lua_newtable(L);
    lua_pushboolean(L, report.passed);
    lua_setfield(L, -2, "passed");
    lua_pushinteger(L, report.line);
    lua_setfield(L, -2, "line");
    set_text(L, "timeline", report.timeline);
    if (!report.passed) {
        set_text(L, "message", report.message);
        set_text(L, "expected", report.expected);
        set_text(L, "came", report.came);
    }
    sok_drill_report_free(&report);
    return 1;
}
