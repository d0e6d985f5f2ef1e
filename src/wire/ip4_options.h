// The options of IPv4 as headers of their own (RFC 791 section 3.1, RFC 1063, RFC 1393, RFC 1770, RFC 2113):
// Scapy's IPOption_RR and kin.
#ifndef SOK_WIRE_IP4_OPTIONS_H
#define SOK_WIRE_IP4_OPTIONS_H

#include "wire/field.h"
#include "wire/options.h"

#define SOK_IP4_OPTION_PROTOS 15
extern const struct sok_proto sok_ip4_option_protos[SOK_IP4_OPTION_PROTOS];
extern const struct sok_option_table sok_ip4_option_table;

#endif
