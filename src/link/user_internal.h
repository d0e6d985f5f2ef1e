// What the files of the link `user` share: user.c is the link and its pump, user_stream.c TCP,
// user_talk.c UDP and echo.
//
// Nothing here blocks, and nothing is lost between the two sides of a connection: what one side cannot take
// stays with the other, whose window closes.
#ifndef SOK_LINK_USER_INTERNAL_H
#define SOK_LINK_USER_INTERNAL_H

#include <netinet/in.h>
#include "base/container.h"
#include "base/map.h"
#include "link/internal.h"
#include "link/user.h"
#include "stack/stack.h"

#define SOK_USER_LINK        1 // of the gateway
#define SOK_USER_STREAMS_MAX 4096
#define SOK_USER_TALKS_MAX   512                    // the one idle longest makes room
#define SOK_USER_TALK_IDLE   (INT64_C(120) * SOK_S) // RFC 4787 section 4.3
#define SOK_USER_BATCH       64                     // descriptors heard of at once
#define SOK_USER_READ        65536                  // bytes read from a kernel socket at once

struct sok_user;

// A kernel socket in the link's epoll set. ready() frees no other one.
struct sok_user_fd {
    void (*ready)(struct sok_user *u, struct sok_user_fd *f, uint32_t events, int64_t now);
    int fd;
};

struct sok_user_stream;
struct sok_user_talk;

struct sok_user {
    struct sok_link link;
    struct sok_stack *gateway;
    struct sok_addr address, address6; // the gateway's own
    struct sok_tcp_listener *every;
    struct sok_udp *udp;
    uint8_t key[16];
    bool again;         // recv is to be called again, whatever the descriptors say
    struct sok_buf *rx; // what is read next goes here
    // TCP
    struct sok_user_stream *streams;
    struct sok_user_stream *active; // to be looked at
    unsigned stream_count, holding; // and how many hold what the kernel does not take yet
    // UDP and echo
    struct sok_map talks;
    struct sok_user_talk *oldest, *newest;
};

// Bytes to read into, SOK_USER_READ of them; NULL: no memory.
uint8_t *sok_user_room(struct sok_user *u);
bool sok_user_watch(struct sok_user *u, struct sok_user_fd *f, uint32_t events);
struct sok_user_sockaddr {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } at;
    socklen_t len;
};
struct sok_user_sockaddr sok_user_sockaddr(const struct sok_endpoint *e);
// Tells the client what became of a packet of its: from, and to whom, and the first 8 bytes behind the IP
// header. who NULL: the gateway says so.
void sok_user_complain(struct sok_user *u, const struct sok_addr *who,
    const struct sok_endpoint *from, const struct sok_endpoint *to, uint8_t proto,
    const uint8_t head[8], uint8_t type, uint8_t code, int64_t now);
// The code of "unreachable" of ICMP, or of ICMPv6, for an errno of a kernel socket; -1: it means nothing like that.
int sok_user_code(bool v6, int errno_value);
// The type that goes with it.
uint8_t sok_user_unreachable(bool v6);

// ---- user_stream.c ----
void sok_user_stream_open(struct sok_user *u, struct sok_tcp_conn *conn, int64_t now);
void sok_user_stream_changed(struct sok_user *u, struct sok_sock *sock);
bool sok_user_streams_work(struct sok_user *u, int64_t now); // whether anything moved
void sok_user_streams_free(struct sok_user *u);

// ---- user_talk.c ----
void sok_user_datagrams(struct sok_user *u, int64_t now); // those the client sent
void sok_user_echoes(struct sok_user *u, int64_t now);    // and its echo requests
int64_t sok_user_talks_deadline(const struct sok_user *u);
void sok_user_talks_expire(struct sok_user *u, int64_t now);
void sok_user_talks_free(struct sok_user *u);

#endif
