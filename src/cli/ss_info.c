// The info line: the words of ss(8) in their order, those alone that have something to say; and what ss does
// not know, what limits a connection and how its time was spent.
#include <inttypes.h>
#include <sockeye/socket.h>
#include <stdio.h>
#include <string.h>
#include "cli/ss.h"

_Static_assert(SOK_ROW_LIMIT_COUNT == SOK_LIMITS, "a row has them all");

enum how {
    COUNT32,
    COUNT64,
    MILLI,       // ns, as ms with what is behind the point
    MILLI_WHOLE, // ns, as whole ms
    RATE,        // bytes a second, as bits
    SPECIAL,
};

// X(word, how, field, special)
struct word {
    const char *word;
    uint8_t how;
    uint16_t at;
    void (*special)(FILE *f, const struct sok_ss_show *show, const struct sok_ss_item *item);
};

// ---- those that are more than a word and a number ----

static void put_rate(FILE *f, bool numeric, double bits)
{
    static const struct {
        double from;
        const char *letter;
    } steps[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]) && !numeric; i++)
        if (bits > steps[i].from) {
            fprintf(f, "%.3g%sbps", bits / steps[i].from, steps[i].letter);
            return;
        }
    fprintf(f, "%.0fbps", bits);
}

static double milli(int64_t ns)
{
    return (double)(ns / 1000) / 1000.0;
}

static void put_rtt(FILE *f, const struct sok_ss_show *show, const struct sok_ss_item *item)
{
    const struct sok_row_info *i = &item->row.info;
    (void)show;
    if (i->rtt)
        fprintf(f, " rtt:%g/%g", milli(i->rtt), milli(i->rtt_var));
}

static void put_bbr(FILE *f, const struct sok_ss_show *show, const struct sok_ss_item *item)
{
    if (!item->bbr[0])
        return;
    fputs(" bbr:(bw:", f);
    put_rate(f, show->numeric, 8.0 * (double)item->bbr_rate);
    fprintf(f, "%s)", item->bbr);
}

// What cwnd and RTT would give.
static void put_send(FILE *f, const struct sok_ss_show *show, const struct sok_ss_item *item)
{
    const struct sok_row_info *i = &item->row.info;
    double window = i->cwnd_bytes ? i->cwnd_bytes : (double)i->cwnd * i->mss;
    if (i->rtt > 0 && window > 0) {
        fputs(" send ", f);
        put_rate(f, show->numeric, window * 8.0 * 1e9 / (double)i->rtt);
    }
}

static void put_pacing(FILE *f, const struct sok_ss_show *show, const struct sok_ss_item *item)
{
    const struct sok_row_info *i = &item->row.info;
    if (!i->pacing_rate)
        return;
    fputs(" pacing_rate ", f);
    put_rate(f, show->numeric, 8.0 * (double)i->pacing_rate);
    if (i->pacing_rate_max) {
        fputc('/', f);
        put_rate(f, show->numeric, 8.0 * (double)i->pacing_rate_max);
    }
}

static void put_app_limited(FILE *f, const struct sok_ss_show *show, const struct sok_ss_item *item)
{
    (void)show;
    if (item->row.flags & SOK_ROW_APP_LIMITED)
        fputs(" app_limited", f);
}

static void put_part(FILE *f, const char *word, int64_t part, int64_t whole)
{
    if (part > 0)
        fprintf(f, " %s:%" PRId64 "ms(%.1f%%)", word, part / 1000000,
            100.0 * (double)part / (double)whole);
}

static void put_busy(FILE *f, const struct sok_ss_show *show, const struct sok_ss_item *item)
{
    const struct sok_row_info *i = &item->row.info;
    (void)show;
    if (i->busy <= 0)
        return;
    fprintf(f, " busy:%" PRId64 "ms", i->busy / 1000000);
    put_part(f, "rwnd_limited", i->busy_receiver, i->busy);
    put_part(f, "sndbuf_limited", i->busy_buffer, i->busy);
}

