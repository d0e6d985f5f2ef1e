#include "wire/text.h"

#include <string.h>
#include "base/addr.h"
#include "base/str.h"

void sok_text_add(struct sok_text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sok_text_add_list(t, format, args);
    va_end(args);
}

void sok_text_add_bytes(struct sok_text *t, const char *p, size_t len)
{
    if (t->used < t->size) {
        size_t room = t->size - t->used - 1, n = len < room ? len : room;
        memcpy(t->out + t->used, p, n);
        t->out[t->used + n] = 0;
    }
    t->used += len;
}

void sok_text_add_char(struct sok_text *t, char c)
{
    sok_text_add_bytes(t, &c, 1);
}

void sok_text_add_str(struct sok_text *t, const char *text)
{
    sok_text_add_bytes(t, text, sok_str_len(text));
}

// Writes the digits so that they end before `end`; where they begin.
static char *digits(char *end, uint32_t v)
{
    do
        *--end = (char)('0' + v % 10);
    while (v /= 10);
    return end;
}

void sok_text_add_uint(struct sok_text *t, uint32_t v)
{
    char text[10], *end = text + sizeof(text), *start = digits(end, v);
    sok_text_add_bytes(t, start, (size_t)(end - start));
}

void sok_text_add_ip4(struct sok_text *t, uint32_t ip)
{
    char text[15], *end = text + sizeof(text), *at = end;
    for (unsigned i = 0; i < 4; i++, ip >>= 8) {
        at = digits(at, ip & 255);
        if (i < 3)
            *--at = '.';
    }
    sok_text_add_bytes(t, at, (size_t)(end - at));
}

#define FRACTION_DIGITS 10 // enough to tell 32 bits apart

void sok_text_add_fixed(struct sok_text *t, uint64_t v, unsigned bits)
{
    unsigned half = bits / 2;
    uint64_t mask = ((uint64_t)1 << half) - 1, left = v & mask;
    sok_text_add(t, "%llu", (unsigned long long)(v >> half));
    for (unsigned i = 0; i < FRACTION_DIGITS && left; i++) {
        left *= 10;
        sok_text_add(t, i ? "%c" : ".%c", (char)('0' + (left >> half)));
        left &= mask;
    }
}

void sok_text_add_ip6(struct sok_text *t, const uint8_t ip[16])
{
    char text[SOK_ADDR_TEXT_MAX];
    struct sok_addr a;
    memcpy(a.b, ip, sizeof(a.b));
    if (sok_addr_is_v4(a)) // in an IPv6 packet it is no IPv4 address
        sok_text_add_str(t, "::ffff:");
    sok_text_add_str(t, sok_addr_format(a, text));
}

static const char hex[] = "0123456789abcdef";

void sok_text_add_mac(struct sok_text *t, const uint8_t mac[6])
{
    char text[17];
    for (unsigned i = 0; i < 6; i++) {
        text[3 * i] = hex[mac[i] >> 4];
        text[3 * i + 1] = hex[mac[i] & 15];
        if (i < 5)
            text[3 * i + 2] = ':';
    }
    sok_text_add_bytes(t, text, sizeof(text));
}

void sok_text_add_hex(struct sok_text *t, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const char two[2] = {hex[p[i] >> 4], hex[p[i] & 15]};
        sok_text_add_bytes(t, two, 2);
    }
}
