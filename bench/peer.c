// The kernel's side of every measurement, on plain sockets, and the kernel's own client to compare with.
//
//   peer serve ADDRESS PORT                   answers requests (common.h), one connection at a time
//   peer out|in ADDRESS PORT MS               bulk towards the peer, or from it
//   peer echo|half|spin ADDRESS PORT MS       1-byte round trips: both sides sleep, the peer, nobody
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common.h"

static uint8_t chunk[BENCH_CHUNK];

static void write_all(int fd, const void *data, size_t len)
{
    const uint8_t *p = data;
    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n <= 0)
            bench_die("peer: send: %s", strerror(errno));
        p += n;
        len -= (size_t)n;
    }
}

static bool read_all(int fd, void *data, size_t len)
{
    uint8_t *p = data;
    while (len > 0) {
        ssize_t n = recv(fd, p, len, 0);
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

// Until the end of the stream; the time runs from the first byte.
static uint64_t drain(int fd, int64_t *ns)
{
    uint64_t bytes = 0;
    int64_t start = 0;
    ssize_t n;
    while ((n = recv(fd, chunk, sizeof(chunk), 0)) > 0) {
        if (bytes == 0)
            start = bench_now();
        bytes += (uint64_t)n;
    }
    *ns = bench_now() - start;
    return bytes;
}

static void pour(int fd, uint32_t ms)
{
    int64_t end = bench_now() + ms * INT64_C(1000000);
    while (bench_now() < end) {
        if (send(fd, chunk, sizeof(chunk), MSG_NOSIGNAL) <= 0)
            return;
    }
    shutdown(fd, SHUT_WR);
}

static ssize_t one_byte(int fd, uint8_t *byte, bool spin)
{
    ssize_t n;
    do
        n = recv(fd, byte, 1, spin ? MSG_DONTWAIT : 0);
    while (n < 0 && (errno == EAGAIN || errno == EINTR));
    return n;
}

static void echo(int fd, bool spin)
{
    uint8_t byte;
    while (one_byte(fd, &byte, spin) == 1) {
        if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1)
            return;
    }
}

static void serve_one(int fd)
{
    uint8_t request[BENCH_REQUEST_LEN], reply[BENCH_REPLY_LEN];
    enum bench_mode mode;
    uint32_t ms;
    int64_t ns;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (!read_all(fd, request, sizeof(request)) || !bench_request_get(request, &mode, &ms))
        return;
    if (mode == BENCH_OUT) {
        bench_put64(reply, drain(fd, &ns));
        bench_put64(reply + 8, (uint64_t)ns);
        send(fd, reply, sizeof(reply), MSG_NOSIGNAL);
    } else if (mode == BENCH_IN) {
        pour(fd, ms);
        drain(fd, &ns);
    } else {
        echo(fd, mode == BENCH_SPIN);
    }
}

// All measurements are of CUBIC, whatever this machine's default is; accepted sockets inherit it.
static int cubic_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) < 0)
        bench_die("peer: no CUBIC socket: %s", strerror(errno));
    return fd;
}

static struct sockaddr_in address(const char *host, const char *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
        bench_die("peer: not an address: %s", host);
    return a;
}

static void serve(const char *host, const char *port)
{
    struct sockaddr_in a = address(host, port);
    int on = 1;
    int l = cubic_socket();
    setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(l, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(l, 16) < 0)
        bench_die("peer: %s port %s: %s", host, port, strerror(errno));
    puts("ready");
    fflush(stdout);
    for (;;) {
        int fd = accept(l, NULL, NULL);
        if (fd < 0)
            bench_die("peer: accept: %s", strerror(errno));
        serve_one(fd);
        close(fd);
    }
}

static void client_out(int fd, uint32_t ms)
{
    uint8_t reply[BENCH_REPLY_LEN];
    pour(fd, ms);
    if (!read_all(fd, reply, sizeof(reply)))
        bench_die("peer: no reply");
    bench_print_bulk(bench_get64(reply), (int64_t)bench_get64(reply + 8));
}

static void client_rtts(int fd, uint32_t ms, bool spin)
{
    int64_t *rtts = malloc(BENCH_RTTS_MAX * sizeof(*rtts));
    int64_t end = bench_now() + ms * INT64_C(1000000), start = 0;
    size_t count = 0;
    uint8_t byte = 'x';
    if (!rtts)
        bench_die("peer: no memory");
    while (start < end && count < BENCH_RTTS_MAX) {
        start = bench_now();
        write_all(fd, &byte, 1);
        if (one_byte(fd, &byte, spin) != 1)
            bench_die("peer: the connection ended");
        rtts[count++] = bench_now() - start;
    }
    bench_print_rtts(rtts, count);
    free(rtts);
}

static void client(const char *what, const char *host, const char *port, uint32_t ms)
{
    static const struct {
        const char *name;
        enum bench_mode mode;
        bool spin;
    } modes[] = {{"out", BENCH_OUT, false}, {"in", BENCH_IN, false}, {"echo", BENCH_ECHO, false},
        {"half", BENCH_ECHO, true}, {"spin", BENCH_SPIN, true}};
    struct sockaddr_in a = address(host, port);
    uint8_t request[BENCH_REQUEST_LEN];
    int64_t ns;
    int on = 1;
    unsigned i = 0;
    while (i < 5 && strcmp(modes[i].name, what) != 0)
        i++;
    if (i == 5)
        bench_die("peer: what is %s?", what);
    int fd = cubic_socket();
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
        bench_die("peer: %s port %s: %s", host, port, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    bench_request(request, modes[i].mode, ms);
    write_all(fd, request, sizeof(request));
    if (modes[i].mode == BENCH_OUT) {
        client_out(fd, ms);
    } else if (modes[i].mode == BENCH_IN) {
        uint64_t bytes = drain(fd, &ns);
        bench_print_bulk(bytes, ns);
    } else {
        client_rtts(fd, ms, modes[i].spin);
    }
    close(fd);
}

int main(int argc, char **argv)
{
    memset(chunk, 'x', sizeof(chunk));
    if (argc == 4 && strcmp(argv[1], "serve") == 0)
        serve(argv[2], argv[3]);
    else if (argc == 5)
        client(argv[1], argv[2], argv[3], (uint32_t)atoi(argv[4]));
    else
        bench_die("usage: peer serve ADDRESS PORT | peer out|in|echo|half|spin ADDRESS PORT MS");
    return 0;
}
