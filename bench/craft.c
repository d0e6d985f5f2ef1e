// How fast packets are made and taken apart, from C: a line each, packets per second.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "craft/packet.h"

#define ROUNDS 300000
#define ROOM   2048

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void give(struct sok_packet *p, unsigned layer, const char *name, struct sok_item value)
{
    struct sok_slot slot;
    struct sok_craft_error e;
    if (!sok_packet_slot(p, layer, name, &slot) || sok_packet_set(p, layer, &slot, &value, &e) != 0)
        exit(1);
}

static struct sok_packet *make(const struct sok_book *book, unsigned port)
{
    static const char *const names[] = {"Ether", "IP", "TCP"};
    struct sok_packet *p = sok_packet_new(book);
    for (unsigned i = 0; i < 3; i++) {
        if (!p || sok_packet_push(p, sok_book_find(book, names[i])) < 0)
            exit(1);
    }
    give(p, 1, "src", sok_item_text("192.0.2.2"));
    give(p, 1, "dst", sok_item_text("192.0.2.1"));
    give(p, 2, "dport", sok_item_number(port));
    give(p, 2, "flags", sok_item_text("PA"));
    if (sok_packet_push_bytes(p, "hello", 5) < 0)
        exit(1);
    return p;
}

static void report(const char *what, double seconds)
{
    printf("%-44s %9.0f packets/s\n", what, ROUNDS / seconds);
}

static uint64_t read_all(const struct sok_packet *p)
{
    struct sok_slot slot;
    struct sok_item item;
    uint64_t sum = 0, v;
    _Alignas(struct sok_item) uint8_t memory[1024];
    for (unsigned i = 0; i < sok_packet_count(p); i++) {
        for (unsigned k = 0; sok_packet_slot_at(p, i, k, &slot); k++) {
            struct sok_items items = sok_items(memory, sizeof memory);
            if (sok_packet_number(p, i, &slot, &v))
                sum += v;
            else if (sok_packet_get(p, i, &slot, &items, &item) == 0)
                sum += item.count;
        }
    }
    return sum;
}

int main(void)
{
    struct sok_mem mem = sok_mem_libc();
    struct sok_book *book = sok_book_new(&mem);
    uint8_t bytes[ROOM];
    uint64_t sum = 0;
    int len = 0;
    if (!book)
        return 1;
    double start = now();
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct sok_packet *p = make(book, i & 0xffff);
        len = sok_packet_build(p, 0, NULL, bytes, sizeof bytes);
        sok_packet_free(p);
    }
    report("Ether/IP/TCP/Raw made by names and built", now() - start);
    start = now();
    for (unsigned i = 0; i < ROUNDS && len > 0; i++) {
        struct sok_packet *p;
        if (sok_packet_dissect(book, sok_book_find(book, "Ether"), bytes, (size_t)len, &p) != 0)
            return 1;
        sum += read_all(p);
        sok_packet_free(p);
    }
    report("the same dissected, every field read", now() - start);
    sok_book_free(book);
    return sum == 0;
}
