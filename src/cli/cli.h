// What the commands share. A command is one file with one `const struct sok_cli_command sok_cmd_NAME`
// that main.c lists; its options are one table, from which come the parsing, -h and the completions.
// Results go to stdout, talk to stderr; a mistake in what was typed is one line and exit code 2.
#ifndef SOK_CLI_CLI_H
#define SOK_CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <sockeye/host.h>
#include <sockeye/socket.h>

struct sok_cli_option {
    int key;          // the short letter, or 256 and up: long only
    const char *name; // long; NULL: short only
    const char
        *arg; // what -h shows for the argument; NULL: takes none; "[=text|json]": may be left out
    const char *help;
};

struct sok_cli_command {
    const char *name;
    const char *summary;                  // one line, for `sockeye -h`
    const char *usage;                    // "[OPTION...] URL"
    const char *about;                    // below the options in -h; or NULL
    const struct sok_cli_option *options; // key 0 at the end; or NULL
    bool talks;                           // takes the host options too (options.h)
    bool joins;   // with --host NAME: runs itself again on that host's sockets
    bool program; // its arguments are another program's: options end there
    int (*run)(const struct sok_cli_command *self, int argc, char **argv); // argv[0]: the command
};

extern const struct sok_cli_command sok_cmd_get, sok_cmd_nc, sok_cmd_ping, sok_cmd_demo,
    sok_cmd_drill, sok_cmd_impair, sok_cmd_lua, sok_cmd_show, sok_cmd_send, sok_cmd_sr,
    sok_cmd_srloop, sok_cmd_ls, sok_cmd_run, sok_cmd_up, sok_cmd_ss;

#define SOK_EXIT_USAGE       2
#define SOK_EXIT_INTERRUPTED 130

struct sok_cli_host; // options.h

// Goes through the options; take() gets each of the command's own, and returns 0 or an exit code.
// Above 0: the index of the first argument that is no option. Else -(exit code) - 1: leave with it (-1:
// -h was asked for and given).
int sok_cli_parse(const struct sok_cli_command *cmd, int argc, char **argv,
    int (*take)(void *ctx, int key, const char *arg), void *ctx, struct sok_cli_host *host);
static inline int sok_cli_exit_code(int parsed)
{
    return -parsed - 1;
}

void sok_cli_help(const struct sok_cli_command *cmd);
// "sockeye: ..." and a newline on stderr; returns code.
int sok_cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
// The same, and where help is: "(see: sockeye get -h)"; returns SOK_EXIT_USAGE.
int sok_cli_usage(const struct sok_cli_command *cmd, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Numbers, all of the text and in range; false: not so.
bool sok_cli_number(const char *text, uint64_t min, uint64_t max, uint64_t *out);
// "5", "0.2": seconds, as ns.
bool sok_cli_seconds(const char *text, int64_t *ns);

// Ctrl-C and kill: from now on a first one only makes sok_cli_interrupted() true and wakes the host, so
// that what is open can be closed in order; a second one ends the program at once.
int sok_cli_signals(struct sok_host *host);
void sok_cli_stop(void);       // as if a first signal had come
int sok_cli_interrupted(void); // the signal's number, or 0

#endif
