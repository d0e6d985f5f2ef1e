// The player: virtual time, and the comparison of the script with the log of all that happened (drill_log.c).
//
// Lines that make something happen (`in`, `call`) need everything that came out before to have been
// expected. An `out` line takes the next frame in the log, whatever it is. Lines that check (`state`,
// `rtt`, ...) take the next entry of their kind that is as they say, so what they do not mention may happen.
#include "host/drill_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The stack may ask to be called at one and the same time only so often.
#define SAME_TIME_MAX 10000

int sok_drill_fail(struct drill *d, const struct drill_step *step, const char *format, ...)
{
    if (d->failed)
        return -1;
    d->failed = true;
    d->report->line = step ? step->line_no : 0;
    va_list ap;
    va_start(ap, format);
    vsnprintf(d->report->message, sizeof d->report->message, format, ap);
    va_end(ap);
    return -1;
}

// ---- what happens ----

// A connection's name in the script, for a line of the log. What belongs to no connection (any more) is
// known by its ends.
static void set_tag(struct drill *d, const struct sok_event *e, struct sok_line *l)
{
    struct drill_conn *c = sok_drill_conn_of_id(d, e->conn);
    bool ends = !c && l->head == SOK_HEAD_TCP && (l->has & SOK_HAS(ENDS));
    if (ends) {
        bool out = l->kind == SOK_LINE_OUT;
        c = sok_drill_conn_of_ends(d, out ? &l->src : &l->dst, out ? &l->dst : &l->src);
    }
    if (!e->conn && l->kind == SOK_LINE_IN && (l->has & SOK_HAS(QUOTE)))
        c = sok_drill_conn_of_ends(
            d, &l->quote.src, &l->quote.dst); // an ICMP error: whom it quotes
    l->tag[0] = 0;
    if (c && c->listener_id != e->conn)
        memcpy(l->tag, c->tag, sizeof l->tag);
    if (ends && !l->tag[0])
        l->plain &= ~SOK_HAS(ENDS);
}

// Of calls the log has the script's own lines; the notation learns from them who talks to whom.
static bool is_call(struct drill *d, const struct sok_event *e)
{
    struct sok_line ignored;
    if (e->kind == SOK_EVENT_CALL)
        sok_notation_line(d->notation, e, &ignored);
    return e->kind == SOK_EVENT_CALL;
}

// Takes the stack's events. in: the connection whose `in` line is being fed, that a new connection in the
// events belongs to; or NULL. Returns the entry of the frame that came in, or NULL.
static struct drill_entry *take_events(struct drill *d, struct drill_conn *in)
{
    struct sok_event e;
    struct drill_entry *frame = NULL, *last = NULL;
    while (sok_stack_event(d->stack, &e)) {
        if (is_call(d, &e))
            continue;
        if (in && in->has_ends && e.kind == SOK_EVENT_IN && e.conn &&
            !sok_drill_conn_of_id(d, e.conn) && e.packet.drop == SOK_DROP_NONE)
            in->tcp_id = e.conn;
        struct drill_entry *entry = sok_drill_log_entry(d);
        if (!entry)
            return NULL;
        entry->is_event = true;
        sok_notation_line(d->notation, &e, &entry->line);
        set_tag(d, &e, &entry->line);
        if (last && sok_line_merge(&last->line, &entry->line))
            entry->merged = true;
        else
            last = entry;
        if (e.kind == SOK_EVENT_IN)
            frame = entry;
    }
    while (sok_stack_changed(d->stack))
        continue;
    return frame;
}

static void linearize(struct drill *d, const struct sok_frame_out *out)
{
    d->frame_len = 0;
    for (unsigned i = 0; i < out->iov_count && d->frame_len + out->iov[i].len <= sizeof d->frame;
         i++) {
        memcpy(d->frame + d->frame_len, out->iov[i].base, out->iov[i].len);
        d->frame_len += (uint32_t)out->iov[i].len;
    }
}

