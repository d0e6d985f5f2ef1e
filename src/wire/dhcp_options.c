// The options of DHCP by name (RFC 2132 and what IANA added).
#include "wire/dhcp.h"

static const struct sok_value message_names[] = {
#define SOK_X(name, number, text) {number, text},
    SOK_DHCP_MESSAGES(SOK_X)
#undef SOK_X
        {0, NULL}};

#define ADDR_FIELDS(N, B, P)  N(P, addr, 32, IP4, SET, 0, NULL)
#define INT_FIELDS(N, B, P)   N(P, seconds, 32, DEC, SET, 0, NULL)
#define SHORT_FIELDS(N, B, P) N(P, number, 16, DEC, SET, 0, NULL)
#define TYPE_FIELDS(N, B, P)  N(P, type, 8, NAME, SET, 1, message_names)
#define BYTE_FIELDS(N, B, P)  N(P, number, 8, DEC, SET, 0, NULL)
SOK_HEADER_STRUCT(dhcp_addr, ADDR_FIELDS, 4)
SOK_HEADER_STRUCT(dhcp_int, INT_FIELDS, 4)
SOK_HEADER_STRUCT(dhcp_short, SHORT_FIELDS, 2)
SOK_HEADER_STRUCT(dhcp_type, TYPE_FIELDS, 1)
SOK_HEADER_STRUCT(dhcp_byte, BYTE_FIELDS, 1)
SOK_HEADER_ROWS(dhcp_addr, ADDR_FIELDS)
SOK_HEADER_ROWS(dhcp_int, INT_FIELDS)
SOK_HEADER_ROWS(dhcp_short, SHORT_FIELDS)
SOK_HEADER_ROWS(dhcp_type, TYPE_FIELDS)
SOK_HEADER_ROWS(dhcp_byte, BYTE_FIELDS)

#define BYTES(number_, name_)                                                                      \
    {                                                                                              \
        .kind = number_, .name = name_                                                             \
    }
#define ONE(number_, name_, P)                                                                     \
    {                                                                                              \
        .kind = number_, .name = name_, .fields = dhcp_##P##_rows, .field_count = 1                \
    }
// Several: values of the option one after the other, or (param_req_list) one value that is a list.
#define MANY(number_, name_, P, flat_)                                                             \
    {                                                                                              \
        .kind = number_, .name = name_, .fields = dhcp_##P##_rows, .field_count = 1,               \
        .repeats = true, .flat = flat_                                                             \
    }
const struct sok_option_kind sok_dhcp_kinds[SOK_DHCP_KINDS] = {
    BYTES(0, "pad"),
    ONE(1, "subnet_mask", addr),
    ONE(2, "time_zone", int),
    MANY(3, "router", addr, true),
    MANY(4, "time_server", addr, true),
    MANY(5, "IEN_name_server", addr, true),
    MANY(6, "name_server", addr, true),
    MANY(7, "log_server", addr, true),
    MANY(8, "cookie_server", addr, true),
    MANY(9, "lpr_server", addr, true),
    MANY(10, "impress-servers", addr, true),
    MANY(11, "resource-location-servers", addr, true),
    BYTES(12, "hostname"),
    ONE(13, "boot-size", short),
    BYTES(14, "dump_path"),
    BYTES(15, "domain"),
    ONE(16, "swap-server", addr),
    BYTES(17, "root_disk_path"),
    BYTES(18, "extensions-path"),
    ONE(19, "ip-forwarding", byte),
    ONE(20, "non-local-source-routing", byte),
    MANY(21, "policy-filter", addr, true),
    ONE(22, "max_dgram_reass_size", short),
    ONE(23, "default_ttl", byte),
    ONE(24, "pmtu_timeout", int),
    MANY(25, "path-mtu-plateau-table", short, true),
    ONE(26, "interface-mtu", short),
    ONE(27, "all-subnets-local", byte),
    ONE(28, "broadcast_address", addr),
    ONE(29, "perform-mask-discovery", byte),
    ONE(30, "mask-supplier", byte),
    ONE(31, "router-discovery", byte),
    ONE(32, "router-solicitation-address", addr),
    MANY(33, "static-routes", addr, true),
    ONE(34, "trailer-encapsulation", byte),
    ONE(35, "arp_cache_timeout", int),
    ONE(36, "ieee802-3-encapsulation", byte),
    ONE(37, "tcp_ttl", byte),
    ONE(38, "tcp_keepalive_interval", int),
    ONE(39, "tcp_keepalive_garbage", byte),
    BYTES(40, "NIS_domain"),
    MANY(41, "NIS_server", addr, true),
    MANY(42, "NTP_server", addr, true),
    BYTES(43, "vendor_specific"),
    MANY(44, "NetBIOS_server", addr, true),
    MANY(45, "NetBIOS_dist_server", addr, true),
    ONE(46, "NetBIOS_node_type", byte),
    BYTES(47, "netbios-scope"),
    MANY(48, "font-servers", addr, true),
    MANY(49, "x-display-manager", addr, true),
    ONE(50, "requested_addr", addr),
    ONE(51, "lease_time", int),
    ONE(52, "dhcp-option-overload", byte),
    ONE(53, "message-type", type),
    ONE(54, "server_id", addr),
    MANY(55, "param_req_list", byte, false),
    BYTES(56, "error_message"),
    ONE(57, "max_dhcp_size", short),
    ONE(58, "renewal_time", int),
    ONE(59, "rebinding_time", int),
    BYTES(60, "vendor_class_id"),
    BYTES(61, "client_id"),
    BYTES(66, "tftp_server_name"),
    BYTES(67, "boot-file-name"),
    BYTES(77, "user_class"),
    BYTES(81, "client_FQDN"),
    BYTES(82, "relay_agent_information"),
    BYTES(93, "pxe_client_architecture"),
    BYTES(119, "domain-search"),
    BYTES(121, "classless_static_routes"),
    MANY(150, "tftp_server_address", addr, true),
    BYTES(255, "end"),
};
