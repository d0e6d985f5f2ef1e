// IP addresses: always 16 bytes, IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), so that TCP and UDP
// have one code path. On the wire a v4-mapped IPv6 address is never accepted.
#ifndef SOCKEYE_ADDR_H
#define SOCKEYE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sockeye/api.h>

SOK_DECLS_BEGIN

struct sok_addr {
    uint8_t b[16];
};

struct sok_endpoint {
    struct sok_addr addr;
    uint32_t zone; // link index + 1 for link-local addresses; 0: none
    uint16_t port;
};

#define SOK_ADDR_TEXT_MAX     46 // "ffff:...:255.255.255.255" and NUL
#define SOK_ENDPOINT_TEXT_MAX 56 // "[" addr "]:65535" and NUL

struct sok_addr sok_addr_v4(uint32_t host_order);
uint32_t sok_addr_to_v4(struct sok_addr a); // host order; only for v4
bool sok_addr_is_v4(struct sok_addr a);
bool sok_addr_is_any(struct sok_addr a);       // :: or 0.0.0.0
bool sok_addr_is_multicast(struct sok_addr a); // ff00::/8 or 224.0.0.0/4
bool sok_addr_is_loopback(struct sok_addr a);  // ::1 or 127.0.0.0/8
bool sok_addr_eq(struct sok_addr a, struct sok_addr b);
// prefix_len counts in the family's own bits: 0..32 for v4, 0..128 for v6. False for mixed families.
bool sok_addr_in(struct sok_addr a, struct sok_addr net, unsigned prefix_len);

// Dotted quad or RFC 5952 text. Parsing takes no names, no leading zeros, no trailing characters.
bool sok_addr_parse(const char *text, struct sok_addr *out);
const char *sok_addr_format(struct sok_addr a, char out[SOK_ADDR_TEXT_MAX]);
const char *sok_endpoint_format(const struct sok_endpoint *e, char out[SOK_ENDPOINT_TEXT_MAX]);

SOK_DECLS_END

#endif
