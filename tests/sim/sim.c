// Thousands of connections over bad wires, each run a function of its seed.
//   sim [--seeds N] [--from S] [--jobs J] [--first]   N seeds from S on, in J processes; ends at the first failure
//   sim --seed S [-v]                              one seed again; -v shows every event
// SOK_TIER=quick|check|full gives the number of seeds when none is named, SOK_SEED the first.
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "tests/sim/world.h"

#define JOBS_MAX     64
#define SEED_SECONDS 60 // of real time, for one seed
#define SHOWN_MAX    20

enum { PASSED, FAILED, DIED };

// What a worker tells its parent, in shared memory, so that it survives a crash.
struct job {
    volatile uint64_t seed; // being run
    uint64_t runs, frames, bytes, lost, delivered, steps, sent, again, timeouts, fast;
    double virtual_seconds;
    pid_t pid;
};

struct tally {
    uint64_t passed, failed;
    bool first_only; // the first failure is enough
    struct job job[JOBS_MAX];
    char message[SHOWN_MAX][320];
};

static struct world world; // large; one at a time

static bool run_seed(uint64_t seed, bool verbose, struct job *job)
{
    struct plan plan;
    plan_draw(&plan, seed);
    if (verbose)
        plan_show(&plan, stdout);
    bool good = world_run(&world, &plan, verbose);
    for (int i = 0; i < 2 && job; i++) {
        job->frames += world.node[i].out.frames;
        job->bytes += world.node[i].out.bytes;
        job->lost += world.node[i].out.lost;
    }
    if (job) {
        job->runs++;
        job->delivered += world.delivered;
        job->steps += world.steps;
        job->sent += world.sent;
        job->again += world.again;
        job->timeouts += world.timeouts;
        job->fast += world.fast;
        job->virtual_seconds += (double)(world.now - world.plan.start) / 1e9;
    }
    return good;
}

static void report(struct tally *t, uint64_t seed, const char *what)
{
    uint64_t n = __atomic_fetch_add(&t->failed, 1, __ATOMIC_RELAXED);
    if (n < SHOWN_MAX)
        snprintf(t->message[n], sizeof(t->message[n]), "not ok seed %" PRIu64 " - %s", seed, what);
    fprintf(stderr, "not ok seed %" PRIu64 " - %s\n", seed, what);
}

static void work(struct tally *t, int me, uint64_t from, uint64_t to, unsigned jobs)
{
    struct job *job = &t->job[me];
    for (uint64_t seed = from; seed < to; seed += jobs) {
        job->seed = seed;
        alarm(SEED_SECONDS);
        if (run_seed(seed, false, job))
            __atomic_fetch_add(&t->passed, 1, __ATOMIC_RELAXED);
        else
            report(t, seed, world.fail);
        if (t->failed && t->first_only)
            break;
    }
    _exit(0);
}

static void spawn(struct tally *t, int me, uint64_t from, uint64_t to, unsigned jobs)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        perror("sim: fork");
        exit(2);
    }
    if (pid == 0)
        work(t, me, from, to, jobs);
    t->job[me].pid = pid;
}

// A worker that died takes its seed with it; another goes on behind it.
static void supervise(struct tally *t, uint64_t to, unsigned jobs)
{
    unsigned alive = jobs;
    while (alive) {
        int status;
        pid_t pid = wait(&status);
        if (pid < 0 && errno == EINTR)
            continue;
        int me = 0;
        while (me < (int)jobs && t->job[me].pid != pid)
            me++;
        if (pid < 0 || me == (int)jobs)
            break;
        alive--;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            continue;
        char what[64];
        int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        if (sig == SIGALRM)
            snprintf(what, sizeof(what), "ran longer than %d s", SEED_SECONDS);
        else
            snprintf(what, sizeof(what), "crashed: %s", sig ? strsignal(sig) : "exit");
        report(t, t->job[me].seed, what);
        if (t->job[me].seed + jobs < to) {
            spawn(t, me, t->job[me].seed + jobs, to, jobs);
            alive++;
        }
    }
}

