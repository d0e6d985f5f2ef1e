// Bytes of connections: reading, writing, waiting, looking, and without a copy.
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include "behave.h"

static void simple(void)
{
    long id;
    char room[100] = "";
    int fd = call_peer(&id);
    is("write", write(fd, "hello", 5), 5);
    peer("recv %ld 5", id);
    is_text("write-arrives", peer_text, "hello");
    peer("say %ld world", id);
    is("read-short", read(fd, room, 3), 3);
    is("read-rest", read(fd, room + 3, 97), 2);
    is_text("read-value", room, "world");
    is("write-nothing", write(fd, "", 0), 0);
    is("read-nothing", read(fd, room, 0), 0);
    is("send", send(fd, "abc", 3, 0), 3);
    is("sendto-null", sendto(fd, "def", 3, 0, NULL, 0), 3);
    struct sockaddr_in to = at_peer(9);
    is("sendto-address", sendto(fd, "ghi", 3, 0, (struct sockaddr *)&to, sizeof(to)), 3);
    struct iovec out[3] = {{"12", 2}, {"", 0}, {"345", 3}};
    is("writev", writev(fd, out, 3), 5);
    struct msghdr m = {.msg_iov = out, .msg_iovlen = 3};
    is("sendmsg", sendmsg(fd, &m, 0), 5);
    peer("recv %ld 19", id);
    is_text("sent-value", peer_text, "abcdefghi1234512345");
}

static void gathered(void)
{
    long id;
    char a[4] = "", b[4] = "", c[10] = "";
    int fd = call_peer(&id);
    struct iovec in[2] = {{a, 3}, {b, 3}};
    peer("say %ld abcdefgh", id);
    is("readv", readv(fd, in, 2), 6);
    is_text("readv-first", a, "abc");
    is_text("readv-second", b, "def");
    struct sockaddr_in from = {.sin_port = 7};
    struct msghdr m = {.msg_name = &from,
        .msg_namelen = sizeof(from),
        .msg_iov = in,
        .msg_iovlen = 1,
        .msg_control = c,
        .msg_controllen = sizeof(c)};
    is("recvmsg", recvmsg(fd, &m, 0), 2);
    is("recvmsg-flags", m.msg_flags, 0);
    is("recvmsg-control", (long)m.msg_controllen, 0);
    is("recvmsg-name", m.msg_namelen, 0);
    peer("say %ld x", id);
    socklen_t len = sizeof(from);
    is("recvfrom", recvfrom(fd, c, 1, 0, (struct sockaddr *)&from, &len), 1);
    is("recvfrom-length", len, 0);
    struct mmsghdr many[2] = {{.msg_hdr = {.msg_iov = in, .msg_iovlen = 1}},
        {.msg_hdr = {.msg_iov = in + 1, .msg_iovlen = 1}}};
    in[0] = (struct iovec){"12", 2}, in[1] = (struct iovec){"34", 2};
    is("sendmmsg", sendmmsg(fd, many, 2, 0), 2);
    is("sendmmsg-length", many[1].msg_len, 2);
    peer("recv %ld 4", id);
    is_text("sendmmsg-value", peer_text, "1234");
}

static void looks(void)
{
    long id;
    int waiting = 0;
    char room[100] = "";
    int fd = call_peer(&id);
    peer("say %ld hello", id);
    is("peek", recv(fd, room, 3, MSG_PEEK), 3);
    is("peek-again", recv(fd, room, 100, MSG_PEEK), 5);
    ioctl(fd, FIONREAD, &waiting);
    is("peek-takes-nothing", waiting, 5);
    is("trunc-discards", recv(fd, NULL, 2, MSG_TRUNC), 2);
    memset(room, 0, sizeof(room));
    is("trunc-then", read(fd, room, 100), 3);
    is_text("trunc-then-value", room, "llo");
    gives("dontwait-nothing", recv(fd, room, 1, MSG_DONTWAIT), EAGAIN);
    gives("peek-nothing", recv(fd, room, 1, MSG_PEEK | MSG_DONTWAIT), EAGAIN);
    gives("error-queue-nothing", recv(fd, room, 1, MSG_ERRQUEUE), EAGAIN);
    gives("oob-nothing", recv(fd, room, 1, MSG_OOB), EINVAL);
    no_waiting(fd);
    gives("nonblock-nothing", read(fd, room, 1), EAGAIN);
}

