// The loop under one or more hosts: an epoll set, a clock, and whoever wants to hear of a descriptor.
// Hosts joined by a wire in memory share one, so that stepping either moves both.
//
// With virtual time the loop never sleeps: where it would, the clock jumps to the next deadline.
#ifndef SOK_HOST_LOOP_H
#define SOK_HOST_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include "host/mem.h"

struct sok_host;

// A descriptor in the loop; embed it. ready() may remove it (or any other) from the loop.
struct sok_loop_fd {
    void (*ready)(struct sok_loop_fd *lf, uint32_t epoll_events); // NULL: only wakes
    int fd;
    uint32_t events; // what epoll was asked for
    bool always;     // epoll refuses the file (a regular one): it is always ready
    struct sok_loop_fd *next, *prev;
};

#define SOK_LOOP_HOSTS_MAX 64
#define SOK_LOOP_BATCH     64 // descriptors heard of in one turn

// Memory of a wire between two hosts: it outlives both.
struct sok_loop_memory {
    struct sok_store store;
    struct sok_mem mem;
    struct sok_loop_memory *next;
};

struct sok_loop {
    int epfd;
    const void *thread; // whose it is: thread.c
    bool virtual_time;
    int64_t virtual_now;
    bool in_turn;     // all of a turn happens at one time,
    int64_t turn_now; // this
    int64_t spin_ns;
    bool again;   // the last turn moved something between hosts
    bool settled; // the last turn left nothing to do
    unsigned host_count;
    struct sok_host *hosts[SOK_LOOP_HOSTS_MAX];
    struct sok_loop_memory *memories;
    struct sok_loop_fd *fds;
    unsigned listening;          // descriptors with a ready(): look at them in every turn
    unsigned always_count;       // of these, always ready with something wanted
    void *batch[SOK_LOOP_BATCH]; // what the current turn still has to tell
    int batch_count;
};

int sok_loop_new(bool virtual_time, int64_t start_ns, int64_t spin_ns, struct sok_loop **out);
void sok_loop_leave(struct sok_loop *loop, struct sok_host *host); // the last one frees it
// Everything of `from` moves into `into`; from is gone. SOK_EINVAL: their times are of different kinds.
int sok_loop_join(struct sok_loop *into, struct sok_loop *from);

const struct sok_mem *sok_loop_memory_new(struct sok_loop *loop); // NULL: no memory

int sok_loop_add(struct sok_loop *loop, struct sok_loop_fd *lf, int fd, uint32_t events);
int sok_loop_change(struct sok_loop *loop, struct sok_loop_fd *lf, uint32_t events);
void sok_loop_remove(struct sok_loop *loop, struct sok_loop_fd *lf);

int64_t sok_loop_now(const struct sok_loop *loop);
int64_t sok_loop_deadline(const struct sok_loop *loop);
int sok_loop_step(struct sok_loop *loop, int64_t timeout_ns);
// The same without an end, by who has called nothing of a host since the last: when that turn left nothing to do,
// the processor is given up at once.
int sok_loop_go_on(struct sok_loop *loop);

#endif
