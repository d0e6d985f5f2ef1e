#include "capture/dump.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/bytes.h"
#include "capture/source.h"
#include "capture/zlib_late.h"
#include "pcapng/writer.h"

#define INTERFACES_MAX 32
#define NAME_MAX_KEPT  64
#define MICRO_MAGIC    0xa1b2c3d4
#define NANO_MAGIC     0xa1b23c4d
#define SECTION        0x0a0d0d0a // a pcapng file begins so, either way round
#define PCAP_HEAD_LEN  24
#define PCAP_ENTRY_LEN 16

struct interface {
    uint16_t linktype;
    char name[NAME_MAX_KEPT]; // empty: none
};

struct sok_dump {
    const struct sok_mem *mem;
    FILE *file;
    gzFile zipped; // NULL: as it is
    bool pcap, to_stdout;
    bool nano, little; // of pcap: its times, its bytes' order
    int err;           // of pcap: the first errno
    struct sok_pcapng_writer writer;
    unsigned count; // of interfaces so far; pcap: of its link type
    struct interface interfaces[INTERFACES_MAX];
};

// ---- what it is to be ----

static bool ends_with(const char *name, size_t len, const char *end)
{
    size_t e = strlen(end);
    return len >= e && memcmp(name + len - e, end, e) == 0;
}

static void read_name(struct sok_dump *d, const char *path, bool *gzip)
{
    size_t len = strlen(path);
    d->to_stdout = strcmp(path, "-") == 0;
    if (ends_with(path, len, ".gz")) {
        *gzip = true;
        len -= 3;
    }
    d->pcap = ends_with(path, len, ".pcap") || ends_with(path, len, ".cap");
}

// False: not the head of a pcap file that can be gone on with.
static bool read_pcap_head(struct sok_dump *d, const uint8_t *head)
{
    uint8_t turned[PCAP_HEAD_LEN];
    d->little = head[0] != 0xa1;
    for (unsigned i = 0; i < PCAP_HEAD_LEN; i++)
        turned[i] = d->little ? head[(i & ~3u) + 3 - (i & 3)] : head[i];
    uint32_t magic = sok_get32(turned), type = sok_get32(turned + 20);
    d->nano = magic == NANO_MAGIC;
    d->pcap = true;
    d->count = 1;
    d->interfaces[0].linktype = (uint16_t)type;
    return (magic == MICRO_MAGIC || d->nano) && type <= UINT16_MAX;
}

// What lies in the file already says how to go on.
static int read_there(struct sok_dump *d, const char *path, bool *gzip, char *err)
{
    struct sok_source s;
    struct stat there;
    char why[SOK_CAPTURE_ERR_MAX];
    if (d->to_stdout || stat(path, &there) < 0 || !S_ISREG(there.st_mode))
        return 0;
    int r = sok_source_open(&s, d->mem, path, why);
    if (r < 0)
        snprintf(err, SOK_CAPTURE_ERR_MAX, "%.150s: %.100s", path, why);
    if (r == 0 && s.head_len > 0) {
        *gzip = s.gunzip != NULL;
        d->pcap = s.head_len < 4 || sok_get32(s.head) != SECTION;
        if (d->pcap && (s.head_len < PCAP_HEAD_LEN || !read_pcap_head(d, s.head))) {
            snprintf(err, SOK_CAPTURE_ERR_MAX, "%.150s: not a capture file that can be appended to",
                path);
            r = SOK_EPROTO;
        }
    }
    sok_source_close(&s);
    return r;
}

// ---- the file ----

static ssize_t zip(void *ctx, const char *data, size_t len)
{
    gzFile to = ctx;
    errno = 0;
    int n = len > 0 ? gzwrite(to, data, (unsigned)len) : 0;
    return n > 0 ? n : 0; // stdio writes in pieces that are small
}

static int open_zipped(struct sok_dump *d, int fd, char *err)
{
    if (!sok_zlib_load(err)) {
        close(fd);
        return SOK_EIO;
    }
    d->zipped = gzdopen(fd, "wb");
    d->file = d->zipped ? fopencookie(d->zipped, "w", (cookie_io_functions_t){.write = zip}) : NULL;
    if (d->file)
        return 0;
    if (d->zipped) {
        gzclose(d->zipped);
        d->zipped = NULL;
        return SOK_ENOMEM;
    }
    close(fd);
    return SOK_ENOMEM;
}

static int open_file(
    struct sok_dump *d, const char *path, const struct sok_dump_options *o, bool gzip, char *err)
{
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (o->append ? O_APPEND : O_TRUNC);
    if (d->to_stdout && !gzip) {
        d->file = stdout;
        return 0;
    }
    int fd = d->to_stdout ? dup(STDOUT_FILENO) : open(path, flags, 0666);
    if (fd < 0) {
        snprintf(err, SOK_CAPTURE_ERR_MAX, "%.150s: %s", path, strerror(errno));
        return errno == EACCES ? SOK_EACCES : SOK_EIO;
    }
    if (gzip)
        return open_zipped(d, fd, err);
    d->file = fdopen(fd, "w");
    if (!d->file)
        close(fd);
    return d->file ? 0 : SOK_ENOMEM;
}

// 0, or the errno of what had not been written yet.
static int close_file(struct sok_dump *d)
{
    errno = 0;
    bool bad = (d->to_stdout && !d->zipped ? fflush(d->file) : fclose(d->file)) != 0;
    int e = bad ? (errno ? errno : EIO) : 0;
    errno = 0;
    if (d->zipped && gzclose(d->zipped) != Z_OK && e == 0)
        e = errno ? errno : EIO;
    return e;
}

