// What the files of `sockeye nc` share: nc.c (words, connecting), nc_relay.c (a stream), nc_udp.c,
// nc_proto.c.
#ifndef SOK_CLI_NC_H
#define SOK_CLI_NC_H

#include <signal.h>
#include "cli/options.h"
#include "cli/writer.h"

struct sok_nc {
    struct sok_host *host;
    struct sok_socket *listener, *s;
    const char *address; // as typed: the remote one, with -l the own; NULL: none
    struct sok_endpoint local, remote;
    bool listen, udp, keep, zero, leave_at_end, verbose;
    uint8_t proto;             // of raw datagrams, nc_proto.c; 0: none
    int64_t wait_ns;           // 0: for ever
    int64_t active_at;         // when something last moved
    int out;                   // stdout, or a non-blocking description of the same
    bool out_socket, out_file; // it is a socket, a file
    struct sok_writer writer;  // started when stdout is a file
    size_t writing;            // bytes of the connection it is at work on
    bool in_ended;             // stdin has
    bool in_watched, out_watched;
    bool peer_ended;
    int code; // an exit code that ends the relay at once; -1: none
};

// How a wait ended; 1: what was waited for.
enum { SOK_NC_INTERRUPTED = -1, SOK_NC_TIMEOUT = -2, SOK_NC_FAILED = -3 };
int sok_nc_until(struct sok_nc *nc, int (*cond)(struct sok_nc *nc), bool idle_counts);
int sok_nc_failed(const struct sok_nc *nc, int err); // "connect to ...: ..."; 1

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
