#include "wire/dhcp.h"

#include "wire/options.h"
#include "wire/show.h"
#include "wire/udp.h"

#define MESSAGE_MIN 300
#define MTU_MIN     68  // RFC 2132 section 5.1
#define SEARCH_RAW  512 // bytes of a search list that are looked at

static const struct sok_value bootp_ops[] = {
    {SOK_BOOTP_REQUEST, "BOOTREQUEST"}, {SOK_BOOTP_REPLY, "BOOTREPLY"}, {0, NULL}};
static const struct sok_value bootp_flags[] = {{15, "B"}, {0, NULL}};
SOK_HEADER_ROWS(bootp, SOK_BOOTP_FIELDS)

static struct sok_options dhcp_walk(const uint8_t *p, size_t len)
{
    struct sok_options o = sok_options(p, len);
    o.end = SOK_DHCP_OPT_END;
    o.nop = SOK_DHCP_OPT_PAD;
    o.beside = 2; // the length byte speaks of the value alone
    return o;
}

const char *sok_dhcp_message_text(unsigned message)
{
    switch (message) {
#define SOK_X(name, number, text)                                                                  \
    case number:                                                                                   \
        return text;
        SOK_DHCP_MESSAGES(SOK_X)
#undef SOK_X
    default:
        return NULL;
    }
}

// ---- reading ----

struct reading {
    struct sok_dhcp_said *said;
    uint8_t overload;           // 1: file, 2: sname
    uint8_t search[SEARCH_RAW]; // RFC 3396: in as many pieces as it likes
    size_t search_len;
};

static bool take32(const struct sok_option *o, uint32_t *out)
{
    if (o->len != 4)
        return false;
    *out = sok_get32(o->data);
    return true;
}

static bool take_mask(const struct sok_option *o, struct sok_dhcp_said *s)
{
    uint32_t mask;
    if (!take32(o, &mask))
        return false;
    unsigned len = 0;
    while (len < 32 && mask >> (31 - len) & 1)
        len++;
    s->prefix_len = (uint8_t)len;
    s->has_mask = true;
    return len > 0 && (len == 32 || mask << len == 0);
}

static bool take_addrs(const struct sok_option *o, uint32_t *out, uint8_t *count)
{
    if (o->len == 0 || o->len % 4 != 0)
        return false;
    for (unsigned i = 0; i + 4 <= o->len && *count < SOK_DHCP_ADDRS_MAX; i += 4)
        out[(*count)++] = sok_get32(o->data + i);
    return true;
}

static bool is_name_byte(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.';
}

// A name goes where names are looked up and into what people read: no other bytes than a name has.
// One that has costs itself alone.
static void take_domain(const struct sok_option *o, char out[SOK_DHCP_NAME_MAX])
{
    size_t len = o->len;
    while (len > 0 && o->data[len - 1] == 0)
        len--; // some servers send the NUL (RFC 2132 section 2)
    if (len == 0 || len >= SOK_DHCP_NAME_MAX)
        return;
    for (size_t i = 0; i < len; i++)
        if (!is_name_byte(o->data[i]))
            return;
    memcpy(out, o->data, len);
    out[len] = 0;
}

static bool take_search(const struct sok_option *o, struct reading *r)
{
    if (o->len == 0)
        return false;
    size_t len = o->len < SEARCH_RAW - r->search_len ? o->len : SEARCH_RAW - r->search_len;
    memcpy(r->search + r->search_len, o->data, len);
    r->search_len += len;
    return true;
}

static bool take_seconds(const struct sok_option *o, uint32_t *out, bool *has)
{
    *has = true;
    return take32(o, out);
}

static bool take_byte(const struct sok_option *o, uint8_t *out)
{
    *out = o->len ? o->data[0] : 0;
    return o->len == 1;
}

static bool take_mtu(const struct sok_option *o, uint16_t *out)
{
    uint16_t mtu = o->len == 2 ? sok_get16(o->data) : 0;
    *out = mtu >= MTU_MIN ? mtu : 0;
    return o->len == 2;
}

