// What a program does to its descriptors where nobody sees it: in its parent's memory, past the C library, from
// signal handlers; and what it sends along that TCP does not look at.
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include "behave.h"

static int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int bound_udp(int port)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    int fd = udp();
    bind(fd, (struct sockaddr *)&any, sizeof(any));
    dial(fd, port);
    return fd;
}

// A child of vfork() closes and copies descriptors of its own before it calls exec.
static void in_our_memory(void)
{
    long id, stream;
    char room[100];
    int s = call_peer(&stream);
    id = peer("udp");
    int fd = bound_udp(atoi(peer_text));
    int null = open("/dev/null", O_WRONLY);
    pid_t child = vfork();
    if (child == 0) {
        dup2(s, null);
        close(fd);
        close(s);
        execlp("true", "true", (char *)NULL);
        _exit(9);
    }
    is("vfork-closes", wait_for(child), 0);
    peer("sendto %ld %d 7", id, port_of(fd));
    is("vfork-closes-recv", recv(fd, room, sizeof(room), 0), 7);
    is("vfork-closes-send", send(fd, "abc", 3, 0), 3);
    is("vfork-closes-arrives", peer("recvfrom %ld", id), 3);
    is("vfork-dup2-file", write(null, "x", 1), 1);
    is("vfork-stream", write(s, "hello", 5), 5);
    is("vfork-stream-arrives", peer("recv %ld 5", stream), 5);
    is("vfork-stream-name", port_of(s) > 0, 1);
}

// Nobody is told of such a fork.
static void bare_fork(void)
{
    long id = peer("udp");
    char room[100];
    int port = atoi(peer_text), fd = bound_udp(port);
    fflush(NULL);
    pid_t child = (pid_t)syscall(SYS_fork);
    if (child == 0) {
        long theirs = 0;
        int mine = udp();
        theirs += mine >= 0 && dial(mine, port) == 0 && send(mine, "child", 5, 0) == 5;
        theirs += port_of(mine) > 0 && port_of(fd) > 0;
        syscall(SYS_exit_group, theirs == 2 ? 0 : 1);
    }
    int calls = 0;
    for (int i = 0; i < 200; i++) // what comes back is ours
        calls += option(fd, SOL_SOCKET, SO_BROADCAST) == 0 && port_of(fd) > 0;
    is("bare-fork", wait_for(child), 0);
    is("bare-fork-parent", calls, 200);
    is("bare-fork-arrives", peer("recvfrom %ld", id), 5);
    peer("sendto %ld %d 4", id, port_of(fd));
    is("bare-fork-recv", recv(fd, room, sizeof(room), 0), 4);
}

// Another thing under the number of a socket that was closed unseen.
static void number_again(void)
{
    long id;
    char c = 0;
    int fd = call_peer(&id);
    FILE *f = fdopen(fd, "r+");
    fputs("bye", f);
    is("stdio-close", fclose(f), 0);
    is("stdio-close-arrives", peer("recv %ld 4", id), 3);
    int pipe_ends[2];
    is("stdio-number", pipe(pipe_ends) == 0 && pipe_ends[0] == fd, 1);
    is("stdio-number-write", write(pipe_ends[1], "x", 1), 1);
    is("stdio-number-read", readv(fd, &(struct iovec){&c, 1}, 1), 1);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    fd = call_peer(&id);
    syscall(SYS_close, fd);
    is("raw-close-end", peer("recv %ld 1", id), 0);
    int file = open("/dev/null", O_RDWR);
    is("raw-close-number", file, fd);
    is("raw-close-write", write(file, "x", 1), 1);
    is("raw-close-writev", writev(file, (struct iovec[]){{"a", 1}, {"b", 1}}, 2), 2);
    gives("raw-close-send", send(file, "x", 1, 0), ENOTSOCK);
    close(file);
    fd = udp();
    syscall(SYS_close, fd);
    is("raw-close-packets", pipe(pipe_ends) == 0 && pipe_ends[0] == fd, 1);
    is("raw-close-packets-write", write(pipe_ends[1], "y", 1), 1);
    is("raw-close-packets-read", read(fd, &c, 1), 1);
    is("raw-close-packets-value", c, 'y');
}

// Whatever the program is doing when a signal comes, its handler may make the same calls.
static int handlers_fd;
static _Atomic int handled;

static void on_alarm(int number)
{
    char c;
    int saved = errno;
    (void)number;
    close(dup(handlers_fd));
    recv(handlers_fd, &c, 1, MSG_DONTWAIT);
    send(handlers_fd, "s", 1, MSG_DONTWAIT);
    handled++;
    errno = saved;
}

