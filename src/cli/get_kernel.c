// sockeye get --kernel: what get_dial.c does, left to libcurl and the kernel; the same messages.
#include <netdb.h>
#include <string.h>
#include "cli/get.h"

// Looking a name up makes the C library load what it looks names up with.
void sok_get_kernel_warm_up(struct sok_get *g)
{
    char *name = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    if (curl_url_get(g->parts, CURLUPART_HOST, &name, 0) == CURLUE_OK &&
        getaddrinfo(name, NULL, &hints, &found) == 0)
        freeaddrinfo(found);
    curl_free(name);
}

bool sok_get_kernel_set_up(struct sok_get *g, CURL *easy)
{
    for (unsigned i = 0; i < g->pins.count; i++) {
        struct curl_slist *longer = curl_slist_append(g->pinned, g->pins.texts[i]);
        if (!longer)
            return false;
        g->pinned = longer;
    }
    curl_easy_setopt(easy, CURLOPT_RESOLVE, g->pinned);
    return true;
}

// "connect to 192.0.2.1 port 80: Connection refused", as get_dial.c says it; libcurl tells the reason, but of
// the addresses of a name not which one.
static void say(const struct sok_get *g, const char *url, long error)
{
    char *host = NULL, *port = NULL;
    CURLU *u = curl_url();
    if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK && !g->silent &&
        !sok_cli_interrupted())
        sok_cli_fail(0, "connect to %.255s port %s: %s", host, port, strerror((int)error));
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
}

// Before the handle goes.
void sok_get_kernel_note(struct sok_get *g)
{
    long error = 0;
    char *url = NULL;
    curl_easy_getinfo(g->easy, CURLINFO_OS_ERRNO, &error);
    curl_easy_getinfo(g->easy, CURLINFO_EFFECTIVE_URL, &url);
    if (g->result != CURLE_COULDNT_CONNECT || error == 0 || !url)
        return;
    g->dial_error = sok_from_errno((int)error);
    say(g, url, error);
}
