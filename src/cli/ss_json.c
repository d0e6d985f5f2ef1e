// A socket as one JSON object on one line: the row's fields by their names, times in seconds.
#include <inttypes.h>
#include <sockeye/socket.h>
#include <string.h>
#include "cli/ss.h"

static void put_text(FILE *f, const char *text)
{
    fputc('"', f);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(f, "\\%c", *p);
        else if (*p < 0x20 || *p >= 0x7f) // names are bytes; each stands for itself
            fprintf(f, "\\u%04x", *p);
        else
            fputc(*p, f);
    }
    fputc('"', f);
}

static void put_seconds(FILE *f, const char *name, int64_t ns)
{
    fprintf(f, ",\"%s\":%.9g", name, (double)ns / 1e9);
}

static void put_end(
    FILE *f, const struct sok_row *row, const char *name, const uint8_t addr[16], uint16_t port)
{
    char text[64];
    sok_ss_addr(row, addr, text);
    size_t len = strlen(text);
    if (text[0] == '[') {
        memmove(text, text + 1, len);
        text[len - 2] = '\0';
    }
    fprintf(f, ",\"%s\":", name);
    put_text(f, text);
    fprintf(f, ",\"%s_port\":%u", name, port);
}

static void put_users(FILE *f, const struct sok_ss_users *who, const struct sok_row *row)
{
    struct sok_ss_user own;
    const struct sok_ss_user *users;
    size_t count = sok_ss_users_of(who, row, &own, &users);
    fputs(",\"users\":[", f);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ",{\"name\":" : "{\"name\":", f);
        put_text(f, users[i].name);
        fprintf(f, ",\"pid\":%d", users[i].pid);
        if (users[i].fd >= 0)
            fprintf(f, ",\"fd\":%d", users[i].fd);
        fputc('}', f);
    }
    fputc(']', f);
}

static void put_i64(FILE *f, const char *name, int64_t ns)
{
    put_seconds(f, name, ns);
}

static void put_u64(FILE *f, const char *name, uint64_t n)
{
    fprintf(f, ",\"%s\":%" PRIu64, name, n);
}

static void put_u32(FILE *f, const char *name, uint32_t n)
{
    put_u64(f, name, n);
}

#define PUT(f, name, value)                                                                        \
    _Generic((value), int64_t : put_i64, uint64_t : put_u64, uint32_t : put_u32)(f, name, value)

static void put_info(FILE *f, const struct sok_ss_item *item)
{
    const struct sok_row *row = &item->row;
    if (!(row->flags & SOK_ROW_INFO))
        return;
    fputs(",\"info\":{\"congestion\":", f);
    put_text(f, row->congestion);
    fprintf(f,
        ",\"timestamps\":%s,\"sack\":%s,\"ecn\":%s,\"fastopen\":%s,\"window_scaling\":%s,"
        "\"send_shift\":%u,\"recv_shift\":%u,\"app_limited\":%s",
        row->flags & SOK_ROW_TIMESTAMPS ? "true" : "false",
        row->flags & SOK_ROW_SACK ? "true" : "false", row->flags & SOK_ROW_ECN ? "true" : "false",
        row->flags & SOK_ROW_FASTOPEN ? "true" : "false",
        row->flags & SOK_ROW_WSCALE ? "true" : "false", row->send_shift, row->recv_shift,
        row->flags & SOK_ROW_APP_LIMITED ? "true" : "false");
#define SOK_X(type, name, what) PUT(f, #name, row->info.name);
    SOK_ROW_INFO_LIST(SOK_X)
#undef SOK_X
    fputc('}', f);
}

static void put_limits(FILE *f, const struct sok_row *row)
{
    if (!(row->flags & SOK_ROW_LIMITS))
        return;
    fputs(",\"limited_by\":", f);
    put_text(f, sok_limit_text((enum sok_limit)row->limit));
    fputs(",\"limited\":{", f);
    for (int i = 0; i < SOK_ROW_LIMIT_COUNT; i++) {
        fputs(i ? "," : "", f);
        put_text(f, sok_limit_text((enum sok_limit)i));
        fprintf(f, ":%.9g", (double)row->limited[i] / 1e9);
    }
    fputc('}', f);
}

static void put_memory(FILE *f, const struct sok_row *row)
{
    if (!(row->flags & SOK_ROW_MEMORY))
        return;
    const char *before = ",\"memory\":{";
#define SOK_X(name, letters)                                                                       \
    fprintf(f, "%s\"" #name "\":%u", before, row->memory.name);                                    \
    before = ",";
    SOK_ROW_MEMORY_LIST(SOK_X)
#undef SOK_X
    fputc('}', f);
}

void sok_ss_json(
    FILE *f, const char *host, const struct sok_ss_show *show, const struct sok_ss_item *item)
{
    const struct sok_row *row = &item->row;
    fputs("{\"host\":", f);
    if (host)
        put_text(f, host);
    else
        fputs("null", f);
    fprintf(f, ",\"netid\":\"%s\",\"state\":\"%s\",\"recv_q\":%u,\"send_q\":%u", sok_ss_netid(row),
        sok_row_state_text(row->state), row->recv_queue, row->send_queue);
    put_end(f, row, "local", row->local, row->local_port);
    put_end(f, row, "peer", row->remote, row->remote_port);
    if (host)
        fprintf(f, ",\"id\":%u", row->id);
    if (row->kind == SOK_ROW_RAW)
        fprintf(f, ",\"protocol\":%u", row->protocol);
    if (row->flags & SOK_ROW_OWNER)
        fprintf(f, ",\"uid\":%u", row->uid);
    if (row->inode)
        put_u64(f, "inode", row->inode);
    if (row->timer != SOK_ROW_TIMER_OFF) {
        fprintf(f, ",\"timer\":\"%s\",\"timer_retries\":%u", sok_row_timer_text(row->timer),
            row->retries);
        put_seconds(f, "timer_left", row->timer_left);
    }
    if (show->users)
        put_users(f, show->who, row);
    put_memory(f, row);
    put_info(f, item);
    put_limits(f, row);
    fputs("}\n", f);
}
