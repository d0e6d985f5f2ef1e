// IP addresses: what kind they are, and their text form (RFC 4291 section 2.2, RFC 5952).
#include "base/addr.h"

#include <string.h>
#include "base/bytes.h"

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct sok_addr sok_addr_v4(uint32_t host_order)
{
    struct sok_addr a;
    memcpy(a.b, v4_prefix, sizeof(v4_prefix));
    sok_put32(a.b + 12, host_order);
    return a;
}

uint32_t sok_addr_to_v4(struct sok_addr a)
{
    return sok_get32(a.b + 12);
}

bool sok_addr_is_v4(struct sok_addr a)
{
    return memcmp(a.b, v4_prefix, sizeof(v4_prefix)) == 0;
}

bool sok_addr_is_any(struct sok_addr a)
{
    static const struct sok_addr any6;
    return sok_addr_is_v4(a) ? sok_addr_to_v4(a) == 0 : sok_addr_eq(a, any6);
}

bool sok_addr_is_multicast(struct sok_addr a)
{
    return sok_addr_is_v4(a) ? a.b[12] >> 4 == 14 : a.b[0] == 0xff;
}

bool sok_addr_is_loopback(struct sok_addr a)
{
    static const struct sok_addr loopback6 = {{[15] = 1}};
    return sok_addr_is_v4(a) ? a.b[12] == 127 : sok_addr_eq(a, loopback6);
}

bool sok_addr_eq(struct sok_addr a, struct sok_addr b)
{
    return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

bool sok_addr_in(struct sok_addr a, struct sok_addr net, unsigned prefix_len)
{
    bool v4 = sok_addr_is_v4(net);
    if (sok_addr_is_v4(a) != v4 || prefix_len > (v4 ? 32u : 128u))
        return false;
    unsigned bits = prefix_len + (v4 ? 96 : 0);
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a.b, net.b, whole) != 0)
        return false;
    return rest == 0 || (a.b[whole] ^ net.b[whole]) >> (8 - rest) == 0;
}

// ---- text ----

// One octet in decimal; returns what follows it, or NULL.
static const char *parse_octet(const char *s, uint8_t *out)
{
    unsigned v = 0, digits = 0;
    for (; *s >= '0' && *s <= '9'; s++) {
        if (++digits > 3 || (digits > 1 && v == 0))
            return NULL;
        v = v * 10 + (unsigned)(*s - '0');
    }
    if (digits == 0 || v > 255)
        return NULL;
    *out = (uint8_t)v;
    return s;
}

