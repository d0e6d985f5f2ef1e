// sockeye get: libcurl speaks HTTP, this host's TCP carries it. Exit codes are curl's.
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/get.h"
#include "cli/kernel.h"

enum { KEY_MAX_TIME = 300, KEY_CONNECT_TIMEOUT, KEY_RESOLVE, KEY_COMPRESSED, KEY_CACERT };

static const struct sok_cli_option options[] = {
    {'o', "output", "FILE", "write to FILE; `-`: to stdout"},
    {'O', "remote-name", NULL, "write to a file named like the last part of the URL"},
    {'f', "fail", NULL, "an answer of 400 and above is a failure: exit code 22"},
    {'v', "verbose", NULL, "what is asked and answered, on stderr"},
    {'s', "silent", NULL, "no progress, no messages"},
    {'L', "location", NULL, "follow redirects, 50 at most"},
    {'I', "head", NULL, "ask for the headers only"},
    {'d', "data", "DATA", "send DATA, or what is in @FILE, by POST; again: joined with &"},
    {'4', "ipv4", NULL, "over IPv4 alone"},
    {'6', "ipv6", NULL, "over IPv6 alone"},
    {'X', "request", "METHOD", "instead of GET, HEAD or POST"},
    {'H', "header", "LINE", "'Name: value', added to what is asked; again for more"},
    {KEY_COMPRESSED, "compressed", NULL, "ask for gzip, write what it unpacks to"},
    {'k', "insecure", NULL, "do not check the certificate"},
    {KEY_CACERT, "cacert", "FILE", "certificates to trust, instead of the system's"},
    {KEY_RESOLVE, "resolve", "PIN", "HOST:PORT:ADDRESS, not looked up; again for more"},
    {KEY_CONNECT_TIMEOUT, "connect-timeout", "SECONDS", "give up connecting after so long"},
    {KEY_MAX_TIME, "max-time", "SECONDS", "give up altogether after so long"},
    SOK_CLI_OPTION_KERNEL,
    {0, NULL, NULL, NULL},
};

static int take_option(void *ctx, int key, const char *arg)
{
    struct sok_get *g = ctx;
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
    case 'L':
        g->follow = true;
        return 0;
    case 'I':
        g->head = true;
        return 0;
    case 'k':
        g->insecure = true;
        return 0;
    case '4':
    case '6':
        g->family = key == '4' ? 4 : 6;
        return 0;
    case SOK_CLI_KEY_KERNEL:
        g->kernel = true;
        return 0;
    case KEY_COMPRESSED:
        g->compressed = true;
        return 0;
    case 'X':
        g->method = arg;
        return 0;
    case KEY_CACERT:
        g->cacert = arg;
        return 0;
    case 'd':
        return sok_get_add_body(g, arg);
    case 'H':
        return sok_get_add_header(g, arg);
    case KEY_RESOLVE:
        return sok_get_add_pin(g, arg);
    default:
        if (sok_cli_seconds(arg, key == KEY_MAX_TIME ? &g->max_time : &g->connect_timeout))
            return 0;
        return sok_cli_usage(&sok_cmd_get, "not a number of seconds: %s", arg);
    }
}

int sok_get_fail(const struct sok_get *g, int code, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    return g->silent ? code : sok_cli_fail(code, "(%d) %s", code, line);
}

static int check_url(const struct sok_get *g)
{
    CURLU *u = g->parts;
    char *scheme = NULL, *host = NULL;
    int code = 0;
    CURLUcode r =
        curl_url_set(u, CURLUPART_URL, g->url, CURLU_DEFAULT_SCHEME | CURLU_NON_SUPPORT_SCHEME);
    if (r == CURLUE_OK)
        r = curl_url_get(u, CURLUPART_SCHEME, &scheme, 0);
    bool spoken = r == CURLUE_OK && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    if (spoken)
        r = curl_url_get(u, CURLUPART_HOST, &host, 0);
    if (r != CURLUE_OK)
        code = sok_get_fail(g, CURLE_URL_MALFORMAT, "%s: %.200s", curl_url_strerror(r), g->url);
    else if (!spoken)
        code = sok_get_fail(g, CURLE_UNSUPPORTED_PROTOCOL,
            "%.40s:// is not spoken (http:// and https:// are)", scheme);
    curl_free(scheme);
    curl_free(host);
    return code;
}

