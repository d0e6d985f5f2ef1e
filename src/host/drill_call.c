// `call` lines.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "host/drill_internal.h"
#include "wire/ip4.h"

// ---- results ----

// The result against the line: an error must be named in the reason, success must not be.
static int check_result(
    struct drill *d, const struct drill_step *step, struct sok_line *came, int64_t result)
{
    const struct sok_line *want = step->line;
    bool begun = result == SOK_EINPROGRESS && want->call == SOK_CALL_CONNECT;
    if (result < 0 && !begun)
        snprintf(came->reason, sizeof came->reason, "%s", sok_strerror((int)result));
    else if ((want->has & SOK_HAS(AMOUNT)) && result != want->amount &&
             want->call != SOK_CALL_PING && want->call != SOK_LINE_CALL_RAW) {
        came->has |= SOK_HAS(RESULT);
        came->result = result;
        if (want->call == SOK_CALL_RECV && result == 0)
            snprintf(came->reason, sizeof came->reason, "end of stream");
    }
    sok_drill_log_line(d, came);
    if (d->loose)
        return 0;
    bool failed = result < 0 && !begun;
    if (failed && strcmp(want->reason, came->reason) != 0)
        return sok_drill_fail(d, step, "the call failed: %s", came->reason);
    if (!failed && want->reason[0] && strcmp(want->reason, came->reason) != 0)
        return sok_drill_fail(d, step, "the call did not fail");
    if ((want->has & SOK_HAS(RESULT)) && !failed && result != want->result)
        return sok_drill_fail(d, step, "the result is %" PRId64, result);
    bool all = want->call == SOK_CALL_SEND || want->call == SOK_LINE_CALL_URGENT ||
               want->call == SOK_CALL_SENDTO || (want->has & SOK_HAS(TEXT));
    if (!failed && all && !(want->has & SOK_HAS(RESULT)) && result != want->amount)
        return sok_drill_fail(
            d, step, "the result is %" PRId64 " (= N after the amount expects another)", result);
    return 0;
}

static int no_handle(struct drill *d, const struct drill_step *step)
{
    return sok_drill_fail(
        d, step, "no connection is open here for '%s'", sok_line_call_word(step->line->call));
}

// ---- TCP ----

static int64_t call_connect(struct drill *d, struct drill_conn *c, struct sok_line *l)
{
    struct sok_endpoint local = l->dst;
    if (sok_addr_is_any(local.addr) && (l->has & SOK_HAS(FROM)))
        local.addr = d->addr;
    struct sok_tcp_conn *tcp;
    int rc =
        sok_stack_connect(d->stack, l->has & SOK_HAS(FROM) ? &local : NULL, &l->src, d->now, &tcp);
    if (rc < 0 && rc != SOK_EINPROGRESS)
        return rc;
    if (l->has & SOK_HAS(TFO))
        sok_tcp_setopt(tcp, SOK_TCP_FASTOPEN, 1, d->now);
    char tag[SOK_LINE_TAG_MAX];
    memcpy(tag, c->tag, sizeof tag);
    free(c->sent.p);
    free(c->sent.known);
    free(c->received.p);
    free(c->received.known);
    memset(c, 0, sizeof *c); // the tag may be used again
    memcpy(c->tag, tag, sizeof tag);
    c->tcp = tcp;
    c->tcp_id = ((struct sok_sock *)tcp)->id;
    c->local = l->dst = sok_tcp_local(tcp);
    c->remote = l->src;
    c->has_ends = true;
    l->has |= SOK_HAS(FROM);
    return rc;
}

static unsigned bind_flags(const struct sok_line *l)
{
    return l->has & SOK_HAS(V6ONLY) ? SOK_BIND_V6ONLY : 0;
}

static int64_t call_listen(struct drill *d, struct drill_conn *c, struct sok_line *l)
{
    int backlog = l->has & SOK_HAS(BACKLOG) ? (int)l->backlog : 128;
    int rc = sok_stack_listen_as(d->stack, &l->src, backlog, bind_flags(l), d->now, &c->listener);
    if (rc == 0)
        c->listener_id = ((struct sok_sock *)c->listener)->id;
    return rc;
}

