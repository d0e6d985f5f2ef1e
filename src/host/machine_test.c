// In a network namespace of this process's own, against what `ip -j` says of it.
#include "host/machine.h"
#include <errno.h>
#include <jansson.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// After the above:
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "host/host.h"

static char not_here[128];

static int start(void **state)
{
    (void)state;
    if (unshare(CLONE_NEWNET) < 0)
        snprintf(not_here, sizeof(not_here), "no private network namespace: %s", strerror(errno));
    else if (system("ip link set lo up && ip link add skm0 type veth peer name skm1 && "
                    "ip link set skm0 mtu 1400 address 02:00:00:00:00:07 up && "
                    "ip link set skm1 up && ip link add skm2 type bridge && "
                    "ip addr add 192.0.2.2/24 dev skm0 && ip addr add 192.0.2.3/24 dev skm0 && "
                    "ip addr add 198.51.100.7/32 peer 198.51.100.1 dev skm1 && "
                    "ip -6 addr add 2001:db8::7/64 dev skm0 nodad && "
                    "ip -6 route add default via fe80::9 dev skm0 metric 50 && "
                    "ip route add 203.0.113.0/24 via 192.0.2.9 && "
                    "ip route add default via 192.0.2.254 metric 200 && "
                    "ip route add default via 198.51.100.1 dev skm1 metric 100 && "
                    "ip route add 198.18.0.0/15 via 192.0.2.9 table 7") != 0)
        snprintf(not_here, sizeof(not_here), "no veth pair here");
    return 0;
}

static json_t *ip(const char *what)
{
    char command[64];
    snprintf(command, sizeof(command), "ip -j %s", what);
    FILE *f = popen(command, "re");
    assert_non_null(f);
    json_t *j = json_loadf(f, 0, NULL);
    assert_int_equal(pclose(f), 0);
    assert_non_null(j);
    return j;
}

static const char *text(const json_t *j, const char *key)
{
    return json_string_value(json_object_get(j, key));
}

static unsigned number(const json_t *j, const char *key)
{
    return (unsigned)json_integer_value(json_object_get(j, key));
}

static void read_here(struct sok_machine *m)
{
    char err[SOK_HOST_ERR_MAX] = "";
    if (not_here[0]) {
        print_message("skipped: %s\n", not_here);
        skip();
    }
    assert_int_equal(sok_machine_read(m, err), 0);
    assert_string_equal(err, "");
}

static void interfaces(void **state)
{
    struct sok_machine m;
    (void)state;
    read_here(&m);
    json_t *all = ip("link"), *j;
    size_t n;
    assert_int_equal(m.if_count, json_array_size(all));
    json_array_foreach(all, n, j)
    {
        const struct sok_machine_if *i = sok_machine_if_named(&m, text(j, "ifname"));
        assert_non_null(i);
        assert_ptr_equal(sok_machine_if_at(&m, i->index), i);
        assert_int_equal(i->index, number(j, "ifindex"));
        assert_int_equal(i->mtu, number(j, "mtu"));
        assert_int_equal(i->ethernet, strcmp(text(j, "link_type"), "ether") == 0);
        assert_int_equal(i->up, strcmp(i->name, "skm2") != 0);
        char mac[18];
        snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", i->mac[0], i->mac[1], i->mac[2],
            i->mac[3], i->mac[4], i->mac[5]);
        assert_string_equal(mac, text(j, "address"));
    }
    assert_null(sok_machine_if_named(&m, "nosuch0"));
    assert_null(sok_machine_if_at(&m, 0));
    json_decref(all);
    sok_machine_free(&m);
}

static const struct sok_machine_addr *find_addr(
    const struct sok_machine *m, unsigned if_index, const char *wanted)
{
    struct sok_addr a;
    assert_true(sok_addr_parse(wanted, &a));
    for (unsigned i = 0; i < m->addr_count; i++)
        if (m->addrs[i].if_index == if_index && sok_addr_eq(m->addrs[i].addr, a))
            return &m->addrs[i];
    return NULL;
}

static void addresses(void **state)
{
    struct sok_machine m;
    (void)state;
    read_here(&m);
    json_t *all = ip("addr"), *j, *k;
    size_t n, l;
    unsigned count = 0;
    json_array_foreach(all, n, j)
    {
        json_array_foreach(json_object_get(j, "addr_info"), l, k)
        {
            const struct sok_machine_addr *a =
                find_addr(&m, number(j, "ifindex"), text(k, "local"));
            assert_non_null(a);
            assert_int_equal(a->prefix_len, number(k, "prefixlen"));
            assert_int_equal(a->global, strcmp(text(k, "scope"), "global") == 0);
            assert_int_equal(a->temporary, json_is_true(json_object_get(k, "secondary")));
            count++;
        }
    }
    assert_true(count >= 4);
    assert_int_equal(count, m.addr_count);
    unsigned index = sok_machine_if_named(&m, "skm0")->index;
    assert_ptr_equal(sok_machine_addr_on(&m, false, index), find_addr(&m, index, "192.0.2.2"));
    assert_null(sok_machine_addr_on(&m, false, sok_machine_if_named(&m, "skm2")->index));
    assert_ptr_equal(sok_machine_addr_on(&m, true, index), find_addr(&m, index, "2001:db8::7"));
    json_decref(all);
    sok_machine_free(&m);
}

static void routes(void **state)
{
    struct sok_machine m;
    (void)state;
    read_here(&m);
    json_t *all = ip("-4 route"), *j;
    size_t n;
    unsigned count = 0;
    json_array_foreach(all, n, j)
    {
        const char *gateway = text(j, "gateway"), *dst = text(j, "dst");
        bool found = false;
        for (unsigned i = 0; i < m.route_count && !found; i++) {
            const struct sok_machine_route *r = &m.routes[i];
            char net[SOK_ADDR_TEXT_MAX], via[SOK_ADDR_TEXT_MAX], shown[SOK_ADDR_TEXT_MAX + 4];
            sok_addr_format(r->net, net);
            snprintf(shown, sizeof(shown), r->prefix_len < 32 ? "%s/%u" : "%s", net, r->prefix_len);
            found = strcmp(r->prefix_len ? shown : "default", dst) == 0 &&
                    r->metric == number(j, "metric") &&
                    strcmp(sok_machine_if_at(&m, r->if_index)->name, text(j, "dev")) == 0 &&
                    (gateway ? strcmp(sok_addr_format(r->gateway, via), gateway) == 0
                             : sok_addr_is_any(r->gateway));
        }
        if (!found)
            fail_msg("no route to %s", dst);
        count++;
    }
    for (unsigned i = 0; i < m.route_count; i++)
        count -= sok_addr_is_v4(m.routes[i].net);
    assert_int_equal(count, 0); // another table's is not among them
    unsigned first = sok_machine_if_named(&m, "skm0")->index;
    unsigned second = sok_machine_if_named(&m, "skm1")->index;
    assert_int_equal(sok_machine_default(&m, false, 0)->if_index, second);
    assert_int_equal(sok_machine_default(&m, false, first)->metric, 200);
    assert_null(sok_machine_default(&m, false, sok_machine_if_named(&m, "lo")->index));
    assert_int_equal(sok_machine_default(&m, true, 0)->metric, 50);
    assert_null(sok_machine_default(&m, true, second));
    json_decref(all);
    sok_machine_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interfaces),
        cmocka_unit_test(addresses),
        cmocka_unit_test(routes),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
