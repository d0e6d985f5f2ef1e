// The messages of DHCPv6 and their options, a header each: the options are what follows a message, one behind the other,
// or lie in a field of another option. Read first: RFC 8415 sections 8, 9 (messages), 11 (DUIDs) and 21 (options).
#include "wire/dhcp6.h"
#include "wire/dns.h"
#include "wire/parts.h"
#include "wire/udp.h"

#define OPT_HEAD 4 // code and length
#define LEN_ROW  1

static const struct sok_value codes[] = {{1, "CLIENTID"}, {2, "SERVERID"}, {3, "IA_NA"},
    {4, "IA_TA"}, {5, "IAADDR"}, {6, "ORO"}, {7, "PREFERENCE"}, {8, "ELAPSED_TIME"},
    {9, "RELAY_MSG"}, {11, "AUTH"}, {12, "UNICAST"}, {13, "STATUS_CODE"}, {14, "RAPID_COMMIT"},
    {15, "USER_CLASS"}, {16, "VENDOR_CLASS"}, {17, "VENDOR_OPTS"}, {18, "INTERFACE_ID"},
    {19, "RECONF_MSG"}, {20, "RECONF_ACCEPT"}, {21, "SIP_SERVER_D"}, {22, "SIP_SERVER_A"},
    {23, "DNS_SERVERS"}, {24, "DOMAIN_LIST"}, {25, "IA_PD"}, {26, "IAPREFIX"}, {27, "NIS_SERVERS"},
    {28, "NISP_SERVERS"}, {29, "NIS_DOMAIN_NAME"}, {30, "NISP_DOMAIN_NAME"}, {31, "SNTP_SERVERS"},
    {32, "INFORMATION_REFRESH_TIME"}, {37, "REMOTE_ID"}, {38, "SUBSCRIBER_ID"}, {39, "CLIENT_FQDN"},
    {59, "BOOTFILE_URL"}, {79, "CLIENT_LINKLAYER_ADDR"}, {82, "SOL_MAX_RT"}, {83, "INF_MAX_RT"},
    {0, NULL}};
static const struct sok_value states[] = {{0, "Success"}, {1, "UnspecFail"}, {2, "NoAddrsAvail"},
    {3, "NoBinding"}, {4, "NotOnLink"}, {5, "UseMulticast"}, {6, "NoPrefixAvail"}, {0, NULL}};
static const struct sok_value duid_types[] = {
    {1, "LLT"}, {2, "EN"}, {3, "LL"}, {4, "UUID"}, {0, NULL}};
static const struct sok_value auth_protos[] = {
    {0, "configuration-token"}, {1, "delayed-authentication"}, {3, "reconfigure-key"}, {0, NULL}};
static const struct sok_value fqdn_flags[] = {{0, "S"}, {1, "O"}, {2, "N"}, {0, NULL}};

// ---- rows ----

#define MESSAGE(N, B, P, type)                                                                     \
    N(P, msgtype, 8, NAME, SET, type, sok_dhcp6_types)                                             \
    N(P, trid, 24, HEX, SET, 0, NULL)
#define RELAY(N, B, P, type)                                                                       \
    N(P, msgtype, 8, NAME, SET, type, sok_dhcp6_types)                                             \
    N(P, hopcount, 8, DEC, SET, 0, NULL)                                                           \
    B(P, linkaddr, 16, IP6, SET)                                                                   \
    B(P, peeraddr, 16, IP6, SET)
#define OPT(N, B, P, code)                                                                         \
    N(P, optcode, 16, NAME, SET, code, codes)                                                      \
    N(P, optlen, 16, DEC, DERIVED, 0, NULL)
#define LIVES(N, B, P)                                                                             \
    N(P, preflft, 32, DEC, SET, 0, NULL)                                                           \
    N(P, validlft, 32, DEC, SET, 0, NULL)
#define TIMES(N, B, P)                                                                             \
    N(P, iaid, 32, HEX, SET, 0, NULL)                                                              \
    N(P, T1, 32, DEC, SET, 0, NULL)                                                                \
    N(P, T2, 32, DEC, SET, 0, NULL)