// libcurl is there and says that it is a URL. Again: nothing more is done.
static int start_curl(struct sok_get *g)
{
    char line[512];
    if (g->parts)
        return 0;
    if (!sok_curl_load(line, sizeof(line)))
        return sok_get_fail(g, CURLE_FAILED_INIT, "%s", line);
    CURLcode r = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (r != CURLE_OK)
        return sok_get_fail(
            g, CURLE_FAILED_INIT, "libcurl does not start: %s", curl_easy_strerror(r));
    g->parts = curl_url();
    return g->parts ? check_url(g) : sok_get_fail(g, CURLE_OUT_OF_MEMORY, "no memory");
}

static void end_curl(struct sok_get *g)
{
    if (!sok_curl_loaded())
        return;
    curl_url_cleanup(g->parts);
    curl_global_cleanup();
}

// So plain that libcurl will find nothing wrong with it: it need not be asked before a device is made.
static bool plain_url(const char *url)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    char port[8];
    uint16_t number;
    size_t scheme = strncmp(url, "http://", 7) == 0 ? 7 : strncmp(url, "https://", 8) == 0 ? 8 : 0;
    const char *at = url + scheme;
    if (scheme == 0 || strspn(at, letters) == 0)
        return false;
    while (strspn(at, letters) > 0) {
        at += strspn(at, letters);
        at += (*at == '.' || *at == '-') && strspn(at + 1, letters) > 0;
    }
    if (*at == ':') {
        size_t len = strspn(++at, letters);
        if (len >= sizeof(port))
            return false;
        memcpy(port, at, len);
        port[len] = '\0';
        if (!sok_cli_port(port, &number))
            return false;
        at += len;
    }
    if (*at != '/')
        return *at == '\0';
    while (*at && (strspn(at, letters) > 0 || strchr("/._-?&=+", *at)))
        at++;
    return *at == '\0';
}

static int name_output(struct sok_get *g)
{
    char *path = NULL;
    if (!g->remote_name)
        return 0;
    curl_url_get(g->parts, CURLUPART_PATH, &path, 0);
    const char *slash = path ? strrchr(path, '/') : NULL;
    const char *name = slash ? slash + 1 : "";
    bool usable = *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
    if (usable)
        g->output = g->output_made = strdup(name);
    curl_free(path);
    return usable ? 0
                  : sok_get_fail(g, CURLE_WRITE_ERROR,
                        "-O: the URL has no file name at its end (use -o FILE)");
}

