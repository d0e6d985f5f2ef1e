// The main of a fuzz target where libFuzzer is not linked: so that every build runs every target.
//   fuzz_X                    random inputs: how many by SOK_TIER, from the seed SOK_SEED
//   fuzz_X FILE...            these inputs (what a fuzzer found)
//   fuzz_X --samples DIR      writes sound inputs to DIR, for a fuzzer to begin with
// A target that has sound inputs defines fuzz_sample(); three of four random inputs are then mutations of those.
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX 4096
#define SAMPLES   12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
// A sound input, another one for another seed; its length.
size_t fuzz_sample(uint64_t seed, uint8_t *out, size_t room) __attribute__((weak));

static uint64_t state;

static uint64_t rnd(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static size_t mutate(uint8_t *p, size_t len)
{
    static const uint8_t edges[] = {0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 0x45, 0x7f, 0x80, 0xfe, 0xff};
    for (unsigned n = (unsigned)(rnd() % 5); n > 0 && len > 0; n--) {
        size_t at = rnd() % 2 ? rnd() % len : rnd() % (len < 64 ? len : 64);
        switch (rnd() % 4) {
        case 0:
            p[at] ^= (uint8_t)(1 << rnd() % 8);
            break;
        case 1:
            p[at] = edges[rnd() % sizeof(edges)];
            break;
        case 2:
            p[at] = (uint8_t)rnd();
            break;
        default:
            len = rnd() % 4 ? len : rnd() % (len + 1);
            break;
        }
    }
    return len;
}

// In a block of just its size, so that a sanitizer sees a byte too many.
static void run(const uint8_t *p, size_t len)
{
    uint8_t *exact = malloc(len ? len : 1);
    if (!exact)
        exit(1);
    memcpy(exact, p, len);
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
}

static void run_random(uint64_t seed)
{
    uint8_t input[INPUT_MAX];
    size_t len;
    state = seed;
    if (fuzz_sample && rnd() % 4) {
        len = mutate(input, fuzz_sample(rnd(), input, sizeof(input)));
    } else {
        len = rnd() % (rnd() % 4 ? 200 : INPUT_MAX);
        for (size_t i = 0; i < len; i++)
            input[i] = (uint8_t)rnd();
    }
    run(input, len);
}

static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        fprintf(stderr, "fuzz: %s: %s\n", path, strerror(errno));
        return 1;
    }
    size_t len = 0, cap = 1 << 24;
    uint8_t *all = malloc(cap);
    if (all) {
        len = fread(all, 1, cap, f);
        run(all, len);
        printf("%s: %zu bytes\n", path, len);
    }
    free(all);
    fclose(f);
    return !all;
}

static int write_samples(const char *directory)
{
    for (unsigned i = 0; fuzz_sample && i < SAMPLES; i++) {
        uint8_t input[INPUT_MAX];
        char path[1024];
        size_t len = fuzz_sample(rnd(), input, sizeof(input));
        snprintf(path, sizeof(path), "%s/%02u", directory, i);
        FILE *f = fopen(path, "wb");
        if (!f || fwrite(input, 1, len, f) < len || fclose(f) != 0) {
            fprintf(stderr, "fuzz: %s: %s\n", path, strerror(errno));
            return 1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *tier = getenv("SOK_TIER"), *first = getenv("SOK_SEED");
    unsigned long runs = FUZZ_RUNS;
    if (argc == 3 && strcmp(argv[1], "--samples") == 0)
        return write_samples(argv[2]);
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed += run_file(argv[i]);
    if (argc > 1)
        return failed != 0;
    if (tier && strcmp(tier, "full") == 0)
        runs *= 50;
    else if (tier && strcmp(tier, "quick") == 0)
        runs /= 4;
    uint64_t seed = (first ? strtoull(first, NULL, 10) : 1) * 1000003;
    for (unsigned long i = 0; i < runs; i++)
        run_random(seed + i);
    printf("ok - %lu inputs\n", runs);
    return 0;
}