// Pulls everything that is to be sent now.
static int pull(struct drill *d, const struct drill_step *step)
{
    struct sok_frame_out out;
    while (sok_stack_output(d->stack, 1, d->now, &out)) {
        linearize(d, &out);
        unsigned before = d->log_count;
        // Who sent it is in its event, which the peer needs before the line is made of it.
        struct sok_event e;
        uint32_t conn = 0;
        while (sok_stack_event(d->stack, &e)) {
            if (is_call(d, &e))
                continue;
            if (e.kind == SOK_EVENT_OUT)
                conn = e.conn;
            struct drill_entry *entry = sok_drill_log_entry(d);
            if (!entry)
                return -1;
            entry->is_event = true;
            sok_notation_line(d->notation, &e, &entry->line);
            set_tag(d, &e, &entry->line);
        }
        if (d->log_count == before)
            return sok_drill_fail(d, step, "a frame came out without an event");
        if (!out.meta.csum_partial && !sok_drill_sums_hold(d))
            return sok_drill_fail(d, step, "a packet came out with a wrong checksum");
        if (!sok_drill_peer_sees(d, conn))
            return sok_drill_fail(d, step, "a segment came out whose payload is not what was sent");
    }
    take_events(d, NULL);
    const char *wrong = sok_stack_check(d->stack);
    return wrong       ? sok_drill_fail(d, step, "the stack is not as it must be: %s", wrong)
           : d->failed ? -1
                       : 0;
}

// The first frame that came out and was not expected yet; NULL: none.
static struct drill_entry *unexpected(struct drill *d)
{
    for (; d->next_out < d->log_count; d->next_out++) {
        struct drill_entry *e = d->log[d->next_out];
        if (e->is_event && e->line.kind == SOK_LINE_OUT && !e->matched)
            return e;
    }
    return NULL;
}

// Does what is due up to `until`; when `out`, only until something comes out.
static int advance(struct drill *d, const struct drill_step *step, int64_t until, bool out)
{
    unsigned same = 0;
    for (;;) {
        int64_t due = sok_stack_deadline(d->stack);
        if (due > until || due == SOK_TIME_NEVER || (out && unexpected(d)))
            break;
        same = due > d->now ? 0 : same + 1;
        if (same > SAME_TIME_MAX)
            return sok_drill_fail(
                d, step, "the stack wants to be called again and again at one time");
        d->now = due > d->now ? due : d->now;
        sok_stack_advance(d->stack, d->now);
        if (pull(d, step))
            return -1;
    }
    return 0;
}

// ---- comparing ----

static int differs(
    struct drill *d, const struct drill_step *step, const struct drill_entry *came, const char *how)
{
    if (!d->failed) {
        sok_drill_fail(d, step, "%s", how);
        d->report->expected = step ? strdup(step->source) : NULL;
        d->report->came = came ? sok_drill_entry_text(d, came) : NULL;
    }
    return -1;
}

static int nothing_else(struct drill *d, const struct drill_step *step)
{
    struct drill_entry *e = d->loose ? NULL : unexpected(d);
    return e ? differs(d, step, e, "something came out that is not expected here") : 0;
}

static bool time_is(const struct drill *d, int64_t want, int64_t got)
{
    int64_t a = want / 1000 * 1000, b = got / 1000 * 1000;
    return d->tolerance == INT64_MAX || (a > b ? a - b : b - a) <= d->tolerance;
}

static bool tag_is(const char *want, const char *got)
{
    const char *a = *want ? want : "1";
    return !*got || strcmp(a, got) == 0; // frames of no connection have no name
}

