// Looking at a drill's stack from above: info, count, ready.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "host/drill_internal.h"

enum info_type { INFO_STATE, INFO_LIMIT, INFO_TIME, INFO_U32, INFO_U64, INFO_U8, INFO_BOOL };
static const struct info_row {
    const char *name;
    uint8_t type;
    uint16_t offset;
} info_rows[] = {
#define ROW(name, type)                                                                            \
    {                                                                                              \
#name, type, offsetof(struct sok_tcp_info, name)                                           \
    }
    ROW(state, INFO_STATE),
    ROW(srtt, INFO_TIME),
    ROW(rttvar, INFO_TIME),
    ROW(rto, INFO_TIME),
    ROW(cwnd, INFO_U32),
    ROW(ssthresh, INFO_U32),
    ROW(snd_mss, INFO_U32),
    ROW(rcv_mss, INFO_U32),
    ROW(snd_wnd, INFO_U32),
    ROW(rcv_wnd, INFO_U32),
    ROW(snd_queued, INFO_U32),
    ROW(snd_unacked, INFO_U32),
    ROW(rcv_queued, INFO_U32),
    ROW(rcv_early, INFO_U32),
    ROW(rcv_urgent, INFO_U32),
    ROW(bytes_sent, INFO_U64),
    ROW(bytes_again, INFO_U64),
    ROW(bytes_acked, INFO_U64),
    ROW(bytes_received, INFO_U64),
    ROW(segments_in, INFO_U64),
    ROW(segments_out, INFO_U64),
    ROW(timeouts, INFO_U32),
    ROW(fast_retransmits, INFO_U32),
    ROW(retries, INFO_U32),
    ROW(fastopen, INFO_BOOL),
    ROW(ecn, INFO_BOOL),
    ROW(ecn_marks, INFO_U32),
    ROW(snd_wscale, INFO_U8),
    ROW(rcv_wscale, INFO_U8),
    ROW(sack, INFO_BOOL),
    ROW(timestamps, INFO_BOOL),
    ROW(min_rtt, INFO_TIME),
    ROW(snd_unsent, INFO_U32),
    ROW(sacked, INFO_U32),
    ROW(lost, INFO_U32),
    ROW(bytes_spurious, INFO_U64),
    ROW(tail_probes, INFO_U32),
    ROW(undone, INFO_U32),
    ROW(reordering, INFO_BOOL),
    ROW(delivery_rate, INFO_U64),
    ROW(delivery_rate_limited, INFO_BOOL),
    ROW(limit, INFO_LIMIT),
    ROW(age, INFO_TIME),
#undef ROW
// Of `limited`, the time spent with each limit.
#define SPENT(name, what)                                                                          \
    {                                                                                              \
        "time_" #name, INFO_TIME,                                                                  \
            (uint16_t)(offsetof(struct sok_tcp_info, limited) +                                    \
                       SOK_TCP_LIMIT_##what * sizeof(int64_t))                                     \
    }
    SPENT(handshake, HANDSHAKE),
    SPENT(application, APPLICATION),
    SPENT(send_buffer, SEND_BUFFER),
    SPENT(nagle, NAGLE),
    SPENT(receiver, RECEIVER),
    SPENT(cwnd, CWND),
    SPENT(recovery, RECOVERY),
    SPENT(pacing, PACING),
    SPENT(link, LINK),
#undef SPENT
};

static int64_t info_value(const struct sok_tcp_info *info, const struct info_row *row)
{
    const void *p = (const char *)info + row->offset;
    int64_t time;
    uint32_t u32;
    uint64_t u64;
    switch (row->type) {
    case INFO_STATE:
        return info->state;
    case INFO_LIMIT:
        return info->limit;
    case INFO_TIME:
        memcpy(&time, p, sizeof time);
        return time / 1000 * 1000;
    case INFO_U32:
        memcpy(&u32, p, sizeof u32);
        return u32;
    case INFO_U64:
        memcpy(&u64, p, sizeof u64);
        return (int64_t)u64;
    default:
        return *(const uint8_t *)p;
    }
}

static bool info_parse(const struct info_row *row, const char *text, int64_t *v)
{
    char *end;
    if (row->type == INFO_STATE) {
        for (*v = 0; *v < SOK_TCP_STATE_COUNT; (*v)++) {
            if (strcmp(sok_tcp_state_text((enum sok_tcp_state) * v), text) == 0)
                return true;
        }
        return false;
    }
    if (row->type == INFO_LIMIT) { // the first word of its text
        for (*v = 0; *v < SOK_TCP_LIMIT_COUNT; (*v)++) {
            const char *name = sok_tcp_limit_text((enum sok_tcp_limit) * v);
            size_t len = strcspn(name, "' ");
            if (strlen(text) == len && strncmp(name, text, len) == 0)
                return true;
        }
        return false;
    }
    if (row->type == INFO_TIME)
        return sok_drill_duration(text, v);
    if (row->type == INFO_BOOL && (strcmp(text, "on") == 0 || strcmp(text, "off") == 0)) {
        *v = text[1] == 'n';
        return true;
    }
    if (strcmp(text, "none") == 0) {
        *v = UINT32_MAX;
        return true;
    }
    *v = strtoll(text, &end, 10);
    return *text && !*end;
}

static bool holds(int64_t a, const char *op, int64_t b)
{
    if (strcmp(op, "<") == 0)
        return a < b;
    if (strcmp(op, "<=") == 0)
        return a <= b;
    if (strcmp(op, ">") == 0)
        return a > b;
    if (strcmp(op, ">=") == 0)
        return a >= b;
    return strcmp(op, "!=") == 0 ? a != b : a == b;
}

static bool is_op(const char *w)
{
    return strspn(w, "<>=!") == strlen(w);
}

static int info_one(struct drill *d, const struct drill_step *step, const struct sok_tcp_info *info,
    const char *name, const char *op, const char *value)
{
    for (size_t i = 0; i < sizeof info_rows / sizeof *info_rows; i++) {
        const struct info_row *row = &info_rows[i];
        int64_t want, got;
        if (strcmp(row->name, name) != 0)
            continue;
        if (!info_parse(row, value, &want))
            return sok_drill_fail(d, step, "'%s' is no value of %s", value, name);
        got = info_value(info, row);
        if (holds(got, op, want))
            return 0;
        char text[SOK_DURATION_MAX];
        if (row->type == INFO_STATE)
            return sok_drill_fail(
                d, step, "%s is %s", name, sok_tcp_state_text((enum sok_tcp_state)got));
        if (row->type == INFO_LIMIT)
            return sok_drill_fail(
                d, step, "%s is %s", name, sok_tcp_limit_text((enum sok_tcp_limit)got));
        if (row->type == INFO_TIME)
            return sok_drill_fail(d, step, "%s is %s", name, sok_duration_format(got, true, text));
        return sok_drill_fail(d, step, "%s is %" PRId64, name, got);
    }
    char names[1000] = "";
    for (size_t i = 0, used = 0; i < sizeof info_rows / sizeof *info_rows; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, " %s", info_rows[i].name);
    return sok_drill_fail(d, step, "no such info: %s (there is:%s)", name, names);
}

// The words of a step's body after its first; *c: of the tag there may be.
static unsigned step_words(struct drill *d, const struct drill_step *step, char **copy,
    char *words[DRILL_WORDS_MAX], struct drill_conn **c)
{
    *copy = strdup(step->body);
    unsigned n = *copy ? sok_drill_words(*copy, words) : 0, first = 1;
    bool tag = n > 1 && words[1][0] == '@';
    if (c)
        *c = sok_drill_conn_of_tag(d, tag ? words[1] + 1 : "", false);
    first += c && tag;
    for (unsigned i = first; i < n; i++)
        words[i - first] = words[i];
    return n > first ? n - first : 0;
}

int sok_drill_info(struct drill *d, const struct drill_step *step)
{
    if (d->loose)
        return 0;
    char *copy, *words[DRILL_WORDS_MAX];
    struct drill_conn *c;
    unsigned n = step_words(d, step, &copy, words, &c);
    int rc = 0;
    if (!c || !c->tcp) {
        rc = sok_drill_fail(d, step, "no connection is open here");
        goto out;
    }
    struct sok_tcp_info info;
    sok_stack_advance(d->stack, d->now); // nothing is due, but it knows what time it is
    sok_tcp_info(c->tcp, &info);
    for (unsigned i = 0; rc == 0 && i < n;) {
        bool op = i + 2 < n && is_op(words[i + 1]);
        // "rto 200 ms" is one value.
        bool unit =
            i + 2 + op < n &&
            strspn(words[i + 1 + op], "0123456789.") == strlen(words[i + 1 + op]) &&
            (strcmp(words[i + 2 + op], "ms") == 0 || strcmp(words[i + 2 + op], "s") == 0 ||
                strcmp(words[i + 2 + op], "us") == 0 || strcmp(words[i + 2 + op], "µs") == 0);
        if (i + 1 + op >= n) {
            rc = sok_drill_fail(d, step, "info is: info [@TAG] NAME [= != < <= > >=] VALUE ...");
            break;
        }
        char value[64];
        snprintf(value, sizeof value, "%s%s", words[i + 1 + op], unit ? words[i + 2 + op] : "");
        rc = info_one(d, step, &info, words[i], op ? words[i + 1] : "=", value);
        i += 2u + op + unit;
    }
out:
    free(copy);
    return rc;
}

int sok_drill_count(struct drill *d, const struct drill_step *step)
{
    if (d->loose)
        return 0;
    struct sok_tcp_counts counts;
    sok_stack_counts(d->stack, &counts);
    const char *p = step->body + strlen("count");
    p += strspn(p, " ");
    unsigned long n;
    int used = 0;
    if (strncmp(p, "drop ", 5) == 0 && sscanf(p + 5, "%lu %n", &n, &used) == 1) {
        const char *text = p + 5 + used;
        for (unsigned i = 0; i < SOK_DROP_COUNT; i++) {
            if (strcmp(sok_drop_text(i), text) != 0)
                continue;
            if (counts.drops[i] == n)
                return 0;
            return sok_drill_fail(d, step, "it is %" PRIu64, counts.drops[i]);
        }
        return sok_drill_fail(d, step, "no such drop: '%s' (see docs/events.md)", text);
    }
    const struct {
        const char *name;
        uint64_t value;
    } all[] = {{"conns", counts.conns}, {"listeners", counts.listeners},
        {"time_waits", counts.time_waits}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        size_t len = strlen(all[i].name);
        if (strncmp(p, all[i].name, len) != 0 || sscanf(p + len, " %lu %n", &n, &used) != 1 ||
            p[len + (size_t)used])
            continue;
        return all[i].value == n ? 0 : sok_drill_fail(d, step, "it is %" PRIu64, all[i].value);
    }
    return sok_drill_fail(d, step,
        "count is: count conns N, count listeners N, count time_waits N, or "
        "count drop N REASON");
}

int sok_drill_ready(struct drill *d, const struct drill_step *step)
{
    if (d->loose)
        return 0;
    static const struct {
        const char *name;
        uint32_t bit;
    } bits[] = {{"in", SOK_READY_IN}, {"out", SOK_READY_OUT}, {"error", SOK_READY_ERROR},
        {"hup", SOK_READY_HUP}, {"urgent", SOK_READY_URGENT}, {"none", 0}};
    char *copy, *words[DRILL_WORDS_MAX], is[64] = "";
    struct drill_conn *c;
    unsigned n = step_words(d, step, &copy, words, &c);
    uint32_t want = 0;
    int rc = 0;
    for (unsigned i = 0; i < n && rc == 0; i++) {
        size_t k = 0;
        while (k < sizeof bits / sizeof *bits && strcmp(bits[k].name, words[i]) != 0)
            k++;
        if (k == sizeof bits / sizeof *bits)
            rc = sok_drill_fail(d, step, "ready is: ready [@TAG] in out error hup urgent, or none");
        else
            want |= bits[k].bit;
    }
    free(copy);
    struct sok_sock *s = !c            ? NULL
                         : c->tcp      ? (struct sok_sock *)c->tcp
                         : c->listener ? (struct sok_sock *)c->listener
                         : c->udp      ? (struct sok_sock *)c->udp
                         : c->raw      ? (struct sok_sock *)c->raw
                                       : (struct sok_sock *)c->echo;
    if (rc)
        return rc;
    if (!s)
        return sok_drill_fail(d, step, "nothing is open here");
    if (s->ready == want)
        return 0;
    for (size_t k = 0, used = 0; k + 1 < sizeof bits / sizeof *bits; k++) {
        if (s->ready & bits[k].bit)
            used += (size_t)snprintf(is + used, sizeof is - used, " %s", bits[k].name);
    }
    return sok_drill_fail(d, step, "it is ready for:%s", *is ? is : " none");
}
