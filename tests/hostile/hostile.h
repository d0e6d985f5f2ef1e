// The cases: each injects what a hostile or broken peer might send and says what must come of it. After
// each one the runner sends a good probe, closes everything and counts the memory.
#ifndef TESTS_HOSTILE_HOSTILE_H
#define TESTS_HOSTILE_HOSTILE_H

#include <stdio.h>
#include "tests/hostile/lab.h"

struct hostile_case {
    const char *name;
    void (*run)(struct lab *l, struct flow *good); // good: an open connection, left as it is
    lab_config_fn *change;
};

extern const struct hostile_case cases_ip[], cases_ip6[], cases_icmp[], cases_options[],
    cases_open[], cases_live[], cases_data[], cases_cut[],
    cases_flood[]; // each ends with a NULL name

#define EXPECT(l, condition, ...)                                                                  \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            char expect_text[200];                                                                 \
            snprintf(expect_text, sizeof(expect_text), __VA_ARGS__);                               \
            lab_fail(l, "%s:%d: %s", __FILE__, __LINE__, expect_text);                             \
            return;                                                                                \
        }                                                                                          \
    } while (0)

// Injects l->packet; nothing may be sent at once, nor in the 10 ms after.
void expect_silence(struct lab *l, const char *what);
// Counts of what was got.
unsigned got_flags(const struct lab *l, uint16_t flags); // TCP segments with just these flags
const struct got *got_only(const struct lab *l);         // NULL unless there is exactly one frame

static inline struct ip_fields from_peer(void)
{
    return (struct ip_fields){.src = LAB_PEER, .dst = LAB_ADDR};
}

// A valid packet of each kind, for mangling: SYN, data with options, FIN, UDP, echo request.
enum kind { KIND_SYN, KIND_DATA, KIND_FIN, KIND_UDP, KIND_ECHO, KIND_COUNT };
void make_kind(struct packet *p, enum kind k, const struct flow *good);

#endif
