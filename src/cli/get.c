// sockeye get: libcurl speaks HTTP, this host's TCP carries it. curl opens no connection itself: its
// open-socket callback dials here (stepping the host until the handshake is done or refused, so that a
// refusal is exit code 7 as curl's own), and gets the stream as a descriptor (host/bridge.c). curl's
// descriptors and timer then live in the host's loop.
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <arpa/inet.h>
#include "cli/options.h"
#include "cli/progress.h"

enum { KEY_MAX_TIME = 300, KEY_CONNECT_TIMEOUT };

static const struct sok_cli_option options[] = {
    {'o', "output", "FILE", "write to FILE; `-`: to stdout"},
    {'O', "remote-name", NULL, "write to a file named like the last part of the URL"},
    {'f', "fail", NULL, "an answer of 400 and above is a failure: exit code 22"},
    {'v', "verbose", NULL, "what is asked and answered, on stderr"},
    {'s', "silent", NULL, "no progress, no messages"},
    {KEY_CONNECT_TIMEOUT, "connect-timeout", "SECONDS", "give up connecting after so long"},
    {KEY_MAX_TIME, "max-time", "SECONDS", "give up altogether after so long"},
    {0, NULL, NULL, NULL},
};

struct get {
    struct sok_host *host;
    const char *url;
    const char *output; // NULL: stdout
    char *output_made;  // -O: the name, ours to free
    bool remote_name, fail, verbose, silent;
    int64_t connect_timeout, max_time; // ns; 0: none
    int64_t started;
    FILE *file;
    int write_errno;
    int dial_error; // why the dial failed, SOK_E...
    CURLM *multi;
    int ready_fd, ready_what; // what the last step heard of curl's descriptor
    int64_t timer;            // when curl wants to be called; INT64_MAX: not
    bool done;
    CURLcode result;
    struct sok_progress progress;
};

static int take_option(void *ctx, int key, const char *arg)
{
    struct get *g = ctx;
    switch (key) {
    case 'o':
        g->output = strcmp(arg, "-") == 0 ? NULL : arg;
        return 0;
    case 'O':
        g->remote_name = true;
        return 0;
    case 'f':
        g->fail = true;
        return 0;
    case 'v':
        g->verbose = true;
        return 0;
    case 's':
        g->silent = true;
        return 0;
    default:
        if (sok_cli_seconds(arg, key == KEY_MAX_TIME ? &g->max_time : &g->connect_timeout))
            return 0;
        return sok_cli_usage(&sok_cmd_get, "not a number of seconds: %s", arg);
    }
}

// curl's exit code, and its line unless it is to be silent.
static int fail(const struct get *g, int code, const char *message)
{
    return g->silent ? code : sok_cli_fail(code, "(%d) %s", code, message);
}

// ---- the URL ----

// http://ADDRESS[:PORT]/PATH now; what else there is gets a line that says so.
static int check_url(struct get *g, CURLU *u)
{
    char *scheme = NULL, *host = NULL;
    struct sok_addr addr;
    int code = 0;
    CURLUcode r =
        curl_url_set(u, CURLUPART_URL, g->url, CURLU_DEFAULT_SCHEME | CURLU_NON_SUPPORT_SCHEME);
    if (r == CURLUE_OK)
        r = curl_url_get(u, CURLUPART_SCHEME, &scheme, 0);
    if (r == CURLUE_OK && strcmp(scheme, "http") != 0) {
        char line[160];
        snprintf(line, sizeof(line), "%.40s:// is not spoken yet: http:// is", scheme);
        code = fail(g, CURLE_UNSUPPORTED_PROTOCOL, line);
        goto out;
    }
    if (r == CURLUE_OK)
        r = curl_url_get(u, CURLUPART_HOST, &host, 0);
    if (r != CURLUE_OK) {
        char line[256];
        snprintf(line, sizeof(line), "%s: %.160s", curl_url_strerror(r), g->url);
        code = fail(g, CURLE_URL_MALFORMAT, line);
        goto out;
    }
    if (!sok_addr_parse(host, &addr) || !sok_addr_is_v4(addr)) {
        char line[256];
        snprintf(line, sizeof(line),
            "Could not resolve host: %.120s (names are not looked up yet: write the IPv4 address)",
            host);
        code = fail(g, CURLE_COULDNT_RESOLVE_HOST, line);
    }
out:
    curl_free(scheme);
    curl_free(host);
    return code;
}

static int name_output(struct get *g, CURLU *u)
{
    char *path = NULL;
    if (!g->remote_name)
        return 0;
    curl_url_get(u, CURLUPART_PATH, &path, 0);
    const char *slash = path ? strrchr(path, '/') : NULL;
    const char *name = slash ? slash + 1 : "";
    bool usable = *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
    if (usable)
        g->output = g->output_made = strdup(name);
    curl_free(path);
    return usable ? 0
                  : fail(g, CURLE_WRITE_ERROR,
                        "-O: the URL has no file name at its end (use -o FILE)");
}

