// What a region is was the program's to say, so it is believed nothing: it must be a memfd of the right size
// that nobody can shrink (else reading it could end the host), and of small pages. What the program does to the
// bytes while they are on their way is its own affair, as with any stream of its own.
#include "host/region.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "calls/region.h"

struct sok_region {
    struct sok_buf_lender lender; // first
    struct sok_host *host;
    unsigned refs;
    dev_t dev;
    ino_t ino;
    void *memory;
    struct sok_region *next, **prev;
};

static bool is_one(int fd, const struct stat *st)
{
    int seals = fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & F_SEAL_SHRINK) && st->st_size == (off_t)SOK_REGION_SIZE &&
           st->st_blksize == sysconf(_SC_PAGESIZE);
}

// The block holds a reference for as long as it is out.
static void give_back(struct sok_buf_lender *lender, uint8_t *data)
{
    struct sok_region *r = (struct sok_region *)lender;
    size_t at = (size_t)(data - sok_region_block(r->memory, 0));
    sok_region_give_back(r->memory, (unsigned)(at / SOK_REGION_BLOCK));
    sok_region_unref(r);
}

static struct sok_region *map_region(struct sok_host *host, int fd, const struct stat *st)
{
    if (!is_one(fd, st) || host->region_count >= SOK_REGIONS_MAX)
        return NULL;
    struct sok_region *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->memory = mmap(NULL, SOK_REGION_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (r->memory == MAP_FAILED) {
        free(r);
        return NULL;
    }
    r->lender.give_back = give_back;
    r->host = host;
    r->refs = 1;
    r->dev = st->st_dev;
    r->ino = st->st_ino;
    r->next = host->regions;
    r->prev = &host->regions;
    if (r->next)
        r->next->prev = &r->next;
    host->regions = r;
    host->region_count++;
    return r;
}

struct sok_region *sok_region_get(struct sok_host *host, struct sok_region *last, int fd)
{
    struct stat st;
    bool known = fstat(fd, &st) == 0;
    if (known && last && last->ino == st.st_ino && last->dev == st.st_dev)
        return last;
    sok_region_unref(last);
    for (struct sok_region *r = known ? host->regions : NULL; r; r = r->next) {
        if (r->ino == st.st_ino && r->dev == st.st_dev) {
            r->refs++;
            return r;
        }
    }
    return known ? map_region(host, fd, &st) : NULL;
}

void sok_region_unref(struct sok_region *r)
{
    if (!r || --r->refs > 0)
        return;
    *r->prev = r->next;
    if (r->next)
        r->next->prev = r->prev;
    r->host->region_count--;
    munmap(r->memory, SOK_REGION_SIZE);
    free(r);
}

struct sok_buf *sok_region_buf(struct sok_region *r, unsigned block, uint32_t len)
{
    uint8_t *data = sok_region_block(r->memory, block);
    struct sok_buf *buf = sok_buf_lent(&r->host->mem, &r->lender, data, len);
    if (buf)
        r->refs++;
    else
        sok_region_give_back(r->memory, block);
    return buf;
}
