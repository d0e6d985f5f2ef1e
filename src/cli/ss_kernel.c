// The kernel's sockets: dumps of inet_diag and packet_diag over netlink (sock_diag(7)), turned into rows.
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <linux/unix_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "base/addr.h"
#include "cli/ss.h"

#define US INT64_C(1000)
#define MS INT64_C(1000000)

struct dump {
    const struct sok_ss_wish *wish;
    struct sok_ss_list *out;
    uint8_t kind;
};

// Everything that inet_diag_msg's extensions can be asked for in eight bits.
#define EXTENSIONS                                                                                 \
    (1 << (INET_DIAG_MEMINFO - 1) | 1 << (INET_DIAG_INFO - 1) | 1 << (INET_DIAG_VEGASINFO - 1) |   \
        1 << (INET_DIAG_CONG - 1) | 1 << (INET_DIAG_SKMEMINFO - 1) |                               \
        1 << (INET_DIAG_SHUTDOWN - 1))

// ---- struct tcp_info ----

static void put_options(struct sok_row *r, const struct tcp_info *t)
{
    static const uint32_t flags[] = {SOK_ROW_TIMESTAMPS, SOK_ROW_SACK, SOK_ROW_WSCALE, SOK_ROW_ECN,
        SOK_ROW_ECN_SEEN, SOK_ROW_FASTOPEN};
    for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (t->tcpi_options & 1u << i)
            r->flags |= flags[i];
    if (t->tcpi_delivery_rate_app_limited)
        r->flags |= SOK_ROW_APP_LIMITED;
    r->send_shift = t->tcpi_snd_wscale;
    r->recv_shift = t->tcpi_rcv_wscale;
}

static void put_times(struct sok_row_info *i, const struct tcp_info *t)
{
    i->rto = t->tcpi_rto == 3000000 ? 0 : t->tcpi_rto * US; // of a listener: means nothing
    i->rtt = t->tcpi_rtt * US;
    i->rtt_var = t->tcpi_rttvar * US;
    i->rtt_min = t->tcpi_min_rtt == UINT32_MAX ? 0 : t->tcpi_min_rtt * US;
    i->rtt_recv = t->tcpi_rcv_rtt * US;
    i->ack_delay = t->tcpi_ato * US;
    i->since_sent = t->tcpi_last_data_sent * MS;
    i->since_received = t->tcpi_last_data_recv * MS;
    i->since_ack = t->tcpi_last_ack_recv * MS;
    i->busy = (int64_t)t->tcpi_busy_time * US;
    i->busy_receiver = (int64_t)t->tcpi_rwnd_limited * US;
    i->busy_buffer = (int64_t)t->tcpi_sndbuf_limited * US;
}

static void put_counts(struct sok_row_info *i, const struct tcp_info *t)
{
    i->bytes_sent = t->tcpi_bytes_sent;
    i->bytes_again = t->tcpi_bytes_retrans;
    i->bytes_acked = t->tcpi_bytes_acked;
    i->bytes_received = t->tcpi_bytes_received;
    i->delivery_rate = t->tcpi_delivery_rate;
    i->pacing_rate = t->tcpi_pacing_rate == UINT64_MAX ? 0 : t->tcpi_pacing_rate;
    i->pacing_rate_max = t->tcpi_max_pacing_rate == UINT64_MAX ? 0 : t->tcpi_max_pacing_rate;
    i->segs_out = t->tcpi_segs_out;
    i->segs_in = t->tcpi_segs_in;
    i->data_segs_out = t->tcpi_data_segs_out;
    i->data_segs_in = t->tcpi_data_segs_in;
    i->delivered = t->tcpi_delivered;
    i->delivered_ce = t->tcpi_delivered_ce;
    i->unacked = t->tcpi_unacked;
    i->retrans = t->tcpi_retrans;
    i->retrans_total = t->tcpi_total_retrans;
    i->lost = t->tcpi_lost;
    i->sacked = t->tcpi_sacked;
    i->dsack_dups = t->tcpi_dsack_dups;
    i->recv_early = t->tcpi_rcv_ooopack;
}

