// What the core needs of <string.h> where there is no C library: the embedder has these four, as every compiler
// asks for them in a freestanding program anyway.
#ifndef SOK_FREESTANDING_STRING_H
#define SOK_FREESTANDING_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);

#endif
