// The core alone, without an operating system or a C library: two stacks in somebody else's loop, which carries the
// frames from one to the other and makes the time pass. One asks over TCP, the other answers in upper case.
#include "bare_core.h"
#include "stack/stack.h"

#define MEMORY (512 * 1024)

// Memory from one array. Blocks have the sizes of powers of two, and what is given back waits for the next of its size.
static _Alignas(16) uint8_t memory[MEMORY];
static size_t used;
static void *spare[32];

static void *resize(void *ctx, void *old, size_t old_size, size_t size)
{
    (void)ctx;
    unsigned was = 5, is = 5;
    while (old_size > (size_t)1 << was)
        was++;
    while (size > (size_t)1 << is)
        is++;
    if (old && size > 0 && is == was)
        return old;
    void *block = size > 0 ? spare[is] : NULL;
    if (block) {
        spare[is] = *(void **)block;
    } else if (size > 0 && (size_t)1 << is <= MEMORY - used) {
        block = memory + used;
        used += (size_t)1 << is;
    }
    if (block && old)
        memcpy(block, old, old_size < size ? old_size : size);
    if (old && (block || size == 0)) {
        *(void **)old = spare[was];
        spare[was] = old;
    }
    return block;
}

static struct sok_stack *stack_new(uint8_t number)
{
    struct sok_stack *stack;
    struct sok_stack_config config;
    struct sok_link_info wire = {
        "wire", {2, 0, 0, 0, 0, number}, .mtu = 1500, .caps = SOK_LINK_POINT};
    sok_stack_config_default(&config);
    config.mem = (struct sok_mem){.resize = resize};
    config.seed[0] = number; // a real board takes 16 bytes that nobody can guess
    if (sok_stack_new(&config, &stack) != 0 || sok_stack_link_add(stack, &wire) != 1 ||
        sok_stack_addr_add(stack, 1, sok_addr_v4(0xc0000200U + number), 24) != 0)
        return NULL;
    return stack;
}

// All that one has to say to the other, a frame at a time; a driver would hand the pieces to its device.
static void carry(struct sok_stack *from, struct sok_stack *to, int64_t now)
{
    uint8_t frame[1518];
    struct sok_frame_out out;
    while (sok_stack_output(from, 1, now, &out)) {
        size_t len = 0;
        for (unsigned i = 0; i < out.iov_count; len += out.iov[i++].len)
            memcpy(frame + len, out.iov[i].base, out.iov[i].len);
        sok_stack_input_bytes(to, 1, frame, len, now);
    }
    sok_stack_advance(from, now);
}

int bare_main(void)
{
    bool asked = false;
    struct sok_stack *a = stack_new(1), *b = stack_new(2);
    struct sok_endpoint server = {.addr = sok_addr_v4(0xc0000202), .port = 7};
    struct sok_tcp_listener *listener;
    struct sok_tcp_conn *asks, *answers = NULL;
    char text[32], back[32] = "";
    if (!a || !b || sok_stack_listen(b, &server, 4, 0, &listener) != 0 ||
        sok_stack_connect(a, NULL, &server, 0, &asks) != 0)
        return 1;
    struct sok_iov question = {(const uint8_t *)"sockeye", 7};
    for (int64_t now = 0; now < 1000000000; now += 1000000) { // a timer that ticks each millisecond
        carry(a, b, now);
        carry(b, a, now);
        asked = asked || sok_tcp_send(asks, &question, 1, now) > 0; // once there is a connection
        if (!answers && sok_tcp_accept(listener, now, &answers) != 0)
            continue;
        int64_t n = sok_tcp_recv(answers, text, sizeof(text), now);
        for (int64_t i = 0; i < n; i++)
            text[i] = (char)(text[i] & ~32);
        if (n > 0 &&
            sok_tcp_send(answers, &(struct sok_iov){(uint8_t *)text, (size_t)n}, 1, now) != n)
            return 2;
        if (sok_tcp_recv(asks, back, sizeof(back) - 1, now) == 7) {
            board_say(back);
            return 0;
        }
    }
    return 4;
}