// The connection that waits longest, whatever listener has one. Its tag is that of the packets it came by.
static int64_t call_accept(struct drill *d, const struct drill_step *step, struct sok_line *l)
{
    struct sok_tcp_conn *tcp = NULL;
    int rc = SOK_EAGAIN;
    for (unsigned i = 0; i < d->conn_count && rc == SOK_EAGAIN; i++) {
        if (d->conns[i]->listener)
            rc = sok_tcp_accept(d->conns[i]->listener, d->now, &tcp);
    }
    if (rc < 0)
        return rc;
    struct drill_conn *c = sok_drill_conn_of_id(d, ((struct sok_sock *)tcp)->id);
    if (!c) {
        sok_tcp_abort(tcp, d->now);
        return sok_drill_fail(d, step, "a connection was accepted that no line opened") ? SOK_EINVAL
                                                                                        : 0;
    }
    c->tcp = tcp;
    memcpy(l->tag, c->tag, sizeof l->tag);
    l->dst = c->remote;
    l->has |= SOK_HAS(FROM);
    return 0;
}

// The bytes a send gives: the line's text, else what later `out` lines show of this place in the stream
// (a timeline from elsewhere does not have the text of its calls), else the pattern.
static void fill(struct drill *d, const struct drill_step *step, const struct drill_conn *c,
    uint8_t *p, uint32_t len)
{
    const struct sok_line *l = step->line;
    uint64_t from = c->sent_end;
    for (uint32_t i = 0; i < len; i++)
        p[i] = l->has & SOK_HAS(TEXT) ? l->text[i] : sok_drill_pattern(from + i);
    if (l->has & SOK_HAS(TEXT))
        return;
    for (unsigned k = 0; k < d->script.count; k++) {
        const struct sok_line *o = d->script.steps[k].line;
        if (!o || o->kind != SOK_LINE_OUT || o->head != SOK_HEAD_TCP || !(o->has & SOK_HAS(TEXT)) ||
            !(o->has & SOK_HAS(SEQ)) || strcmp(o->tag[0] ? o->tag : "1", c->tag) != 0)
            continue;
        for (uint32_t i = 0; i < o->text_len + o->text_more; i++) {
            uint64_t off = (uint64_t)o->seq - 1 + i;
            if (o->seq && off >= from && off < from + len)
                p[off - from] = i < o->text_len ? o->text[i] : '\n';
        }
    }
}

static int64_t call_send(struct drill *d, const struct drill_step *step, struct drill_conn *c)
{
    uint32_t len = (uint32_t)step->line->amount;
    uint8_t *p = malloc(len + 1);
    if (!p)
        return SOK_ENOMEM;
    fill(d, step, c, p, len);
    struct sok_iov iov = {p, len};
    bool urgent = step->line->call == SOK_LINE_CALL_URGENT;
    int64_t rc = urgent ? sok_tcp_send_urgent(c->tcp, &iov, 1, d->now)
                        : sok_tcp_send(c->tcp, &iov, 1, d->now);
    if (rc > 0 && sok_drill_bytes_put(&c->sent, c->sent_end, p, (size_t)rc, true))
        rc = SOK_ENOMEM;
    if (rc > 0)
        c->sent_end += (uint64_t)rc;
    free(p);
    return rc;
}

static int64_t call_recv(struct drill *d, const struct drill_step *step, struct drill_conn *c)
{
    const struct sok_line *l = step->line;
    uint8_t *p = malloc((size_t)l->amount + 1);
    if (!p)
        return SOK_ENOMEM;
    int64_t rc = sok_tcp_recv(c->tcp, p, (size_t)l->amount, d->now);
    for (int64_t i = 0; i < rc; i++, c->read_end++) {
        bool known = c->read_end < c->received.end && c->received.known[c->read_end];
        if (known && c->received.p[c->read_end] != p[i] && !d->failed)
            sok_drill_fail(d, step,
                "byte %" PRId64 " of the result is 0x%02x, the peer sent 0x%02x", i, p[i],
                c->received.p[c->read_end]);
        if ((l->has & SOK_HAS(TEXT)) && (i >= l->text_len || p[i] != l->text[i]) && !d->failed)
            sok_drill_fail(
                d, step, "byte %" PRId64 " of the result is 0x%02x, not that of the text", i, p[i]);
    }
    free(p);
    return rc;
}

