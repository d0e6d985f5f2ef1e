#include "cli/run.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "host/census.h"
#include "host/host.h"
#include "service/service.h"

#define DELIVER_NS INT64_C(10000000000) // what programs sent has so long to arrive after they ended

// ---- the door ----

static int place_failed(const struct sok_run_host *r, int error)
{
    if (error == -EADDRINUSE)
        return sok_cli_fail(SOK_EXIT_USAGE, "a host with the name %s is up already", r->name);
    if (error == -EINVAL)
        return sok_cli_fail(SOK_EXIT_USAGE,
            "not a name for a host: %s (letters, digits, - and _, at most %d)", r->name,
            SOK_PLACE_NAME_MAX - 1);
    if (error == -EPERM)
        return sok_cli_fail(SOK_EXIT_USAGE, "%s is not this user's alone", r->path);
    return sok_cli_fail(SOK_EXIT_USAGE, "%s: %s", r->path, strerror(-error));
}

// A socket that listens there, or an exit code, negative, after a message.
static int make_door(struct sok_run_host *r)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    r->place = sok_place_make(r->name, r->path);
    if (r->place < 0)
        return -place_failed(r, r->place);
    memcpy(at.sun_path, r->path, sizeof(at.sun_path));
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 128) == 0)
        return fd;
    int code = sok_cli_fail(SOK_EXIT_USAGE, "%s: %s", r->path, strerror(errno));
    sok_place_remove(r->name, r->place);
    return -code;
}

// ---- the host's process ----

static bool let_go; // who started us has

static void life_over(void *ctx, int fd, unsigned ready)
{
    (void)ready;
    let_go = true;
    sok_host_unwatch(ctx, fd);
}

// Whether it still is wanted: who started it is there, or a program with its sockets; a host that stays only
// goes when it is told to.
static bool wanted(const struct sok_service *service, bool stay)
{
    return !sok_service_stopped(service) && (stay ? !let_go : !let_go || sok_service_used(service));
}

// Peers are not left alone with a connection that nobody has any more.
static void reset_rest(struct sok_host *host)
{
    struct sok_row rows[8];
    uint32_t after = 0;
    unsigned count;
    while ((count = sok_host_census(host, after, rows, 8, NULL, NULL)) > 0) {
        for (unsigned i = 0; i < count; i++)
            sok_host_kill(host, rows[i].id);
        after = rows[count - 1].id;
    }
    sok_host_step(host, 0);
}

static void serve(struct sok_host *host, struct sok_service *service, int said, bool stay)
{
    bool told = false;
    while (wanted(service, stay)) {
        if (sok_host_go_on(host) < 0)
            return;
        if (let_go && !told && !stay && sok_service_used(service))
            told = write(said, "u", 1) == 1;
    }
    sok_service_free(service); // sockets that programs still hold are reset
    sok_host_linger(host, DELIVER_NS);
    reset_rest(host);
}

// Never returns.
static void be_host(struct sok_cli_host *h, bool loopback, bool stay, const struct sok_run_host *r,
    int door, int life, int said)
{
    struct sok_host *host;
    struct sok_service *service;
    // The terminal's signals are for the program; who started us says when it is over.
    setsid();
    signal(SIGPIPE, SIG_IGN);
    h->door = r->path;
    h->place = r->place;
    h->no_spin = true; // its programs need the processor more
    int code = sok_cli_host_open(h, &host);
    if (code != 0)
        exit(code);
    struct sok_service_config config = {
        .door_fd = door, .loopback = loopback, .trace = h->programs};
    if (sok_service_new(host, &config, &service) < 0 ||
        sok_host_watch(host, life, SOK_POLL_IN, life_over, host) < 0 || write(said, "r", 1) != 1)
        exit(sok_cli_fail(1, "no memory for a host"));
    serve(host, service, said, stay);
    exit(sok_cli_host_close(h, host, 0));
}

// ---- who starts it ----

// From before the door is made until the host is there a signal that ends us is kept: what was made is
// removed first.
static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
#define ENDS (sizeof(ends) / sizeof(ends[0]))

