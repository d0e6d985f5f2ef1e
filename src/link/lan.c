// An Ethernet hub between processes of one user. Whoever comes first is the hub, inside its own link:
// there is no other process and no thread, frames are passed on while the host calls recv. The others
// are members, each with one socket to the hub. When the hub goes, its members notice, and the first to
// get the lock is the next hub; frames wait meanwhile (lan_place.c).
//
// A message is a head of HEAD_LEN bytes (below) and a frame. Super-frames go as they are to members that
// said they take them, and cut to others. The hub learns who is where from source addresses, as a switch
// does. A member that takes nothing for SLOW_NS loses what is sent to it, counted; nobody waits for it.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "base/bytes.h"
#include "link/internal.h"
#include "link/lan_place.h"

#define PEERS_MAX   64 // members of one hub; more are turned away
#define TABLE_SIZE  256
#define FRAME_MAX   (65535 + 14 + 4)
#define HEAD_LEN    16
#define VERSION     1
#define QUEUE_MAX   1024 // received and not taken
#define READ_MAX    8    // messages from one member at a time
#define SLOW_NS     INT64_C(50000000)
#define SEEK_NS     INT64_C(2000000) // between attempts to find a hub or become it
#define OPEN_TRIES  1000             // of SEEK_NS, when opening
#define SOCKET_ROOM (4 << 20)
#define LISTENER    UINT32_MAX

enum { KIND_HELLO = 1, KIND_FRAME = 2 };
enum { FLAG_ECN = 1, FLAG_CSUM_PARTIAL = 2 };

struct peer {
    int fd; // -1: free
    uint32_t caps;
    bool full; // said EAGAIN since `full_since`; EPOLLOUT is armed
    int64_t full_since;
};

struct place_of {
    uint8_t mac[6];
    uint8_t peer; // its number + 1; 0: unknown
};

struct lan_link {
    struct sok_link link;
    struct sok_lan_place place;
    bool offload;
    int listen_fd, lock_fd;       // the hub's; else -1
    unsigned peers_end;           // members are below this
    struct peer peers[PEERS_MAX]; // a member's hub is the first one
    struct place_of table[TABLE_SIZE];
    struct sok_link_queue in;
    struct sok_link_queue pieces;
    struct sok_buf *rx;
    int64_t seek_at; // neither hub nor member: when to try again
};

static bool is_hub(const struct lan_link *lan)
{
    return lan->listen_fd >= 0;
}

static bool is_seeking(const struct lan_link *lan)
{
    return !is_hub(lan) && lan->peers[0].fd < 0;
}

// ---- messages ----

static void head_put(
    uint8_t h[HEAD_LEN], uint8_t kind, const struct sok_frame_meta *m, uint32_t caps)
{
    memset(h, 0, HEAD_LEN);
    h[0] = VERSION;
    h[1] = kind;
    h[2] = m->gso;
    h[3] = (uint8_t)((m->gso_ecn ? FLAG_ECN : 0) | (m->csum_partial ? FLAG_CSUM_PARTIAL : 0));
    sok_put16(h + 4, m->gso_size);
    sok_put16(h + 6, m->hdr_len);
    sok_put16(h + 8, m->csum_start);
    sok_put16(h + 10, m->csum_offset);
    sok_put32(h + 12, caps);
}

static void head_get(const uint8_t h[HEAD_LEN], struct sok_frame_meta *m)
{
    *m = (struct sok_frame_meta){
        .gso = h[2],
        .gso_ecn = h[3] & FLAG_ECN,
        .csum_partial = h[3] & FLAG_CSUM_PARTIAL,
        .csum_valid = h[3] & FLAG_CSUM_PARTIAL, // it never was on a wire
        .gso_size = sok_get16(h + 4),
        .hdr_len = sok_get16(h + 6),
        .csum_start = sok_get16(h + 8),
        .csum_offset = sok_get16(h + 10),
    };
}

