// Pointers to nothing: EFAULT from every call, and never the end of the program.
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include "behave.h"

#define HALF (512 << 10)

static char *nothing;   // behind HALF bytes that are there
static char *only_read; // may not be written
static char room[64];
static char *volatile null, *volatile low = (char *)8; // the compiler knows these calls, too

static void make_memory(void)
{
    char *memory = mmap(NULL, 4 * HALF, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(memory, 'm', HALF);
    nothing = memory + HALF;
    munmap(nothing, 3 * HALF);
    only_read = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static struct msghdr message(void *name, socklen_t len, struct iovec *iov, void *control)
{
    return (struct msghdr){.msg_name = name,
        .msg_namelen = len,
        .msg_iov = iov,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = control ? 64 : 0};
}

static void writes(void)
{
    long id;
    int fd = call_peer(&id);
    make_memory();
    struct iovec good = {room, 4}, bad = {nothing, 4};
    struct iovec large = {nothing, 1 << 20};
    struct msghdr m = message(NULL, 0, &bad, NULL), l = message(NULL, 0, &large, NULL);
    struct msghdr pieces = message(NULL, 0, (struct iovec *)(void *)nothing, NULL);
    struct msghdr control = message(NULL, 0, &good, nothing),
                  name = message(nothing, 16, &good, NULL);
    struct mmsghdr many[2] = {{.msg_hdr = m}};
    gives("wild-write", write(fd, nothing, 10), EFAULT);
    gives("wild-write-null", write(fd, null, 10), EFAULT);
    gives("wild-write-odd", write(fd, low, 100), EFAULT);
    gives("wild-write-large", write(fd, nothing, 40000), EFAULT);
    gives("wild-write-larger", write(fd, nothing, 1 << 20), EFAULT);
    gives("wild-send-large", send(fd, nothing, 1 << 20, MSG_NOSIGNAL), EFAULT);
    gives("wild-sendto-address", sendto(fd, room, 4, 0, (struct sockaddr *)(void *)nothing, 16),
        EFAULT);
    gives("wild-writev", writev(fd, &bad, 1), EFAULT);
    gives("wild-writev-large", writev(fd, &large, 1), EFAULT);
    gives("wild-writev-pieces", writev(fd, (struct iovec *)(void *)nothing, 2), EFAULT);
    gives("wild-sendmsg", sendmsg(fd, &m, 0), EFAULT);
    gives("wild-sendmsg-large", sendmsg(fd, &l, 0), EFAULT);
    gives("wild-sendmsg-message", sendmsg(fd, (struct msghdr *)(void *)nothing, 0), EFAULT);
    gives("wild-sendmsg-pieces", sendmsg(fd, &pieces, 0), EFAULT);
    gives("wild-sendmsg-control", sendmsg(fd, &control, 0), EFAULT);
    gives("wild-sendmsg-name", sendmsg(fd, &name, 0), EFAULT);
    gives("wild-writev-null", writev(fd, (struct iovec *)(void *)null, 1), EFAULT);
    gives("wild-sendmsg-null", sendmsg(fd, (struct msghdr *)(void *)null, 0), EFAULT);
    gives("wild-sendmsg-low", sendmsg(fd, (struct msghdr *)(void *)low, 0), EFAULT);
    gives("wild-sendmmsg", sendmmsg(fd, many, 1, 0), EFAULT);
    gives("wild-sendmmsg-messages", sendmmsg(fd, (struct mmsghdr *)(void *)nothing, 1, 0), EFAULT);
    is("wild-then", write(fd, "fine", 4), 4);
    peer("recv %ld 4", id);
    is_text("wild-then-value", peer_text, "fine");
}

// What stands before it goes; and as much as was said.
static void writes_partly(void)
{
    long id;
    int fd = call_peer(&id);
    make_memory();
    peer("drain %ld", id);
    ssize_t n = write(fd, nothing - HALF, 2 * HALF);
    is_true("wild-part", n > 0 && n <= HALF);
    ssize_t odd = write(fd, nothing - 100001, 200000);
    is_true("wild-part-odd", odd > 0 && odd <= 100001);
    shutdown(fd, SHUT_WR);
    is("wild-part-arrives", peer("drained %ld", id), n + odd);
}

static void reads(void)
{
    long id;
    int fd = call_peer(&id);
    make_memory();
    struct iovec good = {room, 4}, bad = {nothing, 4};
    struct msghdr m = message(NULL, 0, &bad, NULL);
    struct msghdr pieces = message(NULL, 0, (struct iovec *)(void *)nothing, NULL);
    struct msghdr control = message(NULL, 0, &good, nothing);
    peer("say %ld abcdefgh", id);
    poll_until(fd, POLLIN);
    gives("wild-read", read(fd, nothing, 10), EFAULT);
    gives("wild-read-only", read(fd, only_read, 10), EFAULT);
    gives("wild-recv", recv(fd, nothing, 10, 0), EFAULT);
    gives("wild-readv", readv(fd, &bad, 1), EFAULT);
    gives("wild-readv-pieces", readv(fd, (struct iovec *)(void *)nothing, 2), EFAULT);
    gives("wild-recvmsg", recvmsg(fd, &m, 0), EFAULT);
    gives("wild-recvmsg-message", recvmsg(fd, (struct msghdr *)(void *)nothing, 0), EFAULT);
    gives("wild-recvmsg-pieces", recvmsg(fd, &pieces, 0), EFAULT);
    gives("wild-recvmsg-null", recvmsg(fd, (struct msghdr *)(void *)null, 0), EFAULT);
    is("wild-recvmsg-control", recvmsg(fd, &control, 0), 4); // none comes
    is("wild-read-then", read(fd, room, 10), 4);
    peer("say %ld ab", id);
    poll_until(fd, POLLIN);
    gives("wild-recvfrom-length",
        recvfrom(fd, room, 10, 0, (struct sockaddr *)room, (socklen_t *)(void *)nothing), EFAULT);
    gives("wild-ioctl", ioctl(fd, FIONREAD, nothing), EFAULT);
}

static void datagrams(void)
{
    long id = peer("udp");
    struct sockaddr_in to = at_peer(atoi(peer_text));
    struct sockaddr *wild = (struct sockaddr *)(void *)nothing;
    socklen_t len = sizeof(to);
    int fd = udp();
    bind(fd, (struct sockaddr *)&own, sizeof(own));
    gives("wild-udp-send", sendto(fd, nothing, 10, 0, (struct sockaddr *)&to, len), EFAULT);
    gives(
        "wild-udp-send-large", sendto(fd, nothing, 40000, 0, (struct sockaddr *)&to, len), EFAULT);
    gives("wild-udp-send-address", sendto(fd, room, 10, 0, wild, len), EFAULT);
    struct iovec good = {room, 4};
    struct msghdr control = message(&to, sizeof(to), &good, nothing);
    struct msghdr name = message(nothing, sizeof(to), &good, NULL);
    gives("wild-udp-sendmsg-control", sendmsg(fd, &control, 0), EFAULT);
    gives("wild-udp-sendmsg-name", sendmsg(fd, &name, 0), EFAULT);
    peer("sendto %ld %d 5", id, port_of(fd));
    poll_until(fd, POLLIN);
    gives("wild-udp-recv", recv(fd, nothing, 10, MSG_PEEK), EFAULT);
    gives("wild-udp-recv-address", recvfrom(fd, room, 10, MSG_PEEK, wild, &len), EFAULT);
    gives("wild-udp-recv-address-only-read",
        recvfrom(fd, room, 10, MSG_PEEK, (struct sockaddr *)(void *)only_read, &len), EFAULT);
    gives("wild-udp-recvmsg-name", recvmsg(fd, &name, MSG_PEEK), EFAULT);
    is("wild-udp-recv-then", recv(fd, room, 10, 0), 5);
}

static void names_and_values(void)
{
    struct sockaddr *wild = (struct sockaddr *)(void *)nothing;
    socklen_t len = 16, *wild_len = (socklen_t *)(void *)nothing;
    int fd = tcp(), value = 1;
    char *held = only_read;
    gives("wild-bind", bind(fd, wild, 16), EFAULT);
    gives("wild-bind-null", bind(fd, (struct sockaddr *)(void *)null, 16), EFAULT);
    gives("wild-connect", connect(fd, wild, 16), EFAULT);
    gives("wild-connect-null", connect(fd, (struct sockaddr *)(void *)null, 16), EFAULT);
    gives("wild-setsockopt", setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, nothing, 4), EFAULT);
    gives("wild-setsockopt-null", setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, null, 4), EFAULT);
    gives("wild-getsockopt", getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, nothing, &len), EFAULT);
    gives(
        "wild-getsockopt-only-read", getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, held, &len), EFAULT);
    gives("wild-getsockopt-length", getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, wild_len),
        EFAULT);
    gives("wild-getsockname", getsockname(fd, wild, &len), EFAULT);
    gives("wild-getsockname-length", getsockname(fd, (struct sockaddr *)room, wild_len), EFAULT);
    gives("wild-getsockname-only-read", getsockname(fd, (struct sockaddr *)(void *)held, &len),
        EFAULT);
    int at = listening(5);
    peer("connect %d", port_of(at));
    len = 16;
    gives("wild-accept", accept(at, wild, &len), EFAULT);
}

static void names(void)
{
    make_memory();
    names_and_values();
    datagrams();
}

const struct group wild_groups[] = {
    {"wild-write", writes},
    {"wild-write-part", writes_partly},
    {"wild-read", reads},
    {"wild-names", names},
    {NULL, NULL},
};
