#include "tests/hostile/lab.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PULLS_MAX 20000 // frames one call into the stack may make
#define WAITS_MAX 200000

void lab_fail(struct lab *l, const char *format, ...)
{
    if (l->fail[0])
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(l->fail, sizeof(l->fail), format, args);
    va_end(args);
}

// ---- frames in: each ends where an unmapped page begins, so reading one byte too many is seen ----

#ifdef __SANITIZE_ADDRESS__ // gcc's word
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifdef SANITIZED // which sees it by itself, and faster

static struct sok_buf *frame_buf(size_t len)
{
    static struct sok_mem libc;
    libc = sok_mem_libc();
    return sok_buf_new(&libc, len ? (uint32_t)len : 1);
}

#else

static size_t guard_size(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (size + page - 1) / page * page;
}

static void *guard_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (ptr && new_size == 0) {
        size_t room = guard_size(old_size);
        munmap((uint8_t *)ptr + old_size - room, room + page);
        return NULL;
    }
    if (ptr || new_size == 0)
        return NULL; // buffers never grow
    size_t room = guard_size(new_size);
    uint8_t *p =
        mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + room, page, PROT_NONE) != 0)
        abort();
    return p + room - new_size;
}

static struct sok_buf *frame_buf(size_t len)
{
    static const struct sok_mem guard_mem = {guard_resize, NULL};
    uint32_t cap = (uint32_t)((len + 15) & ~(size_t)15);
    return sok_buf_new(&guard_mem, cap ? cap : 16);
}

#endif

void lab_inject_packet(struct lab *l, const struct packet *p)
{
    struct sok_buf *buf = frame_buf(p->len);
    if (!buf)
        abort(); // the test's own memory
    uint32_t off = p->len ? buf->cap - (uint32_t)p->len : 0;
    memcpy(buf->data + off, p->b, p->len);
    struct sok_frame frame = {.buf = buf, .off = off, .len = (uint32_t)p->len};
    sok_stack_input(l->stack, l->link, &frame, l->now);
    sok_buf_unref(buf);
    lab_pump(l);
}

void lab_inject(struct lab *l)
{
    lab_inject_packet(l, &l->packet);
}

// ---- frames out ----

static void take_tcp(struct lab *l, struct got *g, const uint8_t *t, size_t len, const uint8_t *ip)
{
    size_t head = len >= 20 ? (size_t)(t[12] >> 4) * 4 : 0;
    if (head < 20 || head > len) {
        lab_fail(l, "sent a malformed TCP header");
        return;
    }
    if (craft_sum(t, len, craft_pseudo(ip, 6, len)) != 0)
        lab_fail(l, "sent a bad TCP checksum");
    g->sport = get16(t);
    g->dport = get16(t + 2);
    g->seq = get32(t + 4);
    g->ack = get32(t + 8);
    g->flags = get16(t + 12) & 0xfff;
    g->window = get16(t + 14);
    g->options_len = head - 20;
    memcpy(g->options, t + 20, head - 20);
    g->len = (uint32_t)(len - head);
    memcpy(g->data, t + head, g->len < sizeof(g->data) ? g->len : sizeof(g->data));
}

static void take_icmp(struct lab *l, struct got *g, const uint8_t *i, size_t len)
{
    if (len < 8 || craft_sum(i, len, 0) != 0) {
        lab_fail(l, "sent a malformed ICMP message");
        return;
    }
    g->icmp_type = i[0];
    g->icmp_code = i[1];
    g->echo_id = get16(i + 4);
    g->echo_seq = get16(i + 6);
    g->len = (uint32_t)len - 8;
    memcpy(g->data, i + 8, g->len < sizeof(g->data) ? g->len : sizeof(g->data));
}

static void take_ip(struct lab *l, struct got *g, const uint8_t *ip, size_t len)
{
    size_t head = len >= 20 ? (size_t)(ip[0] & 15) * 4 : 0;
    if (head < 20 || head > len || ip[0] >> 4 != 4 || get16(ip + 2) != len ||
        craft_sum(ip, head, 0) != 0) {
        lab_fail(l, "sent a malformed IP packet");
        return;
    }
    g->proto = ip[9];
    g->src = get32(ip + 12);
    g->dst = get32(ip + 16);
    if (g->src != LAB_ADDR)
        lab_fail(l, "sent from %08x", g->src);
    if (g->dst == 0 || g->dst == 0xffffffff || g->dst >> 28 == 14 || g->dst >> 24 == 127 ||
        g->dst == LAB_ADDR || g->dst == (LAB_ADDR | 255))
        lab_fail(l, "sent to %08x", g->dst);
    g->frag = get16(ip + 6) & 0x3fff;
    if (g->frag && get16(ip + 6) & 0x4000)
        lab_fail(l, "sent a fragment with DF");
    if (g->frag & 0x2000 && (len - head) % 8 != 0)
        lab_fail(l, "sent a fragment of %zu bytes", len - head);
    if (g->frag)
        g->len = (uint32_t)(len - head);
    else if (g->proto == 6)
        take_tcp(l, g, ip + head, len - head, ip);
    else if (g->proto == 1)
        take_icmp(l, g, ip + head, len - head);
    else
        g->len = (uint32_t)(len - head);
}

