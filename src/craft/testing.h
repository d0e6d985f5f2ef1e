// What the tests of this directory share: a book, and packets made in few words.
#ifndef SOK_CRAFT_TESTING_H
#define SOK_CRAFT_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/err.h"
#include "craft/packet.h"
#include "wire/registry.h"

static inline int make_book(void **state)
{
    struct sok_mem mem = sok_mem_libc();
    *state = sok_book_new(&mem);
    return *state ? 0 : -1;
}

static inline int drop_book(void **state)
{
    sok_book_free(*state);
    return 0;
}

static inline unsigned push(struct sok_packet *p, const char *name)
{
    const struct sok_proto *proto = sok_book_find(sok_packet_book(p), name);
    assert_non_null(proto);
    int layer = sok_packet_push(p, proto);
    assert_true(layer >= 0);
    return (unsigned)layer;
}

static inline int give(struct sok_packet *p, unsigned layer, const char *field,
    struct sok_item item, struct sok_craft_error *e)
{
    struct sok_slot slot;
    assert_true(sok_packet_slot(p, layer, field, &slot));
    return sok_packet_set(p, layer, &slot, &item, e);
}

static inline void give_text(
    struct sok_packet *p, unsigned layer, const char *field, const char *text)
{
    struct sok_craft_error e = {{0}};
    int err = give(p, layer, field, sok_item_text(text), &e);
    if (err)
        print_message("%s\n", e.text);
    assert_int_equal(err, 0);
}

static inline uint64_t number(const struct sok_packet *p, unsigned layer, const char *field)
{
    struct sok_slot slot;
    uint64_t v = 0;
    assert_true(sok_packet_slot(p, layer, field, &slot));
    assert_true(sok_packet_number(p, layer, &slot, &v));
    return v;
}

#endif
