// A plan as lines, for -v.
#include <inttypes.h>
#include <string.h>
#include "tests/sim/world.h"

static void show_side(FILE *f, const char *who, const struct side_plan *s)
{
    static const char *const endings[] = {"half", "after", "early"};
    fprintf(f,
        "#   %s: %" PRIu64 " bytes, writes %s<= %u, reads %s<= %u, think %.3f, ends %s%s%s%s", who,
        s->total, s->by_slice ? "(slice) " : "", s->write_max, s->by_peek ? "(peek) " : "",
        s->read_max, s->think_chance, endings[s->ending], s->nodelay ? ", nodelay" : "",
        s->cork ? ", cork" : "", s->keepalive ? ", keepalive" : "");
    if (s->rcvbuf || s->sndbuf)
        fprintf(f, ", rcvbuf %" PRId64 " sndbuf %" PRId64, s->rcvbuf, s->sndbuf);
    if (s->shrink_to)
        fprintf(f, ", rcvbuf %" PRId64 " at %" PRIu64, s->shrink_to, s->shrink_at);
    if (s->abort_at != UINT64_MAX)
        fprintf(f, ", aborts at %" PRIu64, s->abort_at);
    fprintf(f, "\n");
}

static void show_settings(FILE *f, const struct sok_tcp_config *t)
{
    size_t count;
    const struct sok_setting *row = sok_tcp_settings(&count);
    for (size_t i = 0; i < count; i++) {
        int64_t v;
        memcpy(&v, (const char *)t + row[i].offset, sizeof(v));
        if (v != row[i].def)
            fprintf(f, " %s=%" PRId64, row[i].name, v);
    }
    fprintf(f, "\n");
}

void plan_show(const struct plan *p, FILE *f)
{
    static const char *const faults[] = {"none", "abort", "restart", "silence", "memory"};
    static const char *const says[] = {"", ", says so without a size", ", says nothing"};
    static const char *const wraps[] = {"", ", sequence numbers wrap", ", timestamps wrap"};
    fprintf(f, "# seed %" PRIu64 "%s%s, fault %s", p->seed, p->v6 ? ", IPv6" : "", wraps[p->wrap],
        faults[p->fault]);
    if (p->fault >= FAULT_RESTART)
        fprintf(f, " at %.6f", (double)(p->fault_at - p->start) / 1e9);
    fprintf(f, "\n");
    for (int i = 0; i < 2; i++) {
        const struct wire_spec *s = &p->wire[i];
        fprintf(f, "# node %d: mtu %u, caps %x;", i, p->node[i].link.mtu, p->node[i].link.caps);
        show_settings(f, &p->node[i].config.tcp);
        fprintf(f,
            "#   its wire: loss %.3f dup %.3f reorder %.3f corrupt %.3f delay %.6f jitter %.6f%s "
            "rate %" PRIu64 " queue %u%s%s\n",
            s->loss, s->duplicate, s->reorder, s->corrupt, (double)s->delay / 1e9,
            (double)s->jitter / 1e9, s->jitter_reorders ? " (reorders)" : "", s->rate, s->queue,
            s->backpressure ? " (back-pressure)" : "", s->cut ? "" : " super-frames whole");
        if (s->mark > 0)
            fprintf(f, "#   marks %.3f\n", s->mark);
        for (unsigned k = 0; k < s->path_count; k++)
            fprintf(f, "#   from %.6f on takes %u bytes%s\n", (double)s->path[k].at / 1e9,
                s->path[k].mtu, says[s->path[k].says]);
    }
    for (unsigned i = 0; i < p->conn_count; i++) {
        const struct conn_plan *c = &p->conn[i];
        fprintf(f, "# connection %u: node %d to %d%s, at %.6f%s\n", i, c->client, c->server,
            c->both ? ", both open" : "", (double)c->start / 1e9, c->bystander ? "" : ", may fail");
        show_side(f, "client", &c->side[0]);
        show_side(f, "server", &c->side[1]);
    }
}
