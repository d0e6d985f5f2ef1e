// A thread that writes to a file, so that a slow disk or a slow reader of stdout never keeps the host from
// answering its peers. One piece of work at a time; the bytes stay where they are until it is done.
#ifndef SOK_CLI_WRITER_H
#define SOK_CLI_WRITER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>
#include <sockeye/host.h>

#define SOK_WRITER_IOV_MAX 16

struct sok_writer {
    int fd;
    int done_fd; // readable when a piece of work is done
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct iovec iov[SOK_WRITER_IOV_MAX]; // the work; count 0: none
    int count;
    bool stop;
    bool started, busy; // the host's side of it
    int error;          // the first errno; nothing is written after it
};

int sok_writer_start(struct sok_writer *w, int fd); // 0 or a negative error
// Only while not busy.
void sok_writer_give(struct sok_writer *w, const struct iovec *iov, int count);
// Call when done_fd is readable: no longer busy. The error so far.
int sok_writer_done(struct sok_writer *w);
// Waits for the work at hand and ends the thread; the first errno.
int sok_writer_stop(struct sok_writer *w);
// Leaves the thread to itself, blocked as it may be: the process is about to end.
void sok_writer_leave(struct sok_writer *w);

#endif