int sok_dump_open(const struct sok_mem *mem, const char *path,
    const struct sok_dump_options *options, struct sok_dump **out, char *err)
{
    static const struct sok_dump_options none;
    const struct sok_dump_options *o = options ? options : &none;
    struct sok_dump *d = sok_mem_zalloc(mem, sizeof(*d));
    bool gzip = o->gzip;
    snprintf(err, SOK_CAPTURE_ERR_MAX, "no memory to write %.100s", path);
    if (!d)
        return SOK_ENOMEM;
    d->mem = mem;
    d->nano = o->nano;
    read_name(d, path, &gzip);
    int r = o->append ? read_there(d, path, &gzip, err) : 0;
    if (r == 0)
        r = open_file(d, path, o, gzip, err);
    if (r == 0 && !d->pcap)
        r = sok_pcapng_writer_init(&d->writer, mem, sok_pcapng_sink_file(d->file), "sockeye");
    if (r == 0) {
        *out = d;
        return 0;
    }
    if (d->file)
        close_file(d);
    sok_mem_free(mem, d, sizeof(*d));
    return r < 0 ? r : SOK_ENOMEM;
}

// ---- pcap: a new file's is big-endian, so that the same packets give the same file everywhere ----

static void put(struct sok_dump *d, const void *data, size_t len)
{
    errno = 0;
    if (d->err == 0 && fwrite(data, 1, len, d->file) < len)
        d->err = errno ? errno : EIO;
}

static void put_word(const struct sok_dump *d, uint8_t *to, uint32_t value)
{
    sok_put32(to, d->little ? __builtin_bswap32(value) : value);
}

static void put_pcap_head(struct sok_dump *d, uint16_t linktype)
{
    uint8_t head[PCAP_HEAD_LEN] = {0};
    sok_put32(head, d->nano ? NANO_MAGIC : MICRO_MAGIC);
    sok_put16(head + 4, 2);
    sok_put16(head + 6, 4);
    sok_put32(head + 16, SOK_CAPTURE_SNAPLEN_MAX);
    sok_put32(head + 20, linktype);
    put(d, head, sizeof(head));
}

static int put_pcap(struct sok_dump *d, const struct sok_capture_record *r, char *err)
{
    uint8_t entry[PCAP_ENTRY_LEN];
    if (d->count == 0) {
        put_pcap_head(d, r->linktype);
        d->interfaces[0].linktype = r->linktype;
        d->count = 1;
    }
    if (d->interfaces[0].linktype != r->linktype) {
        snprintf(err, SOK_CAPTURE_ERR_MAX,
            "packets with and without Ethernet do not fit into one pcap file (name it .pcapng)");
        return SOK_EINVAL;
    }
    put_word(d, entry, (uint32_t)(r->time / 1000000000));
    put_word(d, entry + 4, (uint32_t)(r->time % 1000000000 / (d->nano ? 1 : 1000)));
    put_word(d, entry + 8, r->len);
    put_word(d, entry + 12, r->orig_len ? r->orig_len : r->len);
    put(d, entry, sizeof(entry));
    put(d, r->data, r->len);
    return 0;
}

// ---- pcapng ----

// The number of the interface in the file. Negative: there are too many.
static int interface_number(struct sok_dump *d, const struct sok_capture_record *r)
{
    struct interface *is = &d->interfaces[d->count];
    char name[NAME_MAX_KEPT];
    snprintf(name, sizeof(name), "%s", r->interface_name ? r->interface_name : "");
    for (unsigned i = 0; i < d->count; i++)
        if (d->interfaces[i].linktype == r->linktype && strcmp(d->interfaces[i].name, name) == 0)
            return (int)i;
    if (d->count == INTERFACES_MAX)
        return SOK_ENOBUFS;
    is->linktype = r->linktype;
    memcpy(is->name, name, sizeof(name));
    sok_pcapng_add_interface(&d->writer,
        &(struct sok_pcapng_interface){.linktype = r->linktype, .name = name[0] ? name : NULL});
    return (int)d->count++;
}

static int put_pcapng(struct sok_dump *d, const struct sok_capture_record *r, char *err)
{
    const struct sok_iov iov = {r->data, r->len};
    int number = interface_number(d, r);
    if (number < 0) {
        snprintf(err, SOK_CAPTURE_ERR_MAX, "more than %u interfaces in one file", INTERFACES_MAX);
        return number;
    }
    const struct sok_pcapng_packet p = {
        .interface = (uint32_t)number,
        .time = r->time,
        .iov = &iov,
        .iov_count = 1,
        .len = r->len,
        .orig_len = r->orig_len,
        .direction = r->direction,
    };
    int e = sok_pcapng_add_packet(&d->writer, &p);
    if (e < 0)
        snprintf(err, SOK_CAPTURE_ERR_MAX, "writing: %s", strerror(-e));
    return e < 0 ? SOK_EIO : 0;
}

// ---- either ----

int sok_dump_put(struct sok_dump *d, const struct sok_capture_record *r, char *err)
{
    return d->pcap ? put_pcap(d, r, err) : put_pcapng(d, r, err);
}

int sok_dump_close(struct sok_dump *d, char *err)
{
    if (d->pcap && d->count == 0)
        put_pcap_head(d, SOK_CAPTURE_ETHERNET);
    int e = d->pcap ? -d->err : sok_pcapng_writer_close(&d->writer);
    int last = close_file(d);
    if (e == 0)
        e = -last;
    sok_mem_free(d->mem, d, sizeof(*d));
    if (e < 0)
        snprintf(err, SOK_CAPTURE_ERR_MAX, "writing: %s", strerror(-e));
    return e < 0 ? SOK_EIO : 0;
}
