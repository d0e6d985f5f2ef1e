#include "wire/llc.h"

#include "wire/carrier.h"

#define SAP_STP    0x42
#define SAP_SNAP   0xaa
#define UNNUMBERED 3      // the control field: information without a number
#define LLC_COOKED 4      // in a cooked capture
#define LLC_TYPE   0x8870 // in place of an Ethernet type
#define SNAP_PVST  0x010b // a spanning tree in a VLAN

SOK_HEADER_ROWS(dot3, SOK_DOT3_FIELDS)
SOK_HEADER_ROWS(llc, SOK_LLC_FIELDS)
SOK_HEADER_ROWS(snap, SOK_SNAP_FIELDS)
SOK_HEADER_ROWS(stp, SOK_STP_FIELDS)

static void dot3_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    size_t said = sok_get16(p + 12);
    (void)len;
    out->cut = said > out->payload;
    if (said < out->payload)
        out->payload = said;
}

static const struct sok_proto *dot3_next(const uint8_t *p, size_t header, size_t len)
{
    (void)p;
    (void)header;
    (void)len;
    return &sok_proto_llc;
}

static void dot3_finish(const struct sok_finish *f)
{
    sok_finish_number(f, SOK_AT_dot3_len, 0, sok_finish_len(f) - SOK_DOT3_HDR_LEN);
}

static const struct sok_proto *llc_next(const uint8_t *p, size_t header, size_t len)
{
    (void)header;
    (void)len;
    if (p[2] != UNNUMBERED || p[0] != p[1])
        return NULL;
    return p[0] == SAP_STP ? &sok_proto_stp : p[0] == SAP_SNAP ? &sok_proto_snap : NULL;
}

// Dot3 has no field that says what comes: its bind only says that this may.
static const struct sok_bind llc_binds[] = {
    {&sok_proto_eth, SOK_AT_eth_type, LLC_TYPE},
    {&sok_proto_sll, SOK_AT_sll_proto, LLC_COOKED},
    {&sok_proto_sll2, SOK_AT_sll2_proto, LLC_COOKED},
};
static const struct sok_bind snap_binds[] = {
    {&sok_proto_llc, SOK_AT_llc_dsap | SOK_BIND_WRITE, SAP_SNAP},
    {&sok_proto_llc, SOK_AT_llc_ssap | SOK_BIND_WRITE, SAP_SNAP},
    {&sok_proto_llc, SOK_AT_llc_ctrl | SOK_BIND_WRITE, UNNUMBERED},
};
static const struct sok_bind stp_binds[] = {
    {&sok_proto_llc, SOK_AT_llc_dsap | SOK_BIND_WRITE, SAP_STP},
    {&sok_proto_llc, SOK_AT_llc_ssap | SOK_BIND_WRITE, SAP_STP},
    {&sok_proto_llc, SOK_AT_llc_ctrl | SOK_BIND_WRITE, UNNUMBERED},
    {&sok_proto_snap, SOK_AT_snap_code, SNAP_PVST},
};

static const uint16_t dot3_links[] = {1};

const struct sok_proto sok_proto_dot3 = {
    .name = "Dot3",
    .title = "IEEE 802.3",
    .summary = "802.3 %src% > %dst%",
    .fields = dot3_rows,
    .field_count = SOK_COUNT_OF(dot3_rows),
    .hdr_len = SOK_DOT3_HDR_LEN,
    .measure = dot3_measure,
    .next = dot3_next,
    .finish = dot3_finish,
    .linktypes = dot3_links,
    .linktype_count = SOK_COUNT_OF(dot3_links),
};

const struct sok_proto sok_proto_llc = {
    .name = "LLC",
    .title = "Logical Link Control",
    .fields = llc_rows,
    .field_count = SOK_COUNT_OF(llc_rows),
    .hdr_len = SOK_LLC_HDR_LEN,
    .binds = llc_binds,
    .bind_count = SOK_COUNT_OF(llc_binds),
    .next = llc_next,
};

const struct sok_proto sok_proto_snap = {
    .name = "SNAP",
    .title = "Subnetwork Access Protocol",
    .fields = snap_rows,
    .field_count = SOK_COUNT_OF(snap_rows),
    .hdr_len = SOK_SNAP_HDR_LEN,
    .binds = snap_binds,
    .bind_count = SOK_COUNT_OF(snap_binds),
};

const struct sok_proto sok_proto_stp = {
    .name = "STP",
    .title = "Spanning Tree Protocol",
    .fields = stp_rows,
    .field_count = SOK_COUNT_OF(stp_rows),
    .hdr_len = SOK_STP_HDR_LEN,
    .binds = stp_binds,
    .bind_count = SOK_COUNT_OF(stp_binds),
};
