// Some 200 behaviours of socket descriptors, as a program meets them: results, errnos, readiness.
//
//     behave PEER-ADDRESS CONTROL-PORT OWN-ADDRESS [GROUP...]
//
// One line per check, `ok NAME` or `not ok NAME: got X, expected Y`, and a summary. What is expected is what
// Linux does. The same program runs on the kernel's sockets and under `sockeye run`, and must find the same.
// At PEER-ADDRESS runs tests/run/peer.py, steered by lines over a connection to CONTROL-PORT, which is made
// anew for each group of checks. Every group has a process of its own: one that hangs or crashes is one
// failure, not the end.
#include "behave.h"
#include <stdarg.h>

#define GROUP_SECONDS 60

const char *self;
char peer_text[65536];
struct sockaddr_in own;
volatile sig_atomic_t signals;

static struct sockaddr_in control_at;
static int control = -1;
static FILE *answers;

// ---- checks ----

static void report(bool good, const char *name, const char *got, const char *want)
{
    if (good)
        printf("ok %s\n", name);
    else
        printf("not ok %s: got %s, expected %s\n", name, got, want);
    fflush(stdout);
}

void is(const char *name, long got, long want)
{
    char g[32], w[32];
    snprintf(g, sizeof(g), "%ld", got);
    snprintf(w, sizeof(w), "%ld", want);
    report(got == want, name, g, w);
}

void is_true(const char *name, bool got)
{
    report(got, name, "false", "true");
}

void is_text(const char *name, const char *got, const char *want)
{
    report(strcmp(got, want) == 0, name, got, want);
}

static const char *error_name(int error)
{
    const char *name = strerrorname_np(error);
    return name ? name : "an unknown errno";
}

void gives(const char *name, long result, int want)
{
    int error = errno;
    char got[32];
    snprintf(got, sizeof(got), "%ld", result);
    report(want ? result < 0 && error == want : result >= 0, name,
        result < 0 ? error_name(error) : got, want ? error_name(want) : "no error");
}

// ---- the peer ----

__attribute__((format(printf, 2, 0))) static void say(
    const char *prefix, const char *format, va_list args)
{
    char line[4096];
    int n = snprintf(line, sizeof(line), "%s", prefix);
    n += vsnprintf(line + n, sizeof(line) - (size_t)n - 1, format, args);
    line[n++] = '\n';
    if (write(control, line, (size_t)n) != n) {
        perror("behave: the peer does not listen");
        exit(2);
    }
}

static void hear(void)
{
    if (!fgets(peer_text, sizeof(peer_text), answers)) {
        fprintf(stderr, "behave: the peer has gone\n");
        exit(2);
    }
    peer_text[strcspn(peer_text, "\n")] = '\0';
}

long peer(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("", format, args);
    va_end(args);
    hear();
    char *end;
    long number = strtol(peer_text, &end, 10);
    memmove(peer_text, end + (*end == ' '), strlen(end + (*end == ' ')) + 1);
    return number;
}

void peer_later(int ms, const char *format, ...)
{
    char prefix[40];
    snprintf(prefix, sizeof(prefix), "later %d ", ms);
    va_list args;
    va_start(args, format);
    say(prefix, format, args);
    va_end(args);
}

void peer_when_waiting(int ms, const char *format, ...)
{
    pid_t parent = getpid();
    fflush(NULL);
    if (fork() != 0)
        return;
    va_list args;
    va_start(args, format);
    until_waiting(parent, ms);
    say("later 0 ", format, args);
    va_end(args);
    _exit(0);
}

struct sockaddr_in at_peer(int port)
{
    struct sockaddr_in at = control_at;
    at.sin_port = htons((uint16_t)port);
    return at;
}

static void open_control(void)
{
    control = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int there = fcntl(control, F_DUPFD_CLOEXEC, 100); // out of the way of what is checked
    close(control);
    control = there;
    if (connect(control, (struct sockaddr *)&control_at, sizeof(control_at)) < 0 ||
        !(answers = fdopen(control, "r"))) {
        perror("behave: no peer");
        exit(2);
    }
}

// ---- groups ----

static bool wanted(const char *name, char **words)
{
    bool all = !*words;
    for (; *words; words++)
        all = all || strstr(name, *words);
    return all;
}

