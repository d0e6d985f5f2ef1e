// For fuzz targets: what must hold whatever the input.
#ifndef SOK_FUZZ_MUST_H
#define SOK_FUZZ_MUST_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t fuzz_sample(uint64_t seed, uint8_t *out, size_t room);

#define must(what)                                                                                 \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #what);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

// Reads every byte, so that a sanitizer sees what is not there.
static inline void touch(const void *data, size_t len)
{
    const uint8_t *p = data;
    volatile uint8_t seen = 0;
    for (size_t i = 0; i < len; i++)
        seen = seen ^ p[i];
}

#endif
