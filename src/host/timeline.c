// The timeline. A received frame's line is held back until the next event, since a round-trip sample that
// follows is said in it.
#include "host/timeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "host/notation.h"

// A run of data and acknowledgments is shown this long before `brief` folds the rest of it.
#define BULK_SHOWN 4

struct timeline {
    struct sok_view view;
    struct sok_timeline_options o;
    struct sok_notation *notation;
    bool held;
    struct sok_line line; // the one held back
    unsigned bulk;        // length of the run
    uint64_t folded_out, folded_in, bytes_out, bytes_in;
    uint64_t open_call; // key of the call whose line has no end yet; 0: none
    int err;            // errno of the first failure
};

#define DIM     "\033[2m"
#define RED     "\033[31m"
#define GREEN   "\033[32m"
#define YELLOW  "\033[33m"
#define BLUE    "\033[34m"
#define MAGENTA "\033[35m"
#define CYAN    "\033[36m"
#define RESET   "\033[0m"

static const char *line_colour(const struct sok_line *l)
{
    if (l->dropped || l->kind == SOK_LINE_ERROR || l->kind == SOK_LINE_LOST)
        return RED;
    if (l->again || l->kind == SOK_LINE_LOSS)
        return YELLOW;
    switch (l->kind) {
    case SOK_LINE_CALL:
        return CYAN;
    case SOK_LINE_IN:
        return GREEN;
    case SOK_LINE_STATE:
        return MAGENTA;
    case SOK_LINE_HELD:
    case SOK_LINE_CWND:
    case SOK_LINE_RTT:
        return BLUE;
    default:
        return "";
    }
}

static void print(struct timeline *t, const char *text)
{
    if (t->open_call && fputs(" ...\n", t->o.file) < 0 && !t->err)
        t->err = errno;
    t->open_call = 0;
    if (fputs(text, t->o.file) < 0 && !t->err)
        t->err = errno;
}

static void print_line(struct timeline *t, const struct sok_line *l)
{
    struct sok_line_text text;
    char line[SOK_LINE_MAX];
    sok_line_text(l, t->o.utf8, t->o.full, &text);
    sok_line_join(&text, sok_notation_tags(t->notation) > 1 ? 4 : 0, line);
    if (!t->o.colour) {
        print(t, line);
        print(t, "\n");
        return;
    }
    print(t, "");
    size_t time = strlen(text.time) > 10 ? strlen(text.time) : 10;
    size_t reason = strlen(line) - strlen(text.reason);
    bool loud = l->again || l->dropped || l->kind == SOK_LINE_ERROR;
    if (fprintf(t->o.file, DIM "%.*s" RESET "%s%.*s%s%s" RESET "\n", (int)time, line,
            line_colour(l), (int)(reason - time), line + time, loud ? "" : RESET DIM,
            line + reason) < 0 &&
        !t->err)
        t->err = errno;
}

static void print_held(struct timeline *t)
{
    if (t->held)
        print_line(t, &t->line);
    t->held = false;
}

// Nothing but data and acknowledgments that went as they should.
static bool is_bulk(const struct sok_event *e)
{
    const uint32_t plain = SOK_EFFECT_ACKED | SOK_EFFECT_DATA | SOK_EFFECT_WINDOW;
    switch (e->kind) {
    case SOK_EVENT_IN:
        return e->packet.drop == SOK_DROP_NONE && e->packet.effects &&
               !(e->packet.effects & ~plain);
    case SOK_EVENT_OUT:
        return e->packet.reason == SOK_REASON_DATA || e->packet.reason == SOK_REASON_ACK_QUICK ||
               e->packet.reason == SOK_REASON_ACK_SECOND ||
               e->packet.reason == SOK_REASON_ACK_DELAYED ||
               e->packet.reason == SOK_REASON_WINDOW_UPDATE;
    case SOK_EVENT_CALL:
        return (e->call.call == SOK_CALL_SEND || e->call.call == SOK_CALL_RECV) &&
               e->call.result > 0;
    case SOK_EVENT_RTT:
    case SOK_EVENT_HELD:
        return true;
    default:
        return false;
    }
}

