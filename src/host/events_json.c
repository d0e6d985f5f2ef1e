// Events as JSON. The words of the enumerations are their C names in small letters, so that texts for
// people may change and these do not.
#include "host/events_json.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "host/notation.h"
#include "host/notation_flow.h"
#include "wire/dhcp.h"

struct events_json {
    struct sok_view view;
    FILE *file;
    struct sok_notation *notation;
    int err;
};

#define SOK_X2(name, text) #name,
static const char *const reason_names[] = {SOK_REASONS(SOK_X2)};
static const char *const drop_names[] = {SOK_DROPS(SOK_X2)};
static const char *const effect_names[] = {SOK_EFFECTS(SOK_X2)};
static const char *const hold_names[] = {SOK_HOLDS(SOK_X2)};
static const char *const call_names[] = {SOK_CALLS(SOK_X2)};
static const char *const state_names[] = {SOK_TCP_STATES(SOK_X2)};
static const char *const addr_names[] = {SOK_ADDR_NEWS(SOK_X2)};
static const char *const kind_names[] = {
    "call", "in", "out", "state", "rtt", "cwnd", "loss", "held", "error", "addr", "dhcp", "lost"};

static json_t *word(const char *name)
{
    char out[48];
    size_t i = 0;
    for (; name[i] && i + 1 < sizeof out; i++)
        out[i] = (char)tolower((unsigned char)name[i]);
    out[i] = 0;
    return json_string(out);
}

static void set_int(json_t *o, const char *key, int64_t v)
{
    json_object_set_new(o, key, json_integer(v));
}

static void set_endpoint(json_t *o, const char *key, const struct sok_endpoint *e)
{
    char text[SOK_ENDPOINT_TEXT_MAX];
    json_object_set_new(o, key, json_string(sok_endpoint_format(e, text)));
}

static void set_hex(json_t *o, const char *key, const uint8_t *p, size_t len)
{
    char text[2 * SOK_EVENT_SNAP + 1];
    text[0] = 0;
    for (size_t i = 0; i < len && i < SOK_EVENT_SNAP; i++)
        snprintf(text + 2 * i, 3, "%02x", p[i]);
    json_object_set_new(o, key, json_string(text));
}

static json_t *tcp_flags(uint16_t flags)
{
    json_t *a = json_array();
    for (const struct sok_flag_name *f = sok_flag_names; f->bit; f++) {
        if (flags & f->bit)
            json_array_append_new(a, word(f->name));
    }
    return a;
}

// The fields whose rows tell all: numbers, pairs, flags, words.
static void set_field(json_t *o, const struct sok_line *l, unsigned field)
{
    const struct sok_line_row *row = &sok_line_rows[field];
    const char *key = row->word[0] == '-' ? row->word + 1 : row->word;
    const void *p = (const char *)l + row->offset;
    const uint32_t *u = p;
    switch ((enum sok_line_type)row->type) {
    case SOK_LINE_TYPE_U32:
    case SOK_LINE_TYPE_LEN:
        set_int(o, key, *u);
        break;
    case SOK_LINE_TYPE_FLAG:
        json_object_set_new(o, key, json_true());
        break;
    case SOK_LINE_TYPE_PAIR:
        set_int(o, "tsval", u[0]);
        set_int(o, "tsecr", u[1]);
        break;
    case SOK_LINE_TYPE_WORD:
        json_object_set_new(o, key, json_string(p));
        break;
    case SOK_LINE_TYPE_TEXT:
        json_object_set_new(o, key, json_stringn((const char *)l->text, l->text_len));
        break;
    case SOK_LINE_TYPE_SACK: {
        json_t *a = json_array();
        for (unsigned i = 0; i < l->sack_count; i++)
            json_array_append_new(
                a, json_pack("[I,I]", (json_int_t)l->sack[i].start, (json_int_t)l->sack[i].end));
        json_object_set_new(o, key, a);
        break;
    }
    default:
        break;
    }
}

