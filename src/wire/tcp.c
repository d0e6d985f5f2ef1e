#include "wire/tcp.h"
#include "wire/carrier.h"

#include "wire/csum.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/options.h"
#include "wire/services.h"
#include "wire/show.h"
#include "wire/tcp_options.h"

// Scapy's letters, by bit.
static const struct sok_value tcp_flags[] = {{0, "F"}, {1, "S"}, {2, "R"}, {3, "P"}, {4, "A"},
    {5, "U"}, {6, "E"}, {7, "C"}, {8, "N"}, {0, NULL}};
SOK_HEADER_ROWS(tcp, SOK_TCP_FIELDS)

enum sok_drop sok_tcp_check(const struct sok_tcp_hdr *h, size_t there)
{
    size_t header = 4u * h->dataofs;
    return header < SOK_TCP_HDR_LEN || header > there ? SOK_DROP_TCP_OFFSET : SOK_DROP_NONE;
}

bool sok_tcp_verify(
    const uint8_t *p, size_t len, const struct sok_addr *src, const struct sok_addr *dst)
{
    struct sok_csum sum;
    sok_csum_init(&sum);
    sok_csum_add_pseudo(&sum, src, dst, SOK_IPPROTO_TCP, (uint32_t)len);
    sok_csum_add(&sum, p, len);
    return sok_csum_final(&sum) == 0;
}

static void tcp_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    size_t header = (p[12] >> 4) * 4u;
    out->malformed = header < SOK_TCP_HDR_LEN;
    out->cut = header > len;
    if (!out->malformed)
        out->header = out->cut ? len : header;
    out->payload = len - out->header;
}

// tcpdump's letters and their order.
static void line_flags(struct sok_text *t, uint16_t flags)
{
    static const struct {
        uint16_t bit;
        char letter;
    } letters[] = {{SOK_TCP_FIN, 'F'}, {SOK_TCP_SYN, 'S'}, {SOK_TCP_RST, 'R'}, {SOK_TCP_PSH, 'P'},
        {SOK_TCP_ACK, '.'}, {SOK_TCP_URG, 'U'}, {SOK_TCP_ECE, 'E'}, {SOK_TCP_CWR, 'W'},
        {SOK_TCP_AE, 'e'}};
    sok_text_add_str(t, "Flags [");
    if (!flags)
        sok_text_add_str(t, "none");
    for (unsigned i = 0; i < SOK_COUNT_OF(letters); i++) {
        if (flags & letters[i].bit)
            sok_text_add_char(t, letters[i].letter);
    }
    sok_text_add_str(t, "]");
}

static void line_number(struct sok_text *t, const char *name, uint32_t v)
{
    sok_text_add_str(t, name);
    sok_text_add_uint(t, v);
}

static void line_option(struct sok_text *t, const struct sok_option *opt)
{
    switch (opt->kind << 8 | opt->len) {
    case SOK_TCP_OPT_END << 8:
        sok_text_add_str(t, "eol");
        return;
    case SOK_TCP_OPT_NOP << 8:
        sok_text_add_str(t, "nop");
        return;
    case SOK_TCP_OPT_MSS << 8 | 2:
        sok_text_add(t, "mss %u", sok_get16(opt->data));
        return;
    case SOK_TCP_OPT_WSCALE << 8 | 1:
        sok_text_add(t, "wscale %u", opt->data[0]);
        return;
    case SOK_TCP_OPT_SACK_OK << 8:
        sok_text_add_str(t, "sackOK");
        return;
    case SOK_TCP_OPT_TS << 8 | 8:
        line_number(t, "TS val ", sok_get32(opt->data));
        line_number(t, " ecr ", sok_get32(opt->data + 4));
        return;
    default:
        break;
    }
    if (opt->kind == SOK_TCP_OPT_COOKIE && opt->len % 2 == 0 && opt->len <= SOK_TCP_COOKIE_MAX &&
        opt->len != 2) {
        sok_text_add_str(t, opt->len ? "tfo  cookie " : "tfo  cookiereq");
        for (unsigned i = 0; i < opt->len; i++)
            sok_text_add(t, "%02x", opt->data[i]);
        return;
    }
    if (opt->kind != SOK_TCP_OPT_SACK || opt->len == 0 || opt->len % 8) {
        sok_text_add(t, "unknown-%u 0x", opt->kind);
        sok_text_add_hex(t, opt->data, opt->len);
        return;
    }
    sok_text_add(t, "sack %u ", opt->len / 8u);
    for (unsigned i = 0; i < opt->len; i += 8)
        sok_text_add(t, "{%u:%u}", sok_get32(opt->data + i), sok_get32(opt->data + i + 4));
}