static void put_sizes(struct sok_row_info *i, const struct tcp_info *t)
{
    i->mss = t->tcpi_snd_mss;
    i->mss_recv = t->tcpi_rcv_mss;
    i->mss_offered = t->tcpi_advmss;
    i->pmtu = t->tcpi_pmtu;
    i->cwnd = t->tcpi_snd_cwnd;
    i->ssthresh = t->tcpi_snd_ssthresh < 0xffff ? t->tcpi_snd_ssthresh : 0;
    i->backoff = t->tcpi_backoff;
    i->reordering = t->tcpi_reordering;
    i->reorder_seen = t->tcpi_reord_seen;
    i->recv_space = t->tcpi_rcv_space;
    i->recv_ssthresh = t->tcpi_rcv_ssthresh;
    i->not_sent = t->tcpi_notsent_bytes;
    i->window_send = t->tcpi_snd_wnd;
}

// Kernels know fewer or more of the fields than we.
static void take_info(struct sok_row *r, const struct nlattr *attr)
{
    struct tcp_info t = {0};
    size_t len = mnl_attr_get_payload_len(attr);
    memcpy(&t, mnl_attr_get_payload(attr), len < sizeof(t) ? len : sizeof(t));
    r->flags |= SOK_ROW_INFO;
    put_options(r, &t);
    put_times(&r->info, &t);
    put_counts(&r->info, &t);
    put_sizes(&r->info, &t);
    if (r->state == SOK_ROW_LISTEN) // the queue again
        r->info.sacked = 0;
}

// ---- attributes ----

static void take_memory(struct sok_row *r, const struct nlattr *attr)
{
    size_t len = mnl_attr_get_payload_len(attr);
    r->flags |= SOK_ROW_MEMORY;
    memcpy(
        &r->memory, mnl_attr_get_payload(attr), len < sizeof(r->memory) ? len : sizeof(r->memory));
}

static void take_bbr(struct sok_ss_item *item, const struct nlattr *attr)
{
    struct tcp_bbr_info b = {0};
    size_t len = mnl_attr_get_payload_len(attr);
    char gains[48] = "";
    memcpy(&b, mnl_attr_get_payload(attr), len < sizeof(b) ? len : sizeof(b));
    item->bbr_rate = (uint64_t)b.bbr_bw_hi << 32 | b.bbr_bw_lo;
    if (b.bbr_pacing_gain)
        snprintf(gains, sizeof(gains), ",pacing_gain:%g", b.bbr_pacing_gain / 256.0);
    if (b.bbr_cwnd_gain)
        snprintf(gains + strlen(gains), sizeof(gains) - strlen(gains), ",cwnd_gain:%g",
            b.bbr_cwnd_gain / 256.0);
    snprintf(item->bbr, sizeof(item->bbr), ",mrtt:%g%s", b.bbr_min_rtt / 1000.0, gains);
}

static void take_attr(struct sok_ss_item *item, const struct nlattr *attr)
{
    struct sok_row *r = &item->row;
    unsigned mask;
    switch (mnl_attr_get_type(attr)) {
    case INET_DIAG_INFO:
        take_info(r, attr);
        break;
    case INET_DIAG_CONG:
        snprintf(r->congestion, sizeof(r->congestion), "%s", mnl_attr_get_str(attr));
        break;
    case INET_DIAG_SKMEMINFO:
        take_memory(r, attr);
        break;
    case INET_DIAG_SHUTDOWN:
        mask = mnl_attr_get_u8(attr);
        r->flags |= SOK_ROW_SHUT_KNOWN | (mask & 1 ? SOK_ROW_SHUT_IN : 0u) |
                    (mask & 2 ? SOK_ROW_SHUT_OUT : 0u);
        break;
    case INET_DIAG_SKV6ONLY:
        r->flags |= SOK_ROW_V6ONLY_KNOWN | (mnl_attr_get_u8(attr) ? SOK_ROW_V6ONLY : 0u);
        break;
    case INET_DIAG_MARK:
        r->mark = mnl_attr_get_u32(attr);
        break;
    case INET_DIAG_CGROUP_ID:
        memcpy(&r->cgroup, mnl_attr_get_payload(attr), sizeof(r->cgroup));
        break;
    case INET_DIAG_BBRINFO:
        take_bbr(item, attr);
        break;
    }
}

static bool is_inside(const struct nlmsghdr *h, const struct nlattr *attr)
{
    const char *end = mnl_nlmsg_get_payload_tail(h);
    return mnl_attr_ok(attr, (int)(end - (const char *)attr));
}

