// How the host feeds what happens to whoever shows it: timeline, JSON lines, recording, a drill. A view
// is a sink; it never calls back into the stack. The host calls, in this order:
//
//   a frame read from a link     sok_views_frame(..., in), then sok_stack_input(), then the events it made
//   a frame pulled for a link    sok_stack_output(), then sok_views_frame(..., out), then the events it made
//   anything else                the events it made
//   before it sleeps             sok_views_flush()
//
// so that the events between one frame and the next tell what that frame did or why it was sent.
#ifndef SOK_HOST_VIEW_H
#define SOK_HOST_VIEW_H

#include <stdbool.h>
#include <stdint.h>
#include "base/event.h"
#include "base/frame.h"

// A whole frame on its way, as gather list, with what is known beside its bytes. Valid during the call.
struct sok_view_frame {
    int64_t now;  // as in events
    uint8_t link; // index in the stack
    bool out;     // from us; else to us
    const struct sok_link_info *info;
    const struct sok_iov *iov;
    unsigned iov_count;
    uint32_t len;
    struct sok_frame_meta meta;
};

// A call of a program whose sockets are this host's (sockeye run --trace): told when it begins, and again
// when it has ended.
struct sok_view_call {
    int64_t now;
    uint64_t key; // the same at its begin and end
    int pid;
    const char *program;
    const char *text; // "connect(3, 192.0.2.1:80)"
    bool ended;
    int64_t result;
    int error;        // errno, where result is below 0
    const char *more; // what else came of it: "192.0.2.1:80"; ""
};

struct sok_view;

struct sok_view_ops {
    void (*event)(struct sok_view *v, const struct sok_event *e);
    void (*call)(struct sok_view *v, const struct sok_view_call *c);   // NULL: does not want them
    void (*frame)(struct sok_view *v, const struct sok_view_frame *f); // NULL: does not want frames
    // Lines of a TLS key log that belong to the packets seen. NULL: of no use here.
    void (*keys)(struct sok_view *v, const char *text, size_t len);
    void (*flush)(struct sok_view *v); // what is held back goes out now
    // Flushes and frees. 0, or the first error of writing, as errno.
    int (*close)(struct sok_view *v);
};

// The first member of every view.
struct sok_view {
    const struct sok_view_ops *ops;
    struct sok_view *next; // the host's list
};

static inline void sok_views_event(struct sok_view *first, const struct sok_event *e)
{
    for (struct sok_view *v = first; v; v = v->next)
        v->ops->event(v, e);
}

static inline void sok_views_frame(struct sok_view *first, const struct sok_view_frame *f)
{
    for (struct sok_view *v = first; v; v = v->next) {
        if (v->ops->frame)
            v->ops->frame(v, f);
    }
}

static inline void sok_views_call(struct sok_view *first, const struct sok_view_call *c)
{
    for (struct sok_view *v = first; v; v = v->next) {
        if (v->ops->call)
            v->ops->call(v, c);
    }
}

static inline void sok_views_keys(struct sok_view *first, const char *text, size_t len)
{
    for (struct sok_view *v = first; v; v = v->next) {
        if (v->ops->keys)
            v->ops->keys(v, text, len);
    }
}

static inline void sok_views_flush(struct sok_view *first)
{
    for (struct sok_view *v = first; v; v = v->next)
        v->ops->flush(v);
}

// Closes all of them. 0, or the first error as errno.
static inline int sok_views_close(struct sok_view *first)
{
    int err = 0;
    while (first) {
        struct sok_view *v = first;
        first = v->next;
        int e = v->ops->close(v);
        if (!err)
            err = e;
    }
    return err;
}

#endif
