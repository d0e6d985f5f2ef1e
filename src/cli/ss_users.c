// Whose a socket is: /proc/PID/fd has links to "socket:[INODE]". Of other users' processes only root sees them.
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/ss.h"

static int add(struct sok_ss_users *u, const struct sok_ss_user *one)
{
    if (u->count == u->room) {
        size_t room = u->room ? 2 * u->room : 256;
        void *more = realloc(u->all, room * sizeof(*u->all));
        if (!more)
            return -ENOMEM;
        u->all = more;
        u->room = room;
    }
    u->all[u->count++] = *one;
    return 0;
}

static void read_name(int dir, char name[SOK_ROW_WORD_MAX])
{
    int fd = openat(dir, "comm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, name, SOK_ROW_WORD_MAX - 1);
    if (fd >= 0)
        close(fd);
    name[n > 0 ? n : 0] = '\0';
    name[strcspn(name, "\n")] = '\0';
}

// One descriptor; 0 or -ENOMEM.
static int read_link(struct sok_ss_users *u, int fds, const char *name, struct sok_ss_user *one)
{
    char link[64];
    ssize_t n = readlinkat(fds, name, link, sizeof(link) - 1);
    if (n < 0)
        return 0;
    link[n] = '\0';
    if (strncmp(link, "socket:[", 8) != 0)
        return 0;
    one->inode = strtoull(link + 8, NULL, 10);
    one->fd = atoi(name);
    return add(u, one);
}

// A process that goes meanwhile, or is another user's, is left out.
static int read_process(struct sok_ss_users *u, int proc, const char *pid)
{
    struct sok_ss_user one = {.pid = atoi(pid)};
    int dir = openat(proc, pid, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
    int fds = dir < 0 ? -1 : openat(dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fds < 0 ? NULL : fdopendir(fds);
    if (d)
        read_name(dir, one.name);
    for (struct dirent *e; d && r == 0 && (e = readdir(d));)
        if (isdigit((unsigned char)e->d_name[0]))
            r = read_link(u, fds, e->d_name, &one);
    if (d)
        closedir(d);
    else if (fds >= 0)
        close(fds);
    if (dir >= 0)
        close(dir);
    return r;
}

static int by_inode(const void *a, const void *b)
{
    const struct sok_ss_user *x = a, *y = b;
    if (x->inode != y->inode)
        return x->inode < y->inode ? -1 : 1;
    return x->pid != y->pid ? (x->pid > y->pid ? -1 : 1) : y->fd - x->fd;
}

int sok_ss_users_read(struct sok_ss_users *u)
{
    int r = 0;
    DIR *d = opendir("/proc");
    for (struct dirent *e; d && r == 0 && (e = readdir(d));)
        if (isdigit((unsigned char)e->d_name[0]))
            r = read_process(u, dirfd(d), e->d_name);
    if (d)
        closedir(d);
    if (u->count > 0)
        qsort(u->all, u->count, sizeof(*u->all), by_inode);
    return r;
}

void sok_ss_users_free(struct sok_ss_users *u)
{
    free(u->all);
    *u = (struct sok_ss_users){0};
}

size_t sok_ss_users_of(const struct sok_ss_users *u, const struct sok_row *row,
    struct sok_ss_user *own, const struct sok_ss_user **to)
{
    size_t low = 0, high = u ? u->count : 0, count = 0;
    while (low < high) { // the first with this inode
        size_t middle = low + (high - low) / 2;
        if (u->all[middle].inode < row->inode)
            low = middle + 1;
        else
            high = middle;
    }
    while (row->inode && u && low + count < u->count && u->all[low + count].inode == row->inode)
        count++;
    *to = count > 0 ? &u->all[low] : own;
    if (count > 0 || row->pid == 0)
        return count;
    *own = (struct sok_ss_user){.pid = row->pid, .fd = row->fd};
    memcpy(own->name, row->program, sizeof(own->name));
    return 1;
}