static json_t *packet_fields(const struct sok_line *l)
{
    json_t *o = json_object();
    char text[SOK_ADDR_TEXT_MAX];
    json_object_set_new(o, "proto", word(sok_head_word(l->head)));
    if (l->head == SOK_HEAD_TCP)
        json_object_set_new(o, "flags", tcp_flags(l->flags));
    if (l->has & SOK_HAS(ENDS)) {
        if (l->no_port) {
            json_object_set_new(o, "src", json_string(sok_addr_format(l->src.addr, text)));
            json_object_set_new(o, "dst", json_string(sok_addr_format(l->dst.addr, text)));
        } else {
            set_endpoint(o, "src", &l->src);
            set_endpoint(o, "dst", &l->dst);
        }
    }
    if (l->has & SOK_HAS(ARP)) {
        set_int(o, "op", l->arp_op);
        json_object_set_new(o, "about", json_string(sok_addr_format(l->arp_about, text)));
        if (l->arp_op == 1)
            json_object_set_new(o, "tell", json_string(sok_addr_format(l->arp_tell, text)));
    }
    if ((l->has & SOK_HAS(QUOTE)) && l->quote.has_seq)
        set_int(o, "quoted_seq", l->quote.seq);
    for (unsigned f = 0; f < SOK_LINE_FIELD_COUNT; f++) {
        if (!(l->has & UINT64_C(1) << f))
            continue;
        if (l->head == SOK_HEAD_IP && f == SOK_LINE_FIELD_PROTO)
            set_int(o, "protocol", l->proto);
        else
            set_field(o, l, f);
    }
    return o;
}

static void packet_event(json_t *o, const struct sok_event *e, const struct sok_line *l)
{
    const struct sok_event_packet *p = &e->packet;
    set_int(o, "link", p->link);
    if (e->kind == SOK_EVENT_OUT) {
        json_object_set_new(o, "reason", word(reason_names[p->reason]));
    } else {
        json_object_set_new(o, "drop", word(drop_names[p->drop]));
        json_t *effects = json_array();
        for (unsigned bit = 0; bit < SOK_EFFECT_BIT_COUNT; bit++) {
            if (p->effects & 1u << bit)
                json_array_append_new(effects, word(effect_names[bit]));
        }
        json_object_set_new(o, "effects", effects);
        set_int(o, "acked", p->acked);
        set_int(o, "data", p->data);
        set_int(o, "window", p->window);
    }
    json_object_set_new(o, "text", json_string(l->reason));
    set_int(o, "frame_len", p->len);
    set_int(o, "gso_size", p->gso_size);
    json_object_set_new(o, "csum_partial", json_boolean(p->csum_partial));
    set_int(o, "win_shift", p->win_shift);
    if (p->has_base) {
        set_int(o, "seq_base", p->seq_base);
        set_int(o, "ack_base", p->ack_base);
    }
    json_object_set_new(o, "packet", packet_fields(l));
    set_hex(o, "snap", p->snap, p->snap_len);
}

static void call_event(json_t *o, const struct sok_event *e)
{
    json_object_set_new(o, "call", word(call_names[e->call.call]));
    if (e->call.has_remote)
        set_endpoint(o, "remote", &e->call.remote);
    if (e->call.has_local)
        set_endpoint(o, "local", &e->call.local);
    if (e->call.amount >= 0)
        set_int(o, "amount", e->call.amount);
    set_int(o, "result", e->call.result < 0 ? -1 : e->call.result);
    if (e->call.result < 0)
        json_object_set_new(o, "error", word(sok_errname((int)e->call.result)));
}

static void set_addr(json_t *o, const char *name, struct sok_addr addr)
{
    char text[SOK_ADDR_TEXT_MAX];
    if (!sok_addr_is_any(addr))
        json_object_set_new(o, name, json_string(sok_addr_format(addr, text)));
}

static void addr_event(json_t *o, const struct sok_event *e)
{
    json_object_set_new(o, "what", word(addr_names[e->addr.what]));
    set_int(o, "link", e->addr.link);
    set_addr(o, "addr", e->addr.addr);
    set_int(o, "prefix_len", e->addr.prefix_len);
    if (e->addr.what == SOK_ADDR_TAKEN || e->addr.what == SOK_ADDR_DEFENDED)
        set_hex(o, "mac", e->addr.mac, sizeof e->addr.mac);
}

static void dhcp_event(json_t *o, const struct sok_event *e)
{
    const char *message = sok_dhcp_message_text(e->dhcp.message);
    json_object_set_new(o, "message", json_string(message ? message : "unknown"));
    set_int(o, "link", e->dhcp.link);
    set_addr(o, "addr", e->dhcp.addr);
    set_int(o, "prefix_len", e->dhcp.prefix_len);
    set_addr(o, "server", e->dhcp.server);
    set_addr(o, "router", e->dhcp.router);
    set_addr(o, "dns", e->dhcp.dns);
    if (e->dhcp.lease != INT64_MAX)
        set_int(o, "lease_ns", e->dhcp.lease);
}

