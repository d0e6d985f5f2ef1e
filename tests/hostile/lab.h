// One stack on a bench: a peer made of hand-built frames, virtual time, and everything the stack sends
// checked and kept. Used by the hostile cases and by the fuzzer.
#ifndef TESTS_HOSTILE_LAB_H
#define TESTS_HOSTILE_LAB_H

#include "stack/stack.h"
#include "tests/hostile/craft.h"
#include "tests/sim/checkmem.h"

#define LAB_ADDR 0xc0000201U // 192.0.2.1, the stack
#define LAB_PEER 0xc0000202U // 192.0.2.2, with MAC 02:00:00:00:00:02, known
#define LAB_PORT 7           // the stack listens
#define LAB_MTU  1500
#define LAB_GOT  4096

// A frame the stack sent.
struct got {
    uint16_t type;
    uint8_t proto;
    uint16_t frag; // flags and offset as on the wire, without DF; a fragment is not looked into
    uint32_t src, dst;
    uint16_t sport, dport;
    uint32_t seq, ack;
    uint16_t flags, window;
    uint8_t icmp_type, icmp_code;
    uint32_t len; // payload bytes
    uint8_t options[40];
    size_t options_len;
    uint8_t data[64]; // the first bytes of the payload
    uint16_t echo_id, echo_seq;
};

struct lab {
    struct checkmem memory;
    struct sok_mem mem;
    struct sok_stack *stack;
    struct sok_tcp_listener *listener;
    uint8_t link;
    int64_t now;
    size_t base_bytes;
    unsigned got_count; // kept in got[]; more are counted in got_all
    uint64_t got_all, bytes_all;
    struct got got[LAB_GOT];
    struct packet packet; // scratch for the next frame to inject
    uint16_t next_port;   // of the peer
    char fail[256];
};

__attribute__((format(printf, 2, 3))) void lab_fail(struct lab *l, const char *format, ...);

// What a case may want different; NULL: nothing.
typedef void lab_config_fn(struct sok_stack_config *config);

void lab_new(struct lab *l, lab_config_fn *change);
// Aborts nothing by itself: runs time on until all connections are gone, checks memory, frees.
void lab_end(struct lab *l);

void lab_forget(struct lab *l); // what was got
void lab_inject(struct lab *l); // l->packet, then takes what the stack sends at once
void lab_inject_packet(struct lab *l, const struct packet *p);
void lab_pump(struct lab *l);
void lab_wait(struct lab *l, int64_t ns); // time goes on, deadline by deadline
void lab_check(struct lab *l);            // sok_stack_check

struct flow {
    struct lab *l;
    struct sok_tcp_conn *c;
    uint16_t port; // the peer's
    uint16_t stack_port;
    uint32_t peer;        // the peer's address
    uint32_t nxt;         // the peer's next sequence number
    uint32_t rcv;         // the next one expected from the stack
    uint32_t iss;         // the stack's
    uint16_t window;      // the peer's
    uint32_t last_window; // the stack's field in the last segment, unscaled
    bool ts;
    uint32_t tsval, tsecr;
    uint8_t wscale; // the stack's
};

struct flow_options {
    const uint8_t *options; // of the SYN; NULL: MSS 1460
    size_t options_len;
    uint32_t iss; // 0: some number
    uint16_t window;
};

struct tcp_fields flow_fields(const struct flow *f, uint16_t flags);
void flow_send(struct flow *f, const struct tcp_fields *t);   // as given
void flow_data(struct flow *f, const void *data, size_t len); // in order, moves nxt
void flow_ack(struct flow *f, uint32_t ack);                  // a plain ACK
void flow_follow(struct flow *f); // takes what was got for this flow: rcv, timestamps; clears got
bool flow_syn(struct flow *f, struct lab *l, const struct flow_options *o);     // up to the SYN,ACK
bool flow_open(struct flow *f, struct lab *l, const struct flow_options *o);    // the peer opens
bool flow_connect(struct flow *f, struct lab *l, const struct flow_options *o); // the stack opens
// What the application reads just now, at most len; -1: end of stream; other negative: error.
int64_t flow_read(struct flow *f, void *data, size_t len);
void flow_abort(struct flow *f);
enum sok_tcp_state flow_state(const struct flow *f);

// The stack still works: a ping is answered and a byte goes each way over an open connection.
void lab_probe(struct lab *l, struct flow *f);

#endif
