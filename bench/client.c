// The client of bench/peer.c on Sockeye instead of the kernel's sockets.
//
//   client LINK OWN/PREFIX out|in|echo|half|spin ADDRESS PORT MS offload|plain
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sockeye/host.h>
#include <sockeye/socket.h>
#include "common.h"

static uint8_t chunk[BENCH_CHUNK];

static int64_t checked(int64_t r, const char *what)
{
    if (r < 0)
        bench_die("client: %s: %s", what, sok_strerror((int)r));
    return r;
}

static void send_all(struct sok_socket *s, const void *data, size_t len)
{
    const uint8_t *p = data;
    while (len > 0) {
        int64_t n = checked(sok_send(s, p, len), "send");
        p += n;
        len -= (size_t)n;
    }
}

static void recv_all(struct sok_socket *s, void *data, size_t len)
{
    uint8_t *p = data;
    while (len > 0) {
        int64_t n = checked(sok_recv(s, p, len), "recv");
        if (n == 0)
            bench_die("client: the connection ended");
        p += n;
        len -= (size_t)n;
    }
}

static void bulk_out(struct sok_socket *s, uint32_t ms)
{
    uint8_t reply[BENCH_REPLY_LEN];
    int64_t end = bench_now() + ms * INT64_C(1000000);
    while (bench_now() < end)
        send_all(s, chunk, sizeof(chunk));
    checked(sok_shutdown(s), "shutdown");
    recv_all(s, reply, sizeof(reply));
    bench_print_bulk(bench_get64(reply), (int64_t)bench_get64(reply + 8));
}

static void bulk_in(struct sok_socket *s)
{
    uint64_t bytes = 0;
    int64_t start = 0, n;
    while ((n = checked(sok_recv(s, chunk, sizeof(chunk)), "recv")) > 0) {
        if (bytes == 0)
            start = bench_now();
        bytes += (uint64_t)n;
    }
    bench_print_bulk(bytes, bench_now() - start);
}

static void round_trips(struct sok_socket *s, uint32_t ms)
{
    int64_t *rtts = malloc(BENCH_RTTS_MAX * sizeof(*rtts));
    int64_t end = bench_now() + ms * INT64_C(1000000), start = 0;
    size_t count = 0;
    uint8_t byte = 'x';
    if (!rtts)
        bench_die("client: no memory");
    while (start < end && count < BENCH_RTTS_MAX) {
        start = bench_now();
        send_all(s, &byte, 1);
        recv_all(s, &byte, 1);
        rtts[count++] = bench_now() - start;
    }
    bench_print_rtts(rtts, count);
    free(rtts);
}

static struct sok_socket *dial(struct sok_host *host, const char *address, const char *port)
{
    struct sok_endpoint to = {.port = (uint16_t)atoi(port)};
    struct sok_socket *s;
    if (!sok_addr_parse(address, &to.addr))
        bench_die("client: not an address: %s", address);
    checked(sok_socket(host, SOK_STREAM, &s), "socket");
    checked(sok_setsockopt(s, SOK_OPT_BLOCKING, 1), "blocking");
    checked(sok_setsockopt(s, SOK_OPT_NODELAY, 1), "nodelay");
    checked(sok_connect(s, &to), "connect");
    return s;
}

struct work {
    const char *name;
    enum bench_mode mode;
    int64_t spin_ns; // -1: the host's default
};

static const struct work *work_of(const char *name)
{
    static const struct work works[] = {
        {"out", BENCH_OUT, -1},
        {"in", BENCH_IN, -1},
        {"echo", BENCH_ECHO, 0},
        {"half", BENCH_ECHO, 1000000000},
        {"spin", BENCH_SPIN, 1000000000},
    };
    for (unsigned i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
        if (strcmp(works[i].name, name) == 0)
            return &works[i];
    }
    bench_die("client: what is %s?", name);
}

int main(int argc, char **argv)
{
    if (argc != 8)
        bench_die(
            "usage: client LINK OWN/PREFIX out|in|echo|half|spin ADDRESS PORT MS offload|plain");
    struct sok_host_config config;
    char err[SOK_HOST_ERR_MAX];
    uint8_t request[BENCH_REQUEST_LEN];
    struct sok_host *host;
    const struct work *work = work_of(argv[3]);
    uint32_t ms = (uint32_t)atoi(argv[6]);
    sok_host_config_default(&config);
    if (work->spin_ns >= 0)
        config.spin_ns = work->spin_ns;
    if (sok_host_new(&config, &host, err) < 0)
        bench_die("client: %s", err);
    struct sok_host_link link = {
        .size = sizeof(link),
        .spec = argv[1],
        .addrs = (const char *const[]){argv[2], NULL},
        .no_offload = strcmp(argv[7], "plain") == 0,
    };
    if (sok_host_link_add(host, &link, err) < 0 || sok_host_ready(host, -1, err) < 0)
        bench_die("client: %s", err);
    memset(chunk, 'x', sizeof(chunk));
    struct sok_socket *s = dial(host, argv[4], argv[5]);
    bench_request(request, work->mode, ms);
    send_all(s, request, sizeof(request));
    if (work->mode == BENCH_OUT)
        bulk_out(s, ms);
    else if (work->mode == BENCH_IN)
        bulk_in(s);
    else
        round_trips(s, ms);
    sok_close(s);
    sok_host_linger(host, INT64_C(2000000000));
    sok_host_free(host);
    return 0;
}
