#include "wire/tls.h"

#include "wire/parts.h"
#include "wire/tcp.h"

#define HANDSHAKE    22
#define CLIENT_HELLO 1
#define MESSAGE_HEAD 4 // type and length of a handshake message

static const struct sok_value tls_types[] = {{20, "change_cipher_spec"}, {21, "alert"},
    {HANDSHAKE, "handshake"}, {23, "application_data"}, {0, NULL}};
static const struct sok_value tls_versions[] = {{0x0300, "SSLv3"}, {0x0301, "TLS 1.0"},
    {0x0302, "TLS 1.1"}, {0x0303, "TLS 1.2"}, {0x0304, "TLS 1.3"}, {0, NULL}};
static const struct sok_value tls_messages[] = {{CLIENT_HELLO, "client_hello"}, {2, "server_hello"},
    {11, "certificate"}, {20, "finished"}, {0, NULL}};
static const struct sok_value extensions[] = {{0, "server_name"}, {1, "max_fragment_length"},
    {5, "status_request"}, {10, "supported_groups"}, {11, "ec_point_formats"},
    {13, "signature_algorithms"}, {16, "alpn"}, {18, "signed_certificate_timestamp"},
    {21, "padding"}, {22, "encrypt_then_mac"}, {23, "extended_master_secret"},
    {35, "session_ticket"}, {41, "pre_shared_key"}, {42, "early_data"}, {43, "supported_versions"},
    {44, "cookie"}, {45, "psk_key_exchange_modes"}, {49, "post_handshake_auth"}, {51, "key_share"},
    {0xff01, "renegotiation_info"}, {0, NULL}};
SOK_HEADER_ROWS(tls, SOK_TLS_FIELDS)
SOK_HEADER_ROWS(tls_hello, SOK_TLS_HELLO_FIELDS)

// ---- a record ----

static const struct sok_proto *tls_variant(const uint8_t *p, size_t len)
{
    bool record = len >= SOK_TLS_HDR_LEN && p[0] >= 20 && p[0] <= 23 && p[1] == 3 && p[2] <= 4;
    return record ? &sok_proto_tls : NULL;
}

static void tls_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    size_t said = sok_get16(p + 3);
    (void)len;
    out->cut = said > out->payload;
    if (said < out->payload)
        out->payload = said;
}

static const struct sok_proto *tls_next(const uint8_t *p, size_t header, size_t len)
{
    bool hello = p[0] == HANDSHAKE && len > header && p[header] == CLIENT_HELLO;
    return hello ? &sok_proto_tls_hello : NULL;
}

static void tls_finish(const struct sok_finish *f)
{
    sok_finish_number(f, SOK_AT_tls_len, 0, sok_finish_one(f) - f->layers[f->at].header);
}

// ---- a ClientHello ----

static void hello_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    size_t size = MESSAGE_HEAD + sok_get24(p + 1);
    out->malformed = size < SOK_TLS_HELLO_LEN;
    out->cut = size > len;
    if (!out->malformed)
        out->header = out->cut ? len : size;
    out->payload = len - out->header;
}

// Where the lengths stand in the fixed part.
#define SID_AT     38
#define CIPHERS_AT 39
#define COMP_AT    41
#define EXT_AT     42

static size_t sid_measure(const uint8_t *fixed, const uint8_t *p, size_t there)
{
    (void)p;
    (void)there;
    return fixed[SID_AT];
}

static size_t ciphers_measure(const uint8_t *fixed, const uint8_t *p, size_t there)
{
    (void)p;
    (void)there;
    return sok_get16(fixed + CIPHERS_AT);
}

static size_t comp_measure(const uint8_t *fixed, const uint8_t *p, size_t there)
{
    (void)p;
    (void)there;
    return fixed[COMP_AT];
}

static size_t ext_measure(const uint8_t *fixed, const uint8_t *p, size_t there)
{
    (void)p;
    (void)there;
    return sok_get16(fixed + EXT_AT);
}