static void print_folded(struct timeline *t)
{
    if (t->folded_out + t->folded_in) {
        char text[160];
        snprintf(text, sizeof text,
            "            # %llu frames out with %llu bytes, %llu in with %llu bytes\n",
            (unsigned long long)t->folded_out, (unsigned long long)t->bytes_out,
            (unsigned long long)t->folded_in, (unsigned long long)t->bytes_in);
        print(t, text);
    }
    t->folded_out = t->folded_in = t->bytes_out = t->bytes_in = 0;
}

// True when the line went into the sum of a run.
static bool fold(struct timeline *t, const struct sok_event *e, const struct sok_line *l)
{
    if (!is_bulk(e)) {
        print_folded(t);
        t->bulk = 0;
        return false;
    }
    if (e->kind != SOK_EVENT_IN && e->kind != SOK_EVENT_OUT)
        return t->bulk > BULK_SHOWN;
    if (t->bulk++ < BULK_SHOWN)
        return false;
    bool out = e->kind == SOK_EVENT_OUT;
    *(out ? &t->folded_out : &t->folded_in) += 1;
    *(out ? &t->bytes_out : &t->bytes_in) += l->len;
    return true;
}

static void timeline_event(struct sok_view *v, const struct sok_event *e)
{
    struct timeline *t = (struct timeline *)v;
    struct sok_line l;
    sok_notation_line(t->notation, e, &l);
    if (t->o.programs && e->kind == SOK_EVENT_CALL)
        return;
    if (t->held && sok_line_merge(&t->line, &l))
        return;
    print_held(t);
    if (t->o.brief && fold(t, e, &l))
        return;
    if (l.kind == SOK_LINE_IN) {
        t->line = l;
        t->held = true;
    } else {
        print_line(t, &l);
    }
}

// ---- calls of programs ----

static void print_result(struct timeline *t, const struct sok_view_call *c)
{
    FILE *f = t->o.file;
    const char *name = c->error ? strerrorname_np(c->error) : NULL;
    if (c->result < 0 && c->error)
        fprintf(f, " = %lld %s (%s)", (long long)c->result, name ? name : "?", strerror(c->error));
    else
        fprintf(f, " = %lld", (long long)c->result);
    if (fprintf(f, "%s%s\n", *c->more ? "  " : "", c->more) < 0 && !t->err)
        t->err = errno;
}

// As strace: the call's line stays open until its result, or until something else happens.
static void timeline_call(struct sok_view *v, const struct sok_view_call *c)
{
    struct timeline *t = (struct timeline *)v;
    if (c->ended && t->open_call == c->key) {
        t->open_call = 0;
        print_result(t, c);
        return;
    }
    print_held(t);
    print_folded(t);
    print(t, "");
    int64_t at = sok_notation_time(t->notation, c->now);
    fprintf(t->o.file, "%s%3lld.%06d  prog   %s%s[%d] %s%s", t->o.colour ? CYAN : "",
        (long long)(at / 1000000000), (int)(at % 1000000000 / 1000), c->ended ? "..." : "",
        c->program, c->pid, c->text, t->o.colour ? RESET : "");
    if (c->ended)
        print_result(t, c);
    else
        t->open_call = c->key;
}

static void timeline_flush(struct sok_view *v)
{
    struct timeline *t = (struct timeline *)v;
    print_held(t);
    if (fflush(t->o.file) && !t->err)
        t->err = errno;
}

static int timeline_close(struct sok_view *v)
{
    struct timeline *t = (struct timeline *)v;
    print_held(t);
    print_folded(t);
    print(t, "");
    timeline_flush(v);
    int err = t->err;
    sok_notation_free(t->notation);
    free(t);
    return err;
}

static const struct sok_view_ops timeline_ops = {
    .event = timeline_event,
    .call = timeline_call,
    .flush = timeline_flush,
    .close = timeline_close,
};

struct sok_view *sok_timeline_open(const struct sok_timeline_options *o)
{
    struct timeline *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->view.ops = &timeline_ops;
    t->o = *o;
    t->notation = sok_notation_new();
    if (!t->notation) {
        free(t);
        return NULL;
    }
    return &t->view;
}

bool sok_timeline_locale_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (!value || !*value)
            continue;
        const char *dot = strrchr(value, '.');
        return dot && (strncasecmp(dot, ".utf-8", 6) == 0 || strncasecmp(dot, ".utf8", 5) == 0);
    }
    return false;
}