static void put_retrans(FILE *f, const struct sok_ss_show *show, const struct sok_ss_item *item)
{
    const struct sok_row_info *i = &item->row.info;
    (void)show;
    if (i->retrans || i->retrans_total)
        fprintf(f, " retrans:%u/%u", i->retrans, i->retrans_total);
}

static void put_reordering(FILE *f, const struct sok_ss_show *show, const struct sok_ss_item *item)
{
    uint32_t n = item->row.info.reordering;
    (void)show;
    if (n != 0 && n != 3)
        fprintf(f, " reordering:%u", n);
}

// ---- all, in order ----

#define AT(field) offsetof(struct sok_row_info, field)
static const struct word words[] = {
    {"rto", MILLI, AT(rto), NULL},
    {"backoff", COUNT32, AT(backoff), NULL},
    {"rtt", SPECIAL, 0, put_rtt},
    {"ato", MILLI, AT(ack_delay), NULL},
    {"mss", COUNT32, AT(mss), NULL},
    {"pmtu", COUNT32, AT(pmtu), NULL},
    {"rcvmss", COUNT32, AT(mss_recv), NULL},
    {"advmss", COUNT32, AT(mss_offered), NULL},
    {"cwnd", COUNT32, AT(cwnd), NULL},
    {"ssthresh", COUNT32, AT(ssthresh), NULL},
    {"bytes_sent", COUNT64, AT(bytes_sent), NULL},
    {"bytes_retrans", COUNT64, AT(bytes_again), NULL},
    {"bytes_acked", COUNT64, AT(bytes_acked), NULL},
    {"bytes_received", COUNT64, AT(bytes_received), NULL},
    {"segs_out", COUNT32, AT(segs_out), NULL},
    {"segs_in", COUNT32, AT(segs_in), NULL},
    {"data_segs_out", COUNT32, AT(data_segs_out), NULL},
    {"data_segs_in", COUNT32, AT(data_segs_in), NULL},
    {"bbr", SPECIAL, 0, put_bbr},
    {"send", SPECIAL, 0, put_send},
    {"lastsnd", MILLI_WHOLE, AT(since_sent), NULL},
    {"lastrcv", MILLI_WHOLE, AT(since_received), NULL},
    {"lastack", MILLI_WHOLE, AT(since_ack), NULL},
    {"pacing_rate", SPECIAL, 0, put_pacing},
    {"delivery_rate", RATE, AT(delivery_rate), NULL},
    {"delivered", COUNT32, AT(delivered), NULL},
    {"delivered_ce", COUNT32, AT(delivered_ce), NULL},
    {"app_limited", SPECIAL, 0, put_app_limited},
    {"busy", SPECIAL, 0, put_busy},
    {"unacked", COUNT32, AT(unacked), NULL},
    {"retrans", SPECIAL, 0, put_retrans},
    {"lost", COUNT32, AT(lost), NULL},
    {"sacked", COUNT32, AT(sacked), NULL},
    {"dsack_dups", COUNT32, AT(dsack_dups), NULL},
    {"reordering", SPECIAL, 0, put_reordering},
    {"reord_seen", COUNT32, AT(reorder_seen), NULL},
    {"rcv_rtt", MILLI, AT(rtt_recv), NULL},
    {"rcv_space", COUNT32, AT(recv_space), NULL},
    {"rcv_ssthresh", COUNT32, AT(recv_ssthresh), NULL},
    {"notsent", COUNT32, AT(not_sent), NULL},
    {"minrtt", MILLI, AT(rtt_min), NULL},
    {"rcv_ooopack", COUNT32, AT(recv_early), NULL},
    {"snd_wnd", COUNT32, AT(window_send), NULL},
    {"rcv_wnd", COUNT32, AT(window_recv), NULL},
    {"timeouts", COUNT32, AT(timeouts), NULL},
    {"fast_retrans", COUNT32, AT(fast_retransmits), NULL},
    {"tail_probes", COUNT32, AT(tail_probes), NULL},
    {"undone", COUNT32, AT(undone), NULL},
};

