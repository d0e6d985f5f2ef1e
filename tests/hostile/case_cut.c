// Every valid frame cut at every length, with and without its lengths made to agree; and every byte of
// it with every value.
#include "tests/hostile/hostile.h"

static void cut(struct lab *l, struct flow *good)
{
    for (enum kind k = 0; k < KIND_COUNT; k++) {
        make_kind(&l->packet, k, good);
        size_t whole = l->packet.len;
        for (size_t len = 0; len < whole; len++) {
            make_kind(&l->packet, k, good);
            l->packet.len = len;
            expect_silence(l, "a truncated frame");
        }
    }
}

// The IP header agrees with the cut, so what is inside must notice.
static void cut_agreed(struct lab *l, struct flow *good)
{
    static const uint8_t need[KIND_COUNT] = {40, 20, 20, 16, 8}; // to be whole
    for (enum kind k = 0; k < KIND_COUNT; k++) {
        for (size_t len = 0; len < need[k]; len++) {
            make_kind(&l->packet, k, good);
            l->packet.len = IP_AT + 20 + len;
            put16(l->packet.b + IP_AT + 2, (uint32_t)(20 + len));
            craft_sums(&l->packet);
            char what[60];
            snprintf(what, sizeof(what), "kind %d cut to %zu bytes", (int)k, len);
            expect_silence(l, what);
        }
    }
    EXPECT(l, flow_state(good) == SOK_TCP_ESTABLISHED, "the connection ended");
}

// Sums right, one byte wrong. Anything may come of it but a crash, a flood or a lost invariant; the good
// connection itself is left out, since one byte can make a valid reset.
static void one_byte(struct lab *l, struct flow *good)
{
    struct flow other = *good;
    other.port = 999; // nobody's
    for (enum kind k = 0; k < KIND_COUNT; k++) {
        make_kind(&l->packet, k, &other);
        size_t whole = l->packet.len;
        for (size_t at = IP_AT; at < whole; at++) {
            for (unsigned v = 0; v < 256; v += at < IP_AT + 40 ? 1 : 15) {
                make_kind(&l->packet, k, &other);
                l->packet.b[at] = (uint8_t)v;
                craft_sums(&l->packet);
                lab_forget(l);
                lab_inject(l);
                EXPECT(l, l->got_all <= 2, "kind %d, byte %zu = %u: %u answers", (int)k, at, v,
                    (unsigned)l->got_all);
            }
        }
        lab_check(l);
        lab_wait(l, SOK_S);
    }
}

const struct hostile_case cases_cut[] = {
    {"cut-every-length", cut, NULL},
    {"cut-lengths-agreed", cut_agreed, NULL},
    {"one-byte-wrong", one_byte, NULL},
    {NULL, NULL, NULL},
};