static void watch(struct lan_link *lan, int op, int fd, uint32_t events, uint32_t number)
{
    struct epoll_event e = {.events = events, .data.u32 = number};
    epoll_ctl(lan->link.fd, op, fd, &e);
}

static void peer_leave(struct lan_link *lan, unsigned number)
{
    struct peer *peer = &lan->peers[number];
    close(peer->fd); // epoll forgets it
    *peer = (struct peer){.fd = -1};
    for (unsigned i = 0; i < TABLE_SIZE; i++) {
        if (lan->table[i].peer == number + 1)
            lan->table[i].peer = 0;
    }
    if (!is_hub(lan))
        lan->seek_at = 0;
}

static void peer_enter(struct lan_link *lan, unsigned number, int fd)
{
    int room = SOCKET_ROOM;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) < 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    lan->peers[number] = (struct peer){.fd = fd};
    if (lan->peers_end <= number)
        lan->peers_end = number + 1;
    watch(lan, EPOLL_CTL_ADD, fd, EPOLLIN, number);
}

static void peer_full(struct lan_link *lan, unsigned number, bool full, int64_t now)
{
    struct peer *peer = &lan->peers[number];
    if (peer->full == full)
        return;
    peer->full = full;
    peer->full_since = now;
    watch(lan, EPOLL_CTL_MOD, peer->fd, full ? EPOLLIN | EPOLLOUT : EPOLLIN, number);
}

