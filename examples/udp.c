// UDP: a datagram asks, a datagram answers, and one for a port where nobody listens comes back as an error.
#include <stdio.h>
#include <stdlib.h>
#include <sockeye/socket.h>

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

static struct sok_socket *udp(struct sok_host *host, const char *addr, uint16_t port)
{
    struct sok_socket *s;
    struct sok_endpoint local = {.port = port};
    sok_addr_parse(addr, &local.addr);
    must(sok_socket(host, SOK_DGRAM, &s), "socket");
    must(sok_setsockopt(s, SOK_OPT_BLOCKING, 1), "blocking");
    must(sok_bind(s, &local), "bind");
    return s;
}

int main(void)
{
    char data[1500], text[SOK_ENDPOINT_TEXT_MAX];
    make_hosts();
    struct sok_socket *asks = udp(a, "192.0.2.1", 0), *answers = udp(b, "192.0.2.2", 7000);
    struct sok_endpoint server, from;
    must(sok_getsockname(answers, &server), "name");

    must(sok_sendto(asks, "what time is it?", 16, &server), "ask");
    int64_t n = must(sok_recvfrom(answers, data, sizeof(data), &from), "hear");
    printf("asked: %.*s\n", (int)n, data);
    must(sok_sendto(answers, "noon", 4, &from), "answer");
    n = must(sok_recvfrom(asks, data, sizeof(data), &from), "listen");
    printf("%s says: %.*s\n", sok_endpoint_format(&from, text), (int)n, data);

    sok_close(answers); // now nobody is there, and a connected socket hears of that
    must(sok_connect(asks, &server), "connect");
    must(sok_send(asks, "and now?", 8), "ask again");
    n = sok_recv(asks, data, sizeof(data));
    printf("then: %s\n", sok_strerror((int)n));
    sok_host_free(a);
    sok_host_free(b);
    return n == SOK_EREFUSED ? 0 : 1;
}
