// What the machine's files say about names: resolv.conf and nsswitch.conf, as c-ares understands them, and
// hosts. They are read anew each time, until `kept` is set.
#ifndef SOK_HOST_NAMES_FILES_H
#define SOK_HOST_NAMES_FILES_H

#include <ares.h>
#include "host/hosts.h"

#define SOK_NAMES_SERVERS_TEXT 512 // "192.0.2.53,192.0.2.54:5353"

struct sok_names_files {
    bool read, kept;
    struct ares_options options; // for a channel
    int mask;
    char servers[SOK_NAMES_SERVERS_TEXT];
    char left_out[SOK_NAMES_SERVERS_TEXT]; // of resolv.conf, but not to be reached
    bool hosts_count;                      // hosts is asked at all
    struct sok_hosts hosts;
};

int sok_names_files_read(struct sok_names_files *f); // all but hosts; 0 or SOK_ENOMEM
void sok_names_files_hosts(struct sok_names_files *f);
void sok_names_files_free(struct sok_names_files *f);

#endif
