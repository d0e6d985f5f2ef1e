// sockeye send, sr, srloop: packets sent, and what comes back, through the functions of the same names.
#include <stdio.h>
#include <string.h>
#include "cli/cli.h"
#include "cli/words.h"
#include "lua/lua.h"

#define OPTIONS_MAX 9 // eight that may be given, and one of ours
#define SR_TIMEOUT  2 // seconds; sr() of Lua's would wait for ever

static const struct sok_cli_option send_options[] = {
    {'c', "count", "N", "send it N times"},
    {'i', "inter", "SECONDS", "between two packets"},
    {'I', "iface", "NAME", "out of this interface"},
    {'2', "layer2", NULL, "EXPR begins with a link's header (Ether)"},
    {'v', "verbose", NULL, "errors with where they came from"},
    {0, NULL, NULL, NULL},
};

static const struct sok_cli_option sr_options[] = {
    {'t', "timeout", "SECONDS", "wait so long for answers after the last packet (2)"},
    {'r', "retry", "N", "send again what has no answer, N times"},
    {'i', "inter", "SECONDS", "between two packets"},
    {'I', "iface", "NAME", "out of this interface"},
    {'2', "layer2", NULL, "EXPR begins with a link's header (Ether)"},
    {'v', "verbose", NULL, "errors with where they came from"},
    {0, NULL, NULL, NULL},
};

static const struct sok_cli_option srloop_options[] = {
    {'c', "count", "N", "so many rounds (until Ctrl-C)"},
    {'i', "inter", "SECONDS", "between two rounds (1)"},
    {'t', "timeout", "SECONDS", "wait so long for answers in each round"},
    {'I', "iface", "NAME", "out of this interface"},
    {'v', "verbose", NULL, "errors with where they came from"},
    {0, NULL, NULL, NULL},
};

struct words {
    const struct sok_cli_command *self;
    struct sok_lua_option options[OPTIONS_MAX];
    unsigned count;
    bool layer2, verbose, timeout;
};

static int add_number(struct words *w, const char *name, const char *arg, bool whole)
{
    uint64_t n;
    int64_t ns;
    if (whole ? !sok_cli_number(arg, 0, 1000000000, &n) : !sok_cli_seconds(arg, &ns))
        return sok_cli_usage(
            w->self, "--%s: not a number%s: %s", name, whole ? "" : " of seconds", arg);
    w->options[w->count++] = (struct sok_lua_option){.name = name,
        .kind = SOK_LUA_OPTION_NUMBER,
        .number = whole ? (double)n : (double)ns / 1e9};
    return 0;
}

static int take_option(void *ctx, int key, const char *arg)
{
    struct words *w = ctx;
    if (w->count == OPTIONS_MAX - 1)
        return sok_cli_usage(w->self, "too many options");
    switch (key) {
    case 'c':
        return add_number(w, "count", arg, true);
    case 'r':
        return add_number(w, "retry", arg, true);
    case 'i':
        return add_number(w, "inter", arg, false);
    case 't':
        w->timeout = true;
        return add_number(w, "timeout", arg, false);
    case 'I':
        w->options[w->count++] =
            (struct sok_lua_option){.name = "iface", .kind = SOK_LUA_OPTION_TEXT, .text = arg};
        return 0;
    case '2':
        w->layer2 = true;
        return 0;
    default:
        w->verbose = true;
        return 0;
    }
}

static int run(const struct sok_cli_command *self, int argc, char **argv)
{
    struct words w = {.self = self};
    int at = sok_cli_parse(self, argc, argv, take_option, &w, NULL);
    if (at <= 0)
        return sok_cli_exit_code(at);
    if (at == argc)
        return sok_cli_usage(self, "no packet given");
    const char *function = self->name;
    if (self == &sok_cmd_srloop) // each round prints its own, for as long as it likes
        w.options[w.count++] = (struct sok_lua_option){.name = "store"};
    if (self == &sok_cmd_sr && !w.timeout)
        w.options[w.count++] = (struct sok_lua_option){.name = "timeout", .number = SR_TIMEOUT};
    if (w.layer2)
        function = strcmp(function, "send") == 0 ? "sendp" : "srp";
    struct sok_lua *l;
    int rc = sok_cli_lua(&l, w.verbose);
    for (; at < argc && rc == 0; at++)
        rc = sok_lua_call(l, function, argv[at], w.options, w.count);
    return sok_cli_lua_end(l, rc);
}

#define ABOUT                                                                                      \
    "EXPR is of the packet language: 'IP{dst=\"192.0.2.1\"}/TCP{dport={80,443}}'; quote it. See: " \
    "sockeye lua -h.\n"                                                                            \
    "It goes through the kernel's raw sockets, which takes privileges (root, or CAP_NET_RAW).\n"

const struct sok_cli_command sok_cmd_send = {
    .name = "send",
    .summary = "Send packets that an expression makes",
    .usage = "[OPTION...] EXPR...",
    .about = ABOUT,
    .options = send_options,
    .run = run,
};

const struct sok_cli_command sok_cmd_sr = {
    .name = "sr",
    .summary = "Send packets, and print them with their answers",
    .usage = "[OPTION...] EXPR...",
    .about = ABOUT,
    .options = sr_options,
    .run = run,
};

const struct sok_cli_command sok_cmd_srloop = {
    .name = "srloop",
    .summary = "Send packets again and again, and print each answer",
    .usage = "[OPTION...] EXPR...",
    .about = ABOUT,
    .options = srloop_options,
    .run = run,
};
