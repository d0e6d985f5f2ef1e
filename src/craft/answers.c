// Which packet is an answer to which, by the rules that Scapy's answers() and hashret() have: a conversation's ends
// are swapped, numbers that an answer repeats are the same, and an ICMP error is about the packet it quotes.
#include <string.h>
#include "base/err.h"
#include "base/str.h"
#include "craft/internal.h"
#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/icmp6.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/tcp.h"
#include "wire/udp.h"
#include "wire/vlan.h"

#define SEQ_SLACK 2 // a SYN and a FIN count
#define MDNS_PORT 5353

// ---- what is read of a layer ----

// The protocol of layer i: of bytes too few for a header, the one they begin. NULL: there is no layer.
static const struct sok_proto *kind(const struct sok_packet *p, unsigned i)
{
    if (i >= p->count)
        return NULL;
    return p->layers[i].meant ? p->layers[i].meant : p->layers[i].proto;
}

static bool is_bytes(const struct sok_packet *p, unsigned i)
{
    const struct sok_proto *proto = kind(p, i);
    return !proto || proto == sok_craft_raw(p->book) || proto == sok_craft_padding(p->book);
}

// A number by its name; of a header that is cut, as far as it is there. 0: it has none.
static uint64_t number(const struct sok_packet *p, unsigned i, const char *name)
{
    struct sok_slot slot;
    uint64_t v = 0;
    if (i >= p->count)
        return 0;
    if (p->layers[i].meant) {
        const struct craft_piece *piece = craft_pieces(p, &p->layers[i]);
        const struct sok_field *row = sok_proto_field(p->layers[i].meant, name);
        bool there = row && !row->bytes && sok_field_end(row) <= piece->len;
        return there ? sok_field_get(row, craft_at(p, piece->at)) : 0;
    }
    if (sok_packet_slot(p, i, name, &slot))
        (void)sok_packet_number(p, i, &slot, &v);
    return v;
}

static struct sok_addr address(const struct sok_packet *p, unsigned i, const char *name)
{
    struct sok_slot slot;
    struct sok_item item;
    struct sok_addr a = {{0}};
    alignas(struct sok_item) uint8_t memory[32];
    struct sok_items items = sok_items(memory, sizeof memory);
    if (i >= p->count || !sok_packet_slot(p, i, name, &slot) ||
        sok_packet_get(p, i, &slot, &items, &item) != 0)
        return a;
    if (item.type == SOK_ITEM_NUMBER)
        return sok_addr_v4((uint32_t)item.number);
    if (item.type == SOK_ITEM_BYTES && item.count == sizeof a.b)
        memcpy(a.b, item.bytes, sizeof a.b);
    return a;
}

static bool same_address(const struct sok_packet *a, unsigned i, const char *of_a,
    const struct sok_packet *b, unsigned k, const char *of_b)
{
    return sok_addr_eq(address(a, i, of_a), address(b, k, of_b));
}

static bool same_number(const struct sok_packet *a, unsigned i, const char *of_a,
    const struct sok_packet *b, unsigned k, const char *of_b)
{
    return number(a, i, of_a) == number(b, k, of_b);
}

static bool is_icmp6(const struct sok_packet *p, unsigned i)
{
    const struct sok_proto *proto = kind(p, i);
    return proto && (proto == &sok_proto_icmp6 || proto->family == &sok_proto_icmp6);
}

static bool is_ext(const struct sok_packet *p, unsigned i)
{
    const struct sok_proto *proto = kind(p, i);
    return proto == &sok_proto_ip6_hop || proto == &sok_proto_ip6_routing ||
           proto == &sok_proto_ip6_dest || proto == &sok_proto_ip6_frag;
}

static unsigned behind_ext(const struct sok_packet *p, unsigned i)
{
    while (is_ext(p, i))
        i++;
    return i;
}

static bool is_net(const struct sok_packet *p, unsigned i)
{
    return kind(p, i) == &sok_proto_ip4 || kind(p, i) == &sok_proto_ip6;
}

