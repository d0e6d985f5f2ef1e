// What the measuring programs share: the clock, the request to the peer, and figures as one JSON line.
//
// A client connects to the peer (bench/peer.c) and sends a request of 8 bytes: "SKB", a mode, and the
// time in ms (big-endian). What follows depends on the mode.
#ifndef SOK_BENCH_COMMON_H
#define SOK_BENCH_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_REQUEST_LEN 8
#define BENCH_REPLY_LEN   16 // bytes received, ns it took (big-endian)
#define BENCH_CHUNK       262144

enum bench_mode {
    BENCH_OUT = 'O',  // client sends until it shuts down; the peer answers with its count
    BENCH_IN = 'I',   // the peer sends for the time asked for, then closes
    BENCH_ECHO = 'E', // the peer sends every byte back, sleeping between them
    BENCH_SPIN = 'S', // the same, the peer never sleeps
};

void bench_request(uint8_t out[BENCH_REQUEST_LEN], enum bench_mode mode, uint32_t ms);
bool bench_request_get(const uint8_t in[BENCH_REQUEST_LEN], enum bench_mode *mode, uint32_t *ms);
void bench_put64(uint8_t *p, uint64_t v);
uint64_t bench_get64(const uint8_t *p);

int64_t bench_now(void);
void bench_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

void bench_print_bulk(uint64_t bytes, int64_t ns);
// Round trips: sorted in place, the first tenth left out as warm-up.
#define BENCH_RTTS_MAX 4000000
void bench_print_rtts(int64_t *rtts, size_t count);

#endif
