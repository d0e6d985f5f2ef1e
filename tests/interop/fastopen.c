// Three connections of one host to one server, each with its first data in the SYN if that may be (RFC 7413).
// usage: fastopen SPEC CIDR ADDRESS PORT; prints how many SYNs had their data taken.
#include <sockeye/host.h>
#include <sockeye/socket.h>
#include <stdio.h>
#include <stdlib.h>

static int once(struct sok_host *host, const struct sok_endpoint *to, int64_t *taken)
{
    struct sok_socket *s;
    char in[16];
    int r = sok_socket(host, SOK_STREAM, &s);
    if (r < 0)
        return r;
    sok_setsockopt(s, SOK_OPT_BLOCKING, 1);
    sok_setsockopt(s, SOK_OPT_TIMEOUT, INT64_C(10000000000));
    sok_setsockopt(s, SOK_OPT_FASTOPEN, 1);
    r = sok_connect(s, to);
    r = r < 0 ? r : (int)sok_send(s, "hello\n", 6);
    r = r < 0 ? r : (int)sok_recv(s, in, sizeof(in));
    sok_getsockopt(s, SOK_OPT_FASTOPEN, taken);
    sok_close(s);
    return r < 0 ? r : 0;
}

int main(int argc, char **argv)
{
    char err[SOK_HOST_ERR_MAX] = "usage: fastopen SPEC CIDR ADDRESS PORT";
    struct sok_host *host = NULL;
    struct sok_endpoint to = {0};
    const char *addrs[] = {argc == 5 ? argv[2] : NULL, NULL};
    if (argc != 5 || !sok_addr_parse(argv[3], &to.addr) || sok_host_new(NULL, &host, err) < 0)
        goto fail;
    to.port = (uint16_t)atoi(argv[4]);
    struct sok_host_link link = {.size = sizeof(link), .spec = argv[1], .addrs = addrs};
    if (sok_host_link_add(host, &link, err) < 0 || sok_host_ready(host, -1, err) < 0)
        goto fail;
    int64_t count = 0;
    for (int i = 0; i < 3; i++) {
        int64_t taken = 0;
        int r = once(host, &to, &taken);
        if (r < 0) {
            snprintf(err, sizeof(err), "connection %d: %s", i, sok_strerror(r));
            goto fail;
        }
        count += taken;
    }
    printf("%d\n", (int)count);
    sok_host_free(host);
    return 0;
fail:
    fprintf(stderr, "fastopen: %s\n", err);
    sok_host_free(host);
    return 1;
}