static void hello_finish(const struct sok_finish *f)
{
    const struct sok_built *b = &f->layers[f->at];
    size_t before = 0;
    sok_finish_number(f, SOK_AT_tls_hello_msglen, 0, b->header - MESSAGE_HEAD);
    for (unsigned i = 0; i < 4; before += b->part[i++])
        sok_finish_number(f, SOK_AT_tls_hello_sidlen + i, before, b->part[i]);
}

// The host's name in a server_name (RFC 6066 section 3): a list's length, kind 0, the name's length, the name.
#define NAME_HEAD 5

static struct sok_item extension_value(unsigned type, const uint8_t *p, size_t len)
{
    if (type == 0 && len > NAME_HEAD && p[2] == 0 && sok_get16(p + 3) == len - NAME_HEAD)
        return sok_item_bytes(p + NAME_HEAD, len - NAME_HEAD);
    return sok_item_bytes(p, len);
}

#define EXTENSION_HEAD 4

// {{"server_name", "example.com"}, {number, bytes}, ...}
static bool ext_get(const struct sok_part *part, const struct sok_span *span, struct sok_items *to,
    struct sok_item *out)
{
    const uint8_t *p = span->header + span->off;
    unsigned count = 0;
    (void)part;
    for (size_t at = 0; at < span->len; count++) {
        if (span->len - at < EXTENSION_HEAD ||
            sok_get16(p + at + 2) > span->len - at - EXTENSION_HEAD)
            return false;
        at += EXTENSION_HEAD + (size_t)sok_get16(p + at + 2);
    }
    struct sok_item *list = sok_items_list(to, count), *pair = sok_items_list(to, 2u * count);
    if (!list || !pair)
        return false;
    for (unsigned i = 0; i < count; i++, pair += 2) {
        unsigned type = sok_get16(p), len = sok_get16(p + 2);
        const char *name = sok_value_text(extensions, type);
        pair[0] = name ? sok_item_text(name) : sok_item_number(type);
        pair[1] = extension_value(type, p + EXTENSION_HEAD, len);
        list[i] = sok_item_list(pair, 2);
        p += EXTENSION_HEAD + len;
    }
    *out = sok_item_list(list, count);
    return true;
}

static const struct sok_numbers suites = {.bytes = 2}, methods = {.bytes = 1};
static const struct sok_part hello_parts[] = {
    {.name = "sid", .at = SID_AT + 1, .measure = sid_measure},
    {.name = "ciphers",
        .at = CIPHERS_AT + 2,
        .measure = ciphers_measure,
        .get = sok_numbers_get,
        .put = sok_numbers_put,
        .more = &suites},
    {.name = "comp",
        .at = COMP_AT + 1,
        .measure = comp_measure,
        .get = sok_numbers_get,
        .put = sok_numbers_put,
        .more = &methods},
    {.name = "ext", .at = EXT_AT + 2, .measure = ext_measure, .get = ext_get},
};

// ---- the protocols ----

static const struct sok_bind tls_binds[] = {
    {&sok_proto_tcp, SOK_AT_tcp_dport | SOK_BIND_READ, 443},
    {&sok_proto_tcp, SOK_AT_tcp_sport | SOK_BIND_READ, 443},
};

const struct sok_proto sok_proto_tls = {
    .name = "TLS",
    .title = "TLS Record",
    .fields = tls_rows,
    .field_count = SOK_COUNT_OF(tls_rows),
    .hdr_len = SOK_TLS_HDR_LEN,
    .measure = tls_measure,
    .binds = tls_binds,
    .bind_count = SOK_COUNT_OF(tls_binds),
    .variant = tls_variant,
    .next = tls_next,
    .repeats = true,
    .finish = tls_finish,
};

const struct sok_proto sok_proto_tls_hello = {
    .name = "TLSClientHello",
    .title = "TLS ClientHello",
    .fields = tls_hello_rows,
    .field_count = SOK_COUNT_OF(tls_hello_rows),
    .hdr_len = SOK_TLS_HELLO_LEN,
    .measure = hello_measure,
    .parts = hello_parts,
    .part_count = SOK_COUNT_OF(hello_parts),
    .finish = hello_finish,
};
