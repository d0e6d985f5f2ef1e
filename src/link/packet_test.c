// On one end of a veth pair in a network namespace of this process's own; a packet socket on the other
// end shows and injects what passes.
#include "link/testing.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "link/packet.h"

static const uint8_t ours[6] = {2, 0, 0, 0, 0, 9}, other[6] = {2, 0, 0, 0, 0, 8};
static const uint8_t ips[8] = {192, 0, 2, 1, 192, 0, 2, 2};
static void find_out(void)
{
    test_own_net();
    if (!test_no_net[0] &&
        system(
            "echo 1 2>/dev/null >/proc/sys/net/ipv6/conf/default/disable_ipv6; " // frames of its own
            "ip link add skp0 type veth peer name skp1 && ip link set skp0 mtu 1400 up && "
            "ip link set skp1 up") != 0)
        snprintf(test_no_net, sizeof(test_no_net), "no veth pair here");
}

static struct sok_link *open_packet(bool offload)
{
    struct sok_packet_options o = {.name = "skp0", .offload = offload};
    memcpy(o.mac, ours, 6);
    char err[SOK_LINK_ERR_MAX] = "";
    struct sok_link *link = NULL;
    int r = sok_link_packet(&test_mem, &o, &link, err);
    assert_string_equal(err, "");
    assert_int_equal(r, 0);
    return link;
}

static int far_end(int type, bool vnet)
{
    return test_packet_socket("skp1", type, vnet);
}

static void test_info(void **state)
{
    (void)state;
    test_need_net();
    struct sok_link *link = open_packet(true);
    assert_string_equal(link->info.name, "packet:skp0");
    assert_memory_equal(link->info.mac, ours, 6);
    assert_int_equal(link->info.mtu, 1400);
    assert_int_equal(link->info.caps, SOK_LINK_CSUM | SOK_LINK_TSO); // others may be on it
    link->ops->close(link);
    link = open_packet(false);
    assert_int_equal(link->info.caps, 0);
    test_over(link);
}

static void test_frames(void **state)
{
    (void)state;
    test_need_net();
    uint8_t bytes[300], seen[400];
    struct sok_frame got;
    struct sok_link *link = open_packet(true);
    int fd = far_end(0x88b5, false);
    struct sok_frame_out f = test_frame(bytes, 300, test_all, ours, 1);
    assert_int_equal(link->ops->send(link, &f, 0), 0);
    assert_int_equal(recv(fd, seen, sizeof(seen), 0), 300);
    assert_memory_equal(seen, bytes, 300);
    test_frame(bytes, 300, other, test_all, 2); // for another station: not shown
    assert_int_equal(send(fd, bytes, 300, 0), 300);
    test_frame(bytes, 300, ours, test_all, 3);
    assert_int_equal(send(fd, bytes, 300, 0), 300);
    test_next_frame(link, 0x88b5, &got);
    assert_int_equal(test_number(&got), 3);
    assert_memory_equal(got.buf->data + got.off, bytes, 300);
    assert_true(got.buf->cap <= 300); // 64 KB are not held for it
    sok_buf_unref(got.buf);
    test_frame(bytes, 300, test_all, other, 4); // for everybody
    assert_int_equal(send(fd, bytes, 300, 0), 300);
    test_next_frame(link, 0x88b5, &got);
    assert_int_equal(test_number(&got), 4);
    sok_buf_unref(got.buf);
    close(fd);
    test_over(link);
}

