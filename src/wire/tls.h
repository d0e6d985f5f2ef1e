// TLS, to be read: records (RFC 8446 section 5.1) and in them the ClientHello (section 4.1.2). A record is found on TCP's
// port 443 where the bytes look like one.
#ifndef SOK_WIRE_TLS_H
#define SOK_WIRE_TLS_H

#include "wire/field.h"

#define SOK_TLS_HDR_LEN 5
#define SOK_TLS_FIELDS(N, B, P)                                                                    \
    N(P, type, 8, NAME, SET, 22, tls_types)                                                        \
    N(P, version, 16, NAME, SET, 0x0301, tls_versions)                                             \
    N(P, len, 16, DEC, DERIVED, 0, NULL)
SOK_HEADER(tls, SOK_TLS_FIELDS, SOK_TLS_HDR_LEN)

// Between these fields stand sid, ciphers, comp and ext, each behind its length.
#define SOK_TLS_HELLO_LEN 44
#define SOK_TLS_HELLO_FIELDS(N, B, P)                                                              \
    N(P, msgtype, 8, NAME, SET, 1, tls_messages)                                                   \
    N(P, msglen, 24, DEC, DERIVED, 0, NULL)                                                        \
    N(P, version, 16, NAME, SET, 0x0303, tls_versions)                                             \
    N(P, gmt_unix_time, 32, DEC, SET, 0, NULL)                                                     \
    B(P, random_bytes, 28, BYTES, SET)                                                             \
    N(P, sidlen, 8, DEC, DERIVED, 0, NULL)                                                         \
    N(P, cipherslen, 16, DEC, DERIVED, 0, NULL)                                                    \
    N(P, complen, 8, DEC, DERIVED, 0, NULL)                                                        \
    N(P, extlen, 16, DEC, DERIVED, 0, NULL)
SOK_HEADER(tls_hello, SOK_TLS_HELLO_FIELDS, SOK_TLS_HELLO_LEN)

extern const struct sok_proto sok_proto_tls, sok_proto_tls_hello;

#endif
