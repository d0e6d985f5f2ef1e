// SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash that someone without the key can neither
// predict nor collide. For hash tables fed by the network, ISNs (RFC 6528), ports (RFC 6056), ids.
#ifndef SOK_BASE_SIPHASH_H
#define SOK_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t sok_siphash(const uint8_t key[16], const void *data, size_t len);

#endif
