// Control messages of datagrams, as cmsg(3) has them, for both sides.
#ifndef SOK_CALLS_CONTROL_H
#define SOK_CALLS_CONTROL_H

#include <sys/socket.h>
#include "calls/protocol.h"

// Those that go: what they say, into the head. An errno, 0: all is well.
int sok_control_in(const struct msghdr *m, struct sok_calls_packet *head);
// Those that come: what the head says, as far as there is room; msg_controllen and MSG_CTRUNC say how far.
void sok_control_out(struct msghdr *m, const struct sok_calls_packet *head);

// An error that was said about a datagram (MSG_ERRQUEUE): its control message and the datagram's address.
void sok_control_news(struct msghdr *m, const struct sok_calls_news *news);

#endif
