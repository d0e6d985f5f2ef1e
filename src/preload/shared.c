// Memory that the host maps, too: a descriptor whose size nobody can change any more, so that neither side reads beyond it.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include "preload/preload.h"

// A limit of file sizes holds for this, too, and what goes beyond it is a signal.
bool sok_shared_allowed(uint64_t size)
{
    struct rlimit most;
    return getrlimit(RLIMIT_FSIZE, &most) == 0 && most.rlim_cur >= size;
}

int sok_shared_make(const char *name, uint64_t size)
{
    int fd = sok_shared_allowed(size) ? memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING) : -1;
    if (fd < 0)
        return -1;
    if (ftruncate(fd, (off_t)size) == 0 &&
        sok_reals()->fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0)
        return fd;
    sok_reals()->close(fd);
    return -1;
}
