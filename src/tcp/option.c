// What an application may set on a connection, or on a listener for its connections. The names are Linux's (tcp(7)); what
// they do is said in tcp.h.
#include <string.h>
#include "tcp/cc.h"

#define CLAMP_LEAST 1152 // as Linux: half of the smallest buffer

static bool in_range(enum sok_tcp_sockopt option, int64_t value)
{
    switch (option) {
    case SOK_TCP_RCVBUF:
    case SOK_TCP_SNDBUF:
        return value >= 2048 && value <= 1 << 30;
    case SOK_TCP_TTL:
        return value >= 1 && value <= 255;
    case SOK_TCP_TOS:
        return value >= 0 && value <= 255;
    case SOK_TCP_USER_TIMEOUT:
    case SOK_TCP_LINGER:
        return value >= 0;
    case SOK_TCP_LINGER2:
        return value >= -1;
    case SOK_TCP_KEEPIDLE:
    case SOK_TCP_KEEPINTVL:
        return value >= SOK_S && value <= 32767 * SOK_S; // as Linux
    case SOK_TCP_KEEPCNT:
        return value >= 1 && value <= 127;
    case SOK_TCP_SYNCNT:
        return value >= 0 && value <= 127;
    case SOK_TCP_MAXSEG:
        return value == 0 || (value >= 88 && value <= 32767);
    case SOK_TCP_NOTSENT_LOWAT:
    case SOK_TCP_WINDOW_CLAMP:
        return value >= 0 && value <= UINT32_MAX;
    case SOK_TCP_DEFER_ACCEPT:
        return value >= 0 && value <= 86400 * SOK_S;
    case SOK_TCP_MTU_DISCOVER:
        return value >= 0 && value <= 5;
    case SOK_TCP_CONGESTION:
        return sok_tcp_cc_number(value) != NULL;
    case SOK_TCP_NODELAY:
    case SOK_TCP_CORK:
    case SOK_TCP_KEEPALIVE:
    case SOK_TCP_LINGER_ZERO:
    case SOK_TCP_QUICKACK:
    case SOK_TCP_FASTOPEN:
    case SOK_TCP_RECVERR:
        break;
    }
    return value == 0 || value == 1;
}

// ---- what counts from the first segment on ----

uint32_t sok_tcp_wished_window(const struct sok_tcp_config *config, const struct sok_tcp_wishes *w)
{
    uint32_t half = (w->rcv_buf ? w->rcv_buf : (uint32_t)config->rcv_buf_initial) / 2;
    return w->window_clamp && w->window_clamp < half ? w->window_clamp : half;
}

// Before the first segment. Later the window alone follows: what has been offered stays offered.
void sok_tcp_wish(struct sok_tcp_conn *c, const struct sok_tcp_wishes *w)
{
    const struct sok_tcp_config *config = &c->tcp->config;
    c->wishes = *w;
    c->snd_buf = sok_tcp_sndbuf_first(config, w);
    c->rcv_buf = w->rcv_buf ? w->rcv_buf : (uint32_t)config->rcv_buf;
    c->rcv_wscale = sok_tcp_scale_for(config, w);
    c->rcv_window = sok_tcp_wished_window(config, w);
}

static void wish_again(struct sok_tcp_conn *c)
{
    bool early = c->state == SOK_TCP_SYN_SENT && !c->syn_is_out;
    if (early) {
        struct sok_tcp_wishes w = c->wishes;
        sok_tcp_wish(c, &w);
        return;
    }
    c->snd_buf = c->wishes.snd_buf ? c->wishes.snd_buf : c->snd_buf;
    c->rcv_buf = c->wishes.rcv_buf ? c->wishes.rcv_buf : (uint32_t)c->tcp->config.rcv_buf;
    uint32_t most = sok_tcp_window_most(c);
    c->rcv_window = c->wishes.rcv_buf || c->rcv_window > most ? most : c->rcv_window;
}