static void test_super_frames(void **state)
{
    (void)state;
    test_need_net();
    static uint8_t bytes[70000], seen[70000];
    struct sok_frame got;
    struct sok_link *link = open_packet(true);
    int fd = far_end(0x0800, true);
    struct sok_frame_out f = test_super(bytes, 60000, 1348, ours, ours, ips);
    assert_int_equal(link->ops->send(link, &f, 0), 0);
    struct virtio_net_hdr h;
    struct iovec iov[2] = {{&h, sizeof(h)}, {seen, sizeof(seen)}};
    assert_int_equal(readv(fd, iov, 2), sizeof(h) + f.len);
    assert_memory_equal(seen, bytes, f.len);
    assert_int_equal(h.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
    assert_int_equal(h.gso_size, 1348);
    iov[1].iov_len = f.len;
    assert_int_equal(writev(fd, iov, 2), sizeof(h) + f.len);
    test_next_frame(link, 0x0800, &got);
    assert_int_equal(got.len, f.len);
    assert_memory_equal(got.buf->data + got.off, bytes, f.len);
    assert_int_equal(got.meta.gso, SOK_GSO_TCP4);
    assert_int_equal(got.meta.hdr_len, TEST_SUPER_HDR);
    assert_true(got.meta.csum_partial && got.meta.csum_valid);
    sok_buf_unref(got.buf);
    close(fd);
    test_over(link);
}

// The kernel takes a tag off before packet sockets are served; the stack sees the frame as it was.
static void test_tags(void **state)
{
    (void)state;
    test_need_net();
    static uint8_t bytes[70000], tagged[70000], seen[400];
    struct sok_frame got;
    struct sok_link *link = open_packet(true);
    int fd = far_end(ETH_P_ALL, true);
    struct virtio_net_hdr h = {0};
    struct iovec iov[2] = {{&h, sizeof(h)}, {bytes, 300}};
    test_frame(bytes, 300, ours, test_all, 5);
    memcpy(bytes + 12, (const uint8_t[]){0x81, 0x00, 0x60, 0x07, 0x88, 0xb5}, 6);
    assert_int_equal(writev(fd, iov, 2), sizeof(h) + 300);
    test_next_frame(link, 0x8100, &got);
    assert_int_equal(got.len, 300);
    assert_memory_equal(got.buf->data + got.off, bytes, 300);
    sok_buf_unref(got.buf);

    struct sok_frame_out f = test_frame(bytes, 300, test_all, ours, 6); // and on the way out
    memcpy(bytes + 12, (const uint8_t[]){0x81, 0x00, 0x60, 0x07, 0x88, 0xb5}, 6);
    assert_int_equal(link->ops->send(link, &f, 0), 0);
    iov[1] = (struct iovec){seen, sizeof(seen)};
    assert_int_equal(readv(fd, iov, 2), sizeof(h) + 296);
    assert_memory_equal(seen + 12, bytes + 16, 284); // as a socket without PACKET_AUXDATA sees it

    f = test_super(bytes, 60000, 1348, ours, ours, ips);
    memcpy(tagged, bytes, 12);
    memcpy(tagged + 12, (const uint8_t[]){0x81, 0x00, 0x00, 0x07}, 4);
    memcpy(tagged + 16, bytes + 12, f.len - 12);
    h = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
        .gso_size = 1344,
        .hdr_len = TEST_SUPER_HDR + 4,
        .csum_start = 38,
        .csum_offset = 16};
    iov[1] = (struct iovec){tagged, f.len + 4};
    assert_int_equal(writev(fd, iov, 2), sizeof(h) + f.len + 4);
    test_next_frame(link, 0x8100, &got);
    assert_int_equal(got.len, f.len + 4);
    assert_memory_equal(got.buf->data + got.off, tagged, f.len + 4);
    assert_int_equal(got.meta.gso, SOK_GSO_TCP4);
    assert_int_equal(got.meta.csum_start, 38);
    assert_int_equal(got.meta.hdr_len, TEST_SUPER_HDR + 4);
    sok_buf_unref(got.buf);
    close(fd);
    test_over(link);
}