static void in_handlers(void)
{
    char c;
    peer("udp");
    int fd = bound_udp(atoi(peer_text)), rounds = 0;
    handlers_fd = fd;
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int64_t start = now_ms(); now_ms() - start < 300 || handled < 20; rounds++) {
        int one = dup(fd), other = udp();
        dial(other, 9);
        recv(one, &c, 1, MSG_DONTWAIT);
        option(one, SOL_SOCKET, SO_SNDBUF);
        close(other);
        close(one);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    is_true("handlers-and-program", rounds > 0 && handled >= 20);
    is("handlers-then", send(fd, "x", 1, 0), 1);
}

// TCP takes no notice of descriptors that are sent along, and they go nowhere.
static void sent_along(void)
{
    long id;
    char space[CMSG_SPACE(sizeof(int))] = {0};
    int fd = call_peer(&id), file = open("/dev/null", O_RDONLY);
    struct iovec io = {"word", 4};
    struct msghdr m = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(c), &file, sizeof(file));
    is("stream-descriptors", sendmsg(fd, &m, 0), 4);
    is("stream-descriptors-again", send(fd, "more", 4, 0), 4);
    peer("recv %ld 8", id);
    is_text("stream-descriptors-value", peer_text, "wordmore");
}

// Datagrams are sent when the call returns, not when the program gets round to closing.
static void burst(void)
{
    long id = peer("udp");
    int port = atoi(peer_text), fd = bound_udp(port), arrived = 0;
    send(fd, "first", 5, 0); // so that the neighbour is known
    peer("recvfrom %ld", id);
    for (int i = 0; i < 150; i++)
        send(fd, "x", 1, 0);
    close(fd);
    while (arrived < 150 && peer("recvfrom %ld", id) == 1)
        arrived++;
    is("udp-burst-then-close", arrived, 150);
}

static void many_with_a_limit(void)
{
    long id = peer("udp");
    char room[3][10];
    int fd = bound_udp(atoi(peer_text));
    struct mmsghdr m[3] = {0};
    struct iovec io[3];
    for (int i = 0; i < 3; i++) {
        io[i] = (struct iovec){room[i], sizeof(room[i])};
        m[i].msg_hdr = (struct msghdr){.msg_iov = &io[i], .msg_iovlen = 1};
    }
    struct timespec limit = {0, 50000000}, wrong = {0, -1};
    peer_when_waiting(150, "sendto %ld %d 6", id, port_of(fd));
    is("udp-recvmmsg-limit", recvmmsg(fd, m, 3, 0, &limit), 1); // looked at after each one
    is("udp-recvmmsg-limit-length", m[0].msg_len, 6);
    is("udp-recvmmsg-limit-left", limit.tv_sec == 0 && limit.tv_nsec == 0, 1);
    gives("udp-recvmmsg-limit-wrong", recvmmsg(fd, m, 3, 0, &wrong), EINVAL);
}

static void odd_lengths(void)
{
    long id;
    struct sockaddr_in n;
    socklen_t len = (socklen_t)-1;
    int fd = call_peer(&id);
    gives("odd-name-negative", getsockname(fd, (struct sockaddr *)&n, &len), EINVAL);
    len = 4;
    gives("odd-name-cut", getsockname(fd, (struct sockaddr *)&n, &len), 0);
    is("odd-name-cut-length", len, sizeof(n));
}

static void odd_sizes(void)
{
    static struct iovec many[1025];
    long id = peer("udp");
    int fd = bound_udp(atoi(peer_text)), waiting = 0, s = tcp();
    peer("sendto %ld %d 50", id, port_of(fd));
    peer("sendto %ld %d 7", id, port_of(fd));
    poll_until(fd, POLLIN);
    ioctl(fd, FIONREAD, &waiting);
    is("udp-fionread-two", waiting, 50);
    gives("writev-too-many", writev(fd, many, 1025), EINVAL);
    gives("readv-too-many", readv(fd, many, 1025), EINVAL);
    signal(SIGPIPE, SIG_IGN);
    int file = open(self, O_RDONLY);
    gives("sendfile-idle", sendfile(s, file, NULL, 100), EPIPE);
}

const struct group unseen_groups[] = {
    {"vfork", in_our_memory},
    {"bare-fork", bare_fork},
    {"number-again", number_again},
    {"handlers", in_handlers},
    {"sent-along", sent_along},
    {"burst", burst},
    {"many-limit", many_with_a_limit},
    {"odd-lengths", odd_lengths},
    {"odd-sizes", odd_sizes},
    {NULL, NULL},
};