static void put_addr(uint8_t to[16], unsigned family, const uint32_t from[4])
{
    struct sok_addr a;
    memcpy(a.b, from, 16);
    if (family == AF_INET)
        a = sok_addr_v4(ntohl(from[0]));
    memcpy(to, a.b, 16);
}

static int take_inet(const struct nlmsghdr *h, void *ctx)
{
    const struct dump *d = ctx;
    const struct inet_diag_msg *m = mnl_nlmsg_get_payload(h);
    struct sok_ss_item item = {.row = {.kind = d->kind, .fd = -1}};
    struct sok_row *r = &item.row;
    const struct nlattr *attr;
    r->family = m->idiag_family == AF_INET ? 4 : 6;
    r->state = m->idiag_state;
    r->timer = m->idiag_timer;
    r->retries = m->idiag_retrans;
    r->timer_left = m->idiag_expires * MS;
    put_addr(r->local, m->idiag_family, m->id.idiag_src);
    put_addr(r->remote, m->idiag_family, m->id.idiag_dst);
    r->local_port = ntohs(m->id.idiag_sport);
    r->remote_port = ntohs(m->id.idiag_dport);
    r->protocol = d->kind == SOK_ROW_RAW ? (uint8_t)r->local_port : 0;
    r->link = m->id.idiag_if;
    r->recv_queue = m->idiag_rqueue;
    r->send_queue = m->idiag_wqueue;
    r->uid = m->idiag_uid;
    r->flags = SOK_ROW_OWNER;
    r->inode = m->idiag_inode;
    r->cookie = (uint64_t)m->id.idiag_cookie[1] << 32 | m->id.idiag_cookie[0];
    for (attr = mnl_nlmsg_get_payload_offset(h, sizeof(*m)); is_inside(h, attr);
         attr = mnl_attr_next(attr))
        take_attr(&item, attr);
    if (!sok_ss_wanted(d->wish, r))
        return MNL_CB_OK;
    struct sok_ss_item *to = sok_ss_list_add(d->out);
    if (to)
        *to = item;
    return to ? MNL_CB_OK : MNL_CB_ERROR;
}

static int take_packet(const struct nlmsghdr *h, void *ctx)
{
    const struct dump *d = ctx;
    const struct packet_diag_msg *m = mnl_nlmsg_get_payload(h);
    struct sok_ss_item item = {.row = {.kind = SOK_ROW_PACKET, .fd = -1}};
    struct sok_row *r = &item.row;
    const struct nlattr *attr;
    r->state = SOK_ROW_CLOSE;
    r->protocol = m->pdiag_type == SOCK_DGRAM;
    r->local_port = m->pdiag_num;
    r->inode = m->pdiag_ino;
    r->cookie = (uint64_t)m->pdiag_cookie[1] << 32 | m->pdiag_cookie[0];
    for (attr = mnl_nlmsg_get_payload_offset(h, sizeof(*m)); is_inside(h, attr);
         attr = mnl_attr_next(attr)) {
        if (mnl_attr_get_type(attr) == PACKET_DIAG_INFO)
            r->link = ((const struct packet_diag_info *)mnl_attr_get_payload(attr))->pdi_index;
        if (mnl_attr_get_type(attr) == PACKET_DIAG_UID)
            r->uid = mnl_attr_get_u32(attr);
        if (mnl_attr_get_type(attr) == PACKET_DIAG_MEMINFO)
            take_memory(r, attr);
    }
    r->recv_queue = r->memory.recv_alloc;
    r->send_queue = r->memory.send_alloc;
    if (!sok_ss_wanted(d->wish, r))
        return MNL_CB_OK;
    struct sok_ss_item *to = sok_ss_list_add(d->out);
    if (to)
        *to = item;
    return to ? MNL_CB_OK : MNL_CB_ERROR;
}

// ---- asking ----

static struct mnl_socket *open_socket(void)
{
    struct mnl_socket *s = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
    if (s && mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0) {
        mnl_socket_close(s);
        return NULL;
    }
    return s;
}

