// A socket file outlives a killed process and a lock does not: so whoever gets the lock may remove the
// file, and nobody else. The lock file itself is never removed (two could then hold it).
#include "link/lan_place.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "link/internal.h"

#define BACKLOG 64

static const struct sok_lan_helper *helper;

void sok_lan_help(const struct sok_lan_helper *by)
{
    helper = by;
}

static bool name_ok(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > SOK_LINK_NAME_MAX - 5) // "lan:" and NUL
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == len;
}

// A directory of this user that nobody else can write to or look into; not a link to one.
static bool ours(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
           (st.st_mode & 077) == 0;
}

static int directory(char *out, size_t size, char *err)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    int n;
    if (runtime && runtime[0] == '/' && ours(runtime))
        n = snprintf(out, size, "%s/sockeye", runtime);
    else
        n = snprintf(out, size, "/tmp/sockeye-%lu", (unsigned long)geteuid());
    if (n < 0 || (size_t)n >= size)
        return sok_link_fail(
            err, SOK_EINVAL, "lan: XDG_RUNTIME_DIR is too long a path: %.80s", runtime);
    if (mkdir(out, 0700) < 0 && errno != EEXIST)
        return sok_link_fail(err, SOK_EACCES, "lan: cannot make %.80s: %s", out, strerror(errno));
    if (!ours(out))
        return sok_link_fail(err, SOK_EACCES,
            "lan: %.80s is not a directory of this user alone: remove it, or chmod 700 it", out);
    return 0;
}

int sok_lan_place(const char *name, struct sok_lan_place *out, char *err)
{
    char dir[sizeof(out->address.sun_path)];
    if (!name || !name_ok(name))
        return sok_link_fail(err, SOK_EINVAL,
            "lan: not a name: %.40s (up to %d letters, digits, - and _)", name ? name : "",
            SOK_LINK_NAME_MAX - 5);
    int r = directory(dir, sizeof(dir), err);
    if (r < 0)
        return r;
    *out = (struct sok_lan_place){.address = {.sun_family = AF_UNIX}, .owner = geteuid()};
    int n = snprintf(out->address.sun_path, sizeof(out->address.sun_path), "%s/lan-%s", dir, name);
    if (n < 0 || (size_t)n >= sizeof(out->address.sun_path))
        return sok_link_fail(
            err, SOK_EINVAL, "lan: the path of %s is too long: choose a shorter name", name);
    snprintf(out->lock, sizeof(out->lock), "%s.lock", out->address.sun_path);
    return 0;
}

bool sok_lan_same_user(const struct sok_lan_place *place, int fd)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && cred.uid == place->owner;
}

int sok_lan_connect(const struct sok_lan_place *place)
{
    if (helper)
        return helper->connect(place);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return SOK_EIO;
    int r = fd;
    if (connect(fd, (const struct sockaddr *)&place->address, sizeof(place->address)) < 0)
        r = errno == ENOENT || errno == ECONNREFUSED ? SOK_EREFUSED
            : errno == EAGAIN || errno == EINTR      ? SOK_EAGAIN
            : errno == EACCES || errno == EPERM      ? SOK_EACCES
                                                     : SOK_EIO;
    else if (!sok_lan_same_user(place, fd))
        r = SOK_EACCES;
    if (r < 0)
        close(fd);
    return r;
}

int sok_lan_listen(const struct sok_lan_place *place, int *lock)
{
    int fd = -1;
    int r = SOK_EIO;
    *lock = -1;
    if (helper)
        return helper->listen(place);
    *lock = open(place->lock, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (*lock < 0)
        return errno == EACCES || errno == EPERM ? SOK_EACCES : SOK_EIO;
    if (flock(*lock, LOCK_EX | LOCK_NB) < 0) {
        r = SOK_EAGAIN;
        goto fail;
    }
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || (unlink(place->address.sun_path) < 0 && errno != ENOENT))
        goto fail;
    if (bind(fd, (const struct sockaddr *)&place->address, sizeof(place->address)) < 0 ||
        listen(fd, BACKLOG) < 0)
        goto fail;
    return fd;
fail:
    if (fd >= 0)
        close(fd);
    close(*lock);
    *lock = -1;
    return r;
}

void sok_lan_unlisten(const struct sok_lan_place *place, int fd, int lock)
{
    if (helper)
        helper->unlisten(place);
    else
        unlink(place->address.sun_path);
    close(fd);
    if (lock >= 0)
        close(lock);
}
