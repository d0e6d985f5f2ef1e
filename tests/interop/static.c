// A program without the dynamic linker, for static.py: what no library reaches.
//
//   static calls ADDR NOBODY     one line for each of its socket calls on ADDR, its own; NOBODY: a silent address
//   static client ADDR PORT      standard input there, what comes back to standard output
//   static server ADDR PORT N    an echo, for N connections, each in a process of its own
//   static udp ADDR PORT         a question there, its answer printed; unconnected and connected
//   static wait ADDR PORT        listens and waits to be killed
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <time.h>
// The kernel's header wants to know timespec.
#include <linux/errqueue.h>
#include <linux/if_packet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sockaddr_in at(const char *address, int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = inet_addr(address)};
}

#define ADDRESS(a) ((struct sockaddr *)(a))

static long say(const char *what, long r)
{
    printf("%s: %s\n", what, r < 0 ? strerror(errno) : r == 0 ? "0" : "above 0");
    return r;
}

static long say_number(const char *what, long r)
{
    if (r < 0)
        return say(what, r);
    printf("%s: %ld\n", what, r);
    return r;
}

static void timeout(int fd, int name, int ms)
{
    struct timeval t = {ms / 1000, ms % 1000 * 1000};
    say("a timeout", setsockopt(fd, SOL_SOCKET, name, &t, sizeof(t)));
}

// ---- calls ----

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
    (void)sig;
    signals++;
}

static void alarm_in(int ms, int flags)
{
    struct sigaction on = {.sa_handler = on_signal, .sa_flags = flags};
    struct itimerval soon = {.it_value = {0, ms * 1000}};
    sigaction(SIGALRM, &on, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
}

static int listener(const char *address, struct sockaddr_in *a)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    socklen_t len = sizeof(*a);
    *a = at(address, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    say("bind", bind(fd, ADDRESS(a), sizeof(*a)));
    say("listen", listen(fd, 4));
    say("getsockname", getsockname(fd, ADDRESS(a), &len));
    return fd;
}

static void nothing_connected(const char *address)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = at(address, 9);
    socklen_t len = sizeof(a);
    say_number("FD_CLOEXEC", fcntl(fd, F_GETFD));
    say("getpeername, not connected", getpeername(fd, ADDRESS(&a), &len));
    say("shutdown, not connected", shutdown(fd, SHUT_WR));
    say("accept, not listening", accept(fd, NULL, NULL));
    say("connect, a short address", connect(fd, ADDRESS(&a), 3));
    say("connect, a bad pointer", connect(fd, (struct sockaddr *)8, 16));
    say("connect, a long address", connect(fd, ADDRESS(&a), 1000));
    say("getsockname, a bad pointer", getsockname(fd, (struct sockaddr *)8, &len));
    say("getsockname, no length", getsockname(fd, ADDRESS(&a), (socklen_t *)8));
    say("setsockopt, nothing of the kind", setsockopt(fd, -1, 1, &len, sizeof(len)));
    say("setsockopt, a bad pointer", setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, (void *)8, 4));
    say("socket, nothing of the kind", socket(AF_INET, SOCK_SEQPACKET, 0));
    say("socket, no such protocol", socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
    say("connect, a closed descriptor", (close(fd), connect(fd, ADDRESS(&a), sizeof(a))));
    fd = socket(AF_INET, SOCK_STREAM, 0);
    say("connect, refused", connect(fd, ADDRESS(&a), sizeof(a)));
    close(fd);
}

