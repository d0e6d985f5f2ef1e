#include "cli/kernel.h"
#include <stdlib.h>
#include <time.h>
#include "calls/protocol.h"
#include "cli/steward.h"

int sok_cli_kernel_check(const struct sok_cli_command *cmd, const struct sok_cli_host *h)
{
    if (!h->given)
        return 0;
    return sok_cli_usage(
        cmd, "--%s is for Sockeye's own stack, --kernel goes without it: one of them", h->given);
}

int sok_cli_kernel_begin(struct sok_host **out)
{
    char err[SOK_HOST_ERR_MAX];
    return sok_host_new(NULL, out, err) < 0 ? sok_cli_fail(1, "%s", err) : 0;
}

// Under `sockeye run` each call on a socket is several to the host's door, by a library that is not this
// program's to fence in. Privileges go all the same.
static bool under_run(void)
{
    return getenv(SOK_CALLS_ENV) != NULL;
}

bool sok_cli_kernel_filters(const struct sok_cli_host *h)
{
    return !h->no_confine && !under_run();
}

int sok_cli_kernel_confine(const struct sok_cli_host *h, struct sok_confine *c)
{
    char line[SOK_HOST_ERR_MAX];
    struct sok_steward s = {.file = h->made};
    if (h->no_confine)
        return 0;
    tzset();
    if (h->made && sok_steward_start(&s) < 0)
        return sok_cli_fail(1, "no process can be started (--no-confine goes on all the same)");
    c->sockets = c->kernel = true;
    c->child = sok_steward_pid();
    c->unfiltered = under_run();
    if (sok_confine(c, line) < 0)
        return sok_cli_fail(SOK_EXIT_USAGE, "%s (--no-confine goes on all the same)", line);
    return 0;
}

int sok_cli_kernel_end(const struct sok_cli_host *h, struct sok_host *host, int code)
{
    if (h->made)
        sok_cli_unmake(h);
    sok_host_free(host);
    return code;
}
