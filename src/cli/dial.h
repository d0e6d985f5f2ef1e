// Connecting to a name over both families: Happy Eyeballs, version 2 (RFC 8305). Both families are asked for at once,
// attempts begin one after the other a quarter of a second apart, families in turns, and the first that is answered
// stays.
#ifndef SOK_CLI_DIAL_H
#define SOK_CLI_DIAL_H

#include <sockeye/host.h>
#include <sockeye/names.h>
#include <sockeye/socket.h>

struct sok_dial {
    const char *name;             // or an address: "192.0.2.1", "2001:db8::1", "fe80::1%2", "[::1]"
    const struct sok_addr *given; // instead of looking the name up; NULL: look
    unsigned given_count;         // of them, SOK_LOOKUP_ADDRS_MAX at most; 0 is one
    uint16_t port;
    unsigned family;                  // 4, 6; 0: both
    const struct sok_endpoint *local; // to bind to; NULL: any
    int64_t limit;                    // of sok_host_now(); INT64_MAX: none
    void (*tell)(void *ctx, const struct sok_endpoint *remote,
        int err); // an attempt that failed; NULL: nobody
    void *ctx;
};

// Steps the host until there is a connection, nothing is left to try, the time is over (SOK_ETIMEDOUT) or a signal came
// (SOK_EABORTED); SOK_EINPROGRESS: the time was over before the name was answered. 0: *out is connected to *remote. *no_name: it is the name that failed, and message says how. Otherwise
// *remote is whom the error is about.
int sok_cli_dial(struct sok_host *host, const struct sok_dial *d, struct sok_socket **out,
    struct sok_endpoint *remote, bool *no_name, char message[SOK_HOST_ERR_MAX]);

#endif