// ---- dialling ----

static int64_t dial_limit(const struct get *g)
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
static int wait_connected(struct get *g, struct sok_socket *s)
{
    int64_t end = dial_limit(g);
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

static curl_socket_t on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct get *g = ctx;
    (void)purpose;
    struct sok_endpoint remote = {0};
    if (to->family != AF_INET)
        return CURL_SOCKET_BAD;
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&to->addr;
    remote.addr = sok_addr_v4(ntohl(in->sin_addr.s_addr));
    remote.port = ntohs(in->sin_port);

    struct sok_socket *s = NULL;
    int r = sok_socket(g->host, SOK_STREAM, &s);
    if (r == 0)
        r = sok_connect(s, &remote);
    if (r == SOK_EINPROGRESS)
        r = wait_connected(g, s);
    if (r == 0)
        r = sok_socket_fd(s);
    if (r >= 0)
        return r;
    sok_close(s);
    g->dial_error = r;
    if (!g->silent && !sok_cli_interrupted()) {
        char text[SOK_ADDR_TEXT_MAX];
        sok_cli_fail(0, "connect to %s port %u: %s", sok_addr_format(remote.addr, text),
            remote.port, sok_strerror(r));
    }
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
    struct get *g = ctx;
    sok_host_unwatch(g->host, fd);
    return close(fd);
}

// ---- curl in the host's loop ----

static void collect(struct get *g)
{
    int left;
    const CURLMsg *m;
    while ((m = curl_multi_info_read(g->multi, &left))) {
        if (m->msg != CURLMSG_DONE)
            continue;
        g->done = true;
        g->result = m->data.result;
    }
}

// Only noted: curl may dial from its action, and dialling steps the host, which must not happen inside
// a step.
static void on_ready(void *ctx, int fd, unsigned ready)
{
    struct get *g = ctx;
    g->ready_fd = fd;
    g->ready_what = 0;
    if (ready & (SOK_POLL_IN | SOK_POLL_HUP))
        g->ready_what |= CURL_CSELECT_IN;
    if (ready & SOK_POLL_OUT)
        g->ready_what |= CURL_CSELECT_OUT;
    if (ready & SOK_POLL_ERROR)
        g->ready_what |= CURL_CSELECT_ERR;
}

static int on_interest(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
    struct get *g = ctx;
    (void)easy;
    (void)socket_ctx;
    if (what == CURL_POLL_REMOVE) {
        sok_host_unwatch(g->host, fd);
        return 0;
    }
    unsigned want = what == CURL_POLL_IN      ? SOK_POLL_IN
                    : what == CURL_POLL_OUT   ? SOK_POLL_OUT
                    : what == CURL_POLL_INOUT ? SOK_POLL_IN | SOK_POLL_OUT
                                              : 0;
    return sok_host_watch(g->host, fd, want, on_ready, g) < 0 ? -1 : 0;
}

static int on_timer(CURLM *multi, long ms, void *ctx)
{
    struct get *g = ctx;
    (void)multi;
    g->timer = ms < 0 ? INT64_MAX : sok_host_now(g->host) + ms * INT64_C(1000000);
    return 0;
}

static size_t on_data(char *data, size_t size, size_t count, void *ctx)
{
    struct get *g = ctx;
    size_t n = fwrite(data, size, count, g->file);
    if (n < count)
        g->write_errno = errno;
    return n * size;
}

static int on_progress(
    void *ctx, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up)
{
    struct get *g = ctx;
    (void)up_total;
    (void)up;
    sok_progress_show(&g->progress, now, total, sok_host_now(g->host));
    return sok_cli_interrupted() != 0;
}

static void set_options(struct get *g, CURL *easy, CURLU *u)
{
    curl_easy_setopt(easy, CURLOPT_CURLU, u);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "sockeye/" SOK_VERSION);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 512L * 1024);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, g);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_sockopt);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, g);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, g);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, g);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_FAILONERROR, (long)g->fail);
    curl_easy_setopt(easy, CURLOPT_VERBOSE, (long)g->verbose);
    if (g->max_time > 0)
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(g->max_time / 1000000 + 1));
}

static void act(struct get *g, curl_socket_t fd, int what)
{
    int running;
    curl_multi_socket_action(g->multi, fd, what, &running);
    collect(g);
}

static void transfer(struct get *g)
{
    g->timer = sok_host_now(g->host);
    while (!g->done && !sok_cli_interrupted()) {
        int64_t now = sok_host_now(g->host);
        if (g->timer <= now) {
            g->timer = INT64_MAX;
            act(g, CURL_SOCKET_TIMEOUT, 0);
            continue;
        }
        g->ready_what = 0;
        if (sok_host_step(g->host, g->timer == INT64_MAX ? -1 : g->timer - now) < 0)
            break;
        if (g->ready_what)
            act(g, g->ready_fd, g->ready_what);
    }
}

