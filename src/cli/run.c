// sockeye run: an unmodified program whose sockets are Sockeye's. A library loaded before the C library
// (src/preload) asks the host, which is a process of its own (run_host.c), over its door.
#include "cli/run.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { OPT_LOOPBACK = 256, OPT_TRACE };

static const struct sok_cli_option options[] = {
    {OPT_LOOPBACK, "loopback", NULL,
        "127.0.0.0/8 is Sockeye's own too; else it stays the kernel's"},
    {OPT_TRACE, "trace", "[=text|json]", "the program's calls and the packets, in one timeline"},
    {'o', "output", "FILE", "the timeline goes there, not to standard error"},
    {'v', "verbose", NULL, "how the way there was made"},
    {0, NULL, NULL, NULL},
};

struct run {
    bool loopback, verbose;
    enum sok_cli_events trace;
    const char *output;
    const struct sok_cli_command *command;
};

static int take_trace(struct run *r, const char *arg)
{
    if (arg && strcmp(arg, "json") != 0 && strcmp(arg, "text") != 0)
        return sok_cli_usage(r->command, "not a kind of trace: %s (text or json)", arg);
    r->trace = arg && strcmp(arg, "json") == 0 ? SOK_CLI_EVENTS_JSON : SOK_CLI_EVENTS_TEXT;
    return 0;
}

static int take_option(void *ctx, int key, const char *arg)
{
    struct run *r = ctx;
    switch (key) {
    case OPT_LOOPBACK:
        r->loopback = true;
        return 0;
    case OPT_TRACE:
        return take_trace(r, arg);
    case 'o':
        r->output = arg;
        return 0;
    default:
        r->verbose = true;
        return 0;
    }
}

// Where the timeline goes, opened before there is a host.
static int prepare_trace(const struct run *r, struct sok_cli_host *h)
{
    if (r->output && r->trace == SOK_CLI_EVENTS_NONE)
        return sok_cli_usage(r->command, "-o is for --trace");
    if (r->trace == SOK_CLI_EVENTS_NONE)
        return 0;
    h->events = r->trace;
    h->programs = true;
    if (r->output && !(h->events_file = fopen(r->output, "we")))
        return sok_cli_fail(1, "%s: %s", r->output, strerror(errno));
    return 0;
}

// One of our own, or with --host one that is up.
static int get_host(const struct run *r, struct sok_cli_host *h, struct sok_run_host *host)
{
    char name[SOK_PLACE_NAME_MAX];
    if (h->join && (r->trace != SOK_CLI_EVENTS_NONE || r->loopback))
        return sok_cli_usage(r->command, "--%s is for a host of its own, not with --host",
            r->loopback ? "loopback" : "trace");
    if (h->join)
        return sok_join_door(h->join, host->path);
    sok_place_sweep();
    sok_place_name_mine(name);
    return sok_run_host_start(h, name, r->loopback, false, host);
}

static int run(const struct sok_cli_command *self, int argc, char **argv)
{
    struct run r = {.command = self};
    struct sok_cli_host h = {0};
    struct sok_run_host host = {0};
    char path[4096];
    int first = sok_cli_parse(self, argc, argv, take_option, &r, &h);
    if (first <= 0)
        return sok_cli_exit_code(first);
    if (first == argc)
        return sok_cli_usage(self, "no program given");
    h.verbose = r.verbose;
    int code = prepare_trace(&r, &h);
    if (code == 0)
        code = sok_run_find(argv[first], path);
    if (code == 0)
        code = get_host(&r, &h, &host);
    if (code != 0)
        return code;
    pid_t child = sok_run_child_start(path, argv + first, host.path, r.verbose);
    code = child > 0 ? sok_run_child_wait(child) : -child;
    sok_run_host_end(&host);
    return code;
}

const struct sok_cli_command sok_cmd_run = {
    .name = "run",
    .summary = "Run an unmodified program on Sockeye's own TCP/IP",
    .usage = "[OPTION...] [--] PROGRAM [ARGUMENT...]",
    .options = options,
    .talks = true,
    .program = true,
    .run = run,
};
