#include "wire/ppp.h"

#include "wire/carrier.h"
#include "wire/parts.h"

#define PPP_IP4  0x0021
#define PPP_IP6  0x0057
#define ONE_BYTE 1 // a bit of the first: there is no second

static const struct sok_value ppp_protos[] = {{PPP_IP4, "Internet Protocol version 4"},
    {0x003d, "Multi-Link"}, {PPP_IP6, "Internet Protocol version 6"}, {0x0281, "MPLS Unicast"},
    {0x8021, "Internet Protocol Control Protocol"}, {0x8057, "IPv6 Control Protocol"},
    {0x80fd, "Compression Control Protocol"}, {0xc021, "Link Control Protocol"},
    {0xc023, "Password Authentication Protocol"}, {0xc025, "Link Quality Report"},
    {0xc223, "Challenge Handshake Authentication Protocol"},
    {0xc227, "Extensible Authentication Protocol"}, {0, NULL}};
static const struct sok_value pppoe_codes[] = {{0, "Session"}, {0, NULL}};
static const struct sok_value discovery_codes[] = {{0x00, "PPP Session Stage"},
    {0x07, "PPPoE Active Discovery Offer (PADO)"},
    {0x09, "PPPoE Active Discovery Initiation (PADI)"},
    {0x0a, "PPPoE Active Discovery Session-Grant (PADG)"},
    {0x0b, "PPPoE Active Discovery Session-Credit Response (PADC)"},
    {0x0c, "PPPoE Active Discovery Quality (PADQ)"},
    {0x19, "PPPoE Active Discovery Request (PADR)"},
    {0x65, "PPPoE Active Discovery Session-confirmation (PADS)"},
    {0xa7, "PPPoE Active Discovery Terminate (PADT)"}, {0, NULL}};
static const struct sok_value tag_types[] = {{0x0000, "End-Of-List"}, {0x0101, "Service-Name"},
    {0x0102, "AC-Name"}, {0x0103, "Host-Uniq"}, {0x0104, "AC-Cookie"}, {0x0105, "Vendor-Specific"},
    {0x0106, "Credits"}, {0x0107, "Metrics"}, {0x0108, "Sequence Number"},
    {0x0109, "Credit Scale Factor"}, {0x0110, "Relay-Session-Id"}, {0x0120, "PPP-Max-Payload"},
    {0x0201, "Service-Name-Error"}, {0x0202, "AC-System-Error"}, {0x0203, "Generic-Error"},
    {0, NULL}};
SOK_HEADER_ROWS(ppp, SOK_PPP_FIELDS)
SOK_HEADER_ROWS(hdlc, SOK_HDLC_FIELDS)
SOK_HEADER_ROWS(pppoe, SOK_PPPOE_FIELDS)
SOK_HEADER_ROWS(pppoed, SOK_PPPOED_FIELDS)
SOK_HEADER_ROWS(pppoe_tag, SOK_PPPOE_TAG_FIELDS)

// ---- PPP ----

#define SHORT_FIELDS(N, B, P) N(P, proto, 8, NAME, DERIVED, PPP_IP4, ppp_protos)
SOK_HEADER_STRUCT(ppp_short, SHORT_FIELDS, 1)
SOK_HEADER_ROWS(ppp_short, SHORT_FIELDS)

static const struct sok_field *ppp_view(const uint8_t *p, size_t len, unsigned *count)
{
    (void)len;
    *count = 1;
    return p[0] & ONE_BYTE ? ppp_short_rows : ppp_rows;
}

static void ppp_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    size_t size = p[0] & ONE_BYTE ? 1 : SOK_PPP_HDR_LEN;
    out->cut = size > len;
    out->header = out->cut ? len : size;
    out->payload = len - out->header;
}

static const struct sok_proto *ppp_next(const uint8_t *p, size_t header, size_t len)
{
    (void)len;
    unsigned said = p[0] & ONE_BYTE ? p[0] : header == SOK_PPP_HDR_LEN ? sok_get16(p) : 0;
    return said == PPP_IP4 ? &sok_proto_ip4 : said == PPP_IP6 ? &sok_proto_ip6 : NULL;
}

// Some links begin every frame with the address of all, some none.
static const struct sok_proto *ppp_variant(const uint8_t *p, size_t len)
{
    return len > 0 && p[0] == 0xff ? &sok_proto_hdlc : &sok_proto_ppp;
}

static const struct sok_proto *hdlc_next(const uint8_t *p, size_t header, size_t len)
{
    (void)p;
    (void)header;
    (void)len;
    return &sok_proto_ppp;
}

// ---- over Ethernet ----

static void pppoe_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    size_t said = sok_get16(p + 4);
    (void)len;
    out->cut = said > out->payload;
    if (said < out->payload)
        out->payload = said;
}

static void pppoe_finish(const struct sok_finish *f)
{
    sok_finish_number(f, SOK_AT_pppoe_len, 0, sok_finish_len(f) - SOK_PPPOE_HDR_LEN);
}

static const struct sok_proto *discovery_next(const uint8_t *p, size_t header, size_t len)
{
    (void)p;
    (void)header;
    (void)len;
    return &sok_pppoe_protos[SOK_PPPOE_TAGS];
}

// ---- tags ----

