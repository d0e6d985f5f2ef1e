#include "capture/file.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "capture/filter.h"
#include "capture/pcap_late.h"
#include "capture/source.h"
#include "pcapng/format.h"
#include "pcapng/reader.h"

#define NAME_MAX_SHOWN 100

struct sok_capture_file {
    const struct sok_mem *mem;
    struct sok_source source;
    pcap_t *pcap; // NULL: it is pcapng
    struct sok_pcapng_reader reader;
    struct sok_filter *filter;
    uint32_t number; // of the packet, for errors
    char name[NAME_MAX_SHOWN + 1];
};

static __attribute__((format(printf, 4, 5))) int fail(
    const struct sok_capture_file *f, char *err, int error, const char *format, ...)
{
    char what[SOK_CAPTURE_ERR_MAX - NAME_MAX_SHOWN - 3];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    snprintf(err, SOK_CAPTURE_ERR_MAX, "%s: %s", f->name, what);
    return error;
}

// ---- opening ----

static ssize_t cookie_read(void *ctx, char *data, size_t len)
{
    int64_t n = sok_source_read(ctx, data, len);
    errno = n < 0 ? (int)-n : errno;
    return n < 0 ? -1 : (ssize_t)n;
}

static int open_pcap(struct sok_capture_file *f, char *err)
{
    char why[PCAP_ERRBUF_SIZE] = "";
    if (!sok_pcap_load(why))
        return fail(f, err, SOK_EIO, "%s", why);
    FILE *stream = fopencookie(&f->source, "r", (cookie_io_functions_t){.read = cookie_read});
    if (!stream)
        return fail(f, err, SOK_ENOMEM, "no memory to read it");
    f->pcap = pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, why);
    if (f->pcap)
        return 0;
    fclose(stream);
    return fail(f, err, SOK_EPROTO, "not a capture file that can be read: %s", why);
}

static int open_either(struct sok_capture_file *f, const char *path, const char *filter, char *err)
{
    static const uint8_t section[4] = {
        0x0a, 0x0d, 0x0d, 0x0a}; // SOK_PCAPNG_SECTION, either way round
    char why[SOK_CAPTURE_ERR_MAX];
    int r = sok_source_open(&f->source, f->mem, path, why);
    if (r < 0)
        return fail(f, err, r, "%s", why);
    if (f->source.head_len < sizeof(section))
        return fail(f, err, SOK_EPROTO, "not a capture file: %u bytes in all", f->source.head_len);
    if (memcmp(f->source.head, section, sizeof(section)) != 0 && (r = open_pcap(f, err)) < 0)
        return r;
    sok_pcapng_reader_init(
        &f->reader, f->mem, (struct sok_pcapng_source){sok_source_read, &f->source});
    return filter ? sok_filter_new(f->mem, filter, SOK_CAPTURE_ETHERNET, 0, &f->filter, err) : 0;
}

int sok_capture_file_open(const struct sok_mem *mem, const char *path, const char *filter,
    struct sok_capture_file **out, char *err)
{
    struct sok_capture_file *f = sok_mem_zalloc(mem, sizeof(*f));
    if (!f) {
        snprintf(err, SOK_CAPTURE_ERR_MAX, "no memory to read a file");
        return SOK_ENOMEM;
    }
    f->mem = mem;
    snprintf(f->name, sizeof(f->name), "%s", strcmp(path, "-") == 0 ? "standard input" : path);
    int r = open_either(f, path, filter, err);
    if (r < 0) {
        sok_capture_file_close(f);
        return r;
    }
    *out = f;
    return 0;
}

void sok_capture_file_close(struct sok_capture_file *f)
{
    if (!f)
        return;
    if (f->pcap)
        pcap_close(f->pcap); // and its stream
    if (f->reader.mem)
        sok_pcapng_reader_free(&f->reader);
    sok_source_close(&f->source);
    sok_filter_free(f->filter);
    sok_mem_free(f->mem, f, sizeof(*f));
}

// ---- reading ----

static int next_pcap(struct sok_capture_file *f, struct sok_capture_record *out, char *err)
{
    struct pcap_pkthdr *h;
    const u_char *data;
    int r = pcap_next_ex(f->pcap, &h, &data);
    if (r == PCAP_ERROR_BREAK)
        return 0;
    if (r != 1)
        return fail(f, err, SOK_EPROTO, "broken after packet %u: %s", f->number,
            f->source.why ? f->source.why : pcap_geterr(f->pcap));
    int type = pcap_datalink(f->pcap);
    *out = (struct sok_capture_record){
        .time = (int64_t)h->ts.tv_sec * 1000000000 + h->ts.tv_usec, // asked for as nanoseconds
        .data = data,
        .len = h->caplen,
        .orig_len = h->len,
        .linktype = (uint16_t)(type == DLT_RAW ? SOK_CAPTURE_RAW : type),
    };
    return 1;
}

static int next_pcapng(struct sok_capture_file *f, struct sok_capture_record *out, char *err)
{
    struct sok_pcapng_record r;
    int n;
    while ((n = sok_pcapng_next(&f->reader, &r)) > 0 && r.kind != SOK_PCAPNG_IS_PACKET)
        continue;
    if (n == 0)
        return 0;
    if (n < 0)
        return fail(f, err, n, "broken after packet %u: %s", f->number,
            f->source.why   ? f->source.why
            : f->reader.why ? f->reader.why
                            : sok_strerror(n));
    *out = (struct sok_capture_record){
        .time = r.time,
        .data = r.data,
        .len = r.len,
        .orig_len = r.orig_len,
        .interface = r.interface,
        .interface_name = r.info->name[0] ? r.info->name : NULL,
        .linktype = r.info->linktype,
        .direction = r.direction,
        .comment = r.comment,
        .comment_len = r.comment_len,
    };
    return 1;
}

int sok_capture_file_next(struct sok_capture_file *f, struct sok_capture_record *out, char *err)
{
    for (;;) {
        int r = f->pcap ? next_pcap(f, out, err) : next_pcapng(f, out, err);
        if (r <= 0)
            return r;
        f->number++;
        if (!f->filter ||
            sok_filter_match(f->filter, out->linktype, out->data, out->len, out->orig_len))
            return 1;
    }
}
