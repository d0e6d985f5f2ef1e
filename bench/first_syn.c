// How long a command takes from its start to its first SYN, as the other end of the wire sees it.
//
//   first_syn NETNS IF COMMAND...      one JSON line; the time runs from just before exec
//
// The socket that looks is in the network namespace NETNS (a name, as of ip netns), the command in ours. What
// the command says, and how it ends, does not matter.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "common.h"

#define WAIT_S 5

static int64_t wall(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t); // as the kernel stamps packets
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void enter(const char *path, int fd)
{
    if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
        bench_die("first_syn: %s: %s", path, strerror(errno));
    close(fd);
}

static int look(const char *netns, const char *name)
{
    char path[256];
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), on = 1;
    struct timeval limit = {.tv_sec = WAIT_S};
    snprintf(path, sizeof(path), "/run/netns/%s", netns);
    enter(path, open(path, O_RDONLY | O_CLOEXEC));
    struct sockaddr_ll at = {.sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_IP),
        .sll_ifindex = (int)if_nametoindex(name)};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
        bench_die("first_syn: %s: %s", name, strerror(errno));
    enter("its own namespace", home);
    return fd;
}

static bool is_syn(const uint8_t *p, ssize_t len)
{
    ssize_t tcp = 14 + 4 * (p[14] & 15);
    return len >= 54 && tcp + 14 <= len && p[23] == IPPROTO_TCP && (p[tcp + 13] & 0x12) == 0x02;
}

// When the first came; 0: none did.
static int64_t wait_for_syn(int fd)
{
    uint8_t frame[2048];
    _Alignas(struct cmsghdr) char control[256];
    for (int64_t end = wall() + WAIT_S * INT64_C(1000000000); wall() < end;) {
        struct iovec iov = {frame, sizeof(frame)};
        struct msghdr m = {.msg_iov = &iov,
            .msg_iovlen = 1,
            .msg_control = control,
            .msg_controllen = sizeof(control)};
        ssize_t n = recvmsg(fd, &m, 0);
        struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&m);
        struct timespec t;
        if (!c || c->cmsg_type != SO_TIMESTAMPNS || !is_syn(frame, n))
            continue;
        memcpy(&t, CMSG_DATA(c), sizeof(t));
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        bench_die("usage: first_syn NETNS IF COMMAND...");
    int fd = look(argv[1], argv[2]);
    int64_t *start =
        mmap(NULL, sizeof(*start), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = start == MAP_FAILED ? -1 : fork();
    if (pid < 0)
        bench_die("first_syn: no process: %s", strerror(errno));
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        *start = wall();
        execvp(argv[3], argv + 3);
        _exit(127);
    }
    int64_t came = wait_for_syn(fd);
    waitpid(pid, NULL, 0);
    if (came == 0)
        bench_die("first_syn: no SYN within %d s", WAIT_S);
    printf("{\"ms\": %.4f}\n", (double)(came - *start) / 1e6);
    return 0;
}