static void options(int fd)
{
    static const struct {
        const char *name;
        int level, option;
    } asked[] = {{"SO_TYPE", SOL_SOCKET, SO_TYPE}, {"SO_DOMAIN", SOL_SOCKET, SO_DOMAIN},
        {"SO_PROTOCOL", SOL_SOCKET, SO_PROTOCOL}, {"SO_ERROR", SOL_SOCKET, SO_ERROR},
        {"SO_ACCEPTCONN", SOL_SOCKET, SO_ACCEPTCONN}, {"TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY}};
    int value = 1;
    say("TCP_NODELAY", setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof(value)));
    for (unsigned i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        socklen_t len = sizeof(value);
        value = -1;
        say(asked[i].name, getsockopt(fd, asked[i].level, asked[i].option, &value, &len));
        printf("  %d in %u\n", value, len);
    }
}

static void one_connection(const char *address)
{
    struct sockaddr_in a, peer = {0};
    char bytes[64] = "";
    int l = listener(address, &a), fd = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t len = sizeof(peer);
    say("connect", connect(fd, ADDRESS(&a), sizeof(a)));
    say("connect again", connect(fd, ADDRESS(&a), sizeof(a)));
    int other = accept4(l, ADDRESS(&peer), &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    say("accept4", other);
    printf("  from %s, %u\n", inet_ntoa(peer.sin_addr), len);
    say_number("FD_CLOEXEC", fcntl(other, F_GETFD));
    say_number("O_NONBLOCK", fcntl(other, F_GETFL) & O_NONBLOCK);
    say_number("recv, nothing there", recv(other, bytes, sizeof(bytes), 0));
    say_number("send", send(fd, "hello", 5, 0));
    struct pollfd p = {other, POLLIN, 0};
    say_number("poll", poll(&p, 1, 5000));
    say_number("recv, a look", recv(other, bytes, sizeof(bytes), MSG_PEEK));
    say_number("recvfrom", recvfrom(other, bytes, 3, 0, ADDRESS(&peer), &len));
    struct iovec iov[2] = {{bytes, 1}, {bytes + 1, 20}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    say_number("recvmsg", recvmsg(other, &m, 0));
    say_number("sendto, with an address", sendto(fd, "abc", 3, 0, ADDRESS(&a), sizeof(a)));
    say_number("poll", poll(&p, 1, 5000));
    say_number("read", read(other, bytes, sizeof(bytes)));
    options(fd);
    say("shutdown", shutdown(fd, SHUT_WR));
    say_number("poll", poll(&p, 1, 5000));
    say_number("read, the end", read(other, bytes, sizeof(bytes)));
    timeout(l, SO_RCVTIMEO, 50);
    say("accept, its time over", accept(l, NULL, NULL));
    fcntl(l, F_SETFL, O_NONBLOCK);
    say("accept, not waiting", accept(l, NULL, NULL));
    close(fd);
    close(other);
    close(l);
}

static void not_blocking(const char *address)
{
    struct sockaddr_in a;
    int l = listener(address, &a), fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), error = -1;
    socklen_t len = sizeof(error);
    say("connect, not waiting", connect(fd, ADDRESS(&a), sizeof(a)));
    struct pollfd p = {fd, POLLOUT, 0};
    say_number("poll", poll(&p, 1, 5000));
    say("SO_ERROR", getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
    printf("  %d\n", error);
    char *much = calloc(1, 1 << 20);
    say("write, much", write(fd, much, 1 << 20));
    free(much);
    close(fd);
    close(l);
    a = at(address, 9);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    say("connect, refused later", connect(fd, ADDRESS(&a), sizeof(a)) < 0 && errno == EINPROGRESS);
    p.fd = fd;
    say_number("poll", poll(&p, 1, 5000));
    say("SO_ERROR", getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
    printf("  %s\n", strerror(error));
    close(fd);
}

static void *accept_one(void *arg)
{
    int fd = accept(*(int *)arg, NULL, NULL);
    return (void *)(intptr_t)fd;
}

static void with_signals(const char *address, const char *nobody)
{
    struct sockaddr_in a, silent = at(nobody, 9);
    int l = listener(address, &a), fd = socket(AF_INET, SOCK_STREAM, 0);
    alarm_in(100, 0);
    say("accept, a signal", accept(l, NULL, NULL));
    alarm_in(100, SA_RESTART);
    timeout(l, SO_RCVTIMEO, 400);
    say("accept, a signal, again", accept(l, NULL, NULL));
    alarm_in(100, 0);
    say("connect, a signal", connect(fd, ADDRESS(&silent), sizeof(silent)));
    printf("  %d signals\n", (int)signals);
    timeout(l, SO_RCVTIMEO, 0);
    pthread_t thread;
    int other = socket(AF_INET, SOCK_STREAM, 0);
    pthread_create(&thread, NULL, accept_one, &l);
    say("connect, to a thread", connect(other, ADDRESS(&a), sizeof(a)));
    void *taken;
    pthread_join(thread, &taken);
    say("accepted", (long)(intptr_t)taken);
    close((int)(intptr_t)taken);
    close(other);
    close(fd);
    close(l);
}

static void packets(const char *address)
{
    struct sockaddr_in a = at(address, 0), from = {0};
    socklen_t len = sizeof(a);
    char bytes[64] = "";
    int fd = socket(AF_INET, SOCK_DGRAM, 0), other = socket(AF_INET, SOCK_DGRAM, 0);
    say("bind", bind(fd, ADDRESS(&a), sizeof(a)));
    say("getsockname", getsockname(fd, ADDRESS(&a), &len));
    say("listen", listen(fd, 1));
    say("sendto", sendto(other, "question", 8, 0, ADDRESS(&a), sizeof(a)));
    say_number("recvfrom, a look", recvfrom(fd, bytes, 4, MSG_PEEK, ADDRESS(&from), &len));
    say_number("recvfrom, cut", recvfrom(fd, bytes, 4, MSG_TRUNC, ADDRESS(&from), &len));
    printf("  %.4s from %s\n", bytes, inet_ntoa(from.sin_addr));
    say_number("recvfrom, none", recvfrom(fd, bytes, 4, MSG_DONTWAIT, ADDRESS(&from), &len));
    say("connect", connect(other, ADDRESS(&a), sizeof(a)));
    say_number("write", write(other, "more", 4));
    say_number("recv", recv(fd, bytes, sizeof(bytes), 0));
    say_number("sendto", sendto(fd, "answer", 6, 0, ADDRESS(&from), len));
    say_number("read", read(other, bytes, sizeof(bytes)));
    printf("  %.6s\n", bytes);
    char text[] = "two pieces";
    struct iovec iov[2] = {{text, 4}, {text + 4, 6}}, in = {bytes, 7};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    say_number("sendmsg", sendmsg(other, &m, 0));
    m = (struct msghdr){
        .msg_iov = &in, .msg_iovlen = 1, .msg_name = &from, .msg_namelen = sizeof(from)};
    say_number("recvmsg", recvmsg(fd, &m, 0));
    printf("  flags %d, name %u, %.7s\n", m.msg_flags, m.msg_namelen, bytes);
    struct mmsghdr many[2] = {{.msg_hdr = {.msg_iov = iov,
                                   .msg_iovlen = 1,
                                   .msg_name = &from,
                                   .msg_namelen = sizeof(from)}},
        {.msg_hdr = {
             .msg_iov = iov + 1, .msg_iovlen = 1, .msg_name = &from, .msg_namelen = sizeof(from)}}};
    say_number("sendmmsg", sendmmsg(fd, many, 2, 0));
    printf("  %u %u\n", many[0].msg_len, many[1].msg_len);
    say_number("recv", recv(other, bytes, sizeof(bytes), 0));
    say_number("recv", recv(other, bytes, sizeof(bytes), 0));
    say_number("send, too long", sendto(fd, bytes, 70000, 0, ADDRESS(&from), len));
    timeout(fd, SO_RCVTIMEO, 50);
    say("recvfrom, its time over", recvfrom(fd, bytes, sizeof(bytes), 0, ADDRESS(&from), &len));
    close(fd);
    close(other);
}

static int on(int fd, int level, int name)
{
    int one = 1;
    return setsockopt(fd, level, name, &one, sizeof(one));
}

// One datagram with what comes along; or what was said about one.
static void say_message(int fd, size_t room, int flags)
{
    char bytes[64] = "", control[256] __attribute__((aligned(8)));
    struct sockaddr_in from = {0};
    struct iovec iov = {bytes, sizeof(bytes)};
    struct msghdr m = {&from, sizeof(from), &iov, 1, control, room, 0};
    struct timeval t = {30, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
    if (say_number("recvmsg, with control messages", recvmsg(fd, &m, flags)) < 0)
        return;
    printf("  %.5s, flags %#x, name %u\n", bytes, m.msg_flags, m.msg_namelen);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        printf("  level %d, type %d, %zu bytes", c->cmsg_level, c->cmsg_type,
            c->cmsg_len - CMSG_LEN(0));
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL)
            printf(": %d", *(int *)(void *)CMSG_DATA(c));
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
            printf(": %d", *CMSG_DATA(c));
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) {
            struct sock_extended_err e;
            memcpy(&e, CMSG_DATA(c), sizeof(e));
            printf(": %s, origin %d, type %d, code %d", strerror((int)e.ee_errno), e.ee_origin,
                e.ee_type, e.ee_code);
        }
        puts("");
    }
}

static long send_with(int fd, struct sockaddr_in *to, int type, int value, size_t cut)
{
    char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = "";
    struct iovec iov = {(char[]){"along"}, 5};
    struct msghdr m = {to, to ? sizeof(*to) : 0, &iov, 1, control, sizeof(control) - cut, 0};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){CMSG_LEN(sizeof(int)), IPPROTO_IP, type};
    memcpy(CMSG_DATA(c), &value, sizeof(value));
    return sendmsg(fd, &m, 0);
}

static void alongside(const char *address)
{
    struct sockaddr_in a = at(address, 0), self = at(address, 0);
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_DGRAM, 0), other = socket(AF_INET, SOCK_DGRAM, 0);
    bind(fd, ADDRESS(&a), sizeof(a));
    bind(other, ADDRESS(&self), sizeof(self));
    getsockname(fd, ADDRESS(&a), &len);
    say("IP_RECVTTL", on(fd, IPPROTO_IP, IP_RECVTTL));
    say_number("sendmsg, a TTL", send_with(other, &a, IP_TTL, 7, 0));
    say_message(fd, 256, 0);
    say("IP_RECVTOS", on(fd, IPPROTO_IP, IP_RECVTOS));
    say("IP_PKTINFO", on(fd, IPPROTO_IP, IP_PKTINFO));
    say("SO_TIMESTAMP", on(fd, SOL_SOCKET, SO_TIMESTAMP));
    say_number("sendmsg, a TOS", send_with(other, &a, IP_TOS, 0x10, 0));
    say_message(fd, 256, 0);
    say_number("sendmsg, a TTL of 0", send_with(other, &a, IP_TTL, 0, 0));
    say_number("sendmsg, a TTL of 256", send_with(other, &a, IP_TTL, 256, 0));
    say_number("sendmsg, cut control messages", send_with(other, &a, IP_TTL, 7, 6));
    say_number("sendto", sendto(other, "plain", 5, 0, ADDRESS(&a), sizeof(a)));
    say_message(fd, 40, 0);
    say_number("sendto", sendto(other, "plain", 5, 0, ADDRESS(&a), sizeof(a)));
    say_message(fd, 0, 0);
    say("connect", connect(other, ADDRESS(&a), sizeof(a)));
    say_number("sendmsg, connected, a TTL", send_with(other, NULL, IP_TTL, 9, 0));
    say_message(fd, 256, 0);
    close(fd);
    close(other);
}