#define F_solicit(N, B, P)   MESSAGE(N, B, P, 1)
#define F_advertise(N, B, P) MESSAGE(N, B, P, 2)
#define F_request(N, B, P)   MESSAGE(N, B, P, 3)
#define F_confirm(N, B, P)   MESSAGE(N, B, P, 4)
#define F_renew(N, B, P)     MESSAGE(N, B, P, 5)
#define F_rebind(N, B, P)    MESSAGE(N, B, P, 6)
#define F_reply(N, B, P)     MESSAGE(N, B, P, 7)
#define F_release(N, B, P)   MESSAGE(N, B, P, 8)
#define F_decline(N, B, P)   MESSAGE(N, B, P, 9)
#define F_reconf(N, B, P)    MESSAGE(N, B, P, 10)
#define F_info(N, B, P)      MESSAGE(N, B, P, 11)
#define F_forward(N, B, P)   RELAY(N, B, P, 12)
#define F_relayed(N, B, P)   RELAY(N, B, P, 13)
#define F_unknown(N, B, P)   OPT(N, B, P, 0)
#define F_client(N, B, P)    OPT(N, B, P, 1)
#define F_server(N, B, P)    OPT(N, B, P, 2)
#define F_ia_na(N, B, P)     OPT(N, B, P, 3) TIMES(N, B, P)
#define F_ia_ta(N, B, P)     OPT(N, B, P, 4) N(P, iaid, 32, HEX, SET, 0, NULL)
#define F_address(N, B, P)   OPT(N, B, P, 5) B(P, addr, 16, IP6, SET) LIVES(N, B, P)
#define F_wanted(N, B, P)    OPT(N, B, P, 6)
#define F_pref(N, B, P)      OPT(N, B, P, 7) N(P, prefval, 8, DEC, SET, 255, NULL)
#define F_elapsed(N, B, P)   OPT(N, B, P, 8) N(P, elapsedtime, 16, DEC, SET, 0, NULL)
#define F_message(N, B, P)   OPT(N, B, P, 9)
#define F_auth(N, B, P)                                                                            \
    OPT(N, B, P, 11)                                                                               \
    N(P, proto, 8, NAME, SET, 3, auth_protos)                                                      \
    N(P, alg, 8, DEC, SET, 1, NULL)                                                                \
    N(P, rdm, 8, DEC, SET, 0, NULL)                                                                \
    B(P, replay, 8, BYTES, SET)
#define F_unicast(N, B, P)     OPT(N, B, P, 12) B(P, srvaddr, 16, IP6, SET)
#define F_status(N, B, P)      OPT(N, B, P, 13) N(P, statuscode, 16, NAME, SET, 0, states)
#define F_rapid(N, B, P)       OPT(N, B, P, 14)
#define F_user(N, B, P)        OPT(N, B, P, 15)
#define F_vendor(N, B, P)      OPT(N, B, P, 16) N(P, enterprisenum, 32, DEC, SET, 0, NULL)
#define F_specific(N, B, P)    OPT(N, B, P, 17) N(P, enterprisenum, 32, DEC, SET, 0, NULL)
#define F_interface(N, B, P)   OPT(N, B, P, 18)
#define F_reconfigure(N, B, P) OPT(N, B, P, 19) N(P, msgtype, 8, NAME, SET, 11, sok_dhcp6_types)
#define F_accept(N, B, P)      OPT(N, B, P, 20)
#define F_sip_names(N, B, P)   OPT(N, B, P, 21)
#define F_sip(N, B, P)         OPT(N, B, P, 22)
#define F_resolvers(N, B, P)   OPT(N, B, P, 23)
#define F_domains(N, B, P)     OPT(N, B, P, 24)
#define F_ia_pd(N, B, P)       OPT(N, B, P, 25) TIMES(N, B, P)
#define F_prefix(N, B, P)                                                                          \
    OPT(N, B, P, 26)                                                                               \
    LIVES(N, B, P)                                                                                 \
    N(P, plen, 8, DEC, SET, 48, NULL)                                                              \
    B(P, prefix, 16, IP6, SET)
