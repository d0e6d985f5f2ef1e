// Descriptors that are shared: copies, children, exec, passing, several processes at one listener; and
// sockets of AF_UNIX, which stay the kernel's.
#include <spawn.h>
#include <sys/un.h>
#include <sys/resource.h>
#include "behave.h"

static int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void copies(void)
{
    long id;
    struct sockaddr_in n;
    socklen_t len = sizeof(n);
    int fd = call_peer(&id), a = dup(fd), port = port_of(fd);
    is("dup-lowest", a, fd + 1);
    is("dup-write", write(a, "one", 3), 3);
    is("dup-name", port_of(a), port);
    no_waiting(fd);
    is_true("dup-shares-nonblock", fcntl(a, F_GETFL) & O_NONBLOCK);
    is("dup2", dup2(fd, 50), 50);
    is("dup2-same", dup2(50, 50), 50);
    is("dup2-cloexec", fcntl(50, F_GETFD), 0);
    is("dup3", dup3(fd, 51, O_CLOEXEC), 51);
    is("dup3-cloexec", fcntl(51, F_GETFD), FD_CLOEXEC);
    gives("dup3-same", dup3(fd, fd, 0), EINVAL);
    is("dupfd", fcntl(fd, F_DUPFD, 60), 60);
    is("dupfd-again", fcntl(fd, F_DUPFD_CLOEXEC, 60), 61);
    is("dupfd-cloexec", fcntl(61, F_GETFD), FD_CLOEXEC);
    gives("dup-bad", dup(99), EBADF);
    gives("dup2-bad", dup2(99, 70), EBADF);
    close(fd);
    close(a);
    close(50);
    close(51);
    close(60);
    is("last-copy-write", write(61, "two", 3), 3);
    is("last-copy-peer", getpeername(61, (struct sockaddr *)&n, &len), 0);
    peer("recv %ld 6", id);
    is_text("copies-value", peer_text, "onetwo");
    close(61);
    is("last-copy-closed", peer("recv %ld 1", id), 0);
    fd = call_peer(&id);
    int other = open("/dev/null", O_RDWR);
    is("dup2-over", dup2(other, fd), fd);
    is("dup2-over-closes", peer("recv %ld 1", id), 0);
    gives("dup2-over-then", getpeername(fd, (struct sockaddr *)&n, &len), ENOTSOCK);
    is("dup2-over-write", write(fd, "x", 1), 1);
}

static void child_shares(void)
{
    long id;
    char room[10] = "";
    int fd = call_peer(&id);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(write(fd, "child", 5) == 5 && port_of(fd) > 0 ? 0 : 1);
    is("child-writes", wait_for(child), 0);
    is("parent-writes", write(fd, "parent", 6), 6);
    peer("recv %ld 11", id);
    is_text("both-arrive", peer_text, "childparent");
    child = fork();
    if (child == 0) {
        close(fd);
        _exit(0);
    }
    wait_for(child);
    is("child-close-leaves", write(fd, "x", 1), 1);
    is("child-close-leaves-arrives", peer("recv %ld 1", id), 1);
    child = fork();
    if (child == 0)
        _exit(shutdown(fd, SHUT_WR) == 0 ? 0 : 1);
    is("child-shutdown", wait_for(child), 0);
    is("child-shutdown-peer", peer("recv %ld 1", id), 0);
    gives("child-shutdown-parent", send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
    peer("say %ld later", id);
    is("child-shutdown-read", read(fd, room, 9), 5);
    fd = call_peer(&id);
    child = fork();
    if (child == 0) {
        no_waiting(fd);
        _exit(set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1) == 0 ? 0 : 1);
    }
    wait_for(child);
    is_true("child-nonblock", fcntl(fd, F_GETFL) & O_NONBLOCK);
    is("child-option", option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
}

static void child_makes(void)
{
    long id, id2;
    int fd = tcp();
    pid_t child = fork();
    if (child == 0) {
        struct sockaddr_in at = {.sin_family = AF_INET};
        _exit(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 5) == 0 ? 0 : 1);
    }
    is("child-listens", wait_for(child), 0);
    is("child-listens-parent", option(fd, SOL_SOCKET, SO_ACCEPTCONN), 1);
    id = peer("connect %d", port_of(fd));
    int a = accept(fd, NULL, NULL);
    gives("parent-accepts", a, 0);
    is("parent-accepts-write", write(a, "x", 1), 1);
    is("parent-accepts-arrives", peer("recv %ld 1", id), 1);
    int c = tcp(), to = (int)peer("port");
    child = fork();
    if (child == 0)
        _exit(dial(c, to) == 0 ? 0 : 1);
    is("child-connects", wait_for(child), 0);
    id2 = peer("accept");
    is("child-connects-parent-write", write(c, "yes", 3), 3);
    is("child-connects-arrives", peer("recv %ld 3", id2), 3);
    struct sockaddr_in n;
    socklen_t len = sizeof(n);
    is("child-connects-peer", getpeername(c, (struct sockaddr *)&n, &len), 0);
}

