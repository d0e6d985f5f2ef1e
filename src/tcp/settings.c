// The table of settings and the text form of their values.
#include <string.h>
#include "base/err.h"
#include "base/str.h"
#include "tcp/config.h"

static const struct sok_setting settings[] = {
#define SOK_X(name, unit, def, min, max, help)                                                     \
    {#name, unit, def, min, max, help, offsetof(struct sok_tcp_config, name)},
    SOK_TCP_SETTINGS(SOK_X)
#undef SOK_X
};

const struct sok_setting *sok_tcp_settings(size_t *count)
{
    *count = sizeof(settings) / sizeof(settings[0]);
    return settings;
}

void sok_tcp_config_default(struct sok_tcp_config *config)
{
    *config = (struct sok_tcp_config){.size = sizeof(*config),
#define SOK_X(name, unit, def, min, max, help) .name = def,
        SOK_TCP_SETTINGS(SOK_X)
#undef SOK_X
    };
}

struct suffix {
    const char *text;
    int64_t factor;
};

static const struct suffix durations[] = {
    {"ns", 1}, {"us", 1000}, {"ms", SOK_MS}, {"s", SOK_S}, {"m", 60 * SOK_S}, {"h", 3600 * SOK_S}};
static const struct suffix plain[] = {
    {"", 1}, {"k", 1000}, {"m", 1000000}, {"K", 1024}, {"M", 1048576}, {"G", 1073741824}};
static const struct suffix switches[] = {{"on", 1}, {"off", 0}, {"1", 1}, {"0", 0}};

static bool same_text(const char *a, const char *b)
{
    return sok_str_eq(a, b);
}

// Digits with an optional decimal point, then a suffix: "200ms", "1.5s", "64K". False if not that.
static bool parse_scaled(const char *text, const struct suffix *list, size_t count, int64_t *out)
{
    const char *p = text;
    int64_t digits = 0, divisor = 1;
    bool any = false, point = false;
    for (; (*p >= '0' && *p <= '9') || (*p == '.' && !point); p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        if (digits > INT64_C(10000000000000)) {
            return false;
        }
        any = true;
        digits = digits * 10 + (*p - '0');
        divisor *= point ? 10 : 1;
    }
    for (size_t i = 0; any && i < count; i++) {
        if (same_text(p, list[i].text)) {
            if (digits > INT64_MAX / list[i].factor) {
                return false;
            }
            *out = digits * list[i].factor / divisor;
            return true;
        }
    }
    return false;
}

// "one|two|three": the number of the word.
static bool parse_choice(const char *words, const char *text, int64_t *out)
{
    size_t len = sok_str_len(text);
    for (int64_t number = 0; words; number++) {
        const char *end = sok_str_find(words, '|');
        size_t word = end ? (size_t)(end - words) : sok_str_len(words);
        if (len == word && memcmp(words, text, len) == 0) {
            *out = number;
            return true;
        }
        words = end ? end + 1 : NULL;
    }
    return false;
}

static bool parse_value(const char *unit, const char *text, int64_t *out)
{
    if (same_text(unit, "ns")) {
        return parse_scaled(text, durations, sizeof(durations) / sizeof(durations[0]), out);
    }
    if (sok_str_find(unit, '|')) {
        return parse_choice(unit, text, out);
    }
    if (!same_text(unit, "bool")) {
        return parse_scaled(text, plain, sizeof(plain) / sizeof(plain[0]), out);
    }
    for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
        if (same_text(text, switches[i].text)) {
            *out = switches[i].factor;
            return true;
        }
    }
    return false;
}

const char *sok_setting_set(
    const struct sok_setting *rows, size_t count, void *config, const char *name, const char *value)
{
    for (size_t i = 0; i < count; i++) {
        const struct sok_setting *row = &rows[i];
        int64_t v;
        if (!same_text(name, row->name)) {
            continue;
        }
        if (!parse_value(row->unit, value, &v)) {
            return same_text(row->unit, "ns")     ? "takes a duration, such as 200ms, 1.5s or 3m"
                   : same_text(row->unit, "bool") ? "takes on or off"
                   : sok_str_find(row->unit, '|') ? "takes one of the words of --set help"
                                                  : "takes a number";
        }
        if (v < row->min || v > row->max) {
            return "is outside what is allowed for it";
        }
        memcpy((char *)config + row->offset, &v, sizeof(v));
        return NULL;
    }
    return "is not the name of a setting";
}

const char *sok_tcp_config_set(struct sok_tcp_config *config, const char *name, const char *value)
{
    return sok_setting_set(settings, sizeof(settings) / sizeof(settings[0]), config, name, value);
}
