// Two stacks joined by a bad wire in virtual time, and what their applications are to do: all of it
// drawn from one seed (plan.c), then played (world.c, app.c) and checked at every step.
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include <stdio.h>
#include "stack/stack.h"
#include "tests/sim/checkmem.h"
#include "tests/sim/wire.h"

#define CONNS_MAX 8
#define APPS_MAX  (2 * CONNS_MAX)

// How an application ends.
enum ending {
    END_HALF,  // shuts down when all is sent, closes at the end of the other's stream
    END_AFTER, // waits for the other's end, then closes
    END_EARLY, // closes when all is sent and received, without waiting for the other's end
};

struct side_plan {
    uint64_t total; // bytes to send
    uint32_t phase; // where in the pattern they begin
    uint32_t write_max, read_max;
    double think_chance; // after a write or a read
    int64_t write_think, read_think;
    bool by_slice, by_peek;
    enum ending ending;
    bool nodelay, cork, keepalive;
    int64_t rcvbuf, sndbuf; // 0: not set
    uint64_t shrink_at;     // when it has received this much its buffer becomes
    int64_t shrink_to;      // so large; 0: never
    uint64_t abort_at;      // aborts when it has received this much; UINT64_MAX: never
};

struct conn_plan {
    int client;     // node that opens
    int server;     // the same node: over its own loopback
    bool both;      // both open at once
    bool bystander; // unhurt by the fault of this run: must end well
    bool late;      // begins after a restart, on the machines as they are then
    int64_t start;
    struct side_plan side[2]; // 0: of the client
};

enum fault {
    FAULT_NONE,
    FAULT_ABORT,   // some application aborts
    FAULT_RESTART, // one machine forgets everything
    FAULT_SILENCE, // the wire is cut for ever
    FAULT_MEMORY,  // allocations fail
};

struct node_plan {
    struct sok_link_info link;
    struct sok_stack_config config;
    uint64_t refuse_one_in;
    size_t bytes_limit;
};

// What is to wrap around while the first connection runs.
enum wrap { WRAP_NOTHING, WRAP_SEQUENCE, WRAP_TIMESTAMP };

struct plan {
    uint64_t seed;
    enum wrap wrap;
    uint32_t wrap_in; // units from the connection's start
    int64_t start;    // of virtual time
    enum fault fault;
    int64_t fault_at, fault_until;
    int fault_node;
    bool events;
    bool v6;
    bool calm;            // nothing may be sent twice
    unsigned check_every; // steps
    struct node_plan node[2];
    struct wire_spec wire[2]; // from this node
    unsigned conn_count;
    struct conn_plan conn[CONNS_MAX];
};

void plan_draw(struct plan *p, uint64_t seed);
void plan_show(const struct plan *p, FILE *f);

struct world;

struct app {
    struct world *w;
    const struct conn_plan *conn;
    const struct side_plan *plan, *other;
    int node;
    struct sok_tcp_conn *c;
    uint64_t sent, received;
    bool started, opened, shut, eof, shrunk, done;
    int error; // that ended it
    int64_t wake, write_at, read_at;
    bool kicked;
    struct rng rng;
};

struct node {
    struct checkmem memory;
    struct sok_mem mem; // its hook; outlives every buffer
    struct sok_stack *stack;
    struct sok_tcp_listener *listener;
    struct sok_addr addr;
    uint8_t link;
    struct wire out;
    bool held;         // a frame waits for room on the wire
    size_t base_bytes; // held by the stack when it was new
};

struct world {
    struct plan plan;
    int64_t now;
    struct node node[2];
    struct app app[APPS_MAX]; // 2 * i: the client of connection i, 2 * i + 1: its server
    struct rng rng;
    bool verbose, silent, faulted;
    int64_t progress_at;
    uint64_t steps, same_time;
    uint64_t delivered;                   // bytes
    uint64_t sent, again, timeouts, fast; // of connections that ended well
    uint64_t ended, failed;               // applications: well, or with an error they may have
    char fail[256];                       // empty: all is well
};

// Plays a plan to its end. True: all held; else w->fail says what did not.
bool world_run(struct world *w, const struct plan *plan, bool verbose);

__attribute__((format(printf, 2, 3))) void world_fail(struct world *w, const char *format, ...);

// app.c
void app_init(struct world *w, unsigned index);
void app_accepted(struct world *w, int node, struct sok_tcp_conn *c);
void app_run(struct app *a);
void app_lost(struct app *a); // its machine was restarted under it

int app_ports(const struct world *w, unsigned index, struct sok_endpoint *local,
    struct sok_endpoint *remote); // of an app that connects; the node

// show.c: events as lines, for -v
void show_event(FILE *f, int node, const struct sok_event *e, int64_t start);

#endif
