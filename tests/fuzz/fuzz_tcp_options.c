// Any bytes as TCP options: bounded, and what was read and is written again reads the same.
#include <string.h>
#include "tests/fuzz/must.h"
#include "wire/tcp_options.h"

size_t fuzz_sample(uint64_t seed, uint8_t *out, size_t room)
{
    static const uint8_t some[] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7,
        1, 1, 5, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    size_t from = seed % 3 * 4, len = sizeof(some) - from;
    (void)room;
    memcpy(out, some + from, len);
    return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sok_tcp_opts o, again;
    uint8_t out[SOK_TCP_OPTIONS_MAX];
    sok_tcp_opts_get(data, size, &o);
    must(o.sack_count <= SOK_TCP_SACKS_MAX);
    size_t len = sok_tcp_opts_put(out, &o);
    must(len % 4 == 0 && len <= sizeof(out));
    must(sok_tcp_opts_get(out, len, &again));
    must(
        again.has_mss == o.has_mss && again.has_wscale == o.has_wscale && again.has_ts == o.has_ts);
    must(again.sack_ok == o.sack_ok && again.mss == o.mss && again.wscale == o.wscale);
    must(again.tsval == o.tsval && again.tsecr == o.tsecr && again.unknown == 0);
    must(again.has_cookie <= o.has_cookie && again.cookie_len <= o.cookie_len);
    must(memcmp(again.cookie, o.cookie, again.cookie_len) == 0);
    must(again.sack_count <= o.sack_count);
    must(memcmp(again.sack, o.sack, again.sack_count * sizeof(o.sack[0])) == 0);
    return 0;
}
