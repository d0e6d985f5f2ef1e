// A host in somebody else's loop, epoll's: the host is one descriptor in it, and a connection is another, with plain
// read() and write(). The other end is a second host that echoes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sockeye/socket.h>

static struct sok_host *a, *b;

static int64_t must(int64_t result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, sok_strerror((int)result));
        exit(1);
    }
    return result;
}

static void echo(void *ctx, struct sok_socket *s)
{
    char data[512];
    int64_t n = sok_recv(s, data, sizeof(data));
    (void)ctx;
    if (n > 0)
        must(sok_send(s, data, (size_t)n), "echo");
    else if (n != SOK_EAGAIN)
        sok_close(s);
}

static void take(void *ctx, struct sok_socket *listener)
{
    struct sok_socket *s;
    (void)ctx;
    while (sok_accept(listener, &s) == 0)
        sok_socket_notify(s, echo, NULL);
}

// How long the loop may sleep: until the host has to be stepped again.
static int milliseconds(void)
{
    int64_t deadline = sok_host_deadline(a), other = sok_host_deadline(b);
    int64_t left = (other < deadline ? other : deadline) - sok_host_now(a);
    return left <= 0 ? 0 : left > 1000000000 ? 1000 : (int)(left / 1000000) + 1;
}

int main(void)
{
    char err[SOK_HOST_ERR_MAX] = "", got[64] = "";
    const char *const addrs_a[] = {"192.0.2.1/24", NULL}, *const addrs_b[] = {"192.0.2.2/24", NULL};
    struct sok_host_link la = {.size = sizeof(la), .addrs = addrs_a};
    struct sok_host_link lb = {.size = sizeof(lb), .addrs = addrs_b};
    if (sok_host_new(NULL, &a, err) < 0 || sok_host_new(NULL, &b, err) < 0 ||
        sok_host_link_pair(a, &la, b, &lb, err) < 0) {
        fprintf(stderr, "%s\n", err);
        return 1;
    }
    struct sok_socket *listener, *s;
    struct sok_endpoint server = {.port = 7};
    sok_addr_parse("192.0.2.2", &server.addr);
    must(sok_socket(b, SOK_STREAM, &listener), "socket");
    must(sok_bind(listener, &server), "bind");
    must(sok_listen(listener, 8), "listen");
    sok_socket_notify(listener, take, NULL);
    must(sok_socket(a, SOK_STREAM, &s), "socket");
    int bad = sok_connect(s, &server), loop = epoll_create1(EPOLL_CLOEXEC);
    must(bad == SOK_EINPROGRESS ? 0 : bad, "connect");
    int fd = (int)must(sok_socket_fd(s), "descriptor"), wire = sok_host_fd(a);
    struct epoll_event on_wire = {.events = EPOLLIN, .data.fd = wire};
    struct epoll_event on_fd = {.events = EPOLLIN | EPOLLOUT, .data.fd = fd}, now[2];
    epoll_ctl(loop, EPOLL_CTL_ADD, wire, &on_wire);
    epoll_ctl(loop, EPOLL_CTL_ADD, fd, &on_fd);
    while (!got[0]) {
        int count = epoll_wait(loop, now, 2, milliseconds());
        for (int i = 0; i < count; i++) {
            if (now[i].data.fd == fd && now[i].events & EPOLLOUT) { // connected
                if (write(fd, "hello", 5) != 5)
                    return 1;
                on_fd.events = EPOLLIN;
                epoll_ctl(loop, EPOLL_CTL_MOD, fd, &on_fd);
            } else if (now[i].data.fd == fd && read(fd, got, sizeof(got) - 1) <= 0) {
                return 1;
            }
        }
        must(sok_host_step(a, 0), "step"); // readable, or its deadline: it sleeps no more
    }
    printf("by epoll: %s\n", got);
    close(fd);
    sok_host_free(a);
    sok_host_free(b);
    return strcmp(got, "hello") != 0;
}