// Lengths and sums; addresses are the cases' own.
static void take_ip6(struct lab *l, struct got *g, const uint8_t *ip, size_t len)
{
    if (len < 40 || ip[0] >> 4 != 6 || get16(ip + 4) != len - 40 || ip[7] == 0 || ip[8] == 0xff) {
        lab_fail(l, "sent a malformed IPv6 packet");
        return;
    }
    g->proto = ip[6];
    g->len = (uint32_t)(len - 40);
    if (g->proto != 6 && g->proto != 17 && g->proto != 58)
        return;
    uint32_t start = g->proto + g->len;
    for (size_t i = 8; i < 40; i += 2)
        start += get16(ip + i);
    if (craft_sum(ip + 40, g->len, start) != 0)
        lab_fail(l, "sent a bad checksum over IPv6");
    if (g->proto == 58) {
        g->icmp_type = ip[40];
        g->icmp_code = ip[41];
    }
}

static void take(struct lab *l, const struct sok_frame_out *out)
{
    static uint8_t b[65536];
    size_t len = 0;
    for (unsigned i = 0; i < out->iov_count && len + out->iov[i].len <= sizeof(b); i++) {
        memcpy(b + len, out->iov[i].base, out->iov[i].len);
        len += out->iov[i].len;
    }
    l->got_all++;
    l->bytes_all += len;
    if (len != out->len || len < ETH_LEN || len > ETH_LEN + LAB_MTU) {
        lab_fail(l, "sent a frame of %zu bytes, said %u", len, out->len);
        return;
    }
    struct got g = {.type = get16(b + 12)};
    if (out->meta.gso || out->meta.csum_partial)
        lab_fail(l, "left work to a link that does none");
    if (g.type == 0x0800)
        take_ip(l, &g, b + ETH_LEN, len - ETH_LEN);
    else if (g.type == 0x86dd)
        take_ip6(l, &g, b + ETH_LEN, len - ETH_LEN);
    else if (g.type != 0x0806)
        lab_fail(l, "sent a frame of type %04x", g.type);
    if (l->got_count < LAB_GOT)
        l->got[l->got_count++] = g;
}

void lab_pump(struct lab *l)
{
    struct sok_frame_out out;
    unsigned n = 0;
    while (sok_stack_output(l->stack, l->link, l->now, &out)) {
        take(l, &out);
        if (++n > PULLS_MAX) {
            lab_fail(l, "sends without end");
            return;
        }
    }
}

void lab_forget(struct lab *l)
{
    l->got_count = 0;
    l->got_all = 0;
}

void lab_wait(struct lab *l, int64_t ns)
{
    int64_t end = l->now + ns;
    for (unsigned i = 0;; i++) {
        int64_t due = sok_stack_deadline(l->stack);
        if (due > end)
            break;
        if (due > l->now)
            l->now = due;
        sok_stack_advance(l->stack, l->now);
        lab_pump(l);
        if (i > WAITS_MAX) {
            lab_fail(l, "always something due");
            return;
        }
    }
    l->now = end;
    sok_stack_advance(l->stack, l->now);
    lab_pump(l);
}

void lab_check(struct lab *l)
{
    const char *wrong = sok_stack_check(l->stack);
    if (wrong)
        lab_fail(l, "invariant: %s", wrong);
}

// ---- beginning and end ----

void lab_new(struct lab *l, lab_config_fn *change)
{
    *l = (struct lab){.now = 1000 * SOK_S, .next_port = 30000};
    l->memory.rng = (struct rng){1};
    l->mem = checkmem_hook(&l->memory);
    struct sok_stack_config config;
    sok_stack_config_default(&config);
    config.mem = l->mem;
    memset(config.seed, 7, sizeof(config.seed));
    if (change)
        change(&config);
    struct sok_link_info info = {
        .name = "lab", .mac = {2, 0, 0, 0, 0, 1}, .mtu = LAB_MTU, .caps = SOK_LINK_POINT};
    if (sok_stack_new(&config, &l->stack) != 0)
        abort();
    int link = sok_stack_link_add(l->stack, &info);
    l->link = (uint8_t)link;
    const uint8_t mac[6] = {2, 0, 0, 0, 0, 2};
    struct sok_endpoint at = {.port = LAB_PORT};
    if (link < 0 || sok_stack_addr_add(l->stack, l->link, sok_addr_v4(LAB_ADDR), 24) != 0 ||
        sok_stack_route_add(l->stack, sok_addr_v4(0), 0, sok_addr_v4(LAB_PEER), l->link) != 0 ||
        sok_stack_neighbour_add(l->stack, l->link, sok_addr_v4(LAB_PEER), mac) != 0)
        abort();
    l->base_bytes = l->memory.bytes;
    if (sok_stack_listen(l->stack, &at, 4096, l->now, &l->listener) != 0)
        abort();
    lab_pump(l);
    lab_forget(l);
}

