#include "wire/text.h"

#include <stdio.h>

void sok_text_add(struct sok_text *t, const char *format, ...)
{
    size_t room = t->used < t->size ? t->size - t->used : 0;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(room ? t->out + t->used : NULL, room, format, args);
    va_end(args);
    if (n > 0)
        t->used += (size_t)n;
}

void sok_text_add_mac(struct sok_text *t, const uint8_t mac[6])
{
    sok_text_add(
        t, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

void sok_text_add_ip4(struct sok_text *t, uint32_t ip)
{
    sok_text_add(t, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
}

void sok_text_add_hex(struct sok_text *t, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sok_text_add(t, "%02x", p[i]);
}
