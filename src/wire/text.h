// Text into a bounded array, as snprintf counts it: `used` goes on past the end, so that one pass tells how
// much room would have been needed.
#ifndef SOK_WIRE_TEXT_H
#define SOK_WIRE_TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct sok_text {
    char *out;
    size_t size;
    size_t used; // without the NUL
};

static inline struct sok_text sok_text(char *out, size_t size)
{
    if (size > 0)
        out[0] = 0;
    return (struct sok_text){.out = out, .size = size};
}

void sok_text_add(struct sok_text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void sok_text_add_list(struct sok_text *t, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
// What lines are full of, without the detour over a format.
void sok_text_add_bytes(struct sok_text *t, const char *p, size_t len);
void sok_text_add_char(struct sok_text *t, char c);
void sok_text_add_str(struct sok_text *t, const char *text);
void sok_text_add_uint(struct sok_text *t, uint32_t v);
void sok_text_add_mac(struct sok_text *t, const uint8_t mac[6]);
void sok_text_add_ip4(struct sok_text *t, uint32_t ip);
// A number of so many bits, half of them behind the point: "20.5". Read again (value.h) it is the same number.
void sok_text_add_fixed(struct sok_text *t, uint64_t v, unsigned bits);
void sok_text_add_ip6(struct sok_text *t, const uint8_t ip[16]);         // RFC 5952
void sok_text_add_hex(struct sok_text *t, const uint8_t *p, size_t len); // two digits a byte

#endif
