// What a talking command gives up before the first packet comes: capabilities, under sudo the user root,
// and the system calls that open, make or start anything. docs/map.md tells where. It is the commands'
// affair, not the library's: who embeds Sockeye decides about his own process.
#ifndef SOK_CLI_CONFINE_H
#define SOK_CLI_CONFINE_H

#include <stdbool.h>
#include <sys/types.h>
#include <sockeye/host.h>

struct sok_confine {
    bool sockets; // but for kernel sockets of TCP, UDP and ping: the link user's way out
    bool
        kernel; // and all that --kernel needs of them: IPv6, addresses of one's own, the peer's errors
    bool names;      // and what the C library does to look a name up: files are read
    bool unfiltered; // only privileges go, system calls stay
    pid_t child;     // but for ending this one and waiting for it; 0: none
    bool stay;       // the user stays also under sudo
};

// From here on; threads made later are confined as well. 0 and a line that says what is left, or an error
// and its line.
int sok_confine(const struct sok_confine *c, char line[SOK_HOST_ERR_MAX]);

// The same for the steward (steward.h), who opens and removes a few files and nothing else. 0 or errno.
int sok_confine_steward(void);

// And for the supervisor of `run` (notifier.h): it keeps what reaches the memory and the descriptors of the
// program, and sees no packets either. 0 or errno.
int sok_confine_supervisor(void);

#endif
