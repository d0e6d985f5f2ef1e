#include "wire/gre.h"

#include "wire/carrier.h"

SOK_HEADER_ROWS(gre, SOK_GRE_FIELDS)

#define CHECKSUM 0x80 // bits of the first byte
#define ROUTING  0x40
#define KEY      0x20
#define SEQUENCE 0x10

#define CHECKSUM_AT 4

#define C_FIELDS(N, B, P)                                                                          \
    N(P, chksum, 16, HEX, DERIVED, 0, NULL)                                                        \
    N(P, offset, 16, HEX, SET, 0, NULL)
#define K_FIELDS(N, B, P) N(P, key, 32, HEX, SET, 0, NULL)
#define S_FIELDS(N, B, P) N(P, sequence_number, 32, HEX, SET, 0, NULL)

#define GRE_C(N, B, P)   SOK_GRE_FIELDS(N, B, P) C_FIELDS(N, B, P)
#define GRE_K(N, B, P)   SOK_GRE_FIELDS(N, B, P) K_FIELDS(N, B, P)
#define GRE_S(N, B, P)   SOK_GRE_FIELDS(N, B, P) S_FIELDS(N, B, P)
#define GRE_CK(N, B, P)  GRE_C(N, B, P) K_FIELDS(N, B, P)
#define GRE_CS(N, B, P)  GRE_C(N, B, P) S_FIELDS(N, B, P)
#define GRE_KS(N, B, P)  GRE_K(N, B, P) S_FIELDS(N, B, P)
#define GRE_CKS(N, B, P) GRE_CK(N, B, P) S_FIELDS(N, B, P)
SOK_HEADER_STRUCT(gre_c, GRE_C, 8)
SOK_HEADER_STRUCT(gre_k, GRE_K, 8)
SOK_HEADER_STRUCT(gre_s, GRE_S, 8)
SOK_HEADER_STRUCT(gre_ck, GRE_CK, 12)
SOK_HEADER_STRUCT(gre_cs, GRE_CS, 12)
SOK_HEADER_STRUCT(gre_ks, GRE_KS, 12)
SOK_HEADER_STRUCT(gre_cks, GRE_CKS, 16)
SOK_HEADER_ROWS(gre_c, GRE_C)
SOK_HEADER_ROWS(gre_k, GRE_K)
SOK_HEADER_ROWS(gre_s, GRE_S)
SOK_HEADER_ROWS(gre_ck, GRE_CK)
SOK_HEADER_ROWS(gre_cs, GRE_CS)
SOK_HEADER_ROWS(gre_ks, GRE_KS)
SOK_HEADER_ROWS(gre_cks, GRE_CKS)

// By checksum (4), key (2), sequence number (1).
static const struct {
    const struct sok_field *rows;
    unsigned count;
} layouts[] = {
    {gre_rows, SOK_COUNT_OF(gre_rows)},
    {gre_s_rows, SOK_COUNT_OF(gre_s_rows)},
    {gre_k_rows, SOK_COUNT_OF(gre_k_rows)},
    {gre_ks_rows, SOK_COUNT_OF(gre_ks_rows)},
    {gre_c_rows, SOK_COUNT_OF(gre_c_rows)},
    {gre_cs_rows, SOK_COUNT_OF(gre_cs_rows)},
    {gre_ck_rows, SOK_COUNT_OF(gre_ck_rows)},
    {gre_cks_rows, SOK_COUNT_OF(gre_cks_rows)},
};

// A routing field brings the checksum's word, too (RFC 1701).
static const struct sok_field *gre_view(const uint8_t *p, size_t len, unsigned *count)
{
    unsigned i =
        (p[0] & (CHECKSUM | ROUTING) ? 4 : 0) | (p[0] & KEY ? 2 : 0) | (p[0] & SEQUENCE ? 1 : 0);
    (void)len;
    *count = layouts[i].count;
    return layouts[i].rows;
}

static void gre_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    unsigned count;
    const struct sok_field *rows = gre_view(p, len, &count);
    size_t size = sok_field_end(&rows[count - 1]);
    out->cut = size > len;
    out->header = out->cut ? len : size;
    out->payload = len - out->header;
    out->opaque = (p[0] & ROUTING) != 0; // routes of RFC 1701, which nobody sends any more
}

static void gre_finish(const struct sok_finish *f)
{
    const uint8_t *p = sok_finish_header(f);
    if (p[0] & CHECKSUM && sok_finish_free(f, SOK_COUNT_OF(gre_rows)) &&
        sok_finish_len(f) >= CHECKSUM_AT + 2)
        sok_finish_sum(f, CHECKSUM_AT);
}

static const struct sok_bind gre_binds[] = {SOK_BINDS_IPPROTO(SOK_IPPROTO_GRE)};

const struct sok_proto sok_proto_gre = {
    .name = "GRE",
    .title = "Generic Routing Encapsulation",
    .fields = gre_rows,
    .field_count = SOK_COUNT_OF(gre_rows),
    .hdr_len = SOK_GRE_HDR_LEN,
    .view = gre_view,
    .measure = gre_measure,
    .finish = gre_finish,
    .binds = gre_binds,
    .bind_count = SOK_COUNT_OF(gre_binds),
};
