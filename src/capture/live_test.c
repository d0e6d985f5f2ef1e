// Against the kernel's own devices, in a network namespace of this process's; skipped where none may be made.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
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
#include "capture/capture.h"
#include "pcapng/writer.h"

static struct sok_mem_counter counter;
static struct sok_mem mem;
static char err[SOK_CAPTURE_ERR_MAX];
static int tap = -1, tun = -1;

static void need_net(void)
{
    if (tap < 0)
        skip();
}

static int device(const char *name, short flags)
{
    struct ifreq ifr = {.ifr_flags = (short)(flags | IFF_NO_PI)};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC),
        s = socket(AF_INET, SOCK_DGRAM, 0);
    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0)
        return -1;
    ifr.ifr_flags = IFF_UP;
    int r = ioctl(s, SIOCSIFFLAGS, &ifr);
    close(s);
    return r < 0 ? -1 : fd;
}

// Arrives on the TAP: a frame of 60 bytes of a type for experiments, that tells its number.
static void arrive(uint16_t type, uint8_t number)
{
    uint8_t frame[60] = {255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 9};
    sok_put16(frame + 12, type);
    frame[14] = number;
    assert_int_equal(write(tap, frame, sizeof(frame)), sizeof(frame));
}

static struct sok_capture *capture(struct sok_capture_options o)
{
    struct sok_capture *c;
    o.latency_ms = 1;
    if (sok_capture_open(&mem, &o, &c, err) < 0)
        fail_msg("%s", err);
    return c;
}

// Up to 5 s for the next of these types; others (a kernel that makes itself known) are passed over.
static bool next(struct sok_capture *c, uint16_t type, struct sok_capture_record *r)
{
    for (int i = 0; i < 500; i++) {
        struct pollfd p = {.fd = sok_capture_fd(c), .events = POLLIN};
        int got;
        while ((got = sok_capture_next(c, r)) == 1)
            if (r->linktype == SOK_CAPTURE_ETHERNET && r->len >= 14 &&
                sok_get16(r->data + 12) == type)
                return true;
        assert_int_equal(got, 0);
        poll(&p, 1, 10);
    }
    return false;
}

static void packets_come_in_order(void **state)
{
    struct sok_capture_record r;
    struct sok_capture_stats s;
    (void)state;
    need_net();
    struct sok_capture *c = capture((struct sok_capture_options){.interface = "tap0"});
    for (int i = 0; i < 200; i++)
        arrive(0x88b5, (uint8_t)i);
    for (int i = 0; i < 200; i++) {
        assert_true(next(c, 0x88b5, &r));
        assert_int_equal(r.data[14], i);
        assert_int_equal(r.len, 60);
        assert_int_equal(r.direction, SOK_PCAPNG_IN);
        assert_true(r.time > 1000000000000000000);
    }
    sok_capture_stats(c, &s);
    assert_true(s.seen >= 200);
    assert_int_equal(s.dropped, 0);
    sok_capture_close(c);
}

static void the_kernel_filters(void **state)
{
    struct sok_capture_record r;
    (void)state;
    need_net();
    static const char *const names[] = {"tap0", NULL}; // by one program, or by the link's type
    for (int i = 0; i < 2; i++) {
        struct sok_capture *c = capture((struct sok_capture_options){
            .interface = names[i], .filter = "ether proto 0x88b6", .snaplen = 30});
        arrive(0x88b5, 1);
        arrive(0x88b6, 2);
        assert_true(next(c, 0x88b6, &r));
        assert_int_equal(r.data[14], 2);
        assert_int_equal(r.len, 30);
        assert_int_equal(r.orig_len, 60);
        struct sok_capture_stats s;
        sok_capture_stats(c, &s);
        assert_int_equal(s.seen, 1);
        sok_capture_close(c);
    }
}

// Of all interfaces: the TUN's packets begin with IP, and the same filter holds for them.
static void a_tun_beside_ethernet(void **state)
{
    static const uint8_t packet[28] = {
        0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0, 7, 0, 9, 0, 8};
    struct sok_capture_record r = {0};
    (void)state;
    need_net();
    struct sok_capture *c = capture((struct sok_capture_options){.filter = "udp dst port 9"});
    arrive(0x88b5, 1);
    assert_int_equal(write(tun, packet, sizeof(packet)), sizeof(packet));
    for (int i = 0; i < 500 && sok_capture_next(c, &r) == 0; i++)
        poll(&(struct pollfd){.fd = sok_capture_fd(c), .events = POLLIN}, 1, 10);
    assert_int_equal(r.linktype, SOK_CAPTURE_RAW);
    assert_int_equal(r.len, 28);
    assert_memory_equal(r.data, packet, 28);
    sok_capture_close(c);
}

// The kernel takes the tag off before it runs filters and fills rings: it comes back, and is filtered for.
static void tags_come_back(void **state)
{
    uint8_t frame[64] = {
        255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 9, 0x81, 0, 0x20, 5, 0x88, 0xb5, 42};
    struct sok_capture_record r;
    (void)state;
    need_net();
    struct sok_capture *c =
        capture((struct sok_capture_options){.interface = "tap0", .filter = "vlan 5"});
    arrive(0x88b5, 1);
    frame[15] = 6;
    assert_int_equal(write(tap, frame, sizeof(frame)), sizeof(frame));
    frame[15] = 5;
    assert_int_equal(write(tap, frame, sizeof(frame)), sizeof(frame));
    assert_true(next(c, 0x8100, &r));
    assert_int_equal(r.len, 64);
    assert_memory_equal(r.data, frame, 64);
    sok_capture_close(c);
}