static const struct {
    const char *name;
    uint8_t option;
} options[] = {
    {"nodelay", SOK_TCP_NODELAY},
    {"cork", SOK_TCP_CORK},
    {"keepalive", SOK_TCP_KEEPALIVE},
    {"linger-zero", SOK_TCP_LINGER_ZERO},
    {"rcvbuf", SOK_TCP_RCVBUF},
    {"sndbuf", SOK_TCP_SNDBUF},
    {"ttl", SOK_TCP_TTL},
    {"tos", SOK_TCP_TOS},
    {"user-timeout", SOK_TCP_USER_TIMEOUT},
    {"quickack", SOK_TCP_QUICKACK},
    {"congestion", SOK_TCP_CONGESTION},
    {"fastopen", SOK_TCP_FASTOPEN},
    {"linger", SOK_TCP_LINGER},
    {"maxseg", SOK_TCP_MAXSEG},
    {"window-clamp", SOK_TCP_WINDOW_CLAMP},
    {"notsent-lowat", SOK_TCP_NOTSENT_LOWAT},
    {"syncnt", SOK_TCP_SYNCNT},
    {"linger2", SOK_TCP_LINGER2},
    {"recverr", SOK_TCP_RECVERR},
};

static int64_t call_option(struct drill *d, const struct drill_step *step, struct drill_conn *c)
{
    const struct sok_line *l = step->line;
    int64_t value;
    char *end;
    if (strcmp(l->value, "on") == 0 || strcmp(l->value, "off") == 0) {
        value = l->value[1] == 'n';
    } else {
        value = strtoll(l->value, &end, 10);
        if (*end && !sok_drill_duration(l->value, &value))
            return sok_drill_fail(d, step, "an option's value is on, off, a number or a duration")
                       ? SOK_EINVAL
                       : 0;
    }
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (strcmp(options[i].name, l->option) == 0)
            return sok_tcp_setopt(c->tcp, options[i].option, value, d->now);
    }
    sok_drill_fail(d, step,
        "no such option: %s (nodelay cork keepalive linger-zero rcvbuf sndbuf ttl tos "
        "user-timeout quickack fastopen linger maxseg window-clamp notsent-lowat syncnt linger2 "
        "recverr)",
        l->option);
    return SOK_EINVAL;
}

static int64_t call_tcp(struct drill *d, const struct drill_step *step, struct drill_conn *c)
{
    switch (step->line->call) {
    case SOK_CALL_SEND:
    case SOK_LINE_CALL_URGENT:
        return call_send(d, step, c);
    case SOK_CALL_RECV:
        return call_recv(d, step, c);
    case SOK_CALL_SHUTDOWN:
        return sok_tcp_shutdown(c->tcp, d->now);
    case SOK_CALL_CLOSE:
    case SOK_CALL_ABORT: {
        struct sok_tcp_conn *tcp = c->tcp;
        c->tcp = NULL;
        if (step->line->call == SOK_CALL_CLOSE)
            sok_tcp_close(tcp, d->now);
        else
            sok_tcp_abort(tcp, d->now);
        return 0;
    }
    case SOK_LINE_CALL_OPTION:
        return call_option(d, step, c);
    default:
        return sok_tcp_error(c->tcp);
    }
}

// ---- datagrams ----

static int64_t open_udp(
    struct drill *d, struct drill_conn *c, const struct sok_endpoint *local, unsigned flags)
{
    int rc = sok_udp_open_as(d->stack, local, flags, &c->udp);
    if (rc == 0)
        c->udp_id = ((struct sok_sock *)c->udp)->id;
    return rc;
}

static int64_t open_raw(struct drill *d, struct drill_conn *c, int64_t protocol)
{
    if (protocol > UINT8_MAX)
        return SOK_EINVAL;
    // Of the family of the drill's own address.
    int rc = sok_addr_is_v4(d->addr) ? sok_raw_open(d->stack, (uint8_t)protocol, &c->raw)
                                     : sok_raw_open6(d->stack, (uint8_t)protocol, &c->raw);
    if (rc == 0)
        c->raw_id = ((struct sok_sock *)c->raw)->id;
    return rc;
}

