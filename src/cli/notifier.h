// Programs that no preload library reaches (statically linked, Go) under `sockeye run`: their socket calls
// come to a supervisor as notifications (seccomp_unotify(2)), who answers them as a client of
// calls/protocol.h. What only moves bytes (read, write, poll, close, ...) is the kernel's, on the real
// descriptor.
//
// One filter serves a program and all its descendants, linked either way: what the preload library calls
// for real carries a mark in the upper half of an argument of which the kernel takes the lower half only
// (the descriptor; for socket(), which has three arguments, the fourth), and is let through. The mark is
// in the environment (SOK_NOTIFIER_ENV, 8 hexadecimal digits). Nothing here is a fence around the program:
// one that wants the kernel's own sockets can have them.
//
// The order: start() before anything is confined and while there is one thread; enter() in the program's
// process as the last thing before exec, leave() in the other one after that fork; end() when the program
// is over. The supervisor ends by itself when the last process that has the filter has gone.
//
// Read first: seccomp_unotify(2), pidfd_getfd(2), process_vm_readv(2).
#ifndef SOK_CLI_NOTIFIER_H
#define SOK_CLI_NOTIFIER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SOK_NOTIFIER_ENV      "SOCKEYE_MARK"
#define SOK_NOTIFIER_LINE_MAX 160

struct sok_notifier {
    pid_t pid; // the supervisor's; 0: there is none
    int line;  // to it, from the program's process
    uint32_t mark;
};

enum sok_notifier_reach {
    SOK_REACH_PRELOAD, // the dynamic linker loads it
    SOK_REACH_STATIC,  // no dynamic linker
    SOK_REACH_GO,      // may have one, but makes its system calls itself
    SOK_REACH_NONE,    // of another architecture: neither way
    SOK_REACH_UNKNOWN, // cannot be read
};

// Of a program by its path; a script (#!) is what its interpreter is.
enum sok_notifier_reach sok_notifier_reach(const char *path);
bool sok_notifier_needed(const char *path); // SOK_REACH_STATIC or _GO

// door: a connected door (calls/protocol.h) or, -1, the place of one, where is connected to when the program
// enters. 0, or an errno and a line that names what is missing; then run goes on without.
int sok_notifier_start(
    struct sok_notifier *n, int door, const char *place, char line[SOK_NOTIFIER_LINE_MAX]);
void sok_notifier_mark(const struct sok_notifier *n, char text[9]); // for the environment
int sok_notifier_enter(const struct sok_notifier *n);               // 0 or an errno
void sok_notifier_leave(struct sok_notifier *n); // where the program is not: forgets the line
void sok_notifier_end(struct sok_notifier *n);   // collects the supervisor, if it has ended

#endif