static void all_of_it(void)
{
    long id;
    char room[100] = "";
    struct timeval limit = {0, 100000};
    int fd = call_peer(&id);
    peer("say %ld abc", id);
    peer_later(50, "say %ld def", id);
    is("waitall", recv(fd, room, 6, MSG_WAITALL), 6);
    is_text("waitall-value", room, "abcdef");
    peer("say %ld ab", id);
    peer_later(50, "say %ld cd", id);
    is("waitall-peek", recv(fd, room, 4, MSG_WAITALL | MSG_PEEK), 4);
    is("waitall-peek-then", recv(fd, room, 100, 0), 4);
    peer("say %ld abcd", id);
    poll_until(fd, POLLIN);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    is("waitall-timeout", recv(fd, room, 6, MSG_WAITALL), 4);
    peer("say %ld ab", id);
    peer("shut %ld", id);
    is("waitall-end", recv(fd, room, 6, MSG_WAITALL), 2);
    is("waitall-after", recv(fd, room, 6, MSG_WAITALL), 0);
}

static void timeouts(void)
{
    long id;
    char c;
    struct timeval limit = {0, 80000};
    int fd = call_peer(&id);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    int64_t start = now_ms();
    gives("read-timeout", read(fd, &c, 1), EAGAIN);
    is_true("read-timeout-waits", now_ms() - start >= 70);
    peer_later(20, "say %ld x", id);
    limit.tv_sec = 5;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    is("read-within", read(fd, &c, 1), 1);
    limit = (struct timeval){0, 80000};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    peer("room %ld 4096", id);
    fill(fd);
    start = now_ms();
    gives("write-timeout", write(fd, &c, 1), EAGAIN);
    is_true("write-timeout-waits", now_ms() - start >= 70);
    limit.tv_usec = 0;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    peer_later(50, "say %ld y", id);
    is("read-no-timeout", read(fd, &c, 1), 1);
}

static void partly(void)
{
    long id;
    static char block[32 << 20];
    int fd = call_peer(&id);
    peer("room %ld 4096", id);
    no_waiting(fd);
    ssize_t first = write(fd, block, sizeof(block));
    is_true("write-part", first > 0 && first < (ssize_t)sizeof(block));
    long total = first + fill(fd);
    gives("write-full", write(fd, block, 1), EAGAIN);
    gives("writev-full", writev(fd, &(struct iovec){block, 1}, 1), EAGAIN);
    is("poll-full", poll_one(fd, POLLOUT | POLLIN, 0), 0);
    peer("drain %ld", id);
    is("poll-drained", poll_until(fd, POLLOUT), POLLOUT);
    shutdown(fd, SHUT_WR);
    is("part-arrives", peer("drained %ld", id), total);
}

static void large(void)
{
    long id;
    static char block[8 << 20];
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = (char)(i * 7 + i / 251);
    int fd = call_peer(&id);
    peer("drain %ld", id);
    is("write-large", write(fd, block, sizeof(block)), sizeof(block));
    shutdown(fd, SHUT_WR);
    is("write-large-arrives", peer("drained %ld", id), sizeof(block));
    fd = call_peer(&id);
    peer_later(0, "send %ld 3000000", id);
    is("read-large", recv(fd, block, 3000000, MSG_WAITALL), 3000000);
    is("read-large-end", block[2999999], 'x');
}

#define MIXED 300000

// Large writes, small ones, gathered ones, by a child and by sendfile(): one stream, in order.
static void mixed(void)
{
    long id, all = 0;
    static char block[MIXED];
    int status, fd = call_peer(&id), file = open("/dev/shm", O_TMPFILE | O_RDWR, 0600);
    if (file < 0)
        file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    for (size_t i = 0; i < MIXED; i++)
        block[i] = (char)('a' + (i + i / 251) % 26);
    is("mixed-file", write(file, block, MIXED), MIXED);
    peer("drain %ld", id);
    for (int round = 0; round < 20; round++) {
        off_t at = 0;
        struct iovec out[2] = {{block, 100000}, {block + 100000, 70000}};
        all += write(fd, block, MIXED);
        all += write(fd, block, 7);
        all += writev(fd, out, 2);
        all += sendfile(fd, file, &at, 40000);
        all += send(fd, block, 33000 + (size_t)round, 0);
        pid_t child = fork();
        if (child == 0)
            _exit(write(fd, block, 200000) == 200000 ? 0 : 1);
        waitpid(child, &status, 0);
        all += status == 0 ? 200000 : 0;
    }
    shutdown(fd, SHUT_WR);
    long want = 20 * (MIXED + 7 + 170000 + 40000 + 33000 + 200000) + 190;
    is("mixed-sent", all, want);
    is("mixed-arrives", peer("drained %ld", id), want);
    is_text("mixed-value", peer_text,
        "efe324457238a97a9f9b15767f6046f8b1cff8763d87f5db5ed0c830e1e0a4e1");
}