static int64_t call_sendto(
    struct drill *d, const struct drill_step *step, struct drill_conn *c, struct sok_line *l)
{
    struct sok_endpoint local = {.addr = d->addr};
    if (l->has & SOK_HAS(FROM))
        local = l->dst;
    int64_t rc = c->udp || c->raw ? 0 : open_udp(d, c, &local, 0);
    uint8_t *p = rc == 0 ? malloc((size_t)l->amount + 1) : NULL;
    if (!p)
        return rc < 0 ? rc : SOK_ENOMEM;
    for (int64_t i = 0; i < l->amount; i++)
        p[i] = l->has & SOK_HAS(TEXT) ? l->text[i] : sok_drill_pattern((uint64_t)i);
    struct sok_iov iov = {p, (size_t)l->amount};
    if (c->raw) {
        rc = sok_raw_sendto(c->raw, &iov, 1, &step->line->src, d->now);
    } else {
        rc = sok_udp_sendto(c->udp, &iov, 1, &step->line->src, d->now);
        l->dst = sok_udp_local(c->udp);
        l->has |= SOK_HAS(FROM);
    }
    free(p);
    return rc;
}

// A datagram of a raw socket counts from behind its IP header, which must be right.
static int64_t receive(struct drill *d, const struct drill_step *step, const struct drill_conn *c,
    uint8_t *p, size_t len, struct sok_endpoint *from)
{
    static uint8_t whole[65536];
    int64_t at;
    *from = (struct sok_endpoint){.port = 0};
    if (c->udp)
        return sok_udp_recvfrom(c->udp, p, len, from, d->now);
    int64_t rc = sok_raw_recvfrom(c->raw, whole, sizeof whole, from, &at, d->now);
    if (rc < 0)
        return rc;
    bool v4 = sok_addr_is_v4(from->addr); // else it begins behind the header
    int64_t head = v4 ? 4 * (whole[0] & 15) : 0;
    if (v4 && (sok_get16(whole + 2) != rc || !sok_ip4_verify(whole, (size_t)head)))
        sok_drill_fail(d, step, "the header is not that of %" PRId64 " bytes", rc);
    rc = rc - head < (int64_t)len ? rc - head : (int64_t)len;
    memcpy(p, whole + head, (size_t)rc);
    return rc;
}

static int64_t call_recvfrom(
    struct drill *d, const struct drill_step *step, struct drill_conn *c, struct sok_line *l)
{
    uint8_t *p = malloc((size_t)l->amount + 1);
    if (!p)
        return SOK_ENOMEM;
    struct sok_endpoint from;
    int64_t rc = receive(d, step, c, p, (size_t)l->amount, &from);
    if (rc >= 0) {
        if ((l->has & SOK_HAS(TEXT)) && (rc != l->text_len || memcmp(p, l->text, l->text_len) != 0))
            sok_drill_fail(d, step, "the datagram is another one (%" PRId64 " bytes)", rc);
        if ((l->has & SOK_HAS(FROM)) &&
            (from.port != l->dst.port || !sok_addr_eq(from.addr, l->dst.addr)))
            sok_drill_fail(d, step, "the datagram came from elsewhere");
        l->dst = from;
        l->has |= SOK_HAS(FROM);
    }
    free(p);
    return rc;
}

static int64_t call_ping(struct drill *d, struct drill_conn *c, const struct sok_line *l)
{
    int rc = c->echo ? 0 : sok_echo_open(d->stack, &c->echo);
    if (rc < 0)
        return rc;
    c->echo_id = ((struct sok_sock *)c->echo)->id;
    uint8_t data[2048];
    size_t len = l->has & SOK_HAS(AMOUNT) ? (size_t)l->amount : 56;
    if (len > sizeof data)
        return SOK_EMSGSIZE;
    for (size_t i = 0; i < len; i++)
        data[i] = sok_drill_pattern(i);
    return sok_echo_send(c->echo, &l->src.addr, ++c->ping_seq, data, len, 0, d->now);
}

