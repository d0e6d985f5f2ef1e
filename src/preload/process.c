// Whose memory this is. The table and the channels are a process's own; but a child of vfork() runs in its
// parent's memory with descriptors of its own, and closes and copies these before it calls exec: nothing of
// that is the table's. And a child that was made past pthread_atfork() (_Fork(), clone()) has a copy of all,
// and must not ask over its parent's channels. A page that such a child finds empty tells the two apart.
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>
#include "preload/preload.h"

static _Atomic uint8_t *known; // 1: by the process that began here, or a fork() of it
static _Atomic pid_t owner;

void sok_process_mine(void)
{
    if (!known) {
        void *page = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED)
            return;
        if (madvise(page, 1, MADV_WIPEONFORK) < 0) { // Linux 4.14
            munmap(page, 1);
            return;
        }
        known = page;
    }
    atomic_store(known, 1);
    atomic_store(&owner, getpid());
}

bool sok_process_is_copy(void)
{
    return known && !atomic_load(known);
}

bool sok_process_is_guest(void)
{
    return known && atomic_load(known) && getpid() != atomic_load(&owner);
}