static void line_options(struct sok_text *t, const uint8_t *p, size_t len)
{
    struct sok_options options = sok_options(p, len);
    struct sok_option opt;
    const char *before = ", options [";
    if (len == 0)
        return;
    for (; sok_option_next(&options, &opt); before = ",") {
        sok_text_add_str(t, before);
        line_option(t, &opt);
    }
    sok_text_add(t, options.malformed ? "%sbad opt]" : "]", before);
}

static void tcp_line(const struct sok_show *l)
{
    const struct sok_layer *layer = sok_show_layer(l);
    struct sok_tcp_hdr h;
    struct sok_text *t = l->text;
    sok_tcp_hdr_get(sok_show_header(l), &h);
    sok_show_ends(l, true, h.sport, h.dport);
    line_flags(t, h.flags);
    if (layer->malformed) {
        sok_text_add(
            t, ", malformed, header %u of %u", h.dataofs * 4u, layer->header + layer->payload);
        return;
    }
    if (layer->payload || h.flags & (SOK_TCP_SYN | SOK_TCP_FIN | SOK_TCP_RST))
        line_number(t, ", seq ", h.seq);
    if (layer->payload)
        line_number(t, ":", h.seq + layer->payload);
    if (h.flags & SOK_TCP_ACK)
        line_number(t, ", ack ", h.ack);
    line_number(t, ", win ", h.window);
    if (h.flags & SOK_TCP_URG)
        line_number(t, ", urg ", h.urgptr);
    line_options(t, sok_show_header(l) + SOK_TCP_HDR_LEN, layer->header - SOK_TCP_HDR_LEN);
    line_number(t, ", length ", layer->payload);
}

#define MSS_FIELDS(N, B, P)    N(P, mss, 16, DEC, SET, 1460, NULL)
#define WSCALE_FIELDS(N, B, P) N(P, shift, 8, DEC, SET, 7, NULL)
#define SACK_FIELDS(N, B, P)                                                                       \
    N(P, start, 32, DEC, SET, 0, NULL)                                                             \
    N(P, end, 32, DEC, SET, 0, NULL)
#define TS_FIELDS(N, B, P)                                                                         \
    N(P, tsval, 32, DEC, SET, 0, NULL)                                                             \
    N(P, tsecr, 32, DEC, SET, 0, NULL)
#define ALTSUM_FIELDS(N, B, P)                                                                     \
    N(P, number, 8, DEC, SET, 0, NULL)                                                             \
    N(P, sum, 16, HEX, SET, 0, NULL)
#define UTO_FIELDS(N, B, P) N(P, timeout, 16, DEC, SET, 0, NULL)
// A cookie of 8 bytes, as two numbers.
#define TFO_FIELDS(N, B, P)                                                                        \
    N(P, cookie, 32, HEX, SET, 0, NULL)                                                            \
    N(P, cookie2, 32, HEX, SET, 0, NULL)
