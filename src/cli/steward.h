// A second process, for the few things that a confined command (confine.h) needs later and may not do
// itself: the next hub of a lan, and removing a file that nothing came into. It sees no packets. Asked for
// by number only: what it may be asked for was settled before the first packet came. It ends with the
// command, whatever ends that.
#ifndef SOK_CLI_STEWARD_H
#define SOK_CLI_STEWARD_H

#include "link/lan_place.h"

#define SOK_STEWARD_LANS_MAX 16

struct sok_steward {
    struct sok_lan_place lans[SOK_STEWARD_LANS_MAX];
    unsigned lan_count;
    const char *file; // that may be removed; or NULL
    const char
        *door; // removed with its directory when the command has ended, whatever ended it; or NULL
    int place; // with a door: the directory's descriptor (calls/place.h)
};

// From here on the places of lans are found through it. To be called while there is one thread. 0 or an
// error.
int sok_steward_start(const struct sok_steward *s);
pid_t sok_steward_pid(void);   // 0: there is none
void sok_steward_remove(void); // the file
void sok_steward_end(void);

#endif
