// The supervisor's inside. One thread, one epoll: the listener (notifications), the channel (the host's
// answers), and the descriptors that blocking calls wait for. A notification is a struct sok_notified from
// its arrival to its answer; what it waits for is a function, `next`.
//
// What is kept of a target: nothing but calls under way. A descriptor is looked at anew in each call, and
// known by its socket's cookie.
//
// Signals. Where the kernel can (5.19) a call that was received is not interrupted by any, but such as end
// the process. A call that has to wait is looked after: when a signal is there, it is ended as the kernel
// does it (ERESTARTSYS), and begins again, or fails with EINTR, as the program has asked for. Without that
// a signal may interrupt a call at any time. Either way a call that begins again is a new notification
// from the same thread with the same arguments. So that nothing is done twice or lost, one that goes on in
// the host, or was answered in vain, is kept a little, with its answer.
#ifndef SOK_CLI_NOTIFIER_INTERNAL_H
#define SOK_CLI_NOTIFIER_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include "calls/descriptor.h"
#include "calls/protocol.h"

#define SOK_NOTIFIED_MAX 4096 // calls under way; more are answered with ENOBUFS
#define SOK_KNOWN_MAX                                                                              \
    8192 // sockets remembered, by a hash; who meets another there is asked for again
#define SOK_PACKET_BYTES 65536 // of a packet without its head
#define SOK_KEEP_NS      2000000000LL
#define SOK_SWEEP_NS     40000000LL // between two looks for signals
#define SOK_SWEEP_MAX    64         // calls in one look

// What does not change about a socket, by its cookie.
struct sok_known {
    uint64_t cookie;
    bool ours;  // the host's; else the kernel's
    bool dgram; // packets, with a head unless `plain`
    bool listener, plain;
    bool used;  // has sent a packet, a host's for good; a stream: was connected
    bool grown; // its pair has the large send buffer
    bool bound; // a packet socket, by whomever
    bool uncut; // the program has said what becomes of datagrams that are too large
    uint8_t way
        [SOK_CALLS_ADDR_MAX]; // where a datagram was last sent, and was found to have a way; port 0
    int32_t domain, type, protocol;
};

struct sok_supervisor;
struct sok_notified;

struct sok_host_answer {
    int32_t result;
    uint32_t len;
    uint8_t bytes[SOK_CALLS_BYTES_MAX];
    int fd; // -1: none; who uses it sets it to -1
};

// answer NULL: what it waited for on a descriptor may be there.
typedef void sok_notified_next(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *answer);

struct sok_notified {
    uint32_t request; // its own number: slot, and a generation
    uint64_t id;      // the notification's
    pid_t tid;
    int nr;
    uint64_t args[6];
    int fd;    // a copy of the target's descriptor; -1
    int flags; // O_NONBLOCK and kin of that
    struct sok_known known;
    sok_notified_next *run;  // the call itself, when all of that is known
    sok_notified_next *next; // NULL: nothing is awaited
    bool asked;              // next awaits the host
    bool waiting;            // next awaits fd
    bool gone;               // nobody wants the answer any more
    bool over;               // answered in vain: value and give are kept
    bool once;               // must not be done twice
    bool traced;             // the host was told that it begins
    int thread;              // pidfd, while it is waiting
    int64_t due;             // of the call, or of being kept; 0: never
    int64_t value;
    int give; // a descriptor to be given; -1
    bool give_cloexec;
    uint64_t done;   // bytes or messages so far
    unsigned step;   // in a list of things to ask
    int replacement; // the kernel's socket instead; -1
    uint8_t peer[SOK_CALLS_ADDR_MAX];
    uint32_t peer_len;
};

struct sok_supervisor {
    int listener, channel, epoll;
    struct sok_calls_welcome welcome;
    pid_t introduced; // the process that the host was told about last
    uint32_t generation;
    unsigned top;   // slots from here on are free
    unsigned look;  // the next of them to be looked at
    int64_t looked; // when
    struct sok_notified *slots[SOK_NOTIFIED_MAX];
    struct sok_known known[SOK_KNOWN_MAX];
    struct sok_host_answer answer;
    struct {
        struct sok_calls_packet head;
        uint8_t bytes[SOK_PACKET_BYTES];
    } packet;
};

