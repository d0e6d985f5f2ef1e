// The table of ss(8): the same heads, columns and words. Every row is made twice, once for the widths.
#include <ctype.h>
#include <inttypes.h>
#include <net/if.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include "base/addr.h"
#include "cli/ss.h"

enum column { NETID, STATE, RECV, SEND, LOCAL, LOCAL_PORT, PEER, PEER_PORT, COLUMNS };
#define CELL_MAX 80

struct table {
    FILE *f;
    const struct sok_ss_show *show;
    bool left_out[COLUMNS];
    int width[COLUMNS];
};

// ---- cells ----

const char *sok_ss_netid(const struct sok_row *row)
{
    switch ((enum sok_row_kind)row->kind) {
    case SOK_ROW_TCP:
        return "tcp";
    case SOK_ROW_UDP:
        return "udp";
    case SOK_ROW_RAW:
        return "raw";
    case SOK_ROW_PACKET:
        return row->protocol ? "p_dgr" : "p_raw";
    case SOK_ROW_KINDS:
        break;
    }
    return "?";
}

void sok_ss_addr(const struct sok_row *row, const uint8_t addr[16], char out[64])
{
    static const uint8_t any[16] = {0};
    char text[SOK_ADDR_TEXT_MAX];
    struct sok_addr a;
    memcpy(a.b, addr, 16);
    if (row->family == 4)
        snprintf(out, 64, "%s", sok_addr_format(a, text));
    else if (row->family != 6 || (!(row->flags & SOK_ROW_V6ONLY) && memcmp(addr, any, 16) == 0))
        snprintf(out, 64, "*");
    else
        snprintf(out, 64, "[%s%s]", sok_addr_is_v4(a) ? "::ffff:" : "", sok_addr_format(a, text));
}

// Numbers that the kernel chooses are not services, though there may be one with this number.
static bool is_chosen(uint16_t port)
{
    static unsigned first, last;
    FILE *f = last ? NULL : fopen("/proc/sys/net/ipv4/ip_local_port_range", "r");
    if (f) {
        if (fscanf(f, "%u %u", &first, &last) != 2)
            last = 0;
        fclose(f);
    }
    if (last == 0) {
        first = 32768;
        last = 60999;
    }
    return port >= first && port <= last;
}

static void service_name(const struct sok_row *row, uint16_t port, char out[CELL_MAX])
{
    static char *known[2][65536]; // "" : none
    char **name = &known[row->kind == SOK_ROW_UDP][port];
    if (!*name) {
        const struct servent *s = is_chosen(port) ? NULL
                                                  : getservbyport((port & 0xff) << 8 | port >> 8,
                                                        row->kind == SOK_ROW_UDP ? "udp" : "tcp");
        *name = strdup(s ? s->s_name : "");
    }
    if (*name && (*name)[0])
        snprintf(out, CELL_MAX, "%s", *name);
    else
        snprintf(out, CELL_MAX, "%u", port);
}

static void put_port(const struct sok_ss_show *show, const struct sok_row *row, uint16_t port,
    bool local, char out[CELL_MAX])
{
    if (row->kind == SOK_ROW_RAW && local) {
        const struct protoent *p = show->numeric ? NULL : getprotobynumber(row->protocol);
        if (p)
            snprintf(out, CELL_MAX, "%s", p->p_name);
        else
            snprintf(out, CELL_MAX, "%s%u", show->numeric ? "" : "ipproto-", row->protocol);
    } else if (port == 0) {
        strcpy(out, "*");
    } else if (show->numeric) {
        snprintf(out, CELL_MAX, "%u", port);
    } else {
        service_name(row, port, out);
    }
}

static void put_interface(
    const struct sok_ss_show *show, const struct sok_row *row, char out[IF_NAMESIZE])
{
    if (row->interface[0])
        snprintf(out, IF_NAMESIZE, "%.15s", row->interface);
    else if (!show->kernel || !if_indextoname(row->link, out))
        snprintf(out, IF_NAMESIZE, "if%u", row->link);
}

// A packet socket's EtherType and link stand where others have address and port.
static void put_packet_ends(
    const struct sok_ss_show *show, const struct sok_row *row, char cells[COLUMNS][CELL_MAX])
{
    static const struct {
        uint16_t type;
        const char *name;
    } types[] = {{0x0800, "ip"}, {0x0806, "arp"}, {0x86dd, "ipv6"}, {0x0003, "*"}};
    snprintf(cells[LOCAL], CELL_MAX, "[%u]", row->local_port);
    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (row->local_port == types[i].type && (!show->numeric || types[i].type == 3))
            strcpy(cells[LOCAL], types[i].name);
    strcpy(cells[LOCAL_PORT], "*");
    if (row->link)
        put_interface(show, row, cells[LOCAL_PORT]);
    strcpy(cells[PEER], "*");
}

