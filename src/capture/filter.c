#include "capture/filter.h"
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include "capture/pcap_late.h"

struct program {
    uint16_t linktype;
    bool never; // the text means nothing for this link type
    struct bpf_program code;
};

struct sok_filter {
    const struct sok_mem *mem;
    size_t size;
    uint32_t snaplen;
    unsigned count;
    struct program programs[SOK_FILTER_LINKTYPES_MAX];
    char text[];
};

// Files have one number for packets that begin with IP, libpcap's compiler another, by platform.
static int dlt_of(uint16_t linktype)
{
    return linktype == SOK_CAPTURE_RAW ? DLT_RAW : linktype;
}

static int compile(struct sok_filter *f, struct program *p, char *err)
{
    if (!sok_pcap_load(err))
        return SOK_EIO;
    pcap_t *dead = pcap_open_dead(dlt_of(p->linktype), (int)f->snaplen);
    if (!dead) {
        snprintf(err, SOK_CAPTURE_ERR_MAX, "no memory for a filter");
        return SOK_ENOMEM;
    }
    int r = pcap_compile(dead, &p->code, f->text, 1, PCAP_NETMASK_UNKNOWN);
    if (r < 0)
        snprintf(err, SOK_CAPTURE_ERR_MAX, "filter '%.100s': %.120s", f->text, pcap_geterr(dead));
    pcap_close(dead);
    return r < 0 ? SOK_EINVAL : 0;
}

int sok_filter_new(const struct sok_mem *mem, const char *text, uint16_t linktype, uint32_t snaplen,
    struct sok_filter **out, char *err)
{
    size_t size = sizeof(struct sok_filter) + strlen(text) + 1;
    struct sok_filter *f = sok_mem_zalloc(mem, size);
    if (!f) {
        snprintf(err, SOK_CAPTURE_ERR_MAX, "no memory for a filter");
        return SOK_ENOMEM;
    }
    f->mem = mem;
    f->size = size;
    f->snaplen = snaplen ? snaplen : SOK_CAPTURE_SNAPLEN_MAX;
    memcpy(f->text, text, strlen(text) + 1);
    f->programs[0].linktype = linktype;
    int r = compile(f, &f->programs[0], err);
    if (r < 0) {
        sok_mem_free(mem, f, size);
        return r;
    }
    f->count = 1;
    *out = f;
    return 0;
}

void sok_filter_free(struct sok_filter *f)
{
    if (!f)
        return;
    for (unsigned i = 0; i < f->count; i++)
        if (!f->programs[i].never)
            pcap_freecode(&f->programs[i].code);
    sok_mem_free(f->mem, f, f->size);
}

// NULL: too many link types.
static struct program *program_for(struct sok_filter *f, uint16_t linktype)
{
    char err[SOK_CAPTURE_ERR_MAX];
    for (unsigned i = 0; i < f->count; i++)
        if (f->programs[i].linktype == linktype)
            return &f->programs[i];
    if (f->count == SOK_FILTER_LINKTYPES_MAX)
        return NULL;
    struct program *p = &f->programs[f->count++];
    p->linktype = linktype;
    p->never = compile(f, p, err) < 0;
    return p;
}

bool sok_filter_match(
    struct sok_filter *f, uint16_t linktype, const uint8_t *data, uint32_t len, uint32_t orig_len)
{
    const struct program *p = program_for(f, linktype);
    return p && !p->never && bpf_filter(p->code.bf_insns, data, orig_len, len) > 0;
}

static bool is_letter(char c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}

bool sok_filter_is_for_here(const struct sok_filter *f)
{
    for (const char *at = f->text; (at = strstr(at, "vlan")); at += 4)
        if ((at == f->text || !is_letter(at[-1])) && !is_letter(at[4]))
            return true;
    return false;
}

// ---- for a socket ----

// libpcap's instruction has the layout of the kernel's, but not its type.
static unsigned put_program(struct sock_filter *to, const struct program *p)
{
    if (p->never) {
        *to = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
        return 1;
    }
    for (unsigned i = 0; i < p->code.bf_len; i++) {
        const struct bpf_insn *from = &p->code.bf_insns[i];
        to[i] = (struct sock_filter){from->code, from->jt, from->jf, from->k};
    }
    return p->code.bf_len;
}

static unsigned length_of(const struct program *p)
{
    return p->never ? 1 : p->code.bf_len;
}

#define CHOICE_LEN 5
// Ethernet and loopback go to the first program, which follows; others skip it.
static void put_choice(struct sock_filter *to, unsigned first_len)
{
    const uint32_t hatype = (uint32_t)(SKF_AD_OFF + SKF_AD_HATYPE);
    to[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, hatype);
    to[1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARPHRD_ETHER, 1, 0);
    to[2] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARPHRD_LOOPBACK, 0, 1);
    to[3] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 1);
    to[4] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, first_len);
}

int sok_filter_code(struct sok_filter *f, uint16_t linktype, struct sok_filter_code *out)
{
    const struct program *first = program_for(f, linktype ? linktype : SOK_CAPTURE_ETHERNET);
    const struct program *second = linktype ? NULL : program_for(f, SOK_CAPTURE_RAW);
    if (!first || (!linktype && !second))
        return SOK_EINVAL;
    unsigned len = length_of(first) + (second ? length_of(second) + CHOICE_LEN : 0);
    if (len > BPF_MAXINSNS)
        return SOK_EMSGSIZE;
    out->len = (uint16_t)len;
    out->bytes = len * sizeof(*out->code);
    out->code = sok_mem_alloc(f->mem, out->bytes);
    if (!out->code)
        return SOK_ENOMEM;
    unsigned at = second ? CHOICE_LEN : 0;
    if (second)
        put_choice(out->code, length_of(first));
    at += put_program(out->code + at, first);
    if (second)
        put_program(out->code + at, second);
    return 0;
}

void sok_filter_code_free(const struct sok_mem *mem, struct sok_filter_code *code)
{
    sok_mem_free(mem, code->code, code->bytes);
}