static void killed(void)
{
    long id, id2;
    int ready[2];
    char c;
    if (pipe(ready) < 0)
        return;
    int port = (int)peer("port");
    pid_t child = fork();
    if (child == 0) {
        int fd = tcp();
        if (dial(fd, port) < 0 || write(fd, "alive", 5) != 5 || write(ready[1], "x", 1) != 1)
            _exit(1);
        pause();
    }
    is("killed-begins", read(ready[0], &c, 1), 1);
    id = peer("accept");
    is("killed-alive", peer("recv %ld 5", id), 5);
    kill(child, SIGKILL);
    is("killed", wait_for(child), 1000 + SIGKILL);
    is("killed-peer-sees-end", peer("recv %ld 1", id), 0);
    child = fork();
    if (child == 0) {
        int fd = tcp();
        if (dial(fd, port) < 0 || poll_one(fd, POLLIN, 10000) != POLLIN ||
            write(ready[1], "x", 1) != 1)
            _exit(1);
        pause();
    }
    id2 = peer("accept");
    peer("say %ld unread", id2);
    is("killed-unread-begins", read(ready[0], &c, 1), 1);
    kill(child, SIGKILL);
    wait_for(child);
    is("killed-unread-resets", peer("recv %ld 1", id2), -ECONNRESET);
    child = fork();
    if (child == 0)
        exit(listening(5) >= 0 ? 0 : 1);
    is("exit-with-listener", wait_for(child), 0);
}

static void accept_many(void)
{
    int fd = listening(20), port = port_of(fd);
    pid_t children[3];
    for (int i = 0; i < 3; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            int a = accept(fd, NULL, NULL);
            _exit(a >= 0 && write(a, "served", 6) == 6 ? 0 : 1);
        }
    }
    long ids[3];
    for (int i = 0; i < 3; i++)
        ids[i] = peer("connect %d", port);
    int good = 0, ended = 0;
    for (int i = 0; i < 3; i++)
        good += peer("recv %ld 6", ids[i]) == 6;
    for (int i = 0; i < 3; i++)
        ended += wait_for(children[i]) == 0;
    is("accept-in-children", good, 3);
    is("accept-in-children-ends", ended, 3);
    close(fd);
    is("accept-in-children-closed", peer("connect %d", port), -ECONNREFUSED);
}

static int run_self(int fd)
{
    char number[20];
    snprintf(number, sizeof(number), "%d", fd);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        execl(self, self, "--exec", number, (char *)NULL);
        _exit(9);
    }
    return wait_for(child);
}

static void executes(void)
{
    long id;
    int fd = call_peer(&id);
    peer("say %ld x", id);
    is("exec-keeps", run_self(fd), 0);
    is("exec-answers", peer("recv %ld 1", id), 1);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    is("exec-closes", run_self(fd), 3);
    is("exec-closes-not-ours", write(fd, "y", 1), 1);
    is("exec-closes-arrives", peer("recv %ld 1", id), 1);
    pid_t child;
    char *args[] = {"cat", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fd, 0);
    posix_spawn_file_actions_adddup2(&actions, fd, 1);
    is("spawn", posix_spawnp(&child, "cat", &actions, NULL, args, environ), 0);
    peer("say %ld through-cat", id);
    peer("shut %ld", id);
    is("spawn-ends", wait_for(child), 0);
    is("spawn-answers", peer("recv %ld 11", id), 11);
    is_text("spawn-value", peer_text, "through-cat");
    child = vfork();
    if (child == 0) {
        execlp("true", "true", (char *)NULL);
        _exit(9);
    }
    is("vfork-exec", wait_for(child), 0);
}

