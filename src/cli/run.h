// What the files of `sockeye run` share: run.c (words, the order of things), run_host.c (the host in a process
// of its own), run_child.c (the program).
#ifndef SOK_CLI_RUN_H
#define SOK_CLI_RUN_H

#include <sys/types.h>
#include "cli/options.h"

// ---- run_host.c ----

// A host in a child process: nothing of the program's is in it, and it is confined like every command. It
// goes when both are so: who started it has let go (or is gone), and no program holds a socket or a door.
struct sok_run_host {
    pid_t pid;
    int life;       // closed: the host may go
    int said;       // 'r': ready, 'u': still used, after life was closed
    char path[108]; // of the door; "" when the host is another's
};
// 0, or an exit code after a message.
int sok_run_host_start(const struct sok_cli_host *h, bool loopback, struct sok_run_host *out);
void sok_run_host_end(struct sok_run_host *r);

// ---- run_child.c ----

// The program's file, found as execvp() would: 0, or an exit code (126, 127) after a message. A program that
// becomes somebody else by exec is refused here: the library would not be loaded into it.
int sok_run_find(const char *name, char path[4096]);
// Starts it with the library and the door in its environment: its pid, or an exit code, negative, after a message.
pid_t sok_run_child_start(const char *path, char **argv, const char *door, bool verbose);
int sok_run_child_wait(pid_t pid); // its exit code, as a shell tells it

#endif