#define F_nis(N, B, P)        OPT(N, B, P, 27)
#define F_nisp(N, B, P)       OPT(N, B, P, 28)
#define F_nis_name(N, B, P)   OPT(N, B, P, 29)
#define F_nisp_name(N, B, P)  OPT(N, B, P, 30)
#define F_sntp(N, B, P)       OPT(N, B, P, 31)
#define F_refresh(N, B, P)    OPT(N, B, P, 32) N(P, reftime, 32, DEC, SET, 86400, NULL)
#define F_remote(N, B, P)     OPT(N, B, P, 37) N(P, enterprisenum, 32, DEC, SET, 0, NULL)
#define F_subscriber(N, B, P) OPT(N, B, P, 38)
#define F_fqdn(N, B, P)                                                                            \
    OPT(N, B, P, 39)                                                                               \
    N(P, res, 5, DEC, SET, 0, NULL)                                                                \
    N(P, flags, 3, FLAGS, SET, 0, fqdn_flags)
#define F_boot(N, B, P) OPT(N, B, P, 59)
#define F_link(N, B, P)                                                                            \
    OPT(N, B, P, 79)                                                                               \
    N(P, lltype, 16, DEC, SET, 1, NULL)                                                            \
    B(P, clladdr, 6, MAC, SET)
#define F_duid_llt(N, B, P)                                                                        \
    N(P, type, 16, NAME, SET, 1, duid_types)                                                       \
    N(P, hwtype, 16, HEX, SET, 1, NULL)                                                            \
    N(P, timeval, 32, DEC, SET, 0, NULL)                                                           \
    B(P, lladdr, 6, MAC, SET)
#define F_duid_en(N, B, P)                                                                         \
    N(P, type, 16, NAME, SET, 2, duid_types)                                                       \
    N(P, enterprisenum, 32, DEC, SET, 311, NULL)
#define F_duid_ll(N, B, P)                                                                         \
    N(P, type, 16, NAME, SET, 3, duid_types)                                                       \
    N(P, hwtype, 16, HEX, SET, 1, NULL)                                                            \
    B(P, lladdr, 6, MAC, SET)
#define F_duid_uuid(N, B, P)                                                                       \
    N(P, type, 16, NAME, SET, 4, duid_types)                                                       \
    B(P, uuid, 16, BYTES, SET)
#define F_user_data(N, B, P)   N(P, len, 16, DEC, DERIVED, 0, NULL)
#define F_vendor_data(N, B, P) N(P, len, 16, DEC, DERIVED, 0, NULL)
#define F_vendor_opt(N, B, P)                                                                      \
    N(P, optcode, 16, DEC, SET, 0, NULL)                                                           \
    N(P, optlen, 16, DEC, DERIVED, 0, NULL)

// P, bytes of the rows
#define ALL(X)                                                                                     \
    X(solicit, 4)                                                                                  \
    X(advertise, 4)                                                                                \
    X(request, 4)                                                                                  \
    X(confirm, 4)                                                                                  \
    X(renew, 4)                                                                                    \
    X(rebind, 4)                                                                                   \
    X(reply, 4)                                                                                    \
    X(release, 4)                                                                                  \
    X(decline, 4)                                                                                  \
    X(reconf, 4)                                                                                   \
    X(info, 4)                                                                                     \
    X(forward, 34)                                                                                 \
    X(relayed, 34)                                                                                 \
    X(unknown, 4)                                                                                  \
    X(client, 4)                                                                                   \
    X(server, 4)                                                                                   \
    X(ia_na, 16)                                                                                   \
    X(ia_ta, 8)                                                                                    \
    X(address, 28)                                                                                 \
    X(wanted, 4)                                                                                   \
    X(pref, 5)                                                                                     \
    X(elapsed, 6)                                                                                  \
    X(message, 4)                                                                                  \
    X(auth, 15)                                                                                    \
    X(unicast, 20)                                                                                 \
    X(status, 6)                                                                                   \
    X(rapid, 4)                                                                                    \
    X(user, 4)                                                                                     \
    X(vendor, 8)                                                                                   \
    X(specific, 8)                                                                                 \
    X(interface, 4)                                                                                \
    X(reconfigure, 5)                                                                              \
    X(accept, 4)                                                                                   \
    X(sip_names, 4)                                                                                \
    X(sip, 4)                                                                                      \
    X(resolvers, 4)                                                                                \
    X(domains, 4)                                                                                  \
    X(ia_pd, 16)                                                                                   \
    X(nis, 4)                                                                                      \
    X(nisp, 4)                                                                                     \
    X(nis_name, 4)                                                                                 \
    X(nisp_name, 4)                                                                                \
    X(sntp, 4)                                                                                     \
    X(refresh, 8)                                                                                  \
    X(remote, 8)                                                                                   \
    X(subscriber, 4)                                                                               \
    X(fqdn, 5)                                                                                     \
    X(boot, 4)                                                                                     \
    X(link, 12)                                                                                    \
    X(duid_llt, 14)                                                                                \
    X(duid_en, 6)                                                                                  \
    X(duid_ll, 10)                                                                                 \
    X(duid_uuid, 18)                                                                               \
    X(user_data, 2)                                                                                \
    X(vendor_data, 2)                                                                              \
    X(vendor_opt, 4)
