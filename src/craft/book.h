// The protocols that packets are made of: those of the registry (wire/registry.h) and those that were declared at
// run time, which come first.
#ifndef SOK_CRAFT_BOOK_H
#define SOK_CRAFT_BOOK_H

#include "base/mem.h"
#include "wire/field.h"

#define SOK_BOOK_ADDED_MAX 256
#define SOK_BOOK_BOUND_MAX 256

struct sok_book;
struct sok_craft_world;

struct sok_book *sok_book_new(const struct sok_mem *mem); // NULL: no memory
void sok_book_free(struct sok_book *book);
const struct sok_mem *sok_book_mem(const struct sok_book *book);

// What packets are built with when nobody says otherwise; NULL: nothing is known.
void sok_book_set_world(struct sok_book *book, const struct sok_craft_world *world);
const struct sok_craft_world *sok_book_world(const struct sok_book *book);

// Adds a protocol, which must live as long as the book; its binds say where it is found. 0, SOK_EINVAL (the
// name is taken), SOK_ENOBUFS, SOK_ENOMEM.
int sok_book_add(struct sok_book *book, const struct sok_proto *proto);

// From now on `above` is what comes behind `under` where its row (a number) has the value, and a packet of both has it
// there. Of several the last counts. 0, SOK_EINVAL, SOK_ENOBUFS, SOK_ENOMEM.
int sok_book_bind(struct sok_book *book, const struct sok_proto *under,
    const struct sok_proto *above, unsigned row, uint64_t value);

const struct sok_proto *sok_book_at(const struct sok_book *book, unsigned i); // NULL: no more
// By Scapy's name; NULL: none.
const struct sok_proto *sok_book_find(const struct sok_book *book, const char *name);
// What comes after a header of `proto`, with `header` of the `len` bytes at p; NULL: nobody knows.
const struct sok_proto *sok_book_next(const struct sok_book *book, const struct sok_proto *proto,
    const uint8_t *p, size_t header, size_t len);

#endif