static volatile sig_atomic_t broken_off;

static void on_end(int number)
{
    broken_off = number;
}

struct keeping {
    sigset_t before;
    struct sigaction actions[ENDS];
};

static void keep_signals(struct keeping *k)
{
    const struct sigaction on = {.sa_handler = on_end};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ENDS; i++) {
        sigaction(ends[i], NULL, &k->actions[i]);
        if (k->actions[i].sa_handler == SIG_IGN) // nohup
            continue;
        sigaddset(&set, ends[i]);
        sigaction(ends[i], &on, NULL);
    }
    sigprocmask(SIG_BLOCK, &set, &k->before);
}

static void let_signals(const struct keeping *k)
{
    for (size_t i = 0; i < ENDS; i++)
        sigaction(ends[i], &k->actions[i], NULL);
    sigprocmask(SIG_SETMASK, &k->before, NULL);
}

// 'r': the host is there; else it, or we, shall not be.
static char hear_start(const struct sok_run_host *r, const struct keeping *k)
{
    char c = 0;
    struct pollfd p = {r->said, POLLIN, 0};
    while (!broken_off && ppoll(&p, 1, NULL, &k->before) < 0 && errno == EINTR)
        continue;
    return !broken_off && read(r->said, &c, 1) == 1 ? c : 0;
}

// The next thing it says; 0: nothing more, it has ended.
static char hear(const struct sok_run_host *r, int timeout_ms)
{
    char c = 0;
    struct pollfd p = {r->said, POLLIN, 0};
    while (poll(&p, 1, timeout_ms) < 0 && errno == EINTR)
        continue;
    if (!(p.revents & (POLLIN | POLLHUP)))
        return 't';
    return read(r->said, &c, 1) == 1 ? c : 0;
}

static int exit_code(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int start(struct sok_cli_host *h, const struct keeping *k, bool loopback, bool stay,
    struct sok_run_host *r)
{
    int life[2], said[2];
    int door = make_door(r);
    if (door < 0)
        return -door;
    bool pipes = pipe2(life, O_CLOEXEC) == 0 && pipe2(said, O_CLOEXEC) == 0;
    fflush(NULL);
    r->pid = pipes ? fork() : -1;
    if (r->pid < 0) {
        int error = errno;
        sok_place_remove(r->name, r->place);
        return sok_cli_fail(
            1, "no %s: %s", pipes ? "process can be started" : "pipe", strerror(error));
    }
    if (r->pid == 0) {
        close(life[1]);
        close(said[0]);
        let_signals(k);
        be_host(h, loopback, stay, r, door, life[0], said[1]);
    }
    close(door);
    close(life[0]);
    close(said[1]);
    r->life = life[1];
    r->said = said[0];
    if (hear_start(r, k) == 'r')
        return 0;
    close(r->life);
    if (broken_off)
        kill(r->pid, SIGTERM);
    int code = exit_code(r->pid);
    sok_place_remove(r->name, r->place);
    return code ? code : 1;
}

int sok_run_host_start(
    struct sok_cli_host *h, const char *name, bool loopback, bool stay, struct sok_run_host *r)
{
    struct keeping k;
    snprintf(r->name, sizeof(r->name), "%s", name);
    keep_signals(&k);
    int code = start(h, &k, loopback, stay, r);
    let_signals(&k);
    if (broken_off)
        raise(broken_off);
    return code;
}

// Waits until what was sent is delivered, unless a program still is there that holds its sockets.
void sok_run_host_end(struct sok_run_host *r)
{
    if (r->pid == 0)
        return;
    close(r->life);
    if (hear(r, (int)(DELIVER_NS / 1000000) + 2000) == 0)
        exit_code(r->pid);
    sok_place_remove(r->name, r->place);
}

int sok_run_host_wait(struct sok_run_host *r)
{
    int code = exit_code(r->pid);
    r->pid = 0;
    sok_place_remove(r->name, r->place);
    return code;
}
