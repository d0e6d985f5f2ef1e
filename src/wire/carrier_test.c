// Headers that carry others: links, tunnels, labels. What follows which, where each ends, and what is cut or contradicts
// itself; the bytes are as other programs write them.
#include "wire/testing.h"

#include "wire/carrier.h"
#include "wire/mpls.h"
#include "wire/ppp.h"
#include "wire/raw.h"
#include "wire/registry.h"
#include "wire/rip.h"
#include "wire/text.h"
#include "wire/value.h"
#include "wire/vxlan.h"

// The names of a frame's layers, with "!" where one is cut or malformed.
static const char *layers(const struct sok_proto *first, const uint8_t *p, size_t len)
{
    static char out[200];
    struct sok_text t = sok_text(out, sizeof out);
    struct sok_layer l[SOK_LAYERS_MAX];
    unsigned count = sok_dissect(first, p, len, l);
    for (unsigned i = 0; i < count; i++)
        sok_text_add(&t, "%s%s%s", i ? "/" : "", l[i].proto ? l[i].proto->name : "-",
            l[i].cut || l[i].malformed ? "!" : "");
    return out;
}

#define IP4  0x45, 0, 0, 20, 0, 1, 0, 0, 64, 59, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2
#define MACS 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1
#define IS(first, text, ...)                                                                       \
    do {                                                                                           \
        static const uint8_t frame_[] = {__VA_ARGS__};                                             \
        assert_string_equal(layers(first, frame_, sizeof frame_), text);                           \
    } while (0)

static void links(void **state)
{
    (void)state;
    IS(&sok_proto_eth, "Dot3/LLC/STP", MACS, 0, 38, 0x42, 0x42, 3, 0, 0, 0, 0, 0, 0x80, 0, 2, 0, 0,
        0, 0, 1, 0, 0, 0, 4, 0x80, 0, 2, 0, 0, 0, 0, 1, 0x80, 1, 1, 0, 20, 0, 2, 0, 15, 0, 0, 0, 0);
    IS(&sok_proto_eth, "Dot3/LLC/SNAP/IP", MACS, 0, 28, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0, IP4);
    IS(&sok_proto_eth, "Dot3!/LLC", MACS, 0, 28, 0xaa, 0xaa, 2);
    IS(&sok_proto_sll, "CookedLinux/IP", 0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0, IP4);
    IS(&sok_proto_sll2, "CookedLinuxV2/IP", 8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0,
        0, IP4);
    IS(&sok_proto_loopback, "Loopback/IP", 2, 0, 0, 0, IP4);
    IS(&sok_proto_loopback, "Loopback/IP", 0, 0, 0, 2, IP4);
    IS(&sok_proto_loopback, "Loopback/-", 7, 0, 0, 0, 1);
    IS(&sok_proto_ppp, "HDLC/PPP/IP", 0xff, 3, 0, 0x21, IP4);
    IS(&sok_proto_ppp, "PPP/IP", 0x21, IP4);
    IS(&sok_proto_ppp, "PPP!", 0);
}

static void tunnels(void **state)
{
    (void)state;
    IS(&sok_proto_gre, "GRE/IP", 0, 0, 8, 0, IP4);
    IS(&sok_proto_gre, "GRE/IP", 0xb0, 0, 8, 0, 1, 2, 0, 0, 0, 0, 0, 7, 0, 0, 0, 9, IP4);
    IS(&sok_proto_gre, "GRE!", 0xb0, 0, 8, 0, 1, 2, 0, 0, 0, 0, 0, 7, 0, 0, 0);
    IS(&sok_proto_gre, "GRE/-", 0x40, 0, 8, 0, 0, 0, 0, 0, IP4); // routes
    IS(&sok_proto_gre, "GRE/Ether/IP", 0, 0, 0x65, 0x58, MACS, 8, 0, IP4);
    IS(&sok_proto_vxlan, "VXLAN/Ether/IP", 8, 0, 0, 0, 0, 0, 42, 0, MACS, 8, 0, IP4);
    IS(&sok_proto_vxlan, "VXLAN/IP", 12, 0, 0, 1, 0, 0, 42, 0, IP4);
    IS(&sok_proto_vxlan, "VXLAN/-", 12, 0, 0, 9, 0, 0, 42, 0, IP4);
    IS(&sok_proto_eth, "Ether/MPLS/MPLS/IP", MACS, 0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64, IP4);
    IS(&sok_proto_mpls, "MPLS!", 0, 1, 0, 64);
    IS(&sok_proto_mpls, "MPLS/EoMCW/Ether/IP", 0, 1, 1, 64, 0, 0, 0, 0, MACS, 8, 0, IP4);
    IS(&sok_proto_eth, "Ether/PPPoE/PPP/IP", MACS, 0x88, 0x64, 0x11, 0, 0, 1, 0, 22, 0, 0x21, IP4,
        0, 0);
    IS(&sok_proto_eth, "Ether/PPPoE!/PPP", MACS, 0x88, 0x64, 0x11, 0, 0, 1, 0, 22, 0, 0x21);
    IS(&sok_proto_eth, "Ether/PPPoED/PPPoED_Tags", MACS, 0x88, 0x63, 0x11, 9, 0, 0, 0, 8, 1, 1, 0,
        0, 1, 3, 0, 0);
}

