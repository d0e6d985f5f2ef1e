// What the files of the service share: service.c (doors, channels), requests.c (what each request does),
// stream.c and listener.c and packets.c (the pairs). Options and addresses are mapped by host/posix.h.
#ifndef SOK_SERVICE_INTERNAL_H
#define SOK_SERVICE_INTERNAL_H

#include <sockeye/socket.h>
#include <sys/socket.h>
#include "base/map.h"
#include "calls/protocol.h"
#include "host/bridge.h"
#include "host/host.h"
#include "host/loop.h"
#include "host/posix.h"
#include "service/service.h"

#define CHANNELS_MAX 16384
#define SOCKETS_MAX  262144
#define SPARES       4    // channels for when there is no memory: somebody may want to see why (ss)
#define ENDED_MAX    4096 // sockets remembered after their stream has ended with an error
#define ASKS_MAX     8192 // requests answered later, of a channel
#define CALLS_MAX    8192 // traced calls under way, of a channel

struct open_call; // trace.c
struct ring;      // ring.h
struct sok_lookup;

// An answer that its channel has no room for.
struct unsent {
    struct unsent *next;
    int fd; // -1: none
    uint32_t len;
    uint8_t bytes[]; // head and all
};

// A program's thread, or a door. ready() of lf tells which.
struct channel {
    struct sok_loop_fd lf; // first
    struct sok_service *service;
    struct ask *asks;
    struct open_call *calls; // traced, and not ended
    unsigned ask_count, call_count;
    struct unsent *unsent, **unsent_end; // first things first; no request is read meanwhile
    int pid;
    char program[32];
    struct channel *next, *prev;
};

// A request that is answered later.
struct ask {
    struct channel *channel; // NULL: it is gone, nobody wants the answer
    uint32_t id;
    struct ask *next, *prev;   // of the channel
    struct ask *also;          // waits for the same connect()
    struct sok_lookup *lookup; // NULL: it waits for something else
};

// A request while it is served.
struct request {
    struct channel *channel;
    const struct sok_calls_request *head;
    const uint8_t *bytes; // head->len of them
    int32_t result;       // 0 and above, or -errno
    uint8_t reply[SOK_CALLS_BYTES_MAX];
    uint32_t reply_len;
    int fd;     // sent with a reply that is no error, and closed then; -1: none
    bool later; // answered by sok_ask_answer()
};

// One socket of a program.
struct served {
    struct sok_map_node node; // in the service, by cookie
    struct sok_service *service;
    uint64_t cookie;
    struct sok_posix posix;
    uint8_t kind;              // enum sok_calls_kind
    bool plain;                // packets without a head while connected
    struct sok_bridge *bridge; // a stream; NULL: it has ended, or it listens
    struct sok_socket *s;      // of a listener or packets; a stream's is its bridge's. NULL: none
    struct sok_loop_fd lf;     // the host's end of a listener or of packets; fd -1: none
    struct ask *connecting;    // who waits for the end of connect: the latest first
    bool connect_reported;     // its end was told
    unsigned backlog, pushed;  // of a listener: as Linux counts; given and not yet taken
    int error;                 // enum sok_err with which the stream ended
    struct sok_endpoint local, remote; // as of then
    struct held *held;                 // a packet that the pair had no room for
    bool mute;                         // packets: the program sends no more (SHUT_WR, close)
    struct sok_packet_addr frames;     // of a packet socket: what it is bound to,
    struct ring *ring;                 // where frames go, NULL: into the pair,
    int memory;                        // for one, that came (-1: none);
    bool ring_full, ring_told;         // nothing fits; the program was told that there is something
    struct sok_bpf_insn *filter;       // and the parts of a filter that came
    unsigned filter_count;
    uint64_t inode; // of the program's end; and who asked for it:
    int pid;
    uint32_t uid;
    char program[16];
    struct served *next, *prev; // all that live
};

struct sok_service {
    struct sok_host *host;
    struct sok_loop_fd door;
    int reserve; // a descriptor kept for when there is none, to turn somebody away; -1: none
    bool deaf;   // nobody can be let in or turned away: until a channel is closed
    bool loopback, stopped, trace;
    uint64_t calls;  // traced so far
    int record_size; // listener.c; 0: not known yet
    struct channel *channels;
    unsigned channel_count;
    struct channel spares[SPARES]; // service NULL: not in use
    struct sok_map sockets;        // by cookie
    struct served *live, *ended, *ended_last;
    unsigned socket_count, ended_count, ring_count;
};