static void put_word(
    FILE *f, const struct sok_ss_show *show, const struct sok_ss_item *item, const struct word *w)
{
    const char *p = (const char *)&item->row.info + w->at;
    uint32_t small = 0;
    uint64_t large = 0;
    if (w->how == SPECIAL) {
        w->special(f, show, item);
        return;
    }
    if (w->how == COUNT32)
        memcpy(&small, p, sizeof(small));
    else
        memcpy(&large, p, sizeof(large)); // times are not negative
    if (small == 0 && (large == 0 || (w->how == MILLI_WHOLE && large < 1000000)))
        return;
    fprintf(f, " %s", w->word);
    if (w->how == RATE) {
        fputc(' ', f);
        put_rate(f, show->numeric, 8.0 * (double)large);
    } else if (w->how == MILLI) {
        fprintf(f, ":%g", milli((int64_t)large));
    } else {
        fprintf(f, ":%" PRIu64, w->how == MILLI_WHOLE ? large / 1000000 : large + small);
    }
}

// What two ends agreed on is an option of -o, as ss has it.
static void put_agreed(FILE *f, const struct sok_ss_show *show, const struct sok_row *row)
{
    static const struct {
        uint32_t flag;
        const char *word;
    } flags[] = {{SOK_ROW_TIMESTAMPS, " ts"}, {SOK_ROW_SACK, " sack"}, {SOK_ROW_ECN, " ecn"},
        {SOK_ROW_ECN_SEEN, " ecnseen"}, {SOK_ROW_FASTOPEN, " fastopen"}};
    for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]) && show->timers; i++)
        if (row->flags & flags[i].flag)
            fputs(flags[i].word, f);
    if (row->congestion[0])
        fprintf(f, " %s", row->congestion);
    if (row->flags & SOK_ROW_WSCALE)
        fprintf(f, " wscale:%u,%u", row->send_shift, row->recv_shift);
}

void sok_ss_print_info(FILE *f, const struct sok_ss_show *show, const struct sok_ss_item *item)
{
    if (!(item->row.flags & SOK_ROW_INFO))
        return;
    put_agreed(f, show, &item->row);
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        put_word(f, show, item, &words[i]);
}

void sok_ss_print_memory(FILE *f, const struct sok_row *row)
{
    const char *before = " skmem:(";
    if (!(row->flags & SOK_ROW_MEMORY))
        return;
#define SOK_X(name, letters)                                                                       \
    fprintf(f, "%s" letters "%u", before, row->memory.name);                                       \
    before = ",";
    SOK_ROW_MEMORY_LIST(SOK_X)
#undef SOK_X
    fputc(')', f);
}

// ---- limits ----

static void put_time(FILE *f, int64_t ns)
{
    if (ns < 10000000)
        fprintf(f, "%.2fms", (double)ns / 1e6);
    else if (ns < INT64_C(1000000000))
        fprintf(f, "%.0fms", (double)ns / 1e6);
    else
        fprintf(f, "%.1fs", (double)ns / 1e9);
}

// " limited by application; of 12.3s: application 9.1s (74.0%), congestion window 3.2s (26.0%)", the longest
// first.
void sok_ss_print_limits(FILE *f, const struct sok_row *row)
{
    bool told[SOK_ROW_LIMIT_COUNT] = {false};
    if (!(row->flags & SOK_ROW_LIMITS))
        return;
    bool over = row->state == SOK_ROW_CLOSE || row->state == SOK_ROW_TIME_WAIT;
    fprintf(f, " limited by %s; of ",
        over ? "nothing any more" : sok_limit_text((enum sok_limit)row->limit));
    put_time(f, row->info.age);
    const char *before = ": ";
    for (;;) {
        int most = -1;
        for (int i = 0; i < SOK_ROW_LIMIT_COUNT; i++)
            if (!told[i] && row->limited[i] > 0 &&
                (most < 0 || row->limited[i] > row->limited[most]))
                most = i;
        if (most < 0)
            return;
        told[most] = true;
        fprintf(f, "%s%s ", before, sok_limit_text((enum sok_limit)most));
        put_time(f, row->limited[most]);
        fprintf(f, " (%.1f%%)", 100.0 * (double)row->limited[most] / (double)row->info.age);
        before = ", ";
    }
}