static void routes(void **state)
{
    (void)state;
    IS(&sok_proto_rip, "RIP/RIPEntry/RIPEntry", 2, 2, 0, 0, 0, 2, 0, 0, 192, 0, 2, 0, 255, 255, 255,
        0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16);
    IS(&sok_proto_rip, "RIP/-", 2, 2, 0, 0, 255, 255, 0, 2, 's', 'e', 'c', 'r', 'e', 't', 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0);
}

// Whatever the bytes, nothing outside is read and the layers lie within them.
static void anything(void **state)
{
    struct rng r = {11};
    const struct sok_proto *proto;
    (void)state;
    for (unsigned run = 0; run < 4000; run++) {
        size_t len = rng_below(&r, 60);
        uint8_t *p = malloc(len + 1);
        struct sok_layer l[SOK_LAYERS_MAX];
        rng_fill(&r, p, len);
        for (unsigned i = 0; (proto = sok_proto_at(i)) && proto != &sok_proto_raw; i++) {
            unsigned count = sok_dissect(proto, p, len, l);
            for (unsigned k = 0; k < count; k++)
                assert_true(l[k].off + l[k].header + l[k].payload <= len);
        }
        free(p);
    }
}

// ---- numbers with a fraction ----

static char said[200];

static bool put(const struct sok_field *row, const char *text, uint8_t *p)
{
    struct sok_text why = sok_text(said, sizeof said);
    struct sok_item item = sok_item_text(text);
    return sok_value_put(row, p, &item, &why);
}

static const char *shown(const struct sok_field *row, const uint8_t *p)
{
    static char out[64];
    struct sok_text t = sok_text(out, sizeof out);
    sok_text_add_fixed(&t, sok_field_get(row, p), row->bits);
    return out;
}

static void fractions(void **state)
{
    const struct sok_field *age = sok_proto_field(&sok_proto_stp, "age");
    struct sok_text why = sok_text(said, sizeof said);
    struct sok_item twenty = sok_item_number(20), large = sok_item_number(256);
    uint8_t p[64] = {0};
    (void)state;
    assert_true(put(age, "20.5", p));
    assert_int_equal(sok_field_get(age, p), 20 * 256 + 128);
    assert_string_equal(shown(age, p), "20.5");
    assert_true(put(age, "0.001", p)); // rounded: no 1/256
    assert_string_equal(shown(age, p), "0");
    assert_true(put(age, "0.999", p));
    assert_string_equal(shown(age, p), "1");
    assert_true(put(age, "255.9999", p)); // not past the end
    assert_int_equal(sok_field_get(age, p), 0xffff);
    assert_true(sok_value_put(age, p, &twenty, &why));
    assert_string_equal(shown(age, p), "20");
    assert_false(sok_value_put(age, p, &large, &why));
    assert_string_equal(said, "256 is too large (below 256)");
    assert_false(put(age, "1.x", p));
    assert_string_equal(said, "'1.x' is no number (20 or 20.5)");
    assert_false(put(age, ".", p));
}

// What is shown is read as the same number, of any width.
static void fractions_come_back(void **state)
{
    struct rng r = {12};
    (void)state;
    for (unsigned run = 0; run < 30000; run++) {
        static const uint32_t widths[] = {16, 32, 64};
        struct sok_field row = {.name = "x", .bits = widths[run % 3], .as = SOK_AS_FIXED};
        uint8_t p[8] = {0}, q[8] = {0};
        rng_fill(&r, p, row.bits / 8);
        assert_true(put(&row, shown(&row, p), q));
        assert_memory_equal(p, q, sizeof p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links),
        cmocka_unit_test(tunnels),
        cmocka_unit_test(routes),
        cmocka_unit_test(anything),
        cmocka_unit_test(fractions),
        cmocka_unit_test(fractions_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