static int step_out(struct drill *d, const struct drill_step *step)
{
    char how[SOK_LINE_ERR_MAX];
    bool any = step->time_kind == TIME_ANY;
    if (d->loose)
        return 0;
    if (!unexpected(d)) {
        int64_t late =
            any || d->tolerance == INT64_MAX ? SOK_TIME_NEVER : d->line_time + d->tolerance;
        if (advance(d, step, late, true))
            return -1;
    }
    struct drill_entry *e = unexpected(d);
    if (!e) {
        int64_t due = sok_stack_deadline(d->stack);
        if (due == SOK_TIME_NEVER)
            return differs(d, step, NULL, "nothing came out, and nothing is due any more");
        snprintf(how, sizeof how,
            "nothing came out until then (the stack's next deadline is %" PRId64 ".%06d)",
            (due - DRILL_START) / SOK_S, (int)((due - DRILL_START) % SOK_S / 1000));
        return differs(d, step, NULL, how);
    }
    if (sok_line_match(step->line, &e->line, how))
        return differs(d, step, e, how);
    if (!tag_is(step->line->tag, e->line.tag))
        return differs(d, step, e, "it is another connection's");
    if (!any && !time_is(d, d->line_time, e->line.time + DRILL_START))
        return differs(d, step, e, "it came at another time");
    e->matched = true;
    d->line_time = e->line.time + DRILL_START;
    return 0;
}

// The next entry of the step's kind that is as it says; *last: the last of its kind.
static struct drill_entry *find_check(
    struct drill *d, const struct drill_step *step, struct drill_entry **last)
{
    char how[SOK_LINE_ERR_MAX];
    unsigned kind = step->line->kind;
    bool time = step->time_kind == TIME_AT || step->time_kind == TIME_AFTER;
    for (unsigned i = d->seen[kind]; i < d->log_count; i++) {
        struct drill_entry *e = d->log[i];
        if (!e->is_event || e->line.kind != kind || !tag_is(step->line->tag, e->line.tag))
            continue;
        *last = e;
        bool sample = kind == SOK_LINE_RTT && d->tolerance;
        if ((!sample && sok_line_match(step->line, &e->line, how)) ||
            (time && !time_is(d, d->line_time, e->line.time + DRILL_START)))
            continue;
        d->seen[kind] = i + 1;
        return e;
    }
    return NULL;
}

// state, rtt, cwnd, loss, held, error, lost: the next one that is so. With ~ it is waited for.
static int step_check(struct drill *d, const struct drill_step *step)
{
    struct drill_entry *last = NULL, *found;
    if (d->loose)
        return 0;
    while (!(found = find_check(d, step, &last)) && step->time_kind == TIME_ANY && !unexpected(d) &&
           sok_stack_deadline(d->stack) != SOK_TIME_NEVER) {
        if (advance(d, step, sok_stack_deadline(d->stack), true))
            return -1;
    }
    if (!found)
        return differs(d, step, last,
            last ? "this did not happen; the last of its kind was another" : "this did not happen");
    if (step->time_kind == TIME_ANY)
        d->line_time = d->now;
    return 0;
}

// drop REASON: the last frame that came in was dropped so.
static int step_drop(struct drill *d, const struct drill_step *step)
{
    char want[SOK_LINE_REASON_MAX];
    snprintf(want, sizeof want, "dropped: %s",
        step->body + strlen("drop") + strspn(step->body + 4, " "));
    for (unsigned i = d->log_count; i-- > 0;) {
        struct drill_entry *e = d->log[i];
        if (!e->is_event || e->line.kind != SOK_LINE_IN)
            continue;
        if (strncmp(e->line.reason, want, strlen(want)) == 0)
            return 0;
        return differs(d, step, e, "the last frame was not dropped so");
    }
    return differs(d, step, NULL, "no frame came in yet");
}

// Where times are not exact, samples of them are not compared.
static void forget_samples(struct sok_line *l)
{
    char *from = strncmp(l->reason, "rtt ", 4) == 0 ? l->reason : strstr(l->reason, ", rtt ");
    if (!from)
        return;
    char *next = strstr(from + 2, ", ");
    if (from == l->reason && next)
        next += 2;
    if (!next)
        *from = 0;
    else
        memmove(from, next, strlen(next) + 1);
}

