// sockeye lua: the packet language, as a shell or for a script.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/cli.h"
#include "cli/words.h"
#include "lua/lua.h"

#define TEXTS_MAX 64

static const struct sok_cli_option options[] = {
    {'e', "execute", "EXPR", "run this and print its value (may be given again)"},
    {'i', "interactive", NULL, "the shell, after the script or the expressions"},
    {'v', "verbose", NULL, "errors with where they came from"},
    {0, NULL, NULL, NULL},
};

struct words {
    const char *texts[TEXTS_MAX];
    unsigned count;
    bool interactive, verbose;
};

static int take_option(void *ctx, int key, const char *arg)
{
    struct words *w = ctx;
    if (key == 'i')
        w->interactive = true;
    else if (key == 'v')
        w->verbose = true;
    else if (w->count == TEXTS_MAX)
        return sok_cli_fail(SOK_EXIT_USAGE, "more than %d times -e", TEXTS_MAX);
    else
        w->texts[w->count++] = arg;
    return 0;
}

static bool may_colour(void)
{
    const char *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !getenv("NO_COLOR") && !(term && strcmp(term, "dumb") == 0);
}

int sok_cli_lua(struct sok_lua **out, bool verbose)
{
    signal(SIGPIPE, SIG_DFL); // `| head` ends a script that prints on and on
    struct sok_lua_options o = {.colour = may_colour(), .verbose = verbose};
    *out = sok_lua_new(&o);
    return *out ? 0 : sok_cli_fail(1, "no memory for Lua");
}

int sok_cli_lua_end(struct sok_lua *l, int rc)
{
    sok_lua_free(l);
    if (fflush(stdout) != 0 || ferror(stdout))
        return sok_cli_fail(1, "what was to be printed could not be written");
    return rc;
}

// Everything in its order: expressions, the script, the shell.
static int run_all(struct sok_lua *l, const struct words *w, int argc, char **argv)
{
    int rc = 0;
    const char *script = argc > 0 ? argv[0] : NULL;
    sok_lua_arguments(l, script ? script : "sockeye", argv + (argc > 0), argc > 0 ? argc - 1 : 0);
    for (unsigned i = 0; i < w->count && rc == 0; i++)
        rc = sok_lua_text(l, w->texts[i], "-e", true);
    bool terminal = isatty(STDIN_FILENO);
    if (rc == 0 && (script || (w->count == 0 && !terminal && !w->interactive)))
        rc = sok_lua_file(l, script ? script : "-");
    if (w->interactive || (!script && w->count == 0 && terminal))
        rc = sok_lua_shell(l);
    return rc;
}

static int run(const struct sok_cli_command *self, int argc, char **argv)
{
    struct words w = {0};
    int at = sok_cli_parse(self, argc, argv, take_option, &w, NULL);
    if (at <= 0)
        return sok_cli_exit_code(at);
    struct sok_lua *l;
    int rc = sok_cli_lua(&l, w.verbose);
    if (rc == 0)
        rc = run_all(l, &w, argc - at, argv + at);
    return sok_cli_lua_end(l, rc);
}

const struct sok_cli_command sok_cmd_lua = {
    .name = "lua",
    .summary = "The packet language: a shell, or a script",
    .usage = "[-i] [-v] [-e EXPR]... [FILE [ARGUMENT...]]",
    .about = "Without FILE and -e: a shell, when standard input is a terminal; else standard input "
             "is the script.\n"
             "Packets are made as in Scapy: IP{dst=\"192.0.2.1\"}/TCP{dport=80, "
             "flags=\"S\"}/\"hello\".\n"
             "ls() tells the protocols, ls(TCP) the fields of one, lsc() the functions.\n"
             "Only what sends or listens needs privileges. The language: sockeye-lua(1).\n",
    .options = options,
    .program = true,
    .run = run,
};
