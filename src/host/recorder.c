// The recording. A frame waits until the next one (or a flush), since the events that tell what it did come
// after it. Its comment is what the timeline says of it: why it was sent or what it did, then what followed
// from that at once.
#include "host/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "host/notation.h"
#include "pcapng/format.h"
#include "pcapng/writer.h"

#define LINKS_MAX   256 // link indexes are one byte
#define FRAME_MAX   (65535 + 14 + 18)
#define COMMENT_MAX 1024

struct recorder {
    struct sok_view view;
    int fd;
    int64_t wall_ns;
    struct sok_mem mem;
    struct sok_pcapng_writer writer;
    int64_t keys_at;  // where in the file there is room for TLS keys
    size_t keys_room; // so much
    char *more_keys;  // what does not fit there goes to the end
    size_t more_len;
    struct sok_notation *notation;
    bool known[LINKS_MAX];
    uint32_t interface[LINKS_MAX];
    struct {
        int64_t start, end;
        uint64_t received, dropped;
    } stats[LINKS_MAX];
    // The frame that waits.
    bool held;
    bool told; // its own event came
    bool call; // a call was made since: what follows has another cause
    uint8_t link;
    bool out;
    int64_t now;
    struct sok_frame_meta meta;
    uint32_t len;
    char comment[COMMENT_MAX];
    uint8_t frame[FRAME_MAX];
};

static void comment_add(struct recorder *r, const char *separator, const char *text)
{
    size_t used = strlen(r->comment);
    snprintf(r->comment + used, sizeof r->comment - used, "%s%s", used ? separator : "", text);
}

static void write_held(struct recorder *r)
{
    if (!r->held)
        return;
    r->held = false;
    // A super-frame that was cut for its link is one event and many frames.
    if (!r->told)
        comment_add(r, "", r->out ? "goes on" : "");
    struct sok_iov iov = {r->frame, r->len};
    struct sok_pcapng_packet p = {
        .interface = r->interface[r->link],
        .time = r->now + r->wall_ns,
        .iov = &iov,
        .iov_count = 1,
        .len = r->len,
        .meta = &r->meta,
        .direction = r->out ? SOK_PCAPNG_OUT : SOK_PCAPNG_IN,
        .comment = r->comment,
    };
    sok_pcapng_add_packet(&r->writer, &p);
}

static void see_link(struct recorder *r, const struct sok_view_frame *f)
{
    bool bare = f->info->caps & SOK_LINK_IP;
    if (!r->known[f->link]) {
        r->known[f->link] = true;
        struct sok_pcapng_interface i = {
            .name = f->info->name,
            .mac = bare ? NULL : f->info->mac,
            .linktype = bare ? SOK_PCAPNG_LINKTYPE_RAW : SOK_PCAPNG_LINKTYPE_ETHERNET,
        };
        int64_t id = sok_pcapng_add_interface(&r->writer, &i);
        r->interface[f->link] = id < 0 ? 0 : (uint32_t)id;
        r->stats[f->link].start = f->now;
    }
    r->stats[f->link].end = f->now;
    r->stats[f->link].received += !f->out;
}

static void recorder_frame(struct sok_view *v, const struct sok_view_frame *f)
{
    struct recorder *r = (struct recorder *)v;
    write_held(r);
    see_link(r, f);
    r->held = true;
    r->told = r->call = false;
    r->link = f->link;
    r->out = f->out;
    r->now = f->now;
    r->meta = f->meta;
    r->len = 0;
    r->comment[0] = 0;
    for (unsigned i = 0; i < f->iov_count; i++) {
        size_t n = f->iov[i].len;
        if (n > sizeof r->frame - r->len)
            n = sizeof r->frame - r->len;
        memcpy(r->frame + r->len, f->iov[i].base, n);
        r->len += (uint32_t)n;
    }
}

