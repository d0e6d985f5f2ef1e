// Where processes of one user find each other: a directory that is theirs alone, a socket in it for each
// lan, and beside it a lock that the hub of that lan holds as long as it lives.
#ifndef SOK_LINK_LAN_PLACE_H
#define SOK_LINK_LAN_PLACE_H

#include <sys/types.h>
#include <sys/un.h>
#include "link/link.h"

struct sok_lan_place {
    struct sockaddr_un address;
    uid_t owner; // this user, then
    char lock[sizeof(((struct sockaddr_un *)0)->sun_path) + 8];
};

// Makes the directory if need be. 0, or an error and a line in err (SOK_LINK_ERR_MAX bytes).
int sok_lan_place(const char *name, struct sok_lan_place *out, char *err);

// A connected socket, or SOK_EREFUSED: nobody is there; SOK_EAGAIN: try again soon; SOK_EACCES: somebody
// else's; or SOK_EIO.
int sok_lan_connect(const struct sok_lan_place *place);

// Becomes the hub: a listening socket and the lock, or SOK_EAGAIN: somebody else holds the lock.
int sok_lan_listen(const struct sok_lan_place *place, int *lock);
void sok_lan_unlisten(const struct sok_lan_place *place, int fd, int lock);

// Whether the other end of a connected socket belongs to the owner.
bool sok_lan_same_user(const struct sok_lan_place *place, int fd);

// A process that has given up opening things has these three done by another one; they are as above, the
// lock stays with that one (-1). One for the process, as what it may do is.
struct sok_lan_helper {
    int (*connect)(const struct sok_lan_place *place);
    int (*listen)(const struct sok_lan_place *place);
    void (*unlisten)(const struct sok_lan_place *place);
};
void sok_lan_help(const struct sok_lan_helper *helper);

#endif