// Where a network header's ICMP error quotes a packet: the quote's layer, or 0.
unsigned sok_craft_quote(const struct sok_packet *p, unsigned net)
{
    unsigned i = behind_ext(p, net + 1);
    uint64_t type = number(p, i, "type");
    bool error = kind(p, i) == &sok_proto_icmp ? sok_icmp_is_error((uint8_t)type)
                                               : is_icmp6(p, i) && type < 128;
    return error && is_net(p, i + 1) ? i + 1 : 0;
}

// ---- answers ----

// TCP and UDP swap ends; sequence numbers are where the other said, but for handshakes and resets.
static bool tcp_answers(
    const struct sok_packet *r, unsigned i, const struct sok_packet *s, unsigned k)
{
    uint64_t rf = number(r, i, "flags"), sf = number(s, k, "flags");
    if (sf & SOK_TCP_RST || !same_number(r, i, "sport", s, k, "dport") ||
        !same_number(r, i, "dport", s, k, "sport"))
        return false;
    if (rf & SOK_TCP_SYN && (!(rf & SOK_TCP_ACK) || !(sf & SOK_TCP_SYN)))
        return false;
    int len = sok_packet_build(s, k + 1, NULL, NULL, 0);
    int32_t ahead = (int32_t)((uint32_t)number(s, k, "ack") - (uint32_t)number(r, i, "seq"));
    int32_t acked = (int32_t)((uint32_t)number(s, k, "seq") - (uint32_t)number(r, i, "ack"));
    bool opens = sf & SOK_TCP_SYN && !(sf & SOK_TCP_ACK);
    if (!opens && (ahead > SEQ_SLACK || ahead < -SEQ_SLACK))
        return false;
    if (rf & SOK_TCP_RST && !(rf & SOK_TCP_ACK))
        return true;
    int32_t slack = SEQ_SLACK + (len > 0 ? len : 0);
    return acked <= slack && acked >= -slack;
}

static bool icmp_answers(
    const struct sok_packet *r, unsigned i, const struct sok_packet *s, unsigned k)
{
    static const uint8_t pairs[][2] = {
        {8, 0}, {13, 14}, {15, 16}, {17, 18}, {33, 34}, {35, 36}, {37, 38}};
    for (unsigned n = 0; n < SOK_COUNT_OF(pairs); n++) {
        if (number(s, k, "type") == pairs[n][0] && number(r, i, "type") == pairs[n][1])
            return same_number(r, i, "id", s, k, "id") && same_number(r, i, "seq", s, k, "seq");
    }
    return false;
}

static bool icmp6_answers(
    const struct sok_packet *r, unsigned i, const struct sok_packet *s, unsigned k)
{
    switch (number(s, k, "type") << 8 | number(r, i, "type")) {
    case SOK_ICMP6_ECHO << 8 | SOK_ICMP6_ECHO_REPLY:
        return same_number(r, i, "id", s, k, "id") && same_number(r, i, "seq", s, k, "seq");
    case SOK_ICMP6_NS << 8 | SOK_ICMP6_NA:
        return same_address(r, i, "tgt", s, k, "tgt");
    case SOK_ICMP6_RS << 8 | SOK_ICMP6_RA:
        return true;
    case SOK_ICMP6_MLD_QUERY << 8 | SOK_ICMP6_MLD_REPORT:
    case SOK_ICMP6_MLD_QUERY << 8 | SOK_ICMP6_MLD2_REPORT:
        return true;
    default:
        return false;
    }
}

static bool layer_answers(
    const struct sok_packet *r, unsigned i, const struct sok_packet *s, unsigned k);

// Headers that the quoted one repeats: what was quoted is the packet that was sent.
static bool quote_is(const struct sok_packet *r, unsigned i, const struct sok_packet *s, unsigned k)
{
    const struct sok_proto *proto = kind(r, i);
    if (proto != kind(s, k) || !is_net(r, i) || !same_address(r, i, "src", s, k, "src") ||
        !same_address(r, i, "dst", s, k, "dst"))
        return false;
    const char *next = proto == &sok_proto_ip4 ? "proto" : "nh";
    if (!same_number(r, i, next, s, k, next))
        return false;
    i = behind_ext(r, i + 1);
    k = behind_ext(s, k + 1);
    proto = kind(r, i);
    if (!proto || is_bytes(r, i) || is_bytes(s, k))
        return is_bytes(s, k) == is_bytes(r, i) || !proto;
    if (proto != kind(s, k))
        return false;
    if (proto == &sok_proto_tcp || proto == &sok_proto_udp)
        return same_number(r, i, "sport", s, k, "sport") &&
               same_number(r, i, "dport", s, k, "dport");
    return same_number(r, i, "type", s, k, "type") && same_number(r, i, "code", s, k, "code") &&
           same_number(r, i, "id", s, k, "id") && same_number(r, i, "seq", s, k, "seq");
}

