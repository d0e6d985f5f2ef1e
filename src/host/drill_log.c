// The log of a drill: what happened, event by event, and the lines of the script between; the timeline is made of it.
#include "host/drill_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_MAX 200000

struct drill_entry *sok_drill_log_entry(struct drill *d)
{
    if (d->log_count == d->log_cap) {
        unsigned cap = d->log_cap ? 2 * d->log_cap : 256;
        struct drill_entry **log = realloc(d->log, cap * sizeof(struct drill_entry *));
        if (!log)
            return NULL;
        d->log = log;
        d->log_cap = cap;
    }
    struct drill_entry *e = d->log_count < LOG_MAX ? calloc(1, sizeof *e) : NULL;
    if (!e) {
        sok_drill_fail(d, NULL, "more happens than can be kept (%d lines at most)", LOG_MAX);
        return NULL;
    }
    return d->log[d->log_count++] = e;
}

void sok_drill_log_text(struct drill *d, const char *text)
{
    struct drill_entry *e = sok_drill_log_entry(d);
    if (e)
        e->text = strdup(text);
}

void sok_drill_log_line(struct drill *d, const struct sok_line *line)
{
    struct drill_entry *e = sok_drill_log_entry(d);
    if (!e)
        return;
    e->line = *line;
    e->line.has_time = true;
    e->line.time = d->now - DRILL_START;
}

void sok_drill_log_step(struct drill *d, const struct drill_step *step)
{
    struct sok_line l = {.has_time = true, .time = d->now - DRILL_START};
    struct sok_line_text t;
    sok_line_text(&l, d->utf8, false, &t);
    size_t len = strlen(step->body) + 32;
    char *text = malloc(len);
    if (!text)
        return;
    if (step->kind <= STEP_TIME)
        snprintf(text, len, "%s", step->body);
    else
        snprintf(text, len, "%10s  %s", t.time, step->body);
    sok_drill_log_text(d, text);
    free(text);
}

char *sok_drill_entry_text(const struct drill *d, const struct drill_entry *e)
{
    if (e->text)
        return strdup(e->text);
    struct sok_line l = e->line;
    struct sok_line_text t;
    char out[SOK_LINE_MAX];
    // The one connection there is needs no name; with more of them the first has none in a script either.
    if (d->tags < 2 && strcmp(l.tag, "1") == 0)
        l.tag[0] = 0;
    l.plain &= ~SOK_HAS(TEXT); // what is played is played again from this text
    sok_line_text(&l, d->utf8, false, &t);
    unsigned width = 0;
    for (unsigned i = 0; i < d->conn_count && d->tags > 1; i++) {
        unsigned w = (unsigned)strlen(d->conns[i]->tag) + 2;
        width = w > width ? w : width;
    }
    sok_line_join(&t, width, out);
    return strdup(out);
}

char *sok_drill_timeline(const struct drill *d)
{
    char *all = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&all, &len);
    if (!f)
        return NULL;
    for (unsigned i = 0; i < d->log_count; i++) {
        char *text = d->log[i]->merged ? NULL : sok_drill_entry_text(d, d->log[i]);
        if (text)
            fprintf(f, "%s\n", text);
        free(text);
    }
    fclose(f);
    return all;
}