static bool take_option(const struct sok_option *o, struct reading *r)
{
    struct sok_dhcp_said *s = r->said;
    switch (o->kind) {
    case SOK_DHCP_OPT_MASK:
        return take_mask(o, s);
    case SOK_DHCP_OPT_ROUTER:
        return take_addrs(o, s->router, &s->router_count);
    case SOK_DHCP_OPT_DNS:
        return take_addrs(o, s->dns, &s->dns_count);
    case SOK_DHCP_OPT_DOMAIN:
        take_domain(o, s->domain);
        return true;
    case SOK_DHCP_OPT_MTU:
        return take_mtu(o, &s->mtu);
    case SOK_DHCP_OPT_REQUESTED:
        return take32(o, &s->requested);
    case SOK_DHCP_OPT_LEASE:
        return take_seconds(o, &s->lease, &s->has_lease);
    case SOK_DHCP_OPT_T1:
        return take_seconds(o, &s->t1, &s->has_t1);
    case SOK_DHCP_OPT_T2:
        return take_seconds(o, &s->t2, &s->has_t2);
    case SOK_DHCP_OPT_OVERLOAD:
        return take_byte(o, &r->overload) && r->overload >= 1 && r->overload <= 3;
    case SOK_DHCP_OPT_TYPE:
        return take_byte(o, &s->message);
    case SOK_DHCP_OPT_SERVER:
        return take32(o, &s->server);
    case SOK_DHCP_OPT_SEARCH:
        return take_search(o, r);
    default:
        return true;
    }
}

static bool take_options(const uint8_t *p, size_t len, struct reading *r)
{
    struct sok_options options = dhcp_walk(p, len);
    struct sok_option o;
    while (sok_option_next(&options, &o))
        if (!take_option(&o, r))
            return false;
    return !options.malformed;
}

// One name of a search list at *at (RFC 1035 section 4.1.4): pointers go backwards only, so this ends.
static bool take_name(const struct reading *r, size_t *at, char out[SOK_DHCP_NAME_MAX])
{
    size_t from = *at, limit = r->search_len, used = 0;
    bool jumped = false;
    for (;;) {
        if (from >= limit)
            return false;
        uint8_t len = r->search[from];
        if (len >= 0xc0) {
            if (from + 2 > limit)
                return false;
            size_t to = sok_get16(r->search + from) & 0x3fff;
            if (to >= from)
                return false;
            *at = jumped ? *at : from + 2;
            jumped = true;
            limit = from;
            from = to;
            continue;
        }
        if (len == 0)
            break;
        if (len > 63 || from + 1 + len > limit || used + len + 1u >= SOK_DHCP_NAME_MAX)
            return false;
        if (used > 0)
            out[used++] = '.';
        for (unsigned i = 0; i < len; i++) {
            out[used] = (char)r->search[from + 1 + i];
            if (!is_name_byte((uint8_t)out[used]) || out[used] == '.')
                return false;
            used++;
        }
        from += 1u + len;
    }
    *at = jumped ? *at : from + 1;
    out[used] = 0;
    return used > 0;
}

// A search list that cannot be read costs the search list alone.
static void take_names(const struct reading *r)
{
    struct sok_dhcp_said *s = r->said;
    size_t at = 0;
    while (at < r->search_len && s->search_count < SOK_DHCP_SEARCH_MAX) {
        if (!take_name(r, &at, s->search[s->search_count]))
            return;
        s->search_count++;
    }
}

bool sok_dhcp_get(const uint8_t *p, size_t len, struct sok_bootp_hdr *h, struct sok_dhcp_said *said)
{
    memset(said, 0, sizeof(*said));
    if (!sok_bootp_get(p, len, h) || h->options != SOK_DHCP_COOKIE)
        return false;
    struct reading r = {.said = said};
    if (!take_options(p + SOK_BOOTP_HDR_LEN, len - SOK_BOOTP_HDR_LEN, &r))
        return false;
    uint8_t overload = r.overload;
    if (overload & 1 && !take_options(h->file, sizeof(h->file), &r))
        return false;
    if (overload & 2 && !take_options(h->sname, sizeof(h->sname), &r))
        return false;
    take_names(&r);
    return sok_dhcp_message_text(said->message) != NULL;
}

