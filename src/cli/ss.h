// What the files of `sockeye ss` share: ss.c (words, sources, the order of things), ss_filter.c (which rows),
// ss_print.c and ss_info.c (lines), ss_json.c, ss_kernel.c and ss_proc.c (the
// kernel's sockets), ss_users.c (whose they are).
#ifndef SOK_CLI_SS_H
#define SOK_CLI_SS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "calls/rows.h"

#define SOK_SS_ERR_MAX 512

// ---- ss_filter.c ----

// Which states, one bit each.
#define SOK_SS_STATES_ALL       (((1u << SOK_ROW_STATE_COUNT) - 1) & ~1u)
#define SOK_SS_STATES_CONNECTED (SOK_SS_STATES_ALL & ~(1u << SOK_ROW_CLOSE | 1u << SOK_ROW_LISTEN))
#define SOK_SS_STATES_LISTENING (1u << SOK_ROW_CLOSE | 1u << SOK_ROW_LISTEN)
#define SOK_SS_STATES_DEFAULT                                                                      \
    (SOK_SS_STATES_CONNECTED & ~(1u << SOK_ROW_TIME_WAIT | 1u << SOK_ROW_SYN_RECEIVED))

struct sok_ss_filter;
// From the words of the command line: `state NAME`, `exclude NAME`, then an expression. *states has what
// options asked for and gets what the words say. *out NULL: no expression. False: err says what is wrong, where.
bool sok_ss_filter_new(char *const *words, int count, uint32_t *states, struct sok_ss_filter **out,
    char err[SOK_SS_ERR_MAX]);
void sok_ss_filter_free(struct sok_ss_filter *f);
bool sok_ss_filter_takes(const struct sok_ss_filter *f, const struct sok_row *row); // f NULL: all

// ---- ss_list.c: rows, as they are gathered ----

struct sok_ss_item {
    struct sok_row row;
    uint64_t bbr_rate; // what the kernel's BBR says of itself: bytes a second,
    char bbr[96];      // and the rest, ",mrtt:..."; "": it is not BBR
};

struct sok_ss_list {
    struct sok_ss_item *items;
    size_t count, room;
};
struct sok_ss_item *sok_ss_list_add(struct sok_ss_list *l); // zero; NULL: no memory
void sok_ss_list_free(struct sok_ss_list *l);

struct sok_ss_wish {
    uint32_t kinds, states; // bits
    bool v4, v6;            // these families; neither: all
    const struct sok_ss_filter *filter;
};
bool sok_ss_wanted(const struct sok_ss_wish *w, const struct sok_row *row);

// ---- ss_kernel.c ----

// 0, or -errno with a line in err.
int sok_ss_kernel(const struct sok_ss_wish *w, struct sok_ss_list *out, char err[SOK_SS_ERR_MAX]);
int sok_ss_kernel_kill(const struct sok_row *row); // 0, or -errno
// Adds to Recv-Q what the programs of a host's connections have not read: it waits in their ends of the pairs.
void sok_ss_unread(struct sok_ss_list *l);

// ---- ss_proc.c ----

int sok_ss_proc_raw(const struct sok_ss_wish *w, int family, struct sok_ss_list *out); // 0, -ENOMEM
const char *sok_ss_cgroup(uint64_t id); // "/system.slice", "unreachable:1"; until the next call

// ---- ss_users.c ----

struct sok_ss_user {
    uint64_t inode;
    int pid, fd;
    char name[SOK_ROW_WORD_MAX];
};
struct sok_ss_users {
    struct sok_ss_user *all; // by inode
    size_t count, room;
};
int sok_ss_users_read(struct sok_ss_users *u); // 0 or -ENOMEM
void sok_ss_users_free(struct sok_ss_users *u);
// Who has the socket of the row: in to[0], to[1], ...; how many. Without an inode: what the row says.
size_t sok_ss_users_of(const struct sok_ss_users *u, const struct sok_row *row,
    struct sok_ss_user *own, const struct sok_ss_user **to);

// ---- ss_print.c, ss_info.c, ss_json.c ----

struct sok_ss_show {
    bool numeric, timers, users, info, extended, memory, no_header, one_line;
    bool kernel;            // the rows are the kernel's
    uint32_t kinds, states; // asked for: columns that would always say the same are left out
    const struct sok_ss_users *who;
};
void sok_ss_print(FILE *f, const struct sok_ss_show *show, const struct sok_ss_list *list);
void sok_ss_summary(FILE *f, const struct sok_ss_list *list);
void sok_ss_print_info(FILE *f, const struct sok_ss_show *show, const struct sok_ss_item *item);
void sok_ss_print_memory(FILE *f, const struct sok_row *row);
void sok_ss_print_limits(FILE *f, const struct sok_row *row);
// One object, on a line of its own. host NULL: the kernel's.
void sok_ss_json(
    FILE *f, const char *host, const struct sok_ss_show *show, const struct sok_ss_item *item);

const char *sok_ss_netid(const struct sok_row *row); // "tcp"
void sok_ss_addr(const struct sok_row *row, const uint8_t addr[16], char out[64]);
// ms, as ss shows a timer: "1.200ms", "19min".
void sok_ss_duration(int64_t ns, char out[32]);

#endif
