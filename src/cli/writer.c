#include "cli/writer.h"
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

// 0 or errno.
static int write_all(int fd, struct iovec *iov, int count)
{
    while (count > 0) {
        ssize_t n = writev(fd, iov, count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        for (; count > 0 && (size_t)n >= iov->iov_len; iov++, count--)
            n -= (ssize_t)iov->iov_len;
        if (count > 0) {
            iov->iov_base = (char *)iov->iov_base + n;
            iov->iov_len -= (size_t)n;
        }
    }
    return 0;
}

static void *work(void *ctx)
{
    struct sok_writer *w = ctx;
    pthread_mutex_lock(&w->lock);
    while (!w->stop || w->count > 0) {
        if (w->count == 0) {
            pthread_cond_wait(&w->wake, &w->lock);
            continue;
        }
        pthread_mutex_unlock(&w->lock);
        int error = w->error ? w->error : write_all(w->fd, w->iov, w->count);
        pthread_mutex_lock(&w->lock);
        w->error = error;
        w->count = 0;
        uint64_t one = 1;
        ssize_t ignored = write(w->done_fd, &one, sizeof(one));
        (void)ignored;
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

int sok_writer_start(struct sok_writer *w, int fd)
{
    *w = (struct sok_writer){.fd = fd};
    w->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->done_fd < 0)
        return sok_from_errno(errno);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    // Signals are the host's thread's.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&w->thread, NULL, work, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        close(w->done_fd);
        return sok_from_errno(error);
    }
    w->started = true;
    return 0;
}

void sok_writer_give(struct sok_writer *w, const struct iovec *iov, int count)
{
    pthread_mutex_lock(&w->lock);
    for (int i = 0; i < count; i++)
        w->iov[i] = iov[i];
    w->count = count;
    w->busy = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

int sok_writer_done(struct sok_writer *w)
{
    uint64_t count;
    pthread_mutex_lock(&w->lock);
    if (w->busy && w->count == 0 && read(w->done_fd, &count, sizeof(count)) == sizeof(count))
        w->busy = false;
    int error = w->error;
    pthread_mutex_unlock(&w->lock);
    return error;
}

int sok_writer_stop(struct sok_writer *w)
{
    if (!w->started)
        return 0;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    close(w->done_fd);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    w->started = false;
    return w->error;
}

void sok_writer_leave(struct sok_writer *w)
{
    if (w->started)
        pthread_detach(w->thread);
    w->started = false;
}
