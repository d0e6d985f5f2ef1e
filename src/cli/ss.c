// sockeye ss: the sockets of hosts that are up, or the kernel's (--kernel), as ss(8) of iproute2 shows them,
// and what limits each connection of ours.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "calls/client.h"
#include "calls/place.h"
#include "cli/cli.h"
#include "cli/ss.h"

enum { KEY_KERNEL = 300, KEY_HOST, KEY_JSON, KEY_WATCH };

static const struct sok_cli_option options[] = {
    {KEY_HOST, "host", "NAME", "of this host (sockeye up) alone"},
    {KEY_KERNEL, "kernel", NULL, "the kernel's sockets"},
    {'t', "tcp", NULL, "TCP"},
    {'u', "udp", NULL, "UDP"},
    {'w', "raw", NULL, "raw sockets, and those of ping"},
    {'0', "packet", NULL, "packet sockets"},
    {'a', "all", NULL, "all, not connected ones alone"},
    {'l', "listening", NULL, "those alone that listen or are not connected"},
    {'4', "ipv4", NULL, "IPv4 alone"},
    {'6', "ipv6", NULL, "IPv6 alone"},
    {'n', "numeric", NULL, "numbers of ports and rates as they are"},
    {'o', "options", NULL, "timers"},
    {'i', "info", NULL, "what TCP says of itself, and what limits it"},
    {'p', "processes", NULL, "whose it is"},
    {'e', "extended", NULL, "as -o, and user, inode, number, directions that are shut"},
    {'m', "memory", NULL, "memory"},
    {'s', "summary", NULL, "how many there are, alone"},
    {'O', "oneline", NULL, "a line for each"},
    {'H', "no-header", NULL, "without the first line"},
    {'K', "kill", NULL, "reset and close those that the filter says; show which were"},
    {KEY_JSON, "json", NULL, "an object for each, on a line of its own"},
    {KEY_WATCH, "watch", "[=SECONDS]", "again and again (every 1)"},
    {0, NULL, NULL, NULL},
};

struct options {
    struct sok_ss_show show;
    struct sok_ss_wish wish;
    const char *host;
    int64_t watch; // ns; 0: once
    bool all, listening, summary, json, kill, kernel;
};

static int take_option(void *ctx, int key, const char *arg)
{
    struct options *o = ctx;
    const struct {
        int key;
        bool *flag;
    } flags[] = {{KEY_KERNEL, &o->kernel}, {'a', &o->all}, {'l', &o->listening}, {'4', &o->wish.v4},
        {'6', &o->wish.v6}, {'n', &o->show.numeric}, {'o', &o->show.timers}, {'i', &o->show.info},
        {'p', &o->show.users}, {'e', &o->show.extended}, {'m', &o->show.memory}, {'s', &o->summary},
        {'O', &o->show.one_line}, {'H', &o->show.no_header}, {'K', &o->kill}, {KEY_JSON, &o->json}};
    static const struct {
        int key;
        unsigned kind;
    } kinds[] = {{'t', SOK_ROW_TCP}, {'u', SOK_ROW_UDP}, {'w', SOK_ROW_RAW}, {'0', SOK_ROW_PACKET}};
    for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (key == flags[i].key)
            *flags[i].flag = true;
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (key == kinds[i].key)
            o->wish.kinds |= 1u << kinds[i].kind;
    if (key == KEY_HOST)
        o->host = arg;
    if (key == KEY_WATCH) {
        o->watch = INT64_C(1000000000);
        if (arg && (!sok_cli_seconds(arg, &o->watch) || o->watch < 10000000))
            return sok_cli_usage(&sok_cmd_ss, "--watch=%s: seconds are needed, 0.01 at least", arg);
    }
    return 0;
}

// What goes with what; then which states, and the filter.
static int settle(struct options *o, int argc, char **argv, struct sok_ss_filter **filter)
{
    char err[SOK_SS_ERR_MAX];
    uint32_t states = o->all || o->summary ? SOK_SS_STATES_ALL
                      : o->listening       ? SOK_SS_STATES_LISTENING
                                           : SOK_SS_STATES_DEFAULT;
    if (o->kernel && o->host)
        return sok_cli_usage(&sok_cmd_ss, "--kernel and --host: one of the two");
    if (o->kill && o->watch)
        return sok_cli_usage(&sok_cmd_ss, "-K and --watch: one of the two");
    if (o->kill && argc == 0)
        return sok_cli_usage(&sok_cmd_ss, "-K needs a filter that says which: dst 192.0.2.7");
    if (!sok_ss_filter_new(argv, argc, &states, filter, err))
        return sok_cli_usage(&sok_cmd_ss, "%s", err);
    if (o->wish.kinds == 0)
        o->wish.kinds = (1u << SOK_ROW_KINDS) - 1;
    o->wish.states = o->show.states = states;
    o->show.kinds = o->wish.kinds;
    o->show.timers = o->show.timers || o->show.extended; // as ss
    o->show.kernel = o->kernel;
    o->wish.filter = *filter;
    return 0;
}

// ---- showing ----

