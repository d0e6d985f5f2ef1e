// The program's side of sockets that are a host's (calls/protocol.h): a library loaded before the C library,
// whose functions the program finds under the C library's names. Every one of them first asks what the
// descriptor is (table.c); for those that are not the host's it is the C library's own function.
//
// Bytes of a stream go through its pair without a question. Only when the real call fails is looked at why:
// a broken pair says EPIPE and ECONNRESET where TCP has a reason.
//
//   table.c     descriptors: which are the host's, and what they are
//   channel.c   the door, the channels, requests
//   real.c      the C library's functions and the kernel's calls beneath these
//   calls.c     socket, bind, connect, listen, names          accept.c
//   options.c   setsockopt, getsockopt, ioctl                 interfaces.c: the host's links
//   capture.c   filters and rings of packet sockets
//   data.c      read and write and their kin                  packets.c: of datagrams
//   lend.c      large writes: memory that the host reads, too
//   shared.c    memory that the host maps, too
//   memory.c    whether there is memory behind a pointer
//   files.c     close, dup, fcntl                             names.c: getaddrinfo and its kin
//   stdio.c     fdopen, fclose and their kin
//   process.c   children of fork, vfork and clone
//   poll.c      poll, select: what a pair does not say of itself
//   signals.c   whether SIGPIPE is ignored
//   loopback.c  127.0.0.0/8 stays with the kernel             trace.c: calls in the timeline
//
// Nothing here may be called by the program while the library is half changed: signal handlers make socket
// calls, threads too. So requests run with signals blocked, the table changes under one lock with signals
// blocked, and who only looks at it takes no lock.
#ifndef SOK_PRELOAD_PRELOAD_H
#define SOK_PRELOAD_PRELOAD_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include "calls/control.h"
#include "calls/protocol.h"
#include "calls/text.h"

#define SOK_EXPORT __attribute__((visibility("default")))

// ---- table.c ----

enum kind {
    KIND_UNKNOWN, // never looked at: inherited or received
    KIND_OTHER,   // looked at: not the host's
    KIND_STREAM = 2 + SOK_CALLS_STREAM,
    KIND_LISTENER = 2 + SOK_CALLS_LISTENER,
    KIND_DGRAM = 2 + SOK_CALLS_DGRAM,
};

#define EARLY_MAX 16 // options set before it is known whose the socket will be
struct early {
    unsigned count;
    struct {
        int level, name;
        socklen_t len;
        uint8_t value[16];
    } options[EARLY_MAX];
};

#define EPOLLS_MAX 2
struct entry {
    uint64_t cookie;
    uint8_t kind;  // enum kind
    uint8_t state; // enum sok_calls_state
    bool bound, connected;
    bool filter; // a raw socket that writes its own header, and the like: none yet
    int domain, type, protocol;
    int linger_s;   // a close that waits; 0: none
    uint32_t error; // of packets: errno for the next call
    bool ring;      // frames come through memory that is shared: capture.c
    bool uncut;     // of datagrams: the program has said what becomes of those that are too large
    uint8_t way
        [SOK_CALLS_ADDR_MAX]; // where a datagram was last sent, and was found to have a way; port 0
    uint32_t name_len, peer_len; // 0: to be asked for
    uint8_t name[SOK_CALLS_ADDR_MAX], peer[SOK_CALLS_ADDR_MAX];
    struct early *early; // NULL: none
    struct {
        int epfd; // -1: none
        uint32_t events;
        uint64_t data;
    } epolls[EPOLLS_MAX];
};

// The host's socket behind fd, or NULL. Unknown ones are looked at when `look` is set; a copy of the entry goes
// into `out`, so that no lock is held afterwards.
bool sok_table_get(int fd, bool look, struct entry *out);
enum kind sok_table_kind(int fd);             // without looking; quick
enum sok_calls_state sok_table_state(int fd); // the same
void sok_table_set(int fd, const struct entry *e);
void sok_table_change(int fd, uint64_t cookie, void (*change)(struct entry *e, const void *with),
    const void *with);                        // if fd still is that socket
void sok_table_clear(int fd, enum kind kind); // KIND_UNKNOWN or KIND_OTHER
void sok_table_copy(int from, int to);
bool sok_table_again(
    int fd, struct entry *out);             // looks anew: another process may have connected it
void sok_table_received(int fd);            // somebody gave it: look now
bool sok_table_is(int fd, uint64_t cookie); // the descriptor still is that socket
void sok_table_fork_lock(void);             // with signals blocked
void sok_table_fork_unlock(void);
void sok_table_copied(void); // a child that came without the two above

// ---- process.c ----

void sok_process_mine(void);     // from here on, by this process
bool sok_process_is_copy(void);  // a child with memory of its own that has not said process_mine()
bool sok_process_is_guest(void); // a child in its parent's memory (vfork)