static void put_ends(
    const struct sok_ss_show *show, const struct sok_row *row, char cells[COLUMNS][CELL_MAX])
{
    char interface[IF_NAMESIZE];
    if (row->kind == SOK_ROW_PACKET) {
        put_packet_ends(show, row, cells);
        return;
    }
    sok_ss_addr(row, row->local, cells[LOCAL]);
    if (row->link) {
        put_interface(show, row, interface);
        strcat(strcat(cells[LOCAL], "%"), interface);
    }
    sok_ss_addr(row, row->remote, cells[PEER]);
    put_port(show, row, row->local_port, true, cells[LOCAL_PORT]);
    put_port(show, row, row->remote_port, false, cells[PEER_PORT]);
}

static void make_cells(
    const struct sok_ss_show *show, const struct sok_row *row, char cells[COLUMNS][CELL_MAX])
{
    memset(cells, 0, COLUMNS * CELL_MAX);
    strcpy(cells[NETID], sok_ss_netid(row));
    strcpy(cells[STATE], sok_row_state_text(row->state));
    snprintf(cells[RECV], CELL_MAX, "%u", row->recv_queue);
    snprintf(cells[SEND], CELL_MAX, "%u", row->send_queue);
    put_ends(show, row, cells);
}

// ---- lines ----

static void widen(struct table *t, char cells[COLUMNS][CELL_MAX])
{
    for (int i = 0; i < COLUMNS; i++) {
        int len = (int)strlen(cells[i]);
        t->width[i] = len > t->width[i] ? len : t->width[i];
    }
}

// Addresses stand right and ports left, with a colon between.
static void put_cells(const struct table *t, char cells[COLUMNS][CELL_MAX])
{
    for (int i = NETID; i <= SEND; i++)
        if (!t->left_out[i])
            fprintf(t->f, "%-*s ", t->width[i], cells[i]);
    for (int i = LOCAL; i <= PEER; i += 2) {
        const char *colon = cells[i + 1][0] ? ":" : " ";
        fprintf(t->f, "%*s%s%-*s", t->width[i], cells[i], colon, t->width[i + 1], cells[i + 1]);
        if (i == LOCAL)
            fputc(' ', t->f);
    }
}

void sok_ss_duration(int64_t ns, char out[32])
{
    int64_t ms = ns / 1000000, minutes = ms / 60000, seconds = ms / 1000 % 60;
    ms %= 1000;
    out[0] = '\0';
    if (minutes > 0)
        snprintf(out, 32, "%dmin", (int)(minutes > 99999 ? 99999 : minutes));
    if (seconds > 0 && minutes <= 9) {
        ms = minutes > 0 || seconds > 9 ? 0 : ms;
        snprintf(out + strlen(out), 16, "%d%s", (int)seconds, ms ? "." : "sec");
        if (ms)
            snprintf(out + strlen(out), 16, "%03dms", (int)ms);
    } else if (minutes == 0) {
        snprintf(out, 32, "%03dms", (int)ms);
    }
}

static void put_users(const struct table *t, const struct sok_row *row)
{
    struct sok_ss_user own;
    const struct sok_ss_user *users;
    size_t count = sok_ss_users_of(t->show->who, row, &own, &users);
    for (size_t i = 0; i < count; i++) {
        fprintf(t->f, "%s(\"%s\",pid=%d", i ? "," : " users:(", users[i].name, users[i].pid);
        if (users[i].fd >= 0)
            fprintf(t->f, ",fd=%d", users[i].fd);
        fputc(')', t->f);
    }
    if (count > 0)
        fputc(')', t->f);
}

static void put_extended(const struct table *t, const struct sok_row *row)
{
    if (row->uid)
        fprintf(t->f, " uid:%u", row->uid);
    if (row->inode || t->show->kernel)
        fprintf(t->f, " ino:%" PRIu64, row->inode);
    if (t->show->kernel)
        fprintf(t->f, " sk:%" PRIx64, row->cookie);
    else
        fprintf(t->f, " id:%u", row->id);
    if (row->mark)
        fprintf(t->f, " fwmark:0x%x", row->mark);
    if (row->cgroup)
        fprintf(t->f, " cgroup:%s", sok_ss_cgroup(row->cgroup));
    if (row->flags & SOK_ROW_V6ONLY_KNOWN)
        fprintf(t->f, " v6only:%d", row->flags & SOK_ROW_V6ONLY ? 1 : 0);
    if (row->flags & SOK_ROW_SHUT_KNOWN)
        fprintf(t->f, " %c-%c", row->flags & SOK_ROW_SHUT_IN ? '-' : '<',
            row->flags & SOK_ROW_SHUT_OUT ? '-' : '>');
}

