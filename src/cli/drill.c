// sockeye drill: conversations played against the stack, under virtual time.
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/cli.h"
#include "host/drill.h"
#include "host/timeline.h"

#define DRILL_FILE_MAX (4 << 20)
#define DRILLS_MAX     100000

static const struct sok_cli_option options[] = {
    {'v', "verbose", NULL, "print the timeline of each drill (itself a drill)"},
    {'j', "json", NULL, "one JSON object per drill"},
    {'4', "ipv4", NULL, "but those about IPv6 (normally: each as it is)"},
    {'6', "ipv6", NULL, "over IPv6, but those about IPv4, which say so"},
    {'p', "play", NULL, "only play: compare nothing, print what came out"},
    {0, NULL, NULL, NULL},
};

struct drills {
    bool verbose, json, play, colour, utf8;
    unsigned family; // 0: as it is
    char **paths;
    size_t count, cap;
    unsigned passed, failed, other; // other: of the family that is not wanted
};

static int take_option(void *ctx, int key, const char *arg)
{
    struct drills *d = ctx;
    (void)arg;
    if (key == 'v')
        d->verbose = true;
    else if (key == 'j')
        d->json = true;
    else if (key == '4' || key == '6')
        d->family = key == '4' ? 4 : 6;
    else
        d->play = d->verbose = true;
    return 0;
}

static int add_path(struct drills *d, const char *path)
{
    if (d->count == DRILLS_MAX)
        return sok_cli_fail(SOK_EXIT_USAGE, "more than %d drills at once", DRILLS_MAX);
    if (d->count == d->cap) {
        size_t cap = d->cap ? 2 * d->cap : 64;
        char **paths = realloc(d->paths, cap * sizeof *paths);
        if (!paths)
            return sok_cli_fail(1, "%s", strerror(ENOMEM));
        d->paths = paths;
        d->cap = cap;
    }
    d->paths[d->count] = strdup(path);
    return d->paths[d->count++] ? 0 : sok_cli_fail(1, "%s", strerror(ENOMEM));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

// A directory means every *.drill in it and below, in order.
static int collect(struct drills *d, const char *path, unsigned depth)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return sok_cli_fail(SOK_EXIT_USAGE, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return add_path(d, path);
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, by_name), rc = 0;
    if (n < 0)
        return sok_cli_fail(SOK_EXIT_USAGE, "%s: %s", path, strerror(errno));
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        size_t len = strlen(name);
        char *below = NULL;
        if (rc == 0 && name[0] != '.' && asprintf(&below, "%s/%s", path, name) >= 0) {
            bool dir = stat(below, &st) == 0 && S_ISDIR(st.st_mode);
            if (dir && depth < 8)
                rc = collect(d, below, depth + 1);
            else if (!dir && len > 6 && strcmp(name + len - 6, ".drill") == 0)
                rc = add_path(d, below);
        }
        free(below);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

// The whole text of a file, to be freed; NULL: a message was given.
static char *read_file(const char *path)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    char *text = f ? malloc(DRILL_FILE_MAX + 1) : NULL;
    size_t n = text ? fread(text, 1, DRILL_FILE_MAX, f) : 0;
    const char *wrong = !f || !text || ferror(f) ? strerror(errno)
                        : n == DRILL_FILE_MAX    ? "longer than 4 MiB"
                        : memchr(text, 0, n)     ? "not a text file"
                                                 : NULL;
    if (f && f != stdin)
        fclose(f);
    if (!wrong) {
        text[n] = 0;
        return text;
    }
    sok_cli_fail(0, "%s: %s", path, wrong);
    free(text);
    return NULL;
}