#define STRUCT(P, LEN) SOK_HEADER_STRUCT(P, F_##P, LEN)
#define ROWS(P, LEN)   SOK_HEADER_ROWS(P, F_##P)
ALL(STRUCT)
STRUCT(prefix, 29)
ALL(ROWS)
// The prefix for documentation is the default.
#define PREFIX_ROW(P, name_, count_, as_, how_)                                                    \
    {.name = #name_,                                                                               \
        .initial = 0x20010db800000000,                                                             \
        .bit = SOK_BIT_OF(P, name_),                                                               \
        .bits = (count_)*8,                                                                        \
        .as = SOK_AS_##as_,                                                                        \
        .how = SOK_FIELD_##how_,                                                                   \
        .bytes = true,                                                                             \
        .member = offsetof(struct sok_##P##_hdr, name_),                                           \
        .size = (count_)},
static const struct sok_field prefix_rows[] = {F_prefix(SOK_N_ROW, PREFIX_ROW, prefix)};

enum {
    UNKNOWN = SOK_DHCP6_MESSAGES, // the first option
    OPTIONS_END = UNKNOWN + 37,
    DUIDS = OPTIONS_END,
    DUIDS_END = DUIDS + 4,
    USER_DATA = DUIDS_END,
    VENDOR_DATA,
    VENDOR_OPT,
};

// ---- which ----

const struct sok_proto *sok_dhcp6_variant(const uint8_t *p, size_t len)
{
    for (unsigned i = 0; len > 0 && i < SOK_DHCP6_MESSAGES; i++) {
        if (sok_dhcp6_protos[i].fields[0].initial == p[0])
            return &sok_dhcp6_protos[i];
    }
    return &sok_proto_dhcp6;
}

static const struct sok_proto *option_at(const uint8_t *p, size_t len)
{
    for (unsigned i = UNKNOWN + 1; len >= 2 && i < OPTIONS_END; i++) {
        if (sok_dhcp6_protos[i].fields[0].initial == sok_get16(p))
            return &sok_dhcp6_protos[i];
    }
    return &sok_dhcp6_protos[UNKNOWN];
}

const struct sok_proto *sok_dhcp6_option_next(const uint8_t *p, size_t header, size_t len)
{
    return len > header + 2 ? option_at(p + header, len - header) : NULL;
}

static const struct sok_proto *duid_at(const uint8_t *p, size_t len)
{
    for (unsigned i = DUIDS; len > OPT_HEAD && i < DUIDS_END; i++) {
        if (sok_dhcp6_protos[i].fields[0].initial == sok_get16(p) &&
            sok_dhcp6_protos[i].hdr_len <= len)
            return &sok_dhcp6_protos[i];
    }
    return NULL;
}

static const struct sok_packets options = {.which = option_at, .what = "options (DHCP6Opt...)"},
                                user_data = {.one = &sok_dhcp6_protos[USER_DATA],
                                    .what = "USER_CLASS_DATA"},
                                vendor_data = {.one = &sok_dhcp6_protos[VENDOR_DATA],
                                    .what = "VENDOR_CLASS_DATA"},
                                vendor_opts = {.one = &sok_dhcp6_protos[VENDOR_OPT],
                                    .what = "VENDOR_SPECIFIC_OPTION"},
                                duids = {.which = duid_at, .what = "a DUID (DUID_LL)"},
                                messages = {.which = sok_dhcp6_variant, .what = "a message"};

// ---- lengths ----

static void option_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    const struct sok_proto *proto = option_at(p, len);
    size_t size = OPT_HEAD + (size_t)sok_get16(p + 2);
    out->malformed = size < proto->hdr_len || (!proto->part_count && size != proto->hdr_len);
    out->cut = size > len;
    if (!out->malformed)
        out->header = out->cut ? len : size;
    out->payload = len - out->header;
}

