#include "wire/name.h"

#include <string.h>

#define LABEL_MAX 63

static bool is_label_byte(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_';
}

static bool is_label(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_label_byte(p[i]))
            return false;
    return true;
}

// The name at *at, which moves behind it. False: it is not all there.
static bool take(const uint8_t *list, size_t len, size_t *at, char out[SOK_NAME_MAX], bool *is_name)
{
    size_t used = 0;
    *is_name = true;
    while (*at < len) {
        size_t label = list[(*at)++];
        if (label == 0) {
            out[used] = 0;
            return true;
        }
        if (label > LABEL_MAX || label > len - *at)
            return false;
        bool fits = used + (used > 0) + label < SOK_NAME_MAX;
        *is_name = *is_name && fits && is_label(list + *at, label);
        if (*is_name) {
            if (used > 0)
                out[used++] = '.';
            memcpy(out + used, list + *at, label);
            used += label;
        }
        *at += label;
    }
    return false;
}

bool sok_name_next(const uint8_t *list, size_t len, size_t *at, char out[SOK_NAME_MAX])
{
    bool is_name;
    while (*at < len && take(list, len, at, out, &is_name))
        if (is_name && out[0]) // zeros pad the list
            return true;
    return false;
}
