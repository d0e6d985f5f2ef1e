// A TCP client with calls that block: says a line, reads to the end, prints what came.
//
//   tcp_echo_client LINK ADDRESS/LEN SERVER PORT TEXT       tcp_echo_client lan:a 192.0.2.2/24 192.0.2.1 7 hello
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sockeye/socket.h>

static int talk(struct sok_socket *s, const struct sok_endpoint *server, const char *text)
{
    int err = sok_connect(s, server);
    if (err < 0)
        return err;
    for (size_t done = 0, len = strlen(text); done < len;) {
        int64_t n = sok_send(s, text + done, len - done);
        if (n < 0)
            return (int)n;
        done += (size_t)n;
    }
    sok_shutdown(s); // no more from here: the server reads the end of the stream
    char data[4096];
    int64_t n;
    while ((n = sok_recv(s, data, sizeof(data))) > 0)
        fwrite(data, 1, (size_t)n, stdout);
    putchar('\n');
    return (int)n;
}

int main(int argc, char **argv)
{
    struct sok_endpoint server = {0};
    if (argc != 6 || !sok_addr_parse(argv[3], &server.addr)) {
        fprintf(stderr, "usage: tcp_echo_client LINK ADDRESS/LEN SERVER PORT TEXT\n");
        return 2;
    }
    server.port = (uint16_t)atoi(argv[4]);
    char err[SOK_HOST_ERR_MAX] = "";
    struct sok_host *host;
    const char *const addrs[] = {argv[2], NULL};
    struct sok_host_link link = {.size = sizeof(link), .spec = argv[1], .addrs = addrs};
    if (sok_host_new(NULL, &host, err) < 0 || sok_host_link_add(host, &link, err) < 0 ||
        sok_host_ready(host, -1, err) < 0) {
        fprintf(stderr, "tcp_echo_client: %s\n", err);
        return 1;
    }
    struct sok_socket *s;
    int result = sok_socket(host, SOK_STREAM, &s);
    if (result == 0) {
        sok_setsockopt(s, SOK_OPT_BLOCKING, 1);
        result = talk(s, &server, argv[5]);
        sok_close(s);
    }
    if (result < 0)
        fprintf(stderr, "tcp_echo_client: %s\n", sok_strerror(result));
    sok_host_linger(host, 5000000000);
    sok_host_free(host);
    return result < 0;
}
