// Against the kernel, in a network namespace of this process's own: its UDP verifies the checksums we
// leave to it, and its packet sockets show and inject what passes on its side of the device.
#include "link/testing.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static const uint8_t ours[6] = {2, 0, 0, 0, 0, 9};
static void find_out(void)
{
    test_own_net();
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        snprintf(test_no_net, sizeof(test_no_net), "/dev/net/tun: %s", strerror(errno));
    else
        close(fd);
}

static struct sok_link *open_tap(const char *name, uint16_t mtu, bool offload)
{
    struct sok_tap_options o = {.name = name, .mtu = mtu, .offload = offload};
    memcpy(o.mac, ours, 6);
    char err[SOK_LINK_ERR_MAX] = "";
    struct sok_link *link = NULL;
    int r = sok_link_tap(&test_mem, &o, &link, err);
    assert_string_equal(err, "");
    assert_int_equal(r, 0);
    return link;
}

static int fails(const char *name, char err[SOK_LINK_ERR_MAX])
{
    struct sok_tap_options o = {.name = name};
    struct sok_link *link = NULL;
    size_t blocks = test_counter.blocks;
    err[0] = '\0';
    int r = sok_link_tap(&test_mem, &o, &link, err);
    assert_null(strchr(err, '\n'));
    assert_int_equal(test_counter.blocks, blocks);
    return r;
}

// The kernel's side gets 198.51.100.1, and we are 198.51.100.2 for it.
static int kernel_udp(const char *name)
{
    struct ifreq ifr = {0};
    struct sockaddr_in a = {.sin_family = AF_INET};
    struct timeval t = {.tv_usec = 300000};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    inet_pton(AF_INET, "198.51.100.1", &a.sin_addr);
    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
    memcpy(&ifr.ifr_addr, &a, sizeof(a));
    assert_int_equal(ioctl(fd, SIOCSIFADDR, &ifr), 0);
    struct arpreq arp = {.arp_flags = ATF_COM | ATF_PERM};
    struct sockaddr_in peer = {.sin_family = AF_INET};
    inet_pton(AF_INET, "198.51.100.2", &peer.sin_addr);
    memcpy(&arp.arp_pa, &peer, sizeof(peer));
    memcpy(arp.arp_ha.sa_data, ours, 6);
    snprintf(arp.arp_dev, sizeof(arp.arp_dev), "%s", name);
    assert_int_equal(ioctl(fd, SIOCSARP, &arp), 0);
    a.sin_port = htons(7000);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)), 0);
    return fd;
}

// A datagram to the kernel; the checksum as given.
static struct sok_frame_out udp_frame(uint8_t *bytes, const uint8_t *kernel, uint32_t payload)
{
    memset(bytes, 0, 42);
    memcpy(bytes, kernel, 6);
    memcpy(bytes + 6, ours, 6);
    sok_put16(bytes + 12, 0x0800);
    uint8_t *ip = bytes + 14, *udp = ip + 20;
    ip[0] = 0x45;
    sok_put16(ip + 2, (uint16_t)(28 + payload));
    ip[8] = 64;
    ip[9] = 17;
    memcpy(ip + 12, (const uint8_t[]){198, 51, 100, 2, 198, 51, 100, 1}, 8);
    sok_put16(ip + 10, (uint16_t)~test_sum(ip, 20, 0));
    sok_put16(udp, 7001);
    sok_put16(udp + 2, 7000);
    sok_put16(udp + 4, (uint16_t)(8 + payload));
    memset(udp + 8, 'u', payload);
    sok_put16(udp + 6, test_sum(NULL, 0, test_pseudo(ip, 8 + payload)));
    return (struct sok_frame_out){.iov = {{bytes, 42}, {bytes + 42, payload}},
        .iov_count = 2,
        .len = 42 + payload,
        .meta = {.csum_partial = true, .csum_start = 34, .csum_offset = 6}};
}

static void kernel_mac(const char *name, uint8_t mac[6])
{
    struct ifreq ifr = {0};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
    assert_int_equal(ioctl(fd, SIOCGIFHWADDR, &ifr), 0);
    memcpy(mac, ifr.ifr_hwaddr.sa_data, 6);
    close(fd);
}