// What finds the socket full is counted, with the next frame that comes through.
static void test_overflow(void **state)
{
    (void)state;
    test_need_net();
    uint8_t bytes[300];
    struct sok_frame got;
    struct sok_link *link = open_packet(true);
    int fd = far_end(0x88b5, false), small = 4096, large = 1 << 20;
    int beside = test_packet_socket("skp0", 0x88b5, false); // sees each when the link has
    assert_int_equal(setsockopt(link->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    assert_int_equal(setsockopt(beside, SOL_SOCKET, SO_RCVBUFFORCE, &large, sizeof(large)), 0);
    test_frame(bytes, 300, ours, test_all, 7);
    for (int i = 0; i < 200; i++)
        assert_int_equal(send(fd, bytes, 300, 0), 300);
    for (int i = 0; i < 200; i++)
        assert_int_equal(recv(beside, bytes, 300, 0), 300);
    close(beside);
    unsigned came = 0;
    while (link->ops->recv(link, &got, 0) == 0) {
        came++;
        sok_buf_unref(got.buf);
    }
    assert_in_range(came, 1, 199);
    assert_int_equal(send(fd, bytes, 300, 0), 300);
    test_next_frame(link, 0x88b5, &got);
    sok_buf_unref(got.buf);
    assert_int_equal(link->lost + came, 200);
    close(fd);
    test_over(link);
}

// What is for others is not copied at all.
static void test_filter(void **state)
{
    (void)state;
    test_need_net();
    uint8_t bytes[300];
    struct sok_link *link = open_packet(true);
    int fd = far_end(0x88b5, false);
    static const unsigned numbers[] = {0, 2, 3};
    const uint8_t *to[] = {ours, other, test_all, (const uint8_t[]){1, 0, 0x5e, 0, 0, 1},
        (const uint8_t[]){2, 0, 0, 0, 1, 9}, (const uint8_t[]){0, 0, 0, 0, 0, 9}};
    for (unsigned i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
        test_frame(bytes, 60, to[i], other, i);
        assert_int_equal(send(fd, bytes, 60, 0), 60);
    }
    struct sok_frame got;
    for (unsigned i = 0; i < 3; i++) {
        test_next_frame(link, 0x88b5, &got);
        assert_int_equal(test_number(&got), numbers[i]);
        sok_buf_unref(got.buf);
    }
    while (link->ops->recv(link, &got, 0) == 0)
        sok_buf_unref(got.buf);
    close(fd);
    test_over(link);
}

static int fails(const char *name, uint16_t mtu, char err[SOK_LINK_ERR_MAX])
{
    struct sok_packet_options o = {.name = name, .mtu = mtu};
    struct sok_link *link = NULL;
    err[0] = '\0';
    int r = sok_link_packet(&test_mem, &o, &link, err);
    assert_null(strchr(err, '\n'));
    assert_int_equal(test_counter.blocks, 0);
    return r;
}

static void test_errors(void **state)
{
    (void)state;
    test_need_net();
    char err[SOK_LINK_ERR_MAX];
    assert_int_equal(fails("nobody", 0, err), SOK_ENODEV);
    assert_string_equal(err, "no such interface: nobody (see: ip link)");
    assert_int_equal(fails("a-name-much-too-long-for-one", 0, err), SOK_ENODEV);
    assert_int_equal(fails("skp0", 1500, err), SOK_EINVAL); // more than its MTU
    assert_int_equal(fails("lo", 0, err), SOK_ELINKDOWN);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(2);
        _exit(fails("skp0", 0, err) == SOK_EACCES && strstr(err, "needs root or CAP_NET_RAW") ? 0
                                                                                              : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_interface_gone(void **state)
{
    (void)state;
    test_need_net();
    uint8_t bytes[60];
    struct sok_frame got;
    struct sok_link *link = open_packet(true);
    struct sok_frame_out f = test_frame(bytes, 60, test_all, ours, 1);
    assert_int_equal(system("ip link del skp0"), 0);
    int r = SOK_EAGAIN;
    for (int i = 0; i < 1000 && r != SOK_ELINKDOWN; i++) {
        r = link->ops->recv(link, &got, 0);
        if (r == 0)
            sok_buf_unref(got.buf);
    }
    assert_int_equal(r, SOK_ELINKDOWN);
    assert_int_equal(link->ops->send(link, &f, 0), SOK_ELINKDOWN);
    test_over(link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_info, test_start),
        cmocka_unit_test_setup(test_frames, test_start),
        cmocka_unit_test_setup(test_super_frames, test_start),
        cmocka_unit_test_setup(test_tags, test_start),
        cmocka_unit_test_setup(test_overflow, test_start),
        cmocka_unit_test_setup(test_filter, test_start),
        cmocka_unit_test_setup(test_errors, test_start),
        cmocka_unit_test_setup(test_interface_gone, test_start), // the last: it takes the pair away
    };
    find_out();
    return cmocka_run_group_tests_name("link/packet", tests, NULL, NULL);
}
