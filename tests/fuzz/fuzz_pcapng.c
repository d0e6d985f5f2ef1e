// Any bytes as a recording: ends, bounded in memory, and every record lies inside its block.
#include <string.h>
#include "pcapng/format.h"
#include "pcapng/reader.h"
#include "pcapng/writer.h"
#include "tests/fuzz/must.h"

struct target {
    uint8_t *at;
    size_t left;
};

static int64_t into_memory(void *ctx, const void *data, size_t len)
{
    struct target *t = ctx;
    if (len > t->left)
        return -1;
    memcpy(t->at, data, len);
    t->at += len;
    t->left -= len;
    return (int64_t)len;
}

size_t fuzz_sample(uint64_t seed, uint8_t *out, size_t room)
{
    static const uint8_t frame[60] = {2, 0, 0, 0, 0, 1};
    struct sok_mem mem = sok_mem_libc();
    struct target t = {out, room};
    struct sok_pcapng_writer w;
    struct sok_pcapng_interface i = {.name = "tap0", .mac = frame, .linktype = 1};
    struct sok_iov iov = {frame, seed % sizeof(frame)};
    struct sok_pcapng_packet p = {.time = (int64_t)(seed >> 2),
        .iov = &iov,
        .iov_count = 1,
        .len = (uint32_t)iov.len,
        .direction = (uint8_t)(seed % 3),
        .comment = seed & 1 ? "open" : NULL};
    struct sok_pcapng_stats s = {.received = 1};
    sok_pcapng_writer_init(&w, &mem, (struct sok_pcapng_sink){into_memory, &t}, "x");
    sok_pcapng_add_interface(&w, &i);
    sok_pcapng_add_packet(&w, &p);
    sok_pcapng_add_packet(&w, &p);
    sok_pcapng_add_stats(&w, &s);
    return sok_pcapng_writer_close(&w) < 0 ? 0 : room - t.left;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sok_mem_counter counter = {.under = sok_mem_libc()};
    struct sok_mem mem = sok_mem_counting(&counter);
    struct sok_pcapng_bytes bytes = {data, size};
    struct sok_pcapng_reader r;
    struct sok_pcapng_record rec;
    size_t records = 0;
    int n;
    sok_pcapng_reader_init(&r, &mem, sok_pcapng_source_bytes(&bytes));
    while ((n = sok_pcapng_next(&r, &rec)) > 0) {
        must(rec.kind == SOK_PCAPNG_IS_SECTION || (rec.info && rec.interface < r.interface_count));
        must(rec.kind != SOK_PCAPNG_IS_INTERFACE || memchr(rec.info->name, 0, SOK_PCAPNG_TEXT_MAX));
        must(rec.direction <= SOK_PCAPNG_OUT);
        touch(rec.data, rec.len);
        touch(rec.comment, rec.comment_len);
        must(++records <= size / 12);
    }
    must(n == 0 || (n == SOK_EPROTO && r.why));
    must(counter.bytes_max <= 2 * size + 300000);
    sok_pcapng_reader_free(&r);
    must(counter.blocks == 0 && counter.bytes == 0);
    return 0;
}
