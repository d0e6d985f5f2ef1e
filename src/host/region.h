// Regions of memory that programs lend (calls/region.h), as the host has them: mapped once however many
// streams use one, until no stream and no byte in flight does.
#ifndef SOK_HOST_REGION_H
#define SOK_HOST_REGION_H

#include "base/buf.h"
#include "host/host.h"

#define SOK_REGIONS_MAX 1024 // of a host: as many processes that write much

struct sok_region;

// The one behind fd (which stays the caller's), with a reference; `last` is the stream's so far and is tried
// first, and its reference becomes the new one's. NULL: not a region, or one too many; `last` is given up.
struct sok_region *sok_region_get(struct sok_host *host, struct sok_region *last, int fd);
void sok_region_unref(struct sok_region *r); // NULL is allowed
// Bytes of a block that was taken, as a buffer; with the last reference the block goes back. NULL: no memory, and
// it has gone back already.
struct sok_buf *sok_region_buf(struct sok_region *r, unsigned block, uint32_t len);

#endif
