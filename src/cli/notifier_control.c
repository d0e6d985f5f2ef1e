// Control messages (cmsg(3)) of a target's datagrams: from its memory into the head of a packet, and back.
#include <errno.h>
#include "calls/control.h"
#include "cli/notifier_internal.h"

#define GIVEN_MAX 4096 // of those that go; the kernel has such a limit, too (net.core.optmem_max)

int sok_notified_control_in(
    const struct sok_notified *n, const struct msghdr *m, struct sok_calls_packet *head)
{
    union {
        struct cmsghdr align;
        uint8_t bytes[GIVEN_MAX];
    } given;
    size_t len = m->msg_control ? m->msg_controllen : 0;
    if (len > sizeof(given))
        return -ENOBUFS;
    int error = sok_target_read(n->tid, (uintptr_t)m->msg_control, given.bytes, len);
    struct msghdr here = {.msg_control = given.bytes, .msg_controllen = len};
    return error ? error : -sok_control_in(&here, head);
}

void sok_notified_control_room(
    const struct msghdr *m, union sok_notified_control *room, struct msghdr *here)
{
    size_t len = m->msg_control ? m->msg_controllen : 0;
    *room = (union sok_notified_control){.bytes = {0}}; // what stands between them goes, too
    *here = (struct msghdr){.msg_control = room->bytes,
        .msg_controllen = len < sizeof(room->bytes) ? len : sizeof(room->bytes)};
}

int sok_notified_control_out(
    const struct sok_notified *n, uint64_t at, const struct msghdr *m, const struct msghdr *here)
{
    size_t len = here->msg_controllen;
    int error = sok_target_write(n->tid, (uintptr_t)m->msg_control, here->msg_control, len);
    if (!error)
        error = sok_target_write(
            n->tid, at + offsetof(struct msghdr, msg_controllen), &len, sizeof(len));
    return error ? error
                 : sok_target_write(n->tid, at + offsetof(struct msghdr, msg_flags),
                       &here->msg_flags, sizeof(here->msg_flags));
}
