// Calls that move data: on packet sockets, where every packet has a head that the target must not see. On those
// without heads (connected ones) the kernel does them, unless an address or a control message is in play, which a
// pair knows nothing of. Streams: notifier_stream.c.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "calls/control.h"
#include "cli/notifier_internal.h"

#define MESSAGES_MAX 1024 // of one sendmmsg or recvmmsg, as in the kernel
#define DATAGRAM_MAX 65507
#define SURE_TO_FIT  508 // bytes: with headers what every host takes (RFC 791)

// ---- the target's message ----

// sendto and recvfrom as a message: its one piece stands in `piece`, so msg_iov is not the target's.
struct message {
    struct msghdr m;
    bool single;
    uint64_t data; // of a single one
    size_t len;
    uint64_t at; // of struct msghdr in the target; 0: single
    int flags;   // of the call
};

static bool is_send(int nr)
{
    return nr == SYS_sendto || nr == SYS_sendmsg || nr == SYS_sendmmsg;
}

static void single(const struct sok_notified *n, struct message *msg)
{
    *msg = (struct message){
        .single = true, .data = n->args[1], .len = (size_t)n->args[2], .flags = (int)n->args[3]};
    msg->m.msg_name = (void *)(uintptr_t)n->args[4];
    msg->m.msg_namelen = n->nr == SYS_sendto ? (socklen_t)n->args[5] : 0;
}

// The index'th message of a call. 0 or -errno.
static int read_message(const struct sok_notified *n, uint64_t index, struct message *msg)
{
    if (n->nr == SYS_sendto || n->nr == SYS_recvfrom) {
        single(n, msg);
        return 0;
    }
    bool many = n->nr == SYS_sendmmsg || n->nr == SYS_recvmmsg;
    *msg = (struct message){.flags = (int)n->args[many ? 3 : 2]};
    msg->at = n->args[1] + (many ? index * sizeof(struct mmsghdr) : 0);
    return sok_target_read(n->tid, msg->at, &msg->m, sizeof(msg->m));
}

static ssize_t gather(
    const struct sok_notified *n, const struct message *msg, void *to, size_t room)
{
    if (!msg->single)
        return sok_target_gather(n->tid, &msg->m, to, room);
    size_t len = msg->len < room ? msg->len : room;
    int error = sok_target_read(n->tid, msg->data, to, len);
    return error ? error : (ssize_t)len;
}

static ssize_t size_of(const struct sok_notified *n, const struct message *msg)
{
    if (!msg->single)
        return sok_target_size(n->tid, &msg->m);
    return msg->len > SSIZE_MAX ? -EINVAL : (ssize_t)msg->len;
}

static ssize_t scatter(
    const struct sok_notified *n, const struct message *msg, const void *from, size_t len)
{
    if (!msg->single)
        return sok_target_scatter(n->tid, &msg->m, from, len);
    size_t part = len < msg->len ? len : msg->len;
    int error = sok_target_write(n->tid, msg->data, from, part);
    return error ? error : (ssize_t)part;
}

static bool blocks(const struct sok_notified *n, const struct message *msg)
{
    return !(n->flags & O_NONBLOCK) && !(msg->flags & MSG_DONTWAIT) && n->done == 0;
}

// How a call ends that has moved some messages already, of which it tells first.
static void finish(struct sok_supervisor *s, struct sok_notified *n, int64_t value)
{
    sok_notified_answer(s, n, n->done > 0 ? (int64_t)n->done : value);
}

// ---- sending packets ----

// As the kernel looks at it, for UDP.
static int check_destination(const struct sok_notified *n, const struct sok_calls_packet *head)
{
    struct sockaddr_in in;
    memcpy(&in, head->addr, sizeof(in));
    if (n->known.domain == AF_PACKET)
        return head->len < sizeof(struct sockaddr_ll) ? -EINVAL : 0;
    if (n->known.type != SOCK_DGRAM || n->known.domain != AF_INET)
        return 0;
    if (head->len < sizeof(in))
        return -EINVAL;
    if (in.sin_family != AF_INET && in.sin_family != AF_UNSPEC)
        return -EAFNOSUPPORT;
    return in.sin_port == 0 ? -EINVAL : 0;
}

