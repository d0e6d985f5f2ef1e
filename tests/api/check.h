// What the checks share. Each check is one line, NAME: WHAT CAME OUT, the same whoever's sockets they are; the runner
// compares. No line may hold what is different from run to run: chosen ports, times, sizes of buffers.
#ifndef API_CHECK_H
#define API_CHECK_H

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include "calls.h"

extern struct calls os;
extern int family; // AF_INET, AF_INET6

// The number that a call gave, or the name of its errno.
#define CALL(name, call) check_call((name), (errno = 0, (long)(call)))
#define TEXT(name, ...)  check_text((name), __VA_ARGS__)
void check_call(const char *name, long result);
void check_text(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct place {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_storage space;
    } at;
    socklen_t len;
};
#define AT(place) &(place).at.any, (place).len
struct place here(int port);     // the loopback of this family
struct place anywhere(int port); // 0.0.0.0, ::
struct place nobody(void);       // here, where nobody is bound
struct place elsewhere(void);    // an address that is not ours and that no route leads to
struct place name_of(int fd);
int port_of(const struct place *p);

int stream(void);
int dgram(void);
int listener(struct place *at, int backlog);
struct pair {
    int a, b; // connected streams
};
struct pair pair(void);
void pair_close(struct pair p);
struct pair dgrams(void);                      // bound; b is connected to a
int ready(int fd, int events, int timeout_ms); // revents
const char *events_text(int events);
int get_int(int fd, int level, int name); // -1: fails
int set_int(int fd, int level, int name, int value);
void nonblocking(int fd);

// ---- one function a file ----
void check_make(void);
void check_names(void);
void check_connect(void);
void check_stream(void);
void check_urgent(void);
void check_ends(void);
void check_options(void);
void check_poll(void);
void check_dgram(void);
void check_raw(void);
void check_device(void);
void check_wrong(void);

#endif
