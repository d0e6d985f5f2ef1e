// Sockets of a host: every call waits, up to its timeout on the host's clock, and steps the host meanwhile.
#include <string.h>
#include "lua/net_host.h"

#define SOCKET   "sockeye.socket"
#define SLICE_NS 100000000 // how long Ctrl-C may go unnoticed
#define RECV_MAX 65536

struct socket {
    struct sok_socket *s; // NULL: closed
    struct sok_lua_host *host;
};

static struct socket *check(lua_State *L)
{
    struct socket *s = luaL_checkudata(L, 1, SOCKET);
    if (!s->host->host)
        sok_lua_error(L, "the host is closed");
    if (!s->s)
        sok_lua_error(L, "the socket is closed");
    return s;
}

static int raise(lua_State *L, const char *what, int64_t error)
{
    return sok_lua_error(L, "%s: %s", what, sok_strerror((int)error));
}

// A new one over the host at 1, which it keeps.
static struct socket *push_socket(lua_State *L, struct sok_lua_host *host, int host_at)
{
    struct socket *s = lua_newuserdatauv(L, sizeof(*s), 1);
    *s = (struct socket){.host = host};
    lua_pushvalue(L, host_at);
    lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, SOCKET);
    return s;
}

static int64_t timeout_of(lua_State *L, int options)
{
    double seconds = sok_lua_option_number(L, options, "timeout", 30, 0);
    return (int64_t)(seconds * 1e9);
}

static void wait_for(
    lua_State *L, struct socket *s, unsigned want, int64_t timeout, const char *what)
{
    int64_t end = sok_host_now(s->host->host) + timeout;
    for (;;) {
        int64_t left = end - sok_host_now(s->host->host);
        int r = sok_wait(s->s, want, left < SLICE_NS ? (left > 0 ? left : 0) : SLICE_NS);
        if (r >= 0)
            return;
        if (r != SOK_ETIMEDOUT)
            raise(L, what, r);
        if (sok_lua_interrupt_taken(L))
            sok_lua_interrupt_raise(L);
        if (sok_host_now(s->host->host) >= end)
            raise(L, what, SOK_ETIMEDOUT);
    }
}

static struct sok_endpoint read_endpoint(lua_State *L, int addr, int port)
{
    struct sok_endpoint e = {0};
    const char *text = luaL_checkstring(L, addr);
    lua_Integer number = luaL_checkinteger(L, port);
    if (!sok_addr_parse(text, &e.addr))
        sok_lua_error(L, "'%s' is no address (in figures: 192.0.2.1, 2001:db8::1)", text);
    if (number < 0 || number > 65535)
        sok_lua_error(L, "port %I is not from 0 to 65535", number);
    e.port = (uint16_t)number;
    return e;
}

static void open_socket(lua_State *L, struct socket *s, enum sok_socket_type type)
{
    int r = sok_socket(s->host->host, type, &s->s);
    if (r < 0)
        raise(L, "socket", r);
}

static void bind_to(lua_State *L, struct socket *s, int options, const char *name, lua_Integer port)
{
    struct sok_endpoint e = {.addr = sok_addr_v4(0), .port = (uint16_t)port};
    const char *addr = sok_lua_option_text(L, options, name, NULL);
    if (addr && !sok_addr_parse(addr, &e.addr))
        sok_lua_error(L, "%s: '%s' is no address", name, addr);
    int r = sok_bind(s->s, &e);
    if (r < 0)
        raise(L, "bind", r);
}

// ---- of a host ----

int sok_lua_host_connect(lua_State *L)
{
    struct sok_lua_host *h = sok_lua_check_host(L, 1);
    int64_t error = 0;
    lua_settop(L, 4);
    struct sok_endpoint to = read_endpoint(L, 2, 3);
    sok_lua_options_check(L, 4, "timeout sport addr");
    int64_t timeout = timeout_of(L, 4);
    lua_Integer port = sok_lua_option_integer(L, 4, "sport", 0, 0, 65535);
    struct socket *s = push_socket(L, h, 1);
    open_socket(L, s, SOK_STREAM);
    if (port || sok_lua_option_text(L, 4, "addr", NULL))
        bind_to(L, s, 4, "addr", port);
    int r = sok_connect(s->s, &to);
    if (r < 0 && r != SOK_EINPROGRESS)
        raise(L, "connect", r);
    if (r < 0)
        wait_for(L, s, SOK_POLL_OUT, timeout, "connect");
    sok_getsockopt(s->s, SOK_OPT_ERROR, &error);
    if (error != 0)
        raise(L, "connect", error < 0 ? error : -error);
    return 1;
}

int sok_lua_host_listen(lua_State *L)
{
    struct sok_lua_host *h = sok_lua_check_host(L, 1);
    lua_settop(L, 3);
    lua_Integer port = luaL_checkinteger(L, 2);
    if (port < 0 || port > 65535)
        return sok_lua_error(L, "port %I is not from 0 to 65535", port);
    sok_lua_options_check(L, 3, "addr backlog");
    struct socket *s = push_socket(L, h, 1);
    open_socket(L, s, SOK_STREAM);
    bind_to(L, s, 3, "addr", port);
    int r = sok_listen(s->s, (int)sok_lua_option_integer(L, 3, "backlog", 16, 1, 65535));
    return r < 0 ? raise(L, "listen", r) : 1;
}

