// The other end of the demonstration: a server of one page, once on the kernel's sockets in a child
// process, once on a Sockeye host's.
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cli/demo.h"

#define PAGE_MAX 8192

const char *sok_demo_page(size_t *len)
{
    static char page[PAGE_MAX];
    static size_t length;
    if (length == 0) {
        char body[PAGE_MAX - 256];
        size_t n = (size_t)snprintf(body, sizeof(body),
            "<!doctype html>\n<title>Sockeye</title>\n<h1>You are reading this through your own "
            "TCP</h1>\n");
        for (unsigned line = 1; n < 5000; line++)
            n += (size_t)snprintf(body + n, sizeof(body) - n,
                "<p>%02u: every segment of this page is a line on the timeline.</p>\n", line);
        length = (size_t)snprintf(page, sizeof(page),
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %zu\r\n"
            "Connection: close\r\n\r\n%s",
            n, body);
    }
    *len = length;
    return page;
}

// ---- on the kernel's sockets ----

static void serve(int listener)
{
    for (;;) {
        char request[4096];
        size_t len;
        const char *page = sok_demo_page(&len);
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            _exit(1);
        if (recv(fd, request, sizeof(request), 0) > 0 && send(fd, page, len, MSG_NOSIGNAL) >= 0) {
            shutdown(fd, SHUT_WR);
            while (recv(fd, request, sizeof(request), 0) > 0)
                continue;
        }
        close(fd);
    }
}

pid_t sok_demo_kernel_server(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(SOK_DEMO_PORT)};
    inet_pton(AF_INET, SOK_DEMO_THEM, &at.sin_addr);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pid_t parent = getpid(), child = -1;
    if (listener < 0)
        return -1;
    fflush(stdout);
    if (bind(listener, (const struct sockaddr *)&at, sizeof(at)) == 0 && listen(listener, 8) == 0)
        child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1); // it died before we asked to die with it
        signal(SIGINT, SIG_IGN);
        serve(listener);
    }
    close(listener);
    return child;
}

void sok_demo_kernel_server_end(pid_t child)
{
    if (child <= 0)
        return;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

// ---- on a Sockeye host's ----

struct visitor {
    size_t sent;
    bool asked, ended;
};

static void visitor_ready(void *ctx, struct sok_socket *s)
{
    struct visitor *v = ctx;
    char request[1024];
    size_t len;
    const char *page = sok_demo_page(&len);
    int64_t n = sok_recv(s, request, sizeof(request));
    if (n > 0)
        v->asked = true;
    while (v->asked && v->sent < len) {
        int64_t r = sok_send(s, page + v->sent, len - v->sent);
        if (r <= 0)
            break;
        v->sent += (size_t)r;
    }
    if (v->sent == len && !v->ended) {
        v->ended = true;
        sok_shutdown(s);
    }
    bool over = n == 0 || (n < 0 && n != SOK_EAGAIN);
    if (!over)
        return;
    sok_close(s);
    free(v);
}

static void listener_ready(void *ctx, struct sok_socket *listener)
{
    struct sok_socket *s;
    (void)ctx;
    while (sok_accept(listener, &s) == 0) {
        struct visitor *v = calloc(1, sizeof(*v));
        if (!v) {
            sok_abort(s);
            continue;
        }
        sok_socket_notify(s, visitor_ready, v);
        visitor_ready(v, s);
    }
}

int sok_demo_sockeye_server(struct sok_host *host)
{
    struct sok_socket *listener;
    struct sok_endpoint at = {.addr = sok_addr_v4(0), .port = SOK_DEMO_PORT};
    int r = sok_socket(host, SOK_STREAM, &listener);
    if (r == 0)
        r = sok_bind(listener, &at);
    if (r == 0)
        r = sok_listen(listener, 8);
    if (r == 0)
        sok_socket_notify(listener, listener_ready, NULL);
    return r;
}
