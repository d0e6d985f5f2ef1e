// What the files of `sockeye nc` share: nc.c (words, connecting), nc_words.c (ports and services),
// nc_relay.c (a stream), nc_udp.c, nc_own.c, nc_kernel.c and nc_kernel_io.c (whose sockets they are),
// nc_proto.c.
#ifndef SOK_CLI_NC_H
#define SOK_CLI_NC_H

#include <signal.h>
#include <sys/socket.h>
#include "cli/options.h"
#include "cli/writer.h"

struct sok_nc;

// Who is at the other end, in the words of whose sockets they are. All of it zeroed first: compared as bytes.
struct sok_nc_peer {
    socklen_t len; // of kernel
    union {
        struct sok_endpoint own;
        struct sockaddr_storage kernel;
    } at;
};
#define SOK_NC_PEER_TEXT_MAX 128 // "192.0.2.1 80", or a path

// Whose sockets these are: Sockeye's or the kernel's. One listener and one connection at a time, in
// struct sok_nc. None of these waits; SOK_EAGAIN: later, the loop will be woken.
struct sok_nc_net {
    int (*listen)(struct sok_nc *nc);             // a stream's listener; -u: the socket, bound
    int (*accept)(struct sok_nc *nc);             // sets nc->peer
    unsigned (*targets)(const struct sok_nc *nc); // addresses of the name typed
    // Begins: 0, SOK_EINPROGRESS, an error; sets nc->peer.
    int (*connect)(struct sok_nc *nc, unsigned target, uint16_t port);
    int (*connected)(struct sok_nc *nc); // 0: still on its way; 1, or an error
    void (*close)(struct sok_nc *nc);    // the connection, in order
    void (*close_listener)(struct sok_nc *nc);
    // "192.0.2.1", a path.
    void (*name)(const struct sok_nc_peer *peer, char out[SOK_NC_PEER_TEXT_MAX]);
    uint16_t (*port)(const struct sok_nc_peer *peer);

    // A stream: as sok_peek, sok_consume, sok_reserve, sok_commit, sok_shutdown are.
    int64_t (*peek)(struct sok_nc *nc, struct iovec *iov, int *count);
    void (*consume)(struct sok_nc *nc, size_t len);
    void *(*reserve)(struct sok_nc *nc, size_t *len, int *err);
    int64_t (*commit)(struct sok_nc *nc, size_t len);
    void (*shutdown)(struct sok_nc *nc);
    bool (*takes)(const struct sok_nc *nc);   // there is something to reserve
    bool (*drained)(const struct sok_nc *nc); // closing loses nothing
    // fn is called when more came, more is taken, or it failed.
    void (*notify)(struct sok_nc *nc, void (*fn)(struct sok_nc *nc, void *ctx), void *ctx);

    // Datagrams.
    int64_t (*recv)(struct sok_nc *nc, void *data, size_t len, struct sok_nc_peer *from);
    int64_t (*send)(struct sok_nc *nc, const void *data, size_t len); // to nc->peer

    void (*say_peer)(struct sok_nc *nc);           // -v: its name; or NULL
    void (*say_how)(struct sok_nc *nc, bool well); // -v: how the stream went; or NULL
};
extern const struct sok_nc_net sok_nc_own, sok_nc_kernel;

struct sok_nc_service {
    uint16_t port;
    char name[30];
};

struct sok_nc {
    struct sok_host *host;
    const struct sok_nc_net *net;
    const char *address;               // as typed: the remote one, with -l the own; NULL: none
    const char *source;                // -s as typed; NULL: none
    struct sok_endpoint local, remote; // on Sockeye's stack
    struct sok_cli_addrs addrs;        // all of the name's; tried by RFC 8305
    struct sok_nc_peer peer;
    uint16_t port, port_last; // to connect to; with -l the own one, once
    bool listen, udp, keep, zero, leave_at_end, verbose;
    bool kernel, local_path, numeric; // --kernel, -U, -n
    int family;                       // 4, 6; 0: either
    uint8_t proto;                    // of raw datagrams, nc_proto.c; 0: none
    int64_t wait_ns;                  // 0: for ever
    int64_t quit_ns;                  // -q; QUIT_...
    int64_t active_at;                // when something last moved
    int64_t leave_at;                 // the end of a wait; 0: none
    int out;                          // stdout, or a non-blocking description of the same
    bool out_socket, out_file;        // it is a socket, a file
    struct sok_writer writer;         // started when stdout is a file
    size_t writing;                   // bytes of the connection it is at work on
    bool in_ended;                    // stdin has
    bool in_watched, out_watched;
    bool peer_ended;
    bool bind_failed; // this is why a connection did
    int code;         // an exit code that ends the relay at once; -1: none
    struct sok_socket *listener, *s;
    struct sok_nc_kernel_state *k;
    void (*notified)(struct sok_nc *nc, void *ctx);
    void *notified_ctx;
    struct sok_nc_service *services; // with -v, without -n
    size_t service_count;
};
#define SOK_NC_QUIT_NOT_GIVEN (-2)
#define SOK_NC_QUIT_NEVER     (-1)

// How a wait ended; above 0: what was waited for.
enum { SOK_NC_INTERRUPTED = -1, SOK_NC_TIMEOUT = -2, SOK_NC_FAILED = -3, SOK_NC_LEAVE = -4 };
int sok_nc_until(struct sok_nc *nc, int (*cond)(struct sok_nc *nc), bool idle_counts);
int sok_nc_failed(const struct sok_nc *nc, int err); // "connect to ...: ..."; 1
void sok_nc_say_connected(const struct sok_nc *nc);  // -v
void sok_nc_say_received(struct sok_nc *nc);         // -v

// nc_words.c: "80", "20-30", "http". False after a message, which is an exit code.
int sok_nc_take_port(struct sok_nc *nc, const char *text);
void sok_nc_services_read(struct sok_nc *nc);
const char *sok_nc_service(const struct sok_nc *nc, uint16_t port); // "http", "*"

// nc_own.c, nc_kernel.c: everything up to the process being confined, and the name looked up. An exit code.
int sok_nc_own_open(struct sok_nc *nc, struct sok_cli_host *ho);
int sok_nc_kernel_open(struct sok_nc *nc, struct sok_cli_host *ho);
int sok_nc_kernel_end(struct sok_nc *nc, struct sok_cli_host *ho, int code);

int sok_nc_out_open(struct sok_nc *nc);  // before the process is confined; an exit code
int sok_nc_out_start(struct sok_nc *nc); // the thread that writes a file; an exit code
void sok_nc_out_close(struct sok_nc *nc);
// Writes what stdout takes now: bytes, SOK_EAGAIN, or another error (SOK_EPIPE: the reader has left).
int64_t sok_nc_out_write(struct sok_nc *nc, const struct iovec *iov, int count);

int sok_nc_relay(struct sok_nc *nc);     // a connected stream until its end; an exit code
int sok_nc_datagrams(struct sok_nc *nc); // all of -u; an exit code

// --proto: its number, the arguments behind it, whether the links carry it, all of it; exit codes.
int sok_nc_proto_option(struct sok_nc *nc, const char *arg);
int sok_nc_proto_arguments(struct sok_nc *nc, int count, char **args);
int sok_nc_proto_may(const struct sok_nc *nc);
int sok_nc_proto(struct sok_nc *nc);

#endif