// An old file keeps its contents until there is something to put in their place, as curl does it.
static int open_output(struct sok_get *g)
{
    int fd = STDOUT_FILENO;
    if (g->output) {
        fd = open(g->output, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        g->out.made = fd >= 0;
        if (fd < 0 && errno == EEXIST)
            fd = open(g->output, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    }
    if (fd < 0)
        return sok_get_fail(g, CURLE_WRITE_ERROR, "%.300s does not open for writing: %s", g->output,
            strerror(errno));
    int error = sok_get_output_open(&g->out, fd);
    return error ? sok_get_fail(g, CURLE_OUT_OF_MEMORY, "%s", strerror(error)) : 0;
}

// An early end is the reader's wish: nothing to say about it.
static int close_output(struct sok_get *g, const struct sok_cli_host *ho, int code)
{
    int error = sok_get_output_finish(&g->out, code == 0);
    if (g->output && g->out.made && !g->out.begun)
        sok_cli_unmake(ho);
    if (error == 0 || (code != 0 && code != CURLE_WRITE_ERROR))
        return code;
    if (error == EPIPE)
        return CURLE_WRITE_ERROR;
    return sok_get_fail(
        g, CURLE_WRITE_ERROR, "%.300s: %s", g->output ? g->output : "stdout", strerror(error));
}

// All that is not opened by the host: it can be only now.
static int open_all(struct sok_get *g)
{
    int code = open_output(g);
    if (code == 0 && !g->kernel && !sok_get_dial_open(g))
        code = sok_get_fail(g, CURLE_FAILED_INIT, "no sockets: %s", strerror(errno));
    return code;
}

// While the first packets of an address are on their way, and before the process is confined.
static int meanwhile(void *ctx)
{
    struct sok_get *g = ctx;
    int code = start_curl(g);
    if (code == 0) {
        sok_get_trust_read(g);
        sok_get_keys_open(g);
    }
    return code;
}

// --kernel: the same without a host. The C library looks the name up once before it may do no more than
// read files: it loads what it looks names up with.
static int open_kernel(struct sok_get *g, struct sok_cli_host *ho)
{
    struct sok_confine c = {.names = true};
    int code = sok_cli_kernel_begin(&g->host);
    if (code == 0)
        code = meanwhile(g);
    if (code == 0 && sok_cli_kernel_filters(ho))
        sok_get_kernel_warm_up(g);
    return code == 0 ? sok_cli_kernel_confine(ho, &c) : code;
}

static int open_host(struct sok_get *g, struct sok_cli_host *ho)
{
    if (g->kernel)
        return open_kernel(g, ho);
    ho->meanwhile = meanwhile;
    ho->ctx = g;
    return sok_cli_host_open(ho, &g->host);
}

static int close_host(struct sok_get *g, struct sok_cli_host *ho, int code)
{
    if (g->kernel) {
        sok_host_free(g->host);
        return code;
    }
    sok_host_linger(g->host, INT64_C(1000000000));
    return sok_cli_host_close(ho, g->host, code);
}

// Outputs are opened before devices are made.
static int fetch(struct sok_get *g, struct sok_cli_host *ho)
{
    int code = open_all(g);
    ho->made = g->out.made ? g->output : NULL;
    if (code == 0)
        code = open_host(g, ho);
    if (code != 0)
        return close_output(g, ho, code);
    g->started = sok_host_now(g->host);
    bool bar = !g->silent && !ho->events && (g->output || !isatty(STDOUT_FILENO));
    sok_progress_begin(&g->progress, bar, g->started);
    sok_cli_signals(g->host);
    if (sok_get_output_start(&g->out, g->host) < 0)
        code = sok_get_fail(g, CURLE_OUT_OF_MEMORY, "no thread to write with");
    else
        code = sok_get_curl(g);
    code = close_output(g, ho, code);
    return close_host(g, ho, code);
}

static int fetch_url(struct sok_get *g, struct sok_cli_host *ho)
{
    if (g->head && g->body)
        return sok_cli_usage(&sok_cmd_get, "-I asks for headers, -d sends data: only one of them");
    int code = g->remote_name || !plain_url(g->url) ? start_curl(g) : 0;
    if (code == 0 && g->cacert && access(g->cacert, R_OK) != 0)
        code = sok_get_fail(
            g, CURLE_SSL_CACERT_BADFILE, "--cacert %.300s: %s", g->cacert, strerror(errno));
    if (code == 0)
        code = name_output(g);
    if (code == 0)
        code = fetch(g, ho);
    return code;
}

static int run(const struct sok_cli_command *self, int argc, char **argv)
{
    struct sok_get g = {.result = CURLE_OK, .listener = -1, .filler = -1, .keys_fd = -1};
    struct sok_cli_host ho = {0};
    int at = sok_cli_parse(self, argc, argv, take_option, &g, &ho);
    int code = at < 0 ? sok_cli_exit_code(at) : 0;
    ho.verbose = g.verbose;
    if (at >= 0 && argc - at != 1) {
        code = argc == at ? sok_cli_usage(self, "no URL given")
                          : sok_cli_usage(self, "one URL at a time: %s", argv[at + 1]);
    } else if (at >= 0) {
        g.url = argv[at];
        code = g.kernel ? sok_cli_kernel_check(self, &ho) : 0;
        if (code == 0)
            code = fetch_url(&g, &ho);
    }
    end_curl(&g);
    free(g.headers.texts);
    free(g.pins.texts);
    sok_get_trust_free(&g);
    free(g.body);
    free(g.output_made);
    return code;
}

const struct sok_cli_command sok_cmd_get = {
    .name = "get",
    .summary = "Fetch a page over Sockeye's own TCP",
    .usage = "[OPTION...] http[s]://HOST[:PORT]/PATH",
    .about =
        "The page goes to stdout. Exit codes are curl's: 7 refused or unreachable, 28 timed out,\n"
        "22 with -f an answer of 400 and above, 23 not written, 3 no URL, 6 no such name, 47 too "
        "many\n"
        "redirects, 60 a certificate that is not to be trusted. With SSLKEYLOGFILE=FILE set, TLS "
        "keys\n"
        "go into FILE and into the recording, which Wireshark then decrypts.\n\n"
        "  sockeye get --link tap:s0 --addr 192.0.2.2/24 -o page http://192.0.2.1/\n"
        "  sockeye get --link tap:s0 --addr 192.0.2.2/24 --gateway 192.0.2.1 --dns 192.0.2.53 -L\n"
        "      https://www.example/\n"
        "  sockeye get --link tap:s0 --addr 192.0.2.2/24 --events http://192.0.2.1/ >/dev/null\n",
    .options = options,
    .talks = true,
    .joins = true,
    .run = run,
};
