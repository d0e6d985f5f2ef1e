#include "stack/dhcp6.h"

#include <string.h>
#include "stack/internal.h"
#include "wire/csum.h"
#include "wire/dhcp6.h"
#include "wire/udp.h"

#define MESSAGE_MAX  128
#define REFRESH_MIN  600   // seconds (section 7.6)
#define REFRESH_ELSE 86400 // when the server says nothing
#define DUID_LL      3     // by the link's address (section 11.4)
#define DUID_UUID    4

static bool is_on(const struct sok_stack *s, unsigned link)
{
    return s->slaac[link] && !s->slaac[link]->stopped && s->slaac[link]->dhcp6.wanted;
}

// ---- asking ----

static size_t put_client_id(const struct sok_stack *s, uint8_t link, uint8_t *p)
{
    uint8_t id[18] = {0};
    if (sok_link_has_stations(s->links[link])) {
        sok_put16(id, DUID_LL);
        sok_put16(id + 2, 1); // Ethernet
        memcpy(id + 4, s->links[link]->info.mac, 6);
        return sok_dhcp6_put(p, SOK_DHCP6_OPT_CLIENT_ID, id, 10);
    }
    sok_put16(id, DUID_UUID);
    memcpy(id + 2, s->hash_key, 16);
    return sok_dhcp6_put(p, SOK_DHCP6_OPT_CLIENT_ID, id, 18);
}

// Section 18.2.6.
static size_t put_request(
    const struct sok_stack *s, uint8_t link, const struct sok_dhcp6 *d, uint8_t *p, int64_t now)
{
    struct sok_dhcp6_hdr h = {.msgtype = SOK_DHCP6_INFORMATION_REQUEST, .trid = d->xid};
    uint8_t wanted[8], elapsed[2];
    int64_t hundredths = (now - d->began) / (10 * SOK_MS);
    sok_put16(wanted, SOK_DHCP6_OPT_DNS);
    sok_put16(wanted + 2, SOK_DHCP6_OPT_DOMAINS);
    sok_put16(wanted + 4, SOK_DHCP6_OPT_REFRESH);
    sok_put16(wanted + 6, SOK_DHCP6_OPT_MAX_RT);
    sok_put16(elapsed, hundredths < UINT16_MAX ? (uint16_t)hundredths : UINT16_MAX);
    sok_dhcp6_hdr_put(p, &h);
    size_t len = SOK_DHCP6_HDR_LEN;
    len += put_client_id(s, link, p + len);
    len += sok_dhcp6_put(p + len, SOK_DHCP6_OPT_ELAPSED, elapsed, 2);
    len += sok_dhcp6_put(p + len, SOK_DHCP6_OPT_WANTED, wanted, 8);
    return len;
}

static void send(struct sok_stack *s, uint8_t link, const struct sok_dhcp6 *d, int64_t now)
{
    uint8_t message[MESSAGE_MAX], *p;
    struct sok_group_out o = {
        .src = sok_addr_local6(s, link),
        .dst = {{0xff, 2, [13] = 1, [15] = 2}}, // all servers and relays
        .next = SOK_IPPROTO_UDP,
        .hops = 1,
    };
    uint16_t len = (uint16_t)(SOK_UDP_HDR_LEN + put_request(s, link, d, message, now));
    struct sok_packet *packet = sok_group_new6(s, &o, len, &p);
    if (!packet)
        return;
    struct sok_udp_hdr h = {.sport = SOK_DHCP6_CLIENT, .dport = SOK_DHCP6_SERVER, .len = len};
    sok_udp_hdr_put(p, &h);
    memcpy(p + SOK_UDP_HDR_LEN, message, len - SOK_UDP_HDR_LEN);
    struct sok_csum c;
    sok_csum_init(&c);
    sok_csum_add_pseudo(&c, &o.src, &o.dst, SOK_IPPROTO_UDP, len);
    sok_csum_add(&c, p, len);
    uint16_t sum = sok_csum_final(&c);
    sok_put16(p + SOK_UDP_CSUM_OFFSET, sum ? sum : 0xffff);
    sok_group_send(s, link, packet, &o.dst, SOK_REASON_DHCP6_ASK);
}

void sok_dhcp6_ask(struct sok_stack *s, uint8_t link, int64_t now)
{
    struct sok_dhcp6 *d = &s->slaac[link]->dhcp6;
    if (!s->config.dhcp6 || d->wanted)
        return;
    *d = (struct sok_dhcp6){.wanted = true, .due = now, .wait_max = s->config.dhcp6_retry_max};
}

bool sok_dhcp6_asking(const struct sok_stack *s, uint8_t link)
{
    return is_on(s, link) && !s->slaac[link]->dhcp6.answered;
}

// Section 15: a tenth more or less, doubled each time.
static int64_t about(struct sok_stack *s, int64_t wait)
{
    int64_t tenth = wait / 10;
    return tenth > 0 ? wait - tenth + (int64_t)(sok_stack_random(s) % (uint64_t)(2 * tenth)) : wait;
}

static void step(struct sok_stack *s, uint8_t link, struct sok_dhcp6 *d, int64_t now)
{
    if (sok_addr_is_any(sok_addr_local6(s, link))) { // nothing to send from yet
        d->due = now + s->config.dad_interval;
        return;
    }
    if (d->tries == 0) {
        d->xid = (uint32_t)sok_stack_random(s) & 0xffffff;
        d->began = now;
        d->wait = 0;
    }
    send(s, link, d, now);
    d->tries++;
    d->wait = about(s, d->wait ? 2 * d->wait : s->config.dhcp6_retry);
    if (d->wait > d->wait_max)
        d->wait = about(s, d->wait_max);
    d->due = now + d->wait;
}

