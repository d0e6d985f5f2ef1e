// Any bytes as what a program says to its host: requests over channels, whatever comes through the door, packets
// in pairs. The input is a list of steps, each a byte that says what, a byte that says to whom, and what it
// needs; the stack stays sound, who behaves is answered, and nothing of it outlives the service.
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "calls/protocol.h"
#include "host/host.h"
#include "service/service.h"
#include "stack/stack.h"
#include "tests/fuzz/must.h"

#define CHANNELS  3
#define SOCKETS   6
#define STEPS_MAX 64

enum step { ASK, ASK_WELL, RAW, PACKET, CLOSE, SHUT, READ, CHANNEL, STRANGE, TIME, STEP_COUNT };

struct world {
    struct sok_host *host, *peer;
    struct sok_service *service;
    int door, channels[CHANNELS], sockets[SOCKETS];
    uint64_t cookies[SOCKETS];
    unsigned next_socket;
    const uint8_t *data;
    size_t len;
};

static uint8_t byte(struct world *w)
{
    uint8_t b = w->len ? *w->data : 0;
    w->data += w->len > 0;
    w->len -= w->len > 0;
    return b;
}

static size_t some(struct world *w, const uint8_t **bytes, size_t most)
{
    size_t n = byte(w);
    n = n < w->len ? n : w->len;
    n = n < most ? n : most;
    *bytes = w->data;
    w->data += n;
    w->len -= n;
    return n;
}

static void turn(struct world *w)
{
    for (unsigned i = 0; i < 8 && sok_host_step(w->host, 0) > 0; i++)
        continue;
}

