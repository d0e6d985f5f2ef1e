// send, sendp.
#include <stdio.h>
#include "lua/net.h"

#define NEIGHBOUR_MS 1000
#define OPTIONS      "count inter loop iface verbose return_packets"

struct sending {
    struct sok_lua_job *job;
    struct sok_craft_world world;
    int64_t inter, due;
    lua_Integer rounds; // 0: until Ctrl-C
    bool stopped, layer3;
};

static int build(
    lua_State *L, struct sending *s, const struct sok_packet *p, uint8_t *out, size_t size)
{
    int len = sok_packet_build(p, 0, &s->world, out, size);
    if (len < 0) {
        struct sok_craft_error e;
        sok_packet_build_error(p, len, &e);
        sok_lua_job_end(s->job);
        sok_lua_error(L, "it cannot be built: %s", e.text);
    }
    return len;
}

static void put(lua_State *L, struct sending *s, const uint8_t *data, size_t len)
{
    struct sok_lua_job *job = s->job;
    if (sok_sender_put(job->sender, data, len, job->err) < 0 ||
        (s->inter > 0 && sok_sender_flush(job->sender, job->err) < 0))
        sok_lua_job_fail(L, job);
    s->due += s->inter;
    s->stopped = s->inter > 0 ? sok_lua_sleep_until(L, s->due) : sok_lua_interrupt_taken(L);
}

// The packet is left on the stack; NULL: there is none.
static const struct sok_packet *first_packet(lua_State *L)
{
    struct sok_lua_each each;
    unsigned first;
    sok_lua_each_begin(L, 1, &each);
    return sok_lua_each_next(L, &each) ? sok_lua_check_packet(L, -1, &first) : NULL;
}

// One packet is built once, however often it is sent; again where values by chance make it another one.
static void send_one(lua_State *L, struct sending *s, uint8_t *bytes)
{
    const struct sok_packet *packet = first_packet(L);
    bool draws = sok_lua_each_draws(L, 1);
    if (!packet)
        return;
    int len = build(L, s, packet, bytes, SOK_CRAFT_PACKET_MAX);
    for (lua_Integer i = 0; (s->rounds == 0 || i < s->rounds) && !s->stopped; i++) {
        if (i > 0 && draws) {
            lua_pop(L, 1);
            packet = first_packet(L);
            if (!packet)
                return;
            len = build(L, s, packet, bytes, SOK_CRAFT_PACKET_MAX);
        }
        put(L, s, bytes, (size_t)len);
    }
    if (s->layer3) {
        if (sok_sender_flush(s->job->sender, s->job->err) < 0)
            sok_lua_job_fail(L, s->job);
        sok_lua_ask_hop(s->job, packet, NEIGHBOUR_MS);
    }
    lua_pop(L, 1);
}

static void send_many(lua_State *L, struct sending *s, uint8_t *bytes)
{
    struct sok_lua_each each;
    unsigned first;
    for (lua_Integer i = 0; (s->rounds == 0 || i < s->rounds) && !s->stopped; i++) {
        sok_lua_each_begin(L, 1, &each);
        while (!s->stopped && sok_lua_each_next(L, &each)) {
            int len = build(L, s, sok_lua_check_packet(L, -1, &first), bytes, SOK_CRAFT_PACKET_MAX);
            put(L, s, bytes, (size_t)len);
            lua_pop(L, 1);
        }
    }
}

static void open_sender(lua_State *L, struct sending *s, bool frames)
{
    struct sok_lua_job *job = s->job;
    sok_lua_job_interface(L, job, 2, frames ? first_packet(L) : NULL);
    const char *interface = job->interface[0] ? job->interface : NULL;
    const struct sok_sender_options o = {.interface = interface, .frames = frames};
    if (sok_ways_open(sok_lua_mem(L), interface, &job->ways, job->err) < 0 ||
        sok_sender_open(sok_lua_mem(L), job->ways, &o, &job->sender, job->err) < 0)
        sok_lua_job_fail(L, job);
    sok_ways_world(job->ways, NEIGHBOUR_MS, &s->world);
}

static int push_packets(lua_State *L)
{
    struct sok_lua_each each;
    lua_Integer n = 0;
    sok_lua_push_list(L);
    sok_lua_each_begin(L, 1, &each);
    while (sok_lua_each_next(L, &each))
        lua_rawseti(L, -2, ++n);
    return 1;
}

static int send_all(lua_State *L, bool frames)
{
    struct sending s = {0};
    lua_settop(L, 2);
    sok_lua_options_check(L, 2, OPTIONS);
    bool loop = sok_lua_option_true(L, 2, "loop", false), verbose = sok_lua_is_verbose(L, 2);
    s.rounds = sok_lua_option_integer(L, 2, "count", loop ? 0 : 1, 1, LUA_MAXINTEGER);
    s.inter = sok_lua_option_ns(L, 2, "inter", 0);
    uint64_t count = sok_lua_each_count(L, 1);
    s.layer3 = verbose && !frames;
    s.job = sok_lua_job_new(L);
    uint8_t *bytes = lua_newuserdatauv(L, SOK_CRAFT_PACKET_MAX, 0);
    open_sender(L, &s, frames);
    s.due = sok_lua_monotonic();
    if (count == 1)
        send_one(L, &s, bytes);
    else if (count > 0)
        send_many(L, &s, bytes);
    if (sok_sender_flush(s.job->sender, s.job->err) < 0)
        sok_lua_job_fail(L, s.job);
    if (verbose) {
        fprintf(stderr, "Sent %llu packets.\n", (unsigned long long)sok_sender_sent(s.job->sender));
        sok_lua_tell_silence(s.job);
    }
    sok_lua_job_end(s.job);
    return sok_lua_option_true(L, 2, "return_packets", false) ? push_packets(L) : 0;
}

int sok_lua_send(lua_State *L)
{
    return send_all(L, false);
}

int sok_lua_sendp(lua_State *L)
{
    return send_all(L, true);
}