// False: it is none of these.
static bool set_wish(struct sok_tcp_wishes *w, enum sok_tcp_sockopt option, int64_t value)
{
    switch (option) {
    case SOK_TCP_RCVBUF:
        w->rcv_buf = (uint32_t)value;
        return true;
    case SOK_TCP_SNDBUF:
        w->snd_buf = (uint32_t)value;
        return true;
    case SOK_TCP_WINDOW_CLAMP:
        w->window_clamp = value > 0 && value < CLAMP_LEAST ? CLAMP_LEAST : (uint32_t)value;
        return true;
    case SOK_TCP_MAXSEG:
        w->mss = (uint16_t)value;
        return true;
    case SOK_TCP_SYNCNT:
        w->syn_retries = (uint8_t)value;
        return true;
    default:
        return false;
    }
}

int sok_tcp_listener_setopt(struct sok_tcp_listener *l, enum sok_tcp_sockopt option, int64_t value)
{
    if (!in_range(option, value)) {
        return SOK_EINVAL;
    }
    if (option == SOK_TCP_DEFER_ACCEPT) {
        l->defer = value;
        return 0;
    }
    return set_wish(&l->wishes, option, value) ? 0 : SOK_EOPNOTSUPP;
}

// ---- set ----

// Takes off what held data back, so that it goes now.
static void release_held(struct sok_tcp_conn *c)
{
    if (c->state >= SOK_TCP_ESTABLISHED) {
        sok_tcp_timer_stop(c, SOK_TCP_TIMER_CORK);
        sok_tcp_want_output(c);
    }
}

// IP_MTU_DISCOVER (ip(7)); as Linux, DF is set with WANT and DO alone. IPv6 has nobody on the way who cuts.
static void set_discover(struct sok_tcp_conn *c, int64_t value)
{
    bool v4 = sok_addr_is_v4(c->remote.addr);
    c->routers_cut = v4 && value != 1 && value != 2;
    c->mtu_deaf = v4 && (value == 0 || value > 3);
    if (c->mtu_deaf) {
        c->path.known = (struct sok_path_mtu){0};
    }
}

bool sok_tcp_opt_in_range(enum sok_tcp_sockopt option, int64_t value)
{
    return in_range(option, value);
}

// What only is remembered until it is looked at.
static bool set_plain(struct sok_tcp_conn *c, enum sok_tcp_sockopt option, int64_t value)
{
    switch (option) {
    case SOK_TCP_KEEPINTVL:
        c->keep_interval = value;
        return true;
    case SOK_TCP_KEEPCNT:
        c->keep_count = (uint8_t)value;
        return true;
    case SOK_TCP_LINGER_ZERO:
        c->linger_zero = value;
        return true;
    case SOK_TCP_LINGER:
        c->linger = value;
        return true;
    case SOK_TCP_LINGER2:
        c->fin_wait_2 = value;
        return true;
    case SOK_TCP_TTL:
        c->ttl = (uint8_t)value;
        return true;
    case SOK_TCP_TOS:
        c->tos = (uint8_t)value;
        return true;
    case SOK_TCP_USER_TIMEOUT:
        c->user_timeout = value;
        return true;
    case SOK_TCP_RECVERR:
        c->recverr = value;
        return true;
    case SOK_TCP_MTU_DISCOVER:
        set_discover(c, value);
        return true;
    default:
        return false;
    }
}

int sok_tcp_setopt(struct sok_tcp_conn *c, enum sok_tcp_sockopt option, int64_t value, int64_t now)
{
    if (!in_range(option, value)) {
        return SOK_EINVAL;
    }
    if (set_plain(c, option, value)) {
        return 0;
    }
    if (set_wish(&c->wishes, option, value)) {
        wish_again(c);
        sok_tcp_ready_update(c);
        return 0;
    }
    switch (option) {
    case SOK_TCP_NODELAY:
        c->nodelay = value;
        release_held(c);
        break;
    case SOK_TCP_CORK:
        c->corked = value;
        release_held(c);
        break;
    case SOK_TCP_KEEPALIVE:
        c->keepalive = value;
        sok_tcp_keepalive_arm(c, now);
        break;
    case SOK_TCP_KEEPIDLE:
        c->keep_idle = value;
        sok_tcp_keepalive_arm(c, now);
        break;
    case SOK_TCP_NOTSENT_LOWAT:
        c->notsent_lowat = (uint32_t)value;
        sok_tcp_ready_update(c);
        break;
    case SOK_TCP_FASTOPEN:
        return value ? sok_tcp_fastopen_want(c, now) : 0;
    case SOK_TCP_QUICKACK:
        c->interactive = !value;
        c->quick_left = value ? (uint16_t)c->tcp->config.quick_acks : 0;
        break;
    case SOK_TCP_CONGESTION:
        sok_tcp_cc_use(c, sok_tcp_cc_number(value));
        break;
    default: // DEFER_ACCEPT: a listener's
        break;
    }
    return 0;
}

