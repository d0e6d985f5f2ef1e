// Any frame with any metadata and any gather layout: cutting ends, nothing outside is touched, and when it is
// cut the payload comes out whole and in order, each piece within its size and with a right IP header.
#include <string.h>
#include "base/bytes.h"
#include "tests/fuzz/must.h"
#include "tests/fuzz/sample.h"
#include "wire/ip4.h"
#include "wire/split.h"

#define CONTROL 12 // bytes of the input that are metadata and layout
#define OUT_MAX 70000

size_t fuzz_sample(uint64_t seed, uint8_t *out, size_t room)
{
    static const uint8_t control[CONTROL] = {1, 1, 0, 0, 20, 0, 34, 0, 16, 2, 0, 60};
    memcpy(out, control, CONTROL);
    out[3] = (uint8_t)(seed >> 40 & 3); // caps
    out[4] = (uint8_t)(1 + (seed >> 42 & 31));
    size_t len = sample_frame(seed | 3, out + CONTROL, room - CONTROL);
    return CONTROL + len;
}

static void lay_out(
    struct sok_frame_out *f, const uint8_t *p, size_t len, unsigned iovs, size_t first)
{
    size_t at = 0;
    iovs = 1 + iovs % SOK_OUT_IOV_MAX;
    for (unsigned i = 0; i < iovs; i++) {
        size_t n = i == 0 ? first : (len - at) / (iovs - i);
        if (n > len - at || i + 1 == iovs)
            n = len - at;
        f->iov[f->iov_count++] = (struct sok_iov){p + at, n};
        at += n;
    }
    f->len = (uint32_t)len;
}

static void check_cut(
    const struct sok_split *s, const uint8_t *frame, const struct sok_frame_out *out, uint32_t *at)
{
    static uint8_t piece[OUT_MAX];
    must(out->len <= sizeof(piece));
    must(sok_frame_gather(out, piece, sizeof(piece)) == out->len);
    uint32_t payload = out->len - s->hdr_len;
    must(out->len >= s->hdr_len && payload <= s->super->meta.gso_size);
    must(payload > 0 || s->super->len == s->hdr_len);
    must(memcmp(piece + s->hdr_len, frame + s->hdr_len + *at, payload) == 0);
    if (s->super->meta.gso == SOK_GSO_TCP4) {
        must(sok_ip4_verify(piece + s->l3, (size_t)(s->l4 - s->l3)));
        must(sok_get16(piece + s->l3 + 2) == out->len - s->l3);
    }
    *at += payload;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sok_split s;
    struct sok_frame_out f = {.iov_count = 0}, out;
    if (size < CONTROL || size > 60000)
        return 0;
    const uint8_t *frame = data + CONTROL;
    uint32_t pieces = 0, at = 0;
    f.meta = (struct sok_frame_meta){.gso = data[0] & 3,
        .csum_partial = data[1] & 1,
        .gso_size = (uint16_t)(data[5] << 8 | data[4]),
        .csum_start = (uint16_t)(data[7] << 8 | data[6]),
        .csum_offset = data[8]};
    lay_out(&f, frame, size - CONTROL, data[9], (size_t)data[10] << 8 | data[11]);
    sok_split_begin(&s, &f, data[3] & 3);
    while (sok_split_next(&s, &out)) {
        must(out.iov_count <= SOK_OUT_IOV_MAX);
        size_t sum = 0;
        for (unsigned i = 0; i < out.iov_count; i++) {
            touch(out.iov[i].base, out.iov[i].len);
            sum += out.iov[i].len;
        }
        must(sum == out.len);
        if (s.cut)
            check_cut(&s, frame, &out, &at);
        must(++pieces <= size + 1);
    }
    must(pieces >= 1 && (s.cut || pieces == 1));
    must(!s.cut || at == f.len - s.hdr_len);
    uint8_t *copy = malloc(f.len ? f.len : 1);
    must(copy);
    memcpy(copy, frame, f.len);
    sok_frame_complete(copy, f.len, &f.meta);
    free(copy);
    return 0;
}
