// Drill files to steps. Every step keeps its line's number and text, for messages and the timeline.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "host/drill_internal.h"

static const struct {
    const char *word;
    uint8_t kind;
} directives[] = {
    {"set", STEP_SET},
    {"seed", STEP_SEED},
    {"link", STEP_LINK},
    {"addr", STEP_ADDR},
    {"gateway", STEP_GATEWAY},
    {"neighbour", STEP_NEIGHBOUR},
    {"peer", STEP_PEER},
    {"slaac", STEP_SLAAC},
    {"time", STEP_TIME},
    {"drop", STEP_DROP},
    {"quiet", STEP_QUIET},
    {"info", STEP_INFO},
    {"count", STEP_COUNT},
    {"ready", STEP_READY},
    {"batch", STEP_BATCH},
};

static int fail(struct sok_drill_report *r, unsigned line, const char *message)
{
    r->line = line;
    snprintf(r->message, sizeof r->message, "%s", message);
    return -1;
}

unsigned sok_drill_words(char *text, char *words[DRILL_WORDS_MAX])
{
    unsigned n = 0;
    for (char *p = text; n < DRILL_WORDS_MAX;) {
        while (*p == ' ' || *p == '\t')
            p++;
        if (!*p)
            break;
        words[n++] = p;
        while (*p && *p != ' ' && *p != '\t')
            p++;
        if (*p)
            *p++ = 0;
    }
    return n;
}

bool sok_drill_duration(const char *text, int64_t *ns)
{
    return sok_duration_parse(&text, ns) && !*text;
}

// A comment begins with # at the line's beginning or behind a space, outside of quotes; trailing space
// goes too.
static void cut_comment(char *s)
{
    bool quoted = false;
    size_t i = 0;
    for (; s[i]; i++) {
        if (quoted && s[i] == '\\' && s[i + 1])
            i++;
        else if (s[i] == '"')
            quoted = !quoted;
        else if (s[i] == '#' && !quoted && (i == 0 || isspace((unsigned char)s[i - 1])))
            break;
    }
    while (i && isspace((unsigned char)s[i - 1]))
        i--;
    s[i] = 0;
}

// "0.2", "+0.2", "+40ms", "~". Leaves body at what follows.
static bool parse_time(struct drill_step *s)
{
    const char *p = s->source;
    while (isspace((unsigned char)*p))
        p++;
    s->time_kind = TIME_SAME;
    if (*p == '~') {
        s->time_kind = TIME_ANY;
        p++;
    } else if (*p == '+' || isdigit((unsigned char)*p)) {
        s->time_kind = *p == '+' ? TIME_AFTER : TIME_AT;
        p += *p == '+';
        if (!sok_duration_parse(&p, &s->time))
            return false;
    }
    if (*p && !isspace((unsigned char)*p) && s->time_kind != TIME_SAME)
        return false;
    while (isspace((unsigned char)*p))
        p++;
    s->body = s->source + (p - s->source);
    return true;
}

static const char *parse_quiet(struct drill_step *s)
{
    const char *p = s->body + strlen("quiet");
    while (*p == ' ')
        p++;
    s->relative = strncmp(p, "for ", 4) == 0;
    if (!s->relative && strncmp(p, "until ", 6) != 0)
        return "quiet is 'quiet until TIME' or 'quiet for DURATION'";
    p += s->relative ? 4 : 6;
    while (*p == ' ')
        p++;
    if (!sok_duration_parse(&p, &s->until) || *p)
        return "quiet is 'quiet until TIME' or 'quiet for DURATION'";
    return NULL;
}

static int parse_step(struct drill_step *s, bool settings_over, struct sok_drill_report *r)
{
    char err[SOK_LINE_ERR_MAX];
    if (!parse_time(s))
        return fail(r, s->line_no,
            "a time is 0.2 (from the start), +0.2 (after the line before) or ~ (any)");
    size_t n = strcspn(s->body, " \t");
    for (size_t i = 0; i < sizeof directives / sizeof *directives; i++) {
        if (strlen(directives[i].word) != n || strncmp(s->body, directives[i].word, n) != 0)
            continue;
        s->kind = directives[i].kind;
        if (s->kind == STEP_ADDR && settings_over) // what became of an address: a line
            break;
        if (s->kind <= STEP_LAST_SETTING && settings_over)
            return fail(r, s->line_no,
                "set, seed, link, gateway, neighbour, peer and slaac come before what is played");
        const char *wrong = s->kind == STEP_QUIET ? parse_quiet(s) : NULL;
        return wrong ? fail(r, s->line_no, wrong) : 0;
    }
    s->kind = STEP_LINE;
    s->line = calloc(1, sizeof *s->line);
    if (!s->line)
        return fail(r, s->line_no, "no memory");
    if (sok_line_parse(s->body, s->line, err) == 0)
        return 0;
    if (strstr(err, "begins no line"))
        snprintf(err + strlen(err), sizeof err - strlen(err),
            "; nor is it a directive (set seed link addr gateway neighbour peer time drop quiet "
            "info count ready batch)");
    return fail(r, s->line_no, err);
}

static struct drill_step *add_step(struct drill_script *d)
{
    if (d->count == d->cap) {
        unsigned cap = d->cap ? 2 * d->cap : 64;
        struct drill_step *steps = realloc(d->steps, cap * sizeof *steps);
        if (!steps)
            return NULL;
        d->steps = steps;
        d->cap = cap;
    }
    struct drill_step *s = &d->steps[d->count++];
    memset(s, 0, sizeof *s);
    return s;
}

int sok_drill_parse(const char *text, struct drill_script *out, struct sok_drill_report *report)
{
    memset(out, 0, sizeof *out);
    out->text = strdup(text);
    if (!out->text)
        return fail(report, 0, "no memory");
    bool settings_over = false;
    unsigned line_no = 0;
    for (char *p = out->text, *next; p; p = next) {
        line_no++;
        next = strchr(p, '\n');
        if (next)
            *next++ = 0;
        cut_comment(p);
        if (!*p)
            continue;
        struct drill_step *s = add_step(out);
        if (!s)
            return fail(report, line_no, "no memory");
        s->line_no = line_no;
        s->source = p;
        if (parse_step(s, settings_over, report))
            return -1;
        settings_over = settings_over || s->kind > STEP_TIME;
    }
    if (!settings_over)
        return fail(report, line_no, "nothing is played here");
    return 0;
}

void sok_drill_script_free(struct drill_script *s)
{
    for (unsigned i = 0; i < s->count; i++)
        free(s->steps[i].line);
    free(s->steps);
    free(s->text);
}