static void refusals(const char *address, const char *nobody)
{
    static char large[3000];
    struct sockaddr_in a = at(address, 9), far = at(nobody, 9), nowhere = at("203.0.113.1", 9);
    int fd = socket(AF_INET, SOCK_DGRAM, 0), want = IP_PMTUDISC_DO, yes = 1;
    say("IP_RECVERR", setsockopt(fd, IPPROTO_IP, IP_RECVERR, &yes, sizeof(yes)));
    say_message(fd, 256, MSG_ERRQUEUE | MSG_DONTWAIT);
    say_number("sendto, a closed port", sendto(fd, "quest", 5, 0, ADDRESS(&a), sizeof(a)));
    struct pollfd p = {fd, POLLIN, 0};
    say_number("poll", poll(&p, 1, 30000));
    say_message(fd, 256, MSG_ERRQUEUE);
    say_message(fd, 256, MSG_ERRQUEUE);
    say_number("recv, told already", recv(fd, large, 10, MSG_DONTWAIT));
    close(fd);
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    say("IP_MTU_DISCOVER", setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &want, sizeof(want)));
    say_number(
        "sendto, too large", sendto(fd, large, sizeof(large), 0, ADDRESS(&far), sizeof(far)));
    say_number("sendto, nowhere", sendto(fd, large, 10, 0, ADDRESS(&nowhere), sizeof(nowhere)));
    close(fd);
}

