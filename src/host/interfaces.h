// The kernel's interfaces that links stand on, watched while a host runs: that one goes down, comes up or is
// removed is told to the program in a line. Read first: rtnetlink(7), RTMGRP_LINK.
#ifndef SOK_HOST_INTERFACES_H
#define SOK_HOST_INTERFACES_H

#include <stdbool.h>
#include <stdint.h>
#include "host/loop.h"

struct sok_host;
struct sok_host_wire;

struct sok_host_interfaces {
    struct sok_loop_fd lf; // only wakes: see sok_host_interfaces_look
    bool open;
    int64_t next_look;
    void (*tell)(void *ctx, const char *line); // NULL: nobody wants to know
    void *tell_ctx;
};

// Watches from now on, once. Without it (no netlink here) links still work.
void sok_host_interfaces_watch(struct sok_host *host);
void sok_host_interfaces_free(struct sok_host *host);
// Takes what the kernel said since; cheap when it is not yet time again.
void sok_host_interfaces_look(struct sok_host *host, int64_t now);
// A link said that it is over: its addresses go, what used them ends with SOK_ELINKDOWN.
void sok_host_interface_gone(struct sok_host *host, struct sok_host_wire *w);

#endif
