#include "cli/run.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "calls/protocol.h"
#include "cli/notifier.h"

#define LIBRARY "libsockeye-preload.so"

// ---- the program ----

static bool is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static int search(const char *name, char path[4096])
{
    const char *dirs = getenv("PATH");
    if (strchr(name, '/')) {
        snprintf(path, 4096, "%s", name);
        return is_program(path) ? 0 : errno ? errno : EACCES;
    }
    for (dirs = dirs ? dirs : "/usr/bin:/bin"; *dirs;) {
        size_t len = strcspn(dirs, ":");
        int n = snprintf(path, 4096, "%.*s/%s", len ? (int)len : 1, len ? dirs : ".", name);
        if (n < 4096 && is_program(path))
            return 0;
        dirs += len + (dirs[len] == ':');
    }
    return ENOENT;
}

int sok_run_find(const char *name, char path[4096])
{
    struct stat st;
    errno = 0;
    int error = search(name, path);
    if (error == ENOENT)
        return sok_cli_fail(127, "no such program: %s", name);
    if (error || stat(path, &st) < 0)
        return sok_cli_fail(126, "%s cannot be run: %s", name, strerror(error ? error : errno));
    bool set_user = (st.st_mode & S_ISUID) && st.st_uid != geteuid();
    bool set_group = (st.st_mode & S_ISGID) && (st.st_mode & S_IXGRP) && st.st_gid != getegid();
    if (set_user || set_group)
        return sok_cli_fail(126,
            "%s becomes another %s when it is run (set%cid): no library can be put before such a "
            "program; "
            "run sockeye as that %s",
            path, set_user ? "user" : "group", set_user ? 'u' : 'g', set_user ? "user" : "group");
    return 0;
}

// ---- the library ----

// Beside the command where it was built, else where it was installed.
static int library(char out[4096])
{
    char self[3000];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (len > 0) {
        self[len] = '\0';
        *strrchr(self, '/') = '\0';
        snprintf(out, 4096, "%s/../preload/" LIBRARY, self);
        if (access(out, R_OK) == 0)
            return 0;
    }
    snprintf(out, 4096, "%s/" LIBRARY, SOK_PRELOAD_DIR);
    if (access(out, R_OK) == 0)
        return 0;
    return sok_cli_fail(1, "%s is not there: it is installed with sockeye (make install)", out);
}

// ---- programs that no library reaches ----

static struct sok_notifier notifier = {.line = -1};

// 0, or an exit code after a message: nobody could answer this program's calls.
static int start_notifier(const char *path, const char *door, bool verbose)
{
    char line[SOK_NOTIFIER_LINE_MAX] = "";
    enum sok_notifier_reach reach = sok_notifier_reach(path);
    if (reach == SOK_REACH_NONE)
        return sok_cli_fail(126, "%s is for another architecture: its calls cannot be taken", path);
    if (sok_notifier_start(&notifier, -1, door, line) == 0)
        return 0;
    if (reach == SOK_REACH_STATIC || reach == SOK_REACH_GO)
        return sok_cli_fail(126, "%s is %s, and %s", path,
            reach == SOK_REACH_GO ? "a Go program" : "statically linked", line);
    if (verbose)
        fprintf(stderr, "sockeye: statically linked and Go programs cannot be run: %s\n", line);
    return 0;
}

int sok_run_environment(const char *door)
{
    const char *before = getenv("LD_PRELOAD");
    char lib[4096], value[8192];
    int code = library(lib);
    if (code != 0)
        return code;
    snprintf(
        value, sizeof(value), "%s%s%s", lib, before && *before ? ":" : "", before ? before : "");
    setenv("LD_PRELOAD", value, 1);
    setenv(SOK_CALLS_ENV, door, 1);
    if (notifier.pid > 0) {
        char mark[9];
        sok_notifier_mark(&notifier, mark);
        setenv(SOK_NOTIFIER_ENV, mark, 1);
    }
    return 0;
}

// ---- running it ----

static pid_t child;

// Signals to us are for the program; those of the terminal it gets itself.
static void pass_on(int sig)
{
    if (child > 0)
        kill(child, sig);
}

static void handle_signals(void)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    struct sigaction on = {.sa_handler = pass_on, .sa_flags = SA_RESTART};
    sigaction(SIGTERM, &on, NULL);
    sigaction(SIGHUP, &on, NULL);
}

pid_t sok_run_child_start(const char *path, char **argv, const char *door, bool verbose)
{
    struct sigaction interrupt, quit;
    int code = start_notifier(path, door, verbose);
    if (code != 0)
        return -code;
    sigaction(SIGINT, NULL, &interrupt);
    sigaction(SIGQUIT, NULL, &quit);
    fflush(NULL);
    handle_signals();
    child = fork();
    if (child < 0)
        return -sok_cli_fail(1, "no process can be started: %s", strerror(errno));
    if (child > 0) {
        sok_notifier_leave(&notifier);
        return child;
    }
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGQUIT, &quit, NULL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    code = sok_run_environment(door);
    if (code != 0)
        _exit(code);
    int error = notifier.pid > 0 ? sok_notifier_enter(&notifier) : 0;
    if (error)
        _exit(sok_cli_fail(126, "no notifications: %s", strerror(error)));
    execv(path, argv);
    _exit(sok_cli_fail(126, "%s cannot be run: %s", path, strerror(errno)));
}

int sok_run_child_wait(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    child = 0;
    sok_notifier_end(&notifier);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