static int give(int at, int fd)
{
    char space[CMSG_SPACE(sizeof(int))] = {0}, byte = 'f';
    struct iovec io = {&byte, 1};
    struct msghdr m = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    return (int)sendmsg(at, &m, 0);
}

static int take(int at)
{
    char space[CMSG_SPACE(sizeof(int))], byte;
    struct iovec io = {&byte, 1};
    struct msghdr m = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
    if (recvmsg(at, &m, 0) != 1 || !CMSG_FIRSTHDR(&m))
        return -1;
    int fd;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
    return fd;
}

static void passes(void)
{
    long id, id2;
    int s[2];
    is("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    pid_t child = fork();
    if (child == 0) {
        int fd = take(s[1]), l = take(s[1]);
        struct sockaddr_in n;
        socklen_t len = sizeof(n);
        if (getpeername(fd, (struct sockaddr *)&n, &len) < 0 || write(fd, "passed", 6) != 6)
            _exit(1);
        int a = accept(l, NULL, NULL);
        _exit(a >= 0 && write(a, "accepted", 8) == 8 && write(s[1], "k", 1) == 1 ? 0 : 2);
    }
    int fd = call_peer(&id), l = listening(5), port = port_of(l);
    is("pass-socket", give(s[0], fd), 1);
    close(fd);
    is("pass-listener", give(s[0], l), 1);
    close(l);
    peer("recv %ld 6", id);
    is_text("pass-arrives", peer_text, "passed");
    id2 = peer("connect %d", port);
    is("pass-listener-arrives", peer("recv %ld 8", id2), 8);
    is("pass-ends", wait_for(child), 0);
    is("pass-closed", peer("recv %ld 1", id), 0);
}

static void local(void)
{
    int s[2], p[2];
    char room[10] = "";
    is("unix-pair", socketpair(AF_UNIX, SOCK_DGRAM, 0, s), 0);
    is("unix-send", send(s[0], "abc", 3, 0), 3);
    is("unix-recv", recv(s[1], room, 9, 0), 3);
    is("unix-domain", option(s[0], SOL_SOCKET, SO_DOMAIN), AF_UNIX);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof(at.sun_path), "/tmp/behave-%d", (int)getpid());
    int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
    is("unix-bind", bind(l, (struct sockaddr *)&at, sizeof(at)), 0);
    is("unix-listen", listen(l, 1), 0);
    is("unix-connect", connect(c, (struct sockaddr *)&at, sizeof(at)), 0);
    int a = accept(l, NULL, NULL);
    is("unix-write", write(c, "hello", 5), 5);
    is("unix-read", read(a, room, 9), 5);
    struct sockaddr_un n;
    socklen_t len = sizeof(n);
    getsockname(a, (struct sockaddr *)&n, &len);
    is_text("unix-name", n.sun_path, at.sun_path);
    gives("unix-connect-no-tcp", connect(tcp(), (struct sockaddr *)&at, sizeof(at)), EAFNOSUPPORT);
    unlink(at.sun_path);
    is("pipe", pipe(p), 0);
    is("pipe-write", write(p[1], "x", 1), 1);
    is("pipe-read", read(p[0], room, 9), 1);
    gives("pipe-no-socket", send(p[1], "x", 1, 0), ENOTSOCK);
}

static void limits(void)
{
    struct rlimit limit = {20, 20};
    int listener = listening(5), port = port_of(listener), last = -1, fd;
    peer("connect %d", port);
    poll_until(listener, POLLIN);
    setrlimit(RLIMIT_NOFILE, &limit);
    while ((fd = tcp()) >= 0)
        last = fd;
    gives("socket-too-many", fd, EMFILE);
    is("socket-last", last, 19);
    gives("accept-too-many", accept(listener, NULL, NULL), EMFILE);
    close(last);
    is("accept-after-too-many", accept(listener, NULL, NULL), 19);
}

const struct group fork_groups[] = {
    {"dup", copies},
    {"fork", child_shares},
    {"fork-make", child_makes},
    {"kill", killed},
    {"accept-many", accept_many},
    {"exec", executes},
    {"pass", passes},
    {"unix", local},
    {"limit", limits},
    {NULL, NULL},
};