// ---- get ----

static int64_t get_plain(const struct sok_tcp_conn *c, enum sok_tcp_sockopt option)
{
    switch (option) {
    case SOK_TCP_NODELAY:
        return c->nodelay;
    case SOK_TCP_CORK:
        return c->corked;
    case SOK_TCP_KEEPALIVE:
        return c->keepalive;
    case SOK_TCP_KEEPIDLE:
        return c->keep_idle;
    case SOK_TCP_KEEPINTVL:
        return c->keep_interval;
    case SOK_TCP_KEEPCNT:
        return c->keep_count;
    case SOK_TCP_LINGER_ZERO:
        return c->linger_zero;
    case SOK_TCP_LINGER:
        return c->linger;
    case SOK_TCP_SNDBUF:
        return c->snd_buf;
    case SOK_TCP_TTL:
        return c->ttl;
    case SOK_TCP_TOS:
        return c->tos;
    case SOK_TCP_USER_TIMEOUT:
        return c->user_timeout;
    case SOK_TCP_NOTSENT_LOWAT:
        return c->notsent_lowat;
    case SOK_TCP_RECVERR:
        return c->recverr;
    default:
        return 0;
    }
}

int sok_tcp_getopt(const struct sok_tcp_conn *c, enum sok_tcp_sockopt option, int64_t *value)
{
    const struct sok_tcp_config *config = &c->tcp->config;
    switch (option) {
    case SOK_TCP_RCVBUF: // as far as it has grown
        *value = c->wishes.rcv_buf ? c->wishes.rcv_buf : INT64_C(2) * c->rcv_window;
        break;
    case SOK_TCP_FASTOPEN:
        *value = c->tfo_taken;
        break;
    case SOK_TCP_QUICKACK:
        *value = c->quick_left > 0 && !c->interactive;
        break;
    case SOK_TCP_CONGESTION:
        *value = sok_tcp_cc_number_of(c->cc);
        break;
    case SOK_TCP_MAXSEG:
        *value = sok_tcp_send_mss(c);
        break;
    case SOK_TCP_WINDOW_CLAMP:
        *value = c->wishes.window_clamp ? c->wishes.window_clamp : sok_tcp_window_most(c);
        break;
    case SOK_TCP_SYNCNT:
        *value = c->wishes.syn_retries ? c->wishes.syn_retries : config->syn_retries;
        break;
    case SOK_TCP_LINGER2:
        *value = c->fin_wait_2 ? c->fin_wait_2 : config->fin_wait_2;
        break;
    default:
        *value = get_plain(c, option);
        break;
    }
    return 0;
}

int64_t sok_tcp_default_opt(const struct sok_tcp_config *config, enum sok_tcp_sockopt option)
{
    switch (option) {
    case SOK_TCP_NODELAY:
        return !config->nagle;
    case SOK_TCP_KEEPIDLE:
        return config->keepalive_idle;
    case SOK_TCP_KEEPINTVL:
        return config->keepalive_interval;
    case SOK_TCP_KEEPCNT:
        return config->keepalive_count;
    case SOK_TCP_RCVBUF:
        return config->rcv_buf_initial;
    case SOK_TCP_SNDBUF:
        return sok_tcp_sndbuf_first(config, &(struct sok_tcp_wishes){0});
    case SOK_TCP_CONGESTION:
        return config->congestion;
    case SOK_TCP_SYNCNT:
        return config->syn_retries;
    case SOK_TCP_LINGER2:
        return config->fin_wait_2;
    case SOK_TCP_MAXSEG:
        return 536;
    default:
        return 0;
    }
}
