// A network that nobody else sees, made by an ordinary user: a user namespace, in it a network
// namespace, in it a TAP (where /dev/net/tun may be opened) or a veth pair. It is gone with its last
// process. Read first: user_namespaces(7), veth(4), rtnetlink(7).
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "cli/demo.h"

#define NEAR "demo0" // the kernel's end
#define FAR  "demo1" // ours, of a veth pair

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = write(fd, text, strlen(text));
    close(fd);
    return n == (ssize_t)strlen(text) ? 0 : -1;
}

static int say(char *why, const char *what)
{
    snprintf(why, SOK_HOST_ERR_MAX, "%s: %s", what, strerror(errno));
    return -1;
}

static int enter(char *why)
{
    char map[64];
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
        int error = errno;
        if (uid == 0 && unshare(CLONE_NEWNET) == 0)
            return 0;
        errno = error;
        return say(why, "no private network (user namespaces are not allowed here)");
    }
    snprintf(map, sizeof(map), "0 %u 1\n", uid);
    if (write_file("/proc/self/uid_map", map) < 0)
        return say(why, "no private network (uid_map)");
    snprintf(map, sizeof(map), "0 %u 1\n", gid);
    if (write_file("/proc/self/setgroups", "deny") < 0 || write_file("/proc/self/gid_map", map) < 0)
        return say(why, "no private network (gid_map)");
    return 0;
}

// ---- interfaces ----

static int configure(const char *name, const char *address, char *why)
{
    struct ifreq ifr = {0};
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)&ifr.ifr_addr;
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int r = s < 0 ? -1 : 0;
    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
    if (r == 0 && address) {
        in->sin_family = AF_INET;
        inet_pton(AF_INET, address, &in->sin_addr);
        r = ioctl(s, SIOCSIFADDR, &ifr);
        inet_pton(AF_INET, "255.255.255.0", &in->sin_addr);
        if (r == 0)
            r = ioctl(s, SIOCSIFNETMASK, &ifr);
    }
    if (r == 0) {
        memset(&ifr.ifr_ifru, 0, sizeof(ifr.ifr_ifru));
        r = ioctl(s, SIOCGIFFLAGS, &ifr);
        ifr.ifr_flags |= IFF_UP;
        if (r == 0)
            r = ioctl(s, SIOCSIFFLAGS, &ifr);
    }
    if (r < 0)
        say(why, name);
    if (s >= 0)
        close(s);
    return r;
}

// Whether a TAP may be made here; the link will make it.
static int try_tap(char *why)
{
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    memcpy(ifr.ifr_name, NEAR, sizeof(NEAR));
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    int r = fd < 0 ? -1 : ioctl(fd, TUNSETIFF, &ifr);
    if (r < 0)
        say(why, "/dev/net/tun");
    if (fd >= 0)
        close(fd);
    return r;
}

// ---- a veth pair, by netlink ----

struct request {
    struct nlmsghdr head;
    struct ifinfomsg info;
    uint8_t attributes[256];
};

static struct rtattr *put(struct request *q, uint16_t type, const void *data, size_t len)
{
    struct rtattr *a = (struct rtattr *)(void *)((uint8_t *)q + NLMSG_ALIGN(q->head.nlmsg_len));
    a->rta_type = type;
    a->rta_len = (uint16_t)RTA_LENGTH(len);
    if (len > 0)
        memcpy(RTA_DATA(a), data, len);
    q->head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(q->head.nlmsg_len) + RTA_ALIGN(a->rta_len));
    return a;
}

static void end(struct request *q, struct rtattr *a)
{
    a->rta_len = (uint16_t)((uint8_t *)q + q->head.nlmsg_len - (uint8_t *)a);
}

static int ask(const struct request *q)
{
    struct {
        struct nlmsghdr head;
        struct nlmsgerr error;
        uint8_t rest[512];
    } answer;
    int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int r = -1;
    if (s >= 0 && send(s, q, q->head.nlmsg_len, 0) >= 0 &&
        recv(s, &answer, sizeof(answer), 0) >= (ssize_t)(sizeof(answer.head) + sizeof(int)) &&
        answer.head.nlmsg_type == NLMSG_ERROR) {
        errno = -answer.error.error;
        r = answer.error.error == 0 ? 0 : -1;
    }
    if (s >= 0) {
        int error = errno;
        close(s);
        errno = error;
    }
    return r;
}

static int make_veth(char *why)
{
    struct request q = {
        .head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
            .nlmsg_type = RTM_NEWLINK,
            .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL},
    };
    struct ifinfomsg peer_info = {0};
    put(&q, IFLA_IFNAME, NEAR, sizeof(NEAR));
    struct rtattr *link = put(&q, IFLA_LINKINFO, NULL, 0);
    put(&q, IFLA_INFO_KIND, "veth", 4);
    struct rtattr *data = put(&q, IFLA_INFO_DATA, NULL, 0);
    struct rtattr *peer = put(&q, VETH_INFO_PEER, &peer_info, sizeof(peer_info));
    put(&q, IFLA_IFNAME, FAR, sizeof(FAR));
    end(&q, peer);
    end(&q, data);
    end(&q, link);
    return ask(&q) == 0 ? 0 : say(why, "no veth pair");
}

// An interface's operational state (RFC 2863), IF_OPER_UP when it works; -1: there is no such interface.
static int state_of(const char *name)
{
    struct request q = {
        .head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
            .nlmsg_type = RTM_GETLINK,
            .nlmsg_flags = NLM_F_REQUEST},
    };
    union {
        struct nlmsghdr head;
        uint8_t bytes[8192];
    } answer;
    put(&q, IFLA_IFNAME, name, strlen(name) + 1);
    int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    ssize_t n =
        s >= 0 && send(s, &q, q.head.nlmsg_len, 0) >= 0 ? recv(s, &answer, sizeof(answer), 0) : -1;
    close(s);
    if (n < 0 || !NLMSG_OK(&answer.head, (size_t)n) || answer.head.nlmsg_type != RTM_NEWLINK)
        return -1;
    struct rtattr *a = IFLA_RTA(NLMSG_DATA(&answer.head));
    int left = (int)IFLA_PAYLOAD(&answer.head);
    for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
        if (a->rta_type == IFLA_OPERSTATE)
            return *(const uint8_t *)RTA_DATA(a);
    return IF_OPER_UNKNOWN;
}

// The kernel notices a little later that somebody is at the other end, and drops what it would send there
// before. (IFF_RUNNING says yes too early: it takes "unknown" for up.)
static void wait_up(const char *name)
{
    for (unsigned i = 0; i < 2000; i++) {
        int state = state_of(name);
        if (state == IF_OPER_UP || state < 0)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

int sok_demo_net(char link[32], char *why)
{
    if (enter(why) < 0)
        return -1;
    // The kernel's IPv6 would chatter into a demonstration of IPv4.
    write_file("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
    write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    if (try_tap(why) == 0) {
        snprintf(link, 32, "tap:%s", NEAR);
        return 0;
    }
    if (make_veth(why) < 0 || configure(FAR, NULL, why) < 0)
        return -1;
    snprintf(link, 32, "packet:%s", FAR);
    return 0;
}

int sok_demo_net_address(char *why)
{
    if (configure(NEAR, SOK_DEMO_THEM, why) < 0)
        return -1;
    if (state_of(FAR) >= 0) { // a TAP is up at once
        wait_up(NEAR);
        wait_up(FAR);
    }
    return 0;
}