// The end of a dump, which may say that there was none, and the answer to another request: an errno, negative,
// or 0.
static int take_end(const struct nlmsghdr *h, void *ctx)
{
    int error = 0;
    (void)ctx;
    if (mnl_nlmsg_get_payload_len(h) >= sizeof(error))
        memcpy(&error, mnl_nlmsg_get_payload(h), sizeof(error));
    errno = -error;
    return error < 0 ? MNL_CB_ERROR : MNL_CB_STOP;
}

// Sends the request and hands each answer to take(). 0 or -errno.
static int run(struct mnl_socket *s, struct nlmsghdr *request, mnl_cb_t take, void *ctx)
{
    static _Alignas(struct nlmsghdr) char buf[65536];
    mnl_cb_t control[NLMSG_DONE + 1] = {[NLMSG_ERROR] = take_end, [NLMSG_DONE] = take_end};
    request->nlmsg_seq++;
    if (mnl_socket_sendto(s, request, request->nlmsg_len) < 0)
        return -errno;
    int r = MNL_CB_OK;
    while (r > MNL_CB_STOP) {
        ssize_t n = mnl_socket_recvfrom(s, buf, sizeof(buf));
        if (n < 0)
            return -errno;
        r = mnl_cb_run2(buf, (size_t)n, request->nlmsg_seq, mnl_socket_get_portid(s), take, ctx,
            control, NLMSG_DONE + 1);
    }
    return r < 0 ? -errno : 0;
}

static int dump_inet(struct mnl_socket *s, struct dump *d, int family, int protocol)
{
    _Alignas(struct nlmsghdr) char buf[128];
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
    h->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    struct inet_diag_req_v2 *q = mnl_nlmsg_put_extra_header(h, sizeof(*q));
    q->sdiag_family = (uint8_t)family;
    q->sdiag_protocol = (uint8_t)protocol;
    q->idiag_ext = EXTENSIONS;
    q->idiag_states = d->wish->states;
    return run(s, h, take_inet, d);
}

static int dump_packet(struct mnl_socket *s, struct dump *d)
{
    _Alignas(struct nlmsghdr) char buf[128];
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
    h->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    struct packet_diag_req *q = mnl_nlmsg_put_extra_header(h, sizeof(*q));
    q->sdiag_family = AF_PACKET;
    q->pdiag_show = PACKET_SHOW_INFO | PACKET_SHOW_MEMINFO;
    return run(s, h, take_packet, d);
}

// A kernel without the module for a kind has no such sockets to show.
static int one_kind(struct mnl_socket *s, struct dump *d, unsigned kind)
{
    static const int protocols[] = {
        [SOK_ROW_TCP] = IPPROTO_TCP, [SOK_ROW_UDP] = IPPROTO_UDP, [SOK_ROW_RAW] = IPPROTO_RAW};
    d->kind = (uint8_t)kind;
    if (!(d->wish->kinds & 1u << kind))
        return 0;
    if (kind == SOK_ROW_PACKET) {
        int r = d->wish->v4 || d->wish->v6 ? 0 : dump_packet(s, d);
        return r == -ENOENT || r == -EINVAL ? 0 : r;
    }
    int r = 0;
    if (d->wish->v4 || !d->wish->v6)
        r = dump_inet(s, d, AF_INET, protocols[kind]);
    if (r == 0 && (d->wish->v6 || !d->wish->v4))
        r = dump_inet(s, d, AF_INET6, protocols[kind]);
    if (r == -ENOENT && kind == SOK_ROW_RAW) {
        r = d->wish->v6 && !d->wish->v4 ? 0 : sok_ss_proc_raw(d->wish, 4, d->out);
        if (r == 0 && (d->wish->v6 || !d->wish->v4))
            r = sok_ss_proc_raw(d->wish, 6, d->out);
    }
    return r == -ENOENT ? 0 : r;
}

int sok_ss_kernel(const struct sok_ss_wish *w, struct sok_ss_list *out, char err[SOK_SS_ERR_MAX])
{
    static const uint8_t order[] = {SOK_ROW_PACKET, SOK_ROW_RAW, SOK_ROW_UDP, SOK_ROW_TCP};
    struct dump d = {.wish = w, .out = out};
    struct mnl_socket *s = open_socket();
    int r = s ? 0 : -errno;
    for (unsigned i = 0; i < sizeof(order) && r == 0; i++)
        r = one_kind(s, &d, order[i]);
    if (s)
        mnl_socket_close(s);
    if (r < 0)
        snprintf(err, SOK_SS_ERR_MAX, "the kernel does not tell its sockets: %s", strerror(-r));
    return r;
}

