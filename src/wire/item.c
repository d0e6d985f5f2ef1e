#include "wire/item.h"

#include <string.h>
#include "base/str.h"
#include "wire/text.h"

#define ADDRESS_TEXT_MAX 46

struct sok_item sok_item_text(const char *text)
{
    return sok_item_bytes(text, sok_str_len(text));
}

bool sok_item_is(const struct sok_item *item, const char *text)
{
    size_t len = sok_str_len(text);
    return item->type == SOK_ITEM_BYTES && item->count == len &&
           memcmp(item->bytes, text, len) == 0;
}

struct sok_item *sok_items_list(struct sok_items *s, size_t count)
{
    size_t size = count * sizeof(struct sok_item);
    if (size > s->left) {
        s->full = true;
        return NULL;
    }
    struct sok_item *list = (struct sok_item *)(void *)s->at;
    memset(list, 0, size);
    s->at += size;
    s->left -= size;
    return list;
}

uint8_t *sok_items_bytes(struct sok_items *s, size_t len)
{
    if (len > s->left) {
        s->full = true;
        return NULL;
    }
    s->left -= len;
    return s->at + s->left;
}

static struct sok_item keep_text(struct sok_items *s, const struct sok_text *t)
{
    uint8_t *p = sok_items_bytes(s, t->used);
    if (!p)
        return (struct sok_item){0};
    memcpy(p, t->out, t->used);
    return sok_item_bytes(p, t->used);
}

struct sok_item sok_items_ip4(struct sok_items *s, uint32_t ip)
{
    char out[ADDRESS_TEXT_MAX];
    struct sok_text t = sok_text(out, sizeof out);
    sok_text_add_ip4(&t, ip);
    return keep_text(s, &t);
}

struct sok_item sok_items_ip6(struct sok_items *s, const uint8_t ip[16])
{
    char out[ADDRESS_TEXT_MAX];
    struct sok_text t = sok_text(out, sizeof out);
    sok_text_add_ip6(&t, ip);
    return keep_text(s, &t);
}

void sok_sink_put(struct sok_sink *s, const void *p, size_t len)
{
    if (len > 0 && s->used <= s->size && len <= s->size - s->used)
        memcpy(s->out + s->used, p, len);
    s->used += len;
}

void sok_sink_zeros(struct sok_sink *s, size_t count)
{
    if (count > 0 && s->used <= s->size && count <= s->size - s->used)
        memset(s->out + s->used, 0, count);
    s->used += count;
}

void sok_sink_number_at(struct sok_sink *s, size_t at, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        if (at + i < s->size)
            s->out[at + i] = (uint8_t)(v >> 8 * (bytes - 1 - i));
    }
}

void sok_sink_number(struct sok_sink *s, uint64_t v, unsigned bytes)
{
    sok_sink_number_at(s, s->used, v, bytes);
    s->used += bytes;
}