// ---- channel.c ----

struct call {
    uint32_t op;
    uint64_t cookie;
    int a, b, c;
    const void *bytes;
    uint32_t len;
    void *reply; // room for reply_max bytes
    uint32_t reply_max, reply_len;
    bool take_fd;       // a descriptor comes with the reply
    bool cloexec;       // and is closed on exec
    bool wait;          // takes long: signals get through, -EINTR is a result
    int64_t timeout_ms; // with wait; 0: none. -EAGAIN
    bool given_up;      // out: a signal came, or the time was over
    int fd;
};

// 0 and above or -errno, as the reply says; -ENETDOWN: the host is gone.
int32_t sok_ask(struct call *c);
// Sends it and waits for nothing (no reply comes for id 0).
bool sok_channel_is_ours(int fd); // a door or a channel: the program must not close it
bool sok_host_has_loopback(void);
bool sok_host_there(void); // a host was named in the environment, and answered
extern bool sok_tracing;

// ---- real.c ----

#define REALS(X)                                                                                   \
    X(ssize_t, read, (int, void *, size_t))                                                        \
    X(ssize_t, write, (int, const void *, size_t))                                                 \
    X(ssize_t, readv, (int, const struct iovec *, int))                                            \
    X(ssize_t, writev, (int, const struct iovec *, int))                                           \
    X(int, close, (int))                                                                           \
    X(int, dup, (int))                                                                             \
    X(int, dup2, (int, int))                                                                       \
    X(int, dup3, (int, int, int))                                                                  \
    X(int, fcntl, (int, int, ...))                                                                 \
    X(int, fcntl64, (int, int, ...))                                                               \
    X(int, ioctl, (int, unsigned long, ...))                                                       \
    X(unsigned, if_nametoindex, (const char *))                                                    \
    X(char *, if_indextoname, (unsigned, char *))                                                  \
    X(struct if_nameindex *, if_nameindex, (void))                                                 \
    X(int, getifaddrs, (struct ifaddrs **))                                                        \
    X(ssize_t, sendfile, (int, int, off_t *, size_t))                                              \
    X(ssize_t, sendfile64, (int, int, int64_t *, size_t))                                          \
    X(ssize_t, splice, (int, int64_t *, int, int64_t *, size_t, unsigned))                         \
    X(int, close_range, (unsigned, unsigned, int))                                                 \
    X(int, epoll_ctl, (int, int, int, void *))                                                     \
    X(void *, fdopen, (int, const char *))                                                         \
    X(int, __vdprintf_chk, (int, int, const char *, va_list))                                      \
    X(int, fclose, (void *))                                                                       \
    X(void *, freopen, (const char *, const char *, void *))                                       \
    X(int, poll, (struct pollfd *, unsigned long, int))                                            \
    X(int, ppoll, (struct pollfd *, unsigned long, const void *, const void *))                    \
    X(int, select, (int, void *, void *, void *, void *))                                          \
    X(int, sigaction, (int, const void *, void *))                                                 \
    X(void *, signal, (int, void *))                                                               \
    X(int, getaddrinfo, (const char *, const char *, const void *, void *))                        \
    X(int, getnameinfo, (const void *, socklen_t, char *, socklen_t, char *, socklen_t, int))

struct pollfd;
struct if_nameindex;
struct ifaddrs;
struct sok_reals {
#define SOK_X(type, name, args) type(*name) args;
    REALS(SOK_X)
#undef SOK_X
};
const struct sok_reals *sok_reals(void); // found at the first call

// The kernel's socket calls, marked so that a filter for programs without this library lets them through.
int sok_k_socket(int domain, int type, int protocol);
int sok_k_bind(int fd, const void *addr, socklen_t len);
int sok_k_connect(int fd, const void *addr, socklen_t len);
int sok_k_listen(int fd, int backlog);
int sok_k_accept4(int fd, void *addr, socklen_t *len, int flags);
int sok_k_getsockname(int fd, void *addr, socklen_t *len);
int sok_k_getpeername(int fd, void *addr, socklen_t *len);
int sok_k_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int sok_k_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int sok_k_shutdown(int fd, int how);
ssize_t sok_k_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t sok_k_recvmsg(int fd, struct msghdr *m, int flags);
ssize_t sok_k_sendto(
    int fd, const void *data, size_t len, int flags, const void *addr, socklen_t addr_len);
ssize_t sok_k_recvfrom(int fd, void *data, size_t len, int flags, void *addr, socklen_t *addr_len);
int sok_k_sendmmsg(int fd, void *messages, unsigned count, int flags);
int sok_k_recvmmsg(int fd, void *messages, unsigned count, int flags, void *timeout);

int sok_fail(int error); // errno = error, -1

// ---- trace.c ----

