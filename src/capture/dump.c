#include "capture/dump.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/bytes.h"
#include "pcapng/writer.h"

#define LINKTYPES_MAX  32
#define PCAP_MAGIC     0xa1b2c3d4 // microseconds
#define PCAP_HEAD_LEN  24
#define PCAP_ENTRY_LEN 16

struct sok_dump {
    const struct sok_mem *mem;
    FILE *file;
    bool pcap, to_stdout;
    int err; // of pcap: the first errno
    struct sok_pcapng_writer writer;
    unsigned count; // of link types so far, each an interface
    uint16_t linktypes[LINKTYPES_MAX];
};

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), e = strlen(end);
    return n >= e && strcmp(name + n - e, end) == 0;
}

int sok_dump_open(const struct sok_mem *mem, const char *path, struct sok_dump **out, char *err)
{
    struct sok_dump *d = sok_mem_zalloc(mem, sizeof(*d));
    int r = SOK_ENOMEM;
    snprintf(err, SOK_CAPTURE_ERR_MAX, "no memory to write %.100s", path);
    if (!d)
        return r;
    d->mem = mem;
    d->to_stdout = strcmp(path, "-") == 0;
    d->pcap = ends_with(path, ".pcap") || ends_with(path, ".cap");
    d->file = d->to_stdout ? stdout : fopen(path, "we");
    if (!d->file) {
        r = errno == EACCES ? SOK_EACCES : SOK_EIO;
        snprintf(err, SOK_CAPTURE_ERR_MAX, "%.150s: %s", path, strerror(errno));
    } else if (d->pcap || sok_pcapng_writer_init(
                              &d->writer, mem, sok_pcapng_sink_file(d->file), "sockeye") == 0) {
        *out = d;
        return 0;
    }
    if (d->file && !d->to_stdout)
        fclose(d->file);
    sok_mem_free(mem, d, sizeof(*d));
    return r;
}

// ---- pcap: big-endian, so that the same packets give the same file everywhere ----

static void put(struct sok_dump *d, const void *data, size_t len)
{
    errno = 0;
    if (d->err == 0 && fwrite(data, 1, len, d->file) < len)
        d->err = errno ? errno : EIO;
}

static void put_pcap_head(struct sok_dump *d, uint16_t linktype)
{
    uint8_t head[PCAP_HEAD_LEN] = {0};
    sok_put32(head, PCAP_MAGIC);
    sok_put16(head + 4, 2);
    sok_put16(head + 6, 4);
    sok_put32(head + 16, SOK_CAPTURE_SNAPLEN_MAX);
    sok_put32(head + 20, linktype);
    put(d, head, sizeof(head));
}

static int put_pcap(struct sok_dump *d, const struct sok_capture_record *r, char *err)
{
    uint8_t entry[PCAP_ENTRY_LEN];
    if (d->linktypes[0] != r->linktype) {
        snprintf(err, SOK_CAPTURE_ERR_MAX,
            "packets with and without Ethernet do not fit into one pcap file (name it .pcapng)");
        return SOK_EINVAL;
    }
    sok_put32(entry, (uint32_t)(r->time / 1000000000));
    sok_put32(entry + 4, (uint32_t)(r->time / 1000 % 1000000));
    sok_put32(entry + 8, r->len);
    sok_put32(entry + 12, r->orig_len ? r->orig_len : r->len);
    put(d, entry, sizeof(entry));
    put(d, r->data, r->len);
    return 0;
}

// ---- pcapng ----

static int put_pcapng(struct sok_dump *d, unsigned interface, const struct sok_capture_record *r)
{
    const struct sok_iov iov = {r->data, r->len};
    const struct sok_pcapng_packet p = {
        .interface = interface,
        .time = r->time,
        .iov = &iov,
        .iov_count = 1,
        .len = r->len,
        .orig_len = r->orig_len,
        .direction = r->direction,
    };
    return sok_pcapng_add_packet(&d->writer, &p);
}

// The number of the link type in the file. Negative: there are too many.
static int linktype_number(struct sok_dump *d, uint16_t linktype)
{
    for (unsigned i = 0; i < d->count; i++)
        if (d->linktypes[i] == linktype)
            return (int)i;
    if (d->count == LINKTYPES_MAX || (d->pcap && d->count > 0))
        return d->pcap ? 0 : SOK_ENOBUFS;
    if (d->pcap)
        put_pcap_head(d, linktype);
    else
        sok_pcapng_add_interface(&d->writer, &(struct sok_pcapng_interface){.linktype = linktype});
    d->linktypes[d->count] = linktype;
    return (int)d->count++;
}

int sok_dump_put(struct sok_dump *d, const struct sok_capture_record *r, char *err)
{
    int number = linktype_number(d, r->linktype);
    if (number < 0) {
        snprintf(err, SOK_CAPTURE_ERR_MAX, "more than %u link types in one file", LINKTYPES_MAX);
        return number;
    }
    if (d->pcap)
        return put_pcap(d, r, err);
    int e = put_pcapng(d, (unsigned)number, r);
    if (e < 0)
        snprintf(err, SOK_CAPTURE_ERR_MAX, "writing: %s", strerror(-e));
    return e < 0 ? SOK_EIO : 0;
}

int sok_dump_close(struct sok_dump *d, char *err)
{
    if (d->pcap && d->count == 0)
        put_pcap_head(d, SOK_CAPTURE_ETHERNET);
    int e = d->pcap ? -d->err : sok_pcapng_writer_close(&d->writer);
    errno = 0;
    if ((d->to_stdout ? fflush(d->file) : fclose(d->file)) != 0 && e == 0)
        e = errno ? -errno : -EIO;
    sok_mem_free(d->mem, d, sizeof(*d));
    if (e < 0)
        snprintf(err, SOK_CAPTURE_ERR_MAX, "writing: %s", strerror(-e));
    return e < 0 ? SOK_EIO : 0;
}