static int read_destination(
    const struct sok_notified *n, const struct message *msg, struct sok_calls_packet *head)
{
    socklen_t len = msg->m.msg_name ? msg->m.msg_namelen : 0;
    *head = (struct sok_calls_packet){.len = len};
    if (len == 0 && n->known.domain == AF_PACKET) // where it is bound
        return n->known.bound ? 0 : -ENXIO;
    if (len == 0)
        return -EDESTADDRREQ;
    if (len > 128)
        return -EINVAL;
    if (len > sizeof(head->addr))
        head->len = sizeof(head->addr);
    int error = sok_target_read(n->tid, (uintptr_t)msg->m.msg_name, head->addr, head->len);
    return error ? error : check_destination(n, head);
}

// Of a connected one, whose packets in the pair have no head: to its own peer?
static bool is_peer(const struct sok_notified *n, const struct sok_calls_packet *to)
{
    size_t port_and_address = n->known.domain == AF_INET6 ? 24 : 8;
    return n->peer_len >= port_and_address && to->len >= port_and_address &&
           memcmp(n->peer, to->addr, port_and_address) == 0;
}

// 1 when it is sent; 0: not now; or -errno.
static int64_t transmit(struct sok_supervisor *s, const struct sok_notified *n, size_t len)
{
    uint8_t *from = (uint8_t *)&s->packet;
    size_t head = sizeof(s->packet.head);
    if (n->known.plain)
        from += head;
    else
        len += head;
    if (send(n->fd, from, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return 1;
    return errno == EAGAIN ? 0 : errno == EPIPE || errno == ECONNRESET ? -ENETDOWN : -errno;
}

// One packet. Its length, 0 with *again: not now, or -errno.
static int64_t send_one(
    struct sok_supervisor *s, struct sok_notified *n, const struct message *msg, bool *again)
{
    ssize_t len = size_of(n, msg);
    *again = false;
    if (len < 0)
        return len;
    bool udp = n->known.type == SOCK_DGRAM && n->known.domain != AF_PACKET;
    if (len > (udp ? DATAGRAM_MAX : SOK_PACKET_BYTES))
        return -EMSGSIZE;
    int error = read_destination(n, msg, &s->packet.head);
    bool goes = !error || (n->known.plain && error == -EDESTADDRREQ);
    int wrong = goes && n->known.domain != AF_PACKET
                    ? sok_notified_control_in(n, &msg->m, &s->packet.head)
                    : 0;
    if (wrong)
        return wrong;
    if (n->known.plain && s->packet.head.wanted) // there is no head that says so; see send_aside()
        return -EINVAL;
    if (n->known.plain)
        error = error == -EDESTADDRREQ || (!error && is_peer(n, &s->packet.head)) ? 0
                : error                                                           ? error
                                                                                  : -EISCONN;
    if (error)
        return error;
    len = gather(n, msg, s->packet.bytes, sizeof(s->packet.bytes));
    if (len < 0 || !sok_notified_valid(s, n))
        return len < 0 ? len : -EINTR;
    int64_t r = transmit(s, n, (size_t)len);
    *again = r == 0;
    return r < 0 ? r : len;
}

static void send_packets(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *unused)
{
    bool many = n->nr == SYS_sendmmsg;
    uint64_t count = many ? (uint32_t)n->args[2] : 1;
    struct message msg;
    (void)unused;
    n->once = true;
    for (; n->done < count && n->done < MESSAGES_MAX; n->done++) {
        bool again = false;
        int64_t r = read_message(n, n->done, &msg);
        if (r == 0)
            r = send_one(s, n, &msg, &again);
        if (again && blocks(n, &msg)) {
            sok_notified_wait(s, n, EPOLLOUT, SO_SNDTIMEO, send_packets);
            return;
        }
        uint32_t sent = (uint32_t)r;
        if (!again && r >= 0 && many)
            r = sok_target_write(n->tid, msg.at + offsetof(struct mmsghdr, msg_len), &sent, 4);
        if (again || r < 0 || !many) {
            finish(s, n, again ? -EAGAIN : r);
            return;
        }
    }
    finish(s, n, 0);
}

// ---- receiving packets ----

static int write_name(
    const struct sok_notified *n, const struct message *msg, const void *from, uint32_t len)
{
    if (len > SOK_CALLS_ADDR_MAX)
        len = SOK_CALLS_ADDR_MAX;
    if (msg->single)
        return sok_target_write_address(n->tid, n->args[4], n->args[5], from, len);
    if (!msg->m.msg_name)
        return 0;
    socklen_t room = msg->m.msg_namelen;
    int error = sok_target_write(n->tid, (uintptr_t)msg->m.msg_name, from, room < len ? room : len);
    return error ? error
                 : sok_target_write(
                       n->tid, msg->at + offsetof(struct msghdr, msg_namelen), &len, sizeof(len));
}

// The packet stands in s->packet. What the call returns for it.
static int64_t deliver(
    struct sok_supervisor *s, const struct sok_notified *n, const struct message *msg, size_t len)
{
    union sok_notified_control room;
    struct msghdr here;
    ssize_t part = scatter(n, msg, s->packet.bytes, len);
    if (part < 0)
        return part;
    const struct sok_calls_packet *head = &s->packet.head;
    int error = n->known.plain ? write_name(n, msg, n->peer, n->peer_len)
                               : write_name(n, msg, head->addr, head->len);
    sok_notified_control_room(&msg->m, &room, &here);
    here.msg_flags = (size_t)part < len ? MSG_TRUNC : 0;
    if (n->known.plain)
        here.msg_controllen = 0;
    else
        sok_control_out(&here, head);
    if (!error && !msg->single)
        error = sok_notified_control_out(n, msg->at, &msg->m, &here);
    return error ? error : msg->flags & MSG_TRUNC ? (int64_t)len : part;
}

// An error that waits in front of everything else in the pair is told now.
static void take_error(const struct sok_notified *n)
{
    struct sok_calls_packet head;
    ssize_t len = n->known.plain ? -1 : recv(n->fd, &head, sizeof(head), MSG_PEEK | MSG_DONTWAIT);
    if (len == (ssize_t)sizeof(head) && head.error)
        recv(n->fd, &head, sizeof(head), MSG_DONTWAIT);
}

static int64_t receive_one(
    struct sok_supervisor *s, struct sok_notified *n, const struct message *msg, bool *again)
{
    size_t head = n->known.plain ? 0 : sizeof(s->packet.head);
    uint8_t *to = (uint8_t *)&s->packet + sizeof(s->packet.head) - head;
    *again = false;
    if (msg->flags & MSG_OOB)
        return -EOPNOTSUPP;
    if (!sok_notified_valid(s, n))
        return -EINTR;
    ssize_t len =
        recv(n->fd, to, head + sizeof(s->packet.bytes), MSG_DONTWAIT | (msg->flags & MSG_PEEK));
    if (len < 0) {
        *again = errno == EAGAIN;
        return errno == ECONNRESET ? -ENETDOWN : -errno;
    }
    if ((size_t)len < head) // shut down for reading; or the host has gone
        return len == 0 ? 0 : -ENETDOWN;
    if (head && s->packet.head.error) {
        if (msg->flags & MSG_PEEK)
            take_error(n);
        return -(int64_t)(s->packet.head.error < 4096 ? s->packet.head.error : EIO);
    }
    return deliver(s, n, msg, (size_t)len - head);
}

static void receive_packets(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *unused)
{
    bool many = n->nr == SYS_recvmmsg;
    uint64_t count = many ? (uint32_t)n->args[2] : 1;
    struct message msg;
    (void)unused;
    n->once = true;
    for (; n->done < count && n->done < MESSAGES_MAX; n->done++) {
        bool again = false;
        int64_t r = read_message(n, n->done, &msg);
        if (r == 0)
            r = receive_one(s, n, &msg, &again);
        if (again && blocks(n, &msg)) {
            sok_notified_wait(s, n, EPOLLIN, SO_RCVTIMEO, receive_packets);
            return;
        }
        uint32_t got = (uint32_t)r;
        if (r >= 0 && many)
            r = sok_target_write(n->tid, msg.at + offsetof(struct mmsghdr, msg_len), &got, 4);
        if (r < 0 || !many) {
            finish(s, n, r);
            return;
        }
    }
    finish(s, n, 0);
}

// ---- the queue of errors ----

// One piece of news, also for recvmmsg(). What is told so is not told by the next call once more.
static int64_t tell_news(
    struct sok_notified *n, const struct message *msg, const struct sok_host_answer *answer)
{
    union sok_notified_control room;
    struct sok_calls_news news;
    struct msghdr here;
    memcpy(&news, answer->bytes, sizeof(news));
    if (news.to_len > sizeof(news.to) || news.from_len > sizeof(news.from))
        return -EIO;
    ssize_t part = scatter(n, msg, answer->bytes + sizeof(news), answer->len - sizeof(news));
    int error = part < 0 ? (int)part : write_name(n, msg, news.to, news.to_len);
    sok_notified_control_room(&msg->m, &room, &here);
    sok_control_news(&here, &news);
    here.msg_flags |= part >= 0 && (size_t)part < news.len ? MSG_TRUNC : 0;
    if (!error && !msg->single)
        error = sok_notified_control_out(n, msg->at, &msg->m, &here);
    take_error(n);
    return error ? error : part;
}

static void answered_news(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *answer)
{
    struct message msg;
    int64_t r = answer->result;
    if (r >= 0)
        r = answer->len < sizeof(struct sok_calls_news) ? -EAGAIN : read_message(n, 0, &msg);
    if (r == 0)
        r = tell_news(n, &msg, answer);
    uint32_t got = (uint32_t)r;
    bool many = n->nr == SYS_recvmmsg;
    if (r >= 0 && many)
        r = sok_target_write(n->tid, msg.at + offsetof(struct mmsghdr, msg_len), &got, 4);
    sok_notified_answer(s, n, r >= 0 && many ? 1 : r);
}

static void ask_for_news(struct sok_supervisor *s, struct sok_notified *n)
{
    struct sok_calls_request r = {.op = SOK_CALLS_GETOPT,
        .a = SOK_CALLS_LEVEL,
        .b = SOK_CALLS_LEVEL_NEWS,
        .c = SOK_CALLS_BYTES_MAX};
    n->once = true;
    sok_host_ask(s, n, &r, NULL, answered_news);
}

// ---- which way ----

// A connected socket's packet to somebody else, or with control messages: a single one, and not a large one.
// What sendmmsg() would send so is refused.
static void answered_aside(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *answer)
{
    sok_notified_answer(s, n, answer->result < 0 ? answer->result : n->value);
}

// True: it has gone, or is answered.
static bool send_aside(struct sok_supervisor *s, struct sok_notified *n)
{
    struct message msg;
    struct sok_calls_packet *to = &s->packet.head;
    if (n->nr == SYS_sendmmsg || read_message(n, 0, &msg) != 0)
        return false;
    int error = read_destination(n, &msg, to);
    bool to_peer = error == -EDESTADDRREQ || (!error && is_peer(n, to));
    if (to_peer)
        *to = (struct sok_calls_packet){.len = 0};
    if (!error || to_peer)
        error = sok_notified_control_in(n, &msg.m, to);
    ssize_t len = size_of(n, &msg);
    if (error || (to_peer && !to->wanted) || len < 0 ||
        (size_t)len > SOK_CALLS_BYTES_MAX - sizeof(*to) ||
        gather(n, &msg, s->packet.bytes, (size_t)len) < 0)
        return false;
    struct sok_calls_request r = {.op = SOK_CALLS_SETOPT,
        .a = SOK_CALLS_LEVEL,
        .b = SOK_CALLS_LEVEL_SEND,
        .len = (uint32_t)(sizeof(*to) + (size_t)len)};
    n->once = true;
    n->value = len;
    sok_host_ask(s, n, &r, &s->packet, answered_aside);
    return true;
}

static void answered_peer(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *answer)
{
    if (answer->result >= 0 && answer->len <= sizeof(n->peer)) {
        memcpy(n->peer, answer->bytes, answer->len);
        n->peer_len = answer->len;
    }
    if (!is_send(n->nr))
        receive_packets(s, n, NULL);
    else if (!send_aside(s, n))
        send_packets(s, n, NULL);
}

// Any of the messages with an address, or with what goes along with it?
static bool addressed(const struct sok_notified *n)
{
    bool many = n->nr == SYS_sendmmsg || n->nr == SYS_recvmmsg;
    uint64_t count = many ? (uint32_t)n->args[2] : 1;
    struct message msg;
    for (uint64_t i = 0; i < count && i < MESSAGES_MAX; i++)
        if (read_message(n, i, &msg) == 0 &&
            (msg.m.msg_name || (is_send(n->nr) && msg.m.msg_control)))
            return true;
    return false;
}

static bool of_error_queue(const struct sok_notified *n)
{
    struct message msg;
    return !is_send(n->nr) && read_message(n, 0, &msg) == 0 && msg.flags & MSG_ERRQUEUE;
}

static void answered_way(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *answer)
{
    if (answer->result < 0) {
        sok_notified_answer(s, n, answer->result);
        return;
    }
    memcpy(n->known.way, n->peer, sizeof(n->known.way));
    sok_known_keep(s, &n->known);
    send_packets(s, n, NULL);
}

// A datagram is on its way before the host has seen it: whether there is a way is asked before, once for each
// address; and when it may not be cut whether it fits. (Of sendmmsg() for the first.)
static void send_if_way(struct sok_supervisor *s, struct sok_notified *n)
{
    struct message msg;
    struct sok_calls_packet to;
    if (n->known.domain == AF_PACKET || n->known.type != SOCK_DGRAM || n->known.plain ||
        read_message(n, 0, &msg) != 0 || read_destination(n, &msg, &to) != 0) {
        send_packets(s, n, NULL);
        return;
    }
    ssize_t len = size_of(n, &msg);
    bool may_not_fit = n->known.uncut && len > SURE_TO_FIT && len <= DATAGRAM_MAX;
    memcpy(n->peer, to.addr, sizeof(n->peer));
    memset(
        n->peer + offsetof(struct sockaddr_in, sin_port), 0, sizeof(in_port_t)); // of both families
    struct sok_calls_request r = {.op = SOK_CALLS_SETOPT,
        .a = SOK_CALLS_LEVEL,
        .b = SOK_CALLS_LEVEL_WAY,
        .c = may_not_fit ? (int32_t)len : 0,
        .len = to.len};
    if (!may_not_fit && memcmp(n->peer, n->known.way, sizeof(n->peer)) == 0)
        send_packets(s, n, NULL);
    else
        sok_host_ask(s, n, &r, to.addr, answered_way);
}

// A destination that is the kernel's, for a socket that has not been used yet.
static bool goes_to_kernel(struct sok_supervisor *s, struct sok_notified *n)
{
    struct message msg;
    struct sok_calls_packet to;
    return read_message(n, 0, &msg) == 0 && read_destination(n, &msg, &to) == 0 &&
           sok_notified_to_kernel(s, n, to.addr, to.len);
}

static void answered_bound(
    struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *answer)
{
    struct sok_calls_socket socket = {.bound = 1};
    if (answer->result >= 0 && answer->len >= sizeof(socket))
        memcpy(&socket, answer->bytes, sizeof(socket));
    n->known.used = true;
    n->known.bound = socket.bound;
    sok_known_keep(s, &n->known);
    if (n->known.domain == AF_PACKET || socket.bound || !goes_to_kernel(s, n))
        send_if_way(s, n);
}

void sok_call_data(struct sok_supervisor *s, struct sok_notified *n, struct sok_host_answer *unused)
{
    struct sok_calls_request peer = {.op = SOK_CALLS_PEER}, look = {.op = SOK_CALLS_LOOK};
    bool out = is_send(n->nr);
    (void)unused;
    if (!n->known.dgram)
        sok_call_stream(s, n);
    else if (of_error_queue(n))
        ask_for_news(s, n);
    else if (n->known.plain && !addressed(n))
        sok_notified_continue(s, n);
    else if (n->known.plain)
        sok_host_ask(s, n, &peer, NULL, answered_peer);
    else if (out && (n->known.domain == AF_PACKET ? !n->known.bound
                                                  : !n->known.used && !s->welcome.loopback))
        sok_host_ask(s, n, &look, NULL, answered_bound);
    else if (out)
        send_if_way(s, n);
    else
        receive_packets(s, n, NULL);
}