SOK_HEADER_STRUCT(tcp_mss, MSS_FIELDS, 2)
SOK_HEADER_STRUCT(tcp_altsum, ALTSUM_FIELDS, 3)
#define MD5_FIELDS(N, B, P) B(P, digest, 16, BYTES, SET)
SOK_HEADER_STRUCT(tcp_md5, MD5_FIELDS, 16)
SOK_HEADER_ROWS(tcp_md5, MD5_FIELDS)
SOK_HEADER_STRUCT(tcp_uto, UTO_FIELDS, 2)
SOK_HEADER_STRUCT(tcp_tfo, TFO_FIELDS, 8)
SOK_HEADER_ROWS(tcp_altsum, ALTSUM_FIELDS)
SOK_HEADER_ROWS(tcp_uto, UTO_FIELDS)
SOK_HEADER_ROWS(tcp_tfo, TFO_FIELDS)
SOK_HEADER_STRUCT(tcp_wscale, WSCALE_FIELDS, 1)
SOK_HEADER_STRUCT(tcp_sack, SACK_FIELDS, 8)
SOK_HEADER_STRUCT(tcp_ts, TS_FIELDS, 8)
SOK_HEADER_ROWS(tcp_mss, MSS_FIELDS)
SOK_HEADER_ROWS(tcp_wscale, WSCALE_FIELDS)
SOK_HEADER_ROWS(tcp_sack, SACK_FIELDS)
SOK_HEADER_ROWS(tcp_ts, TS_FIELDS)

static const struct sok_option_kind tcp_options[] = {
    {.kind = SOK_TCP_OPT_END, .name = "EOL"},
    {.kind = SOK_TCP_OPT_NOP, .name = "NOP"},
    {.kind = SOK_TCP_OPT_MSS, .name = "MSS", .fields = tcp_mss_rows, .field_count = 1},
    {.kind = SOK_TCP_OPT_WSCALE, .name = "WScale", .fields = tcp_wscale_rows, .field_count = 1},
    {.kind = SOK_TCP_OPT_SACK_OK, .name = "SAckOK"},
    {.kind = SOK_TCP_OPT_SACK,
        .name = "SAck",
        .fields = tcp_sack_rows,
        .field_count = 2,
        .repeats = true},
    {.kind = SOK_TCP_OPT_TS, .name = "Timestamp", .fields = tcp_ts_rows, .field_count = 2},
    {.kind = 14, .name = "AltChkSum", .fields = tcp_altsum_rows, .field_count = 2},
    {.kind = 15, .name = "AltChkSumOpt"},
    {.kind = 19, .name = "MD5", .fields = tcp_md5_rows, .field_count = 1},
    {.kind = 28, .name = "UTO", .fields = tcp_uto_rows, .field_count = 1},
    {.kind = 29, .name = "AO"},
    {.kind = SOK_TCP_OPT_COOKIE, .name = "TFO", .fields = tcp_tfo_rows, .field_count = 2},
};

static const struct sok_option_table tcp_table = {
    .kinds = tcp_options, .count = SOK_COUNT_OF(tcp_options), .pad = 4};
static const struct sok_part tcp_parts[] = {{.name = "options",
    .at = SOK_TCP_HDR_LEN,
    .get = sok_options_get,
    .put = sok_options_put,
    .fuzz = sok_options_fuzz,
    .more = &tcp_table}};

static void tcp_finish(const struct sok_finish *f)
{
    sok_finish_number(f, SOK_AT_tcp_dataofs, 0, f->layers[f->at].header / 4);
    if (sok_finish_free(f, SOK_AT_tcp_chksum))
        sok_finish_checksum(f, SOK_IPPROTO_TCP, SOK_TCP_CSUM_OFFSET);
}

static const struct sok_bind tcp_binds[] = {SOK_BINDS_IPPROTO(SOK_IPPROTO_TCP)};

const struct sok_proto sok_proto_tcp = {
    .name = "TCP",
    .title = "Transmission Control Protocol",
    .summary = "TCP %<src%:%sport% > %<dst%:%dport% %flags%|TCP %sport% > %dport% %flags%",
    .quoted = "TCPerror",
    .fields = tcp_rows,
    .field_count = SOK_COUNT_OF(tcp_rows),
    .hdr_len = SOK_TCP_HDR_LEN,
    .measure = tcp_measure,
    .options = tcp_options,
    .option_count = SOK_COUNT_OF(tcp_options),
    .parts = tcp_parts,
    .part_count = SOK_COUNT_OF(tcp_parts),
    .finish = tcp_finish,
    .binds = tcp_binds,
    .bind_count = SOK_COUNT_OF(tcp_binds),
    .line = tcp_line,
};
