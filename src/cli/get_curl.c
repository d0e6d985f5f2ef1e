// libcurl in the host's loop: its descriptors are watched there, its timer is the loop's timeout.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cli/get.h"

static void collect(struct sok_get *g)
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
    struct sok_get *g = ctx;
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
    struct sok_get *g = ctx;
    (void)easy;
    (void)socket_ctx;
    if (what == CURL_POLL_REMOVE) {
        sok_host_unwatch(g->host, fd);
        return 0;
    }
    unsigned want = 0;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        want |= SOK_POLL_IN;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        want |= SOK_POLL_OUT;
    return sok_host_watch(g->host, fd, want, on_ready, g) < 0 ? -1 : 0;
}

static int on_timer(CURLM *multi, long ms, void *ctx)
{
    struct sok_get *g = ctx;
    (void)multi;
    g->timer = ms < 0 ? INT64_MAX : sok_host_now(g->host) + ms * INT64_C(1000000);
    return 0;
}

static size_t on_data(char *data, size_t size, size_t count, void *ctx)
{
    struct sok_get *g = ctx;
    if (g->out.error)
        return 0;
    if (sok_get_output_take(&g->out, data, size * count))
        return size * count;
    g->paused = true;
    return CURL_WRITEFUNC_PAUSE;
}

static int on_progress(
    void *ctx, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up)
{
    struct sok_get *g = ctx;
    (void)up_total;
    (void)up;
    sok_progress_show(&g->progress, now, total, sok_host_now(g->host));
    return sok_cli_interrupted() != 0;
}

static bool starts(const char *data, size_t len, const char *with)
{
    return len >= strlen(with) && memcmp(data, with, strlen(with)) == 0;
}

// -v: what is asked (>) and answered (<). Of curl's own remarks those about connecting are left out,
// since it does not know what carries it.
static int on_debug(CURL *easy, curl_infotype type, char *data, size_t len, void *ctx)
{
    const struct sok_get *g = ctx;
    (void)easy;
    const char *mark = type == CURLINFO_HEADER_IN    ? "< "
                       : type == CURLINFO_HEADER_OUT ? "> "
                                                     : "* ";
    if (type != CURLINFO_HEADER_IN && type != CURLINFO_HEADER_OUT && type != CURLINFO_TEXT)
        return 0;
    if (type == CURLINFO_TEXT && !g->kernel &&
        (starts(data, len, "  Trying") || starts(data, len, "Connected to") ||
            starts(data, len, "Connecting to")))
        return 0;
    for (size_t at = 0; at < len;) {
        const char *newline = memchr(data + at, '\n', len - at);
        size_t line = newline ? (size_t)(newline - (data + at)) : len - at;
        fprintf(stderr, "%s%.*s\n", mark,
            (int)(line > 0 && data[at + line - 1] == '\r' ? line - 1 : line), data + at);
        at += line + (newline != NULL);
    }
    return 0;
}

static void set_request(struct sok_get *g, struct curl_slist *headers)
{
    CURL *easy = g->easy;
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, (long)g->follow);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, 50L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    if (g->head) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        curl_easy_setopt(easy, CURLOPT_HEADER, 1L);
    }
    if (g->body) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, g->body);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)g->body_len);
    }
    if (g->method)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, g->method);
    if (g->compressed)
        curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
}

static void set_tls(struct sok_get *g)
{
    if (g->trusted.data)
        curl_easy_setopt(g->easy, CURLOPT_CAINFO_BLOB, &g->trusted);
    if (g->cacert || g->trusted.data)
        curl_easy_setopt(g->easy, CURLOPT_CAPATH, NULL);
    if (g->cacert && !g->trusted.data)
        curl_easy_setopt(g->easy, CURLOPT_CAINFO, g->cacert);
    if (g->insecure) {
        curl_easy_setopt(g->easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(g->easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

static void set_options(struct sok_get *g, struct curl_slist *headers)
{
    CURL *easy = g->easy;
    curl_easy_setopt(easy, CURLOPT_CURLU, g->parts);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "sockeye/" SOK_VERSION);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 256L * 1024);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, g->message);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, g);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, g);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_FAILONERROR, (long)g->fail);
    curl_easy_setopt(easy, CURLOPT_VERBOSE, (long)g->verbose);
    curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_debug);
    curl_easy_setopt(easy, CURLOPT_DEBUGDATA, g);
    set_request(g, headers);
    set_tls(g);
    if (g->connect_timeout > 0)
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(g->connect_timeout / 1000000 + 1));
    if (g->max_time > 0)
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(g->max_time / 1000000 + 1));
    if (!g->kernel)
        sok_get_dial_set_up(g, easy);
}