// ---- service.c ----
struct ask *sok_ask_later(struct request *r); // NULL: no room, r->result says so
void sok_ask_answer(struct ask *a, int32_t result, const void *bytes, uint32_t len);
// By `also`. Whether anybody heard it.
bool sok_ask_answer_all(struct ask **list, int32_t first, int32_t others);

// ---- trace.c ----
void sok_trace_begin(struct sok_service *v, struct request *r);
void sok_trace_end(struct sok_service *v, struct request *r);
void sok_trace_go(struct sok_service *v, struct request *r);
void sok_trace_gone(struct channel *c); // its calls will not end

// ---- requests.c ----
void sok_serve_request(struct sok_service *v, struct request *r);

// ---- sockets.c: the list of them ----
struct served *sok_served_new(struct sok_service *v, int program_fd);
struct served *sok_served_find(struct sok_service *v, uint64_t cookie);
void sok_served_free(struct served *e);
void sok_served_ended(
    struct served *e, int error); // its stream has; what is asked about it later is kept
struct sok_socket *sok_served_socket(const struct served *e); // NULL: it has ended
void sok_served_free_all(struct sok_service *v);
uint64_t sok_cookie_of(int fd);

// ---- stream.c, listener.c, packets.c ----
int32_t sok_serve_stream(struct sok_service *v, struct request *r);
int32_t sok_serve_connect(struct served *e, struct request *r, const struct sok_endpoint *to);
int32_t sok_serve_give_up(struct served *e, const struct channel *c); // it waits no more
// Those that their programs have closed go now, not when the loop hears of it: what comes over a channel may
// be quicker. True: there were some.
bool sok_serve_reap(struct sok_service *v);
int32_t sok_serve_listen(struct served *e, int backlog);
struct served *sok_serve_accepted(
    struct sok_service *v, const struct served *from, struct sok_socket *s, int *program_fd);
int32_t sok_serve_packets(struct sok_service *v, struct request *r);
void sok_serve_packets_free(struct served *e);
void sok_serve_packets_changed(struct served *e);
int32_t sok_serve_packets_send(struct served *e, const uint8_t *packet, uint32_t len); // or -errno
int32_t sok_serve_packets_way(
    struct served *e, const uint8_t *addr, uint32_t len, size_t size); // or -errno
void sok_serve_packets_first(struct served *e); // what was sent before a request comes before it
void sok_serve_packets_rest(struct served *e);  // what was sent before it was closed

// ---- list.c: for `sockeye ss` ----
void sok_served_own(struct served *e, const struct channel *c);
void sok_served_inherit(struct served *e, const struct served *from);
uint64_t sok_inode_of(int fd);
void sok_serve_list(struct sok_service *v, struct request *r);
void sok_serve_kill(struct sok_service *v, struct request *r);
void sok_serve_about(struct sok_service *v, struct request *r);

// ---- frames.c: packet sockets; interfaces.c ----
int32_t sok_serve_frames_bind(struct served *e, const uint8_t *bytes, uint32_t len);
uint32_t sok_serve_frames_name(const struct served *e, uint8_t out[SOK_CALLS_ADDR_MAX]);
int64_t sok_serve_frames_recv(
    const struct served *e, uint8_t *data, size_t room, struct sok_calls_packet *head);
int64_t sok_serve_frames_send(
    const struct served *e, const struct sok_calls_packet *head, const uint8_t *data, size_t len);
// Its filter and its ring. False: this is another option.
bool sok_serve_frames_option(struct served *e, const struct request *r, int32_t *result);
int32_t sok_serve_frames_memory(const struct served *e); // a descriptor of the ring's, or -errno
void sok_serve_frames_came(struct served *e, int fd);    // memory for a ring
bool sok_serve_frames_keep(
    struct served *e, const uint8_t *packet, size_t len); // in the ring. False: no room
bool sok_serve_frames_tell(
    struct served *e); // the program is to be told that there is something in it
void sok_serve_frames_free(struct served *e);
void sok_serve_interface(struct sok_service *v, struct request *r);
void sok_serve_addresses(struct sok_service *v, struct request *r);

#endif
