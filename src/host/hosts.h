// /etc/hosts: an address and its names on each line, asked before any server. Read first: hosts(5).
#ifndef SOK_HOST_HOSTS_H
#define SOK_HOST_HOSTS_H

#include <sockeye/names.h>

struct sok_hosts {
    char *text; // the file as it was read, with a NUL behind; NULL: there is none
};

// What the file says now, in place of what it said; without it, or without memory, nothing.
void sok_hosts_read(struct sok_hosts *h, const char *path);
void sok_hosts_free(struct sok_hosts *h);

// The addresses of a name, of a family (4, 6; 0: both), `room` at most, and its first name. 0: it is not there.
unsigned sok_hosts_find(const struct sok_hosts *h, const char *name, unsigned family,
    struct sok_addr *out, unsigned room, char canonical[SOK_NAME_MAX]);
// The first name of an address.
bool sok_hosts_name(const struct sok_hosts *h, struct sok_addr addr, char name[SOK_NAME_MAX]);

#endif
