// The recording: a pcapng file with every frame, its comment saying why it was sent or what it did.
#ifndef SOK_HOST_RECORDER_H
#define SOK_HOST_RECORDER_H

#include <stdint.h>
#include "host/view.h"

#define SOK_RECORDER_ERR_MAX 256

// wall_ns: what is to be added to an event's `now` to get nanoseconds since 1970 (0 under virtual time).
// keys_room: bytes to leave at the front for TLS keys.
// 0 and *out, or an errno and one line in err (SOK_RECORDER_ERR_MAX bytes).
int sok_recorder_open(
    const char *path, int64_t wall_ns, size_t keys_room, struct sok_view **out, char *err);

#endif
