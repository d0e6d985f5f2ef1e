// Memory that a program shares with its packet socket (packet(7), PACKET_RX_RING): frames are written where it reads
// them, in the form of TPACKET_V1, V2 or V3 (<linux/if_packet.h>).
#ifndef SOK_SERVICE_RING_H
#define SOK_SERVICE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "calls/protocol.h"

#define SOK_RING_MOST  (256u << 20) // bytes of one
#define SOK_RINGS_MOST 1024u        // of a service

struct ring;

// What it is to be: the value of the option; and what was said before.
struct ring_form {
    int version;
    uint32_t reserve; // PACKET_RESERVE
    bool cooked;
    const uint8_t *request; // struct tpacket_req or tpacket_req3
    uint32_t len;
};

// fd: the program's memfd (-1: none came, ENOPROTOOPT), which stays the ring's when there is one. 0, or -errno.
int sok_ring_new(const struct ring_form *form, int fd, struct ring **out);
void sok_ring_free(struct ring *r); // NULL: none
int sok_ring_fd(const struct ring *r);

// A frame: head->addr is a sockaddr_ll, head->whole the bytes there were, head->stamp when. False: no room.
bool sok_ring_put(
    struct ring *r, const struct sok_calls_packet *head, const uint8_t *data, uint32_t len);
// What lies in a block that is not full is given to the program, too: at once, or if it has nothing else to read.
void sok_ring_flush(struct ring *r, bool at_once);
bool sok_ring_readable(const struct ring *r); // the newest that was given was not given back

#endif
