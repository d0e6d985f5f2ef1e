// Inside a host: what its files share. A host is a stack, its links, a place in a loop, and the sockets
// and bridges that programs hold. It adds no rule of TCP/IP: everything it knows comes out of the stack.
#ifndef SOK_HOST_HOST_H
#define SOK_HOST_HOST_H

#include <sockeye/host.h>
#include <sockeye/socket.h>
#include "base/frame.h"
#include "host/address.h"
#include "host/interfaces.h"
#include "host/loop.h"
#include "host/mem.h"
#include "host/view.h"
#include "link/link.h"
#include "stack/stack.h"

struct sok_host_wire {
    struct sok_loop_fd lf;
    struct sok_host *host;
    struct sok_link *link;
    uint8_t index;      // in the stack
    bool down;          // said SOK_ELINKDOWN
    bool slaac;         // its addresses are what routers say
    bool paused;        // its interface is down at present
    bool holding;       // `held` was refused and is offered again first
    uint8_t *held_data; // its bytes, allocated at the first need
    struct sok_frame_out held;
};

struct sok_bridge;
struct sok_watch;
struct sok_names;
struct sok_region;

struct sok_host {
    struct sok_loop *loop;
    struct sok_store store;
    struct sok_mem mem; // a hook on store
    struct sok_stack *stack;
    struct sok_host_wire *wires[SOK_STACK_LINKS_MAX];
    unsigned wire_count;
    bool dirty;             // the program called something: there may be output
    struct sok_view *views; // the host closes them
    struct sok_socket *sockets;
    struct sok_bridge *bridges;        // all
    struct sok_bridge *bridges_active; // have something to move
    struct sok_region *regions;        // lent by programs
    unsigned region_count;
    int stream_error; // with which the last bridge ended that did so with one
    struct sok_watch *watches;
    struct sok_sys *sys;     // descriptors (sockeye/sys.h); NULL: there were none
    struct sok_names *names; // NULL: nothing was looked up
    struct sok_host_claims claims;
    struct sok_host_interfaces interfaces;
    int64_t dhcp_wait; // the setting of that name
    uint8_t *scratch;  // SOK_HOST_SCRATCH bytes for small moves
};
#define SOK_HOST_SCRATCH 65536

// Every public call begins with it. With assertions: the calling thread is the host's, else a line that says so and
// abort().
#ifdef NDEBUG
#define sok_host_mine(host) ((void)(host))
#else
void sok_host_mine(const struct sok_host *host);
#endif

