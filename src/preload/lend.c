// Large writes go through memory that the host has, too (calls/region.h), made when the first comes. Whatever
// cannot be done this way is left to the pair, which also says what is wrong.
//
// No lock: a signal handler may write while its thread does, and a child may be forked in between.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "calls/descriptor.h"
#include "calls/region.h"
#include "preload/preload.h"

#define HIGH 700 // the descriptor is above what programs count on
// Of a pair while no block is free. A quarter of it has to be free before it polls writable, and the byte
// that stays unread in it (host/bridge.c) holds up to 36 KiB.
#define PAIR_SMALL (256 << 10)

#define STEP  4096 // of the smallest pages
#define TOUCH 2048 // in the region's head, behind what is looked at there

enum { NONE, MAKING, MADE };

static struct {
    _Atomic int state;
    _Atomic int fd; // with MADE; -1: there is none to be had
    ino_t ino;
    void *memory;
} lent = {.fd = -1};

static int move_up(int fd)
{
    int high = sok_reals()->fcntl(fd, F_DUPFD_CLOEXEC, HIGH);
    if (high < 0)
        return fd;
    sok_reals()->close(fd);
    return high;
}

static int make_memory(void)
{
    int fd = sok_shared_make("sockeye", SOK_REGION_SIZE);
    if (fd < 0)
        return -1;
    struct stat st;
    fd = move_up(fd);
    if (fstat(fd, &st) == 0) {
        lent.memory = mmap(NULL, SOK_REGION_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        lent.ino = st.st_ino;
        if (lent.memory != MAP_FAILED)
            return fd;
    }
    sok_reals()->close(fd);
    return -1;
}

// The descriptor of the memory; -1: none. The program may have closed it in a way that is not seen here.
static int memory_fd(void)
{
    struct stat st;
    int none = NONE;
    if (atomic_load_explicit(&lent.state, memory_order_acquire) != MADE) {
        if (!atomic_compare_exchange_strong(&lent.state, &none, MAKING))
            return -1;
        atomic_store(&lent.fd, make_memory());
        atomic_store_explicit(&lent.state, MADE, memory_order_release);
    }
    int fd = atomic_load_explicit(&lent.fd, memory_order_relaxed);
    bool there = fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == lent.ino;
    return there && sok_shared_allowed(SOK_REGION_SIZE) ? fd : -1;
}

bool sok_lend_is_ours(int fd)
{
    return fd >= HIGH && fd == atomic_load_explicit(&lent.fd, memory_order_relaxed);
}

// The program's pointer may lead nowhere: the kernel takes a byte of each page, and would stop there.
static bool all_there(int memory, const uint8_t *data, size_t len)
{
    struct iovec iov[SOK_REGION_BLOCK / STEP + 1];
    size_t count = 0, step;
    for (size_t at = 0; at < len; at += step) {
        step = STEP - (uintptr_t)(data + at) % STEP;
        iov[count++] = (struct iovec){(void *)(uintptr_t)(data + at), 1};
    }
    return syscall(SYS_pwritev, memory, iov, count, TOUCH, 0) == (ssize_t)count;
}

static bool send_note(int fd, int memory, unsigned block, uint32_t len)
{
    uint8_t note[SOK_REGION_NOTE];
    union sok_one_descriptor control;
    struct iovec iov = {note, sizeof(note)};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    sok_one_descriptor_put(&control, &m, memory);
    sok_region_note_put(note, block, len);
    return sok_k_sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof(note);
}

// With all blocks out the pair takes what is written, and the writer waits when it is full. Were it large, most
// would go that way from then on: it is full again before blocks have come back.
static void keep_small(int fd)
{
    int bytes = PAIR_SMALL;
    sok_k_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

size_t sok_lend(int fd, const uint8_t *data, size_t len)
{
    size_t done = 0;
    int saved = errno, memory = memory_fd();
    while (memory >= 0 && len - done >= SOK_LEND_LEAST) {
        size_t piece = len - done < SOK_REGION_BLOCK ? len - done : SOK_REGION_BLOCK;
        int block = sok_region_take(lent.memory);
        if (block < 0) {
            keep_small(fd);
            break;
        }
        bool there = all_there(memory, data + done, piece);
        if (there)
            memcpy(sok_region_block(lent.memory, (unsigned)block), data + done, piece);
        if (!there || !send_note(fd, memory, (unsigned)block, (uint32_t)piece)) {
            sok_region_give_back(lent.memory, (unsigned)block);
            break;
        }
        done += piece;
    }
    errno = saved;
    return done;
}
