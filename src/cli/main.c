// The command: looks the subcommand up and hands over.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cli/cli.h"
#include "cli/steward.h"

static const struct sok_cli_command *const commands[] = {
    &sok_cmd_get,
    &sok_cmd_nc,
    &sok_cmd_ping,
    &sok_cmd_run,
    &sok_cmd_up,
    &sok_cmd_ss,
    &sok_cmd_drill,
    &sok_cmd_impair,
    &sok_cmd_lua,
    &sok_cmd_show,
    &sok_cmd_send,
    &sok_cmd_sr,
    &sok_cmd_srloop,
    &sok_cmd_ls,
    &sok_cmd_demo,
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void help(void)
{
    printf("usage: sockeye COMMAND [OPTION...] [ARGUMENT...]\n\n"
           "Sockets you can see through: a TCP/IP stack in user space.\n\ncommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %-8s %s\n", commands[i]->name, commands[i]->summary);
    printf("\n  -h, --help     this; `sockeye COMMAND -h` tells about a command\n"
           "  --version      the version\n\nNew here? Try: sockeye demo\n");
}

static int run(const struct sok_cli_command *command, int argc, char **argv)
{
    int code = command->run(command, argc, argv);
    sok_steward_end();
    return code;
}

// A standard descriptor that came closed would be the number of the next one opened, a packet socket perhaps,
// and the page would be written into that. So something stands there that cannot be used in its direction.
static void keep_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
    keep_standard_descriptors();
    signal(SIGPIPE, SIG_IGN);
    const char *word = argc > 1 ? argv[1] : NULL;
    if (!word) {
        fprintf(stderr, "sockeye: no command given (see: sockeye -h; or try: sockeye demo)\n");
        return SOK_EXIT_USAGE;
    }
    if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "help") == 0) {
        help();
        return fflush(stdout) == 0 ? 0 : 1;
    }
    if (strcmp(word, "--version") == 0) {
        printf("sockeye %s\n", SOK_VERSION);
        return fflush(stdout) == 0 ? 0 : 1;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(word, commands[i]->name) == 0)
            return run(commands[i], argc - 1, argv + 1);
    const char *kind = word[0] == '-' ? "option" : "command";
    fprintf(stderr, "sockeye: unknown %s: %s (see: sockeye -h)\n", kind, word);
    return SOK_EXIT_USAGE;
}