void sok_dhcp6_advance(struct sok_stack *s, int64_t now)
{
    for (unsigned i = 1; i < s->link_count; i++)
        if (is_on(s, i) && s->slaac[i]->dhcp6.due <= now)
            step(s, (uint8_t)i, &s->slaac[i]->dhcp6, now);
}

int64_t sok_dhcp6_deadline(const struct sok_stack *s)
{
    int64_t least = SOK_TIME_NEVER;
    for (unsigned i = 1; i < s->link_count; i++)
        if (is_on(s, i) && s->slaac[i]->dhcp6.due < least)
            least = s->slaac[i]->dhcp6.due;
    return least;
}

// ---- answers ----

// What a reply says. Bounded: what is over a limit is left out.
struct said {
    bool client, server, refused;
    uint32_t refresh, max_rt;
    const uint8_t *dns, *domains;
    uint16_t dns_len, domains_len;
};

static bool is_our_id(const struct sok_stack *s, uint8_t link, const struct sok_dhcp6_option *opt)
{
    uint8_t ours[SOK_DHCP6_OPT_LEN + 18];
    size_t len = put_client_id(s, link, ours) - SOK_DHCP6_OPT_LEN;
    return opt->len == len && memcmp(opt->data, ours + SOK_DHCP6_OPT_LEN, len) == 0;
}

static bool take_option(
    const struct sok_stack *s, uint8_t link, const struct sok_dhcp6_option *opt, struct said *out)
{
    switch (opt->code) {
    case SOK_DHCP6_OPT_CLIENT_ID:
        out->client = true;
        return is_our_id(s, link, opt);
    case SOK_DHCP6_OPT_SERVER_ID:
        out->server = true;
        return opt->len > 0;
    case SOK_DHCP6_OPT_STATUS:
        out->refused = opt->len < 2 || sok_get16(opt->data) != 0;
        return true;
    case SOK_DHCP6_OPT_DNS:
        out->dns = opt->data;
        out->dns_len = opt->len;
        return opt->len % 16 == 0;
    case SOK_DHCP6_OPT_DOMAINS:
        out->domains = opt->data;
        out->domains_len = opt->len;
        return true;
    case SOK_DHCP6_OPT_REFRESH:
        out->refresh = opt->len == 4 ? sok_get32(opt->data) : 0;
        return opt->len == 4;
    case SOK_DHCP6_OPT_MAX_RT:
        out->max_rt = opt->len == 4 ? sok_get32(opt->data) : 0;
        return opt->len == 4;
    default:
        return true;
    }
}

// Section 16.10: the transaction is ours, a server says who it is, and if it says who we are, it is right.
static bool read_reply(
    const struct sok_stack *s, uint8_t link, const uint8_t *p, uint32_t len, struct said *out)
{
    struct sok_dhcp6_options o = sok_dhcp6_options(p, len);
    struct sok_dhcp6_option opt;
    while (sok_dhcp6_next(&o, &opt))
        if (!take_option(s, link, &opt, out))
            return false;
    return !o.malformed && out->server;
}

static void use(struct sok_stack *s, uint8_t link, const struct said *said, int64_t now)
{
    struct sok_slaac *a = s->slaac[link];
    struct sok_dhcp6 *d = &a->dhcp6;
    char name[SOK_NAME_MAX];
    struct sok_addr addr;
    size_t at = 0;
    uint32_t refresh = said->refresh ? said->refresh : REFRESH_ELSE;
    if (refresh < REFRESH_MIN)
        refresh = REFRESH_MIN;
    // Known a while longer than until they are asked for again.
    bool for_ever = refresh == UINT32_MAX;
    uint32_t lifetime = refresh > UINT32_MAX / 2 ? UINT32_MAX : refresh + refresh / 2;
    for (unsigned i = 0; i + 16 <= said->dns_len; i += 16) {
        memcpy(addr.b, said->dns + i, 16);
        sok_slaac_server(a, &addr, lifetime, now);
    }
    while (said->domains && sok_name_next(said->domains, said->domains_len, &at, name))
        sok_slaac_search(a, name, lifetime, now);
    if (said->max_rt >= 60 && said->max_rt <= 86400)
        d->wait_max = said->max_rt * SOK_S;
    d->answered = true;
    d->tries = 0;
    d->due = for_ever ? SOK_TIME_NEVER : now + refresh * SOK_S;
}

static enum sok_drop message_input(
    struct sok_stack *s, struct sok_in *in, const uint8_t *p, uint32_t len)
{
    struct sok_dhcp6_hdr h;
    struct said said = {.client = false};
    struct sok_dhcp6 *d = &s->slaac[in->link]->dhcp6;
    if (!sok_dhcp6_get(p, len, &h))
        return SOK_DROP_DHCP_MALFORMED;
    if (h.msgtype != SOK_DHCP6_REPLY || d->tries == 0 || h.trid != d->xid)
        return SOK_DROP_DHCP_NOT_US;
    if (!read_reply(s, in->link, p, len, &said))
        return SOK_DROP_DHCP_MALFORMED;
    if (said.refused)
        return SOK_DROP_DHCP_UNUSABLE;
    in->out->effects |= SOK_EFFECT_DHCP6;
    use(s, in->link, &said, in->now);
    return SOK_DROP_NONE;
}

bool sok_dhcp6_input(struct sok_stack *s, struct sok_in *in, const uint8_t *p, uint32_t len)
{
    if (!is_on(s, in->link))
        return false;
    in->out->drop = message_input(s, in, p, len);
    return true;
}