// A connection that is reset says so once, and without a signal; then it is a broken pipe.
static int reset_one(const char *address, int *l)
{
    struct sockaddr_in a;
    struct linger hard = {1, 0};
    *l = listener(address, &a);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    say("connect", connect(fd, ADDRESS(&a), sizeof(a)));
    int other = accept(*l, NULL, NULL);
    setsockopt(other, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(other);
    struct pollfd p = {fd, 0, 0};
    say_number("poll", poll(&p, 1, 30000));
    return fd;
}

static void resets(const char *address)
{
    char bytes[16];
    struct iovec iov = {bytes, 4};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    struct sigaction ours = {.sa_handler = on_signal};
    sigaction(SIGPIPE, &ours, NULL);
    signals = 0;
    int l, fd = reset_one(address, &l);
    say_number("sendmsg, reset", sendmsg(fd, &m, 0));
    printf("  %d signals\n", (int)signals);
    say_number("sendmsg, again", sendmsg(fd, &m, 0));
    printf("  %d signals\n", (int)signals);
    say_number("recv, afterwards", recv(fd, bytes, 4, 0));
    close(fd);
    close(l);
    fd = reset_one(address, &l);
    say_number("recv, reset", recv(fd, bytes, 4, 0));
    say_number("recvmsg, again", recvmsg(fd, &m, 0));
    say_number("sendmsg, broken", sendmsg(fd, &m, MSG_NOSIGNAL));
    say_number("recv, the queue of errors", recv(fd, bytes, 4, MSG_ERRQUEUE));
    printf("  %d signals\n", (int)signals);
    close(fd);
    close(l);
}

static void frames(void)
{
    static char frame[60] = {[12] = (char)0x88, [13] = (char)0xb5};
    struct sockaddr_ll lo = {
        .sll_family = AF_PACKET, .sll_protocol = htons(0x88b5), .sll_ifindex = 1};
    struct iovec iov = {frame, sizeof(frame)};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    char room[100];
    int fd = socket(AF_PACKET, SOCK_RAW, htons(0x88b5));
    say_number("sendmsg, a packet socket of no link", sendmsg(fd, &m, 0));
    say("sendto, a short link address", sendto(fd, frame, sizeof(frame), 0, ADDRESS(&lo), 8));
    say("bind, a link", bind(fd, ADDRESS(&lo), sizeof(lo)));
    say_number("sendmsg, where it is bound", sendmsg(fd, &m, 0));
    m.msg_name = &lo;
    m.msg_namelen = sizeof(lo);
    say_number("sendmsg, a link address", sendmsg(fd, &m, 0));
    timeout(fd, SO_RCVTIMEO, 5000);
    m.msg_iov = &(struct iovec){room, sizeof(room)};
    say_number("recvmsg, a frame", recvmsg(fd, &m, 0));
    printf("  %u, %02x%02x\n", lo.sll_ifindex, room[12] & 0xff, room[13] & 0xff);
    close(fd);
}

static void not_ours(void)
{
    int pair[2];
    char byte;
    struct sockaddr_in a = at("127.0.0.1", 0);
    socklen_t len = sizeof(a);
    say("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    say_number("send", send(pair[0], "x", 1, 0));
    say_number("recv", recv(pair[1], &byte, 1, 0));
    say("getpeername", getpeername(pair[1], ADDRESS(&a), &len));
    say("connect, no socket", connect(0, ADDRESS(&a), sizeof(a)));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    say("SO_REUSEADDR", setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
    a = at("127.0.0.1", 0);
    say("bind, 127.0.0.1", bind(fd, ADDRESS(&a), sizeof(a)));
    say_number("FD_CLOEXEC", fcntl(fd, F_GETFD));
    say("listen", listen(fd, 1));
    len = sizeof(a);
    say("getsockname", getsockname(fd, ADDRESS(&a), &len));
    int other = socket(AF_INET, SOCK_STREAM, 0);
    say("connect, 127.0.0.1", connect(other, ADDRESS(&a), sizeof(a)));
    close(other);
    close(fd);
}

static int calls(const char *address, const char *nobody)
{
    nothing_connected(address);
    one_connection(address);
    not_blocking(address);
    with_signals(address, nobody);
    packets(address);
    alongside(address);
    refusals(address, nobody);
    resets(address);
    frames();
    not_ours();
    return 0;
}

// ---- peers ----

static int client(struct sockaddr_in a)
{
    static char bytes[65536];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, ADDRESS(&a), sizeof(a)) < 0)
        return perror("connect"), 1;
    pid_t pid = fork();
    if (pid == 0) {
        for (ssize_t n; (n = read(0, bytes, sizeof(bytes))) > 0;)
            if (write(fd, bytes, (size_t)n) != n)
                _exit(1);
        _exit(shutdown(fd, SHUT_WR) < 0);
    }
    for (ssize_t n; (n = recv(fd, bytes, sizeof(bytes), 0)) > 0;)
        if (write(1, bytes, (size_t)n) != n)
            return 1;
    return waitpid(pid, NULL, 0) < 0;
}

static int echo(int fd)
{
    static char bytes[65536];
    for (ssize_t n; (n = recv(fd, bytes, sizeof(bytes), 0)) > 0;)
        if (send(fd, bytes, (size_t)n, MSG_NOSIGNAL) != n)
            return 1;
    return 0;
}

static int server(struct sockaddr_in a, int count)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, ADDRESS(&a), sizeof(a)) < 0 || listen(fd, 64) < 0)
        return perror("listen"), 1;
    puts("listening");
    for (int i = 0; i < count; i++) {
        int other = accept(fd, NULL, NULL);
        if (other < 0)
            return perror("accept"), 1;
        if (fork() == 0)
            _exit(echo(other));
        close(other);
    }
    while (wait(NULL) > 0)
        continue;
    return 0;
}

static int udp(struct sockaddr_in a)
{
    char bytes[100];
    struct sockaddr_in from = {0};
    socklen_t len = sizeof(from);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (sendto(fd, "question", 8, 0, ADDRESS(&a), sizeof(a)) < 0)
        return perror("sendto"), 1;
    ssize_t n = recvfrom(fd, bytes, sizeof(bytes), 0, ADDRESS(&from), &len);
    printf("%.*s from %s\n", (int)n, bytes, inet_ntoa(from.sin_addr));
    if (connect(fd, ADDRESS(&a), sizeof(a)) < 0 || write(fd, "another", 7) < 0)
        return perror("connect"), 1;
    n = read(fd, bytes, sizeof(bytes));
    printf("%.*s\n", (int)n, bytes);
    return 0;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 4)
        return 2;
    struct sockaddr_in a = at(argv[2], atoi(argv[3]));
    switch (argv[1][0]) {
    case 'c':
        return argv[1][1] == 'a' ? calls(argv[2], argv[3]) : client(a);
    case 's':
        return server(a, argc > 4 ? atoi(argv[4]) : 1);
    case 'u':
        return udp(a);
    default:
        return server(a, 1 << 30);
    }
}