static void option_finish(const struct sok_finish *f)
{
    sok_finish_number(f, LEN_ROW, 0, f->layers[f->at].header - OPT_HEAD);
}

// Where the length row is the last of the rows: bytes behind it.
static void data_finish(const struct sok_finish *f)
{
    const struct sok_built *b = &f->layers[f->at];
    sok_finish_number(f, b->proto->field_count - 1, 0, b->part[0]);
}

// ---- parts: as long as optlen says ----

static const uint8_t whole_bytes = 1; // names are not filled up

static const struct sok_item wanted_list[] = {
    {.type = SOK_ITEM_NUMBER, .number = SOK_DHCP6_OPT_DNS},
    {.type = SOK_ITEM_NUMBER, .number = SOK_DHCP6_OPT_DOMAINS}};
static const struct sok_item wanted_item = {
    .type = SOK_ITEM_LIST, .count = SOK_COUNT_OF(wanted_list), {.list = wanted_list}};
static const uint8_t no_message[4];
static const struct sok_item message_item = {
    .type = SOK_ITEM_BYTES, .count = sizeof no_message, {.bytes = no_message}};
static const struct sok_item root_item = {
    .type = SOK_ITEM_BYTES, .count = 1, {.bytes = (const uint8_t *)"."}};
static const struct sok_numbers code_numbers = {.bytes = 2, .names = codes};

#define PART(P, name_, at_, ...)                                                                   \
    static const struct sok_part P##_parts[] = {{.name = name_,                                    \
        .at = at_,                                                                                 \
        .sized = SOK_PART_BY_ROW,                                                                  \
        .unit = 1,                                                                                 \
        .minus = (at_)-OPT_HEAD,                                                                   \
        .size = &P##_rows[LEN_ROW],                                                                \
        __VA_ARGS__}};
#define LIST(list) .get = sok_packets_get, .put = sok_packets_put, .more = &(list)
#define ONE(list)  .get = sok_packet_get_one, .put = sok_packet_put_one, .more = &(list)
#define ADDRESSES  .get = sok_ip6s_get, .put = sok_ip6s_put
#define NAMES      .get = sok_names_get, .put = sok_names_put, .more = &whole_bytes
#define NAME       .initial = &root_item, .get = sok_dns_name_get, .put = sok_dns_name_put
#define AS_BYTES   .get = NULL

PART(unknown, "data", 4, AS_BYTES)
PART(client, "duid", 4, ONE(duids))
PART(server, "duid", 4, ONE(duids))
PART(ia_na, "ianaopts", 16, LIST(options))
PART(ia_ta, "iataopts", 8, LIST(options))
PART(address, "iaaddropts", 28, LIST(options))
PART(wanted, "reqopts", 4, .initial = &wanted_item, .get = sok_numbers_get, .put = sok_numbers_put,
    .more = &code_numbers)
