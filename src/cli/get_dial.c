// curl's connections: its open-socket callback dials here, stepping the host until the handshake is done
// or refused (so that a refusal is exit code 7, as curl's own), and gets the stream as a descriptor.
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "cli/get.h"
#include "host/host.h"

#ifdef CURLU_PUNYCODE
#define NAME_FLAGS CURLU_PUNYCODE
#else
#define NAME_FLAGS 0
#endif

static int64_t dial_limit(const struct sok_get *g)
{
    int64_t now = sok_host_now(g->host);
    int64_t end = INT64_MAX;
    if (g->connect_timeout > 0)
        end = now + g->connect_timeout;
    if (g->max_time > 0 && g->started + g->max_time < end)
        end = g->started + g->max_time;
    return end;
}

// 0 or a negative error.
static int wait_connected(struct sok_get *g, struct sok_socket *s, int64_t end)
{
    for (;;) {
        unsigned ready = sok_socket_ready(s);
        int64_t err = 0;
        if (ready & (SOK_POLL_ERROR | SOK_POLL_HUP))
            sok_getsockopt(s, SOK_OPT_ERROR, &err);
        if (err < 0)
            return (int)err;
        if (ready & SOK_POLL_OUT)
            return 0;
        if (sok_cli_interrupted())
            return SOK_EABORTED;
        int64_t left = end - sok_host_now(g->host);
        if (left <= 0)
            return SOK_ETIMEDOUT;
        int r = sok_host_step(g->host, end == INT64_MAX ? -1 : left);
        if (r < 0)
            return r;
    }
}

// A socket that says "connected already" is connected again all the same by libcurl 7.88 (mended in
// 8.0). So the address it has for that is one that refuses every connect with EAGAIN, which curl takes for
// "on its way" and then finds the socket writable: a listener with a full queue.
bool sok_get_dial_open(struct sok_get *g)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    socklen_t len = sizeof(at);
    g->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g->filler = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    // An address of the family alone: the kernel gives it an abstract name of its own.
    return g->listener >= 0 && g->filler >= 0 &&
           bind(g->listener, (struct sockaddr *)&at, sizeof(sa_family_t)) == 0 &&
           listen(g->listener, 0) == 0 &&
           getsockname(g->listener, (struct sockaddr *)&at, &len) == 0 &&
           connect(g->filler, (const struct sockaddr *)&at, len) == 0;
}

static int lead_to_listener(const struct sok_get *g, struct curl_sockaddr *to)
{
    struct sockaddr_un at;
    socklen_t len = sizeof(at);
    if (getsockname(g->listener, (struct sockaddr *)&at, &len) < 0)
        return sok_from_errno(errno);
    to->family = AF_UNIX;
    to->protocol = 0;
    to->addrlen = len;
    memcpy(&to->addr, &at, len);
    return 0;
}

static void tell(const struct sok_get *g, const struct sok_endpoint *remote, int r)
{
    char text[SOK_ENDPOINT_TEXT_MAX];
    if (r >= 0 && g->verbose) {
        fprintf(stderr, "* Connected to %s (%s) over Sockeye's TCP\n", g->host_name,
            sok_endpoint_format(remote, text));
        sok_cli_say_name(g->host, remote->addr);
        return;
    }
    if (r < 0 && !g->silent && !sok_cli_interrupted())
        sok_cli_fail(0, "connect to %s port %u: %s", sok_addr_format(remote->addr, text),
            remote->port, sok_strerror(r));
}

// curl is told to connect everything to one address (set_options), so that it never resolves; whom it
// means is in the URL it is at, which after a redirect is the new one. TLS and HTTP keep the name.
static int find_name(struct sok_get *g)
{
    char *url = NULL, *name = NULL;
    CURLU *u = curl_url();
    int err = u ? SOK_EINVAL : SOK_ENOMEM;
    curl_easy_getinfo(g->easy, CURLINFO_EFFECTIVE_URL, &url);
    if (u && url && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &name, NAME_FLAGS) == CURLUE_OK &&
        strlen(name) < sizeof(g->host_name)) {
        strcpy(g->host_name, name);
        err = 0;
    }
    curl_free(name);
    curl_url_cleanup(u);
    return err;
}

static int find_address(struct sok_get *g, uint16_t port, int64_t end, struct sok_addr *out)
{
    char *message = g->no_name_message;
    int r = find_name(g);
    if (r < 0)
        return sok_host_fail(message, r, "no host in the URL");
    if (sok_get_pinned(g, g->host_name, port, out))
        return 0;
    if (g->host_name[0] == '[')
        return sok_host_fail(message, SOK_EAFNOSUPPORT, "IPv6 is not spoken yet");
    return sok_cli_look_up(g->host, g->host_name, end, out, message);
}

static curl_socket_t on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct sok_get *g = ctx;
    struct sok_endpoint remote = {0};
    (void)purpose;
    if (to->family != AF_INET)
        return CURL_SOCKET_BAD;
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&to->addr;
    remote.port = ntohs(in->sin_port);
    int64_t end = dial_limit(g);
    g->no_name = find_address(g, remote.port, end, &remote.addr);
    if (g->no_name)
        return CURL_SOCKET_BAD;

    struct sok_socket *s = NULL;
    int r = sok_socket(g->host, SOK_STREAM, &s);
    if (r == 0)
        r = sok_connect(s, &remote);
    if (r == SOK_EINPROGRESS)
        r = wait_connected(g, s, end);
    if (r == 0)
        r = lead_to_listener(g, to);
    if (r == 0)
        r = sok_socket_fd(s);
    tell(g, &remote, r);
    if (r >= 0)
        return r;
    sok_close(s);
    g->dial_error = r;
    return CURL_SOCKET_BAD;
}

static int on_sockopt(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
    (void)ctx;
    (void)fd;
    (void)purpose;
    return CURL_SOCKOPT_ALREADY_CONNECTED;
}

static int on_close(void *ctx, curl_socket_t fd)
{
    struct sok_get *g = ctx;
    sok_host_unwatch(g->host, fd);
    return close(fd);
}

void sok_get_dial_set_up(struct sok_get *g, CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, g);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_sockopt);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, g);
    // libcurl 7.88 does not look at a socket that is connected already until its timer for a second
    // address has run out: 200 ms, if it is not told otherwise.
    curl_easy_setopt(easy, CURLOPT_HAPPY_EYEBALLS_TIMEOUT_MS, 0L);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 0L); // it would be the pair's, not the stream's
}

void sok_get_dial_clean_up(struct sok_get *g)
{
    if (g->listener >= 0)
        close(g->listener);
    if (g->filler >= 0)
        close(g->filler);
}
