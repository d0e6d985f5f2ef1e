// Options from tables, help from the same tables, messages, signals.
#include "cli/cli.h"
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "cli/options.h"
#include "cli/run.h"

#define OPTIONS_MAX 64

__attribute__((format(printf, 1, 0))) static void say(const char *format, va_list args)
{
    fflush(stdout);
    fputs("sockeye: ", stderr);
    vfprintf(stderr, format, args);
}

int sok_cli_fail(int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    fputc('\n', stderr);
    return code;
}

int sok_cli_usage(const struct sok_cli_command *cmd, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    fprintf(stderr, " (see: sockeye %s -h)\n", cmd->name);
    return SOK_EXIT_USAGE;
}

// ---- options ----

struct parser {
    struct option longs[OPTIONS_MAX + 1];
    char shorts[3 * OPTIONS_MAX + 3];
    unsigned count;
};

static void parser_add(struct parser *p, const struct sok_cli_option *o)
{
    for (; o && o->key != 0 && p->count < OPTIONS_MAX; o++) {
        int has_arg = !o->arg            ? no_argument
                      : o->arg[0] == '[' ? optional_argument
                                         : required_argument;
        if (o->key < 256) {
            size_t at = strlen(p->shorts);
            p->shorts[at++] = (char)o->key;
            if (o->arg)
                p->shorts[at++] = ':';
        }
        if (o->name)
            p->longs[p->count++] = (struct option){o->name, has_arg, NULL, o->key};
    }
}

static const struct sok_cli_option help_option[] = {
    {'h', "help", NULL, "this"},
    {0, NULL, NULL, NULL},
};

// What getopt did not take, in the user's words.
static int complain(const struct sok_cli_command *cmd, int c, char **argv)
{
    const char *word = argv[optind - 1];
    if (c == ':')
        return optopt < 256 && optopt && word[1] != '-'
                   ? sok_cli_usage(cmd, "-%c needs an argument", optopt)
                   : sok_cli_usage(cmd, "%s needs an argument", word);
    if (optopt && optopt < 256)
        return sok_cli_usage(cmd, "unknown option: -%c", optopt);
    return sok_cli_usage(cmd, "unknown option: %s", word);
}

// --host NAME. Only returns when the words go on here: the index of the first that is no option.
static int join(
    const struct sok_cli_command *cmd, const struct sok_cli_host *host, int argc, char **argv)
{
    if (host->given)
        return -sok_cli_usage(
                   cmd, "--%s is for a host of its own, --host joins one that is up", host->given) -
               1;
    return cmd->joins ? -sok_join_command(argc, argv, host->join) - 1 : optind;
}

int sok_cli_parse(const struct sok_cli_command *cmd, int argc, char **argv,
    int (*take)(void *ctx, int key, const char *arg), void *ctx, struct sok_cli_host *host)
{
    struct parser p = {.shorts = ":"};
    if (cmd->program)
        strcpy(p.shorts, "+:");
    parser_add(&p, cmd->options);
    if (cmd->talks)
        parser_add(&p, sok_cli_host_options);
    parser_add(&p, help_option);
    optind = 1;
    opterr = 0;
    int c;
    while ((c = getopt_long(argc, argv, p.shorts, p.longs, NULL)) != -1) {
        if (c == 'h') {
            sok_cli_help(cmd);
            return -1;
        }
        if (c == '?' || c == ':')
            return -complain(cmd, c, argv) - 1;
        int r = cmd->talks ? sok_cli_host_option(cmd, host, c, optarg) : SOK_CLI_NOT_HOST;
        if (r == SOK_CLI_NOT_HOST) {
            int code = take(ctx, c, optarg);
            r = code == 0 ? 0 : -code - 1;
        }
        if (r < 0)
            return r;
    }
    if (cmd->talks && host->join)
        return join(cmd, host, argc, argv);
    return optind;
}

static void help_rows(const struct sok_cli_option *o)
{
    for (; o && o->key != 0; o++) {
        char left[64];
        const char *space = o->arg && o->arg[0] != '[' ? " " : "";
        const char *arg = o->arg ? o->arg : "";
        if (o->key < 256 && o->name)
            snprintf(left, sizeof(left), "-%c, --%s%s%s", o->key, o->name, space, arg);
        else if (o->key < 256)
            snprintf(left, sizeof(left), "-%c%s%s", o->key, space, arg);
        else
            snprintf(left, sizeof(left), "    --%s%s%s", o->name, space, arg);
        printf("  %-31s %s\n", left, o->help);
    }
}

void sok_cli_help(const struct sok_cli_command *cmd)
{
    printf("usage: sockeye %s %s\n\n%s.\n\noptions:\n", cmd->name, cmd->usage, cmd->summary);
    help_rows(cmd->options);
    help_rows(help_option);
    if (cmd->talks) {
        printf("\nhost options:\n");
        help_rows(sok_cli_host_options);
    }
    if (cmd->about)
        printf("\n%s", cmd->about);
    fflush(stdout);
}

bool sok_cli_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    char *end;
    errno = 0;
    if (!isdigit((unsigned char)text[0]))
        return false;
    unsigned long long v = strtoull(text, &end, 10);
    if (errno || *end || v < min || v > max)
        return false;
    *out = v;
    return true;
}

bool sok_cli_seconds(const char *text, int64_t *ns)
{
    char *end;
    if (!isdigit((unsigned char)text[0]) && text[0] != '.')
        return false;
    double v = strtod(text, &end);
    if (end == text || *end || !(v >= 0 && v <= 1e9))
        return false;
    *ns = (int64_t)(v * 1e9);
    return true;
}

// ---- signals ----

static volatile sig_atomic_t caught;
static int wake_fd = -1;

static void on_signal(int number)
{
    if (caught)
        _exit(128 + number);
    int saved = errno;
    caught = number;
    uint64_t one = 1;
    ssize_t ignored = write(wake_fd, &one, sizeof(one));
    (void)ignored;
    errno = saved;
}

static void on_wake(void *ctx, int fd, unsigned ready)
{
    (void)ctx;
    (void)ready;
    uint64_t count;
    ssize_t ignored = read(fd, &count, sizeof(count));
    (void)ignored;
}

int sok_cli_signals(struct sok_host *host)
{
    wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd < 0)
        return sok_from_errno(errno);
    int r = sok_host_watch(host, wake_fd, SOK_POLL_IN, on_wake, NULL);
    struct sigaction sa = {.sa_handler = on_signal}; // no SA_RESTART: a blocking write ends too
    sigemptyset(&sa.sa_mask);
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    return r;
}

void sok_cli_stop(void)
{
    if (!caught && wake_fd >= 0)
        on_signal(SIGTERM);
}

int sok_cli_interrupted(void)
{
    return caught;
}
