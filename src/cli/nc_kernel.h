// What nc_kernel.c (names, listeners, connecting) and nc_kernel_io.c (bytes) share.
#ifndef SOK_CLI_NC_KERNEL_H
#define SOK_CLI_NC_KERNEL_H

#include <netdb.h>
#include "cli/nc.h"

#define SOK_NC_KERNEL_BLOCK (256 * 1024)

struct sok_nc_kernel_state {
    struct addrinfo *found; // of the name
    int listener, fd;       // -1: none
    int prepared; // a socket made before the process was confined, with its own address; -1: none
    int prepared_family;
    int listen_error;
    bool connecting;
    bool hungry; // the reader has had all there was
    bool ending; // a FIN is to follow what is still to be sent
    int error;   // of sending what was taken already
    size_t in_at, in_len, out_at, out_len;
    uint8_t in[SOK_NC_KERNEL_BLOCK], out[SOK_NC_KERNEL_BLOCK];
};

void sok_nc_kernel_watch(struct sok_nc *nc); // what the loop is to wake us for

int64_t sok_nc_kernel_peek(struct sok_nc *nc, struct iovec *iov, int *count);
void sok_nc_kernel_consume(struct sok_nc *nc, size_t len);
void *sok_nc_kernel_reserve(struct sok_nc *nc, size_t *len, int *err);
int64_t sok_nc_kernel_commit(struct sok_nc *nc, size_t len);
void sok_nc_kernel_shutdown(struct sok_nc *nc);
bool sok_nc_kernel_takes(const struct sok_nc *nc);
bool sok_nc_kernel_drained(const struct sok_nc *nc);
void sok_nc_kernel_notify(struct sok_nc *nc, void (*fn)(struct sok_nc *nc, void *ctx), void *ctx);
int64_t sok_nc_kernel_recv(struct sok_nc *nc, void *data, size_t len, struct sok_nc_peer *from);
int64_t sok_nc_kernel_send(struct sok_nc *nc, const void *data, size_t len);

#endif
