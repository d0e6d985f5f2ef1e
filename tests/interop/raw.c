// Raw and packet sockets of a program: a frame of type 0x88b5 that comes is sent back, then a datagram of
// protocol 103 goes to ADDRESS under a header of our own.
// usage: raw SPEC CIDR ADDRESS; prints "ready", and at the end how many of its frames it saw go out.
#include <sockeye/host.h>
#include <sockeye/socket.h>
#include <stdio.h>
#include <string.h>

#define TYPE 0x88b5

static int block(struct sok_socket *s)
{
    sok_setsockopt(s, SOK_OPT_BLOCKING, 1);
    return sok_setsockopt(s, SOK_OPT_TIMEOUT, INT64_C(10000000000));
}

static int echo_frame(struct sok_host *host)
{
    struct sok_socket *s;
    struct sok_packet_addr from;
    uint8_t frame[2000], mac[6];
    int r = sok_socket_packet(host, TYPE, 0, &s);
    if (r < 0 || (r = block(s)) < 0)
        return r;
    printf("ready\n");
    fflush(stdout);
    int64_t n = sok_packet_recvfrom(s, frame, sizeof(frame), &from);
    if (n < 14)
        return n < 0 ? (int)n : SOK_EPROTO;
    memcpy(mac, frame, 6);
    memcpy(frame, frame + 6, 6);
    memcpy(frame + 6, mac, 6);
    n = from.kind == SOK_PACKET_FOR_US && from.type == TYPE
            ? sok_packet_sendto(s, frame, (size_t)n, &from)
            : SOK_EPROTO;
    sok_close(s);
    return n < 0 ? (int)n : 0;
}

static int send_given(struct sok_host *host, const struct sok_endpoint *to)
{
    struct sok_socket *s;
    uint32_t dst = sok_addr_to_v4(to->addr);
    uint8_t packet[27] = {0x45, 0x20, 0, 0, 0x12, 0x34, 0, 0, 7, 103};
    for (unsigned i = 0; i < 4; i++)
        packet[16 + i] = (uint8_t)(dst >> (24 - 8 * i));
    memcpy(packet + 20, "my head", 7);
    int r = sok_socket_raw(host, 255, &s);
    if (r < 0)
        return r;
    int64_t n = sok_sendto(s, packet, sizeof(packet), to);
    sok_close(s);
    return n < 0 ? (int)n : 0;
}

// Ours among the frames that were seen going out.
static int count_out(struct sok_socket *all)
{
    struct sok_packet_addr from;
    uint8_t frame[2000];
    int64_t n;
    int count = 0;
    while ((n = sok_packet_recvfrom(all, frame, sizeof(frame), &from)) >= 0)
        count += from.kind == SOK_PACKET_OUTGOING &&
                 (from.type == TYPE || (from.type == 0x0800 && frame[23] == 103));
    return count;
}

int main(int argc, char **argv)
{
    char err[SOK_HOST_ERR_MAX] = "usage: raw SPEC CIDR ADDRESS";
    struct sok_host *host = NULL;
    struct sok_endpoint to = {0};
    struct sok_socket *all;
    const char *addrs[] = {argc == 4 ? argv[2] : NULL, NULL};
    if (argc != 4 || !sok_addr_parse(argv[3], &to.addr) || sok_host_new(NULL, &host, err) < 0)
        goto fail;
    struct sok_host_link link = {.size = sizeof(link), .spec = argv[1], .addrs = addrs};
    if (sok_host_link_add(host, &link, err) < 0 || sok_host_ready(host, -1, err) < 0)
        goto fail;
    int r = sok_socket_packet(host, SOK_PACKET_ALL, 0, &all);
    r = r < 0 ? r : echo_frame(host);
    r = r < 0 ? r : send_given(host, &to);
    if (r < 0) {
        snprintf(err, sizeof(err), "%s", sok_strerror(r));
        goto fail;
    }
    int64_t end = sok_host_now(host) + INT64_C(1000000000);
    int seen = 0;
    while (seen < 2 && sok_host_now(host) < end) {
        sok_host_step(host, INT64_C(50000000));
        seen += count_out(all);
    }
    printf("%d\n", seen);
    sok_host_free(host);
    return 0;
fail:
    fprintf(stderr, "raw: %s\n", err);
    sok_host_free(host);
    return 1;
}
