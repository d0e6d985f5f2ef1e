// What POSIX and Linux have above a handle (sockeye/socket.h): families, levels, names of options, socket addresses.
// One mapping for both that need it: the calls of sockeye/sys.h, and programs under `sockeye run` (src/service).
// Everything here answers with 0, a count, or -errno.
#ifndef SOK_HOST_POSIX_H
#define SOK_HOST_POSIX_H

#include <sockeye/socket.h>
#include "calls/protocol.h"

enum sok_posix_value { // options that are kept and told, or looked at by who has the socket
    VALUE_OOBINLINE,
    VALUE_KEEPALIVE, // of sockets without connections
    VALUE_PRIORITY,
    VALUE_RCVLOWAT,
    VALUE_V6ONLY,
    VALUE_HDRINCL,
    VALUE_LINGER_S, // seconds + 1; 0: off
    VALUE_WANTED,   // enum sok_calls_wanted
    VALUE_FILTER_LOCKED,
    VALUE_RING_VERSION, // of packet sockets
    VALUE_RING_RESERVE,
    VALUE_IGNORE_OUTGOING,
    VALUE_COUNT
};

// What a program asked for; stays when the handle has gone.
struct sok_posix {
    int domain, type, protocol;
    bool bound, listens;
    int32_t values[VALUE_COUNT];
};

// ---- posix_address.c ----

#define SOK_POSIX_ADDR_MAX 28 // sockaddr_in6

// v6: a real IPv6 address, for which there is no road yet.
int sok_sockaddr_get(
    int domain, const uint8_t *bytes, uint32_t len, struct sok_endpoint *out, bool *v6);
// Whom a socket sends to; connects: or is to be connected with. A datagram socket of AF_INET6 takes IPv4's addresses, too.
int sok_sockaddr_peer(const struct sok_posix *p, struct sok_socket *connects, const uint8_t *bytes,
    uint32_t len, struct sok_endpoint *out, bool *v6);
uint32_t sok_sockaddr_put(
    int domain, const struct sok_endpoint *e, uint8_t out[SOK_POSIX_ADDR_MAX]);
// sockaddr_ll
int sok_ll_get(const uint8_t *bytes, uint32_t len, struct sok_packet_addr *out);
uint32_t sok_ll_put(
    const struct sok_host *host, const struct sok_packet_addr *a, uint8_t out[SOK_POSIX_ADDR_MAX]);

// ---- posix_groups.c ----

// Multicast's options; -ENOPROTOOPT: it is none of them.
int sok_posix_group_set(const struct sok_posix *p, struct sok_socket *s, int level, int name,
    const uint8_t *bytes, uint32_t len);
int sok_posix_group_get(const struct sok_posix *p, const struct sok_socket *s, int level, int name,
    uint8_t *out, uint32_t want);

// ---- posix_control.c ----

// What came along with a datagram, if the program wants any of it.
void sok_posix_came(const struct sok_posix *p, struct sok_host *host, const uint8_t *data,
    size_t len, const struct sok_dgram_info *info, struct sok_calls_packet *head);
// The oldest error in the queue of a datagram socket, as much of the data as fits. Bytes of it, or -errno (EAGAIN: none).
int64_t sok_posix_news(const struct sok_posix *p, struct sok_socket *s, struct sok_calls_news *news,
    void *data, size_t len);
void sok_posix_frame_came( // the same of a packet socket, first
    const struct sok_posix *p, const struct sok_socket *s, int link, uint32_t len,
    struct sok_calls_packet *head);
int64_t sok_posix_stamp(
    struct sok_host *host, int64_t at); // a time of the host's clock as CLOCK_REALTIME
void sok_posix_goes(const struct sok_calls_packet *head, struct sok_dgram_info *out);

// ---- posix_device.c ----

void sok_posix_link_name(int link, const struct sok_packet_link *about, char out[16]);
// By that name, or by the device's own: tap0 of the link tap:tap0. -ENODEV.
int sok_posix_link_find(const struct sok_host *host, const char *name);
// SO_BINDTODEVICE and SO_BINDTOIFINDEX; -ENOPROTOOPT: it is none of them.
int sok_posix_device_set(
    struct sok_socket *s, int level, int name, const uint8_t *bytes, uint32_t len);
int sok_posix_device_get(struct sok_socket *s, int level, int name, uint8_t *out, uint32_t want);

// ---- posix_raw.c ----

// Raw sockets' options; -ENOPROTOOPT: it is none of them.
int sok_posix_raw_set(const struct sok_posix *p, struct sok_socket *s, int level, int name,
    const uint8_t *bytes, uint32_t len);
int sok_posix_raw_get(const struct sok_posix *p, const struct sok_socket *s, int level, int name,
    uint8_t *out, uint32_t want);

// ---- posix_packet.c ----

// Packet sockets' options, and filters, whose value is the instructions; -ENOPROTOOPT: it is none of them.
int sok_posix_packet_set(struct sok_posix *p, struct sok_socket *s, int level, int name,
    const uint8_t *bytes, uint32_t len);
int sok_posix_packet_get(const struct sok_posix *p, struct sok_socket *s, int level, int name,
    uint8_t *out, uint32_t want);

// ---- posix_info.c ----

// TCP_INFO. Bytes written, at most want, or -errno.
int sok_posix_info(
    const struct sok_posix *p, const struct sok_socket *s, uint8_t *out, uint32_t want);

// ---- posix_options.c ----

// s NULL: there is no handle any more. SO_ERROR is the caller's.
int sok_posix_setopt(struct sok_posix *p, struct sok_socket *s, int level, int name,
    const uint8_t *bytes, uint32_t len);
// Bytes written into out, at most want.
int sok_posix_getopt(const struct sok_posix *p, struct sok_socket *s, int level, int name,
    uint8_t *out, uint32_t want);

#endif