// ---- building ----

void sok_dhcp_begin(struct sok_dhcp_writer *w, uint8_t *p, size_t room,
    const struct sok_bootp_hdr *h, enum sok_dhcp_message message)
{
    uint8_t type = (uint8_t)message;
    *w = (struct sok_dhcp_writer){.p = p, .room = room, .full = room < MESSAGE_MIN};
    if (w->full)
        return;
    memset(p, 0, room);
    sok_bootp_hdr_put(p, h);
    w->len = SOK_BOOTP_HDR_LEN;
    sok_dhcp_put(w, SOK_DHCP_OPT_TYPE, &type, 1);
}

void sok_dhcp_put(struct sok_dhcp_writer *w, uint8_t option, const void *value, size_t len)
{
    if (w->full || len > 255 || w->room - w->len < len + 3) { // and END
        w->full = true;
        return;
    }
    w->p[w->len] = option;
    w->p[w->len + 1] = (uint8_t)len;
    if (len > 0)
        memcpy(w->p + w->len + 2, value, len);
    w->len += 2 + len;
}

void sok_dhcp_put16(struct sok_dhcp_writer *w, uint8_t option, uint16_t value)
{
    uint8_t bytes[2];
    sok_put16(bytes, value);
    sok_dhcp_put(w, option, bytes, sizeof(bytes));
}

void sok_dhcp_put32(struct sok_dhcp_writer *w, uint8_t option, uint32_t value)
{
    uint8_t bytes[4];
    sok_put32(bytes, value);
    sok_dhcp_put(w, option, bytes, sizeof(bytes));
}

size_t sok_dhcp_end(struct sok_dhcp_writer *w)
{
    if (w->full)
        return 0;
    w->p[w->len++] = SOK_DHCP_OPT_END;
    return w->len < MESSAGE_MIN ? MESSAGE_MIN : w->len;
}

// ---- for people ----

const char *sok_dhcp_lease_text(uint32_t seconds, char out[SOK_DHCP_LEASE_TEXT_MAX])
{
    static const struct {
        uint32_t seconds;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}};
    struct sok_text t = sok_text(out, SOK_DHCP_LEASE_TEXT_MAX);
    if (seconds == UINT32_MAX) {
        sok_text_add_str(&t, "for ever");
        return out;
    }
    for (unsigned i = 0; i < SOK_COUNT_OF(units) && seconds > 0; i++) {
        if (seconds % units[i].seconds == 0) {
            sok_text_add(&t, "%u%c", seconds / units[i].seconds, units[i].unit);
            return out;
        }
    }
    sok_text_add(&t, "%us", seconds);
    return out;
}

static void add_addrs(struct sok_text *t, const char *name, const uint32_t *addr, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        sok_text_add_str(t, i ? "," : name);
        sok_text_add_ip4(t, addr[i]);
    }
}

static void add_said(struct sok_text *t, const struct sok_dhcp_said *s)
{
    char lease[SOK_DHCP_LEASE_TEXT_MAX];
    if (s->has_mask)
        sok_text_add(t, "/%u", s->prefix_len);
    if (s->has_lease)
        sok_text_add(t, " lease %s", sok_dhcp_lease_text(s->lease, lease));
    add_addrs(t, " server ", &s->server, s->server != 0);
    add_addrs(t, " router ", s->router, s->router_count);
    add_addrs(t, " dns ", s->dns, s->dns_count);
    if (s->domain[0])
        sok_text_add(t, " domain %s", s->domain);
    if (s->mtu)
        sok_text_add(t, " mtu %u", s->mtu);
}

// The address a message is about.
static uint32_t about(const struct sok_bootp_hdr *h, const struct sok_dhcp_said *s)
{
    return h->yiaddr ? h->yiaddr : s->requested ? s->requested : h->ciaddr;
}

