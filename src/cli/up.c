// sockeye up: a host that stays, in a process of its own, for programs that come and go (--host NAME).
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "calls/client.h"
#include "cli/run.h"

#define DEFAULT_NAME "sockeye"

enum { OPT_LOOPBACK = 256, OPT_STOP };

static const struct sok_cli_option options[] = {
    {'f', "foreground", NULL, "stay here until Ctrl-C; else it goes on in the background"},
    {OPT_LOOPBACK, "loopback", NULL,
        "127.0.0.0/8 of its programs is its own too; else it stays the kernel's"},
    {OPT_STOP, "stop", NULL, "the host NAME goes; what programs still hold is reset"},
    {'v', "verbose", NULL, "how the way there was made"},
    {0, NULL, NULL, NULL},
};

struct up {
    bool foreground, loopback, stop, verbose;
};

static int take_option(void *ctx, int key, const char *arg)
{
    struct up *u = ctx;
    (void)arg;
    switch (key) {
    case 'f':
        u->foreground = true;
        return 0;
    case OPT_LOOPBACK:
        u->loopback = true;
        return 0;
    case OPT_STOP:
        u->stop = true;
        return 0;
    default:
        u->verbose = true;
        return 0;
    }
}

// ---- ending one ----

static int stop(const char *name)
{
    char door[SOK_PLACE_MAX];
    struct sok_calls_client c;
    size_t len = 0;
    int code = sok_join_door(name, door);
    if (code != 0)
        return code;
    int r = sok_calls_open(&c, door, "up");
    if (r == 0) {
        r = sok_calls_ask(&c, SOK_CALLS_STOP, 0, NULL, &len);
        sok_calls_close(&c);
    }
    if (r < 0 && r != -EPIPE)
        return sok_cli_fail(1, "the host %s does not answer: %s", name, strerror(-r));
    for (unsigned i = 0; i < 1200 && access(door, F_OK) == 0; i++)
        usleep(10000); // it still delivers what was sent
    return 0;
}

// ---- starting one ----

static volatile sig_atomic_t told_to_go;

static void on_signal(int sig)
{
    told_to_go = sig;
}

// Waits for the host, or for a signal that ends it.
static int guard(struct sok_run_host *host)
{
    struct sigaction on = {.sa_handler = on_signal};
    sigaction(SIGINT, &on, NULL);
    sigaction(SIGTERM, &on, NULL);
    sigaction(SIGHUP, &on, NULL);
    siginfo_t ended;
    while (!told_to_go && waitid(P_PID, (id_t)host->pid, &ended, WEXITED | WNOWAIT) < 0 &&
           errno == EINTR)
        continue;
    close(host->life); // no harm when it is gone
    return sok_run_host_wait(host);
}

static void say_up(const char *name)
{
    printf("The host %s is up (sockeye run --host %s PROGRAM; sockeye ss; sockeye up --stop %s)\n",
        name, name, name);
}

// What the host says until it is up, or is not, comes out here; nobody hears it afterwards.
static int hear(int said, int tell, const char *name)
{
    char text[4096], code = 1;
    struct pollfd p[2] = {{said, POLLIN, 0}, {tell, POLLIN, 0}};
    while (poll(p, 2, -1) > 0 || errno == EINTR) {
        ssize_t n = p[0].revents ? read(said, text, sizeof(text)) : 0;
        if (n > 0)
            fwrite(text, 1, (size_t)n, stderr);
        else if (p[1].revents)
            break;
        else if (p[0].revents)
            p[0].fd = -1;
    }
    if (read(tell, &code, 1) != 1)
        code = 1;
    if (code == 0)
        say_up(name);
    fflush(stdout);
    return code;
}

static void leave_terminal(int out)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    setsid();
    dup2(nothing, STDIN_FILENO);
    dup2(nothing, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    close(nothing);
    close(out);
}

// Goes on in the background. The process of before ends when this one has told it how it went, by an exit code:
// the descriptor to write it into is given; -1: there can be no other process. The host is a child of this one,
// which removes its door when it has gone.
static int into_background(const char *name)
{
    int tell[2], out[2];
    if (pipe2(tell, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
        return -1;
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        return -1;
    if (pid > 0) {
        close(tell[1]);
        close(out[1]);
        _exit(hear(out[0], tell[0], name));
    }
    close(out[0]);
    close(tell[0]);
    leave_terminal(out[1]);
    return tell[1];
}

static int start(const struct up *u, struct sok_cli_host *h, const char *name)
{
    struct sok_run_host host = {0};
    int tell = u->foreground ? -1 : into_background(name);
    if (!u->foreground && tell < 0)
        return sok_cli_fail(1, "no process can be started: %s", strerror(errno));
    char code = (char)sok_run_host_start(h, name, u->loopback, true, &host);
    if (u->foreground && code == 0)
        say_up(name);
    if (tell >= 0 && write(tell, &code, 1) != 1)
        code = 1;
    if (tell >= 0)
        close(tell);
    fflush(stdout);
    return code == 0 ? guard(&host) : code;
}

static int run(const struct sok_cli_command *self, int argc, char **argv)
{
    struct up u = {0};
    struct sok_cli_host h = {0};
    int first = sok_cli_parse(self, argc, argv, take_option, &u, &h);
    if (first <= 0)
        return sok_cli_exit_code(first);
    if (argc - first > 1)
        return sok_cli_usage(self, "one NAME, please: %s", argv[first + 1]);
    const char *name = argc > first ? argv[first] : DEFAULT_NAME;
    if (h.join)
        return sok_cli_usage(self, "--host is for the commands that join one");
    h.verbose = u.verbose;
    return u.stop ? stop(name) : start(&u, &h, name);
}

const struct sok_cli_command sok_cmd_up = {
    .name = "up",
    .summary = "Keep a host up, for programs that come and go",
    .usage = "[OPTION...] [NAME]",
    .about = "NAME: what the host is called (" DEFAULT_NAME ").",
    .options = options,
    .talks = true,
    .run = run,
};