static int file_of(const char *text)
{
    char path[] = "/tmp/behave-XXXXXX";
    int fd = mkstemp(path);
    unlink(path);
    if (write(fd, text, strlen(text)) < 0)
        return -1;
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static void without_copy(void)
{
    long id;
    off_t at = 3;
    int p[2], file = file_of("0123456789"), fd = call_peer(&id);
    is("sendfile-at", sendfile(fd, file, &at, 4), 4);
    is("sendfile-at-then", at, 7);
    is("sendfile-offset-stays", lseek(file, 0, SEEK_CUR), 0);
    is("sendfile", sendfile(fd, file, NULL, 100), 10);
    is("sendfile-offset", lseek(file, 0, SEEK_CUR), 10);
    is("sendfile-end", sendfile(fd, file, NULL, 100), 0);
    peer("recv %ld 14", id);
    is_text("sendfile-value", peer_text, "34560123456789");
    gives("sendfile-from-socket", sendfile(file, fd, NULL, 1), EINVAL);
    char room[100] = "";
    if (pipe(p) < 0 || write(p[1], "through", 7) != 7)
        return;
    is("splice-out", splice(p[0], NULL, fd, NULL, 100, 0), 7);
    peer("recv %ld 7", id);
    is_text("splice-out-value", peer_text, "through");
    peer("say %ld back", id);
    is("splice-in", splice(fd, NULL, p[1], NULL, 100, 0), 4);
    is("splice-in-read", read(p[0], room, 100), 4);
    is_text("splice-in-value", room, "back");
    no_waiting(fd);
    gives("splice-nothing", splice(fd, NULL, p[1], NULL, 9, 0), EAGAIN);
    gives("splice-no-pipe", splice(fd, NULL, file, NULL, 9, 0), EINVAL);
    peer("shut %ld", id);
    poll_until(fd, POLLRDHUP);
    is("splice-end", splice(fd, NULL, p[1], NULL, 9, 0), 0);
}

static void not_a_file(void)
{
    long id;
    char c;
    struct stat st;
    int fd = call_peer(&id);
    gives("lseek", lseek(fd, 0, SEEK_SET), ESPIPE);
    gives("pread", pread(fd, &c, 1, 0), ESPIPE);
    gives("pwrite", pwrite(fd, &c, 1, 0), ESPIPE);
    gives("ftruncate", ftruncate(fd, 0), EINVAL);
    fstat(fd, &st);
    is_true("fstat", S_ISSOCK(st.st_mode));
    is("isatty", isatty(fd), 0);
    is("open-flags", fcntl(fd, F_GETFL), O_RDWR);
}

static void unconnected(void)
{
    char c = 0;
    int fd = tcp();
    catch_signal(SIGPIPE, 0);
    gives("unconnected-read", read(fd, &c, 1), ENOTCONN);
    gives("unconnected-recv", recv(fd, &c, 1, MSG_DONTWAIT), ENOTCONN);
    gives("unconnected-write", write(fd, &c, 1), EPIPE);
    is("unconnected-write-sigpipe", signals, 1);
    gives("unconnected-send", send(fd, &c, 1, MSG_NOSIGNAL), EPIPE);
    is("unconnected-send-sigpipe", signals, 1);
    struct sockaddr_in to = at_peer((int)peer("port"));
    gives("unconnected-sendto", sendto(fd, &c, 1, MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof(to)),
        EPIPE);
    gives("bad-read", recv(-1, &c, 1, 0), EBADF);
    gives("bad-write", send(99, &c, 1, 0), EBADF);
    gives("file-send", send(file_of(""), &c, 1, 0), ENOTSOCK);
}

static void as_stdio(void)
{
    long id;
    char line[100];
    FILE *f = fdopen(call_peer(&id), "r+");
    setvbuf(f, NULL, _IOLBF, BUFSIZ);
    is("fprintf", fprintf(f, "line %d\n", 1), 7);
    fflush(f);
    peer("recv %ld 6", id);
    is_text("fprintf-value", peer_text, "line 1");
    peer("recv %ld 1", id);
    peer("say %ld answer", id);
    peer("shut %ld", id);
    is_true("fgets", fgets(line, sizeof(line), f) != NULL);
    is_text("fgets-value", line, "answer");
    is_true("fgets-end", !fgets(line, sizeof(line), f) && feof(f) && !ferror(f));
    is("fclose", fclose(f), 0);
}

const struct group data_groups[] = {
    {"data", simple},
    {"gather", gathered},
    {"peek", looks},
    {"waitall", all_of_it},
    {"timeout", timeouts},
    {"part", partly},
    {"large", large},
    {"mixed", mixed},
    {"sendfile", without_copy},
    {"file", not_a_file},
    {"unconnected", unconnected},
    {"stdio", as_stdio},
    {NULL, NULL},
};
