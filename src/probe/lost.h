// What this machine's kernel threw away, where nobody is told: the queue of a processor that packets wait in until they
// are received was full (of all that this machine received, whoever's they were), or an interface had no room, or was
// not to pass a packet on.
#ifndef SOK_PROBE_LOST_H
#define SOK_PROBE_LOST_H

#include <stdint.h>

struct sok_lost {
    uint64_t backlog; // found a processor's queue full: the whole machine's
    uint64_t in, out; // dropped by the interfaces of this namespace
    uint64_t waiting; // in the processors' queues now
};

// What cannot be read counts as none.
void sok_lost_read(struct sok_lost *out);
// How much more `now` is than `then`.
struct sok_lost sok_lost_since(const struct sok_lost *then, const struct sok_lost *now);

// A line of /proc/net/softnet_stat, one of /proc/net/dev: added to *to. What is none says nothing.
void sok_lost_add_cpu(struct sok_lost *to, const char *line);
void sok_lost_add_device(struct sok_lost *to, const char *line);

#endif
