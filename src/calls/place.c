#include "calls/place.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

_Static_assert(SOK_PLACE_MAX <= sizeof(((struct sockaddr_un *)0)->sun_path), "a door's path");

#define RUN_DIR "/run/sockeye"
#define DOOR    "door"

bool sok_place_name_ok(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > SOK_PLACE_NAME_MAX || name[0] == '.' || name[0] == '-')
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == len;
}

static int print(char out[SOK_PLACE_MAX], const char *a, const char *b, const char *c)
{
    int n = snprintf(out, SOK_PLACE_MAX, "%s%s%s%s%s", a, *b ? "/" : "", b, *c ? "/" : "", c);
    return n < 0 || n >= SOK_PLACE_MAX ? -ENAMETOOLONG : 0;
}

int sok_place_base(char out[SOK_PLACE_MAX])
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    struct stat st;
    if (geteuid() == 0)
        return print(out, RUN_DIR, "", "");
    if (runtime && runtime[0] == '/' && stat(runtime, &st) == 0 && st.st_uid == geteuid())
        return print(out, runtime, "sockeye", "");
    int n = snprintf(out, SOK_PLACE_MAX, "/tmp/sockeye-%u", (unsigned)geteuid());
    return n < 0 || n >= SOK_PLACE_MAX ? -ENAMETOOLONG : 0;
}

static int inside(const char *base, const char *name, char out[SOK_PLACE_MAX])
{
    return print(out, base, name, DOOR);
}

int sok_place_door(const char *name, char out[SOK_PLACE_MAX])
{
    char base[SOK_PLACE_MAX];
    struct stat st;
    if (strchr(name, '/'))
        return stat(name, &st) == 0 && S_ISDIR(st.st_mode) ? print(out, name, DOOR, "")
                                                           : print(out, name, "", "");
    if (!sok_place_name_ok(name))
        return -EINVAL;
    int r = sok_place_base(base);
    if (r == 0)
        r = inside(base, name, out);
    // Not this user's: is it root's? Then that can be said.
    if (r == 0 && geteuid() != 0 && access(out, F_OK) < 0 && errno == ENOENT) {
        char dir[SOK_PLACE_MAX];
        if (print(dir, RUN_DIR, name, "") == 0 && lstat(dir, &st) == 0)
            r = inside(RUN_DIR, name, out);
    }
    return r;
}

// ---- making ----

// Makes a directory that is this user's alone to write in, or takes one that is there if it is so.
static int own_directory(const char *path, mode_t mode)
{
    struct stat st;
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return -errno;
    if (lstat(path, &st) < 0)
        return -errno;
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
        return -EPERM;
    return chmod(path, mode) < 0 ? -errno : 0; // whatever the umask took
}

static int connect_to(const char *door, int flags);

// Whether somebody listens there, even if more wait before that door than it takes.
static bool answers(const char *door)
{
    int fd = connect_to(door, SOCK_NONBLOCK);
    if (fd >= 0)
        close(fd);
    return fd >= 0 || fd == -EAGAIN;
}

static int clear_door(const char *door)
{
    if (answers(door))
        return -EADDRINUSE;
    return unlink(door) == 0 || errno == ENOENT ? 0 : -errno;
}

#define TRIES_MAX 100

// The base, which is in out, and a directory in it, which is there afterwards unless the base is what failed. Who ends
// removes the base when nobody else has a directory there, and may do so just before ours is made.
static int both_directories(char out[SOK_PLACE_MAX], const char dir[SOK_PLACE_MAX])
{
    int r = -ENOENT;
    for (unsigned i = 0; i < TRIES_MAX && r == -ENOENT; i++) {
        r = own_directory(out, geteuid() == 0 ? 0755 : 0700);
        if (r < 0)
            continue;
        r = own_directory(dir, 0700);
        if (r != -ENOENT)
            memcpy(out, dir, SOK_PLACE_MAX);
    }
    return r;
}

// Whether this directory still has that name: 0. -ENOENT: it was removed, and what is there is another, if any.
static int is_still(int fd, const char *dir)
{
    struct stat ours, there;
    if (fstat(fd, &ours) < 0 || lstat(dir, &there) < 0)
        return -errno;
    return ours.st_ino == there.st_ino && ours.st_dev == there.st_dev ? 0 : -ENOENT;
}

// The directory is what is locked, so that nothing is left behind by who is killed. Whoever removed it meanwhile did so with
// the lock: then ours is one of a directory that has no name any more. -EWOULDBLOCK: somebody else has it.
static int lock_directory(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : is_still(fd, dir);
    if (r < 0)
        close(fd);
    return r < 0 ? r : fd;
}

#define WAITS_MAX 200 // of 10 ms: who has the place is about to open its door, or to leave