static bool net_answers(
    const struct sok_packet *r, unsigned i, const struct sok_packet *s, unsigned k)
{
    const char *next = kind(r, i) == &sok_proto_ip4 ? "proto" : "nh";
    struct sok_addr to = address(s, k, "dst");
    bool many =
        sok_addr_is_multicast(to) || (sok_addr_is_v4(to) && sok_addr_to_v4(to) == 0xffffffff);
    unsigned quote = sok_craft_quote(r, i), above = behind_ext(r, i + 1),
             sent = behind_ext(s, k + 1);
    bool to_group = many && same_address(r, i, "dst", s, k, "dst");
    if (!to_group && !same_address(r, i, "dst", s, k, "src"))
        return false;
    if (quote)
        return quote_is(r, quote, s, k);
    if (!many && !same_address(r, i, "src", s, k, "dst"))
        return false;
    if (above == i + 1 && sent == k + 1 && !same_number(r, i, next, s, k, next))
        return false;
    return layer_answers(r, above, s, sent);
}

static bool arp_answers(
    const struct sok_packet *r, unsigned i, const struct sok_packet *s, unsigned k)
{
    return number(r, i, "op") == number(s, k, "op") + 1 && same_address(r, i, "psrc", s, k, "pdst");
}

#define RECORDS_ROOM 8192

