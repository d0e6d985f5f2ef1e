#include "stack/dad.h"

#include <string.h>
#include "stack/internal.h"
#include "wire/icmp6.h"

void sok_dad_probe(struct sok_stack *s, struct sok_acd *a)
{
    uint8_t p[SOK_ND_NS_LEN + SOK_ND_OPT_NONCE_LEN];
    struct sok_nd_ns_hdr h = {.type = SOK_ICMP6_NS};
    struct sok_group_out o = {
        .dst = sok_addr_solicited(&a->addr), .next = SOK_IPPROTO_ICMP6, .hops = 255};
    uint64_t nonce = sok_stack_random(s);
    memcpy(h.tgt, a->addr.b, 16);
    memcpy(a->nonce, &nonce, sizeof(a->nonce));
    sok_nd_ns_hdr_put(p, &h);
    sok_nd_put_nonce(p + SOK_ND_NS_LEN, a->nonce);
    sok_group_nd(s, a->link, &o, p, sizeof(p), SOK_REASON_ARP_PROBE);
}

bool sok_dad_heard(struct sok_stack *s, const struct sok_in *in, const struct sok_addr *target,
    bool advertised, const uint8_t *nonce)
{
    struct sok_acd *a = sok_acd_probing(s, in->link, target);
    if (!a)
        return false;
    // Our own probe, come back (RFC 7527 section 4.2).
    if (nonce && a->sent > 0 && memcmp(nonce, a->nonce, sizeof(a->nonce)) == 0)
        return true;
    bool used = a->used, probes = !advertised && sok_addr_is_any(in->src);
    // Who only wants to talk to it is not answered while it is tentative (RFC 4862 section 5.4.3); who probes for what
    // we use already hears that it is ours.
    if (advertised || (probes && !used))
        sok_acd_lose(s, a, in->frame->buf->data + in->frame->off + 6, in->now);
    return advertised || !used;
}
