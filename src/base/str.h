// The little that the core wants of strings: in a program without a C library there is no <string.h> to ask.
#ifndef SOK_BASE_STR_H
#define SOK_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>

static inline size_t sok_str_len(const char *text)
{
    size_t len = 0;
    while (text[len])
        len++;
    return len;
}

static inline bool sok_str_eq(const char *a, const char *b)
{
    for (; *a == *b; a++, b++)
        if (!*a)
            return true;
    return false;
}

// The first c in text; NULL: there is none.
static inline const char *sok_str_find(const char *text, char c)
{
    for (; *text; text++)
        if (*text == c)
            return text;
    return NULL;
}

#endif