int sok_ss_kernel_kill(const struct sok_row *row)
{
    _Alignas(struct nlmsghdr) char buf[128];
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
    struct mnl_socket *s = open_socket();
    if (!s)
        return -errno;
    h->nlmsg_type = SOCK_DESTROY;
    h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    struct inet_diag_req_v2 *q = mnl_nlmsg_put_extra_header(h, sizeof(*q));
    q->sdiag_family = row->family == 4 ? AF_INET : AF_INET6;
    q->sdiag_protocol = row->kind == SOK_ROW_TCP   ? IPPROTO_TCP
                        : row->kind == SOK_ROW_UDP ? IPPROTO_UDP
                                                   : IPPROTO_RAW;
    q->idiag_states = 1u << row->state;
    q->id.idiag_sport = htons(row->local_port);
    q->id.idiag_dport = htons(row->remote_port);
    q->id.idiag_if = row->link;
    q->id.idiag_cookie[0] = (uint32_t)row->cookie;
    q->id.idiag_cookie[1] = (uint32_t)(row->cookie >> 32);
    memcpy(q->id.idiag_src, row->family == 4 ? row->local + 12 : row->local,
        row->family == 4 ? 4 : 16);
    memcpy(q->id.idiag_dst, row->family == 4 ? row->remote + 12 : row->remote,
        row->family == 4 ? 4 : 16);
    int r = row->kind == SOK_ROW_PACKET ? -EOPNOTSUPP : run(s, h, NULL, NULL);
    mnl_socket_close(s);
    return r;
}

// ---- what waits in a program's own end ----

struct ends {
    struct sok_row **rows; // by inode
    size_t count;
};

static int by_inode(const void *a, const void *b)
{
    uint64_t x = (*(struct sok_row *const *)a)->inode, y = (*(struct sok_row *const *)b)->inode;
    return x < y ? -1 : x > y;
}

static int take_unread(const struct nlmsghdr *h, void *ctx)
{
    const struct ends *e = ctx;
    const struct unix_diag_msg *m = mnl_nlmsg_get_payload(h);
    struct sok_row wanted = {.inode = m->udiag_ino}, *key = &wanted;
    struct sok_row **found = bsearch(&key, e->rows, e->count, sizeof(key), by_inode);
    const struct nlattr *attr;
    struct unix_diag_rqlen len;
    for (attr = mnl_nlmsg_get_payload_offset(h, sizeof(*m)); found && is_inside(h, attr);
         attr = mnl_attr_next(attr)) {
        if (mnl_attr_get_type(attr) != UNIX_DIAG_RQLEN)
            continue;
        memcpy(&len, mnl_attr_get_payload(attr), sizeof(len));
        (*found)->recv_queue += len.udiag_rqueue;
    }
    return MNL_CB_OK;
}

static void dump_unread(struct ends *e)
{
    _Alignas(struct nlmsghdr) char buf[128];
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
    struct mnl_socket *s = open_socket();
    if (!s)
        return;
    h->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    struct unix_diag_req *q = mnl_nlmsg_put_extra_header(h, sizeof(*q));
    q->sdiag_family = AF_UNIX;
    q->udiag_states = UINT32_MAX;
    q->udiag_show = UDIAG_SHOW_RQLEN;
    run(s, h, take_unread, e);
    mnl_socket_close(s);
}

// A kernel without unix_diag, and a program in another network namespace, say nothing.
void sok_ss_unread(struct sok_ss_list *l)
{
    struct ends e = {.rows = calloc(l->count + 1, sizeof(*e.rows))};
    for (size_t i = 0; i < l->count && e.rows; i++) {
        struct sok_row *row = &l->items[i].row;
        if (row->kind == SOK_ROW_TCP && row->state != SOK_ROW_LISTEN &&
            row->state != SOK_ROW_SYN_SENT && row->inode) // else it holds no bytes of the peer
            e.rows[e.count++] = row;
    }
    if (e.count > 0) {
        qsort(e.rows, e.count, sizeof(*e.rows), by_inode);
        dump_unread(&e);
    }
    free(e.rows);
}