// As sok_place_make(), of the names that it made: base is made, too, and becomes what is wrong.
static int take(char base[SOK_PLACE_MAX], const char dir[SOK_PLACE_MAX], const char *door)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    char above[SOK_PLACE_MAX];
    int r = -ENOENT;
    memcpy(above, base, sizeof(above));
    for (unsigned i = 0; i < WAITS_MAX && (r == -ENOENT || r == -EWOULDBLOCK); i++) {
        memcpy(base, above, sizeof(above));
        r = both_directories(base, dir);
        r = r < 0 ? r : lock_directory(dir);
        if (r == -EWOULDBLOCK && answers(door))
            return -EADDRINUSE;
        if (r == -EWOULDBLOCK)
            nanosleep(&pause, NULL);
    }
    return r == -EWOULDBLOCK ? -EADDRINUSE : r;
}

int sok_place_make(const char *name, char out[SOK_PLACE_MAX])
{
    char door[SOK_PLACE_MAX], dir[SOK_PLACE_MAX];
    if (!sok_place_name_ok(name))
        return -EINVAL;
    int r = sok_place_base(out);
    if (r == 0)
        r = inside(out, name, door);
    if (r == 0)
        r = print(dir, out, name, "");
    if (r == 0)
        r = take(out, dir, door);
    if (r < 0)
        return r;
    int taken = r;
    r = clear_door(door);
    if (r < 0)
        close(taken);
    if (r != -EPERM)
        memcpy(out, door, sizeof(door));
    return r < 0 ? r : taken;
}

void sok_place_remove(const char *name, int taken)
{
    char base[SOK_PLACE_MAX], path[SOK_PLACE_MAX];
    if (sok_place_name_ok(name) && sok_place_base(base) == 0 && inside(base, name, path) == 0) {
        // Not by its path: it may be removed already, and what is there be another host's.
        unlinkat(taken, DOOR, 0);
        *strrchr(path, '/') = 0;
        if (is_still(taken, path) == 0)
            rmdir(path);
        rmdir(base); // the last one
    }
    close(taken);
}

// ---- what was left behind ----

#define MINE       "run-"
#define STALE_S    10 // young ones may be on their way
#define SWEEPS_MAX 1000

void sok_place_name_mine(char name[SOK_PLACE_NAME_MAX])
{
    snprintf(name, SOK_PLACE_NAME_MAX, MINE "%d", (int)getpid());
}

// The process in the name; 0: not such a name.
static pid_t maker(const char *name)
{
    char *end = NULL;
    bool mine = strncmp(name, MINE, strlen(MINE)) == 0;
    long pid = mine ? strtol(name + strlen(MINE), &end, 10) : 0;
    return mine && !*end && pid > 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

// Its process is gone, it was not made just now (by somebody whose processes we do not see), and nobody is
// behind the door.
static bool is_stale(const char *dir, const char *door, const char *name)
{
    struct stat st;
    pid_t pid = maker(name);
    if (pid == 0 || kill(pid, 0) == 0 || errno != ESRCH)
        return false;
    if (lstat(dir, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
        time(NULL) - st.st_mtime < STALE_S)
        return false;
    int fd = sok_place_connect(door);
    if (fd >= 0)
        close(fd);
    return fd == -ECONNREFUSED || fd == -ENOENT;
}

static void sweep_one(const char *base, const char *name)
{
    char door[SOK_PLACE_MAX], dir[SOK_PLACE_MAX];
    if (!sok_place_name_ok(name) || inside(base, name, door) < 0 || print(dir, base, name, "") < 0)
        return;
    int taken = is_stale(dir, door, name) ? lock_directory(dir) : -1;
    if (taken >= 0)
        sok_place_remove(name, taken);
}

void sok_place_sweep(void)
{
    char base[SOK_PLACE_MAX];
    const struct dirent *e;
    DIR *dir = sok_place_base(base) == 0 ? opendir(base) : NULL;
    for (unsigned i = 0; dir && i < SWEEPS_MAX && (e = readdir(dir)); i++)
        sweep_one(base, e->d_name);
    if (dir)
        closedir(dir);
}

// ---- finding ----

static int is_name(const struct dirent *e)
{
    return sok_place_name_ok(e->d_name);
}

// Of somebody who could put false hosts there nothing is believed.
static bool is_trusted(const char *dir)
{
    struct stat st;
    return lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) &&
           (st.st_uid == geteuid() || st.st_uid == 0) && !(st.st_mode & (S_IWGRP | S_IWOTH));
}

int sok_place_each(sok_place_fn fn, void *ctx)
{
    char base[SOK_PLACE_MAX], door[SOK_PLACE_MAX];
    struct dirent **names;
    struct stat st;
    int r = sok_place_base(base);
    if (r < 0)
        return r;
    if (lstat(base, &st) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!is_trusted(base))
        return -EPERM;
    int count = scandir(base, &names, is_name, alphasort);
    if (count < 0)
        return -errno;
    for (int i = 0; i < count; i++) {
        if (r == 0 && inside(base, names[i]->d_name, door) == 0 && lstat(door, &st) == 0)
            r = fn(ctx, names[i]->d_name, door);
        free(names[i]);
    }
    free(names);
    return r;
}

static int connect_to(const char *door, int flags)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (strlen(door) >= sizeof(to.sun_path))
        return -ENAMETOOLONG;
    strcpy(to.sun_path, door);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int sok_place_connect(const char *door)
{
    return connect_to(door, 0);
}