// A group on the drill's link, of one source if that is said.
static int64_t call_group(struct drill *d, struct drill_conn *c, const struct sok_line *l)
{
    bool join = l->call == SOK_LINE_CALL_JOIN, one = l->has & SOK_HAS(FROM);
    struct sok_group_change change = {
        .op = one ? (join ? SOK_GROUP_JOIN_SOURCE : SOK_GROUP_LEAVE_SOURCE)
                  : (join ? SOK_GROUP_JOIN : SOK_GROUP_LEAVE),
        .link = 1,
        .group = l->src.addr,
        .source = l->dst.addr,
    };
    return c->raw ? sok_raw_group(c->raw, &change, d->now) : sok_udp_group(c->udp, &change, d->now);
}

static bool call_needs_tcp(unsigned call)
{
    return call == SOK_CALL_SEND || call == SOK_LINE_CALL_URGENT || call == SOK_CALL_RECV ||
           call == SOK_CALL_SHUTDOWN || call == SOK_CALL_CLOSE || call == SOK_CALL_ABORT ||
           call == SOK_LINE_CALL_OPTION || call == SOK_LINE_CALL_TAKE_ERROR;
}

// close and error of what is not a TCP connection.
static bool call_other(
    struct drill *d, const struct drill_step *step, struct drill_conn *c, int64_t *rc)
{
    unsigned call = step->line->call;
    if (call == SOK_LINE_CALL_TAKE_ERROR && (c->udp || c->raw)) {
        *rc = c->udp ? sok_udp_error(c->udp) : sok_raw_error(c->raw);
        return true;
    }
    if (call != SOK_CALL_CLOSE)
        return false;
    *rc = 0;
    if (c->listener)
        sok_tcp_listener_close(c->listener, d->now);
    else if (c->udp)
        sok_udp_close(c->udp);
    else if (c->raw)
        sok_raw_close(c->raw);
    else if (c->echo)
        sok_echo_close(c->echo);
    else
        return false;
    c->listener = NULL;
    c->udp = NULL;
    c->raw = NULL;
    c->echo = NULL;
    return true;
}

int sok_drill_call(struct drill *d, const struct drill_step *step)
{
    if (step->line->amount > (int64_t)DRILL_STREAM_MAX)
        return sok_drill_fail(d, step, "at most %u bytes at once", DRILL_STREAM_MAX);
    struct sok_line *came = malloc(sizeof *came);
    if (!came)
        return sok_drill_fail(d, step, "no memory");
    *came = *step->line;
    came->reason[0] = 0;
    came->has &= ~SOK_HAS(RESULT);
    unsigned call = came->call;
    struct drill_conn *c =
        call == SOK_CALL_ACCEPT ? NULL : sok_drill_conn_of_tag(d, came->tag, true);
    int64_t rc = SOK_EINVAL;
    int failed = 0;
    if (call == SOK_CALL_CONNECT)
        rc = call_connect(d, c, came);
    else if (call == SOK_CALL_LISTEN)
        rc = call_listen(d, c, came);
    else if (call == SOK_CALL_ACCEPT)
        rc = call_accept(d, step, came);
    else if (call == SOK_LINE_CALL_BIND)
        rc = open_udp(d, c, &came->src, bind_flags(came));
    else if (call == SOK_LINE_CALL_RAW)
        rc = open_raw(d, c, came->amount);
    else if (call == SOK_LINE_CALL_SLAAC)
        rc = sok_stack_slaac_start(d->stack, 1, d->now);
    else if ((call == SOK_LINE_CALL_JOIN || call == SOK_LINE_CALL_LEAVE) && (c->udp || c->raw))
        rc = call_group(d, c, came);
    else if (call == SOK_CALL_SENDTO)
        rc = call_sendto(d, step, c, came);
    else if (call == SOK_CALL_PING)
        rc = call_ping(d, c, came);
    else if (call == SOK_CALL_RECVFROM && (c->udp || c->raw))
        rc = call_recvfrom(d, step, c, came);
    else if (call_needs_tcp(call) && c->tcp)
        rc = call_tcp(d, step, c);
    else if (!call_other(d, step, c, &rc))
        failed = no_handle(d, step);
    if (!failed && !d->failed)
        failed = check_result(d, step, came, rc);
    if (!failed && call == SOK_CALL_ACCEPT && rc == 0 && step->line->tag[0] &&
        strcmp(step->line->tag, came->tag) != 0)
        failed = sok_drill_fail(d, step, "the connection accepted is @%s", came->tag);
    free(came);
    return d->failed ? -1 : failed;
}
