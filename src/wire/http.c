#include "wire/http.h"

#include "base/str.h"
#include "wire/tcp.h"

#define HEADERS_MAX 128 // of a head that is read

static const char *const methods[] = {
    "GET ", "POST ", "HEAD ", "PUT ", "DELETE ", "OPTIONS ", "PATCH ", "CONNECT ", "TRACE "};

static bool begins(const uint8_t *p, size_t len, const char *text)
{
    size_t n = sok_str_len(text);
    return len >= n && memcmp(p, text, n) == 0;
}

static const struct sok_proto *http_variant(const uint8_t *p, size_t len)
{
    if (begins(p, len, "HTTP/1."))
        return &sok_http_protos[1];
    for (unsigned i = 0; i < SOK_COUNT_OF(methods); i++) {
        if (begins(p, len, methods[i]))
            return &sok_http_protos[0];
    }
    return NULL;
}

// Up to and with the empty line; all of it where that is not there.
static void head_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    out->header = len;
    for (size_t at = 0; at + 4 <= len; at++) {
        if (memcmp(p + at, "\r\n\r\n", 4) == 0) {
            out->header = at + 4;
            break;
        }
    }
    out->cut = out->header == len && (len < 4 || memcmp(p + len - 4, "\r\n\r\n", 4) != 0);
    out->payload = len - out->header;
}

// ---- parts: a word or a line each, with what ends it ----

static size_t line_end(const uint8_t *p, size_t len)
{
    for (size_t at = 0; at < len; at++) {
        if (p[at] == '\n')
            return at + 1;
    }
    return len;
}

static size_t word_measure(const uint8_t *fixed, const uint8_t *p, size_t there)
{
    size_t line = line_end(p, there);
    (void)fixed;
    for (size_t at = 0; at < line; at++) {
        if (p[at] == ' ')
            return at + 1;
    }
    return line;
}

static size_t line_measure(const uint8_t *fixed, const uint8_t *p, size_t there)
{
    (void)fixed;
    return line_end(p, there);
}

static struct sok_item trimmed(const uint8_t *p, size_t len)
{
    while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\r' || p[len - 1] == '\n'))
        len--;
    while (len > 0 && *p == ' ') {
        p++;
        len--;
    }
    return sok_item_bytes(p, len);
}

static bool word_get(const struct sok_part *part, const struct sok_span *span, struct sok_items *to,
    struct sok_item *out)
{
    (void)part;
    (void)to;
    *out = trimmed(span->header + span->off, span->len);
    return true;
}

// {{"Host", "example.com"}, ...}
static bool headers_get(const struct sok_part *part, const struct sok_span *span,
    struct sok_items *to, struct sok_item *out)
{
    const uint8_t *p = span->header + span->off;
    unsigned count = 0;
    (void)part;
    for (size_t at = 0; at < span->len && count < HEADERS_MAX; count++)
        at += line_end(p + at, span->len - at);
    struct sok_item *list = sok_items_list(to, count), *pair = sok_items_list(to, 2u * count);
    if (!list || !pair)
        return false;
    uint32_t used = 0;
    for (size_t at = 0; at < span->len && used < count;) {
        size_t line = line_end(p + at, span->len - at), colon = 0;
        while (colon < line && p[at + colon] != ':')
            colon++;
        if (colon < line) {
            pair[2 * used] = trimmed(p + at, colon);
            pair[2 * used + 1] = trimmed(p + at + colon + 1, line - colon - 1);
            list[used] = sok_item_list(pair + 2 * used, 2);
            used++;
        }
        at += line;
    }
    *out = sok_item_list(list, used);
    return true;
}

#define WORD(name_)                                                                                \
    {                                                                                              \
        .name = name_, .measure = word_measure, .get = word_get                                    \
    }
#define LINE(name_)                                                                                \
    {                                                                                              \
        .name = name_, .measure = line_measure, .get = word_get                                    \
    }
#define REST                                                                                       \
    {                                                                                              \
        .name = "headers", .get = headers_get                                                      \
    }

static const struct sok_part request_parts[] = {
    WORD("Method"), WORD("Path"), LINE("Http_Version"), REST};
static const struct sok_part response_parts[] = {
    WORD("Http_Version"), WORD("Status_Code"), LINE("Reason_Phrase"), REST};

static const struct sok_bind http_binds[] = {
    {&sok_proto_tcp, SOK_AT_tcp_dport | SOK_BIND_READ, 80},
    {&sok_proto_tcp, SOK_AT_tcp_sport | SOK_BIND_READ, 80},
    {&sok_proto_tcp, SOK_AT_tcp_dport | SOK_BIND_READ, 8080},
    {&sok_proto_tcp, SOK_AT_tcp_sport | SOK_BIND_READ, 8080},
};

const struct sok_proto sok_http_protos[SOK_HTTP_PROTOS] = {
    {.name = "HTTPRequest",
        .title = "HTTP Request",
        .family = &sok_proto_http,
        .measure = head_measure,
        .parts = request_parts,
        .part_count = SOK_COUNT_OF(request_parts)},
    {.name = "HTTPResponse",
        .title = "HTTP Response",
        .family = &sok_proto_http,
        .measure = head_measure,
        .parts = response_parts,
        .part_count = SOK_COUNT_OF(response_parts)},
};

const struct sok_proto sok_proto_http = {
    .name = "HTTP",
    .title = "Hypertext Transfer Protocol",
    .binds = http_binds,
    .bind_count = SOK_COUNT_OF(http_binds),
    .variant = http_variant,
};