static void tag_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    size_t size = SOK_PPPOE_TAG_LEN + (size_t)sok_get16(p + 2);
    out->cut = size > len;
    out->header = out->cut ? len : size;
    out->payload = len - out->header;
}

static void tag_finish(const struct sok_finish *f)
{
    sok_finish_number(f, SOK_AT_pppoe_tag_tag_len, 0, f->layers[f->at].part[0]);
}

static const struct sok_packets tags = {
    .what = "tags (PPPoETag)", .one = &sok_pppoe_protos[SOK_PPPOE_TAG]};
static const struct sok_part tags_parts[] = {{.name = "tag_list",
    .sized = SOK_PART_REST,
    .get = sok_packets_get,
    .put = sok_packets_put,
    .more = &tags}};
static const struct sok_part tag_parts[] = {{.name = "tag_value", .at = SOK_PPPOE_TAG_LEN}};

// ---- the protocols ----

static const struct sok_bind pppoe_binds[] = {
    {&sok_proto_eth, SOK_AT_eth_type, SOK_ETHERTYPE_PPPOE},
    {&sok_proto_vlan, SOK_AT_vlan_type, SOK_ETHERTYPE_PPPOE},
    {&sok_proto_sll, SOK_AT_sll_proto, SOK_ETHERTYPE_PPPOE},
    {&sok_proto_sll2, SOK_AT_sll2_proto, SOK_ETHERTYPE_PPPOE},
};
static const struct sok_bind pppoed_binds[] = {
    {&sok_proto_eth, SOK_AT_eth_type, SOK_ETHERTYPE_PPPOED},
    {&sok_proto_vlan, SOK_AT_vlan_type, SOK_ETHERTYPE_PPPOED},
    {&sok_proto_sll, SOK_AT_sll_proto, SOK_ETHERTYPE_PPPOED},
    {&sok_proto_sll2, SOK_AT_sll2_proto, SOK_ETHERTYPE_PPPOED},
};
static const struct sok_bind ppp_binds[] = {{&sok_proto_pppoe, SOK_AT_pppoe_code, 0}};
static const struct sok_bind tags_binds[] = {
    {&sok_proto_pppoed, SOK_AT_pppoed_type | SOK_BIND_WRITE, 1}};

static const uint16_t ppp_links[] = {9};

const struct sok_proto sok_proto_ppp = {
    .name = "PPP",
    .title = "Point-to-Point Protocol",
    .fields = ppp_rows,
    .field_count = SOK_COUNT_OF(ppp_rows),
    .hdr_len = 1,
    .view = ppp_view,
    .measure = ppp_measure,
    .next = ppp_next,
    .variant = ppp_variant,
    .binds = ppp_binds,
    .bind_count = SOK_COUNT_OF(ppp_binds),
    .linktypes = ppp_links,
    .linktype_count = SOK_COUNT_OF(ppp_links),
};

static const uint16_t hdlc_links[] = {50};

const struct sok_proto sok_proto_hdlc = {
    .name = "HDLC",
    .title = "PPP in HDLC-like Framing",
    .fields = hdlc_rows,
    .field_count = SOK_COUNT_OF(hdlc_rows),
    .hdr_len = SOK_HDLC_HDR_LEN,
    .next = hdlc_next,
    .linktypes = hdlc_links,
    .linktype_count = SOK_COUNT_OF(hdlc_links),
};

static const uint16_t pppoe_links[] = {51};

const struct sok_proto sok_proto_pppoe = {
    .name = "PPPoE",
    .title = "PPP over Ethernet",
    .fields = pppoe_rows,
    .field_count = SOK_COUNT_OF(pppoe_rows),
    .hdr_len = SOK_PPPOE_HDR_LEN,
    .measure = pppoe_measure,
    .finish = pppoe_finish,
    .binds = pppoe_binds,
    .bind_count = SOK_COUNT_OF(pppoe_binds),
    .linktypes = pppoe_links,
    .linktype_count = SOK_COUNT_OF(pppoe_links),
};

const struct sok_proto sok_proto_pppoed = {
    .name = "PPPoED",
    .title = "PPP over Ethernet Discovery",
    .summary = "%code%",
    .fields = pppoed_rows,
    .field_count = SOK_COUNT_OF(pppoed_rows),
    .hdr_len = SOK_PPPOE_HDR_LEN,
    .measure = pppoe_measure,
    .next = discovery_next,
    .finish = pppoe_finish,
    .binds = pppoed_binds,
    .bind_count = SOK_COUNT_OF(pppoed_binds),
};

const struct sok_proto sok_pppoe_protos[SOK_PPPOE_PROTOS] = {
    [SOK_PPPOE_TAGS] = {.name = "PPPoED_Tags",
        .title = "PPPoE Tag List",
        .summary = "PPPoE Tags",
        .binds = tags_binds,
        .bind_count = SOK_COUNT_OF(tags_binds),
        .parts = tags_parts,
        .part_count = SOK_COUNT_OF(tags_parts)},
    [SOK_PPPOE_TAG] = {.name = "PPPoETag",
        .title = "PPPoE Tag",
        .fields = pppoe_tag_rows,
        .field_count = SOK_COUNT_OF(pppoe_tag_rows),
        .hdr_len = SOK_PPPOE_TAG_LEN,
        .measure = tag_measure,
        .finish = tag_finish,
        .parts = tag_parts,
        .part_count = SOK_COUNT_OF(tag_parts)},
};