#define TABLES 262144 // tables may have grown by as much when all is over

void lab_end(struct lab *l)
{
    struct sok_tcp_counts counts = {0};
    lab_check(l);
    sok_tcp_listener_close(l->listener, l->now);
    lab_pump(l);
    for (int i = 0; i < 200; i++) {
        sok_stack_counts(l->stack, &counts);
        if (counts.conns == 0 && counts.time_waits == 0)
            break;
        lab_wait(l, 60 * SOK_S);
    }
    if (counts.conns || counts.time_waits)
        lab_fail(l, "%u connections left, %u in TIME-WAIT", counts.conns, counts.time_waits);
    else if (l->memory.bytes > l->base_bytes + TABLES)
        lab_fail(
            l, "idle, but holds %zu bytes, %zu when it was new", l->memory.bytes, l->base_bytes);
    lab_check(l);
    sok_stack_free(l->stack);
    if (l->memory.blocks)
        lab_fail(l, "leaked %zu blocks, %zu bytes", l->memory.blocks, l->memory.bytes);
}

// ---- flows ----

struct tcp_fields flow_fields(const struct flow *f, uint16_t flags)
{
    return (struct tcp_fields){.ip = {.src = f->peer, .dst = LAB_ADDR},
        .sport = f->port,
        .dport = f->stack_port,
        .seq = f->nxt,
        .ack = f->rcv,
        .flags = flags,
        .window = f->window};
}

void flow_send(struct flow *f, const struct tcp_fields *given)
{
    struct tcp_fields t = *given;
    uint8_t ts[12] = {1, 1, 8, 10};
    if (f->ts && !t.options_len) {
        put32(ts + 4, f->tsval);
        put32(ts + 8, f->tsecr);
        t.options = ts;
        t.options_len = sizeof(ts);
    }
    craft_tcp(&f->l->packet, &t);
    lab_inject(f->l);
}

void flow_data(struct flow *f, const void *data, size_t len)
{
    struct tcp_fields t = flow_fields(f, F_ACK | F_PSH);
    t.data = data;
    t.len = len;
    flow_send(f, &t);
    f->nxt += (uint32_t)len;
}

void flow_ack(struct flow *f, uint32_t ack)
{
    struct tcp_fields t = flow_fields(f, F_ACK);
    t.ack = ack;
    flow_send(f, &t);
}

static bool is_of(const struct flow *f, const struct got *g)
{
    return g->type == 0x0800 && g->proto == 6 && g->dst == f->peer && g->dport == f->port &&
           g->sport == f->stack_port;
}

static void learn_options(struct flow *f, const struct got *g)
{
    for (size_t i = 0; i < g->options_len && g->options[i] != 0;) {
        if (g->options[i] == 1) {
            i++;
            continue;
        }
        if (i + 1 >= g->options_len || g->options[i + 1] < 2 ||
            i + g->options[i + 1] > g->options_len) {
            lab_fail(f->l, "sent malformed options");
            return;
        }
        if (g->options[i] == 8) {
            f->ts = true;
            f->tsecr = get32(g->options + i + 2);
        } else if (g->options[i] == 3) {
            f->wscale = g->options[i + 2];
        }
        i += g->options[i + 1];
    }
}

void flow_follow(struct flow *f)
{
    for (unsigned i = 0; i < f->l->got_count; i++) {
        const struct got *g = &f->l->got[i];
        if (!is_of(f, g) || (g->flags & F_RST))
            continue;
        uint32_t end = g->seq + g->len + !!(g->flags & F_SYN) + !!(g->flags & F_FIN);
        if ((int32_t)(end - f->rcv) > 0)
            f->rcv = end;
        f->last_window = g->window;
        learn_options(f, g);
    }
    lab_forget(f->l);
}

static const uint8_t mss_only[4] = {2, 4, 0x05, 0xb4};

static void flow_begin(struct flow *f, struct lab *l, const struct flow_options *o)
{
    *f = (struct flow){.l = l, .port = l->next_port++, .stack_port = LAB_PORT, .peer = LAB_PEER};
    f->nxt = o && o->iss ? o->iss : 1000000;
    f->window = o && o->window ? o->window : 65535;
    f->tsval = 5000;
}

