// Where hosts that stay (sockeye up) have their doors:
//
//   /run/sockeye/NAME/door               root's; everybody may see the names there, nobody enter
//   $XDG_RUNTIME_DIR/sockeye/NAME/door   anybody else's
//   /tmp/sockeye-UID/NAME/door           where that is not there, or not theirs
//
// The directory NAME is its owner's alone (0700): who may enter it may use the host. What is found there is
// believed only if the directories above are this user's, or root's, and nobody else may write in them.
// Every call gives 0 or more, or -errno.
#ifndef SOK_CALLS_PLACE_H
#define SOK_CALLS_PLACE_H

#include <stdbool.h>

#define SOK_PLACE_MAX      108 // of a path, as in sockaddr_un
#define SOK_PLACE_NAME_MAX 40

bool sok_place_name_ok(const char *name); // letters, digits, - _ . and not first a dot

// The directory of this user's hosts; -ENAMETOOLONG.
int sok_place_base(char out[SOK_PLACE_MAX]);
// The door of the host `name`, which need not exist; what has a slash in it is a path already. -EINVAL: not a
// name.
int sok_place_door(const char *name, char out[SOK_PLACE_MAX]);
// Makes the directories for it and gives the door's path, where nothing is any more, and a descriptor, not inherited:
// while it is open, here or in a process forked from here, the place is taken. -EADDRINUSE: it is, or a
// host answers there. -EPERM: a directory on the way is somebody else's, or others may write in it; out is that
// directory then.
int sok_place_make(const char *name, char out[SOK_PLACE_MAX]);
// The door and its directory, if nobody did it before; closes taken.
void sok_place_remove(const char *name, int taken);
// A host of one program has a name that ends in the number of the process that made it and will remove it:
// its name; and the removal of those whose process, and host, were killed.
void sok_place_name_mine(char name[SOK_PLACE_NAME_MAX]);
void sok_place_sweep(void);

// Calls fn for the name of each directory with a door in it, in order, until it gives something else than 0,
// which is returned. A host that was killed leaves its door: nobody answers there.
typedef int (*sok_place_fn)(void *ctx, const char *name, const char *door);
int sok_place_each(sok_place_fn fn, void *ctx);

// A connection to a door: a descriptor, not inherited. -ENOENT: no such name; -ECONNREFUSED: nobody is behind
// it; -EACCES, -EPERM: another user's.
int sok_place_connect(const char *door);

#endif
