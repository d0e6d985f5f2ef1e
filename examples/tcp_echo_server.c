// A TCP echo server with calls that block, one connection after the other.
//
//   tcp_echo_server LINK ADDRESS/LEN PORT [CONNECTIONS]         tcp_echo_server lan:a 192.0.2.1/24 7
#include <stdio.h>
#include <stdlib.h>
#include <sockeye/socket.h>

static int failed(const char *what, int err)
{
    fprintf(stderr, "tcp_echo_server: %s: %s\n", what, sok_strerror(err));
    return 1;
}

static int64_t echo(struct sok_socket *s)
{
    char data[4096];
    for (;;) {
        int64_t n = sok_recv(s, data, sizeof(data));
        if (n <= 0)
            return n; // 0: the client has sent all it wanted
        for (int64_t done = 0; done < n;) {
            int64_t m = sok_send(s, data + done, (size_t)(n - done));
            if (m < 0)
                return m;
            done += m;
        }
    }
}

static int serve(struct sok_socket *listener, int connections)
{
    for (int i = 0; connections == 0 || i < connections; i++) {
        struct sok_socket *s;
        int err = sok_accept(listener, &s);
        if (err < 0)
            return failed("accept", err);
        sok_setsockopt(s, SOK_OPT_BLOCKING, 1);
        struct sok_endpoint peer;
        char text[SOK_ENDPOINT_TEXT_MAX] = "?";
        if (sok_getpeername(s, &peer) == 0)
            sok_endpoint_format(&peer, text);
        int64_t end = echo(s);
        printf("%s: %s\n", text, end < 0 ? sok_strerror((int)end) : "done");
        fflush(stdout);
        sok_close(s);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: tcp_echo_server LINK ADDRESS/LEN PORT [CONNECTIONS]\n");
        return 2;
    }
    char err[SOK_HOST_ERR_MAX] = "";
    struct sok_host *host;
    const char *const addrs[] = {argv[2], NULL};
    struct sok_host_link link = {.size = sizeof(link), .spec = argv[1], .addrs = addrs};
    if (sok_host_new(NULL, &host, err) < 0 || sok_host_link_add(host, &link, err) < 0 ||
        sok_host_ready(host, -1, err) < 0) {
        fprintf(stderr, "tcp_echo_server: %s\n", err);
        return 1;
    }
    struct sok_socket *listener;
    struct sok_endpoint local = {.port = (uint16_t)atoi(argv[3])}; // any address of ours
    int bad = sok_socket(host, SOK_STREAM, &listener);
    if (bad < 0)
        return failed("socket", bad);
    sok_setsockopt(listener, SOK_OPT_BLOCKING, 1);
    if ((bad = sok_bind(listener, &local)) < 0 || (bad = sok_listen(listener, 16)) < 0)
        return failed("listen", bad);
    printf("listening\n");
    fflush(stdout);
    int result = serve(listener, argc > 4 ? atoi(argv[4]) : 0);
    sok_host_linger(host, 5000000000); // what was closed is still on its way
    sok_host_free(host);
    return result;
}