static double now_seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int run_many(
    const char *program, uint64_t from, uint64_t count, unsigned jobs, bool first_only)
{
    struct tally *t =
        mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (t == MAP_FAILED) {
        perror("sim: mmap");
        return 2;
    }
    double start = now_seconds();
    t->first_only = first_only;
    for (unsigned i = 0; i < jobs; i++)
        spawn(t, (int)i, from + i, from + count, jobs);
    supervise(t, from + count, jobs);
    double took = now_seconds() - start;
    struct job sum = {0};
    for (unsigned i = 0; i < jobs; i++) {
        sum.frames += t->job[i].frames;
        sum.lost += t->job[i].lost;
        sum.delivered += t->job[i].delivered;
        sum.sent += t->job[i].sent;
        sum.again += t->job[i].again;
        sum.timeouts += t->job[i].timeouts;
        sum.fast += t->job[i].fast;
        sum.virtual_seconds += t->job[i].virtual_seconds;
    }
    for (uint64_t i = 0; i < t->failed && i < SHOWN_MAX; i++)
        printf("%s\n", t->message[i]);
    if (t->failed)
        printf("# again, with every event: %s --seed N -v\n", program);
    printf("%ssim: %" PRIu64 " seeds passed, %" PRIu64 " failed: %" PRIu64
           " MB delivered in %" PRIu64 " frames (%" PRIu64
           " lost), %.0f s of virtual time in %.1f s, %.1f seeds/s\n",
        t->failed ? "# " : "ok ", t->passed, t->failed, sum.delivered >> 20, sum.frames, sum.lost,
        sum.virtual_seconds, took, (double)(t->passed + t->failed) / took);
    printf("# %.1f %% of the bytes were sent again, after %" PRIu64
           " fast retransmissions and %" PRIu64 " timeouts\n",
        sum.sent ? 100.0 * (double)sum.again / (double)sum.sent : 0.0, sum.fast, sum.timeouts);
    return t->failed != 0;
}

static int run_one(uint64_t seed, bool verbose)
{
    if (!run_seed(seed, verbose, NULL)) {
        printf("not ok seed %" PRIu64 " - %s\n", seed, world.fail);
        return 1;
    }
    printf("ok seed %" PRIu64 ": %" PRIu64 " bytes delivered in %" PRIu64
           " steps, %.3f s of virtual time\n",
        seed, world.delivered, world.steps, (double)(world.now - world.plan.start) / 1e9);
    return 0;
}

static uint64_t seeds_by_tier(void)
{
    const char *tier = getenv("SOK_TIER");
    if (tier && strcmp(tier, "quick") == 0)
        return 100;
    return tier && strcmp(tier, "full") == 0 ? 20000 : 500;
}

int main(int argc, char **argv)
{
    const char *first = getenv("SOK_SEED");
    uint64_t from = first ? strtoull(first, NULL, 10) : 1, count = seeds_by_tier(), one = 0;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned jobs = cpus < 1 ? 1 : cpus > JOBS_MAX ? JOBS_MAX : (unsigned)cpus;
    bool verbose = false, single = false, first_only = false;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "0";
        if (!strcmp(argv[i], "-v")) {
            verbose = true;
            continue;
        }
        if (!strcmp(argv[i], "--first")) {
            first_only = true;
            continue;
        }
        if (!strcmp(argv[i], "--seed")) {
            one = strtoull(value, NULL, 10);
            single = true;
        } else if (!strcmp(argv[i], "--seeds")) {
            count = strtoull(value, NULL, 10);
        } else if (!strcmp(argv[i], "--from")) {
            from = strtoull(value, NULL, 10);
        } else if (!strcmp(argv[i], "--jobs")) {
            jobs = (unsigned)strtoul(value, NULL, 10);
        } else {
            fprintf(
                stderr, "usage: sim [--seeds N] [--from S] [--jobs J] [--first] | --seed S [-v]\n");
            return 2;
        }
        i++;
    }
    if (single)
        return run_one(one, verbose);
    if (jobs < 1 || jobs > JOBS_MAX || count == 0)
        jobs = 1;
    return run_many(argv[0], from, count, jobs, first_only);
}
