// The words of --impair: "loss=1%,delay=20ms,rate=10mbit,drop-out=3/9".
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "link/internal.h"

#define WORD_MAX 63

struct unit {
    const char *name;
    double factor;
};

// A number with one of these units; the unit "" must be listed where none is needed.
static bool number(const char *text, const struct unit *units, double *out)
{
    char *end;
    if (!strchr("0123456789.", *text) || !*text)
        return false;
    double v = strtod(text, &end);
    if (!isfinite(v))
        return false;
    for (const struct unit *u = units; u->name; u++) {
        if (strcmp(end, u->name) == 0) {
            *out = v * u->factor;
            return true;
        }
    }
    return false;
}

static bool probability(const char *text, double *out)
{
    static const struct unit units[] = {{"%", 0.01}, {"", 1}, {0}};
    double v;
    if (!number(text, units, &v) || v > 1)
        return false;
    *out = v;
    return true;
}

static bool duration(const char *text, int64_t *out)
{
    static const struct unit units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {0}};
    double v;
    if (!number(text, units, &v) || v > 3600e9)
        return false;
    *out = (int64_t)v;
    return true;
}

static bool rate(const char *text, uint64_t *out)
{
    static const struct unit units[] = {
        {"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {0}};
    double v;
    if (!number(text, units, &v) || v < 1 || v > 1e15)
        return false;
    *out = (uint64_t)v;
    return true;
}

static bool whole(const char *text, uint64_t max, uint64_t *out)
{
    char *end;
    errno = 0;
    if (!strchr("0123456789", *text) || !*text)
        return false;
    unsigned long long v = strtoull(text, &end, 10);
    if (*end || errno || v > max)
        return false;
    *out = v;
    return true;
}

// "3/9/12": at most eight, each above 0.
static bool numbers(const char *text, uint64_t out[8])
{
    char copy[WORD_MAX + 1];
    char *at = strcpy(copy, text);
    memset(out, 0, 8 * sizeof(*out));
    for (unsigned i = 0; i < 8; i++) {
        char *slash = strchr(at, '/');
        if (slash)
            *slash = '\0';
        if (!whole(at, UINT64_MAX, &out[i]) || out[i] == 0)
            return false;
        if (!slash)
            return true;
        at = slash + 1;
    }
    return false;
}

// NULL: understood; else what it should look like.
static const char *set(struct sok_impair *w, const char *key, const char *value)
{
    uint64_t queue;
    if (strcmp(key, "loss") == 0)
        return probability(value, &w->loss) ? NULL : "loss=1%";
    if (strcmp(key, "dup") == 0)
        return probability(value, &w->duplicate) ? NULL : "dup=0.1%";
    if (strcmp(key, "reorder") == 0)
        return probability(value, &w->reorder) ? NULL : "reorder=1%";
    if (strcmp(key, "corrupt") == 0)
        return probability(value, &w->corrupt) ? NULL : "corrupt=0.1%";
    if (strcmp(key, "delay") == 0)
        return duration(value, &w->delay) ? NULL : "delay=20ms";
    if (strcmp(key, "jitter") == 0)
        return duration(value, &w->jitter) ? NULL : "jitter=2ms";
    if (strcmp(key, "rate") == 0)
        return rate(value, &w->rate) ? NULL : "rate=10mbit";
    if (strcmp(key, "seed") == 0)
        return whole(value, UINT64_MAX, &w->seed) ? NULL : "seed=7";
    if (strcmp(key, "drop-out") == 0)
        return numbers(value, w->drop_out) ? NULL : "drop-out=3/9 (at most eight, from 1)";
    if (strcmp(key, "drop-in") == 0)
        return numbers(value, w->drop_in) ? NULL : "drop-in=3/9 (at most eight, from 1)";
    if (strcmp(key, "queue") == 0) {
        if (!whole(value, 1000000, &queue) || queue == 0)
            return "queue=1000 (1 to 1000000)";
        w->queue = (uint32_t)queue;
        return NULL;
    }
    return "";
}

static int set_word(struct sok_impair *w, const char *word, char *err)
{
    char key[WORD_MAX + 1];
    const char *equals = strchr(word, '=');
    if (!equals)
        return sok_link_fail(
            err, SOK_EINVAL, "impair: %s needs a value (loss=1%%,delay=20ms)", word);
    memcpy(key, word, (size_t)(equals - word));
    key[equals - word] = '\0';
    const char *right = set(w, key, equals + 1);
    if (!right)
        return 0;
    if (*right)
        return sok_link_fail(err, SOK_EINVAL, "impair: not understood: %s (write %s)", word, right);
    return sok_link_fail(err, SOK_EINVAL,
        "impair: no such word: %s (there are loss, delay, jitter, dup, reorder, corrupt, rate, "
        "queue, "
        "seed, drop-out, drop-in)",
        key);
}

int sok_impair_parse(const char *text, struct sok_impair *out, char *err)
{
    struct sok_impair w = {.seed = 1};
    const char *at = text;
    while (*at) {
        char word[WORD_MAX + 1];
        size_t len = strcspn(at, ",");
        if (len == 0 || len > WORD_MAX)
            return sok_link_fail(
                err, SOK_EINVAL, "impair: not understood: %.60s (write loss=1%%,delay=20ms)", text);
        memcpy(word, at, len);
        word[len] = '\0';
        int r = set_word(&w, word, err);
        if (r < 0)
            return r;
        at += len;
        if (*at == ',' && *++at == '\0')
            return sok_link_fail(err, SOK_EINVAL, "impair: a word is missing after the last comma");
    }
    *out = w;
    return 0;
}