static int check_in(struct drill *d, const struct drill_step *step, struct drill_entry *e)
{
    if (!e)
        return sok_drill_fail(d, step, "the stack took a frame without an event");
    if (d->loose)
        return 0;
    if (e->line.dropped && strncmp(step->line->reason, "dropped", strlen("dropped")) != 0)
        return differs(
            d, step, e, "the frame was dropped (if that is right, say so as reason: dropped)");
    if (strcmp(step->line->reason, "dropped") == 0)
        return e->line.dropped ? 0 : differs(d, step, e, "the frame was not dropped");
    struct sok_line want = {.kind = SOK_LINE_IN, .head = e->line.head, .flags = e->line.flags};
    memcpy(want.reason, step->line->reason, sizeof want.reason);
    if (d->tolerance)
        forget_samples(&want);
    char how[SOK_LINE_ERR_MAX];
    return sok_line_match(&want, &e->line, how) ? differs(d, step, e, how) : 0;
}

static int step_in(struct drill *d, const struct drill_step *step)
{
    struct drill_conn *c = sok_drill_conn_of_in(d, step);
    if (!c || sok_drill_build(d, step, c))
        return -1;
    if (sok_stack_input_bytes(d->stack, 1, d->frame, d->frame_len, d->now) < 0)
        return sok_drill_fail(d, step, "no memory");
    struct drill_entry *e = take_events(d, c);
    sok_drill_peer_sent(d, c, step->line, e && e->line.dropped);
    if (check_in(d, step, e))
        return -1;
    // In a batch everything of one time goes in before anything is pulled.
    const struct drill_step *next = step + 1, *end = d->script.steps + d->script.count;
    bool more = d->batch && next < end && next->kind == STEP_LINE &&
                next->line->kind == SOK_LINE_IN &&
                (next->time_kind == TIME_SAME ||
                    (next->time_kind == TIME_AT && next->time + DRILL_START == d->now));
    return more ? 0 : pull(d, step);
}

static int step_time(struct drill *d, const struct drill_step *step)
{
    const char *p = step->body + strlen("time");
    p += strspn(p, " ");
    if (strcmp(p, "any") == 0)
        d->tolerance = INT64_MAX;
    else if (strcmp(p, "exact") == 0)
        d->tolerance = 0;
    else if (strncmp(p, "within ", 7) != 0 ||
             !sok_drill_duration(p + 7 + strspn(p + 7, " "), &d->tolerance))
        return sok_drill_fail(d, step, "time is: time exact, time within DURATION, or time any");
    sok_drill_log_step(d, step);
    return 0;
}

static int step_batch(struct drill *d, const struct drill_step *step)
{
    const char *p = step->body + strlen("batch");
    p += strspn(p, " ");
    if (strcmp(p, "on") != 0 && strcmp(p, "off") != 0)
        return sok_drill_fail(d, step, "batch is: batch on, or batch off");
    d->batch = p[1] == 'n';
    return 0;
}

static int step_quiet(struct drill *d, const struct drill_step *step)
{
    int64_t until = step->until + (step->relative ? d->line_time : DRILL_START);
    if (advance(d, step, until, false) || nothing_else(d, step))
        return -1;
    if (d->now < until)
        d->now = until;
    d->line_time = d->now;
    return 0;
}

// ---- one step ----

static bool is_check(const struct drill_step *s)
{
    return s->kind == STEP_LINE && s->line->kind != SOK_LINE_IN && s->line->kind != SOK_LINE_CALL &&
           s->line->kind != SOK_LINE_OUT;
}

// Time passes up to the line's. What is played happens in whole microseconds, so that the timeline can say
// when exactly; what is compared counts up to the end of its microsecond.
static int pass_time(struct drill *d, const struct drill_step *step)
{
    if (step->time_kind == TIME_ANY)
        return 0;
    if (step->time_kind == TIME_AT)
        d->line_time = DRILL_START + step->time;
    else if (step->time_kind == TIME_AFTER)
        d->line_time += step->time;
    bool out = step->kind == STEP_LINE && step->line->kind == SOK_LINE_OUT;
    bool compared = out || is_check(step);
    if (!compared)
        d->line_time = (d->line_time + 999) / 1000 * 1000;
    if (!compared && d->line_time / 1000 < d->now / 1000 && d->tolerance == 0)
        return sok_drill_fail(d, step, "this is before the line above it");
    if (out && !d->loose && unexpected(d))
        return 0;
    out = out && !d->loose;
    if (advance(d, step, compared ? d->line_time / 1000 * 1000 + 999 : d->line_time, out))
        return -1;
    if (!out && d->now < d->line_time)
        d->now = d->line_time;
    if (!compared && d->line_time < d->now)
        d->line_time = d->now;
    return 0;
}

