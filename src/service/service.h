// The host's side of sockets that programs hold as their own (calls/protocol.h): doors and channels, the
// requests that come over them, and the pairs whose other ends the programs have. What a request asks for
// is done with the host's own sockets (sockeye/socket.h); bytes of streams move in host/bridge.c.
//
// Everything happens inside sok_host_step(). Limits: CHANNELS_MAX channels and doors, SOCKETS_MAX sockets
// (service/internal.h); above them a new one is refused with ENFILE.
#ifndef SOK_SERVICE_SERVICE_H
#define SOK_SERVICE_SERVICE_H

#include <stdbool.h>
#include <sockeye/host.h>

struct sok_service;

struct sok_service_config {
    int door_fd;   // listens (AF_UNIX, SOCK_SEQPACKET); the service's from now on
    bool loopback; // programs' 127.0.0.0/8 is the host's own
    bool trace;    // programs tell of their calls, and the host's views do (view.h)
};

int sok_service_new(
    struct sok_host *host, const struct sok_service_config *config, struct sok_service **out);
void sok_service_free(struct sok_service *v); // before the host; sockets of programs are reset
// Whether a program is connected: a door or a channel is open.
bool sok_service_used(const struct sok_service *v);
bool sok_service_stopped(const struct sok_service *v); // STOP came

#endif
