// Many connections in one loop, none of which blocks: 500 of them ask at once, one listener answers all.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sockeye/socket.h>

#define CONNECTIONS 500

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

static struct sok_socket *listener;
static int answered, done;

// Called from sok_host_step() when something about a socket has changed: do what can be done, then return.
static void answer(void *ctx, struct sok_socket *s)
{
    char text[64];
    (void)ctx;
    if (!(sok_socket_ready(s) & SOK_POLL_IN))
        return;
    int64_t n = sok_recv(s, text, sizeof(text));
    if (n > 0) {
        must(sok_send(s, text, (size_t)n), "answer");
        answered++;
    }
    sok_close(s);
}

static void take(void *ctx, struct sok_socket *l)
{
    struct sok_socket *s;
    (void)ctx;
    while (sok_accept(l, &s) == 0)
        sok_socket_notify(s, answer, NULL);
}

static void ask(void *ctx, struct sok_socket *s)
{
    char text[64], *asked = ctx;
    unsigned ready = sok_socket_ready(s);
    if (ready & SOK_POLL_OUT && !asked[0]) {
        sprintf(asked, "connection %p", ctx);
        must(sok_send(s, asked, strlen(asked)), "ask");
    }
    if (ready & SOK_POLL_IN) {
        int64_t n = must(sok_recv(s, text, sizeof(text)), "listen");
        if ((size_t)n == strlen(asked) && memcmp(text, asked, (size_t)n) == 0)
            done++;
        sok_close(s);
    }
}

int main(void)
{
    static char asked[CONNECTIONS][64];
    make_hosts();
    struct sok_endpoint server = {.port = 7};
    sok_addr_parse("192.0.2.2", &server.addr);
    must(sok_socket(b, SOK_STREAM, &listener), "socket");
    must(sok_bind(listener, &server), "bind");
    must(sok_listen(listener, CONNECTIONS), "listen");
    sok_socket_notify(listener, take, NULL);
    for (int i = 0; i < CONNECTIONS; i++) {
        struct sok_socket *s;
        must(sok_socket(a, SOK_STREAM, &s), "socket");
        sok_socket_notify(s, ask, asked[i]);
        int err = sok_connect(s, &server);
        must(err == SOK_EINPROGRESS ? 0 : err, "connect");
    }
    while (done < CONNECTIONS)
        must(sok_host_step(a, -1), "step");
    printf("%d asked, %d answered, %d had their own answer\n", CONNECTIONS, answered, done);
    sok_host_free(a);
    sok_host_free(b);
    return 0;
}
