// hostile [NAME...]: every case, or those named; each in a process of its own.
#include "tests/hostile/hostile.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CASE_SECONDS 60

void expect_silence(struct lab *l, const char *what)
{
    lab_forget(l);
    lab_inject(l);
    if (l->got_all == 0)
        lab_wait(l, 10 * SOK_MS);
    if (l->got_all)
        lab_fail(l, "%s was answered (type %04x proto %u flags %03x icmp %u/%u)", what,
            l->got[0].type, l->got[0].proto, l->got[0].flags, l->got[0].icmp_type,
            l->got[0].icmp_code);
}

unsigned got_flags(const struct lab *l, uint16_t flags)
{
    unsigned n = 0;
    for (unsigned i = 0; i < l->got_count; i++)
        n += l->got[i].type == 0x0800 && l->got[i].proto == 6 && l->got[i].flags == flags;
    return n;
}

const struct got *got_only(const struct lab *l)
{
    return l->got_all == 1 ? &l->got[0] : NULL;
}

void make_kind(struct packet *p, enum kind k, const struct flow *good)
{
    static const uint8_t options[] = {
        2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7};
    struct ip_fields ip = from_peer();
    struct tcp_fields t = flow_fields(good, F_ACK);
    switch (k) {
    case KIND_SYN:
        t = (struct tcp_fields){
            .ip = ip, .sport = 5000, .dport = LAB_PORT, .seq = 77, .flags = F_SYN};
        t.window = 65535;
        t.options = options;
        t.options_len = sizeof(options);
        craft_tcp(p, &t);
        break;
    case KIND_DATA:
        t.flags |= F_PSH;
        t.data = "some bytes";
        t.len = 10;
        craft_tcp(p, &t);
        break;
    case KIND_FIN:
        t.flags |= F_FIN;
        craft_tcp(p, &t);
        break;
    case KIND_UDP:
        craft_udp(p, &ip, 5000, 9, "datagram", 8);
        break;
    default:
        craft_icmp(p, &ip, 8, 0, 0x12340001, "echo data", 9);
    }
}

static struct lab lab; // large

static const char *run_case(const struct hostile_case *c)
{
    struct flow good;
    lab_new(&lab, c->change);
    if (flow_open(&good, &lab, NULL)) {
        lab_probe(&lab, &good);
        if (!lab.fail[0])
            c->run(&lab, &good);
        lab_wait(&lab, 2 * SOK_S); // rate limits are over
        if (!lab.fail[0])
            lab_probe(&lab, &good);
        flow_abort(&good);
    }
    if (!lab.fail[0])
        lab_end(&lab);
    return lab.fail[0] ? lab.fail : NULL;
}

// In a child, so that a crash is one failed case.
static bool run_apart(const struct hostile_case *c)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(CASE_SECONDS);
        const char *wrong = run_case(c);
        if (wrong)
            printf("not ok %s - %s\n", c->name, wrong);
        else
            printf("ok %s\n", c->name);
        fflush(NULL);
        _exit(wrong != NULL);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        perror("hostile");
        exit(2);
    }
    if (WIFSIGNALED(status))
        printf("not ok %s - %s\n", c->name,
            WTERMSIG(status) == SIGALRM ? "takes too long" : strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) > 1)
        printf("not ok %s - exit status %d\n", c->name, WEXITSTATUS(status));
    return status == 0;
}

static bool wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], name) == 0)
            return true;
    }
    return argc < 2;
}

int main(int argc, char **argv)
{
    const struct hostile_case *const all[] = {cases_ip, cases_ip6, cases_icmp, cases_options,
        cases_open, cases_live, cases_data, cases_cut, cases_flood};
    unsigned passed = 0, failed = 0;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        for (const struct hostile_case *c = all[i]; c->name; c++) {
            if (!wanted(c->name, argc, argv))
                continue;
            if (run_apart(c))
                passed++;
            else
                failed++;
        }
    }
    printf("# hostile: %u passed, %u failed\n", passed, failed);
    return failed || !passed;
}