// 0, SOK_EAGAIN: no room, or SOK_EIO: it is gone or cannot take this.
static int peer_message(
    struct lan_link *lan, unsigned number, const struct sok_frame_out *frame, int64_t now)
{
    uint8_t head[HEAD_LEN];
    struct iovec iov[SOK_OUT_IOV_MAX + 1] = {{head, HEAD_LEN}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = frame->iov_count + 1};
    head_put(head, KIND_FRAME, &frame->meta, 0);
    for (unsigned i = 0; i < frame->iov_count; i++)
        iov[i + 1] = (struct iovec){(void *)(uintptr_t)frame->iov[i].base, frame->iov[i].len};
    if (sendmsg(lan->peers[number].fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
        peer_full(lan, number, false, now);
        return 0;
    }
    if (errno == EAGAIN || errno == EINTR) {
        peer_full(lan, number, true, now);
        return SOK_EAGAIN;
    }
    return SOK_EIO; // if it has gone, reading tells
}

static bool takes_whole(
    const struct lan_link *lan, unsigned number, const struct sok_frame_out *frame)
{
    bool plain = frame->meta.gso == SOK_GSO_NONE && !frame->meta.csum_partial;
    return plain || !is_hub(lan) || (lan->peers[number].caps & SOK_LINK_TSO);
}

// Sends to one, cut if that one needs it. The answer is the first piece's: when that found no room nothing
// was sent, and once it is under way the others are not waited for.
static int peer_send(
    struct lan_link *lan, unsigned number, const struct sok_frame_out *frame, int64_t now)
{
    if (takes_whole(lan, number, frame))
        return peer_message(lan, number, frame, now);
    struct sok_frame piece;
    int first = 0;
    bool begun = false;
    lan->link.lost += sok_link_cut(lan->link.mem, frame, 0, &lan->pieces, QUEUE_MAX);
    while (sok_link_queue_take(&lan->pieces, &piece)) {
        struct sok_frame_out out = sok_link_scatter(&piece);
        int r = first < 0 ? first : peer_message(lan, number, &out, now);
        if (!begun)
            first = r;
        else if (first == 0 && r < 0)
            lan->link.lost++;
        begun = true;
        sok_buf_unref(piece.buf);
    }
    return first;
}

// ---- who is where ----

static struct place_of *table_row(struct lan_link *lan, const uint8_t mac[6])
{
    unsigned h = mac[3] * 31U + mac[4] * 7U + mac[5];
    return &lan->table[h % TABLE_SIZE];
}

static void learn(struct lan_link *lan, const uint8_t mac[6], unsigned number)
{
    struct place_of *row = table_row(lan, mac);
    if (mac[0] & 1)
        return;
    memcpy(row->mac, mac, 6);
    row->peer = (uint8_t)(number + 1);
}

// The member with this address; -1: nobody known.
static int find(struct lan_link *lan, const uint8_t mac[6])
{
    const struct place_of *row = table_row(lan, mac);
    return row->peer && memcmp(row->mac, mac, 6) == 0 ? row->peer - 1 : -1;
}

// To one member, if it is known who; else to all but the one it came from. SOK_EAGAIN only for one.
static int spread(struct lan_link *lan, const struct sok_frame_out *frame, int from, int64_t now)
{
    const uint8_t *dst = frame->iov[0].base;
    int only = is_hub(lan) ? find(lan, dst) : 0;
    if (only >= 0)
        return only == from ? 0 : peer_send(lan, (unsigned)only, frame, now);
    for (unsigned i = 0; i < lan->peers_end; i++) {
        if (lan->peers[i].fd >= 0 && (int)i != from && peer_send(lan, i, frame, now) < 0)
            lan->link.lost++;
    }
    return 0;
}

static int lan_send(struct sok_link *link, const struct sok_frame_out *frame, int64_t now)
{
    struct lan_link *lan = (struct lan_link *)link;
    link->wants_out = false;
    if (frame->len < 14 || frame->iov[0].len < 14) {
        link->lost++;
        return SOK_EINVAL;
    }
    if (is_seeking(lan)) {
        link->wants_out = true;
        return SOK_EAGAIN;
    }
    int r = spread(lan, frame, -1, now);
    int one = is_hub(lan) ? find(lan, frame->iov[0].base) : 0;
    if (r == SOK_EAGAIN && now - lan->peers[one].full_since < SLOW_NS) {
        link->wants_out = true;
        return SOK_EAGAIN;
    }
    link->lost += r < 0;
    return r < 0 ? SOK_EIO : 0;
}

// ---- receiving ----

static void deliver(struct lan_link *lan, const struct sok_frame *frame)
{
    const struct sok_mem *mem = lan->link.mem;
    if (!lan->offload && (frame->meta.gso != SOK_GSO_NONE || frame->meta.csum_partial)) {
        struct sok_frame_out super = sok_link_scatter(frame);
        lan->link.lost += sok_link_cut(mem, &super, 0, &lan->in, QUEUE_MAX);
        return;
    }
    if (sok_link_queue_put(&lan->in, mem, QUEUE_MAX, frame))
        sok_buf_ref(frame->buf);
    else
        lan->link.lost++;
}

// The hub's part: for itself, for others, or for all.
static void pass_on(struct lan_link *lan, const struct sok_frame *frame, unsigned from, int64_t now)
{
    const uint8_t *data = frame->buf->data + frame->off;
    struct sok_frame_out out = sok_link_scatter(frame);
    bool for_us = memcmp(data, lan->link.info.mac, 6) == 0;
    learn(lan, data + 6, from);
    if (!for_us)
        lan->link.lost += spread(lan, &out, (int)from, now) < 0;
    if (for_us || (data[0] & 1) || find(lan, data) < 0)
        deliver(lan, frame);
}

// A large frame stays in the buffer it was read into; a small one gets one of its size.
static int right_size(struct lan_link *lan, uint32_t len, struct sok_frame *frame)
{
    *frame = (struct sok_frame){.buf = lan->rx, .len = len};
    if (len >= FRAME_MAX / 4) {
        lan->rx = NULL;
        return 0;
    }
    frame->buf = sok_buf_new(lan->link.mem, len);
    if (!frame->buf)
        return SOK_ENOMEM;
    memcpy(frame->buf->data, lan->rx->data, len);
    return 0;
}

static void take_message(
    struct lan_link *lan, unsigned number, const uint8_t head[HEAD_LEN], uint32_t len, int64_t now)
{
    struct sok_frame frame;
    if (head[0] == VERSION && head[1] == KIND_HELLO) {
        lan->peers[number].caps = sok_get32(head + 12);
        return;
    }
    if (head[0] != VERSION || head[1] != KIND_FRAME || len < 14 ||
        right_size(lan, len, &frame) < 0) {
        lan->link.lost++;
        return;
    }
    head_get(head, &frame.meta);
    if (!sok_link_meta_ok(&frame.meta, frame.buf->data, len))
        lan->link.lost++;
    else if (is_hub(lan))
        pass_on(lan, &frame, number, now);
    else
        deliver(lan, &frame);
    sok_buf_unref(frame.buf);
}

static void read_peer(struct lan_link *lan, unsigned number, int64_t now)
{
    uint8_t head[HEAD_LEN];
    for (unsigned i = 0; i < READ_MAX && lan->peers[number].fd >= 0; i++) {
        if (!lan->rx)
            lan->rx = sok_buf_new(lan->link.mem, FRAME_MAX);
        if (!lan->rx)
            return;
        struct iovec iov[2] = {{head, HEAD_LEN}, {lan->rx->data, FRAME_MAX}};
        struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
        ssize_t n = recvmsg(lan->peers[number].fd, &msg, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0)
            peer_leave(lan, number);
        else if (n < HEAD_LEN || (msg.msg_flags & MSG_TRUNC))
            lan->link.lost++;
        else
            take_message(lan, number, head, (uint32_t)n - HEAD_LEN, now);
    }
}

static void accept_all(struct lan_link *lan)
{
    int fd;
    while ((fd = accept4(lan->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        unsigned number = 0;
        while (number < PEERS_MAX && lan->peers[number].fd >= 0)
            number++;
        if (number == PEERS_MAX || !sok_lan_same_user(&lan->place, fd))
            close(fd);
        else
            peer_enter(lan, number, fd);
    }
}

// ---- finding a hub, or becoming it ----

static int become_member(struct lan_link *lan)
{
    uint8_t head[HEAD_LEN];
    int fd = sok_lan_connect(&lan->place);
    if (fd < 0)
        return fd;
    peer_enter(lan, 0, fd);
    head_put(head, KIND_HELLO, &(struct sok_frame_meta){0}, lan->link.info.caps);
    if (send(fd, head, HEAD_LEN, MSG_DONTWAIT | MSG_NOSIGNAL) == HEAD_LEN)
        return 0;
    peer_leave(lan, 0);
    return SOK_EAGAIN;
}

// 0; SOK_EAGAIN: try again soon; or an error.
static int seek(struct lan_link *lan)
{
    int r = become_member(lan);
    if (r != SOK_EREFUSED)
        return r;
    int fd = sok_lan_listen(&lan->place, &lan->lock_fd);
    if (fd < 0)
        return fd;
    lan->listen_fd = fd;
    watch(lan, EPOLL_CTL_ADD, fd, EPOLLIN, LISTENER);
    return 0;
}

static int lan_recv(struct sok_link *link, struct sok_frame *frame, int64_t now)
{
    struct lan_link *lan = (struct lan_link *)link;
    struct epoll_event events[16];
    if (sok_link_queue_take(&lan->in, frame))
        return 0;
    if (is_seeking(lan) && now >= lan->seek_at && seek(lan) < 0)
        lan->seek_at = now + SEEK_NS;
    int n = epoll_wait(link->fd, events, 16, 0);
    for (int i = 0; i < n; i++) {
        uint32_t number = events[i].data.u32;
        if (number == LISTENER) {
            accept_all(lan);
            continue;
        }
        if (lan->peers[number].fd >= 0 && (events[i].events & EPOLLOUT))
            peer_full(lan, number, false, now);
        if (events[i].events & ~(uint32_t)EPOLLOUT)
            read_peer(lan, number, now);
    }
    if (is_seeking(lan) && now >= lan->seek_at && seek(lan) < 0)
        lan->seek_at = now + SEEK_NS;
    return sok_link_queue_take(&lan->in, frame) ? 0 : SOK_EAGAIN;
}

static int64_t lan_deadline(const struct sok_link *link)
{
    const struct lan_link *lan = (const struct lan_link *)link;
    if (lan->in.count > 0)
        return 0;
    if (is_seeking(lan))
        return lan->seek_at;
    int64_t due = INT64_MAX;
    for (unsigned i = 0; link->wants_out && i < lan->peers_end; i++) {
        if (lan->peers[i].full && lan->peers[i].full_since + SLOW_NS < due)
            due = lan->peers[i].full_since + SLOW_NS;
    }
    return due;
}

static void lan_close(struct sok_link *link)
{
    struct lan_link *lan = (struct lan_link *)link;
    for (unsigned i = 0; i < lan->peers_end; i++) {
        if (lan->peers[i].fd >= 0)
            close(lan->peers[i].fd);
    }
    if (is_hub(lan))
        sok_lan_unlisten(&lan->place, lan->listen_fd, lan->lock_fd);
    if (link->fd >= 0)
        close(link->fd);
    sok_buf_unref(lan->rx);
    sok_link_queue_free(&lan->in, link->mem);
    sok_link_queue_free(&lan->pieces, link->mem);
    sok_mem_free(link->mem, lan, sizeof(*lan));
}

static const struct sok_link_ops lan_ops = {lan_send, lan_recv, lan_deadline, lan_close};

static int lan_find(struct lan_link *lan, const char *name, char *err)
{
    int r = sok_lan_place(name, &lan->place, err);
    if (r < 0)
        return r;
    lan->link.fd = epoll_create1(EPOLL_CLOEXEC);
    if (lan->link.fd < 0)
        return sok_link_fail(err, SOK_EIO, "lan:%s: no epoll: %s", name, strerror(errno));
    r = seek(lan);
    for (unsigned i = 0; r == SOK_EAGAIN && i < OPEN_TRIES; i++) {
        nanosleep(&(struct timespec){.tv_nsec = SEEK_NS}, NULL);
        r = seek(lan);
    }
    if (r == SOK_EAGAIN)
        return sok_link_fail(err, SOK_ETIMEDOUT,
            "lan:%s: its hub does not answer; end the process that holds %.120s", name,
            lan->place.lock);
    if (r == SOK_EACCES)
        return sok_link_fail(
            err, r, "lan:%s: %.120s belongs to another user", name, lan->place.address.sun_path);
    return r < 0 ? sok_link_fail(err, r, "lan:%s: %.120s cannot be used: %s", name,
                       lan->place.address.sun_path, strerror(errno))
                 : 0;
}

int sok_link_lan(
    const struct sok_mem *mem, const struct sok_lan_options *o, struct sok_link **out, char *err)
{
    struct lan_link *lan = (struct lan_link *)sok_link_new(mem, sizeof(*lan), &lan_ops);
    if (!lan)
        return sok_link_fail(err, SOK_ENOMEM, "no memory for a link");
    lan->listen_fd = lan->lock_fd = -1;
    for (unsigned i = 0; i < PEERS_MAX; i++)
        lan->peers[i].fd = -1;
    lan->offload = o->offload;
    sok_link_mac(lan->link.info.mac, o->mac);
    lan->link.info.mtu = o->mtu ? o->mtu : 1500;
    lan->link.info.caps = SOK_LINK_POINT | (o->offload ? SOK_LINK_CSUM | SOK_LINK_TSO : 0);
    int r = lan_find(lan, o->name, err);
    if (r < 0) {
        lan_close(&lan->link);
        return r;
    }
    snprintf(lan->link.info.name, sizeof(lan->link.info.name), "lan:%s", o->name);
    *out = &lan->link;
    return 0;
}