static void put_below(const struct table *t, const struct sok_ss_item *item)
{
    const struct sok_row *row = &item->row;
    const char *gap = t->show->one_line ? "" : "\n\t";
    bool memory = t->show->memory && row->flags & SOK_ROW_MEMORY;
    bool info = t->show->info && row->flags & SOK_ROW_INFO;
    if (memory || info)
        fputs(gap, t->f);
    if (memory)
        sok_ss_print_memory(t->f, row);
    if (info)
        sok_ss_print_info(t->f, t->show, item);
    if (info && row->flags & SOK_ROW_LIMITS) {
        fputs(gap, t->f);
        sok_ss_print_limits(t->f, row);
    }
}

static void put_line(const struct table *t, const struct sok_ss_item *item)
{
    char cells[COLUMNS][CELL_MAX], left[32];
    const struct sok_row *row = &item->row;
    make_cells(t->show, row, cells);
    put_cells(t, cells);
    if (t->show->users)
        put_users(t, row);
    if (t->show->timers && row->timer != SOK_ROW_TIMER_OFF) {
        sok_ss_duration(row->timer_left, left);
        fprintf(t->f, " timer:(%s,%s,%u)", sok_row_timer_text(row->timer), left, row->retries);
    }
    if (t->show->extended && (row->cookie || !t->show->kernel)) // not from /proc, as ss
        put_extended(t, row);
    put_below(t, item);
    fputc('\n', t->f);
}

static bool is_one_bit(uint32_t bits)
{
    return (bits & (bits - 1)) == 0;
}

void sok_ss_print(FILE *f, const struct sok_ss_show *show, const struct sok_ss_list *list)
{
    static const char *const heads[COLUMNS] = {
        "Netid", "State", "Recv-Q", "Send-Q", "Local Address", "Port", "Peer Address", "Port"};
    char cells[COLUMNS][CELL_MAX];
    struct table t = {.f = f, .show = show};
    t.left_out[NETID] = is_one_bit(show->kinds) && show->kinds != 1u << SOK_ROW_PACKET;
    t.left_out[STATE] = is_one_bit(show->states);
    for (int i = 0; i < COLUMNS && !show->no_header; i++)
        t.width[i] = (int)strlen(heads[i]);
    for (size_t i = 0; i < list->count; i++) {
        make_cells(show, &list->items[i].row, cells);
        widen(&t, cells);
    }
    if (!show->no_header) {
        for (int i = 0; i < COLUMNS; i++)
            strcpy(cells[i], heads[i]);
        put_cells(&t, cells);
        fputs(" Process\n", f);
    }
    for (size_t i = 0; i < list->count; i++)
        put_line(&t, &list->items[i]);
}

// ---- -s ----

struct sums {
    unsigned kind[SOK_ROW_KINDS][2]; // IPv4, IPv6
    unsigned established, closed, orphaned, time_wait;
};

static void count(struct sums *s, const struct sok_row *row)
{
    if (row->kind < SOK_ROW_KINDS)
        s->kind[row->kind][row->family == 6]++;
    if (row->kind != SOK_ROW_TCP)
        return;
    s->established += row->state == SOK_ROW_ESTABLISHED;
    s->closed += row->state == SOK_ROW_CLOSE;
    s->time_wait += row->state == SOK_ROW_TIME_WAIT;
    s->orphaned += row->state > SOK_ROW_ESTABLISHED && row->state != SOK_ROW_TIME_WAIT &&
                   row->state != SOK_ROW_LISTEN && row->inode == 0 && row->pid == 0;
}

void sok_ss_summary(FILE *f, const struct sok_ss_list *list)
{
    static const struct {
        const char *name;
        unsigned kind;
    } rows[] = {{"RAW", SOK_ROW_RAW}, {"UDP", SOK_ROW_UDP}, {"TCP", SOK_ROW_TCP}};
    struct sums s = {0};
    unsigned v4 = 0, v6 = 0;
    for (size_t i = 0; i < list->count; i++)
        count(&s, &list->items[i].row);
    fprintf(f, "Total: %zu\nTCP:   %u (estab %u, closed %u, orphaned %u, timewait %u)\n\n",
        list->count, s.kind[SOK_ROW_TCP][0] + s.kind[SOK_ROW_TCP][1], s.established, s.closed,
        s.orphaned, s.time_wait);
    fprintf(f, "%-9s %-9s %-9s %-9s\n", "Transport", "Total", "IP", "IPv6");
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const unsigned *n = s.kind[rows[i].kind];
        fprintf(f, "%-9s %-9u %-9u %-9u\n", rows[i].name, n[0] + n[1], n[0], n[1]);
        v4 += n[0];
        v6 += n[1];
    }
    fprintf(f, "%-9s %-9u %-9u %-9u\n\n", "INET", v4 + v6, v4, v6);
}