static void flow_first(struct flow *f, uint16_t flags, const struct flow_options *o)
{
    struct tcp_fields t = flow_fields(f, flags);
    t.options = o && o->options ? o->options : mss_only;
    t.options_len = o && o->options ? o->options_len : sizeof(mss_only);
    flow_send(f, &t);
    f->nxt++;
}

bool flow_syn(struct flow *f, struct lab *l, const struct flow_options *o)
{
    lab_forget(l);
    flow_begin(f, l, o);
    flow_first(f, F_SYN, o);
    for (unsigned i = 0; i < l->got_count; i++) {
        const struct got *g = &l->got[i];
        if (!is_of(f, g) || g->flags != (F_SYN | F_ACK) || g->ack != f->nxt)
            continue;
        f->iss = g->seq;
        f->rcv = g->seq + 1;
        learn_options(f, g);
        lab_forget(l);
        return true;
    }
    return false;
}

bool flow_open(struct flow *f, struct lab *l, const struct flow_options *o)
{
    if (!flow_syn(f, l, o)) {
        lab_fail(l, "no SYN,ACK");
        return false;
    }
    flow_ack(f, f->rcv);
    if (sok_tcp_accept(l->listener, l->now, &f->c) != 0) {
        lab_fail(l, "not accepted");
        return false;
    }
    lab_forget(l);
    return true;
}

bool flow_connect(struct flow *f, struct lab *l, const struct flow_options *o)
{
    lab_forget(l);
    flow_begin(f, l, o);
    struct sok_endpoint to = {.addr = sok_addr_v4(LAB_PEER), .port = f->port};
    if (sok_stack_connect(l->stack, NULL, &to, l->now, &f->c) != 0) {
        lab_fail(l, "connect failed");
        return false;
    }
    lab_pump(l);
    f->stack_port = sok_tcp_local(f->c).port;
    if (l->got_count != 1 || !is_of(f, &l->got[0]) || l->got[0].flags != F_SYN) {
        lab_fail(l, "no SYN");
        return false;
    }
    f->iss = l->got[0].seq;
    f->rcv = f->iss + 1;
    bool ts = f->ts; // only what the SYN,ACK agrees to
    learn_options(f, &l->got[0]);
    f->ts = ts;
    lab_forget(l);
    return true;
}

int64_t flow_read(struct flow *f, void *data, size_t len)
{
    int64_t n = sok_tcp_recv(f->c, data, len, f->l->now);
    lab_pump(f->l);
    return n == 0 ? -1000 : n == SOK_EAGAIN ? 0 : n;
}

void flow_abort(struct flow *f)
{
    if (f->c)
        sok_tcp_abort(f->c, f->l->now);
    f->c = NULL;
    lab_pump(f->l);
    lab_forget(f->l);
}

enum sok_tcp_state flow_state(const struct flow *f)
{
    return sok_tcp_state(f->c);
}

// ---- still alive? ----

static void probe_ping(struct lab *l)
{
    struct ip_fields ip = {.src = LAB_PEER, .dst = LAB_ADDR};
    static uint16_t seq;
    seq++;
    lab_wait(l, 5 * SOK_MS);
    lab_forget(l);
    craft_icmp(&l->packet, &ip, 8, 0, 0x77770000U | seq, "probe", 5);
    lab_inject(l);
    for (unsigned i = 0; i < l->got_count; i++) {
        const struct got *g = &l->got[i];
        if (g->proto == 1 && g->icmp_type == 0 && g->echo_id == 0x7777 && g->echo_seq == seq &&
            g->len == 5 && memcmp(g->data, "probe", 5) == 0)
            return;
    }
    lab_fail(l, "a ping is no longer answered");
}

static bool was_sent(const struct flow *f, uint32_t seq, uint8_t byte)
{
    for (unsigned i = 0; i < f->l->got_count; i++) {
        const struct got *g = &f->l->got[i];
        if (is_of(f, g) && g->len >= 1 && g->seq == seq && g->data[0] == byte)
            return true;
    }
    return false;
}

void lab_probe(struct lab *l, struct flow *f)
{
    static uint8_t byte = 'a';
    uint8_t in = 0;
    lab_check(l);
    probe_ping(l);
    if (l->fail[0])
        return;
    lab_forget(l);
    byte++;
    flow_data(f, &byte, 1);
    int64_t n = flow_read(f, &in, 1);
    if (n != 1 || in != byte) {
        lab_fail(l, "a byte no longer arrives (recv said %lld)", (long long)n);
        return;
    }
    flow_follow(f);
    uint32_t at = f->rcv;
    struct sok_iov iov = {&byte, 1};
    n = sok_tcp_send(f->c, &iov, 1, l->now);
    lab_pump(l);
    if (n != 1 || !was_sent(f, at, byte)) {
        lab_fail(l, "a byte is no longer sent (send said %lld)", (long long)n);
        return;
    }
    flow_follow(f);
    flow_ack(f, f->rcv);
    lab_forget(l);
}
