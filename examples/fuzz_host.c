// A host inside a fuzz target: frames made of the fuzzer's bytes go to a host that listens, in virtual time, so that
// every run of the same bytes is the same. With libFuzzer: clang -DFUZZER -fsanitize=fuzzer,address fuzz_host.c ...;
// without, it runs over bytes from a seed:  fuzz_host [RUNS [SEED]]
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sockeye/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int64_t result)
{
    if (result < 0)
        abort();
}

static struct sok_host *host_new(void)
{
    struct sok_host *host;
    struct sok_host_config config;
    sok_host_config_default(&config);
    config.virtual_time = true;
    config.has_seed = true;
    must(sok_host_new(&config, &host, NULL));
    return host;
}

static void listen_on(struct sok_host *host, enum sok_socket_type type, struct sok_socket **s)
{
    struct sok_endpoint any = {.port = 7};
    must(sok_socket(host, type, s));
    must(sok_bind(*s, &any));
    if (type == SOK_STREAM)
        must(sok_listen(*s, 4));
}

// Each frame: a byte that says how long, then that much; its Ethernet header is made right, so that it is looked at.
static void send_frames(
    struct sok_socket *wire, struct sok_host *tested, const uint8_t *p, size_t left)
{
    struct sok_packet_addr to = {.link = 1, .mac = {2, 0, 0, 0, 0, 2}};
    static const uint16_t types[] = {0x0800, 0x0806, 0x86dd, 0x8100};
    while (left > 2) {
        size_t len = p[0] < left - 2 ? p[0] : left - 2;
        to.type = types[p[1] % 4];
        sok_packet_sendto(wire, p + 2, len, &to);
        p += 2 + len;
        left -= 2 + len;
        must(sok_host_step(tested, 1000000));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *const addrs[] = {"192.0.2.2/24", NULL}, *const others[] = {"192.0.2.1/24", NULL};
    struct sok_host *peer = host_new(), *tested = host_new();
    struct sok_host_link lp = {.size = sizeof(lp), .addrs = others, .mac = "02:00:00:00:00:01"};
    struct sok_host_link lt = {.size = sizeof(lt), .addrs = addrs, .mac = "02:00:00:00:00:02"};
    must(sok_host_link_pair(peer, &lp, tested, &lt, NULL));
    struct sok_socket *wire, *stream, *datagrams, *s;
    must(sok_socket_packet(peer, 0, 1, &wire));
    listen_on(tested, SOK_STREAM, &stream);
    listen_on(tested, SOK_DGRAM, &datagrams);
    send_frames(wire, tested, data, size);
    must(sok_host_step(tested, 1000000000));
    char got[2048];
    while (sok_recv(datagrams, got, sizeof(got)) >= 0)
        ;
    while (sok_accept(stream, &s) == 0)
        sok_close(s);
    sok_host_free(tested);
    sok_host_free(peer);
    return 0;
}

#ifndef FUZZER
int main(int argc, char **argv)
{
    uint64_t state = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    int runs = argc > 1 ? atoi(argv[1]) : 200;
    for (int i = 0; i < runs; i++) {
        uint8_t data[600];
        for (size_t j = 0; j < sizeof(data); j++) {
            state = state * 6364136223846793005U + 1442695040888963407U;
            data[j] = (uint8_t)(state >> 56);
        }
        LLVMFuzzerTestOneInput(data, sizeof(data));
    }
    printf("%d runs\n", runs);
    return 0;
}
#endif
