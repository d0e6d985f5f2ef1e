#include "tests/sim/router.h"

#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "wire/csum.h"

#define ETH_LEN   14
#define ROUTER_IP 0xc00002fe // 192.0.2.254
#define QUOTED    28         // octets of data behind the header that did not fit (RFC 1812 4.3.2.3)

static bool is_ip4(const struct wire_frame *f)
{
    return f->len >= ETH_LEN + 20 && sok_get16(f->data + 12) == 0x0800;
}

static uint32_t ip_len(const struct wire_frame *f)
{
    uint32_t len = sok_get16(f->data + ETH_LEN + 2);
    return len <= f->len - ETH_LEN ? len : f->len - ETH_LEN;
}

static void put_sum(uint8_t *at, const uint8_t *from, uint32_t len)
{
    struct sok_csum c;
    sok_put16(at, 0);
    sok_csum_init(&c);
    sok_csum_add(&c, from, len);
    sok_put16(at, sok_csum_final(&c));
}

void router_mark(struct wire *w, struct wire_frame *f)
{
    uint8_t *ip = f->data + ETH_LEN;
    if (!is_ip4(f) || (ip[1] & 3) == 0 || (ip[1] & 3) == 3 || !rng_chance(&w->rng, w->spec.mark))
        return;
    ip[1] |= 3;
    put_sum(ip + 10, ip, 20);
    w->marked++;
}

uint16_t router_mtu(const struct wire *w, int64_t now, enum path_says *says)
{
    uint16_t mtu = 0;
    for (unsigned i = 0; i < w->spec.path_count && w->spec.path[i].at <= now - w->start; i++) {
        mtu = w->spec.path[i].mtu;
        *says = w->spec.path[i].says;
    }
    return mtu;
}

bool router_may_cut(const struct wire_frame *f)
{
    return is_ip4(f) && !(f->data[ETH_LEN + 6] & 0x40);
}

static struct wire_frame *frame_new(uint32_t len)
{
    struct wire_frame *f = calloc(1, sizeof(*f) + len);
    if (!f)
        abort();
    f->len = len;
    return f;
}

// Packet too big (RFC 4443 section 3.2), with all of the packet that fits.
static struct wire_frame *router_says6(const struct wire_frame *f, uint16_t mtu)
{
    uint32_t quoted = f->len - ETH_LEN < 1232 ? f->len - ETH_LEN : 1232;
    struct sok_addr to, from = {{0x20, 1, 0xd, 0xb8, [15] = 0xfe}};
    struct wire_frame *e = frame_new(ETH_LEN + 48 + quoted);
    uint8_t *ip = e->data + ETH_LEN, *icmp = ip + 40;
    memcpy(to.b, f->data + ETH_LEN + 8, 16);
    memcpy(e->data, f->data + 6, 6);
    memcpy(e->data + 6, f->data, 6);
    sok_put16(e->data + 12, 0x86dd);
    ip[0] = 0x60;
    sok_put16(ip + 4, (uint16_t)(8 + quoted));
    ip[6] = 58;
    ip[7] = 64;
    memcpy(ip + 8, from.b, 16);
    memcpy(ip + 24, to.b, 16);
    icmp[0] = 2;
    sok_put16(icmp + 6, mtu);
    memcpy(icmp + 8, f->data + ETH_LEN, quoted);
    struct sok_csum c;
    sok_csum_init(&c);
    sok_csum_add_pseudo(&c, &from, &to, 58, 8 + quoted);
    sok_csum_add(&c, icmp, 8 + quoted);
    sok_put16(icmp + 2, sok_csum_final(&c));
    return e;
}

struct wire_frame *router_says(const struct wire_frame *f, uint16_t mtu, enum path_says says)
{
    if (says != PATH_SILENT && f->len > ETH_LEN + 60 && sok_get16(f->data + 12) == 0x86dd)
        return f->data[ETH_LEN + 6] == 58 ? NULL : router_says6(f, mtu);
    uint32_t quoted = 20 + QUOTED;
    if (says == PATH_SILENT || !is_ip4(f) || ip_len(f) < quoted || f->data[ETH_LEN + 9] == 1)
        return NULL;
    struct wire_frame *e = frame_new(ETH_LEN + 28 + quoted);
    uint8_t *ip = e->data + ETH_LEN, *icmp = ip + 20;
    memcpy(e->data, f->data + 6, 6);
    memcpy(e->data + 6, f->data, 6);
    sok_put16(e->data + 12, 0x0800);
    ip[0] = 0x45;
    sok_put16(ip + 2, (uint16_t)(28 + quoted));
    ip[8] = 64;
    ip[9] = 1;
    sok_put32(ip + 12, ROUTER_IP);
    memcpy(ip + 16, f->data + ETH_LEN + 12, 4);
    put_sum(ip + 10, ip, 20);
    icmp[0] = 3;
    icmp[1] = 4;
    sok_put16(icmp + 6, says == PATH_OLD ? 0 : mtu);
    memcpy(icmp + 8, f->data + ETH_LEN, quoted);
    put_sum(icmp + 2, icmp, 8 + quoted);
    return e;
}

struct wire_frame *router_cut(const struct wire_frame *f, uint16_t mtu, uint32_t *at)
{
    uint32_t all = ip_len(f) - 20, each = (mtu - 20U) / 8 * 8;
    if (*at >= all)
        return NULL;
    uint32_t len = all - *at < each ? all - *at : each;
    uint16_t frag = sok_get16(f->data + ETH_LEN + 6);
    bool more = *at + len < all || (frag & 0x2000);
    struct wire_frame *part = frame_new(ETH_LEN + 20 + len);
    uint8_t *ip = part->data + ETH_LEN;
    memcpy(part->data, f->data, ETH_LEN + 20);
    memcpy(ip + 20, f->data + ETH_LEN + 20 + *at, len);
    sok_put16(ip + 2, (uint16_t)(20 + len));
    sok_put16(ip + 6, (uint16_t)((more ? 0x2000 : 0) | ((frag & 0x1fff) + *at / 8)));
    put_sum(ip + 10, ip, 20);
    *at += len;
    return part;
}
