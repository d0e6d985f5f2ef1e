// For unit tests: two hosts in one process, joined by a wire in memory, under virtual time.
#ifndef SOK_HOST_TESTING_H
#define SOK_HOST_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sockeye/socket.h>

struct pair {
    struct sok_host *a, *b;
    struct sok_socket *listener; // on b, port 80
    struct sok_endpoint to_b;
};

static inline void pair_make(struct pair *p, const char *impair)
{
    char err[SOK_HOST_ERR_MAX] = "";
    struct sok_host_config config;
    sok_host_config_default(&config);
    config.virtual_time = true;
    config.start_ns = 1000000000;
    config.has_seed = true;
    config.seed = 1;
    *p = (struct pair){0};
    assert_int_equal(sok_host_new(&config, &p->a, err), 0);
    config.seed = 2;
    assert_int_equal(sok_host_new(&config, &p->b, err), 0);
    struct sok_host_link la = {
        .size = sizeof(la),
        .addrs = (const char *const[]){"192.0.2.1/24", NULL},
        .impair = impair,
    };
    struct sok_host_link lb = {
        .size = sizeof(lb),
        .addrs = (const char *const[]){"192.0.2.2/24", NULL},
    };
    if (sok_host_link_pair(p->a, &la, p->b, &lb, err) < 0)
        fail_msg("%s", err);
    p->to_b = (struct sok_endpoint){.addr = sok_addr_v4(0xc0000202), .port = 80};
    struct sok_endpoint any = {.addr = sok_addr_v4(0), .port = 80};
    assert_int_equal(sok_socket(p->b, SOK_STREAM, &p->listener), 0);
    assert_int_equal(sok_bind(p->listener, &any), 0);
    assert_int_equal(sok_listen(p->listener, 16), 0);
}

static inline void pair_free(struct pair *p)
{
    sok_host_free(p->a);
    sok_host_free(p->b);
}

// Steps both for so much virtual time, or until nothing is left to do.
static inline void pair_run(struct pair *p, int64_t ns)
{
    int64_t end = sok_host_now(p->a) + ns;
    for (unsigned i = 0; i < 1000000; i++) {
        int64_t left = end - sok_host_now(p->a);
        if (left <= 0 || sok_host_step(p->a, left) == 0)
            return;
    }
    fail_msg("the hosts never come to rest");
}

static inline struct sok_socket *pair_connect(struct pair *p)
{
    struct sok_socket *s;
    assert_int_equal(sok_socket(p->a, SOK_STREAM, &s), 0);
    assert_int_equal(sok_connect(s, &p->to_b), SOK_EINPROGRESS);
    return s;
}

static inline struct sok_socket *pair_accept(struct pair *p)
{
    struct sok_socket *s = NULL;
    assert_int_equal(sok_accept(p->listener, &s), 0);
    return s;
}

#endif