// A list of headers, in memory of RECORDS_ROOM bytes; NULL: there is none, or it is longer.
static const struct sok_item *records(
    const struct sok_packet *p, unsigned i, const char *name, uint8_t *memory, unsigned *count)
{
    struct sok_slot slot;
    struct sok_item item;
    struct sok_items items = sok_items(memory, RECORDS_ROOM);
    if (!sok_packet_slot(p, i, name, &slot) || sok_packet_get(p, i, &slot, &items, &item) != 0 ||
        item.type != SOK_ITEM_LIST)
        return NULL;
    *count = item.count;
    return item.list;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

// Names at the beginning of both, written out; lengths of labels are no letters.
static bool same_name(const struct sok_item *a, const struct sok_item *b)
{
    for (uint32_t i = 0; i < a->count && i < b->count; i++) {
        if (lower(a->bytes[i]) != lower(b->bytes[i]))
            return false;
        if (a->bytes[i] == 0)
            return true;
    }
    return false;
}

// Multicast: answers carry no id (RFC 6762 section 18.1), and are for who asked for the name.
static bool mdns_answers(
    const struct sok_packet *r, unsigned i, const struct sok_packet *s, unsigned k)
{
    alignas(struct sok_item) uint8_t one[RECORDS_ROOM], two[RECORDS_ROOM];
    unsigned asked = 0, told = 0;
    if (number(s, k - 1, "dport") != MDNS_PORT || number(r, i, "id") != 0)
        return false;
    const struct sok_item *question = records(s, k, "qd", one, &asked);
    const struct sok_item *answer = records(r, i, "an", two, &told);
    for (unsigned n = 0; question && answer && n < asked * told; n++) {
        if (same_name(&question[n / told], &answer[n % told]))
            return true;
    }
    return false;
}

static bool dns_answers(
    const struct sok_packet *r, unsigned i, const struct sok_packet *s, unsigned k)
{
    if (number(r, i, "qr") != 1 || number(s, k, "qr") != 0)
        return false;
    return same_number(r, i, "id", s, k, "id") || (k > 0 && mdns_answers(r, i, s, k));
}

static bool is_dns(const struct sok_proto *proto)
{
    return proto && (sok_str_eq(proto->name, "DNS") ||
                        (proto->family && sok_str_eq(proto->family->name, "DNS")));
}

static bool is_dhcp6(const struct sok_packet *p, unsigned i)
{
    const struct sok_proto *proto = kind(p, i);
    return proto && proto->family && sok_str_eq(proto->family->name, "DHCP6");
}

// RFC 8415 section 16: an Advertise to a Solicit, a Reply to all else of clients, relays by what they repeat.
static bool dhcp6_answers(
    const struct sok_packet *r, unsigned i, const struct sok_packet *s, unsigned k)
{
    enum { SOLICIT = 1, ADVERTISE = 2, REPLY = 7, RECONFIGURE = 10, FORWARD = 12, RELAYED = 13 };
    uint64_t told = number(r, i, "msgtype"), asked = number(s, k, "msgtype");
    if (told == RELAYED && asked == FORWARD)
        return same_number(r, i, "hopcount", s, k, "hopcount") &&
               same_address(r, i, "linkaddr", s, k, "linkaddr") &&
               same_address(r, i, "peeraddr", s, k, "peeraddr");
    bool client = asked != ADVERTISE && asked != REPLY && asked < FORWARD && asked != RECONFIGURE;
    return same_number(r, i, "trid", s, k, "trid") &&
           ((told == ADVERTISE && asked == SOLICIT) || (told == REPLY && client));
}

static bool layer_answers(
    const struct sok_packet *r, unsigned i, const struct sok_packet *s, unsigned k)
{
    const struct sok_proto *proto = kind(r, i);
    if (is_dhcp6(r, i) && is_dhcp6(s, k))
        return dhcp6_answers(r, i, s, k);
    if (is_icmp6(r, i) && is_icmp6(s, k))
        return icmp6_answers(r, i, s, k);
    if (is_bytes(r, i)) // data answers anything but a header that something is expected of
        return proto == sok_craft_raw(r->book) || is_bytes(s, k);
    if (proto != kind(s, k))
        return false;
    if (proto == &sok_proto_tcp)
        return tcp_answers(r, i, s, k);
    if (proto == &sok_proto_udp)
        return same_number(r, i, "dport", s, k, "sport") && layer_answers(r, i + 1, s, k + 1);
    if (proto == &sok_proto_icmp)
        return icmp_answers(r, i, s, k);
    if (proto == &sok_proto_arp)
        return arp_answers(r, i, s, k);
    if (is_net(r, i))
        return net_answers(r, i, s, k);
    if (is_dns(proto))
        return dns_answers(r, i, s, k);
    if (sok_str_eq(proto->name, "BOOTP"))
        return same_number(r, i, "xid", s, k, "xid");
    if (proto == &sok_proto_eth && !same_number(r, i, "type", s, k, "type"))
        return false;
    if (proto == &sok_proto_vlan && !same_number(r, i, "vlan", s, k, "vlan"))
        return false;
    return layer_answers(r, i + 1, s, k + 1);
}

bool sok_packet_answers(const struct sok_packet *reply, const struct sok_packet *sent)
{
    unsigned i = 0, k = 0;
    // A packet sent at the network layer is answered in a frame, and the other way round.
    if (kind(reply, 0) == &sok_proto_eth && kind(sent, 0) != &sok_proto_eth)
        i++;
    else if (kind(sent, 0) == &sok_proto_eth && kind(reply, 0) != &sok_proto_eth)
        k++;
    return reply->count > 0 && sent->count > 0 && layer_answers(reply, i, sent, k);
}

// ---- the same for both ----

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

static uint64_t address_number(struct sok_addr a)
{
    return sok_get64(a.b) ^ sok_get64(a.b + 8) * 0x9e3779b97f4a7c15u;
}

// What both ends say alike of what lies above the network. False: nobody knows.
static bool above_key(const struct sok_packet *p, unsigned i, uint64_t *h)
{
    const struct sok_proto *proto = kind(p, i);
    if (proto == &sok_proto_tcp) {
        *h = mix(*h, number(p, i, "sport") ^ number(p, i, "dport"));
    } else if (proto == &sok_proto_icmp || is_icmp6(p, i)) {
        uint64_t type = number(p, i, "type");
        bool talk =
            proto == &sok_proto_icmp || type == SOK_ICMP6_ECHO || type == SOK_ICMP6_ECHO_REPLY;
        if (!talk)
            return false;
        *h = mix(*h, number(p, i, "id") << 16 | number(p, i, "seq"));
    }
    return true;
}

// What an answer need not say alike, but does unless somebody else gives it. 0: nothing.
static uint64_t finer_key(const struct sok_packet *p, unsigned i, uint64_t h)
{
    const struct sok_proto *proto = kind(p, i);
    uint64_t type = is_icmp6(p, i) ? number(p, i, "type") : 0;
    if (proto == &sok_proto_arp)
        return mix(
            2, address_number(address(p, i, "psrc")) + address_number(address(p, i, "pdst")));
    if (type == SOK_ICMP6_NS || type == SOK_ICMP6_NA)
        return mix(3, address_number(address(p, i, "tgt")));
    if (proto != &sok_proto_udp || h == 0)
        return 0;
    h = mix(h, number(p, i, "sport") ^ number(p, i, "dport"));
    return is_dns(kind(p, i + 1)) ? mix(h, number(p, i + 1, "id")) : h;
}

uint64_t sok_packet_keys(const struct sok_packet *p, uint64_t *finer)
{
    unsigned i = 0;
    *finer = 0;
    while (i < p->count && !is_net(p, i) && kind(p, i) != &sok_proto_arp)
        i++;
    if (i < p->count && !is_net(p, i))
        *finer = finer_key(p, i, 0);
    if (i == p->count || !is_net(p, i))
        return 0;
    unsigned quote = sok_craft_quote(p, i);
    i = quote ? quote : i;
    struct sok_addr src = address(p, i, "src"), dst = address(p, i, "dst");
    bool many =
        sok_addr_is_multicast(dst) || (sok_addr_is_v4(dst) && sok_addr_to_v4(dst) == 0xffffffff);
    uint64_t h = mix(1, address_number(src) + address_number(dst));
    unsigned above = behind_ext(p, i + 1);
    bool known = !many && above_key(p, above, &h);
    *finer = finer_key(p, above, known ? h : 0);
    return known ? h ? h : 1 : 0;
}

uint64_t sok_packet_hashret(const struct sok_packet *p)
{
    uint64_t finer;
    return sok_packet_keys(p, &finer);
}

// ---- the same packet ----

static bool same_field(const struct sok_packet *a, const struct sok_packet *b, unsigned layer,
    const struct sok_slot *s)
{
    alignas(struct sok_item) uint8_t one[64], two[64];
    struct sok_items to_one = sok_items(one, sizeof one), to_two = sok_items(two, sizeof two);
    struct sok_item x, y;
    if (s->part) {
        const struct craft_piece *at = &craft_pieces(a, &a->layers[layer])[s->index - CRAFT_PARTS];
        const struct craft_piece *bt = &craft_pieces(b, &b->layers[layer])[s->index - CRAFT_PARTS];
        return at->len == bt->len &&
               (!at->len || memcmp(craft_at(a, at->at), craft_at(b, bt->at), at->len) == 0);
    }
    if (sok_packet_get(a, layer, s, &to_one, &x) || sok_packet_get(b, layer, s, &to_two, &y) ||
        x.type != y.type)
        return false;
    if (x.type == SOK_ITEM_NUMBER)
        return x.number == y.number;
    return x.count == y.count && (!x.count || memcmp(x.bytes, y.bytes, x.count) == 0);
}

// Bytes of a dissected header that no part covers.
static bool same_rest(const struct sok_packet *a, const struct sok_packet *b, unsigned layer)
{
    unsigned rest = a->layers[layer].proto->part_count;
    const struct craft_piece *x = &craft_pieces(a, &a->layers[layer])[rest];
    const struct craft_piece *y = &craft_pieces(b, &b->layers[layer])[rest];
    return x->len == y->len &&
           (!x->len || memcmp(craft_at(a, x->at), craft_at(b, y->at), x->len) == 0);
}

bool sok_packet_equal(const struct sok_packet *a, const struct sok_packet *b)
{
    struct sok_slot slot;
    if (a->count != b->count)
        return false;
    for (unsigned i = 0; i < a->count; i++) {
        if (a->layers[i].proto != b->layers[i].proto || !same_rest(a, b, i))
            return false;
        for (unsigned k = 0; sok_packet_slot_at(a, i, k, &slot); k++) {
            if (!same_field(a, b, i, &slot))
                return false;
        }
    }
    return true;
}