static void recorder_event(struct sok_view *v, const struct sok_event *e)
{
    struct recorder *r = (struct recorder *)v;
    struct sok_line l;
    struct sok_line_text t;
    char text[512];
    sok_notation_line(r->notation, e, &l);
    if (e->kind == SOK_EVENT_IN || e->kind == SOK_EVENT_OUT) {
        if (r->held && !r->told && r->out == (e->kind == SOK_EVENT_OUT)) {
            r->told = true;
            comment_add(r, "; ", l.reason[0] ? l.reason : "nothing");
        }
        r->stats[e->packet.link].dropped += e->packet.drop != SOK_DROP_NONE;
        return;
    }
    r->call = r->call || e->kind == SOK_EVENT_CALL;
    if (!r->held || !r->told || r->call || e->now != r->now)
        return;
    sok_line_text(&l, true, false, &t);
    snprintf(text, sizeof text, "%s%s%.300s%s%s", t.kind, *t.body ? " " : "", t.body,
        *t.reason ? ": " : "", t.reason);
    comment_add(r, "; ", text);
}

// Readers want keys before the packets, and they are known after them: they go into the room left for
// them at the front, while the file can be written there.
static void recorder_keys(struct sok_view *v, const char *text, size_t len)
{
    struct recorder *r = (struct recorder *)v;
    if (r->writer.err == 0 && len <= r->keys_room && sok_pcapng_flush(&r->writer) == 0 &&
        pwrite(r->fd, text, len, r->keys_at) == (ssize_t)len) {
        r->keys_at += (int64_t)len;
        r->keys_room -= len;
        return;
    }
    char *more = realloc(r->more_keys, r->more_len + len);
    if (!more)
        return;
    memcpy(more + r->more_len, text, len);
    r->more_keys = more;
    r->more_len += len;
}

static void recorder_flush(struct sok_view *v)
{
    struct recorder *r = (struct recorder *)v;
    write_held(r);
    sok_pcapng_flush(&r->writer);
}

static int recorder_close(struct sok_view *v)
{
    struct recorder *r = (struct recorder *)v;
    write_held(r);
    for (unsigned i = 0; i < LINKS_MAX; i++) {
        if (!r->known[i])
            continue;
        struct sok_pcapng_stats s = {
            .interface = r->interface[i],
            .time = r->stats[i].end + r->wall_ns,
            .start = r->stats[i].start + r->wall_ns,
            .end = r->stats[i].end + r->wall_ns,
            .received = r->stats[i].received,
            .dropped = r->stats[i].dropped,
        };
        sok_pcapng_add_stats(&r->writer, &s);
    }
    if (r->more_len > 0)
        sok_pcapng_add_keys(&r->writer, r->more_keys, r->more_len, r->more_len);
    free(r->more_keys);
    int err = -sok_pcapng_writer_close(&r->writer);
    if (close(r->fd) != 0 && !err)
        err = errno;
    sok_notation_free(r->notation);
    free(r);
    return err;
}

static const struct sok_view_ops recorder_ops = {
    .event = recorder_event,
    .frame = recorder_frame,
    .keys = recorder_keys,
    .flush = recorder_flush,
    .close = recorder_close,
};

int sok_recorder_open(
    const char *path, int64_t wall_ns, size_t keys_room, struct sok_view **out, char *err)
{
    struct recorder *r = calloc(1, sizeof *r);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), rc = errno;
    if (fd < 0 || !r) {
        rc = r ? rc : ENOMEM;
        goto fail;
    }
    r->view.ops = &recorder_ops;
    r->fd = fd;
    r->wall_ns = wall_ns;
    r->mem = sok_mem_libc();
    r->notation = sok_notation_new();
    rc = ENOMEM;
    if (!r->notation ||
        sok_pcapng_writer_init(&r->writer, &r->mem, sok_pcapng_sink_fd(fd), "sockeye") != 0)
        goto fail;
    r->keys_at = keys_room > 0 ? sok_pcapng_add_keys(&r->writer, "", 0, keys_room) : 0;
    r->keys_room = r->keys_at > 0 ? keys_room : 0;
    *out = &r->view;
    return 0;
fail:
    snprintf(err, SOK_RECORDER_ERR_MAX, "%s: %s", path, strerror(rc));
    if (r)
        sok_notation_free(r->notation);
    free(r);
    if (fd >= 0)
        close(fd);
    return rc;
}
