// See bpf.h. The numbers of instructions are those of <linux/bpf_common.h>.
#include "base/bpf.h"

#define MEMORY 16

enum { LD, LDX, ST, STX, ALU, JMP, RET, MISC }; // class, code & 7
enum { W = 0x00, H = 0x08, B = 0x10 };          // size
enum { IMM = 0x00, ABS = 0x20, IND = 0x40, MEM = 0x60, LEN = 0x80, MSH = 0xa0 };
enum {
    ADD = 0x00,
    SUB = 0x10,
    MUL = 0x20,
    DIV = 0x30,
    OR = 0x40,
    AND = 0x50,
    LSH = 0x60,
    RSH = 0x70,
    NEG = 0x80,
    MOD = 0x90,
    XOR = 0xa0
};
enum { JA = 0x00, JEQ = 0x10, JGT = 0x20, JGE = 0x30, JSET = 0x40 };
enum { K = 0x00, X = 0x08, A = 0x10 }; // source; A: of RET
enum { TAX = 0x00, TXA = 0x80 };

// Places beyond every packet (SKF_AD_OFF and so on).
#define ASIDE     UINT32_C(0xfffff000)
#define ASIDE_END (ASIDE + 64)
#define FROM_NET  UINT32_C(0xfff00000)
#define FROM_LINK UINT32_C(0xffe00000)

enum {
    ASIDE_PROTOCOL = 0,
    ASIDE_KIND = 4,
    ASIDE_INDEX = 8,
    ASIDE_NLATTR = 12,
    ASIDE_NLATTR_NEST = 16,
    ASIDE_MARK = 20,
    ASIDE_QUEUE = 24,
    ASIDE_HARDWARE = 28,
    ASIDE_HASH = 32,
    ASIDE_CPU = 36,
    ASIDE_XOR_X = 40,
    ASIDE_TAG = 44,
    ASIDE_TAG_PRESENT = 48,
    ASIDE_PAY_OFFSET = 52,
    ASIDE_RANDOM = 56,
    ASIDE_TPID = 60
};

// ---- checking ----

static bool load_is_known(uint16_t code)
{
    switch (code) {
    case LD | W | IMM:
    case LD | W | ABS:
    case LD | H | ABS:
    case LD | B | ABS:
    case LD | W | IND:
    case LD | H | IND:
    case LD | B | IND:
    case LD | W | MEM:
    case LD | W | LEN:
    case LDX | W | IMM:
    case LDX | W | MEM:
    case LDX | W | LEN:
    case LDX | B | MSH:
        return true;
    default:
        return false;
    }
}

static bool is_known(uint16_t code)
{
    unsigned operation = code & 0xf0u;
    switch (code & 7) {
    case LD:
    case LDX:
        return load_is_known(code);
    case ST:
    case STX:
        return code <= STX;
    case ALU:
        return code < 0x100 && operation <= XOR && !(operation == NEG && (code & X));
    case JMP:
        return code < 0x100 && operation <= JSET && !(operation == JA && (code & X));
    case RET:
        return code == (RET | K) || code == (RET | A);
    default:
        return code == (MISC | TAX) || code == (MISC | TXA);
    }
}

// What a filter may ask for besides, and what is not answered here.
static bool aside_is_known(uint32_t k)
{
    if (k < ASIDE || k >= ASIDE_END)
        return true;
    k -= ASIDE;
    return k % 4 == 0 && k != ASIDE_NLATTR && k != ASIDE_NLATTR_NEST && k != ASIDE_PAY_OFFSET &&
           k != ASIDE_RANDOM;
}

static bool operand_is_sound(const struct sok_bpf_insn *i)
{
    switch (i->code) {
    case ALU | DIV | K:
    case ALU | MOD | K:
        return i->k != 0;
    case ALU | LSH | K:
    case ALU | RSH | K:
        return i->k < 32;
    case LD | W | MEM:
    case LDX | W | MEM:
    case ST:
    case STX:
        return i->k < MEMORY;
    case LD | W | ABS:
    case LD | H | ABS:
    case LD | B | ABS:
        return aside_is_known(i->k);
    default:
        return true;
    }
}

static bool jumps_stay(const struct sok_bpf_insn *i, unsigned left)
{
    if ((i->code & 7) != JMP)
        return true;
    if (i->code == (JMP | JA))
        return i->k < left;
    return i->jump_true < left && i->jump_false < left;
}

bool sok_bpf_check(const struct sok_bpf_insn *program, unsigned count)
{
    if (count == 0 || count > SOK_BPF_MOST || (program[count - 1].code & 7) != RET)
        return false;
    for (unsigned at = 0; at < count; at++) {
        const struct sok_bpf_insn *i = &program[at];
        if (!is_known(i->code) || !operand_is_sound(i) || !jumps_stay(i, count - at - 1))
            return false;
    }
    return true;
}

// ---- running ----

