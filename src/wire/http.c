#include "wire/http.h"

#include "base/str.h"
#include "wire/tcp.h"
#include "wire/text.h"
#include "wire/value.h"

#define HEADERS_MAX 128 // of a head that is read

static const char *const methods[] = {
    "GET ", "POST ", "HEAD ", "PUT ", "DELETE ", "OPTIONS ", "PATCH ", "CONNECT ", "TRACE "};

static bool begins(const uint8_t *p, size_t len, const char *text)
{
    if (len == 0 || p[0] != (uint8_t)text[0]) // most of what comes on these ports
        return false;
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

// What ends a word or a line is in `more`.
static bool word_put(const struct sok_part *part, const struct sok_item *value,
    struct sok_sink *out, struct sok_text *why)
{
    const char *end = (const char *)part->more;
    if (value->type == SOK_ITEM_NONE)
        return true;
    if (value->type != SOK_ITEM_BYTES) {
        sok_value_quote(why, value);
        sok_text_add_str(why, " where text belongs");
        return false;
    }
    sok_sink_put(out, value->bytes, value->count);
    sok_sink_put(out, end, sok_str_len(end));
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

static bool is_pair(const struct sok_item *item)
{
    return item->type == SOK_ITEM_LIST && item->count == 2 &&
           item->list[0].type == SOK_ITEM_BYTES && item->list[1].type == SOK_ITEM_BYTES;
}

// With the empty line behind them. Bytes are written as they are.
static bool headers_put(const struct sok_part *part, const struct sok_item *value,
    struct sok_sink *out, struct sok_text *why)
{
    (void)part;
    if (value->type == SOK_ITEM_BYTES) {
        sok_sink_put(out, value->bytes, value->count);
        return true;
    }
    for (uint32_t i = 0; value->type == SOK_ITEM_LIST && i < value->count; i++) {
        const struct sok_item *pair = value->list[i].list;
        if (!is_pair(&value->list[i])) {
            sok_value_quote(why, &value->list[i]);
            sok_text_add_str(why, " where {NAME, VALUE} belongs");
            return false;
        }
        sok_sink_put(out, pair[0].bytes, pair[0].count);
        sok_sink_put(out, ": ", 2);
        sok_sink_put(out, pair[1].bytes, pair[1].count);
        sok_sink_put(out, "\r\n", 2);
    }
    sok_sink_put(out, "\r\n", 2);
    return true;
}

#define TEXT_ITEM(text)                                                                            \
    {                                                                                              \
        .type = SOK_ITEM_BYTES, .count = sizeof(text) - 1,                                         \
        {                                                                                          \
            .bytes = (const uint8_t *)(text)                                                       \
        }                                                                                          \
    }
static const struct sok_item get = TEXT_ITEM("GET"), root = TEXT_ITEM("/"),
                             version = TEXT_ITEM("HTTP/1.1"), status = TEXT_ITEM("200"),
                             reason = TEXT_ITEM("OK"), no_headers = {.type = SOK_ITEM_LIST};

#define WORD(name_, initial_)                                                                      \
    {                                                                                              \
        .name = name_, .initial = &(initial_), .measure = word_measure, .get = word_get,           \
        .put = word_put, .more = " "                                                               \
    }
#define LINE(name_, initial_)                                                                      \
    {                                                                                              \
        .name = name_, .initial = &(initial_), .measure = line_measure, .get = word_get,           \
        .put = word_put, .more = "\r\n"                                                            \
    }
#define REST                                                                                       \
    {                                                                                              \
        .name = "headers", .initial = &no_headers, .get = headers_get, .put = headers_put          \
    }

static const struct sok_part request_parts[] = {
    WORD("Method", get), WORD("Path", root), LINE("Http_Version", version), REST};
static const struct sok_part response_parts[] = {WORD("Http_Version", version),
    WORD("Status_Code", status), LINE("Reason_Phrase", reason), REST};

static const struct sok_bind http_binds[] = {
    {&sok_proto_tcp, SOK_AT_tcp_dport | SOK_BIND_READ, 80},
    {&sok_proto_tcp, SOK_AT_tcp_sport | SOK_BIND_READ, 80},
    {&sok_proto_tcp, SOK_AT_tcp_dport | SOK_BIND_READ, 8080},
    {&sok_proto_tcp, SOK_AT_tcp_sport | SOK_BIND_READ, 8080},
};

const struct sok_proto sok_http_protos[SOK_HTTP_PROTOS] = {
    {.name = "HTTPRequest",
        .title = "HTTP Request",
        .summary = "%Method% %Path% %Http_Version%",
        .family = &sok_proto_http,
        .measure = head_measure,
        .parts = request_parts,
        .part_count = SOK_COUNT_OF(request_parts)},
    {.name = "HTTPResponse",
        .title = "HTTP Response",
        .summary = "%Http_Version% %Status_Code% %Reason_Phrase%",
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
