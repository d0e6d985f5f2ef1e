// What a stack holds in memory: an empty one, its listeners, its connections that have nothing to do. Two stacks are
// joined by copying frames; every allocation is counted. Prints one line each, for tools/sizes; fails when a connection
// that has been idle still holds a buffer.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "stack/stack.h"

#define CONNECTIONS 1000
#define LISTENERS   100
#define IDLE_MOST   8192 // bytes an end: far below one buffer of data
#define MS          INT64_C(1000000)

struct end {
    struct sok_stack *stack;
    struct sok_mem_counter memory;
};

static void end_make(struct end *e, uint8_t number)
{
    struct sok_stack_config config;
    struct sok_link_info link = {.name = "wire", .mtu = 1500, .caps = SOK_LINK_POINT};
    link.mac[0] = 2;
    link.mac[5] = number;
    e->memory = (struct sok_mem_counter){.under = sok_mem_libc()};
    sok_stack_config_default(&config);
    config.mem = sok_mem_counting(&e->memory);
    config.seed[0] = number;
    if (sok_stack_new(&config, &e->stack) != 0 || sok_stack_link_add(e->stack, &link) != 1 ||
        sok_stack_addr_add(e->stack, 1, sok_addr_v4(0xc0000200U + number), 24) != 0)
        exit(1);
}

static void carry(struct end *from, struct end *to, int64_t now)
{
    static uint8_t frame[2048];
    struct sok_frame_out out;
    while (sok_stack_output(from->stack, 1, now, &out)) {
        size_t len = 0;
        for (unsigned i = 0; i < out.iov_count; len += out.iov[i++].len)
            memcpy(frame + len, out.iov[i].base, out.iov[i].len);
        sok_stack_input_bytes(to->stack, 1, frame, len, now);
    }
    sok_stack_advance(from->stack, now);
}

static int64_t pass(struct end *a, struct end *b, int64_t now, int64_t time)
{
    for (int64_t end = now + time; now < end; now += MS) {
        carry(a, b, now);
        carry(b, a, now);
    }
    return now;
}

// Each connection carries something both ways, and then has nothing to do.
static void talk(struct sok_tcp_conn *c, int64_t now)
{
    uint8_t text[2000] = {0};
    struct sok_iov iov = {text, sizeof(text)};
    if (sok_tcp_send(c, &iov, 1, now) != (int64_t)sizeof(text))
        exit(1);
}

int main(void)
{
    static struct sok_tcp_conn *conn[CONNECTIONS], *other[CONNECTIONS];
    struct end a, b;
    uint8_t text[4096];
    int64_t now = MS;
    end_make(&a, 1);
    end_make(&b, 2);
    printf("stack %zu\n", b.memory.bytes);
    size_t before = b.memory.bytes;
    struct sok_tcp_listener *listener = NULL;
    for (uint16_t i = 0; i < LISTENERS; i++) {
        struct sok_endpoint local = {.port = (uint16_t)(7 + i)};
        if (sok_stack_listen(b.stack, &local, CONNECTIONS, now,
                i ? &(struct sok_tcp_listener *){0} : &listener) != 0)
            return 1;
    }
    printf("listener %zu\n", (b.memory.bytes - before) / LISTENERS);
    before = a.memory.bytes + b.memory.bytes;
    struct sok_endpoint to = {.addr = sok_addr_v4(0xc0000202), .port = 7};
    for (int i = 0; i < CONNECTIONS; i++) {
        if (sok_stack_connect(a.stack, NULL, &to, now, &conn[i]) != 0)
            return 1;
        now = pass(&a, &b, now, 5 * MS);
        if (sok_tcp_accept(listener, now, &other[i]) != 0)
            return 1;
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        talk(conn[i], now);
        talk(other[i], now);
    }
    now = pass(&a, &b, now, 1000 * MS);
    for (int i = 0; i < CONNECTIONS; i++)
        if (sok_tcp_recv(conn[i], text, sizeof(text), now) != 2000 ||
            sok_tcp_recv(other[i], text, sizeof(text), now) != 2000)
            return 1;
    pass(&a, &b, now, 5000 * MS);
    size_t idle = (a.memory.bytes + b.memory.bytes - before) / (2 * CONNECTIONS);
    printf("connection %zu\n", idle);
    sok_stack_free(a.stack);
    sok_stack_free(b.stack);
    if (idle > IDLE_MOST || a.memory.bytes || b.memory.bytes) {
        printf("too much: %zu an idle end, %zu left at the end\n", idle,
            a.memory.bytes + b.memory.bytes);
        return 1;
    }
    return 0;
}