static int run_curl(struct get *g, CURLU *u)
{
    char text[CURL_ERROR_SIZE] = "";
    CURL *easy = curl_easy_init();
    g->multi = curl_multi_init();
    if (!easy || !g->multi)
        return fail(g, CURLE_FAILED_INIT, "libcurl does not start");
    curl_multi_setopt(g->multi, CURLMOPT_SOCKETFUNCTION, on_interest);
    curl_multi_setopt(g->multi, CURLMOPT_SOCKETDATA, g);
    curl_multi_setopt(g->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(g->multi, CURLMOPT_TIMERDATA, g);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, text);
    set_options(g, easy, u);
    curl_multi_add_handle(g->multi, easy);
    transfer(g);
    sok_progress_end(&g->progress);
    curl_multi_remove_handle(g->multi, easy);
    curl_easy_cleanup(easy);
    curl_multi_cleanup(g->multi);

    if (sok_cli_interrupted())
        return 128 + sok_cli_interrupted();
    if (g->dial_error == SOK_ETIMEDOUT)
        return CURLE_OPERATION_TIMEDOUT;
    if (g->dial_error)
        return CURLE_COULDNT_CONNECT; // said already
    if (g->write_errno == EPIPE)
        return CURLE_WRITE_ERROR; // the reader has enough: nothing to say
    if (g->write_errno)
        return fail(g, CURLE_WRITE_ERROR, strerror(g->write_errno));
    if (g->result != CURLE_OK)
        return fail(g, (int)g->result, text[0] ? text : curl_easy_strerror(g->result));
    return 0;
}

// ---- the output ----

static int open_output(struct get *g)
{
    g->file = stdout;
    if (!g->output)
        return 0;
    g->file = fopen(g->output, "wbe");
    if (g->file)
        return 0;
    char line[512];
    snprintf(
        line, sizeof(line), "%.400s does not open for writing: %s", g->output, strerror(errno));
    return fail(g, CURLE_WRITE_ERROR, line);
}

static int close_output(struct get *g, int code)
{
    int r = g->file == stdout ? fflush(stdout) : fclose(g->file);
    if (r == 0 || code != 0)
        return code;
    return errno == EPIPE ? CURLE_WRITE_ERROR : fail(g, CURLE_WRITE_ERROR, strerror(errno));
}

static int fetch(struct get *g, const struct sok_cli_host *ho, CURLU *u)
{
    int code = open_output(g);
    if (code != 0)
        return code;
    // What curl hands over goes straight to the file, in its own large pieces.
    setvbuf(g->file, NULL, g->output ? _IONBF : isatty(STDOUT_FILENO) ? _IOLBF : _IONBF, 0);
    code = sok_cli_host_open(ho, &g->host);
    if (code == 0) {
        g->started = sok_host_now(g->host);
        sok_progress_begin(&g->progress,
            !g->silent && !ho->events && (g->output || !isatty(STDOUT_FILENO)), g->started);
        sok_cli_signals(g->host);
        code = run_curl(g, u);
        sok_host_linger(g->host, INT64_C(1000000000));
        code = sok_cli_host_close(ho, g->host, code);
    }
    return close_output(g, code);
}

static int run(const struct sok_cli_command *self, int argc, char **argv)
{
    struct get g = {.result = CURLE_OK};
    struct sok_cli_host ho = {0};
    int at = sok_cli_parse(self, argc, argv, take_option, &g, &ho);
    if (at < 0)
        return sok_cli_exit_code(at);
    if (argc - at != 1)
        return sok_cli_usage(self, argc == at ? "no URL given" : "one URL at a time: %s",
            argc == at ? "" : argv[at + 1]);
    g.url = argv[at];
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURLU *u = curl_url();
    int code = u ? check_url(&g, u) : fail(&g, CURLE_OUT_OF_MEMORY, "no memory");
    if (code == 0)
        code = name_output(&g, u);
    if (code == 0)
        code = fetch(&g, &ho, u);
    curl_url_cleanup(u);
    curl_global_cleanup();
    free(g.output_made);
    return code;
}

const struct sok_cli_command sok_cmd_get = {
    .name = "get",
    .summary = "Fetch a page over Sockeye's own TCP",
    .usage = "[OPTION...] http://ADDRESS[:PORT]/PATH",
    .about =
        "The page goes to stdout. Exit codes are curl's: 7 refused or unreachable, 28 timed out,\n"
        "22 with -f an answer of 400 and above, 23 not written, 3 no URL, 6 a name.\n\n"
        "  sockeye get --link tap:s0 --addr 192.0.2.2/24 -o page http://192.0.2.1/\n"
        "  sockeye get --link tap:s0 --addr 192.0.2.2/24 --events http://192.0.2.1/ >/dev/null\n",
    .options = options,
    .talks = true,
    .run = run,
};
