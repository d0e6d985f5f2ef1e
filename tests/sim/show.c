// Events of two stacks as lines, plain on purpose: when the views are under suspicion, this is not them.
#include <string.h>
#include "base/bytes.h"
#include "tests/sim/world.h"

static void show_flags(FILE *f, unsigned flags)
{
    static const char names[] = "FSRPAUEC";
    for (int i = 0; i < 8; i++) {
        if (flags & (1U << i))
            fputc(names[i], f);
    }
}

static void show_options(FILE *f, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len && p[i] != 0;) {
        if (p[i] == 1) {
            i++;
            continue;
        }
        size_t n = i + 1 < len ? p[i + 1] : 0;
        if (n < 2 || i + n > len)
            return;
        if (p[i] == 2 && n == 4)
            fprintf(f, " mss %u", sok_get16(p + i + 2));
        else if (p[i] == 3 && n == 3)
            fprintf(f, " wscale %u", p[i + 2]);
        else if (p[i] == 4)
            fprintf(f, " sackOK");
        else if (p[i] == 8 && n == 10)
            fprintf(f, " ts %u/%u", sok_get32(p + i + 2), sok_get32(p + i + 6));
        else if (p[i] == 5)
            for (size_t k = i + 2; k + 8 <= i + n; k += 8)
                fprintf(f, " sack %u:%u", sok_get32(p + k), sok_get32(p + k + 4));
        i += n;
    }
}

static void show_tcp(
    FILE *f, const struct sok_event_packet *p, const uint8_t *t, size_t left, uint32_t total)
{
    size_t head = (size_t)(t[12] >> 4) * 4;
    uint32_t seq = sok_get32(t + 4), ack = sok_get32(t + 8);
    fprintf(f, "%u>%u ", sok_get16(t), sok_get16(t + 2));
    show_flags(f, t[13]);
    if (p->has_base) {
        seq -= p->seq_base;
        ack -= p->ack_base;
    }
    fprintf(f, " seq %u+%u", seq, total > head ? (unsigned)(total - head) : 0);
    if (t[13] & 0x10)
        fprintf(f, " ack %u", ack);
    fprintf(f, " win %u", (unsigned)sok_get16(t + 14) << p->win_shift);
    if (head > 20 && head <= left)
        show_options(f, t + 20, head - 20);
}

static void show_packet(FILE *f, const struct sok_event_packet *p)
{
    const uint8_t *b = p->snap;
    if (p->snap_len >= 14 + 20 && sok_get16(b + 12) == 0x0800) {
        size_t ihl = (size_t)(b[14] & 15) * 4;
        uint32_t total = p->gso_size ? p->len - 14 : sok_get16(b + 16);
        if (b[23] == 6 && p->snap_len >= 14 + ihl + 20 && total >= ihl)
            show_tcp(f, p, b + 14 + ihl, p->snap_len - 14 - ihl, total - (uint32_t)ihl);
        else
            fprintf(f, "ip proto %u len %u", b[23], total);
    } else if (p->snap_len >= 42 && sok_get16(b + 12) == 0x0806) {
        fprintf(f, "arp op %u %u.%u.%u.%u asks/tells %u.%u.%u.%u", sok_get16(b + 20), b[28], b[29],
            b[30], b[31], b[38], b[39], b[40], b[41]);
    } else {
        fprintf(f, "frame of %u bytes", p->len);
    }
}

static void show_in(FILE *f, const struct sok_event_packet *p)
{
    fprintf(f, "in   ");
    show_packet(f, p);
    if (p->drop)
        fprintf(f, "  DROP %s", sok_drop_text((enum sok_drop)p->drop));
    for (int i = 0; i < SOK_EFFECT_BIT_COUNT; i++) {
        if (!(p->effects & (1U << i)))
            continue;
        unsigned amount = i == SOK_EFFECT_BIT_DATA || i == SOK_EFFECT_BIT_HELD ? p->data
                          : i == SOK_EFFECT_BIT_WINDOW                         ? p->window
                                                                               : p->acked;
        char text[64];
        snprintf(text, sizeof(text), "%s", sok_effect_text((enum sok_effect_bit)i));
        char *number = strstr(text, "%u");
        if (number)
            fprintf(f, "  %.*s%u%s", (int)(number - text), text, amount, number + 2);
        else
            fprintf(f, "  %s", text);
    }
}

void show_event(FILE *f, int node, const struct sok_event *e, int64_t start)
{
    fprintf(f, "%13.6f %s #%-3u ", (double)(e->now - start) / 1e9, node ? "               B" : "A",
        e->conn);
    switch (e->kind) {
    case SOK_EVENT_CALL:
        fprintf(f, "call %s", sok_call_text((enum sok_call)e->call.call));
        if (e->call.has_remote)
            fprintf(f, " port %u", e->call.remote.port);
        fprintf(f, " %lld = %lld", (long long)e->call.amount, (long long)e->call.result);
        break;
    case SOK_EVENT_IN:
        show_in(f, &e->packet);
        break;
    case SOK_EVENT_OUT:
        fprintf(f, "out  ");
        show_packet(f, &e->packet);
        fprintf(f, "  (%s)", sok_reason_text((enum sok_reason)e->packet.reason));
        break;
    case SOK_EVENT_STATE:
        fprintf(f, "%s -> %s", sok_tcp_state_text((enum sok_tcp_state)e->state.from),
            sok_tcp_state_text((enum sok_tcp_state)e->state.to));
        break;
    case SOK_EVENT_RTT:
        fprintf(f, "rtt sample %.6f srtt %.6f rto %.6f", (double)e->rtt.sample / 1e9,
            (double)e->rtt.srtt / 1e9, (double)e->rtt.rto / 1e9);
        break;
    case SOK_EVENT_CWND:
        fprintf(f, "cwnd %u ssthresh %u (%s)", e->cwnd.cwnd, e->cwnd.ssthresh,
            sok_reason_text((enum sok_reason)e->cwnd.why));
        break;
    case SOK_EVENT_LOSS:
        fprintf(f, "lost seq %u+%u (%s)", e->loss.seq, e->loss.len,
            sok_reason_text((enum sok_reason)e->loss.by));
        break;
    case SOK_EVENT_HELD:
        fprintf(f, "held %u by %s", e->held.bytes, sok_hold_text((enum sok_hold)e->held.by));
        break;
    case SOK_EVENT_ERROR:
        fprintf(f, "error %s", sok_strerror(e->error.err));
        break;
    case SOK_EVENT_LOST:
        fprintf(f, "%llu events lost", (unsigned long long)e->lost.count);
        break;
    default: // later kinds, of nothing that happens here
        fprintf(f, "event %u", e->kind);
    }
    fputc('\n', f);
}
