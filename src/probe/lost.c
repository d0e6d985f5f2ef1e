// Read first: proc_net(5) of /proc/net/dev; softnet_seq_show() of the kernel (net/core/net-procfs.c) for
// /proc/net/softnet_stat, which no page describes.
#include "probe/lost.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE 512
// Numbers of a line.
#define CPU_DROPPED    1
#define CPU_FLOW_LIMIT 10
#define CPU_WAITING    11
#define DEVICE_IN      3
#define DEVICE_IN_FIFO 4
#define DEVICE_OUT     11
#define NUMBERS_MAX    16

// Those that are not there are 0.
static void read_numbers(const char *text, int base, uint64_t numbers[NUMBERS_MAX])
{
    char *end;
    memset(numbers, 0, NUMBERS_MAX * sizeof(*numbers));
    for (unsigned i = 0; i < NUMBERS_MAX; i++) {
        numbers[i] = strtoull(text, &end, base);
        if (end == text)
            return;
        text = end;
    }
}

void sok_lost_add_cpu(struct sok_lost *to, const char *line)
{
    uint64_t n[NUMBERS_MAX];
    read_numbers(line, 16, n);
    to->backlog += n[CPU_DROPPED] + n[CPU_FLOW_LIMIT];
    to->waiting += n[CPU_WAITING];
}

void sok_lost_add_device(struct sok_lost *to, const char *line)
{
    uint64_t n[NUMBERS_MAX];
    const char *colon = strchr(line, ':');
    if (!colon)
        return;
    read_numbers(colon + 1, 10, n);
    to->in += n[DEVICE_IN] + n[DEVICE_IN_FIFO];
    to->out += n[DEVICE_OUT];
}

static void add_lines(
    struct sok_lost *to, const char *path, void (*add)(struct sok_lost *, const char *))
{
    char line[LINE_SIZE];
    FILE *f = fopen(path, "re");
    if (!f)
        return;
    while (fgets(line, sizeof(line), f))
        add(to, line);
    fclose(f);
}

void sok_lost_read(struct sok_lost *out)
{
    *out = (struct sok_lost){0};
    add_lines(out, "/proc/net/softnet_stat", sok_lost_add_cpu);
    add_lines(out, "/proc/net/dev", sok_lost_add_device);
}

// An interface that went away took its count with it.
static uint64_t more(uint64_t then, uint64_t now)
{
    return now > then ? now - then : 0;
}

struct sok_lost sok_lost_since(const struct sok_lost *then, const struct sok_lost *now)
{
    return (struct sok_lost){.backlog = more(then->backlog, now->backlog),
        .in = more(then->in, now->in),
        .out = more(then->out, now->out),
        .waiting = now->waiting};
}
