// --kernel: a command over the kernel's own sockets. What it shares with the others: the loop, signals, the
// writer and the fence; so the loop here is that of a host that has no link.
#ifndef SOK_CLI_KERNEL_H
#define SOK_CLI_KERNEL_H

#include "cli/confine.h"
#include "cli/options.h"

#define SOK_CLI_KEY_KERNEL 900
#define SOK_CLI_OPTION_KERNEL                                                                      \
    {                                                                                              \
        SOK_CLI_KEY_KERNEL, "kernel", NULL, "over the kernel's own sockets; no host options then"  \
    }

// An option for a host was given, that there is none for: a mistake. 0 or an exit code.
int sok_cli_kernel_check(const struct sok_cli_command *cmd, const struct sok_cli_host *h);
// The loop; 0 or an exit code. To be closed with sok_cli_kernel_end().
int sok_cli_kernel_begin(struct sok_host **out);
// Everything that needs a file or a privilege is done. 0 or an exit code. What a command keeps beside what
// all keep is in c: sockets to connect, to look names up.
int sok_cli_kernel_confine(const struct sok_cli_host *h, struct sok_confine *c);
// Whether system calls will be filtered, so that what looks names up must be loaded before.
bool sok_cli_kernel_filters(const struct sok_cli_host *h);
int sok_cli_kernel_end(const struct sok_cli_host *h, struct sok_host *host, int code);

#endif