static void show(const struct options *o, const char *host, const struct sok_ss_list *list)
{
    if (o->json) {
        for (size_t i = 0; i < list->count; i++)
            sok_ss_json(stdout, host, &o->show, &list->items[i]);
    } else if (o->summary) {
        sok_ss_summary(stdout, list);
    } else {
        sok_ss_print(stdout, &o->show, list);
    }
}

// Ends each; those that were stay in the list. 0, or the last -errno but of kinds that cannot be ended.
static int end_all(struct sok_ss_list *list, struct sok_calls_client *client)
{
    size_t kept = 0;
    int bad = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct sok_row *row = &list->items[i].row;
        int r = client ? sok_calls_kill(client, row->id) : sok_ss_kernel_kill(row);
        if (r >= 0)
            list->items[kept++] = list->items[i];
        else if (r != -EOPNOTSUPP && r != -ENOENT && r != -EINVAL) // gone meanwhile
            bad = r;
    }
    list->count = kept;
    return bad;
}

static int show_kernel(const struct options *o)
{
    struct sok_ss_list list = {0};
    char err[SOK_SS_ERR_MAX];
    int r = sok_ss_kernel(&o->wish, &list, err), code = 0;
    if (r < 0)
        code = sok_cli_fail(1, "%s", err);
    if (code == 0 && o->kill && (r = end_all(&list, NULL)) < 0)
        code = sok_cli_fail(
            1, "not all could be closed: %s%s", strerror(-r), r == -EPERM ? " (try sudo)" : "");
    if (code == 0 || list.count > 0)
        show(o, NULL, &list);
    sok_ss_list_free(&list);
    return code;
}

// ---- hosts ----

static int read_rows(
    struct sok_calls_client *c, const struct sok_ss_wish *w, struct sok_ss_list *out)
{
    struct sok_row rows[SOK_CALLS_ROWS_MAX];
    uint32_t after = 0;
    for (;;) {
        int n = sok_calls_list(c, after, rows);
        if (n <= 0)
            return n;
        for (int i = 0; i < n; i++) {
            struct sok_ss_item *item;
            rows[i].program[SOK_ROW_WORD_MAX - 1] = rows[i].congestion[SOK_ROW_WORD_MAX - 1] = '\0';
            if (!sok_ss_wanted(w, &rows[i]))
                continue;
            if (!(item = sok_ss_list_add(out)))
                return -ENOMEM;
            item->row = rows[i];
        }
        if (rows[n - 1].id >= after && after != 0)
            return -EPROTO;
        after = rows[n - 1].id;
    }
}

static void show_about(struct sok_calls_client *c, const char *name)
{
    char text[SOK_CALLS_BYTES_MAX + 1];
    size_t len = SOK_CALLS_BYTES_MAX;
    int r = sok_calls_ask(c, SOK_CALLS_ABOUT, 0, text, &len);
    text[r < 0 ? 0 : len] = '\0';
    printf("%s:\n", name);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        printf("  %s\n", line);
}

struct listing {
    const struct options *o;
    bool several;   // names are told
    unsigned shown; // hosts
    int code;
};

static int unreachable(const char *name, const char *door, int r);

static void show_host(struct listing *l, struct sok_calls_client *c, const char *name)
{
    const struct options *o = l->o;
    struct sok_ss_list list = {0};
    int r = read_rows(c, &o->wish, &list), killed = 0;
    if (r >= 0)
        sok_ss_unread(&list);
    if (r >= 0 && o->kill)
        killed = end_all(&list, c);
    if (r < 0)
        l->code =
            sok_cli_fail(1, "host %s: %s", name, r == -EPIPE ? "it went meanwhile" : strerror(-r));
    else if (killed < 0)
        l->code = sok_cli_fail(1, "host %s: not all could be closed: %s", name, strerror(-killed));
    if (r >= 0) {
        bool named = !o->json && (o->summary || (l->several && !o->show.no_header));
        if (named && l->shown++ > 0 && !o->summary)
            putchar('\n');
        if (named && o->summary)
            show_about(c, name);
        else if (named)
            printf("%s:\n", name);
        show(o, name, &list);
    }
    sok_ss_list_free(&list);
}

static int one_host(void *ctx, const char *name, const char *door)
{
    struct listing *l = ctx;
    struct sok_calls_client c;
    int r = sok_calls_open(&c, door, "ss");
    if (r == -ECONNREFUSED || r == -ENOENT) // it was killed
        return 0;
    if (r < 0) {
        l->code = unreachable(name, door, r);
    } else {
        show_host(l, &c, name);
        sok_calls_close(&c);
    }
    return 1;
}

static int count_host(void *ctx, const char *name, const char *door)
{
    int fd = sok_place_connect(door);
    (void)name;
    if (fd >= 0)
        close(fd);
    *(unsigned *)ctx += fd >= 0 || (fd != -ECONNREFUSED && fd != -ENOENT);
    return 0;
}

static int each_host(void *ctx, const char *name, const char *door)
{
    one_host(ctx, name, door);
    return 0;
}

