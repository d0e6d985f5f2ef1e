// What the files of behave share. A group is a function that makes its checks in a process and with a peer
// of its own; what is left open when it returns is closed by the end of the process.
#ifndef BEHAVE_H
#define BEHAVE_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct group {
    const char *name;
    void (*run)(void);
};

extern const struct group connect_groups[], name_groups[], option_groups[], data_groups[],
    close_groups[], poll_groups[], udp_groups[], fork_groups[], thread_groups[], unseen_groups[],
    six_groups[], device_groups[], wild_groups[];

// ---- checks: one line each ----

void is(const char *name, long got, long want);
void is_text(const char *name, const char *got, const char *want);
void is_true(const char *name, bool got);
// The result of a call: -1 with this errno, or, when want is 0, no error.
void gives(const char *name, long result, int want);

// ---- the peer: a program on a kernel host at the other end (tests/run/peer.py) ----

// Sends a line, waits for the answer, which is a number or -errno; its text, if it has one, is in peer_text.
long peer(const char *format, ...) __attribute__((format(printf, 1, 2)));
// The same after so many milliseconds, while we do something else. No answer.
void peer_later(int ms, const char *format, ...) __attribute__((format(printf, 2, 3)));
// The same as soon as we wait in a call and have done so for so long: from a child of this process.
void peer_when_waiting(int ms, const char *format, ...) __attribute__((format(printf, 2, 3)));
extern char peer_text[65536];
extern struct sockaddr_in own; // our address, port 0
struct sockaddr_in at_peer(int port);

// ---- sockets ----

int tcp(void);                // a stream of our own
int udp(void);                //
int call_peer(long *id);      // connected to the peer, who knows it as id
int called_by_peer(long *id); // the other way round
int listening(int backlog);   // on a port of the kernel's choice
int port_of(int fd);          // that port
int dial(int fd, int port);   // connect() to a port of the peer's
int dial_at(int fd, struct sockaddr_in to);
void no_waiting(int fd);                          // O_NONBLOCK
int poll_one(int fd, int events, int timeout_ms); // revents
int poll_until(int fd, int events);               // revents, as soon as all these are there
int so_error(int fd);
int option(int fd, int level, int name); // -1: errno
int set_option(int fd, int level, int name, int value);
long read_all(int fd); // bytes until the end, or -1
int fill(int fd);      // writes without waiting until nothing more goes: bytes
int64_t now_ms(void);
void nap(int ms);

// ---- signals ----

extern volatile sig_atomic_t signals; // that were caught since this was set to 0
void catch_signal(int number, int flags);
// To this process, as soon as it waits in a call and has done so for so long; from a child of it. On a busy machine
// a signal after some time might come before the call.
void signal_when_waiting(int ms, int number);
// The same, and a line to the peer when the call goes on waiting.
void signal_then_peer(int ms, int number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// The thread (gettid()) has been asleep for so long, without having been woken in between.
void until_waiting(pid_t thread, int ms);

extern const char *self; // the path of this program
#endif