static void print_json(const char *path, const struct sok_drill_report *r)
{
    json_t *o = json_pack("{s:s,s:b}", "file", path, "passed", r->passed);
    if (!r->passed) {
        json_object_set_new(o, "line", json_integer(r->line));
        json_object_set_new(o, "message", json_string(r->message));
        json_object_set_new(o, "expected", r->expected ? json_string(r->expected) : json_null());
        json_object_set_new(o, "came", r->came ? json_string(r->came) : json_null());
    }
    json_t *lines = json_array();
    for (const char *p = r->timeline; p && *p;) {
        size_t n = strcspn(p, "\n");
        json_array_append_new(lines, json_stringn(p, n));
        p += n + (p[n] == '\n');
    }
    json_object_set_new(o, "timeline", lines);
    json_dumpf(o, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(o);
}

static void print_indented(const char *text)
{
    for (const char *p = text; p && *p;) {
        size_t n = strcspn(p, "\n");
        printf("    %.*s\n", (int)n, p);
        p += n + (p[n] == '\n');
    }
}

static void print_failure(
    const struct drills *d, const char *path, const struct sok_drill_report *r)
{
    const char *red = d->colour ? "\033[31m" : "", *bold = d->colour ? "\033[1m" : "",
               *plain = d->colour ? "\033[0m" : "";
    printf("%snot ok%s  %s\n", red, plain, path);
    if (r->line)
        printf("%s%s:%u: %s%s\n", bold, path, r->line, r->message, plain);
    else
        printf("%s%s: %s%s\n", bold, path, r->message, plain);
    if (r->expected)
        printf("  expected:\n    %s\n", r->expected);
    if (r->expected || r->came)
        printf("  came:\n    %s\n", r->came ? r->came : "(nothing)");
    if (r->timeline && *r->timeline) {
        printf("  so far:\n");
        print_indented(r->timeline);
    }
}

// A drill that is about the other family, and why.
static void print_other(const struct drills *d, const char *path, unsigned family, const char *why)
{
    int n = (int)strcspn(why, "\n");
    if (d->json) {
        json_t *o =
            json_pack("{s:s,s:i,s:s#}", "file", path, "family", (int)family, "reason", why, n);
        json_dumpf(o, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(o);
    } else {
        printf("-       %s: IPv%u alone%s%.*s\n", path, family, n ? ": " : "", n, why);
    }
}

static int play(struct drills *d, const char *path)
{
    struct sok_drill_report report;
    char *text = read_file(path);
    if (!text)
        return SOK_EXIT_USAGE;
    const char *why;
    unsigned family = sok_drill_family(text, &why);
    if (family && d->family && family != d->family) {
        print_other(d, path, family, why);
        d->other++;
        free(text);
        return 0;
    }
    struct sok_drill_options o = {.utf8 = d->utf8, .loose = d->play, .v6 = d->family == 6};
    if (sok_drill_play(text, &o, &report) != 0) {
        free(text);
        return sok_cli_fail(1, "%s: %s", path, strerror(ENOMEM));
    }
    d->passed += report.passed;
    d->failed += !report.passed;
    if (d->json)
        print_json(path, &report);
    else if (!report.passed)
        print_failure(d, path, &report);
    else if (d->verbose && d->count == 1)
        printf("%s", report.timeline);
    else
        printf("%sok%s      %s\n", d->colour ? "\033[32m" : "", d->colour ? "\033[0m" : "", path);
    if (report.passed && d->verbose && !d->json && d->count > 1)
        print_indented(report.timeline);
    sok_drill_report_free(&report);
    free(text);
    return 0;
}

static int run(const struct sok_cli_command *self, int argc, char **argv)
{
    struct drills d = {.colour = isatty(1), .utf8 = sok_timeline_locale_utf8()};
    int at = sok_cli_parse(self, argc, argv, take_option, &d, NULL), rc = 0;
    if (at <= 0)
        return sok_cli_exit_code(at);
    if (at == argc)
        return sok_cli_usage(self, "no drill given");
    for (; at < argc && rc == 0; at++)
        rc = strcmp(argv[at], "-") == 0 ? add_path(&d, argv[at]) : collect(&d, argv[at], 0);
    if (rc == 0 && d.count == 0)
        rc = sok_cli_fail(SOK_EXIT_USAGE, "no *.drill file there");
    for (size_t i = 0; i < d.count && rc == 0; i++)
        rc = play(&d, d.paths[i]);
    for (size_t i = 0; i < d.count; i++)
        free(d.paths[i]);
    if (!d.json && d.count > 1 && rc == 0)
        printf("%u passed, %u failed%s", d.passed, d.failed, d.other ? "" : "\n");
    if (!d.json && d.other && d.count > 1 && rc == 0)
        printf(", %u of the other family\n", d.other);
    free(d.paths);
    if (fflush(stdout) != 0)
        return sok_cli_fail(1, "stdout: %s", strerror(errno));
    return rc ? rc : d.failed ? 1 : 0;
}

const struct sok_cli_command sok_cmd_drill = {
    .name = "drill",
    .summary = "Play conversations against the stack, under virtual time",
    .usage = "[-v] [-4|-6] [--json] FILE...|DIR",
    .about = "A drill is a timeline: its calls and incoming packets are played, the rest must come "
             "out.\n"
             "A directory means every *.drill below it; - is standard input. With -v the timeline "
             "of a drill\n"
             "that passed is printed: it is a drill again. Exit code 1 if a drill failed, 2 if one "
             "could not\n"
             "be read. With -6 a drill over IPv4 is played over IPv6 instead: 192.0.2.1 is "
             "2001:db8::c000:201 then.\n"
             "The format: sockeye-drill(1).\n",
    .options = options,
    .run = run,
};