// A call that is traced: its text first, then what came of it. Free when nobody traces.
#define sok_trace_begin(...) (sok_tracing ? sok_trace_call(false, __VA_ARGS__) : 0)
// Of a call that writes, shuts down or closes: the host takes nothing of it until its end, or sok_trace_go().
#define sok_trace_begin_held(...) (sok_tracing ? sok_trace_call(true, __VA_ARGS__) : 0)
unsigned sok_trace_call(bool held, int fd, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void sok_trace_go(void); // this thread's call is going to wait
ssize_t sok_trace_result(unsigned call, ssize_t result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#define sok_trace_end(call, result) ((call) ? sok_trace_result(call, result, NULL) : (result))
#define sok_trace_end_with(call, result, ...)                                                      \
    ((call) ? sok_trace_result(call, result, __VA_ARGS__) : (result))
const char *sok_trace_bytes(const void *data, size_t len); // "GET / HT"...

bool sok_pipe_signal_ignored(void); // signals.c

// ---- memory.c ----

#define SOK_PIECES_MAX  1024 // UIO_MAXIOV
#define SOK_NAME_MAX    128  // struct sockaddr_storage
#define SOK_CONTROL_MAX 65536

bool sok_can_read(const void *memory, size_t len);
bool sok_can_write(void *memory, size_t len);
// The caller's own variables need no call of the kernel: they stand right above this function's.
#define SOK_NEAR(memory, len)                                                                      \
    ((len) <= 1024 && (uintptr_t)(memory) - (uintptr_t)__builtin_frame_address(0) <= 1024)
#define SOK_READS(memory, len)  (SOK_NEAR(memory, len) || sok_can_read(memory, len))
#define SOK_WRITES(memory, len) (SOK_NEAR(memory, len) || sok_can_write(memory, len))
// What a call that gives an address or a value refuses; 0: nothing. to NULL: it is not looked at.
int sok_no_room(void *to, const socklen_t *len);
// All that a message points at, but for the bytes. False: the kernel is to say what is wrong with it.
bool sok_message_to_send(const struct msghdr *m);
bool sok_message_to_fill(
    struct msghdr *m, bool names); // names: with its address and its control messages

// ---- data.c, packets.c ----
ssize_t sok_stream_send(int fd, const struct msghdr *m, int flags);
ssize_t sok_stream_recv(int fd, struct msghdr *m, int flags);
ssize_t sok_packet_send(int fd, const struct entry *e, const struct msghdr *m, int flags);
int sok_packet_error(int fd, const struct entry *e); // an errno that waits, taken; 0: none
void sok_packet_keep_error(int fd, int error);       // for the next call
bool sok_packet_error_waits(int fd, const struct entry *e);
ssize_t sok_packet_recv(int fd, const struct entry *e, struct msghdr *m, int flags);
void sok_stream_is_open(int fd);          // it was connecting: room for it now
int sok_stream_reason(int fd, int error); // the errno TCP has for a broken pair's

// ---- capture.c ----
// An option of a packet socket that is more than a request. False: it is none of these.
bool sok_capture_option(int fd, const struct entry *e, int level, int name, const void *value,
    socklen_t len, int *result);
void sok_capture_settle(int fd); // before somebody waits for it: whether its ring has something
void sok_capture_ring_inherited(void); // there is one that this process did not make

// ---- interfaces.c ----
bool sok_interface_request(unsigned long request); // of ioctl()
size_t sok_interface_bytes(unsigned long request); // of its argument
int sok_interface_ask(unsigned long request, void *arg);

// ---- shared.c ----

bool sok_shared_allowed(uint64_t size);
int sok_shared_make(const char *name, uint64_t size); // a descriptor, or -1

// ---- lend.c ----
#define SOK_LEND_LEAST 32768 // a note costs as much as copying some of it
// Writes through lent memory; how many bytes: fewer than len where there is no room, or no such memory.
size_t sok_lend(int fd, const uint8_t *data, size_t len);
bool sok_lend_is_ours(int fd); // the memory's descriptor: the program must not close it

// ---- accept.c, loopback.c, options.c ----
// Another pair takes the place of this one, which failed to connect or shall have no peer any more.
bool sok_socket_renew(int fd, const struct entry *e);
void sok_into_epolls(int fd, const struct entry *e); // again, where it was
// For a socket whose address will be or is 127.0.0.0/8 or ::1: it becomes the kernel's, and true is returned.
bool sok_loopback_taken(int fd, const struct entry *e, const void *addr, socklen_t len);
void sok_early_option(
    int fd, const struct entry *e, int level, int name, const void *v, socklen_t len);

// Copies an address out as the kernel does: cut to *len, which becomes the whole length.
void sok_address_out(void *to, socklen_t *len, const uint8_t *from, uint32_t from_len);

#endif