struct machine {
    uint32_t a, x;
    uint32_t memory[MEMORY];
};

// Bytes of it, most significant first. False: they are not in it.
static bool fetch(const struct sok_bpf_packet *p, uint64_t at, unsigned size, uint32_t *out)
{
    uint32_t value = 0;
    if (at + size > p->len - p->cut_len)
        return false;
    for (; size > 0; size--, at++) {
        uint64_t place = at < p->cut ? at : at + p->cut_len;
        const struct sok_iov *v = p->iov;
        for (; place >= v->len; v++)
            place -= v->len;
        value = value << 8 | ((const uint8_t *)v->base)[place];
    }
    *out = value;
    return true;
}

// What lies beside the packet; what nobody has is 0.
static uint32_t aside(const struct sok_bpf_packet *p, uint32_t what, const struct machine *m)
{
    switch (what) {
    case ASIDE_PROTOCOL:
        return p->type;
    case ASIDE_KIND:
        return p->kind;
    case ASIDE_INDEX:
        return p->index;
    case ASIDE_HARDWARE:
        return p->hardware;
    case ASIDE_XOR_X:
        return m->a ^ m->x;
    default:
        return 0;
    }
}

static bool load(const struct sok_bpf_packet *p, uint32_t at, unsigned size, uint32_t *out)
{
    if (at < UINT32_C(0x80000000))
        return fetch(p, (uint64_t)p->start + at, size, out);
    if (at >= FROM_NET)
        return fetch(p, (uint64_t)p->net + (at - FROM_NET), size, out);
    return at >= FROM_LINK && fetch(p, at - FROM_LINK, size, out);
}

// False: the end, with 0.
static bool run_load(
    const struct sok_bpf_insn *i, const struct sok_bpf_packet *p, struct machine *m)
{
    uint32_t value = i->k;
    unsigned size = (i->code & 0x18) == W ? 4 : (i->code & 0x18) == H ? 2 : 1;
    switch (i->code & 0xe0) {
    case ABS:
        if (i->k >= ASIDE && i->k < ASIDE_END)
            value = aside(p, i->k - ASIDE, m);
        else if (!load(p, i->k, size, &value))
            return false;
        break;
    case IND:
        if (!load(p, m->x + i->k, size, &value))
            return false;
        break;
    case MEM:
        value = m->memory[i->k];
        break;
    case LEN:
        value = p->len - p->cut_len - p->start;
        break;
    case MSH: // the length of an IPv4 header
        if (!load(p, i->k, 1, &value))
            return false;
        value = 4 * (value & 15);
        break;
    default:
        break;
    }
    *((i->code & 7) == LD ? &m->a : &m->x) = value;
    return true;
}

// False: divided by 0, the end with 0.
static bool run_alu(const struct sok_bpf_insn *i, struct machine *m)
{
    uint32_t by = i->code & X ? m->x : i->k;
    switch (i->code & 0xf0) {
    case ADD:
        m->a += by;
        break;
    case SUB:
        m->a -= by;
        break;
    case MUL:
        m->a *= by;
        break;
    case DIV:
    case MOD:
        if (by == 0)
            return false;
        m->a = (i->code & 0xf0) == DIV ? m->a / by : m->a % by;
        break;
    case OR:
        m->a |= by;
        break;
    case AND:
        m->a &= by;
        break;
    case LSH:
        m->a <<= by & 31;
        break;
    case RSH:
        m->a >>= by & 31;
        break;
    case NEG:
        m->a = 0 - m->a;
        break;
    default:
        m->a ^= by;
        break;
    }
    return true;
}

static uint32_t jump(const struct sok_bpf_insn *i, const struct machine *m)
{
    uint32_t by = i->code & X ? m->x : i->k;
    bool yes;
    switch (i->code & 0xf0) {
    case JA:
        return i->k;
    case JEQ:
        yes = m->a == by;
        break;
    case JGT:
        yes = m->a > by;
        break;
    case JGE:
        yes = m->a >= by;
        break;
    default:
        yes = (m->a & by) != 0;
        break;
    }
    return yes ? i->jump_true : i->jump_false;
}

uint32_t sok_bpf_run(const struct sok_bpf_insn *program, const struct sok_bpf_packet *packet)
{
    struct machine m = {0};
    for (const struct sok_bpf_insn *i = program;; i++) {
        switch (i->code & 7) {
        case LD:
        case LDX:
            if (!run_load(i, packet, &m))
                return 0;
            break;
        case ST:
            m.memory[i->k] = m.a;
            break;
        case STX:
            m.memory[i->k] = m.x;
            break;
        case ALU:
            if (!run_alu(i, &m))
                return 0;
            break;
        case JMP:
            i += jump(i, &m);
            break;
        case RET:
            return i->code & A ? m.a : i->k;
        default:
            if (i->code & TXA)
                m.a = m.x;
            else
                m.x = m.a;
            break;
        }
    }
}
