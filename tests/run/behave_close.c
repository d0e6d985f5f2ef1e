// Ends: half-close both ways, resets, lingering, and what comes after.
#include <netinet/tcp.h>
#include "behave.h"

static void peer_ends(void)
{
    long id;
    char c;
    int fd = call_peer(&id);
    peer("say %ld abc", id);
    peer("shut %ld", id);
    is("peer-ends-poll", poll_until(fd, POLLRDHUP | POLLIN), POLLRDHUP | POLLIN);
    is("peer-ends-poll-out", poll_one(fd, POLLOUT, 0), POLLOUT);
    is("peer-ends-read", read_all(fd), 3);
    is("peer-ends-read-again", read(fd, &c, 1), 0);
    is("peer-ends-write", write(fd, "still", 5), 5);
    is("peer-ends-arrives", peer("recv %ld 5", id), 5);
    is("peer-ends-so-error", so_error(fd), 0);
    is("peer-ends-shutdown", shutdown(fd, SHUT_WR), 0);
    is("both-ended-poll", poll_until(fd, POLLHUP) & POLLHUP, POLLHUP);
    is("both-ended-poll-all", poll_one(fd, POLLIN | POLLOUT | POLLRDHUP, 0),
        POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
}

static void we_end(void)
{
    long id;
    char c;
    int fd = call_peer(&id);
    catch_signal(SIGPIPE, 0);
    is("we-write", write(fd, "last", 4), 4);
    is("we-end", shutdown(fd, SHUT_WR), 0);
    is("we-end-again", shutdown(fd, SHUT_WR), 0);
    gives("we-end-write", write(fd, &c, 1), EPIPE);
    is("we-end-write-sigpipe", signals, 1);
    gives("we-end-send-nosignal", send(fd, &c, 1, MSG_NOSIGNAL), EPIPE);
    is("we-end-send-nosignal-sigpipe", signals, 1);
    is("we-end-poll", poll_one(fd, POLLIN | POLLOUT | POLLRDHUP, 0), POLLOUT);
    is("we-end-peer-reads", peer("recv %ld 100", id), 4);
    peer("say %ld answer", id);
    peer("close %ld", id);
    is("we-end-read", read_all(fd), 6);
    is("we-end-close", close(fd), 0);
    gives("we-end-close-again", close(fd), EBADF);
}

static void we_stop_reading(void)
{
    long id;
    char c;
    int fd = call_peer(&id);
    is("shut-read", shutdown(fd, SHUT_RD), 0);
    is("shut-read-read", read(fd, &c, 1), 0);
    is("shut-read-poll", poll_one(fd, POLLIN | POLLRDHUP, 0), POLLIN | POLLRDHUP);
    is("shut-read-write", write(fd, "x", 1), 1);
    is("shut-read-arrives", peer("recv %ld 1", id), 1);
    fd = call_peer(&id);
    peer("say %ld abc", id);
    poll_until(fd, POLLIN);
    shutdown(fd, SHUT_RD);
    is("shut-read-rest", read(fd, &c, 1), 1);
    fd = call_peer(&id);
    is("shut-both", shutdown(fd, SHUT_RDWR), 0);
    is("shut-both-peer", peer("recv %ld 1", id), 0);
    is("shut-both-read", read(fd, &c, 1), 0);
    gives("shut-both-write", send(fd, &c, 1, MSG_NOSIGNAL), EPIPE);
    gives("shut-how", shutdown(fd, 9), EINVAL);
    gives("shut-unconnected", shutdown(tcp(), SHUT_WR), ENOTCONN);
    gives("shut-no-socket", shutdown(open("/dev/null", O_RDWR), SHUT_WR), ENOTSOCK);
    gives("shut-no-descriptor", shutdown(-1, SHUT_WR), EBADF);
}

static void reset_reading(void)
{
    long id;
    char c;
    int fd = call_peer(&id);
    catch_signal(SIGPIPE, 0);
    peer_later(50, "reset %ld", id);
    gives("reset-read", read(fd, &c, 1), ECONNRESET);
    is("reset-read-again", read(fd, &c, 1), 0);
    is("reset-read-so-error", so_error(fd), 0);
    gives("reset-read-write", write(fd, &c, 1), EPIPE);
    is("reset-read-write-sigpipe", signals, 1);
    gives("reset-read-shutdown", shutdown(fd, SHUT_WR), ENOTCONN);
    fd = call_peer(&id);
    peer("say %ld abc", id);
    poll_until(fd, POLLIN);
    peer("reset %ld", id);
    poll_until(fd, POLLERR);
    is("reset-unread", read(fd, (char[9]){0}, 9), 3);
    gives("reset-unread-then", read(fd, &c, 1), ECONNRESET);
    is("reset-unread-end", read(fd, &c, 1), 0);
}

static void reset_writing(void)
{
    long id;
    char c = 0;
    int fd = call_peer(&id);
    catch_signal(SIGPIPE, 0);
    peer("reset %ld", id);
    poll_until(fd, POLLERR);
    gives("reset-write", write(fd, &c, 1), ECONNRESET);
    is("reset-write-sigpipe", signals, 0);
    gives("reset-write-again", write(fd, &c, 1), EPIPE);
    is("reset-write-again-sigpipe", signals, 1);
    is("reset-write-read", read(fd, &c, 1), 0);
    fd = call_peer(&id);
    peer("room %ld 4096", id);
    fill(fd);
    signals = 0;
    peer_later(50, "reset %ld", id);
    gives("reset-blocked-write", write(fd, &c, 1), ECONNRESET);
    is("reset-blocked-write-sigpipe", signals, 0);
    gives("reset-blocked-write-again", send(fd, &c, 1, MSG_NOSIGNAL), EPIPE);
    fd = call_peer(&id);
    peer("reset %ld", id);
    poll_until(fd, POLLERR);
    gives("reset-sendmsg",
        sendmsg(fd, &(struct msghdr){.msg_iov = &(struct iovec){&c, 1}, .msg_iovlen = 1}, 0),
        ECONNRESET);
    gives("reset-recvmsg",
        recvmsg(fd, &(struct msghdr){.msg_iov = &(struct iovec){&c, 1}, .msg_iovlen = 1}, 0), 0);
}

static FILE *stream_that_is_reset(int *fd, int buffering)
{
    long id;
    *fd = call_peer(&id);
    FILE *f = fdopen(*fd, "r+");
    setvbuf(f, NULL, buffering, BUFSIZ);
    peer("reset %ld", id);
    poll_until(*fd, POLLERR);
    signals = 0;
    return f;
}

static void reset_stdio(void)
{
    int fd;
    catch_signal(SIGPIPE, 0);
    FILE *f = stream_that_is_reset(&fd, _IONBF);
    is("reset-fileno", fileno(f) == fd, 1);
    gives("reset-fputs", fputs("x", f), ECONNRESET);
    is("reset-fputs-sigpipe", signals, 0);
    is("reset-fputs-error", !!ferror(f), 1);
    clearerr(f);
    gives("reset-fputs-again", fputs("x", f), EPIPE);
    is("reset-fputs-again-sigpipe", signals, 1);
    is("reset-fclose", fclose(f), 0);
    gives("reset-fclose-closes", close(fd), EBADF);
    f = stream_that_is_reset(&fd, _IOFBF);
    is("reset-fprintf", fprintf(f, "%d bytes\n", 8), 8);
    gives("reset-fflush", fflush(f), ECONNRESET);
    is("reset-fflush-sigpipe", signals, 0);
    f = stream_that_is_reset(&fd, _IOFBF);
    gives("reset-fgetc", fgetc(f), ECONNRESET);
    is("reset-fgetc-error", ferror(f) && !feof(f), 1);
    clearerr(f);
    is("reset-fgetc-again", fgetc(f) == EOF && feof(f) && !ferror(f), 1);
    gives("reset-fseek", fseek(f, 0, SEEK_SET), ESPIPE);
    f = stream_that_is_reset(&fd, _IOFBF);
    fputs("left to be written", f);
    gives("reset-fclose-left", fclose(f), ECONNRESET);
    is("reset-fclose-left-sigpipe", signals, 0);
    f = stream_that_is_reset(&fd, _IOFBF);
    gives("reset-dprintf", dprintf(fd, "%d", 1), ECONNRESET);
    is("reset-dprintf-sigpipe", signals, 0);
    gives("reset-dprintf-again", dprintf(fd, "%d", 1), EPIPE);
    gives("fdopen-mode", fdopen(fd, "x") ? 0 : -1, EINVAL);
    gives("fdopen-nothing", fdopen(-1, "r") ? 0 : -1, EBADF);
}

// A stream of a socket that becomes one of a file.
static void reopened(void)
{
    long id;
    int fd = call_peer(&id);
    FILE *f = fdopen(fd, "r+");
    is("freopen", freopen("/dev/null", "w", f) == f && fileno(f) == fd, 1);
    is("freopen-writes", fputs("nowhere", f) >= 0 && fclose(f) == 0, 1);
    is("freopen-peer-reads", peer("recv %ld 100", id), 0);
}

static void reset_polling(void)
{
    long id;
    char c;
    int fd = call_peer(&id), all = POLLIN | POLLOUT | POLLRDHUP;
    peer_later(50, "reset %ld", id);
    is_true("reset-poll-wakes", poll_one(fd, POLLIN, 5000) & POLLERR);
    is("reset-poll", poll_one(fd, all, 0), all | POLLERR | POLLHUP);
    is("reset-so-error", so_error(fd), ECONNRESET);
    is("reset-so-error-once", so_error(fd), 0);
    is("reset-poll-after", poll_one(fd, all, 0), all | POLLHUP);
    is("reset-so-error-read", read(fd, &c, 1), 0);
    fd = call_peer(&id);
    peer("reset %ld", id);
    poll_until(fd, POLLERR);
    gives("reset-peek", recv(fd, &c, 1, MSG_PEEK), ECONNRESET);
    is("reset-peek-then", read(fd, &c, 1), 0);
}

static void gone(void)
{
    long id;
    char c = 0;
    int fd = call_peer(&id);
    catch_signal(SIGPIPE, 0);
    peer("close %ld", id);
    poll_until(fd, POLLRDHUP);
    is("gone-write", write(fd, "x", 1), 1);
    poll_until(fd, POLLERR | POLLHUP);
    gives("gone-write-again", write(fd, "x", 1), EPIPE);
    is("gone-write-again-sigpipe", signals, 1);
    is("gone-read", read(fd, &c, 1), 0);
    fd = call_peer(&id);
    is("unread-write", write(fd, "never read", 10), 10);
    peer("say %ld abc", id);
    peer("holds %ld 10", id);
    peer("close %ld", id); // with bytes unread: a reset
    poll_until(fd, POLLERR);
    is("unread-read", read(fd, (char[9]){0}, 9), 3);
    gives("unread-read-then", read(fd, &c, 1), ECONNRESET);
}

static void closes(void)
{
    long id;
    struct linger hard = {1, 0}, slow = {1, 5};
    int fd = call_peer(&id);
    is("close-write", write(fd, "parting", 7), 7);
    is("close", close(fd), 0);
    is("close-arrives", peer("recv %ld 100", id), 7);
    fd = call_peer(&id);
    peer("say %ld abc", id);
    poll_until(fd, POLLIN);
    close(fd);
    is("close-unread-resets", peer("recv %ld 1", id), -ECONNRESET);
    fd = call_peer(&id);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    is("linger-0-close", close(fd), 0);
    is("linger-0-resets", peer("recv %ld 1", id), -ECONNRESET);
    fd = call_peer(&id);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &slow, sizeof(slow));
    is("linger-write", write(fd, "parting", 7), 7);
    is("linger-close", close(fd), 0);
    is("linger-arrives", peer("recv %ld 100", id), 7);
    fd = call_peer(&id);
    peer("room %ld 4096", id);
    long total = fill(fd);
    close(fd);
    peer("drain %ld", id);
    is("close-unsent-arrives", peer("drained %ld", id), total);
    fd = call_peer(&id);
    peer("room %ld 4096", id);
    total = fill(fd);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &slow, sizeof(slow));
    int64_t start = now_ms();
    peer_later(100, "drain %ld", id);
    is("linger-unsent-close", close(fd), 0);
    is_true("linger-unsent-waits", now_ms() - start >= 80);
    is("linger-unsent-arrives", peer("drained %ld", id), total);
}

static void early(void)
{
    long id;
    struct linger one = {1, 1};
    int fd = call_peer(&id);
    peer("room %ld 4096", id);
    fill(fd);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &one, sizeof(one));
    int64_t start = now_ms();
    is("linger-given-up", close(fd), 0);
    is_true("linger-given-up-waits", now_ms() - start >= 900);
    fd = called_by_peer(&id);
    is("accepted-write", write(fd, "x", 1), 1);
    is("accepted-close", close(fd), 0);
    is("accepted-arrives", peer("recv %ld 100", id), 1);
    is("accepted-peer-close", peer("close %ld", id), 0);
}

const struct group close_groups[] = {
    {"peer-end", peer_ends},
    {"own-end", we_end},
    {"shutdown", we_stop_reading},
    {"reset-in-read", reset_reading},
    {"reset-in-write", reset_writing},
    {"reset-in-stdio", reset_stdio},
    {"freopen", reopened},
    {"reset-in-poll", reset_polling},
    {"peer-gone", gone},
    {"close", closes},
    {"close-late", early},
    {NULL, NULL},
};
