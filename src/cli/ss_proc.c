// What netlink does not tell: raw sockets, of a kernel without raw_diag (proc(5), /proc/net/raw), and the
// names of control groups.
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include "base/addr.h"
#include "cli/ss.h"

// ---- raw sockets ----

// Words of 32 bits as the machine has them, in hexadecimal; a port behind the colon.
static bool end_of(const char *text, uint8_t addr[16], uint16_t *port)
{
    uint32_t words[4];
    unsigned count = 0, n;
    size_t digits = strcspn(text, ":");
    if (digits != 8 && digits != 32)
        return false;
    for (; count < digits / 8; count++)
        if (sscanf(text + 8 * count, "%8" SCNx32, &words[count]) != 1)
            return false;
    if (sscanf(text + digits, ":%x", &n) != 1)
        return false;
    *port = (uint16_t)n;
    if (digits == 8) {
        const uint8_t *b = (const uint8_t *)words;
        struct sok_addr a =
            sok_addr_v4((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]);
        memcpy(addr, a.b, 16);
    } else {
        memcpy(addr, words, 16);
    }
    return true;
}

static bool row_of(const char *line, struct sok_row *r)
{
    char local[48], remote[48];
    unsigned state;
    int n = sscanf(line, " %*d: %47s %47s %x %x:%x %*x:%*x %*x %u %*d %" SCNu64, local, remote,
        &state, &r->send_queue, &r->recv_queue, &r->uid, &r->inode);
    if (n != 7 || !end_of(local, r->local, &r->local_port) ||
        !end_of(remote, r->remote, &r->remote_port))
        return false;
    r->state = (uint8_t)state;
    r->protocol = (uint8_t)r->local_port;
    return true;
}

int sok_ss_proc_raw(const struct sok_ss_wish *w, int family, struct sok_ss_list *out)
{
    FILE *f = fopen(family == 4 ? "/proc/net/raw" : "/proc/net/raw6", "r");
    char line[512];
    int r = 0;
    while (f && r == 0 && fgets(line, sizeof(line), f)) {
        struct sok_row row = {
            .kind = SOK_ROW_RAW, .family = (uint8_t)family, .fd = -1, .flags = SOK_ROW_OWNER};
        if (!row_of(line, &row) || !sok_ss_wanted(w, &row))
            continue;
        struct sok_ss_item *item = sok_ss_list_add(out);
        if (item)
            item->row = row;
        else
            r = -ENOMEM;
    }
    if (f)
        fclose(f);
    return r;
}

// ---- control groups ----

static struct {
    uint64_t wanted;
    size_t top; // bytes of the mount's path
    char path[512];
} search;

// The number of a group is the inode of its directory.
static int look(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)ftw;
    if (type != FTW_D || st->st_ino != search.wanted)
        return 0;
    snprintf(search.path, sizeof(search.path), "%s", path[search.top] ? path + search.top : "/");
    return 1;
}

const char *sok_ss_cgroup(uint64_t id)
{
    static const char *const mounts[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    static bool found;
    if (id == search.wanted && search.path[0]) // the one before
        return search.path;
    search.wanted = id;
    found = false;
    for (unsigned i = 0; i < 2 && !found; i++) {
        struct statfs fs;
        search.top = strlen(mounts[i]);
        if (statfs(mounts[i], &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
            found = nftw(mounts[i], look, 16, FTW_PHYS | FTW_MOUNT) == 1;
    }
    if (!found)
        snprintf(search.path, sizeof(search.path), "unreachable:%" PRIx64, id);
    return search.path;
}
