// Sends packets and gathers the answers. It hears before the first packet leaves and reads between the batches, so
// that no answer is missed because there was so much to send; what its own ring had to drop is counted.
//
// What is an answer to what is craft's to say (sok_packet_answers), so ICMP errors count.
#ifndef SOK_PROBE_EXCHANGE_H
#define SOK_PROBE_EXCHANGE_H

#include "craft/packet.h"
#include "probe/lost.h"
#include "probe/ways.h"

#define SOK_EXCHANGE_PACKETS_MAX (1 << 24)
#define SOK_EXCHANGE_MORE_MAX    (1 << 18) // further answers to packets that have one

struct sok_exchange_options {
    bool frames;           // packets begin with Ethernet; else with IP or IPv6
    const char *interface; // NULL: by route (frames need one)
    const char *filter;    // what is looked at for answers, as tcpdump takes it; NULL: everything
    int64_t timeout_ns;    // after the last was sent; below 0: until all are answered
    int64_t inter_ns;      // between packets
    unsigned retry;        // how often what has no answer is sent once more
    bool multi;            // more answers to one packet are taken, too, until the time is over
    unsigned more_max;     // of these, the others are counted; 0: SOK_EXCHANGE_MORE_MAX
    uint32_t ring_bytes;   // 0: as sok_capture_open
    bool (*stop)(void *
            ctx); // true: enough. Asked when a system call was interrupted, and now and then; NULL: never
    void *stop_ctx;
    // NULL: nobody wants to know. So many were sent; then something came, an answer or not.
    void (*sent)(void *ctx, unsigned count);
    void (*heard)(void *ctx, bool answer);
    void *told_ctx; // of either
};

struct sok_exchange_answer {
    unsigned sent; // index
    struct sok_packet *packet;
    int64_t time; // nanoseconds since 1970
};

struct sok_exchange {
    const struct sok_mem *mem;
    int64_t *sent_time;   // of each packet: nanoseconds since 1970, 0: was not sent
    uint32_t *answers_to; // of each packet: how many
    unsigned count;
    struct sok_exchange_answer *answers; // in the order they came
    unsigned answer_count, answer_cap;
    unsigned answered;       // packets with an answer
    unsigned more;           // further answers that were taken
    uint64_t left_out;       // further answers beyond more_max
    uint64_t heard;          // packets that were looked at
    uint64_t dropped;        // by the ring
    struct sok_lost lost_by; // by this machine's kernel elsewhere, meanwhile
    bool stopped;            // by stop(), or because
    bool lost;               // the interface went away: what came until then is there
};

// `packets` have no sets. 0, or an error and a line in err (SOK_PROBE_ERR_MAX); *out is to be freed either way,
// and holds what came so far.
int sok_exchange_run(const struct sok_book *book, struct sok_ways *ways,
    struct sok_packet *const *packets, unsigned count, const struct sok_exchange_options *options,
    struct sok_exchange *out, char *err);
void sok_exchange_free(struct sok_exchange *x);
// The packet is the caller's from now on.
struct sok_packet *sok_exchange_take(struct sok_exchange *x, unsigned answer);

#endif