// Writes a line into err (SOK_HOST_ERR_MAX bytes, may be NULL) and returns code.
int sok_host_fail(char *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// The host owns the view from now on; it hears of everything after this.
void sok_host_view_add(struct sok_host *host, struct sok_view *view);
int sok_host_views_close(struct sok_host *host); // 0, or the first errno of writing
// Lines of a TLS key log that belong to the connections of this host: for the recording.
void sok_host_keys(struct sok_host *host, const char *text, size_t len);
struct sok_stack *sok_host_stack(struct sok_host *host);

// One pass over everything of this host, without sleeping; how much was done.
unsigned sok_host_turn(struct sok_host *host, int64_t now);
// What is due at once goes out, and nothing that came is looked at: before a process is confined, say, an
// address may be asked for.
void sok_host_begin(struct sok_host *host);
int64_t sok_host_due(const struct sok_host *host); // its own next deadline
bool sok_host_polled(const struct sok_host *host); // what arrives at its links a descriptor tells
int sok_host_go_on(struct sok_host *host);         // sok_loop_go_on()
void sok_host_drain(struct sok_host *host); // events to the onlookers, readiness to the holders
// The link is in the stack from here on and belongs to the host, also on failure.
int sok_host_wire_add(struct sok_host *host, struct sok_link *link, char *err);
void sok_host_wires_free(struct sok_host *host);
void sok_host_watches_free(struct sok_host *host);

struct sok_socket {
    struct sok_host *host;
    uint8_t type; // enum sok_socket_type
    bool bound, blocking, reuse, reuse_port;
    bool v4only, v6only;   // what no address means: one family; neither: both
    bool dialled;          // connect was called
    uint8_t device;        // link + 1 that it is bound to; 0: none
    struct sok_sock *sock; // the stack's handle; NULL: not open yet
    struct sok_endpoint local, remote;
    int64_t timeout_ns;
    struct sok_dgram_opts dgram; // of datagram sockets of all kinds; TCP's are in options
    struct sok_multicast_opts multicast;
    int64_t stamp;          // raw, packet: when what was received last came
    uint32_t whole;         // packet: how many bytes it had
    uint32_t options_given; // as options_set, and stays: for the next connection of the same socket
    uint32_t options_set;   // bit per enum sok_socket_option, given before there was a connection
    int64_t options[SOK_OPT_RECVERR + 1]; // fewer than 32
    void (*notify)(void *ctx, struct sok_socket *s);
    void *notify_ctx;
    void *owner; // who serves it to a program; NULL: nobody does
    struct sok_buf *reserved;
    struct sok_socket *next, *prev;
};

static inline struct sok_tcp_conn *sok_socket_conn(const struct sok_socket *s)
{
    return s->sock && s->sock->kind == SOK_SOCK_TCP ? (struct sok_tcp_conn *)s->sock : NULL;
}

// socket_raw.c: of raw and packet sockets, what the common calls ask for.
int sok_socket_raw_bind(struct sok_socket *s, const struct sok_endpoint *local);
int sok_socket_raw_connect(struct sok_socket *s, const struct sok_endpoint *remote);
int sok_socket_raw_checksum(struct sok_socket *s, int offset); // sok_raw_checksum
int sok_socket_raw_checksum_at(const struct sok_socket *s);
int64_t sok_socket_raw_send(
    struct sok_socket *s, const struct sok_iov *iov, unsigned count, const struct sok_endpoint *to);
int64_t sok_socket_raw_recv(
    struct sok_socket *s, void *data, size_t len, struct sok_endpoint *from);
// A datagram socket that is not open yet is bound to any port. SOK_EOPNOTSUPP: it is neither that nor raw.
int sok_socket_open_dgram(struct sok_socket *s);
// And of UDP sockets. SOK_EOPNOTSUPP: not for this kind.
int sok_socket_dgram_setopt(struct sok_socket *s, enum sok_socket_option option, int64_t value);
int sok_socket_dgram_getopt(struct sok_socket *s, enum sok_socket_option option, int64_t *value);
void sok_socket_dgram_apply(struct sok_socket *s); // once it is open
// socket_options.c: what was given before there was a connection, a listener.
void sok_socket_options_apply(struct sok_socket *s);
void sok_socket_listener_options(struct sok_socket *s);
int sok_socket_error(struct sok_socket *s); // takes the pending error
// socket_io.c: of a datagram socket, whether one of this many bytes may leave uncut, if it must (to NULL: to its peer).
int sok_socket_fits(struct sok_socket *s, const struct sok_endpoint *to, size_t len);
// socket_io.c: after SOK_EAGAIN true when a blocking socket has waited and the call is to be made again.
bool sok_socket_again(struct sok_socket *s, unsigned want, int64_t *r);

// A socket object around a handle of the stack (NULL: none yet).
struct sok_socket *sok_socket_wrap(
    struct sok_host *host, enum sok_socket_type type, struct sok_sock *sock);
void sok_socket_unwrap(struct sok_socket *s); // frees the object alone
void sok_sockets_free(struct sok_host *host);
// Takes the connection, the listener or the peer away: as it was before connect() or listen(). Its options stay, and
// what it is bound to; of a datagram socket only with keep_port.
void sok_socket_renew(struct sok_socket *s, bool keep_port);

unsigned sok_bridges_pump(struct sok_host *host, int64_t now);
void sok_bridges_free(struct sok_host *host);

#endif