// "192.0.2.1.67 > 192.0.2.7.68: DHCP offer 192.0.2.7/24 lease 1h server 192.0.2.1 ..., length 300"
static void bootp_line(const struct sok_show *l)
{
    const struct sok_layer *layer = sok_show_layer(l);
    const uint8_t *p = sok_show_header(l);
    struct sok_bootp_hdr h;
    struct sok_dhcp_said said;
    size_t len = layer->header + layer->payload;
    sok_bootp_hdr_get(p, &h);
    if (!sok_dhcp_get(p, len, &h, &said)) {
        sok_text_add(l->text, "BOOTP, %s, xid 0x%08x, length %zu",
            h.op == SOK_BOOTP_REPLY ? "reply" : "request", h.xid, len);
        return;
    }
    sok_text_add(l->text, "DHCP %s", sok_dhcp_message_text(said.message));
    if (about(&h, &said)) {
        sok_text_add_char(l->text, ' ');
        sok_text_add_ip4(l->text, about(&h, &said));
    }
    add_said(l->text, &said);
    sok_text_add(l->text, ", xid 0x%08x, length %zu", h.xid, len);
}

// Built as Scapy builds it: from the server's port to the client's.
static const struct sok_bind bootp_binds[] = {
    {&sok_proto_udp, SOK_AT_udp_dport | SOK_BIND_READ, SOK_DHCP_SERVER},
    {&sok_proto_udp, SOK_AT_udp_dport, SOK_DHCP_CLIENT},
    {&sok_proto_udp, SOK_AT_udp_sport | SOK_BIND_WRITE, SOK_DHCP_SERVER}};

const struct sok_proto sok_proto_bootp = {
    .name = "BOOTP",
    .title = "Bootstrap Protocol",
    .fields = bootp_rows,
    .field_count = SOK_COUNT_OF(bootp_rows),
    .hdr_len = SOK_BOOTP_HDR_LEN,
    .binds = bootp_binds,
    .bind_count = SOK_COUNT_OF(bootp_binds),
    .line = bootp_line,
};

// ---- options ----

// Options up to END; what follows it is padding.
static void dhcp_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    struct sok_options options = dhcp_walk(p, len);
    struct sok_option o;
    while (sok_option_next(&options, &o))
        if (o.kind == SOK_DHCP_OPT_END)
            break;
    out->header = options.malformed ? len : (size_t)(options.at - p);
    out->payload = 0;
    out->malformed = options.malformed;
}

static const struct sok_option_table dhcp_table = {
    .kinds = sok_dhcp_kinds, .count = SOK_DHCP_KINDS, .walk = dhcp_walk};
static const struct sok_part dhcp_parts[] = {{.name = "options",
    .get = sok_options_get,
    .put = sok_options_put,
    .fuzz = sok_options_fuzz,
    .more = &dhcp_table}};

static const struct sok_bind dhcp_binds[] = {
    {&sok_proto_bootp, SOK_AT_bootp_options, SOK_DHCP_COOKIE}};

const struct sok_proto sok_proto_dhcp = {
    .name = "DHCP",
    .title = "Dynamic Host Configuration Protocol",
    .summary = "%options.message-type=1%DHCP Discover|%options.message-type=2%DHCP Offer|"
               "%options.message-type=3%DHCP Request|%options.message-type=4%DHCP Decline|"
               "%options.message-type=5%DHCP Ack|%options.message-type=6%DHCP Nak|"
               "%options.message-type=7%DHCP Release|%options.message-type=8%DHCP Inform",
    .measure = dhcp_measure,
    .options = sok_dhcp_kinds,
    .option_count = SOK_DHCP_KINDS,
    .parts = dhcp_parts,
    .part_count = SOK_COUNT_OF(dhcp_parts),
    .walk = dhcp_walk,
    .binds = dhcp_binds,
    .bind_count = SOK_COUNT_OF(dhcp_binds),
};