// notifier_serve.c: the loop. Each of these ends the call; n is not to be used after.
_Noreturn void sok_supervisor_main(int line, int door, const char *place);
void sok_notified_answer(struct sok_supervisor *s, struct sok_notified *n, int64_t value);
void sok_notified_continue(struct sok_supervisor *s, struct sok_notified *n);
void sok_notified_give(struct sok_supervisor *s, struct sok_notified *n, int fd, bool cloexec);
// These do not.
void sok_notified_wait(struct sok_supervisor *s, struct sok_notified *n, uint32_t events,
    int timeout_option, sok_notified_next *next);
// SO_RCVTIMEO or SO_SNDTIMEO of the target's descriptor as the call's own.
void sok_notified_limit(struct sok_notified *n, int timeout_option);
bool sok_notified_valid(const struct sok_supervisor *s, const struct sok_notified *n);
void sok_known_keep(struct sok_supervisor *s, const struct sok_known *known);
void sok_known_set(struct sok_known *known, const struct sok_calls_socket *socket);
bool sok_notified_put(struct sok_supervisor *s, struct sok_notified *n, int fd, bool cloexec);
struct sok_notified *sok_notified_find(const struct sok_supervisor *s, uint32_t request);

// notifier_host.c: the channel.
int sok_host_open(struct sok_supervisor *s, int door, const char *place); // 0 or an errno
void sok_host_ask(struct sok_supervisor *s, struct sok_notified *n,
    const struct sok_calls_request *request, const void *bytes, sok_notified_next *next);
void sok_host_tell(struct sok_supervisor *s, const struct sok_notified *n,
    struct sok_calls_request *request, const char *text);     // no answer is wanted
void sok_host_introduce(struct sok_supervisor *s, pid_t tid); // whose sockets these will be
void sok_host_hear(struct sok_supervisor *s);

// notifier_target.c: memory and descriptors of the target. 0 or more, or -errno.
int sok_target_thread(pid_t tid);     // a pidfd
int sok_target_fd(pid_t tid, int fd); // a copy
bool sok_target_cloexec(pid_t tid, int fd);
// A signal waits for this thread: how its call ends then, -EINTR or -ERESTARTSYS; 0: none does.
int sok_target_signalled(pid_t tid);
pid_t sok_target_process(pid_t tid, char name[16]);
int sok_target_read(pid_t tid, uint64_t from, void *to, size_t len);
int sok_target_write(pid_t tid, uint64_t to, const void *from, size_t len);
// As getsockname(2) does it: as much as there is room for, and how much there is.
int sok_target_write_address(
    pid_t tid, uint64_t to, uint64_t len_at, const void *address, uint32_t len);
// A struct msghdr's pieces. Bytes moved, or -errno.
ssize_t sok_target_gather(pid_t tid, const struct msghdr *m, void *to, size_t room);
ssize_t sok_target_scatter(pid_t tid, const struct msghdr *m, const void *from, size_t len);
ssize_t sok_target_size(pid_t tid, const struct msghdr *m); // of all pieces

// notifier_calls.c, notifier_packets.c, notifier_kernel.c: what each call does.
sok_notified_next *sok_notified_call(int nr); // NULL: none of ours
bool sok_notified_to_kernel(struct sok_supervisor *s, struct sok_notified *n, const void *address,
    uint32_t len); // begun, if the address is loopback and that is the kernel's
sok_notified_next sok_call_data;

// notifier_stream.c: calls that move data on a stream.
void sok_call_stream(struct sok_supervisor *s, struct sok_notified *n);

// notifier_control.c: control messages. 0 or -errno.
union sok_notified_control {
    struct cmsghdr align;
    uint8_t bytes[512]; // more than all of them together
};
// Of a message that goes, into its head.
int sok_notified_control_in(
    const struct sok_notified *n, const struct msghdr *m, struct sok_calls_packet *head);
// Of one that comes: a message of our own with as much room as the target's has, for calls/control.h to fill;
// and what that has become, with its flags, into the target's struct msghdr at `at`.
void sok_notified_control_room(
    const struct msghdr *m, union sok_notified_control *room, struct msghdr *here);
int sok_notified_control_out(
    const struct sok_notified *n, uint64_t at, const struct msghdr *m, const struct msghdr *here);

// notifier_trace.c: when the host wants to hear of calls.
void sok_trace_notified(struct sok_supervisor *s, struct sok_notified *n);
void sok_trace_answered(struct sok_supervisor *s, struct sok_notified *n, int64_t value);

int64_t sok_supervisor_now(void);

#endif
