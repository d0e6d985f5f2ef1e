#include "common.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void bench_put64(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (56 - 8 * i));
}

uint64_t bench_get64(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | p[i];
    return v;
}

void bench_request(uint8_t out[BENCH_REQUEST_LEN], enum bench_mode mode, uint32_t ms)
{
    memcpy(out, "SKB", 3);
    out[3] = (uint8_t)mode;
    for (int i = 0; i < 4; i++)
        out[4 + i] = (uint8_t)(ms >> (24 - 8 * i));
}

bool bench_request_get(const uint8_t in[BENCH_REQUEST_LEN], enum bench_mode *mode, uint32_t *ms)
{
    *mode = (enum bench_mode)in[3];
    *ms = 0;
    for (int i = 0; i < 4; i++)
        *ms = *ms << 8 | in[4 + i];
    return memcmp(in, "SKB", 3) == 0 && memchr("OIES", in[3], 4) && *ms <= 600000;
}

int64_t bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void bench_die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

void bench_print_bulk(uint64_t bytes, int64_t ns)
{
    printf("{\"bytes\": %llu, \"seconds\": %.6f, \"gbit\": %.4f}\n", (unsigned long long)bytes,
        (double)ns / 1e9, (double)bytes * 8 / (double)ns);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void bench_print_rtts(int64_t *rtts, size_t count)
{
    size_t skip = count / 10;
    rtts += skip;
    count -= skip;
    if (count == 0)
        bench_die("no round trip was made");
    qsort(rtts, count, sizeof(*rtts), by_value);
    printf("{\"count\": %zu, \"p50_us\": %.3f, \"p99_us\": %.3f, \"min_us\": %.3f}\n", count,
        (double)rtts[count / 2] / 1e3, (double)rtts[count - 1 - count / 100] / 1e3,
        (double)rtts[0] / 1e3);
}