int sok_lua_host_udp(lua_State *L)
{
    struct sok_lua_host *h = sok_lua_check_host(L, 1);
    lua_settop(L, 2);
    sok_lua_options_check(L, 2, "port addr");
    lua_Integer port = sok_lua_option_integer(L, 2, "port", 0, 0, 65535);
    struct socket *s = push_socket(L, h, 1);
    open_socket(L, s, SOK_DGRAM);
    bind_to(L, s, 2, "addr", port);
    return 1;
}

// ---- of a socket ----

static int socket_accept(lua_State *L)
{
    struct socket *s = check(L);
    lua_settop(L, 2);
    sok_lua_options_check(L, 2, "timeout");
    wait_for(L, s, SOK_POLL_IN, timeout_of(L, 2), "accept");
    lua_getiuservalue(L, 1, 1);
    struct socket *made = push_socket(L, s->host, lua_gettop(L));
    int r = sok_accept(s->s, &made->s);
    return r < 0 ? raise(L, "accept", r) : 1;
}

static int socket_send(lua_State *L)
{
    struct socket *s = check(L);
    size_t len, done = 0;
    const char *data = luaL_tolstring(L, 2, &len);
    while (done < len) {
        int64_t n = sok_send(s->s, data + done, len - done);
        if (n == SOK_EAGAIN)
            wait_for(L, s, SOK_POLL_OUT, 30000000000, "send");
        else if (n < 0)
            return raise(L, "send", n);
        else
            done += (size_t)n;
    }
    return 0;
}

// What has come, up to so many bytes; nil: the end.
static int socket_recv(lua_State *L)
{
    char data[RECV_MAX];
    struct socket *s = check(L);
    lua_settop(L, 3);
    lua_Integer most = luaL_optinteger(L, 2, sizeof(data));
    if (most < 1)
        return sok_lua_error(L, "recv: %I bytes cannot be read", most);
    sok_lua_options_check(L, 3, "timeout");
    size_t room = most < (lua_Integer)sizeof(data) ? (size_t)most : sizeof(data);
    int64_t n = sok_recv(s->s, data, room);
    if (n == SOK_EAGAIN) {
        wait_for(L, s, SOK_POLL_IN, timeout_of(L, 3), "recv");
        n = sok_recv(s->s, data, room);
    }
    if (n < 0)
        return raise(L, "recv", n);
    if (n == 0)
        lua_pushnil(L);
    else
        lua_pushlstring(L, data, (size_t)n);
    return 1;
}

static int push_endpoint(lua_State *L, const struct sok_endpoint *e)
{
    char text[SOK_ADDR_TEXT_MAX];
    lua_pushstring(L, sok_addr_format(e->addr, text));
    lua_pushinteger(L, e->port);
    return 2;
}

static int socket_sendto(lua_State *L)
{
    struct socket *s = check(L);
    size_t len;
    struct sok_endpoint to = read_endpoint(L, 3, 4);
    const char *data = luaL_tolstring(L, 2, &len);
    int64_t n = sok_sendto(s->s, data, len, &to);
    return n < 0 ? raise(L, "sendto", n) : 0;
}

// data, address, port
static int socket_recvfrom(lua_State *L)
{
    char data[RECV_MAX];
    struct socket *s = check(L);
    struct sok_endpoint from;
    lua_settop(L, 2);
    sok_lua_options_check(L, 2, "timeout");
    wait_for(L, s, SOK_POLL_IN, timeout_of(L, 2), "recvfrom");
    int64_t n = sok_recvfrom(s->s, data, sizeof(data), &from);
    if (n < 0)
        return raise(L, "recvfrom", n);
    lua_pushlstring(L, data, (size_t)n);
    return 1 + push_endpoint(L, &from);
}

static int socket_peer(lua_State *L)
{
    struct sok_endpoint e;
    int r = sok_getpeername(check(L)->s, &e);
    return r < 0 ? raise(L, "peer", r) : push_endpoint(L, &e);
}

static int socket_name(lua_State *L)
{
    struct sok_endpoint e;
    int r = sok_getsockname(check(L)->s, &e);
    return r < 0 ? raise(L, "name", r) : push_endpoint(L, &e);
}

static int socket_shutdown(lua_State *L)
{
    int r = sok_shutdown(check(L)->s);
    return r < 0 ? raise(L, "shutdown", r) : 0;
}

static int socket_close(lua_State *L)
{
    struct socket *s = luaL_checkudata(L, 1, SOCKET);
    if (s->s && s->host->host)
        sok_close(s->s);
    s->s = NULL;
    return 0;
}

static int socket_abort(lua_State *L)
{
    struct socket *s = check(L);
    sok_abort(s->s);
    s->s = NULL;
    return 0;
}

void sok_lua_open_sockets(lua_State *L)
{
    static const luaL_Reg methods[] = {{"accept", socket_accept}, {"send", socket_send},
        {"recv", socket_recv}, {"sendto", socket_sendto}, {"recvfrom", socket_recvfrom},
        {"peer", socket_peer}, {"name", socket_name}, {"shutdown", socket_shutdown},
        {"close", socket_close}, {"abort", socket_abort}, {NULL, NULL}};
    luaL_newmetatable(L, SOCKET);
    lua_pushcfunction(L, socket_close);
    lua_setfield(L, -2, "__gc");
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}
