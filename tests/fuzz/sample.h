// Sound frames for targets to begin with: one of each kind.
#ifndef SOK_FUZZ_SAMPLE_H
#define SOK_FUZZ_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

// An Ethernet frame, another for another seed; its length, at most room (which is at least 512).
size_t sample_frame(uint64_t seed, uint8_t *out, size_t room);

#endif