// A dotted quad up to the end of the text.
static bool parse_quad(const char *s, uint8_t out[4])
{
    for (int i = 0; i < 4; i++) {
        if (i > 0 && *s++ != '.')
            return false;
        s = parse_octet(s, &out[i]);
        if (!s)
            return false;
    }
    return *s == '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// One group of one to four hexadecimal digits; returns what follows it, or NULL.
static const char *parse_group(const char *s, uint8_t out[2])
{
    unsigned v = 0, digits = 0;
    for (int h; (h = hex_value(*s)) >= 0; s++) {
        if (++digits > 4)
            return NULL;
        v = v << 4 | (unsigned)h;
    }
    if (digits == 0)
        return NULL;
    sok_put16(out, (uint16_t)v);
    return s;
}

// RFC 4291 section 2.2. `gap` is where "::" stood, in bytes; the rest moves to the end.
static bool parse_v6(const char *s, uint8_t out[16])
{
    uint8_t b[16] = {0};
    unsigned len = 0;
    int gap = -1;
    if (s[0] == ':') {
        if (s[1] != ':')
            return false;
        s++; // the loop sees the second colon as the start of the gap
        gap = 0;
        s++;
    }
    while (*s) {
        if (len <= 12 && parse_quad(s, b + len)) {
            len += 4;
            break;
        }
        if (len > 14 || !(s = parse_group(s, b + len)))
            return false;
        len += 2;
        if (*s == '\0')
            break;
        if (*s++ != ':')
            return false;
        if (*s == ':') {
            if (gap >= 0)
                return false;
            gap = (int)len;
            s++;
        } else if (*s == '\0') {
            return false;
        }
    }
    if (gap < 0 ? len != 16 : len > 14)
        return false;
    memset(out, 0, 16);
    unsigned head = gap < 0 ? 16 : (unsigned)gap;
    memcpy(out, b, head);
    if (head < len)
        memcpy(out + 16 - (len - head), b + head, len - head);
    return true;
}

bool sok_addr_parse(const char *text, struct sok_addr *out)
{
    struct sok_addr a;
    if (parse_quad(text, a.b + 12))
        memcpy(a.b, v4_prefix, sizeof(v4_prefix));
    else if (!parse_v6(text, a.b))
        return false;
    *out = a;
    return true;
}

static char *put_decimal(char *s, unsigned v)
{
    char digits[10];
    unsigned n = 0;
    do {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    while (n > 0)
        *s++ = digits[--n];
    return s;
}

static char *put_hex(char *s, unsigned v)
{
    unsigned shift = 12;
    while (shift > 0 && v >> shift == 0)
        shift -= 4;
    for (;; shift -= 4) {
        *s++ = "0123456789abcdef"[v >> shift & 15];
        if (shift == 0)
            return s;
    }
}

static char *format_v4(struct sok_addr a, char *s)
{
    for (int i = 12; i < 16; i++) {
        if (i > 12)
            *s++ = '.';
        s = put_decimal(s, a.b[i]);
    }
    return s;
}

// The longest run of at least two zero groups, the first of equals (RFC 5952 section 4.2).
static unsigned longest_zeros(struct sok_addr a, unsigned *start)
{
    unsigned best = 1;
    for (unsigned i = 0; i < 8; i++) {
        unsigned n = 0;
        while (i + n < 8 && sok_get16(a.b + 2 * (i + n)) == 0)
            n++;
        if (n > best) {
            best = n;
            *start = i;
        }
        i += n;
    }
    return best > 1 ? best : 0;
}

static char *format_v6(struct sok_addr a, char *s)
{
    unsigned gap = 8;
    unsigned zeros = longest_zeros(a, &gap);
    for (unsigned i = 0; i < 8; i++) {
        if (i == gap) {
            *s++ = ':';
            if (i + zeros == 8)
                *s++ = ':';
            i += zeros - 1;
            continue;
        }
        if (i > 0)
            *s++ = ':';
        s = put_hex(s, sok_get16(a.b + 2 * i));
    }
    return s;
}

const char *sok_addr_format(struct sok_addr a, char out[SOK_ADDR_TEXT_MAX])
{
    *(sok_addr_is_v4(a) ? format_v4(a, out) : format_v6(a, out)) = '\0';
    return out;
}

const char *sok_endpoint_format(const struct sok_endpoint *e, char out[SOK_ENDPOINT_TEXT_MAX])
{
    char *s = out;
    if (sok_addr_is_v4(e->addr)) {
        s = format_v4(e->addr, s);
    } else {
        *s++ = '[';
        s = format_v6(e->addr, s);
        *s++ = ']';
    }
    *s++ = ':';
    *put_decimal(s, e->port) = '\0';
    return out;
}

bool sok_addr_hears(struct sok_addr local, bool v6only, struct sok_addr to)
{
    if (!sok_addr_is_any(local))
        return sok_addr_eq(local, to);
    return sok_addr_is_v4(local) ? sok_addr_is_v4(to) : !(v6only && sok_addr_is_v4(to));
}

unsigned sok_addr_nearness(struct sok_addr local)
{
    return !sok_addr_is_any(local) ? 2 : sok_addr_is_v4(local) ? 1 : 0;
}

bool sok_addr_overlaps(struct sok_addr a, bool a_v6only, struct sok_addr b, bool b_v6only)
{
    if (sok_addr_is_any(a) && sok_addr_is_any(b))
        return sok_addr_is_v4(a) == sok_addr_is_v4(b) || !(sok_addr_is_v4(a) ? b_v6only : a_v6only);
    return sok_addr_is_any(a) ? sok_addr_hears(a, a_v6only, b) : sok_addr_hears(b, b_v6only, a);
}
