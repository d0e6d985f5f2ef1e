// Asking a host from outside: a door is opened by path, a channel made through it, and each question waits for
// its answer. For commands; a program under `sockeye run` has its own way (src/preload). Read first: protocol.h.
#ifndef SOK_CALLS_CLIENT_H
#define SOK_CALLS_CLIENT_H

#include <stddef.h>
#include "calls/protocol.h"
#include "calls/rows.h"

#define SOK_CALLS_PATIENCE 10 // seconds that an answer may take

struct sok_calls_client {
    int door, channel;
    uint32_t last_id;
    struct sok_calls_welcome welcome;
};

// 0, or -errno: as sok_place_connect(); -EPROTO: it speaks another version (welcome.version);
// -ETIMEDOUT: it does not answer.
int sok_calls_open(struct sok_calls_client *c, const char *door, const char *program);
void sok_calls_close(struct sok_calls_client *c);

// One question without bytes, and its answer: its result, or -errno; out gets *len bytes, at most that many
// were asked for. -EPIPE: the host is gone.
int sok_calls_ask(
    struct sok_calls_client *c, enum sok_calls_op op, int32_t a, void *out, size_t *len);

// The next rows after the id of the last one (0: the first): how many; 0: no more.
#define SOK_CALLS_ROWS_MAX (SOK_CALLS_BYTES_MAX / sizeof(struct sok_row))
int sok_calls_list(
    struct sok_calls_client *c, uint32_t after_id, struct sok_row rows[SOK_CALLS_ROWS_MAX]);
int sok_calls_kill(struct sok_calls_client *c, uint32_t id);

#endif
