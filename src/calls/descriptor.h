// One descriptor beside the bytes of a message, sent or received (SCM_RIGHTS of unix(7)).
#ifndef SOK_CALLS_DESCRIPTOR_H
#define SOK_CALLS_DESCRIPTOR_H

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

union sok_one_descriptor {
    struct cmsghdr head;
    uint8_t bytes[CMSG_SPACE(sizeof(int))];
};

// Room for one that may come with m (CMSG_SPACE() has room for two): others the kernel closes, and m says so.
static inline void sok_one_descriptor_room(union sok_one_descriptor *c, struct msghdr *m)
{
    m->msg_control = c->bytes;
    m->msg_controllen = CMSG_LEN(sizeof(int));
}

static inline void sok_one_descriptor_put(union sok_one_descriptor *c, struct msghdr *m, int fd)
{
    *c = (union sok_one_descriptor){.bytes = {0}};
    c->head = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&c->head), &fd, sizeof(fd));
    sok_one_descriptor_room(c, m);
}

// -1: none came.
static inline int sok_one_descriptor_get(struct msghdr *m)
{
    struct cmsghdr *h = CMSG_FIRSTHDR(m);
    int fd = -1;
    if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS &&
        h->cmsg_len >= CMSG_LEN(sizeof(int)))
        memcpy(&fd, CMSG_DATA(h), sizeof(fd));
    return fd;
}

#endif
