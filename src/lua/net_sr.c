// sr, sr1, srp, srp1: options in, pairs out; the work is probe/exchange.h's. A person at a terminal sees Scapy's lines
// and marks: a star for each answer, a dot for what is none.
#include <stdio.h>
#include <unistd.h>
#include "lua/net.h"

#define MARKS_MAX 512 // written together, at the latest when the exchange looks about
#define ASKED_MAX 8   // next hops of packets without an answer

#define OPTIONS "timeout retry inter multi filter iface verbose"
#define PACKETS 3 // where on the stack the table of what is sent lies

struct request {
    lua_State *L;
    struct sok_exchange_options o;
    struct sok_packet **packets;
    unsigned count;
    bool verbose, live; // live: verbose, and to a terminal
    unsigned marked;
    char marks[MARKS_MAX];
};

static void write_marks(struct request *r)
{
    fwrite(r->marks, 1, r->marked, stderr);
    r->marked = 0;
}

static bool stop(void *ctx)
{
    struct request *r = ctx;
    write_marks(r);
    return sok_lua_interrupt_taken(r->L);
}

static void sent(void *ctx, unsigned count)
{
    (void)ctx;
    fprintf(stderr, "Finished sending %u packets.\n", count);
}

static void heard(void *ctx, bool answer)
{
    struct request *r = ctx;
    if (r->marked == MARKS_MAX)
        write_marks(r);
    r->marks[r->marked++] = answer ? '*' : '.';
}

static void read_options(lua_State *L, struct request *r, bool frames)
{
    sok_lua_options_check(L, 2, OPTIONS);
    r->o.frames = frames;
    r->o.timeout_ns = sok_lua_option_ns(L, 2, "timeout", -1);
    r->o.inter_ns = sok_lua_option_ns(L, 2, "inter", 0);
    r->o.retry = (unsigned)sok_lua_option_integer(L, 2, "retry", 0, 0, 1000000);
    r->o.multi = sok_lua_option_true(L, 2, "multi", false);
    r->o.filter = sok_lua_option_text(L, 2, "filter", NULL);
    r->o.stop = stop;
    r->o.stop_ctx = r;
    r->L = L;
    r->verbose = sok_lua_is_verbose(L, 2);
    r->live = r->verbose && isatty(STDERR_FILENO);
    r->o.told_ctx = r;
    r->o.sent = r->live ? sent : NULL;
    r->o.heard = r->live ? heard : NULL;
    if (r->o.retry > 0 && r->o.timeout_ns < 0)
        sok_lua_error(L, "retry: after how long? (timeout=2)");
}

// Every packet, in a table at PACKETS that keeps them, and by C's pointers beside it.
static void gather(lua_State *L, struct request *r)
{
    struct sok_lua_each each;
    unsigned first;
    uint64_t count = sok_lua_each_count(L, 1);
    if (count > SOK_EXCHANGE_PACKETS_MAX)
        sok_lua_error(L, "more packets than %d at once", SOK_EXCHANGE_PACKETS_MAX);
    lua_createtable(L, (int)count, 0);
    lua_replace(L, PACKETS);
    r->packets = lua_newuserdatauv(L, (size_t)count * sizeof(*r->packets) + 1, 0);
    sok_lua_each_begin(L, 1, &each);
    while (r->count < count && sok_lua_each_next(L, &each)) {
        r->packets[r->count++] = sok_lua_check_packet(L, -1, &first);
        lua_rawseti(L, PACKETS, r->count);
    }
}

// Packets go to the kernel, which says nothing when it finds no way to hand them on.
static void ask_hops(const struct request *r, struct sok_lua_job *job)
{
    const struct sok_exchange *x = &job->exchange;
    unsigned asked = 0;
    for (unsigned i = 0; i < x->count && asked < ASKED_MAX && !r->o.frames; i++) {
        if (x->answers_to[i] == 0 && x->sent_time[i] != 0) {
            sok_lua_ask_hop(job, r->packets[i], 1);
            asked++;
        }
    }
}

