// HTTP/1 (RFC 9112): the head of a request or response as one header whose parts are text. It is found on
// TCP's ports 80 and 8080 where the bytes look like it; what follows the empty line is payload.
#ifndef SOK_WIRE_HTTP_H
#define SOK_WIRE_HTTP_H

#include "wire/field.h"

extern const struct sok_proto sok_proto_http; // the family
#define SOK_HTTP_PROTOS 2
extern const struct sok_proto sok_http_protos[SOK_HTTP_PROTOS]; // HTTPRequest, HTTPResponse

#endif
