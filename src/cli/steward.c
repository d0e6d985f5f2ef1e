#include "cli/steward.h"
#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cli/confine.h"

enum { ASK_CONNECT, ASK_LISTEN, ASK_UNLISTEN, ASK_REMOVE };

struct question {
    uint8_t what, lan;
};

// Room for one descriptor beside the answer.
union control {
    struct cmsghdr head;
    uint8_t bytes[CMSG_SPACE(sizeof(int))];
};

static struct sok_steward tasks;
static int line = -1; // to the other one
static pid_t pid;     // the steward's

// ---- the steward ----

// r: a descriptor, which goes with the answer and is closed here, or an error; 0 when there is none.
static bool answer(int r, bool descriptor)
{
    int32_t code = r < 0 ? r : 0;
    union control control = {0};
    struct iovec iov = {&code, sizeof(code)};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    if (descriptor && r >= 0) {
        m.msg_control = &control;
        m.msg_controllen = sizeof(control);
        control.head = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.head), &r, sizeof(int));
    }
    bool sent = sendmsg(line, &m, MSG_NOSIGNAL) >= 0;
    if (descriptor && r >= 0)
        close(r);
    return sent;
}

static bool serve(const struct question *q, int locks[SOK_STEWARD_LANS_MAX])
{
    if (q->what == ASK_REMOVE)
        return answer(tasks.file && unlink(tasks.file) == 0 ? 0 : SOK_EIO, false);
    if (q->lan >= tasks.lan_count)
        return answer(SOK_EINVAL, false);
    const struct sok_lan_place *place = &tasks.lans[q->lan];
    int *lock = &locks[q->lan];
    switch (q->what) {
    case ASK_CONNECT:
        return answer(sok_lan_connect(place), true);
    case ASK_LISTEN:
        if (*lock >= 0)
            return answer(SOK_EIO, false);
        return answer(sok_lan_listen(place, lock), true);
    default:
        unlink(place->address.sun_path);
        if (*lock >= 0)
            close(*lock);
        *lock = -1;
        return answer(0, false);
    }
}

// Who reads our standard output must see its end when the command has ended: nothing else stays open, but the place of
// the door, which so is nobody else's until we end.
static void keep_only_the_line(void)
{
    int first = tasks.door && tasks.place < line ? tasks.place : line;
    int last = tasks.door && tasks.place > line ? tasks.place : line;
    if (first > 0)
        syscall(SYS_close_range, 0, first - 1, 0);
    if (last > first + 1)
        syscall(SYS_close_range, first + 1, last - 1, 0);
    syscall(SYS_close_range, last + 1, ~0U, 0);
}

// Nothing if who started us did it before: what is under that name now is somebody else's.
static void remove_door(void)
{
    char dir[108];
    snprintf(dir, sizeof(dir), "%s", tasks.door);
    char *slash = strrchr(dir, '/');
    if (!slash || unlinkat(tasks.place, slash + 1, 0) < 0)
        return;
    *slash = '\0';
    rmdir(dir);
}

static _Noreturn void be_steward(void)
{
    static const int not_for_us[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    int locks[SOK_STEWARD_LANS_MAX];
    struct question q;
    for (size_t i = 0; i < sizeof(not_for_us) / sizeof(not_for_us[0]); i++)
        signal(not_for_us[i], SIG_IGN);
    memset(locks, 0xff, sizeof(locks));
    prctl(PR_SET_NAME, "sockeye-steward", 0, 0, 0);
    keep_only_the_line();
    if (sok_confine_steward() != 0)
        _exit(1);
    while (recv(line, &q, sizeof(q), 0) == sizeof(q) && serve(&q, locks))
        continue;
    if (tasks.door)
        remove_door();
    _exit(0);
}

// ---- the other one ----

// 0, a descriptor, or an error.
static int ask(uint8_t what, uint8_t lan)
{
    struct question q = {what, lan};
    int32_t code;
    union control control;
    struct iovec iov = {&code, sizeof(code)};
    struct msghdr m = {.msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control)};
    if (send(line, &q, sizeof(q), MSG_NOSIGNAL) != sizeof(q))
        return SOK_EIO;
    ssize_t n;
    do
        n = recvmsg(line, &m, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n != sizeof(code))
        return SOK_EIO;
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    int fd = 0;
    if (h && h->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(h), sizeof(fd));
    return code < 0 ? code : fd;
}

static int ask_about(uint8_t what, const struct sok_lan_place *place)
{
    for (unsigned i = 0; i < tasks.lan_count; i++)
        if (strcmp(tasks.lans[i].address.sun_path, place->address.sun_path) == 0)
            return ask(what, (uint8_t)i);
    return SOK_EACCES;
}

static int lan_connect(const struct sok_lan_place *place)
{
    return ask_about(ASK_CONNECT, place);
}

static int lan_listen(const struct sok_lan_place *place)
{
    return ask_about(ASK_LISTEN, place);
}

static void lan_unlisten(const struct sok_lan_place *place)
{
    ask_about(ASK_UNLISTEN, place);
}

static const struct sok_lan_helper helper = {lan_connect, lan_listen, lan_unlisten};

int sok_steward_start(const struct sok_steward *s)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return sok_from_errno(errno);
    tasks = *s;
    pid_t child = fork();
    if (child == 0) {
        line = pair[1];
        be_steward();
    }
    close(pair[1]);
    if (child < 0) {
        close(pair[0]);
        return sok_from_errno(errno);
    }
    line = pair[0];
    pid = child;
    sok_lan_help(&helper);
    return 0;
}

pid_t sok_steward_pid(void)
{
    return pid;
}

void sok_steward_remove(void)
{
    ask(ASK_REMOVE, 0);
}

void sok_steward_end(void)
{
    if (pid == 0)
        return;
    close(line);
    waitpid(pid, NULL, 0);
    sok_lan_help(NULL);
    line = -1;
    pid = 0;
}