static void act(struct sok_get *g, curl_socket_t fd, int what)
{
    int running;
    curl_multi_socket_action(g->multi, fd, what, &running);
    collect(g);
}

static void transfer(struct sok_get *g)
{
    g->timer = sok_host_now(g->host);
    // An output that failed is the end, whether or not curl hears of it: after a pause it may not.
    while (!g->done && !g->out.error && !sok_cli_interrupted()) {
        int64_t now = sok_host_now(g->host);
        if (g->paused && sok_get_output_room(&g->out)) {
            g->paused = false;
            curl_easy_pause(g->easy, CURLPAUSE_CONT);
            continue;
        }
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
        else
            sok_get_output_push(&g->out); // nothing more came at once
    }
}

// The descriptor curl reads from can only tell of a reset, whatever ended the connection.
static const char *what_ended_it(const struct sok_get *g)
{
    int err = sok_host_stream_error(g->host);
    bool by_stream = g->result == CURLE_RECV_ERROR || g->result == CURLE_SEND_ERROR;
    return by_stream && err && err != SOK_ERESET ? sok_strerror(err) : NULL;
}

static int outcome(struct sok_get *g)
{
    if (sok_cli_interrupted())
        return 128 + sok_cli_interrupted();
    if (g->no_name == SOK_EINPROGRESS)
        return sok_get_fail(g, CURLE_OPERATION_TIMEDOUT, "Resolving timed out: %s", g->host_name);
    if (g->no_name)
        return sok_get_fail(g, CURLE_COULDNT_RESOLVE_HOST, "Could not resolve host: %s (%s)",
            g->host_name, g->no_name_message);
    if (g->dial_error)
        return g->dial_error == SOK_ETIMEDOUT ? CURLE_OPERATION_TIMEDOUT : CURLE_COULDNT_CONNECT;
    if (g->out.error)
        return CURLE_WRITE_ERROR; // said when the output is closed
    const char *cause = what_ended_it(g);
    if (cause)
        return sok_get_fail(g, (int)g->result, "%s failure: %s",
            g->result == CURLE_SEND_ERROR ? "Send" : "Recv", cause);
    if (g->result != CURLE_OK)
        return sok_get_fail(
            g, (int)g->result, "%s", g->message[0] ? g->message : curl_easy_strerror(g->result));
    return 0;
}

static bool add_to_list(struct curl_slist **list, const char *text)
{
    struct curl_slist *longer = curl_slist_append(*list, text);
    if (longer)
        *list = longer;
    return longer != NULL;
}

int sok_get_curl(struct sok_get *g)
{
    // Whatever the name: get_dial.c knows better. The address is never spoken to.
    struct curl_slist *everything = NULL, *headers = NULL;
    bool made = add_to_list(&everything, "::192.0.2.1:");
    for (unsigned i = 0; i < g->headers.count; i++)
        made = made && add_to_list(&headers, g->headers.texts[i]);
    g->easy = curl_easy_init();
    g->multi = curl_multi_init();
    if (!g->easy || !g->multi || !made)
        return sok_get_fail(g, CURLE_FAILED_INIT, "libcurl does not start");
    curl_multi_setopt(g->multi, CURLMOPT_SOCKETFUNCTION, on_interest);
    curl_multi_setopt(g->multi, CURLMOPT_SOCKETDATA, g);
    curl_multi_setopt(g->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(g->multi, CURLMOPT_TIMERDATA, g);
    set_options(g, headers);
    if (!g->kernel)
        curl_easy_setopt(g->easy, CURLOPT_CONNECT_TO, everything);
    else if (!sok_get_kernel_set_up(g, g->easy))
        return sok_get_fail(g, CURLE_OUT_OF_MEMORY, "no memory for --resolve");
    curl_multi_add_handle(g->multi, g->easy);
    transfer(g);
    sok_progress_end(&g->progress);
    if (g->kernel)
        sok_get_kernel_note(g);
    curl_multi_remove_handle(g->multi, g->easy);
    curl_easy_cleanup(g->easy);
    curl_multi_cleanup(g->multi);
    curl_slist_free_all(everything);
    curl_slist_free_all(headers);
    curl_slist_free_all(g->pinned);
    sok_get_keys_end(g);
    sok_get_dial_clean_up(g);
    return outcome(g);
}
