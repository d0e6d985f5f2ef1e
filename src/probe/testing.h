// For the tests: a network namespace of this process's with a TAP that has 192.0.2.1/24, where the test itself
// is everybody else. Skipped where no namespace may be made.
#ifndef SOK_PROBE_TESTING_H
#define SOK_PROBE_TESTING_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/bytes.h"
#include "probe/ways.h"

static struct sok_mem_counter test_counter;
static struct sok_mem test_mem;
static int test_tap = -1; // -1: no namespace may be made here
static char test_err[SOK_PROBE_ERR_MAX];
static const uint8_t test_mac[6] = {2, 0, 0, 0, 0, 1}, test_peer[6] = {2, 0, 0, 0, 0, 2};

static inline int test_ioctl(int s, unsigned long request, struct ifreq *ifr)
{
    snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "tap0");
    return ioctl(s, request, ifr);
}

static inline int test_set_ip(int s, unsigned long request, const char *text)
{
    struct ifreq ifr = {0};
    struct sockaddr_in a = {.sin_family = AF_INET};
    inet_pton(AF_INET, text, &a.sin_addr);
    memcpy(&ifr.ifr_addr, &a, sizeof(a));
    return test_ioctl(s, request, &ifr);
}

static inline int test_make_tap(void)
{
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC),
        s = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || test_ioctl(fd, TUNSETIFF, &ifr) < 0)
        return -1;
    ifr = (struct ifreq){.ifr_hwaddr = {.sa_family = 1}};
    memcpy(ifr.ifr_hwaddr.sa_data, test_mac, 6);
    int r = test_ioctl(s, SIOCSIFHWADDR, &ifr);
    r |= test_set_ip(s, SIOCSIFADDR, "192.0.2.1");
    r |= test_set_ip(s, SIOCSIFNETMASK, "255.255.255.0");
    ifr = (struct ifreq){.ifr_flags = IFF_UP};
    r |= test_ioctl(s, SIOCSIFFLAGS, &ifr);
    close(s);
    return r < 0 ? -1 : fd;
}

static inline int test_start(void **state)
{
    (void)state;
    test_counter = (struct sok_mem_counter){.under = sok_mem_libc()};
    test_mem = sok_mem_counting(&test_counter);
    if (unshare(CLONE_NEWNET) < 0) {
        print_message("skipped: no private network namespace: %s\n", strerror(errno));
        return 0;
    }
    return (test_tap = test_make_tap()) >= 0 ? 0 : -1;
}

static inline int test_end(void **state)
{
    (void)state;
    return test_counter.blocks == 0 ? 0 : -1;
}

static inline void test_need_net(void)
{
    if (test_tap < 0)
        skip();
}

// Up to 5 s for the next frame of this type; its length.
static inline size_t test_frame(uint16_t type, uint8_t *frame, size_t size)
{
    for (int i = 0; i < 500; i++) {
        ssize_t n;
        while ((n = read(test_tap, frame, size)) > 0)
            if (n >= 14 && sok_get16(frame + 12) == type)
                return (size_t)n;
        poll(&(struct pollfd){.fd = test_tap, .events = POLLIN}, 1, 10);
    }
    fail_msg("no frame of type %04x came", type);
    return 0;
}

// 192.0.2.2 says its MAC when asked.
static inline void test_answer_arp(void)
{
    uint8_t f[1600], ip[4];
    test_frame(0x0806, f, sizeof(f));
    memcpy(f, f + 6, 6);
    memcpy(f + 6, test_peer, 6);
    f[21] = 2;
    memcpy(ip, f + 38, 4);
    memcpy(f + 32, f + 22, 10); // who asks
    memcpy(f + 22, test_peer, 6);
    memcpy(f + 28, ip, 4);
    assert_int_equal(write(test_tap, f, 42), 42);
}

#endif
