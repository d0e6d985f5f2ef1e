// The options of `sockeye get` that may be given more than once.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "cli/get.h"

#define BODY_MAX (64 << 20)

static bool append(struct sok_get *g, const char *data, size_t len)
{
    char *grown = realloc(g->body, g->body_len + len + 1);
    if (!grown)
        return false;
    g->body = grown;
    memcpy(grown + g->body_len, data, len);
    g->body_len += len;
    grown[g->body_len] = '\0';
    return true;
}

// A file's bytes without its line ends, as curl has it.
static int append_file(struct sok_get *g, const char *path)
{
    char block[4096];
    int code = 0;
    size_t n;
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!f)
        return sok_cli_fail(CURLE_READ_ERROR, "-d @%.300s: %s", path, strerror(errno));
    while (code == 0 && (n = fread(block, 1, sizeof(block), f)) > 0) {
        size_t kept = 0;
        for (size_t i = 0; i < n; i++)
            if (block[i] != '\r' && block[i] != '\n' && block[i] != '\0')
                block[kept++] = block[i];
        if (g->body_len + kept > BODY_MAX)
            code = sok_cli_fail(CURLE_READ_ERROR, "-d @%.300s: more than 64 MiB", path);
        else if (!append(g, block, kept))
            code = sok_cli_fail(CURLE_OUT_OF_MEMORY, "no memory for -d");
    }
    if (code == 0 && ferror(f))
        code = sok_cli_fail(CURLE_READ_ERROR, "-d @%.300s: %s", path, strerror(errno));
    if (f != stdin)
        fclose(f);
    return code;
}

int sok_get_add_body(struct sok_get *g, const char *text)
{
    bool file = text[0] == '@';
    if (!append(g, "&", g->body ? 1 : 0) || (!file && !append(g, text, strlen(text))))
        return sok_cli_fail(CURLE_OUT_OF_MEMORY, "no memory for -d");
    return file ? append_file(g, text + 1) : 0;
}

static int add(struct sok_get_words *w, const char *text)
{
    const char **longer = realloc(w->texts, (w->count + 1) * sizeof(*longer));
    if (!longer)
        return sok_cli_fail(CURLE_OUT_OF_MEMORY, "no memory for the options");
    w->texts = longer;
    w->texts[w->count++] = text;
    return 0;
}

int sok_get_add_header(struct sok_get *g, const char *text)
{
    if (!strchr(text, ':') && !strchr(text, ';'))
        return sok_cli_usage(&sok_cmd_get, "not a header: %s (write 'Name: value')", text);
    if (strpbrk(text, "\r\n"))
        return sok_cli_usage(&sok_cmd_get, "a header is one line");
    return add(&g->headers, text);
}

// HOST:PORT:ADDRESS
static bool split_pin(const char *text, size_t *name_len, uint16_t *port, struct sok_addr *addr)
{
    char number[8];
    const char *colon = strchr(text, ':'), *second = colon ? strchr(colon + 1, ':') : NULL;
    size_t len = second ? (size_t)(second - colon) - 1 : 0;
    if (!second || colon == text || len >= sizeof(number))
        return false;
    memcpy(number, colon + 1, len);
    number[len] = '\0';
    *name_len = (size_t)(colon - text);
    char text_addr[SOK_ADDR_TEXT_MAX];
    const char *from = second + 1;
    size_t n = strlen(from), bracket = from[0] == '[' && n > 1 && from[n - 1] == ']';
    if (n - 2 * bracket >= sizeof(text_addr))
        return false;
    memcpy(text_addr, from + bracket, n - 2 * bracket);
    text_addr[n - 2 * bracket] = '\0';
    return sok_cli_port(number, port) && sok_addr_parse(text_addr, addr);
}

int sok_get_add_pin(struct sok_get *g, const char *text)
{
    size_t name_len;
    uint16_t port;
    struct sok_addr addr;
    if (!split_pin(text, &name_len, &port, &addr))
        return sok_cli_usage(
            &sok_cmd_get, "--resolve %s: write HOST:PORT:ADDRESS, an address in figures", text);
    return add(&g->pins, text);
}

bool sok_get_pinned(const struct sok_get *g, const char *name, uint16_t port, struct sok_addr *out)
{
    for (unsigned i = 0; i < g->pins.count; i++) {
        const char *pin = g->pins.texts[i];
        size_t name_len;
        uint16_t its_port;
        if (split_pin(pin, &name_len, &its_port, out) && its_port == port &&
            strlen(name) == name_len && strncasecmp(name, pin, name_len) == 0)
            return true;
    }
    return false;
}
