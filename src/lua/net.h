// What the functions that talk to networks share.
#ifndef SOK_LUA_NET_H
#define SOK_LUA_NET_H

#include "capture/capture.h"
#include "capture/dump.h"
#include "capture/file.h"
#include "lua/internal.h"
#include "lua/packet.h"
#include "probe/exchange.h"
#include "probe/sender.h"
#include "probe/ways.h"

// What a call has open: closed at its end, also when an error takes another way out.
struct sok_lua_job {
    struct sok_ways *ways;
    struct sok_sender *sender;
    struct sok_capture *capture;
    struct sok_capture_file *file;
    struct sok_dump *dump;
    struct sok_exchange exchange;
    char interface[16];         // empty: by route
    uint32_t number_of, number; // of the interface of the latest record, and what its name's is
    bool number_known;
    int64_t end; // of listening, monotonic; below 0: none
    char err[SOK_CAPTURE_ERR_MAX > SOK_PROBE_ERR_MAX ? SOK_CAPTURE_ERR_MAX : SOK_PROBE_ERR_MAX];
};

// Pushed; it stays where it is on the stack, and what takes it from there ends it.
struct sok_lua_job *sok_lua_job_new(lua_State *L);
struct sok_lua_job *sok_lua_job_keep(
    lua_State *L); // pushed: it is there until the collector takes it
struct sok_lua_job *sok_lua_job_check(lua_State *L, int idx);
void sok_lua_job_end(struct sok_lua_job *job);
// Ends it and raises its err.
int sok_lua_job_fail(lua_State *L, struct sok_lua_job *job);
// The option iface, or conf.iface, into job->interface. A packet: one is needed, the one by which it would go, or the
// one with the default route. May push.
void sok_lua_job_interface(
    lua_State *L, struct sok_lua_job *job, int options, const struct sok_packet *packet);

// Whether the next hop of the packet's (known to have left) says its MAC: for sok_lua_tell_silence().
void sok_lua_ask_hop(struct sok_lua_job *job, const struct sok_packet *packet, unsigned wait_ms);
void sok_lua_tell_silence(const struct sok_lua_job *job);

const struct sok_mem *sok_lua_mem(lua_State *L);
// Pushes what was captured as a packet.
void sok_lua_push_record(
    lua_State *L, struct sok_lua_job *job, const struct sok_capture_record *record);
// Sleeps until then (CLOCK_MONOTONIC); true: Ctrl-C came, and is taken.
bool sok_lua_sleep_until(lua_State *L, int64_t end);
int64_t sok_lua_monotonic(void);
int64_t sok_lua_wall(void);
// A time in seconds, as the option says; initial below 0: not given.
int64_t sok_lua_option_ns(lua_State *L, int idx, const char *name, int64_t initial);
// Whether the option table at idx says verbose; not said: yes.
bool sok_lua_is_verbose(lua_State *L, int idx);

int sok_lua_send(lua_State *L); // net_send.c
int sok_lua_sendp(lua_State *L);
int sok_lua_sr(lua_State *L); // net_sr.c
int sok_lua_sr1(lua_State *L);
int sok_lua_srp(lua_State *L);
int sok_lua_srp1(lua_State *L);
int sok_lua_sniff(lua_State *L);  // net_sniff.c
int sok_lua_listen(lua_State *L); // listen(OPTIONS): a job that fills its ring
// hear(OPTIONS, JOB, NOW [, SECONDS]): what has come by now, or comes until the sniff or the time is over.
int sok_lua_hear(lua_State *L);
int sok_lua_rdpcap(lua_State *L); // net_file.c
int sok_lua_wrpcap(lua_State *L);

#endif