static void test_interface_is_up_and_bare(void **state)
{
    (void)state;
    test_need_net();
    struct sok_link *link = open_tap("sktest0", 1400, true);
    struct ifreq ifr = {.ifr_name = "sktest0"};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &ifr), 0);
    assert_true(ifr.ifr_flags & IFF_UP);
    assert_int_equal(ioctl(fd, SIOCGIFMTU, &ifr), 0);
    assert_int_equal(ifr.ifr_mtu, 1400);
    close(fd);
    usleep(50000);
    struct ifaddrs *list;
    assert_int_equal(getifaddrs(&list), 0);
    for (struct ifaddrs *i = list; i; i = i->ifa_next) {
        if (strcmp(i->ifa_name, "sktest0") == 0 && i->ifa_addr)
            assert_int_equal(i->ifa_addr->sa_family, AF_PACKET);
    }
    freeifaddrs(list);
    assert_string_equal(link->info.name, "sktest0");
    assert_int_equal(link->info.mtu, 1400);
    assert_int_equal(link->info.caps, SOK_LINK_CSUM | SOK_LINK_TSO | SOK_LINK_POINT);
    assert_memory_equal(link->info.mac, ours, 6);
    uint8_t theirs[6];
    kernel_mac("sktest0", theirs);
    assert_memory_not_equal(theirs, ours, 6);
    test_over(link);
}

static void test_name_by_the_kernel_and_mac(void **state)
{
    (void)state;
    test_need_net();
    struct sok_tap_options o = {.offload = true};
    char err[SOK_LINK_ERR_MAX];
    struct sok_link *one, *two;
    assert_int_equal(sok_link_tap(&test_mem, &o, &one, err), 0);
    assert_int_equal(sok_link_tap(&test_mem, &o, &two, err), 0);
    assert_string_not_equal(one->info.name, two->info.name);
    assert_memory_not_equal(one->info.mac, two->info.mac, 6);
    assert_int_equal(one->info.mac[0] & 3, 2); // locally administered, one station
    assert_int_equal(one->info.mtu, 1500);
    one->ops->close(one);
    test_over(two);
}

static void test_frame_out(void **state)
{
    (void)state;
    test_need_net();
    for (int offload = 0; offload < 2; offload++) {
        uint8_t bytes[200], seen[300];
        struct sok_link *link = open_tap("sktest0", 0, offload);
        int fd = test_packet_socket("sktest0", 0x88b5, false);
        struct sok_frame_out f = test_frame(bytes, 200, test_all, ours, 77);
        f.iov[0].len = 14;
        f.iov[1] = (struct sok_iov){bytes + 14, 186};
        f.iov_count = 2;
        assert_int_equal(link->ops->send(link, &f, 0), 0);
        assert_int_equal(recv(fd, seen, sizeof(seen), 0), 200);
        assert_memory_equal(seen, bytes, 200);
        close(fd);
        link->ops->close(link);
    }
    test_mem_end();
}

static void test_frame_in(void **state)
{
    (void)state;
    test_need_net();
    for (int offload = 0; offload < 2; offload++) {
        uint8_t bytes[1000];
        struct sok_frame got;
        struct sok_link *link = open_tap("sktest0", 0, offload);
        int fd = test_packet_socket("sktest0", 0x88b5, false);
        struct sok_frame_out f = test_frame(bytes, 1000, ours, test_all, 5);
        (void)f;
        assert_int_equal(send(fd, bytes, 1000, 0), 1000);
        test_next_frame(link, 0x88b5, &got);
        assert_int_equal(got.len, 1000);
        assert_memory_equal(got.buf->data + got.off, bytes, 1000);
        assert_true(got.buf->cap <= 1600); // 64 KB are not held for it
        sok_buf_unref(got.buf);
        assert_int_equal(link->ops->recv(link, &got, 0), SOK_EAGAIN);
        close(fd);
        link->ops->close(link);
    }
    test_mem_end();
}

// The kernel believes what we say about the checksum, and without our word it computes it.
static void test_checksum_left_to_the_kernel(void **state)
{
    (void)state;
    test_need_net();
    uint8_t bytes[1500], kernel[6], heard[1500];
    struct sok_link *link = open_tap("sktest0", 0, true);
    int fd = kernel_udp("sktest0");
    kernel_mac("sktest0", kernel);
    struct sok_frame_out f = udp_frame(bytes, kernel, 501);
    assert_int_equal(link->ops->send(link, &f, 0), 0);
    assert_int_equal(recv(fd, heard, sizeof(heard), 0), 501);
    f.meta = (struct sok_frame_meta){0}; // the same bytes, as if complete: wrong
    assert_int_equal(link->ops->send(link, &f, 0), 0);
    assert_int_equal(recv(fd, heard, sizeof(heard), 0), -1);
    close(fd);
    test_over(link);
}

