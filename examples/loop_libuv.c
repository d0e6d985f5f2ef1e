// A host in libuv's loop: uv_poll for the host's descriptor, uv_timer for its deadline, and a connection as an
// ordinary uv_pipe. The other end is a second host that says hello.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>
#include <sockeye/socket.h>

static struct sok_host *a, *b;
static uv_poll_t wire;
static uv_timer_t timer;
static uv_pipe_t pipe_;
static char got[64];

static int64_t must(int64_t result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, sok_strerror((int)result));
        exit(1);
    }
    return result;
}

static void step(uv_timer_t *t)
{
    while (must(sok_host_step(a, 0), "step") > 0)
        ;
    int64_t left = sok_host_deadline(a) - sok_host_now(a); // then it has to be stepped again
    left = left <= 0 ? 0 : left > 1000000000 ? 1000 : left / 1000000 + 1;
    uv_timer_start(t, step, (uint64_t)left, 0);
}

static void on_wire(uv_poll_t *poll, int status, int events)
{
    (void)poll, (void)status, (void)events;
    step(&timer);
}

static void room(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    (void)handle, (void)size;
    *buf = uv_buf_init(got, sizeof(got) - 1);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    (void)buf;
    if (n <= 0)
        return;
    uv_close((uv_handle_t *)stream, NULL);
    uv_close((uv_handle_t *)&wire, NULL);
    uv_close((uv_handle_t *)&timer, NULL); // nothing is left: uv_run returns
}

static void greet(void *ctx, struct sok_socket *listener)
{
    struct sok_socket *s;
    (void)ctx;
    while (sok_accept(listener, &s) == 0) {
        must(sok_send(s, "hello", 5), "greet");
        sok_close(s);
    }
}

int main(void)
{
    const char *const addrs_a[] = {"192.0.2.1/24", NULL}, *const addrs_b[] = {"192.0.2.2/24", NULL};
    struct sok_host_link la = {.size = sizeof(la), .addrs = addrs_a};
    struct sok_host_link lb = {.size = sizeof(lb), .addrs = addrs_b};
    must(sok_host_new(NULL, &a, NULL), "host");
    must(sok_host_new(NULL, &b, NULL), "host");
    must(sok_host_link_pair(a, &la, b, &lb, NULL), "pair");
    struct sok_socket *listener, *s;
    struct sok_endpoint server = {.port = 13};
    sok_addr_parse("192.0.2.2", &server.addr);
    must(sok_socket(b, SOK_STREAM, &listener), "socket");
    must(sok_bind(listener, &server), "bind");
    must(sok_listen(listener, 8), "listen");
    sok_socket_notify(listener, greet, NULL);
    must(sok_socket(a, SOK_STREAM, &s), "socket");
    int bad = sok_connect(s, &server);
    must(bad == SOK_EINPROGRESS ? 0 : bad, "connect");

    uv_loop_t *loop = uv_default_loop();
    uv_timer_init(loop, &timer);
    uv_poll_init(loop, &wire, sok_host_fd(a));
    uv_poll_start(&wire, UV_READABLE, on_wire);
    uv_pipe_init(loop, &pipe_, 0);
    uv_pipe_open(&pipe_, (int)must(sok_socket_fd(s), "descriptor"));
    uv_read_start((uv_stream_t *)&pipe_, room, on_read);
    step(&timer);
    uv_run(loop, UV_RUN_DEFAULT);
    printf("by libuv: %s\n", got);
    sok_host_free(a);
    sok_host_free(b);
    return strcmp(got, "hello") != 0;
}