static void other_event(json_t *o, const struct sok_event *e)
{
    switch (e->kind) {
    case SOK_EVENT_STATE:
        json_object_set_new(o, "from", word(state_names[e->state.from]));
        json_object_set_new(o, "to", word(state_names[e->state.to]));
        break;
    case SOK_EVENT_RTT:
        set_int(o, "sample_ns", e->rtt.sample);
        set_int(o, "srtt_ns", e->rtt.srtt);
        set_int(o, "rttvar_ns", e->rtt.rttvar);
        set_int(o, "rto_ns", e->rtt.rto);
        break;
    case SOK_EVENT_CWND:
        set_int(o, "cwnd", e->cwnd.cwnd);
        json_object_set_new(o, "ssthresh",
            e->cwnd.ssthresh == UINT32_MAX ? json_null() : json_integer(e->cwnd.ssthresh));
        json_object_set_new(o, "why", word(reason_names[e->cwnd.why]));
        break;
    case SOK_EVENT_LOSS:
        set_int(o, "seq", e->loss.seq);
        set_int(o, "len", e->loss.len);
        json_object_set_new(o, "by", word(reason_names[e->loss.by]));
        break;
    case SOK_EVENT_HELD:
        json_object_set_new(o, "by", word(hold_names[e->held.by]));
        set_int(o, "bytes", e->held.bytes);
        break;
    case SOK_EVENT_ERROR:
        json_object_set_new(o, "error", word(sok_errname(e->error.err)));
        json_object_set_new(o, "text", json_string(sok_strerror(e->error.err)));
        break;
    case SOK_EVENT_ADDR:
        addr_event(o, e);
        break;
    case SOK_EVENT_DHCP:
        dhcp_event(o, e);
        break;
    default:
        set_int(o, "count", (int64_t)e->lost.count);
        break;
    }
}

static void events_json_event(struct sok_view *v, const struct sok_event *e)
{
    struct events_json *j = (struct events_json *)v;
    struct sok_line l;
    sok_notation_line(j->notation, e, &l);
    json_t *o = json_object();
    set_int(o, "time_ns", l.time);
    set_int(o, "now_ns", e->now);
    json_object_set_new(o, "kind", json_string(kind_names[e->kind]));
    set_int(o, "conn", e->conn);
    if (e->kind == SOK_EVENT_IN || e->kind == SOK_EVENT_OUT)
        packet_event(o, e, &l);
    else if (e->kind == SOK_EVENT_CALL)
        call_event(o, e);
    else
        other_event(o, e);
    if ((!o || json_dumpf(o, j->file, JSON_COMPACT) || fputc('\n', j->file) == EOF) && !j->err)
        j->err = errno ? errno : EIO;
    json_decref(o);
}

static void events_json_call(struct sok_view *v, const struct sok_view_call *c)
{
    struct events_json *j = (struct events_json *)v;
    json_t *o = json_object();
    set_int(o, "time_ns", sok_notation_time(j->notation, c->now));
    set_int(o, "now_ns", c->now);
    json_object_set_new(o, "kind", json_string(c->ended ? "program_result" : "program_call"));
    set_int(o, "key", (int64_t)c->key);
    set_int(o, "pid", c->pid);
    json_object_set_new(o, "program", json_string(c->program));
    json_object_set_new(o, "text", json_string(c->text));
    if (c->ended) {
        set_int(o, "result", c->result);
        set_int(o, "errno", c->error);
        json_object_set_new(o, "more", json_string(c->more));
    }
    if ((!o || json_dumpf(o, j->file, JSON_COMPACT) || fputc('\n', j->file) == EOF) && !j->err)
        j->err = errno ? errno : EIO;
    json_decref(o);
}

static void events_json_flush(struct sok_view *v)
{
    struct events_json *j = (struct events_json *)v;
    if (fflush(j->file) && !j->err)
        j->err = errno;
}

static int events_json_close(struct sok_view *v)
{
    struct events_json *j = (struct events_json *)v;
    events_json_flush(v);
    int err = j->err;
    sok_notation_free(j->notation);
    free(j);
    return err;
}

static const struct sok_view_ops events_json_ops = {
    .event = events_json_event,
    .call = events_json_call,
    .flush = events_json_flush,
    .close = events_json_close,
};

struct sok_view *sok_events_json_open(FILE *file)
{
    struct events_json *j = calloc(1, sizeof *j);
    if (!j)
        return NULL;
    j->view.ops = &events_json_ops;
    j->file = file;
    j->notation = sok_notation_new();
    if (!j->notation) {
        free(j);
        return NULL;
    }
    return &j->view;
}