// The queue is the whole machine's, so it is told only where something is missing.
static void tell_losses(const struct sok_exchange *x)
{
    const struct sok_lost *by = &x->lost_by;
    if (x->dropped > 0)
        fprintf(stderr, "sockeye: %llu packets found no room in the ring and were not looked at\n",
            (unsigned long long)x->dropped);
    if (x->answered == x->count)
        return;
    if (by->backlog > 0)
        fprintf(stderr,
            "sockeye: this machine's kernel dropped %llu packets meanwhile that it was late to "
            "receive (/proc/net/softnet_stat)\n",
            (unsigned long long)by->backlog);
    if (by->in + by->out > 0)
        fprintf(stderr,
            "sockeye: interfaces of this machine dropped %llu packets to send and %llu received "
            "meanwhile (ip -s link)\n",
            (unsigned long long)by->out, (unsigned long long)by->in);
}

static void tell(struct request *r, struct sok_lua_job *job)
{
    const struct sok_exchange *x = &job->exchange;
    if (r->live) {
        write_marks(r);
        fputc('\n', stderr);
    }
    if (r->verbose)
        fprintf(stderr, "Received %llu packets, got %u answers, remaining %u packets\n",
            (unsigned long long)x->heard, x->answer_count, x->count - x->answered);
    if (r->verbose) {
        ask_hops(r, job);
        sok_lua_tell_silence(job);
    }
    if (x->lost)
        fprintf(stderr, "sockeye: %s went away: no more of it is heard\n", job->interface);
    if (x->left_out > 0)
        fprintf(stderr, "sockeye: %llu further answers, beyond %u, were left out\n",
            (unsigned long long)x->left_out, x->more);
    tell_losses(x);
}

// Needs packets beyond the stack position of PACKETS; leaves the job on the stack.
static struct sok_lua_job *exchange(lua_State *L, struct request *r, bool frames)
{
    lua_settop(L, PACKETS);
    read_options(L, r, frames);
    gather(L, r);
    struct sok_lua_job *job = sok_lua_job_new(L);
    sok_lua_job_interface(L, job, 2, frames && r->count > 0 ? r->packets[0] : NULL);
    r->o.interface = job->interface[0] ? job->interface : NULL;
    if (r->live)
        fputs("Begin emission:\n", stderr);
    if (sok_ways_open(sok_lua_mem(L), r->o.interface, &job->ways, job->err) < 0 ||
        sok_exchange_run(
            sok_lua_book(L), job->ways, r->packets, r->count, &r->o, &job->exchange, job->err) < 0)
        sok_lua_job_fail(L, job);
    tell(r, job);
    return job;
}

static void push_sent(lua_State *L, const struct sok_exchange *x, unsigned i)
{
    lua_rawgeti(L, PACKETS, (lua_Integer)i + 1);
    sok_lua_check_view(L, -1)->box->time_ns = x->sent_time[i];
}

static void push_answer(lua_State *L, struct sok_exchange *x, unsigned i)
{
    int64_t time = x->answers[i].time;
    sok_lua_push_packet(L, sok_exchange_take(x, i), time);
}

static int send_and_receive(lua_State *L, bool frames)
{
    struct request r = {0};
    struct sok_lua_job *job = exchange(L, &r, frames);
    struct sok_exchange *x = &job->exchange;
    sok_lua_push_pairs(L);
    for (unsigned i = 0; i < x->answer_count; i++) {
        lua_createtable(L, 2, 0);
        push_sent(L, x, x->answers[i].sent);
        lua_rawseti(L, -2, 1);
        push_answer(L, x, i);
        lua_rawseti(L, -2, 2);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    sok_lua_push_list(L);
    sok_lua_name_list(L, "Unanswered");
    lua_Integer n = 0;
    for (unsigned i = 0; i < x->count; i++) {
        if (x->answers_to[i] == 0) {
            push_sent(L, x, i);
            lua_rawseti(L, -2, ++n);
        }
    }
    sok_lua_job_end(job);
    return 2;
}

static int first_answer(lua_State *L, bool frames)
{
    struct request r = {0};
    struct sok_lua_job *job = exchange(L, &r, frames);
    if (job->exchange.answer_count > 0)
        push_answer(L, &job->exchange, 0);
    else
        lua_pushnil(L);
    sok_lua_job_end(job);
    return 1;
}

int sok_lua_sr(lua_State *L)
{
    return send_and_receive(L, false);
}

int sok_lua_srp(lua_State *L)
{
    return send_and_receive(L, true);
}

int sok_lua_sr1(lua_State *L)
{
    return first_answer(L, false);
}

int sok_lua_srp1(lua_State *L)
{
    return first_answer(L, true);
}
