// printf's formats, as far as lines about packets use them: %s %c %d %u %x %%, with '-' and '0', a width (or '*'), a
// precision for %s, and the lengths hh h l ll z. The core has no C library to ask.
#include <stdbool.h>
#include <string.h>
#include "base/str.h"
#include "wire/text.h"

struct spec {
    bool left, zero;
    int width, precision; // precision -1: none
    unsigned longs;       // l: 1, ll: 2
    bool size;            // z
    char conversion;
};

static const char *number(const char *at, int *out)
{
    for (*out = 0; *at >= '0' && *at <= '9'; at++)
        *out = *out * 10 + (*at - '0');
    return at;
}

// What follows a '%', up to and with the conversion's letter, but the values of '*', which are arguments.
static const char *parse(const char *at, struct spec *f, va_list *args)
{
    *f = (struct spec){.precision = -1};
    for (; *at == '-' || *at == '0'; at++)
        *(*at == '-' ? &f->left : &f->zero) = true;
    if (*at == '*') {
        f->width = va_arg(*args, int);
        at++;
    } else {
        at = number(at, &f->width);
    }
    if (*at == '.' && at[1] == '*') {
        f->precision = va_arg(*args, int);
        at += 2;
    } else if (*at == '.') {
        at = number(at + 1, &f->precision);
    }
    for (; *at == 'h' || *at == 'l' || *at == 'z'; at++) {
        f->longs += *at == 'l';
        f->size |= *at == 'z';
    }
    f->conversion = *at;
    return *at ? at + 1 : at;
}

static void pad(struct sok_text *t, char c, int count)
{
    for (; count > 0; count--)
        sok_text_add_char(t, c);
}

static void add_field(struct sok_text *t, const struct spec *f, const char *text, size_t len)
{
    int rest = f->width - (int)len;
    if (!f->left)
        pad(t, ' ', rest);
    sok_text_add_bytes(t, text, len);
    if (f->left)
        pad(t, ' ', rest);
}

static void add_number(struct sok_text *t, const struct spec *f, uint64_t v, bool negative)
{
    char text[24], *end = text + sizeof(text), *at = end;
    unsigned base = f->conversion == 'x' || f->conversion == 'X' ? 16 : 10;
    const char *digits = f->conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    do
        *--at = digits[v % base];
    while (v /= base);
    if (f->zero && !f->left) {
        if (negative)
            sok_text_add_char(t, '-');
        pad(t, '0', f->width - (int)(end - at) - negative);
        sok_text_add_bytes(t, at, (size_t)(end - at));
        return;
    }
    if (negative)
        *--at = '-';
    add_field(t, f, at, (size_t)(end - at));
}

static void add_signed(struct sok_text *t, const struct spec *f, va_list *args)
{
    int64_t v = f->size         ? va_arg(*args, ptrdiff_t)
                : f->longs == 0 ? va_arg(*args, int)
                : f->longs == 1 ? va_arg(*args, long)
                                : va_arg(*args, long long);
    add_number(t, f, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0);
}

static void add_unsigned(struct sok_text *t, const struct spec *f, va_list *args)
{
    uint64_t v = f->size         ? va_arg(*args, size_t)
                 : f->longs == 0 ? va_arg(*args, unsigned)
                 : f->longs == 1 ? va_arg(*args, unsigned long)
                                 : va_arg(*args, unsigned long long);
    add_number(t, f, v, false);
}

static void add_string(struct sok_text *t, const struct spec *f, const char *text)
{
    size_t len = 0;
    if (f->precision < 0)
        len = sok_str_len(text);
    else
        while (len < (size_t)f->precision && text[len])
            len++;
    add_field(t, f, text, len);
}

static void add_conversion(struct sok_text *t, const struct spec *f, va_list *args)
{
    char c;
    switch (f->conversion) {
    case 's':
        add_string(t, f, va_arg(*args, const char *));
        break;
    case 'c':
        c = (char)va_arg(*args, int);
        add_field(t, f, &c, 1);
        break;
    case 'd':
    case 'i':
        add_signed(t, f, args);
        break;
    case 'u':
    case 'x':
    case 'X':
        add_unsigned(t, f, args);
        break;
    default: // "%%", and the letter itself where there is no such conversion
        sok_text_add_char(t, f->conversion);
    }
}

void sok_text_add_list(struct sok_text *t, const char *format, va_list args)
{
    va_list rest;
    va_copy(rest, args);
    while (*format) {
        const char *plain = sok_str_find(format, '%');
        size_t len = plain ? (size_t)(plain - format) : sok_str_len(format);
        sok_text_add_bytes(t, format, len);
        format += len;
        if (*format) {
            struct spec f;
            format = parse(format + 1, &f, &rest);
            if (f.conversion)
                add_conversion(t, &f, &rest);
        }
    }
    va_end(rest);
}
