// Filters in tcpdump's language, compiled by libpcap: for the kernel, to run before a packet is copied, and
// for here, on packets from a file.
#ifndef SOK_CAPTURE_FILTER_H
#define SOK_CAPTURE_FILTER_H

#include <linux/filter.h>
#include "capture/capture.h"

struct sok_filter;
// The text is compiled for Ethernet, or (for a link without it) for packets that begin with IP. SOK_EINVAL: err
// says what is wrong with it.
int sok_filter_new(const struct sok_mem *mem, const char *text, uint16_t linktype, uint32_t snaplen,
    struct sok_filter **out, char *err);
void sok_filter_free(struct sok_filter *f);
// Compiles for further link types as they come (up to SOK_FILTER_LINKTYPES_MAX); where the text means
// nothing (ether host ... without Ethernet), nothing matches.
#define SOK_FILTER_LINKTYPES_MAX 8
bool sok_filter_match(
    struct sok_filter *f, uint16_t linktype, const uint8_t *data, uint32_t len, uint32_t orig_len);
// True if what it asks cannot be seen by the kernel's filter: VLAN tags, which lie beside the packet there.
bool sok_filter_is_for_here(const struct sok_filter *f);

// A program for a socket: of one link type, or (linktype 0) for all interfaces together, which first looks at
// what a packet came from. The code is taken by sok_filter_code_free().
struct sok_filter_code {
    struct sock_filter *code;
    uint16_t len;
    size_t bytes;
};
int sok_filter_code(struct sok_filter *f, uint16_t linktype, struct sok_filter_code *out);
void sok_filter_code_free(const struct sok_mem *mem, struct sok_filter_code *code);

#endif