static void drop(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

// ---- the door ----

static void send_fd(int door, int fd)
{
    char space[CMSG_SPACE(sizeof(int))] = {0}, one = 0;
    struct iovec iov = {&one, 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    m.msg_control = space;
    m.msg_controllen = sizeof(space);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    sendmsg(door, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int new_channel(const struct world *w)
{
    int ends[2];
    must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    send_fd(w->door, ends[1]);
    close(ends[1]);
    return ends[0];
}

static int listening(struct sockaddr_un *at, socklen_t *len)
{
    struct sockaddr_un any = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    *len = sizeof(*at);
    must(fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof(sa_family_t)) == 0);
    must(getsockname(fd, (struct sockaddr *)at, len) == 0 && listen(fd, 8) == 0);
    return fd;
}

// ---- answers ----

static void keep_socket(struct world *w, const struct sok_calls_socket *s, int fd)
{
    unsigned at = w->next_socket++ % SOCKETS;
    drop(&w->sockets[at]);
    w->sockets[at] = fd;
    w->cookies[at] = s->cookie;
    fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
}

// All answers that are there: each as long as it says. Whether one had this id.
static bool hear(struct world *w, int channel, uint32_t id)
{
    struct sok_calls_reply head;
    uint8_t bytes[SOK_CALLS_BYTES_MAX];
    char space[CMSG_SPACE(sizeof(int))];
    bool found = false;
    for (;;) {
        struct iovec iov[2] = {{&head, sizeof(head)}, {bytes, sizeof(bytes)}};
        struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
        m.msg_control = space;
        m.msg_controllen = sizeof(space);
        ssize_t n = recvmsg(channel, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n <= 0)
            return found;
        must((size_t)n >= sizeof(head) && head.len == (size_t)n - sizeof(head));
        must(!(m.msg_flags & MSG_TRUNC) && head.result > -4096);
        touch(bytes, head.len);
        found = found || head.id == id;
        const struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        int fd = -1;
        if (c)
            memcpy(&fd, CMSG_DATA(c), sizeof(fd));
        must(fd < 0 || (head.result == 0 && head.len == sizeof(struct sok_calls_socket)));
        struct sok_calls_socket s;
        if (fd >= 0) {
            memcpy(&s, bytes, sizeof(s));
            keep_socket(w, &s, fd);
        }
    }
}

// ---- steps ----

static void ask(struct world *w, int channel, bool well)
{
    uint8_t packet[sizeof(struct sok_calls_request) + 256];
    struct sok_calls_request q = {.id = 1, .op = byte(w)};
    const uint8_t *bytes;
    q.op = well ? q.op % SOK_CALLS_COUNT : q.op;
    if (q.op == SOK_CALLS_STOP || q.op == SOK_CALLS_LOOKUP || q.op == SOK_CALLS_REVERSE)
        q.op = SOK_CALLS_SOCKET; // no files are read, no name server is asked
    q.cookie = w->cookies[byte(w) % SOCKETS];
    q.a = (int8_t)byte(w);
    q.b = (int8_t)byte(w);
    q.c = (int8_t)byte(w);
    if (well && q.op == SOK_CALLS_SOCKET) {
        static const int families[] = {AF_INET, AF_INET6, AF_PACKET, AF_INET};
        q.a = families[q.a & 3];
        q.b = 1 + (q.b & 1) + (q.b & 2);
    }
    q.len = (uint32_t)some(w, &bytes, 256);
    memcpy(packet, &q, sizeof(q));
    memcpy(packet + sizeof(q), bytes, q.len);
    send(channel, packet, sizeof(q) + q.len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void strange(struct world *w)
{
    int pair[2] = {-1, -1};
    switch (byte(w) % 4) {
    case 0:
        send(w->door, "ab", 2, MSG_DONTWAIT | MSG_NOSIGNAL);
        break;
    case 1:
        send_fd(w->door, w->sockets[byte(w) % SOCKETS] >= 0 ? w->sockets[0] : w->door);
        break;
    case 2:
        must(pipe(pair) == 0);
        send_fd(w->door, pair[0]);
        break;
    default:
        must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
        send_fd(w->door, pair[0]);
        send(pair[1], "abc", 3, MSG_NOSIGNAL);
        break;
    }
    drop(&pair[0]);
    drop(&pair[1]);
}

static void one_step(struct world *w)
{
    uint8_t room[512];
    const uint8_t *bytes;
    enum step what = byte(w) % STEP_COUNT;
    unsigned to = byte(w);
    int *channel = &w->channels[to % CHANNELS], *fd = &w->sockets[to % SOCKETS];
    size_t n;
    switch (what) {
    case ASK:
    case ASK_WELL:
        ask(w, *channel, what == ASK_WELL);
        break;
    case RAW:
        n = some(w, &bytes, 255);
        send(*channel, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        break;
    case PACKET:
        n = some(w, &bytes, 255);
        if (*fd >= 0)
            send(*fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        break;
    case CLOSE:
        drop(fd);
        break;
    case SHUT:
        if (*fd >= 0)
            shutdown(*fd, byte(w) % 3);
        break;
    case READ:
        for (unsigned i = 0; *fd >= 0 && i < 4; i++)
            if (recv(*fd, room, sizeof(room), MSG_DONTWAIT) <= 0)
                break;
        break;
    case CHANNEL:
        drop(channel);
        *channel = new_channel(w);
        break;
    case STRANGE:
        strange(w);
        break;
    default:
        sok_host_step(w->host, (int64_t)byte(w) * 100000000);
        break;
    }
}

// ---- one input ----

static void begin(struct world *w)
{
    char err[SOK_HOST_ERR_MAX];
    struct sok_host_config config;
    struct sockaddr_un at;
    socklen_t len;
    struct sok_host_link link = {
        .size = sizeof(link), .addrs = (const char *const[]){"192.0.2.1/24", NULL}};
    struct sok_host_link other = {
        .size = sizeof(other), .addrs = (const char *const[]){"192.0.2.2/24", NULL}};
    sok_host_config_default(&config);
    config.virtual_time = true;
    config.start_ns = 1000000000;
    config.has_seed = true;
    must(sok_host_new(&config, &w->host, err) == 0);
    must(sok_host_new(&config, &w->peer, err) == 0);
    must(sok_host_link_pair(w->host, &link, w->peer, &other, err) >= 0);
    struct sok_service_config door = {.door_fd = listening(&at, &len), .loopback = true};
    must(sok_service_new(w->host, &door, &w->service) == 0);
    w->door = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    must(connect(w->door, (struct sockaddr *)&at, len) == 0);
    for (unsigned i = 0; i < CHANNELS; i++)
        w->channels[i] = new_channel(w);
    for (unsigned i = 0; i < SOCKETS; i++)
        w->sockets[i] = -1;
}

static void check(struct world *w)
{
    struct sok_calls_request about = {.id = 77, .op = SOK_CALLS_ABOUT};
    int fd = new_channel(w);
    turn(w);
    send(fd, &about, sizeof(about), MSG_NOSIGNAL);
    turn(w);
    must(hear(w, fd, 77));
    close(fd);
    must(!sok_stack_check(w->host->stack));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world w = {.data = data, .len = size};
    begin(&w);
    turn(&w);
    for (unsigned i = 0; i < STEPS_MAX && w.len > 0; i++) {
        one_step(&w);
        turn(&w);
        for (unsigned k = 0; k < CHANNELS; k++)
            hear(&w, w.channels[k], 0);
    }
    check(&w);
    sok_service_free(w.service);
    sok_host_free(w.host);
    sok_host_free(w.peer);
    for (unsigned i = 0; i < CHANNELS; i++)
        drop(&w.channels[i]);
    for (unsigned i = 0; i < SOCKETS; i++)
        drop(&w.sockets[i]);
    drop(&w.door);
    return 0;
}

// ---- what a program says ----

struct script {
    uint8_t *out;
    size_t len, room;
};

static void put(struct script *s, const void *bytes, size_t len)
{
    if (s->room - s->len < len)
        return;
    memcpy(s->out + s->len, bytes, len);
    s->len += len;
}

static void put_ask(struct script *s, uint8_t op, uint8_t which, const uint8_t abc[3],
    const void *bytes, uint8_t len)
{
    const uint8_t head[] = {ASK_WELL, 0, op, which, abc[0], abc[1], abc[2], len};
    put(s, head, sizeof(head));
    if (len > 0)
        put(s, bytes, len);
}

static void put_addr(struct script *s, uint8_t op, uint8_t which, uint8_t a, uint32_t to, int port)
{
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(to)};
    put_ask(s, op, which, (const uint8_t[]){a, 0, 0}, &in, sizeof(in));
}

size_t fuzz_sample(uint64_t seed, uint8_t *out, size_t room)
{
    static const uint8_t none[3];
    struct script s = {out, 0, room};
    struct sok_calls_packet packet = {.len = sizeof(struct sockaddr_in)};
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(7)};
    own.sin_addr.s_addr = htonl(0x7f000001);
    memcpy(packet.addr, &own, sizeof(own));
    // Socket 0 listens, socket 1 connects to it; 2 is of packets, which go to itself.
    put_ask(&s, SOK_CALLS_HELLO, 0, (const uint8_t[]){SOK_CALLS_VERSION, 5, 0}, "fuzz", 4);
    put_ask(&s, SOK_CALLS_SOCKET, 0, none, NULL, 0);
    put_addr(&s, SOK_CALLS_BIND, 0, 0, 0, 80);
    put_ask(&s, SOK_CALLS_LISTEN, 0, (const uint8_t[]){4, 0, 0}, NULL, 0);
    put_ask(&s, SOK_CALLS_SOCKET, 0, none, NULL, 0);
    put_addr(&s, SOK_CALLS_CONNECT, 1, (uint8_t)(seed & 1), 0x7f000001, 80);
    put(&s, (const uint8_t[]){PACKET, 1, 5, 'h', 'e', 'l', 'l', 'o'}, 8);
    if (seed & 2)
        put(&s, (const uint8_t[]){READ, 0}, 2);
    put_ask(&s, SOK_CALLS_SOCKET, 0, (const uint8_t[]){0, (seed & 4) ? 3 : 1, 0}, NULL, 0);
    put_addr(&s, SOK_CALLS_BIND, 2, 0, 0, 7);
    put(&s, (const uint8_t[]){PACKET, 2, sizeof(packet) + 2}, 3);
    put(&s, &packet, sizeof(packet));
    put(&s, "hi", 2);
    put_ask(&s, SOK_CALLS_LIST, 0, none, NULL, 0);
    if (seed & 8)
        put_ask(&s, SOK_CALLS_KILL, 0, (const uint8_t[]){(uint8_t)(seed >> 4 & 7), 0, 0}, NULL, 0);
    put_ask(&s, SOK_CALLS_GETOPT, (uint8_t)(seed >> 8 & 3),
        (const uint8_t[]){SOL_SOCKET, SO_ERROR, 4}, NULL, 0);
    put(&s, (const uint8_t[]){SHUT, (uint8_t)(seed >> 10 & 3), (uint8_t)(seed >> 12)}, 3);
    put(&s, (const uint8_t[]){CLOSE, (uint8_t)(seed >> 16 & 3)}, 2);
    put(&s, (const uint8_t[]){TIME, 0, 20}, 3);
    return s.len;
}
