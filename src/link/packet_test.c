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

static const uint8_t all[6] = {255, 255, 255, 255, 255, 255};
static const uint8_t ours[6] = {2, 0, 0, 0, 0, 9}, other[6] = {2, 0, 0, 0, 0, 8};
static const uint8_t ips[8] = {192, 0, 2, 1, 192, 0, 2, 2};
static char no_veth[128]; // why these tests cannot run; empty: they can

static void find_out(void)
{
    if (unshare(CLONE_NEWNET) < 0)
        snprintf(no_veth, sizeof(no_veth), "no private network namespace: %s", strerror(errno));
    else if (system("ip link add skp0 type veth peer name skp1 && ip link set skp0 mtu 1400 up && "
                    "ip link set skp1 up") != 0)
        snprintf(no_veth, sizeof(no_veth), "no veth pair here");
}

static int start(void **state)
{
    (void)state;
    test_mem_start();
    return 0;
}

static void need_veth(void)
{
    if (!no_veth[0])
        return;
    print_message("skipped: %s\n", no_veth);
    skip();
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
    struct sockaddr_ll a = {.sll_family = AF_PACKET,
        .sll_protocol = htons((uint16_t)type),
        .sll_ifindex = (int)if_nametoindex("skp1")};
    struct timeval t = {.tv_sec = 5};
    int on = vnet;
    int fd = socket(AF_PACKET, SOCK_RAW, htons((uint16_t)type));
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

static void test_info(void **state)
{
    (void)state;
    need_veth();
    struct sok_link *link = open_packet(true);
    assert_string_equal(link->info.name, "packet:skp0");
    assert_memory_equal(link->info.mac, ours, 6);
    assert_int_equal(link->info.mtu, 1400);
    assert_int_equal(link->info.caps, SOK_LINK_CSUM | SOK_LINK_TSO); // others may be on it
    link->ops->close(link);
    link = open_packet(false);
    assert_int_equal(link->info.caps, 0);
    link->ops->close(link);
    test_mem_end();
}

static void test_frames(void **state)
{
    (void)state;
    need_veth();
    uint8_t bytes[300], seen[400];
    struct sok_frame got;
    struct sok_link *link = open_packet(true);
    int fd = far_end(0x88b5, false);
    struct sok_frame_out f = test_frame(bytes, 300, all, ours, 1);
    assert_int_equal(link->ops->send(link, &f, 0), 0);
    assert_int_equal(recv(fd, seen, sizeof(seen), 0), 300);
    assert_memory_equal(seen, bytes, 300);
    test_frame(bytes, 300, other, all, 2); // for another station: not shown
    assert_int_equal(send(fd, bytes, 300, 0), 300);
    test_frame(bytes, 300, ours, all, 3);
    assert_int_equal(send(fd, bytes, 300, 0), 300);
    test_next_frame(link, 0x88b5, &got);
    assert_int_equal(test_number(&got), 3);
    assert_memory_equal(got.buf->data + got.off, bytes, 300);
    assert_true(got.buf->cap <= 300); // 64 KB are not held for it
    sok_buf_unref(got.buf);
    test_frame(bytes, 300, all, other, 4); // for everybody
    assert_int_equal(send(fd, bytes, 300, 0), 300);
    test_next_frame(link, 0x88b5, &got);
    assert_int_equal(test_number(&got), 4);
    sok_buf_unref(got.buf);
    close(fd);
    link->ops->close(link);
    test_mem_end();
}

static void test_super_frames(void **state)
{
    (void)state;
    need_veth();
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
    link->ops->close(link);
    test_mem_end();
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
    need_veth();
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
    need_veth();
    uint8_t bytes[60];
    struct sok_frame got;
    struct sok_link *link = open_packet(true);
    struct sok_frame_out f = test_frame(bytes, 60, all, ours, 1);
    assert_int_equal(system("ip link del skp0"), 0);
    int r = SOK_EAGAIN;
    for (int i = 0; i < 1000 && r != SOK_ELINKDOWN; i++) {
        r = link->ops->recv(link, &got, 0);
        if (r == 0)
            sok_buf_unref(got.buf);
    }
    assert_int_equal(r, SOK_ELINKDOWN);
    assert_int_equal(link->ops->send(link, &f, 0), SOK_ELINKDOWN);
    link->ops->close(link);
    test_mem_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_info, start), cmocka_unit_test_setup(test_frames, start),
        cmocka_unit_test_setup(test_super_frames, start),
        cmocka_unit_test_setup(test_errors, start),
        cmocka_unit_test_setup(test_interface_gone, start), // the last: it takes the pair away
    };
    find_out();
    return cmocka_run_group_tests_name("link/packet", tests, NULL, NULL);
}