// ", " and the name, if it answers.
static int collect_name(void *ctx, const char *name, const char *door)
{
    char *text = ctx;
    int fd = sok_place_connect(door);
    if (fd < 0 || strlen(text) + strlen(name) + 3 > SOK_SS_ERR_MAX)
        return 0;
    close(fd);
    strcat(strcat(text, text[0] ? ", " : ""), name);
    return 0;
}

static int unreachable(const char *name, const char *door, int r)
{
    char names[SOK_SS_ERR_MAX] = "";
    switch (r) {
    case -EACCES:
    case -EPERM:
        return sok_cli_fail(1, "host %s is another user's: %s (ask as that user)", name, door);
    case -EPROTO:
        return sok_cli_fail(
            1, "host %s is of another version of sockeye: stop it and start it again", name);
    case -ETIMEDOUT:
        return sok_cli_fail(1, "host %s does not answer", name);
    case -ENOENT:
    case -ENOTDIR:
    case -ECONNREFUSED:
        sok_place_each(collect_name, names);
        if (names[0])
            return sok_cli_fail(1, "no such host: %s (up: %s)", name, names);
        return sok_cli_fail(1, "no such host: %s; none is up (see: sockeye up -h)", name);
    default:
        return sok_cli_fail(1, "host %s: %s", name, strerror(-r));
    }
}

static int show_named(const struct options *o)
{
    struct listing l = {.o = o};
    char door[SOK_PLACE_MAX];
    struct sok_calls_client c;
    int r = sok_place_door(o->host, door);
    if (r == -EINVAL || r == -ENAMETOOLONG)
        return sok_cli_usage(&sok_cmd_ss, "--host %s: not a host's name", o->host);
    if (r == 0)
        r = sok_calls_open(&c, door, "ss");
    if (r < 0)
        return unreachable(o->host, door, r);
    show_host(&l, &c, o->host);
    sok_calls_close(&c);
    return l.code;
}

static int show_hosts(const struct options *o)
{
    struct listing l = {.o = o, .several = true};
    unsigned up = 0;
    int r = sok_place_each(count_host, &up);
    char base[SOK_PLACE_MAX] = "";
    sok_place_base(base);
    if (r == -EPERM || r == -EACCES)
        return sok_cli_fail(1, "%s is another user's, or others may write in it", base);
    if (r < 0)
        return sok_cli_fail(1, "%s: %s", base, strerror(-r));
    if (up == 0)
        return sok_cli_fail(
            1, "no host is up (see: sockeye up -h; the kernel's sockets: sockeye ss --kernel)");
    sok_place_each(each_host, &l);
    return l.code;
}

// ---- once, or again and again ----

static int once(struct options *o)
{
    struct sok_ss_users users = {0};
    if (o->show.users && sok_ss_users_read(&users) < 0)
        return sok_cli_fail(1, "no memory");
    o->show.who = &users;
    int code = o->kernel ? show_kernel(o) : o->host ? show_named(o) : show_hosts(o);
    o->show.who = NULL;
    sok_ss_users_free(&users);
    if (fflush(stdout) != 0)
        return sok_cli_fail(1, "standard output: %s", strerror(errno));
    return code;
}

static int again(struct options *o)
{
    struct timespec wait = {o->watch / 1000000000, o->watch % 1000000000};
    bool screen = isatty(STDOUT_FILENO) && !o->json;
    for (;;) {
        if (screen)
            fputs("\033[H\033[J", stdout);
        int code = once(o);
        if (code != 0)
            return code;
        nanosleep(&wait, NULL);
        if (!screen && !o->json)
            putchar('\n');
    }
}

static int run(const struct sok_cli_command *self, int argc, char **argv)
{
    static struct options o;
    struct sok_ss_filter *filter = NULL;
    int at = sok_cli_parse(self, argc, argv, take_option, &o, NULL);
    if (at < 0)
        return sok_cli_exit_code(at);
    signal(SIGPIPE, SIG_DFL); // `| head` ends us, as it ends ss
    int code = settle(&o, argc - at, argv + at, &filter);
    if (code == 0)
        code = o.watch ? again(&o) : once(&o);
    sok_ss_filter_free(filter);
    return code;
}

const struct sok_cli_command sok_cmd_ss = {
    .name = "ss",
    .summary = "Show sockets as ss does, and what limits each",
    .usage = "[OPTION...] [FILTER]",
    .about =
        "filter:\n"
        "  [state STATE | exclude STATE]... [EXPRESSION]\n"
        "  STATE       established, syn-sent, syn-recv, fin-wait-1, fin-wait-2, time-wait, "
        "closed,\n"
        "              close-wait, last-ack, listening, closing, all, connected, synchronized\n"
        "  EXPRESSION  src ADDRESS, dst 192.0.2.0/24, dst 192.0.2.1:80, sport = :80, dport > "
        ":1024,\n"
        "              id = 7; and, or, not, ( )\n\n"
        "Without --host and --kernel: all hosts that are up, each under its name (see: sockeye "
        "up).\n",
    .options = options,
    .run = run,
};
