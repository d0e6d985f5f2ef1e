// The one's complement sum does not care in which byte order 16-bit words are added (RFC 1071 section 2),
// so whole machine words are added and folded at the end. A piece that begins at an odd offset of the
// whole counts with its bytes swapped.
#include "wire/csum.h"

#include <string.h>
#include "base/bytes.h"

// Without an operating system nobody has promised that vector registers are saved.
#if defined(__x86_64__) && __STDC_HOSTED__
#include <immintrin.h>
#define HAVE_AVX2 1
#endif

#define AVX2_MIN 256 // shorter pieces are not worth the setup

static uint64_t fold32(uint64_t sum)
{
    sum = (sum >> 32) + (uint32_t)sum;
    return (sum >> 32) + (uint32_t)sum;
}

static uint16_t fold16(uint64_t sum)
{
    sum = fold32(sum);
    sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)((sum >> 16) + (sum & 0xffff));
}

static inline uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static inline uint64_t add_carry(uint64_t a, uint64_t b)
{
    uint64_t sum = a + b;
    return sum + (sum < a);
}

// The last 0 to 7 bytes, as if a zero followed. Any even offset will do for a word: it is added all the same.
static inline uint64_t sum_tail(const uint8_t *p, size_t len)
{
    uint64_t sum = 0;
    uint32_t four;
    uint16_t two;
    if (len & 4) {
        memcpy(&four, p, 4);
        sum += four;
        p += 4;
    }
    if (len & 2) {
        memcpy(&two, p, 2);
        sum += two;
        p += 2;
    }
    if (len & 1) {
        const uint8_t last[2] = {*p, 0};
        memcpy(&two, last, 2);
        sum += two;
    }
    return sum;
}

static uint64_t sum_words(const uint8_t *p, size_t len)
{
    uint64_t a = 0, b = 0;
    for (; len >= 32; p += 32, len -= 32) {
        a = add_carry(a, load64(p));
        b = add_carry(b, load64(p + 8));
        a = add_carry(a, load64(p + 16));
        b = add_carry(b, load64(p + 24));
    }
    for (; len >= 8; p += 8, len -= 8)
        a = add_carry(a, load64(p));
    return fold32(add_carry(add_carry(a, b), sum_tail(p, len)));
}

#ifdef HAVE_AVX2
// 32-bit halves are added into 64-bit lanes: no carry is lost in less than 2^32 rounds.
__attribute__((target("avx2"))) static uint64_t sum_avx2(const uint8_t *p, size_t len)
{
    const __m256i low = _mm256_set1_epi64x(0xffffffff);
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    for (; len >= 64; p += 64, len -= 64) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);
        __m256i w = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
        a = _mm256_add_epi64(a, _mm256_and_si256(v, low));
        b = _mm256_add_epi64(b, _mm256_srli_epi64(v, 32));
        c = _mm256_add_epi64(c, _mm256_and_si256(w, low));
        d = _mm256_add_epi64(d, _mm256_srli_epi64(w, 32));
    }
    uint64_t lane[4];
    a = _mm256_add_epi64(_mm256_add_epi64(a, b), _mm256_add_epi64(c, d));
    _mm256_storeu_si256((__m256i *)(void *)lane, a);
    uint64_t sum = add_carry(add_carry(lane[0], lane[1]), add_carry(lane[2], lane[3]));
    return fold32(sum) + sum_words(p, len);
}
#endif

static uint64_t sum_piece(const uint8_t *p, size_t len)
{
#ifdef HAVE_AVX2
    if (len >= AVX2_MIN && __builtin_cpu_supports("avx2"))
        return sum_avx2(p, len);
#endif
    return sum_words(p, len);
}

void sok_csum_add(struct sok_csum *c, const void *data, size_t len)
{
    uint64_t sum = sum_piece(data, len);
    if (c->odd) {
        uint16_t v = fold16(sum);
        sum = (uint16_t)(v << 8 | v >> 8);
    }
    c->sum = fold32(c->sum + fold32(sum));
    c->odd ^= len & 1;
}

// An even number of bytes that are not part of the run of pieces.
static void add_apart(struct sok_csum *c, const uint8_t *p, size_t len)
{
    c->sum = fold32(c->sum + fold32(sum_words(p, len)));
}

void sok_csum_add_pseudo4(
    struct sok_csum *c, uint32_t src, uint32_t dst, uint8_t proto, uint32_t len)
{
    uint8_t pseudo[16] = {0};
    sok_put32(pseudo, src);
    sok_put32(pseudo + 4, dst);
    pseudo[9] = proto;
    sok_put32(pseudo + 12, len); // 16 bits are enough on a wire; more only in a super-frame
    add_apart(c, pseudo, sizeof(pseudo));
}

void sok_csum_add_pseudo(struct sok_csum *c, const struct sok_addr *src, const struct sok_addr *dst,
    uint8_t proto, uint32_t len)
{
    uint8_t pseudo[40] = {0};
    if (sok_addr_is_v4(*src) && sok_addr_is_v4(*dst)) {
        sok_csum_add_pseudo4(c, sok_get32(src->b + 12), sok_get32(dst->b + 12), proto, len);
        return;
    }
    memcpy(pseudo, src->b, 16);
    memcpy(pseudo + 16, dst->b, 16);
    sok_put32(pseudo + 32, len);
    pseudo[39] = proto;
    add_apart(c, pseudo, sizeof(pseudo));
}

uint16_t sok_csum_fold(const struct sok_csum *c)
{
    uint16_t sum = fold16(c->sum);
    uint8_t bytes[2];
    memcpy(bytes, &sum, 2);
    return sok_get16(bytes);
}

uint16_t sok_csum_final(const struct sok_csum *c)
{
    return (uint16_t)~sok_csum_fold(c);
}