// A ring nobody reads fills; what found no room is counted, and what is in it comes.
static void drops_are_counted(void **state)
{
    struct sok_capture_record r;
    struct sok_capture_stats s;
    unsigned count = 0;
    (void)state;
    need_net();
    struct sok_capture *c = capture((struct sok_capture_options){
        .interface = "tap0", .filter = "ether proto 0x88b5", .ring_bytes = 512 << 10});
    for (int i = 0; i < 20000; i++)
        arrive(0x88b5, (uint8_t)i);
    while (next(c, 0x88b5, &r)) {
        count++;
        sok_capture_stats(c, &s);
        if (count + s.dropped == 20000)
            break;
    }
    assert_true(s.dropped > 0);
    assert_int_equal(s.seen, 20000);
    assert_int_equal(count + s.dropped, 20000);
    sok_capture_close(c);
}

static void complaints(void **state)
{
    struct sok_capture *c;
    (void)state;
    need_net();
    static const struct {
        struct sok_capture_options o;
        int error;
        const char *text;
    } cases[] = {
        {{.interface = "nope0"}, SOK_ENODEV, "no such interface: nope0"},
        {{.interface = "a-name-that-is-far-too-long"}, SOK_ENODEV, "no such interface"},
        {{.interface = "down0"}, SOK_ELINKDOWN, "down0 is down"},
        {{.interface = "tap0", .filter = "tpc"}, SOK_EINVAL, "filter 'tpc'"},
        {{.interface = "tap0", .ring_bytes = 1}, SOK_EINVAL, "a ring of 1 bytes"},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(sok_capture_open(&mem, &cases[i].o, &c, err), cases[i].error);
        assert_non_null(strstr(err, cases[i].text));
    }
}

static void an_interface_goes_away(void **state)
{
    struct sok_capture_record r;
    int r1 = 0;
    (void)state;
    need_net();
    int fd = device("gone0", IFF_TAP);
    struct sok_capture *c = capture((struct sok_capture_options){.interface = "gone0"});
    close(fd);
    for (int i = 0; i < 500 && r1 >= 0; i++) {
        r1 = sok_capture_next(c, &r);
        poll(NULL, 0, r1 == 0 ? 10 : 0);
    }
    assert_true(r1 == SOK_ELINKDOWN || r1 == SOK_ENODEV);
    sok_capture_close(c);
}

// One ring for those that are named, and not for others; each that goes away is told once.
static void several_interfaces(void **state)
{
    static const char *const names[] = {"tap0", "other0"};
    struct sok_capture_record r;
    (void)state;
    need_net();
    int other = device("other0", IFF_TAP), third = device("third0", IFF_TAP), was = tap, got = 0;
    struct sok_capture *c = capture((struct sok_capture_options){.interfaces = names,
        .interface_count = 2,
        .filter = "ether proto 0x88b5",
        .promiscuous = true});
    const int from[] = {third, other, was, third, other};
    static const uint8_t wanted[] = {1, 2, 4};
    for (uint8_t i = 0; i < 5; i++) {
        tap = from[i];
        arrive(0x88b5, i);
    }
    tap = was;
    for (unsigned i = 0; i < sizeof(wanted); i++) {
        assert_true(next(c, 0x88b5, &r));
        assert_int_equal(r.data[14], wanted[i]);
        assert_int_equal(r.interface, if_nametoindex(names[wanted[i] != 2]));
    }
    assert_int_equal(sok_capture_left(c), 2);
    close(other);
    for (int i = 0; i < 500 && (got = sok_capture_next(c, &r)) == 0; i++)
        poll(NULL, 0, 10);
    assert_true(got == SOK_ELINKDOWN || got == SOK_ENODEV);
    assert_int_equal(r.interface, 1);
    assert_int_equal(sok_capture_left(c), 1);
    arrive(0x88b5, 9);
    assert_true(next(c, 0x88b5, &r));
    assert_int_equal(r.data[14], 9);
    sok_capture_close(c);
    close(third);
}

static int start(void **state)
{
    (void)state;
    counter = (struct sok_mem_counter){.under = sok_mem_libc()};
    mem = sok_mem_counting(&counter);
    if (unshare(CLONE_NEWNET) < 0) {
        print_message("skipped: no private network namespace: %s\n", strerror(errno));
        return 0;
    }
    tap = device("tap0", IFF_TAP);
    tun = device("tun0", IFF_TUN);
    int fd = device("down0", IFF_TAP), s = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq ifr = {.ifr_name = "down0"};
    ioctl(s, SIOCSIFFLAGS, &ifr);
    close(s);
    return tap >= 0 && tun >= 0 && fd >= 0 ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    return counter.blocks == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_come_in_order),
        cmocka_unit_test(the_kernel_filters),
        cmocka_unit_test(a_tun_beside_ethernet),
        cmocka_unit_test(tags_come_back),
        cmocka_unit_test(drops_are_counted),
        cmocka_unit_test(complaints),
        cmocka_unit_test(an_interface_goes_away),
        cmocka_unit_test(several_interfaces),
    };
    return cmocka_run_group_tests(tests, start, end);
}
