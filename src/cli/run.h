// What the files of `sockeye run` and `sockeye up` share: run.c (words, the order of things), run_host.c (the
// host in a process of its own), run_child.c (the program), up.c (a host that stays), join.c (--host NAME).
#ifndef SOK_CLI_RUN_H
#define SOK_CLI_RUN_H

#include <sys/types.h>
#include "calls/place.h"
#include "cli/options.h"

// ---- run_host.c ----

// A host in a child process: nothing of the program's is in it, and it is confined like every command. It
// goes when both are so: who started it has let go (or is gone), and no program holds a socket or a door.
struct sok_run_host {
    pid_t pid;
    int life;                      // closed: the host may go
    int said;                      // 'r': ready, 'u': still used, after life was closed
    int place;                     // from sok_place_make()
    char name[SOK_PLACE_NAME_MAX]; // of the host, and so of its door's directory
    char path[SOK_PLACE_MAX];      // of the door
};
// 0, or an exit code after a message. stay: it stays until it is told to go, too (sockeye up).
int sok_run_host_start(
    struct sok_cli_host *h, const char *name, bool loopback, bool stay, struct sok_run_host *out);
void sok_run_host_end(struct sok_run_host *r);
int sok_run_host_wait(struct sok_run_host *r); // until it goes by itself: its exit code

// ---- join.c ----

// The door of the host NAME, if somebody answers there: 0, or an exit code after a message.
int sok_join_door(const char *name, char door[SOK_PLACE_MAX]);
// Runs this command again, on that host's sockets (--kernel and the library): only returns, with an exit code,
// when it cannot.
int sok_join_command(int argc, char **argv, const char *name);

// ---- run_child.c ----

// The program's file, found as execvp() would: 0, or an exit code (126, 127) after a message. A program that
// becomes somebody else by exec is refused here: the library would not be loaded into it.
int sok_run_find(const char *name, char path[4096]);
// What a program needs in its environment to be a host's: 0, or an exit code after a message.
int sok_run_environment(const char *door);
// Starts it with the library and the door in its environment: its pid, or an exit code, negative, after a message.
pid_t sok_run_child_start(const char *path, char **argv, const char *door, bool verbose);
int sok_run_child_wait(pid_t pid); // its exit code, as a shell tells it

#endif
