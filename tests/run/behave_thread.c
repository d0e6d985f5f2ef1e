// Calls that wait: interrupted by signals, ended by other threads.
#include <pthread.h>
#include <sys/time.h>
#include "behave.h"

static void interrupted(void)
{
    long id;
    char c = 0;
    int fd = call_peer(&id), l = listening(5);
    catch_signal(SIGUSR1, 0);
    signal_when_waiting(50, SIGUSR1);
    gives("eintr-read", read(fd, &c, 1), EINTR);
    signal_when_waiting(50, SIGUSR1);
    gives("eintr-recv", recv(fd, &c, 1, 0), EINTR);
    signal_when_waiting(50, SIGUSR1);
    gives("eintr-recvmsg",
        recvmsg(fd, &(struct msghdr){.msg_iov = &(struct iovec){&c, 1}, .msg_iovlen = 1}, 0),
        EINTR);
    signal_when_waiting(50, SIGUSR1);
    gives("eintr-accept", accept(l, NULL, NULL), EINTR);
    signal_when_waiting(50, SIGUSR1);
    gives("eintr-poll", poll_one(fd, POLLIN, 5000), EINTR);
    is("eintr-count", signals, 5);
    peer("say %ld ab", id);
    signal_when_waiting(100, SIGUSR1);
    is("eintr-waitall", recv(fd, (char[9]){0}, 9, MSG_WAITALL), 2);
    peer("room %ld 4096", id);
    fill(fd);
    signal_when_waiting(50, SIGUSR1);
    gives("eintr-write", write(fd, &c, 1), EINTR);
    int u = udp();
    signal_when_waiting(50, SIGUSR1);
    gives("eintr-udp", recv(u, &c, 1, 0), EINTR);
}

// At no time in particular.
static void raise_soon(int number)
{
    pid_t parent = getpid();
    fflush(NULL);
    if (fork() == 0) {
        kill(parent, number);
        _exit(0);
    }
}

static void restarted(void)
{
    long id;
    char c;
    struct timeval limit = {5, 0};
    int fd = call_peer(&id), l = listening(5);
    catch_signal(SIGUSR1, SA_RESTART);
    signal_then_peer(50, SIGUSR1, "say %ld x", id);
    is("restart-read", read(fd, &c, 1), 1);
    is("restart-read-caught", signals, 1);
    signal_then_peer(50, SIGUSR1, "connect %d", port_of(l));
    gives("restart-accept", accept(l, NULL, NULL), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    signal_when_waiting(50, SIGUSR1);
    gives("restart-not-with-timeout", read(fd, &c, 1), EINTR);
    int port = (int)peer("port"), again = tcp();
    raise_soon(SIGUSR1);
    gives("restart-connect", dial(again, port), 0);
}

struct work {
    int fd, what;
    _Atomic pid_t thread;
    long result;
    int error;
};

static void *work(void *ctx)
{
    struct work *w = ctx;
    char c;
    w->thread = gettid();
    w->result = w->what == 'a' ? accept(w->fd, NULL, NULL) : recv(w->fd, &c, 1, 0);
    w->error = errno;
    return NULL;
}

static pthread_t begin(struct work *w, int fd, int what)
{
    pthread_t thread;
    *w = (struct work){.fd = fd, .what = what};
    pthread_create(&thread, NULL, work, w);
    while (!w->thread)
        nap(1);
    until_waiting(w->thread, 50);
    return thread;
}

static void ended(void)
{
    long id;
    struct work w;
    int fd = call_peer(&id), l = listening(5);
    pthread_t t = begin(&w, fd, 'r');
    is("thread-shutdown", shutdown(fd, SHUT_RD), 0);
    pthread_join(t, NULL);
    is("thread-shutdown-recv", w.result, 0);
    t = begin(&w, l, 'a');
    is("thread-shutdown-listener", shutdown(l, SHUT_RDWR), 0);
    pthread_join(t, NULL);
    errno = w.error;
    gives("thread-shutdown-accept", w.result, EINVAL);
    is("listener-shut-poll", poll_one(l, POLLIN | POLLOUT, 0), POLLOUT | POLLHUP);
    gives("listener-shut-accept", accept(l, NULL, NULL), EINVAL);
    gives("listener-shut-listen", listen(l, 5), 0);
    is_true("listener-listens-again", peer("connect %d", port_of(l)) > 0);
    gives("listener-accepts-again", accept(l, NULL, NULL), 0);
    fd = call_peer(&id);
    t = begin(&w, fd, 'r');
    close(fd); // who waits keeps it
    peer("say %ld x", id);
    pthread_join(t, NULL);
    is("thread-close-recv", w.result, 1);
    fd = call_peer(&id);
    t = begin(&w, fd, 'r');
    is("thread-other-writes", write(fd, "meanwhile", 9), 9);
    is("thread-other-writes-arrives", peer("recv %ld 9", id), 9);
    peer("reset %ld", id);
    pthread_join(t, NULL);
    errno = w.error;
    gives("thread-reset-recv", w.result, ECONNRESET);
}

static void *echo(void *ctx)
{
    static const char text[] = "a line of some length that is sent and comes back";
    char room[sizeof(text)];
    long good = 0;
    for (int i = 0; i < 5; i++) {
        int fd = tcp();
        good += dial(fd, (int)(long)ctx) == 0 && write(fd, text, sizeof(text)) == sizeof(text) &&
                recv(fd, room, sizeof(room), MSG_WAITALL) == sizeof(room) &&
                memcmp(room, text, sizeof(text)) == 0;
        close(fd);
    }
    return (void *)good;
}

static void together(void)
{
    pthread_t threads[8];
    long port = peer("serve"), good = 0;
    for (int i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, echo, (void *)port);
    for (int i = 0; i < 8; i++) {
        void *result;
        pthread_join(threads[i], &result);
        good += (long)result;
    }
    is("threads-echo", good, 40);
}

const struct group thread_groups[] = {
    {"signal", interrupted},
    {"restart", restarted},
    {"thread-end", ended},
    {"threads", together},
    {NULL, NULL},
};