static void run_group(const struct group *g)
{
    int status = 0;
    char name[100], got[40];
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(GROUP_SECONDS);
        signal(SIGPIPE, SIG_DFL);
        open_control();
        g->run();
        exit(0);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    snprintf(name, sizeof(name), "group-%s", g->name);
    snprintf(got, sizeof(got), WIFSIGNALED(status) ? "signal %d" : "exit %d",
        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    report(status == 0, name, got, "exit 0");
}

// What exec leaves: descriptor, then what was written to it comes back (behave_fork.c).
static int after_exec(char **argv)
{
    int fd = atoi(argv[2]);
    char byte = 0;
    struct sockaddr_in name;
    socklen_t len = sizeof(name);
    if (getpeername(fd, (struct sockaddr *)&name, &len) < 0)
        return errno == EBADF ? 3 : 4;
    return read(fd, &byte, 1) == 1 && write(fd, &byte, 1) == 1 ? 0 : 5;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--exec") == 0)
        return after_exec(argv);
    if (argc < 4) {
        fprintf(stderr, "usage: behave PEER-ADDRESS CONTROL-PORT OWN-ADDRESS [GROUP...]\n");
        return 2;
    }
    self = argv[0];
    control_at = own = (struct sockaddr_in){.sin_family = AF_INET};
    if (inet_pton(AF_INET, argv[1], &control_at.sin_addr) != 1 ||
        inet_pton(AF_INET, argv[3], &own.sin_addr) != 1)
        return 2;
    control_at.sin_port = htons((uint16_t)atoi(argv[2]));
    const struct group *all[] = {connect_groups, name_groups, option_groups, data_groups,
        close_groups, poll_groups, udp_groups, fork_groups, thread_groups, unseen_groups,
        six_groups, device_groups, wild_groups};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        for (const struct group *g = all[i]; g->name; g++)
            if (wanted(g->name, argv + 4))
                run_group(g);
    return 0;
}

// ---- sockets ----

int tcp(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}

int udp(void)
{
    return socket(AF_INET, SOCK_DGRAM, 0);
}

int dial_at(int fd, struct sockaddr_in to)
{
    return connect(fd, (struct sockaddr *)&to, sizeof(to));
}

int dial(int fd, int port)
{
    return dial_at(fd, at_peer(port));
}

int call_peer(long *id)
{
    int fd = tcp();
    if (dial(fd, (int)peer("port")) < 0) {
        perror("behave: connect");
        exit(2);
    }
    *id = peer("accept");
    return fd;
}

int listening(int backlog)
{
    int fd = tcp();
    return listen(fd, backlog) < 0 ? -1 : fd;
}

int port_of(int fd)
{
    struct sockaddr_in name;
    socklen_t len = sizeof(name);
    return getsockname(fd, (struct sockaddr *)&name, &len) < 0 ? -1 : ntohs(name.sin_port);
}

int called_by_peer(long *id)
{
    int at = listening(5);
    *id = peer("connect %d", port_of(at));
    int fd = accept(at, NULL, NULL);
    close(at);
    return fd;
}

void no_waiting(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

int poll_one(int fd, int events, int timeout_ms)
{
    struct pollfd p = {fd, (short)events, 0};
    return poll(&p, 1, timeout_ms) < 0 ? -1 : p.revents;
}

int poll_until(int fd, int events)
{
    int revents = 0;
    for (int64_t end = now_ms() + 10000; now_ms() < end; nap(5))
        if (((revents = poll_one(fd, events, 0)) & events) == events)
            break;
    return revents;
}

int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);
    return getsockopt(fd, level, name, &value, &len) < 0 ? -1 : value;
}

int set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value));
}

int so_error(int fd)
{
    return option(fd, SOL_SOCKET, SO_ERROR);
}

long read_all(int fd)
{
    static char room[65536];
    long total = 0;
    ssize_t n;
    while ((n = read(fd, room, sizeof(room))) > 0)
        total += n;
    return n < 0 ? -1 : total;
}

int fill(int fd)
{
    static char block[16384];
    int total = 0;
    // Nothing more for a while: what was on its way has arrived, on a busy machine, too.
    for (int idle = 0; idle < 10;) {
        ssize_t n = send(fd, block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0)
            total += (int)n, idle = 0;
        else
            idle++, nap(30);
    }
    return total;
}

int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void nap(int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    while (nanosleep(&t, &t) < 0 && errno == EINTR)
        continue;
}

// ---- signals ----

static void count_signal(int number)
{
    (void)number;
    signals++;
}

void catch_signal(int number, int flags)
{
    struct sigaction action = {.sa_handler = count_signal, .sa_flags = flags};
    sigaction(number, &action, NULL);
    signals = 0;
}

#define GONE -2

// How often it gave up the processor by itself; -1: it does not sleep now.
static long times_asleep(pid_t thread)
{
    char path[64], line[128];
    long times = -1;
    bool sleeps = false;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)thread);
    FILE *f = fopen(path, "re");
    if (!f)
        return GONE;
    while (fgets(line, sizeof(line), f)) {
        sleeps = sleeps || strncmp(line, "State:\tS", 8) == 0;
        sscanf(line, "voluntary_ctxt_switches: %ld", &times);
    }
    fclose(f);
    return sleeps ? times : -1;
}

void until_waiting(pid_t thread, int ms)
{
    long before, after = -1;
    do {
        before = after;
        nap(ms);
        after = times_asleep(thread);
    } while (after != GONE && (after < 0 || after != before));
}

void signal_when_waiting(int ms, int number)
{
    pid_t parent = getpid();
    fflush(NULL);
    if (fork() == 0) {
        until_waiting(parent, ms);
        kill(parent, number);
        _exit(0);
    }
}

void signal_then_peer(int ms, int number, const char *format, ...)
{
    pid_t parent = getpid();
    fflush(NULL);
    if (fork() != 0)
        return;
    va_list args;
    va_start(args, format);
    until_waiting(parent, ms);
    kill(parent, number);
    until_waiting(parent, ms);
    say("later 0 ", format, args);
    va_end(args);
    _exit(0);
}
