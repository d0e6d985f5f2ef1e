// sockeye show, ls: packets and protocols, looked at without sending anything.
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/cli.h"
#include "cli/words.h"
#include "lua/lua.h"

// ---- show ----

static const struct sok_cli_option show_options[] = {
    {'2', "built", NULL, "as it would be sent: lengths, checksums and what else is computed"},
    {'s', "summary", NULL, "one line each"},
    {'c', "command", NULL, "the words that make it"},
    {'j', "json", NULL, "an object a line; with -2 as it would be sent"},
    {'x', "hex", NULL, "its bytes, sixteen a line"},
    {'b', "bytes", NULL, "its bytes alone, for a file or a pipe"},
    {0, NULL, NULL, NULL},
};

struct show {
    int how; // the option's letter; 0: none
    bool built;
};

static int take_show(void *ctx, int key, const char *arg)
{
    struct show *show = ctx;
    (void)arg;
    if (key == '2')
        show->built = true;
    else
        show->how = key;
    return 0;
}

static const char *method_of(const struct show *show)
{
    switch (show->how) {
    case 's':
        return "summary";
    case 'c':
        return "command";
    case 'j':
        return show->built ? "json2" : "json";
    case 'x':
        return "hexdump";
    case 'b':
        return "bytes";
    default:
        return show->built ? "show2" : "show";
    }
}

// No expression begins with a slash or a dot, or is a file by chance.
static bool is_file(const char *word)
{
    struct stat st;
    return word[0] == '/' || word[0] == '.' || (stat(word, &st) == 0 && S_ISREG(st.st_mode));
}

static int show_one(struct sok_lua *l, char *word, const char *method)
{
    if (!is_file(word))
        return sok_lua_show(l, word, method);
    sok_lua_arguments(l, "show", &word, 1);
    return sok_lua_show(l, "rdpcap(arg[1])", method);
}

static int run_show(const struct sok_cli_command *self, int argc, char **argv)
{
    struct show show = {0};
    int at = sok_cli_parse(self, argc, argv, take_show, &show, NULL);
    if (at <= 0)
        return sok_cli_exit_code(at);
    if (at == argc)
        return sok_cli_usage(self, "no packet given");
    struct sok_lua *l;
    int rc = sok_cli_lua(&l, false);
    for (; at < argc && rc == 0; at++)
        rc = show_one(l, argv[at], method_of(&show));
    return sok_cli_lua_end(l, rc);
}

const struct sok_cli_command sok_cmd_show = {
    .name = "show",
    .summary = "Show packets that an expression makes, or a file's",
    .usage = "[-2|-s|-c|-j|-x|-b] EXPR|FILE...",
    .about =
        "EXPR is of the packet language: 'IP{dst=\"192.0.2.1\"}/TCP{dport=80}'; FILE a recording, "
        "pcap or pcapng.\n"
        "Quote it: the shell has its own ideas about braces. See: sockeye lua -h.\n",
    .options = show_options,
    .run = run_show,
};

// ---- ls ----

static const struct sok_cli_option no_options[] = {{0, NULL, NULL, NULL}};

static int take_none(void *ctx, int key, const char *arg)
{
    (void)ctx, (void)key, (void)arg;
    return 0;
}

static int run_ls(const struct sok_cli_command *self, int argc, char **argv)
{
    int at = sok_cli_parse(self, argc, argv, take_none, NULL, NULL);
    if (at <= 0)
        return sok_cli_exit_code(at);
    struct sok_lua *l;
    int rc = sok_cli_lua(&l, false);
    if (rc == 0 && at == argc)
        rc = sok_lua_text(l, "ls()", "ls", false);
    for (; at < argc && rc == 0; at++) {
        char *word = argv[at];
        sok_lua_arguments(l, "ls", &word, 1);
        rc = sok_lua_text(l, "ls(arg[1])", "ls", false);
    }
    return sok_cli_lua_end(l, rc);
}

const struct sok_cli_command sok_cmd_ls = {
    .name = "ls",
    .summary = "List protocols, or the fields of one",
    .usage = "[PROTOCOL...]",
    .about = "Names are Scapy's: sockeye ls TCP.\n",
    .options = no_options,
    .run = run_ls,
};