static int play_line(struct drill *d, const struct drill_step *step)
{
    switch ((enum sok_line_kind)step->line->kind) {
    case SOK_LINE_OUT:
        return step_out(d, step);
    case SOK_LINE_IN:
        return nothing_else(d, step) ? -1 : step_in(d, step);
    case SOK_LINE_CALL:
        if (nothing_else(d, step) || sok_drill_call(d, step))
            return -1;
        return pull(d, step);
    default:
        return step_check(d, step);
    }
}

static int play_step(struct drill *d, const struct drill_step *step)
{
    if (step->kind <= STEP_LAST_SETTING)
        return 0;
    if (step->kind == STEP_TIME)
        return step_time(d, step);
    if (pass_time(d, step))
        return -1;
    int rc = 0;
    switch (step->kind) {
    case STEP_LINE:
        return play_line(d, step);
    case STEP_QUIET:
        if (nothing_else(d, step))
            return -1;
        sok_drill_log_step(d, step);
        return step_quiet(d, step);
    case STEP_DROP:
        rc = d->loose ? 0 : step_drop(d, step);
        break;
    case STEP_INFO:
        rc = sok_drill_info(d, step);
        break;
    case STEP_COUNT:
        rc = sok_drill_count(d, step);
        break;
    case STEP_READY:
        rc = sok_drill_ready(d, step);
        break;
    default:
        rc = step_batch(d, step);
        break;
    }
    if (rc == 0)
        sok_drill_log_step(d, step);
    return rc;
}

static int play(struct drill *d)
{
    const struct drill_step *step = NULL;
    for (unsigned i = 0; i < d->script.count; i++) {
        step = &d->script.steps[i];
        if (play_step(d, step) || d->failed)
            return -1;
    }
    return nothing_else(d, step);
}

static void drill_free(struct drill *d)
{
    sok_stack_free(d->stack);
    if (d->stack && d->memory.bytes && !d->failed)
        sok_drill_fail(
            d, NULL, "%zu bytes were still held when the stack was gone", d->memory.bytes);
    sok_notation_free(d->notation);
    sok_drill_conns_free(d);
    for (unsigned i = 0; i < d->log_count; i++) {
        free(d->log[i]->text);
        free(d->log[i]);
    }
    free(d->log);
    sok_drill_script_free(&d->script);
}

int sok_drill_play(
    const char *text, const struct sok_drill_options *o, struct sok_drill_report *report)
{
    memset(report, 0, sizeof *report);
    struct drill *d = calloc(1, sizeof *d);
    if (!d)
        return SOK_ENOMEM;
    d->report = report;
    d->utf8 = o->utf8;
    const char *why;
    char *v6 = o->v6 && sok_drill_family(text, &why) == 0 ? sok_drill_to_v6(text) : NULL;
    d->v6 = v6 != NULL;
    d->loose = o->loose;
    d->now = d->line_time = DRILL_START;
    d->notation = sok_notation_new();
    if (d->notation)
        sok_notation_start(d->notation, DRILL_START);
    if (d->notation && sok_drill_parse(v6 ? v6 : text, &d->script, report) == 0 &&
        sok_drill_setup(d) == 0) {
        play(d);
        report->timeline = sok_drill_timeline(d);
        drill_free(d);
        report->passed = !d->failed;
    } else {
        drill_free(d);
    }
    free(v6);
    int rc = d->notation ? 0 : SOK_ENOMEM;
    free(d);
    return rc;
}

void sok_drill_report_free(struct sok_drill_report *report)
{
    free(report->expected);
    free(report->came);
    free(report->timeline);
    memset(report, 0, sizeof *report);
}
