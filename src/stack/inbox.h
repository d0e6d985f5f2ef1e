// Packets that wait to be read by a raw or packet socket: copies, since every socket that wants one gets
// its own and keeps it as long as it likes. Bounded in bytes by the setting raw_queue, overhead included.
#ifndef SOK_STACK_INBOX_H
#define SOK_STACK_INBOX_H

#include "stack/stack.h"

struct sok_letter {
    struct sok_letter *next;
    int64_t at;                 // when it came
    struct sok_frame_addr from; // frames
    struct sok_addr src;        // datagrams
    uint32_t size;              // of the memory
    uint32_t len;               // of data
    uint8_t data[];
};

struct sok_inbox {
    struct sok_letter *first, *last;
    size_t held; // bytes of memory,
    size_t most; // and how many may be; 0: raw_queue
};

size_t sok_inbox_most(const struct sok_stack *s, const struct sok_inbox *inbox);
// Room for len bytes at the end of the queue, to be filled at once; len may be made less then. NULL: *why is
// full (the queue is) or SOK_DROP_NO_MEMORY.
struct sok_letter *sok_inbox_add(struct sok_stack *s, struct sok_inbox *inbox, uint32_t len,
    enum sok_drop full, enum sok_drop *why);
// Copies the first one out, as much as fits, and takes it off. The inbox must not be empty.
size_t sok_inbox_take(struct sok_stack *s, struct sok_inbox *inbox, void *data, size_t len);
void sok_inbox_free(struct sok_stack *s, struct sok_inbox *inbox);

#endif