PART(message, "message", 4, .initial = &message_item, ONE(messages))
PART(auth, "authinfo", 15, AS_BYTES)
PART(status, "statusmsg", 6, AS_BYTES)
PART(user, "userclassdata", 4, LIST(user_data))
PART(vendor, "vcdata", 8, LIST(vendor_data))
PART(specific, "vso", 8, LIST(vendor_opts))
PART(interface, "ifaceid", 4, AS_BYTES)
PART(sip_names, "sipdomains", 4, NAMES)
PART(sip, "sipservers", 4, ADDRESSES)
PART(resolvers, "dnsservers", 4, ADDRESSES)
PART(domains, "dnsdomains", 4, NAMES)
PART(ia_pd, "iapdopt", 16, LIST(options))
PART(prefix, "iaprefopts", 29, LIST(options))
PART(nis, "nisservers", 4, ADDRESSES)
PART(nisp, "nispservers", 4, ADDRESSES)
PART(nis_name, "nisdomain", 4, NAME)
PART(nisp_name, "nispdomain", 4, NAME)
PART(sntp, "sntpservers", 4, ADDRESSES)
PART(remote, "remoteid", 8, AS_BYTES)
PART(subscriber, "subscriberid", 4, AS_BYTES)
PART(fqdn, "fqdn", 5, NAME)
PART(boot, "optdata", 4, AS_BYTES)
static const struct sok_part duid_en_parts[] = {{.name = "id", .at = 6, .sized = SOK_PART_REST}};
#define DATA(P, name_, at_, row)                                                                   \
    static const struct sok_part P##_parts[] = {                                                   \
        {.name = name_, .at = at_, .sized = SOK_PART_BY_ROW, .unit = 1, .size = &P##_rows[row]}};
DATA(user_data, "data", 2, 0)
DATA(vendor_data, "data", 2, 0)
DATA(vendor_opt, "optdata", 4, 1)

// ---- the protocols ----

#define FROM_CLIENT                                                                                \
    {&sok_proto_udp, SOK_AT_udp_sport | SOK_BIND_WRITE, SOK_DHCP6_CLIENT},                         \
    {                                                                                              \
        &sok_proto_udp, SOK_AT_udp_dport | SOK_BIND_WRITE, SOK_DHCP6_SERVER                        \
    }
static const struct sok_bind client_binds[] = {FROM_CLIENT};
static const struct sok_bind server_binds[] = {
    {&sok_proto_udp, SOK_AT_udp_sport | SOK_BIND_WRITE, SOK_DHCP6_SERVER},
    {&sok_proto_udp, SOK_AT_udp_dport | SOK_BIND_WRITE, SOK_DHCP6_CLIENT}};
static const struct sok_bind relay_binds[] = {
    {&sok_proto_udp, SOK_AT_udp_sport | SOK_BIND_WRITE, SOK_DHCP6_SERVER},
    {&sok_proto_udp, SOK_AT_udp_dport | SOK_BIND_WRITE, SOK_DHCP6_SERVER}};

#define FORM(name_, title_, P, len_)                                                               \
    .name = name_, .title = title_, .fields = P##_rows, .field_count = SOK_COUNT_OF(P##_rows),     \
    .hdr_len = len_
#define BINDS(list) .binds = list, .bind_count = SOK_COUNT_OF(list)
#define SAYS(name_, title_, P, len_, who)                                                          \
    {                                                                                              \
        FORM("DHCP6_" name_, "DHCPv6 " title_, P, len_), .family = &sok_proto_dhcp6,               \
                                                         .next = sok_dhcp6_option_next, BINDS(who) \
    }
#define FIXED(name_, title_, P, len_)                                                              \
    {                                                                                              \
        FORM("DHCP6Opt" name_, "DHCPv6 Option " title_, P, len_),                                  \
            .measure = option_measure, .next = sok_dhcp6_option_next, .finish = option_finish      \
    }
#define OPTION(name_, title_, P, len_)                                                             \
    {                                                                                              \
        FORM("DHCP6Opt" name_, "DHCPv6 Option " title_, P, len_),                                  \
            .measure = option_measure, .next = sok_dhcp6_option_next, .finish = option_finish,     \
            .parts = P##_parts, .part_count = 1                                                    \
    }
#define INNER(name_, title_, P, len_)                                                              \
    {                                                                                              \
        FORM(name_, title_, P, len_), .finish = data_finish, .parts = P##_parts, .part_count = 1   \
    }

const struct sok_proto sok_dhcp6_protos[SOK_DHCP6_PROTOS] = {
    SAYS("Solicit", "Solicit", solicit, 4, client_binds),
    SAYS("Advertise", "Advertise", advertise, 4, server_binds),
    SAYS("Request", "Request", request, 4, client_binds),
    SAYS("Confirm", "Confirm", confirm, 4, client_binds),
    SAYS("Renew", "Renew", renew, 4, client_binds),
    SAYS("Rebind", "Rebind", rebind, 4, client_binds),
    SAYS("Reply", "Reply", reply, 4, server_binds),
    SAYS("Release", "Release", release, 4, client_binds),
    SAYS("Decline", "Decline", decline, 4, client_binds),
    SAYS("Reconf", "Reconfigure", reconf, 4, server_binds),
    SAYS("InfoRequest", "Information-Request", info, 4, client_binds),
    SAYS("RelayForward", "Relay-Forward", forward, 34, relay_binds),
    SAYS("RelayReply", "Relay-Reply", relayed, 34, relay_binds),
    OPTION("Unknown", "(unknown)", unknown, 4),
    OPTION("ClientId", "Client Identifier", client, 4),
    OPTION("ServerId", "Server Identifier", server, 4),
    OPTION("IA_NA", "Identity Association, Addresses", ia_na, 16),
    OPTION("IA_TA", "Identity Association, Temporary Addresses", ia_ta, 8),
    OPTION("IAAddress", "IA Address", address, 28),
    OPTION("OptReq", "Option Request", wanted, 4),
    FIXED("Pref", "Preference", pref, 5),
    FIXED("ElapsedTime", "Elapsed Time", elapsed, 6),
    OPTION("RelayMsg", "Relay Message", message, 4),
    OPTION("Auth", "Authentication", auth, 15),
    FIXED("ServerUnicast", "Server Unicast", unicast, 20),
    OPTION("StatusCode", "Status Code", status, 6),
    FIXED("RapidCommit", "Rapid Commit", rapid, 4),
    OPTION("UserClass", "User Class", user, 4),
    OPTION("VendorClass", "Vendor Class", vendor, 8),
    OPTION("VendorSpecificInfo", "Vendor-specific Information", specific, 8),
    OPTION("IfaceId", "Interface-Id", interface, 4),
    FIXED("ReconfMsg", "Reconfigure Message", reconfigure, 5),
    FIXED("ReconfAccept", "Reconfigure Accept", accept, 4),
    OPTION("SIPDomains", "SIP Server Names", sip_names, 4),
    OPTION("SIPServers", "SIP Server Addresses", sip, 4),
    OPTION("DNSServers", "Name Servers", resolvers, 4),
    OPTION("DNSDomains", "Search List", domains, 4),
    OPTION("IA_PD", "Identity Association, Prefixes", ia_pd, 16),
    OPTION("IAPrefix", "IA Prefix", prefix, 29),
    OPTION("NISServers", "NIS Servers", nis, 4),
    OPTION("NISPServers", "NIS+ Servers", nisp, 4),
    OPTION("NISDomain", "NIS Domain", nis_name, 4),
    OPTION("NISPDomain", "NIS+ Domain", nisp_name, 4),
    OPTION("SNTPServers", "SNTP Servers", sntp, 4),
    FIXED("InfoRefreshTime", "Information Refresh Time", refresh, 8),
    OPTION("RemoteID", "Relay Agent Remote-ID", remote, 8),
    OPTION("SubscriberID", "Subscriber-ID", subscriber, 4),
    OPTION("ClientFQDN", "Client FQDN", fqdn, 5),
    OPTION("BootFileUrl", "Boot File URL", boot, 4),
    FIXED("ClientLinkLayerAddr", "Client Link-Layer Address", link, 12),
    {FORM("DUID_LLT", "DUID, Link-Layer Address plus Time", duid_llt, 14)},
    {FORM("DUID_EN", "DUID, Enterprise Number", duid_en, 6), .parts = duid_en_parts,
        .part_count = 1},
    {FORM("DUID_LL", "DUID, Link-Layer Address", duid_ll, 10)},
    {FORM("DUID_UUID", "DUID, UUID", duid_uuid, 18)},
    INNER("USER_CLASS_DATA", "User Class", user_data, 2),
    INNER("VENDOR_CLASS_DATA", "Vendor Class", vendor_data, 2),
    INNER("VENDOR_SPECIFIC_OPTION", "Vendor-specific Option", vendor_opt, 4),
};
_Static_assert(VENDOR_OPT + 1 == SOK_DHCP6_PROTOS, "all that are counted");
