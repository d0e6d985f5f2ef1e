// A protocol of one's own, number 102, straight over IP: what a course on networks asks for.
#include <stdio.h>
#include <stdlib.h>
#include <sockeye/socket.h>

#define PROTOCOL 102

static struct sok_host *a, *b;

// Two hosts in this process, and a wire in memory between them.
static void make_hosts(void)
{
    char err[SOK_HOST_ERR_MAX] = "";
    const char *const addrs_a[] = {"192.0.2.1/24", NULL}, *const addrs_b[] = {"192.0.2.2/24", NULL};
    struct sok_host_link la = {.size = sizeof(la), .addrs = addrs_a};
    struct sok_host_link lb = {.size = sizeof(lb), .addrs = addrs_b};
    if (sok_host_new(NULL, &a, err) < 0 || sok_host_new(NULL, &b, err) < 0 ||
        sok_host_link_pair(a, &la, b, &lb, err) < 0) {
        fprintf(stderr, "%s\n", err);
        exit(1);
    }
}

static int64_t must(int64_t result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, sok_strerror((int)result));
        exit(1);
    }
    return result;
}

static struct sok_socket *raw(struct sok_host *host)
{
    struct sok_socket *s;
    must(sok_socket_raw(host, PROTOCOL, &s), "raw socket");
    must(sok_setsockopt(s, SOK_OPT_BLOCKING, 1), "blocking");
    return s;
}

// What an IPv4 raw socket receives begins with the header, whose length is in its first byte.
static void show(const char *who, const unsigned char *packet, int64_t len, struct sok_addr from)
{
    char text[SOK_ADDR_TEXT_MAX];
    int header = 4 * (packet[0] & 15);
    printf("%s has from %s, protocol %d, TTL %d: %.*s\n", who, sok_addr_format(from, text),
        packet[9], packet[8], (int)len - header, (const char *)packet + header);
}

int main(void)
{
    unsigned char packet[1500];
    make_hosts();
    struct sok_socket *left = raw(a), *right = raw(b);
    struct sok_endpoint to = {0}, from;
    sok_addr_parse("192.0.2.2", &to.addr);
    must(sok_setsockopt(left, SOK_OPT_TTL, 9), "TTL");
    must(sok_sendto(left, "hello", 5, &to), "send");
    int64_t n = must(sok_recvfrom(right, packet, sizeof(packet), &from), "receive");
    show("right", packet, n, from.addr);
    must(sok_sendto(right, "hello yourself", 14, &from), "answer");
    n = must(sok_recvfrom(left, packet, sizeof(packet), &from), "receive");
    show("left", packet, n, from.addr);
    sok_host_free(a);
    sok_host_free(b);
    return 0;
}