static void test_checksum_left_to_us(void **state)
{
    (void)state;
    test_need_net();
    for (int offload = 0; offload < 2; offload++) {
        struct sok_frame got;
        struct sok_link *link = open_tap("sktest0", 0, offload);
        int fd = kernel_udp("sktest0");
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
        inet_pton(AF_INET, "198.51.100.2", &to.sin_addr);
        assert_int_equal(sendto(fd, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
        test_next_frame(link, 0x0800, &got);
        const uint8_t *ip = got.buf->data + got.off + 14;
        assert_int_equal(got.meta.csum_partial, offload);
        assert_int_equal(got.meta.csum_valid, offload);
        uint16_t sum = test_sum(ip + 20, 13, test_pseudo(ip, 13));
        if (offload) {
            assert_int_equal(got.meta.csum_start, 34);
            assert_int_equal(got.meta.csum_offset, 6);
            assert_int_equal(sok_get16(ip + 26), test_sum(NULL, 0, test_pseudo(ip, 13)));
        } else {
            assert_int_equal(sum, 0xffff);
        }
        sok_buf_unref(got.buf);
        close(fd);
        link->ops->close(link);
    }
    test_mem_end();
}

// Both ways past the kernel's packet socket, which uses the same header.
static void test_super_frames(void **state)
{
    (void)state;
    test_need_net();
    static const uint8_t ips[8] = {198, 51, 100, 2, 198, 51, 100, 7};
    static uint8_t bytes[70000], seen[70000];
    struct sok_frame got;
    struct sok_link *link = open_tap("sktest0", 0, true);
    int fd = test_packet_socket("sktest0", 0x0800, true);
    struct sok_frame_out f = test_super(bytes, 64000, 1448, test_all, ours, ips);
    f.meta.gso_ecn = true;
    assert_int_equal(link->ops->send(link, &f, 0), 0);
    struct virtio_net_hdr h;
    struct iovec iov[2] = {{&h, sizeof(h)}, {seen, sizeof(seen)}};
    assert_int_equal(readv(fd, iov, 2), sizeof(h) + f.len);
    assert_memory_equal(seen, bytes, f.len);
    assert_int_equal(h.gso_type, VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN);
    assert_int_equal(h.gso_size, 1448);
    assert_int_equal(h.csum_start, 34);
    iov[1].iov_len = f.len;
    assert_int_equal(writev(fd, iov, 2), sizeof(h) + f.len);
    test_next_frame(link, 0x0800, &got);
    assert_int_equal(got.len, f.len);
    assert_memory_equal(got.buf->data + got.off, bytes, f.len);
    assert_int_equal(got.meta.gso, SOK_GSO_TCP4);
    assert_true(got.meta.gso_ecn && got.meta.csum_partial && got.meta.csum_valid);
    assert_int_equal(got.meta.gso_size, 1448);
    assert_int_equal(got.meta.hdr_len, TEST_SUPER_HDR);
    sok_buf_unref(got.buf);
    close(fd);
    test_over(link);
}

// Without offload the kernel cuts for us and completes every sum.
static void test_super_frames_without_offload(void **state)
{
    (void)state;
    test_need_net();
    static const uint8_t ips[8] = {198, 51, 100, 2, 198, 51, 100, 7};
    static uint8_t bytes[20000];
    struct sok_frame got;
    struct sok_link *link = open_tap("sktest0", 0, false);
    int fd = test_packet_socket("sktest0", 0x0800, true);
    struct sok_frame_out f = test_super(bytes, 10000, 1448, ours, test_all, ips);
    struct virtio_net_hdr h = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
        .hdr_len = TEST_SUPER_HDR,
        .gso_size = 1448,
        .csum_start = 34,
        .csum_offset = 16};
    struct iovec iov[2] = {{&h, sizeof(h)}, {bytes, f.len}};
    assert_int_equal(writev(fd, iov, 2), sizeof(h) + f.len);
    uint32_t bytes_got = 0;
    while (bytes_got < 10000) {
        test_next_frame(link, 0x0800, &got);
        assert_int_equal(got.meta.gso, SOK_GSO_NONE);
        assert_false(got.meta.csum_partial);
        assert_true(test_tcp_sum_ok(&got));
        assert_memory_equal(got.buf->data + got.off + TEST_SUPER_HDR,
            bytes + TEST_SUPER_HDR + bytes_got, got.len - TEST_SUPER_HDR);
        bytes_got += got.len - TEST_SUPER_HDR;
        sok_buf_unref(got.buf);
    }
    close(fd);
    test_over(link);
}

static void test_device_down_and_gone(void **state)
{
    (void)state;
    test_need_net();
    uint8_t bytes[60];
    struct sok_frame got;
    struct sok_link *link = open_tap("sktest0", 0, true);
    struct sok_frame_out f = test_frame(bytes, 60, test_all, ours, 1);
    if (system("ip link set sktest0 down") != 0)
        skip();
    assert_int_equal(link->ops->send(link, &f, 0), SOK_EIO); // lost, but it may come up again
    assert_int_equal(link->lost, 1);
    while (link->ops->recv(link, &got, 0) == 0)
        sok_buf_unref(got.buf);
    assert_int_equal(system("ip link set sktest0 up"), 0);
    assert_int_equal(link->ops->send(link, &f, 0), 0);
    assert_int_equal(system("ip link del sktest0"), 0);
    assert_int_equal(link->ops->recv(link, &got, 0), SOK_ELINKDOWN);
    assert_int_equal(link->ops->send(link, &f, 0), SOK_ELINKDOWN);
    test_over(link);
}

static void test_made_beforehand_in_a_bridge(void **state)
{
    (void)state;
    test_need_net();
    uint8_t bytes[100], seen[200];
    if (system(
            "ip link add skbr0 type bridge && ip link set skbr0 up && "
            "ip tuntap add dev sktest1 mode tap && ip link set sktest1 mtu 1280 master skbr0") != 0)
        skip();
    struct sok_link *link = open_tap("sktest1", 0, true);
    assert_int_equal(link->info.mtu, 1280);                // what it has
    assert_int_equal(link->info.caps & SOK_LINK_POINT, 0); // others may be there
    int fd = test_packet_socket("skbr0", 0x88b5, false);
    struct sok_frame_out f = test_frame(bytes, 100, test_all, ours, 1);
    assert_int_equal(link->ops->send(link, &f, 0), 0);
    assert_int_equal(recv(fd, seen, sizeof(seen), 0), 100);
    close(fd);
    test_over(link);
    assert_true(if_nametoindex("sktest1") != 0); // it is still there for the next one
    assert_int_equal(system("ip link del sktest1; ip link del skbr0"), 0);
}

static void test_bad_names(void **state)
{
    (void)state;
    test_need_net();
    char err[SOK_LINK_ERR_MAX];
    assert_int_equal(fails("a-name-of-16-chr", err), SOK_EINVAL);
    assert_non_null(strstr(err, "15"));
    assert_int_equal(fails("a/b", err), SOK_EINVAL);
    assert_int_equal(fails("lo", err), SOK_EADDRINUSE);
    assert_non_null(strstr(err, "not a TAP"));
    struct sok_link *link = open_tap("sktest0", 0, true);
    assert_int_equal(fails("sktest0", err), SOK_EADDRINUSE);
    assert_non_null(strstr(err, "another process"));
    test_over(link);
}

static void test_no_privilege(void **state)
{
    (void)state;
    test_need_net();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char err[SOK_LINK_ERR_MAX];
        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(2);
        _exit(fails("sktest0", err) == SOK_EACCES && strstr(err, "needs root or CAP_NET_ADMIN")
                  ? 0
                  : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_interface_is_up_and_bare, test_start),
        cmocka_unit_test_setup(test_name_by_the_kernel_and_mac, test_start),
        cmocka_unit_test_setup(test_frame_out, test_start),
        cmocka_unit_test_setup(test_frame_in, test_start),
        cmocka_unit_test_setup(test_checksum_left_to_the_kernel, test_start),
        cmocka_unit_test_setup(test_checksum_left_to_us, test_start),
        cmocka_unit_test_setup(test_super_frames, test_start),
        cmocka_unit_test_setup(test_super_frames_without_offload, test_start),
        cmocka_unit_test_setup(test_device_down_and_gone, test_start),
        cmocka_unit_test_setup(test_made_beforehand_in_a_bridge, test_start),
        cmocka_unit_test_setup(test_bad_names, test_start),
        cmocka_unit_test_setup(test_no_privilege, test_start),
    };
    find_out();
    return cmocka_run_group_tests_name("link/tap", tests, NULL, NULL);
}
