// curl's connections: its open-socket callback dials here, stepping the host until the handshake is done
// or refused (so that a refusal is exit code 7, as curl's own), and gets the stream as a descriptor.
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "cli/dial.h"
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

// One address of several that did not answer; the last one is told by tell().
static void on_failed(void *ctx, const struct sok_endpoint *remote, int err)
{
    const struct sok_get *g = ctx;
    char text[SOK_ENDPOINT_TEXT_MAX];
    if (g->verbose)
        fprintf(stderr, "* %s: %s\n", sok_endpoint_format(remote, text), sok_strerror(err));
}

static int dial(struct sok_get *g, struct sok_socket **out, struct sok_endpoint *remote)
{
    struct sok_addr pinned;
    struct sok_dial d = {
        .name = g->host_name,
        .port = remote->port,
        .family = g->family,
        .limit = dial_limit(g),
        .tell = on_failed,
        .ctx = g,
    };
    bool no_name = false;
    int r = find_name(g);
    if (r < 0)
        return g->no_name = sok_host_fail(g->no_name_message, r, "no host in the URL");
    if (sok_get_pinned(g, g->host_name, remote->port, &pinned))
        d.given = &pinned;
    r = sok_cli_dial(g->host, &d, out, remote, &no_name, g->no_name_message);
    g->no_name = no_name ? r : 0;
    return r;
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
    struct sok_socket *s = NULL;
    int r = dial(g, &s, &remote);
    if (g->no_name)
        return CURL_SOCKET_BAD;
    if (r == 0)
        r = lead_to_listener(g, to);
    if (r == 0)
        r = sok_socket_fd(s);
    tell(g, &remote, r);
    if (r >= 0)
        return r;
    if (s)
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
