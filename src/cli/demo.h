// What the files of `sockeye demo` share: the private network, the servers, the page.
#ifndef SOK_CLI_DEMO_H
#define SOK_CLI_DEMO_H

#include <stdbool.h>
#include <sys/types.h>
#include "cli/cli.h"

#define SOK_DEMO_US     "192.0.2.2"
#define SOK_DEMO_THEM   "192.0.2.1"
#define SOK_DEMO_PREFIX "/24"
#define SOK_DEMO_PORT   80

// Moves the process into a network namespace of its own, where a link can be. 0 and the words for --link;
// else one line in why (SOK_HOST_ERR_MAX).
int sok_demo_net(char link[32], char *why);
// When the link is there: gives the kernel's end of it the address SOK_DEMO_THEM.
int sok_demo_net_address(char *why);

// The page, with its HTTP header; *len bytes.
const char *sok_demo_page(size_t *len);

// An HTTP server on the kernel's sockets, in a child process. Its id, or -1.
pid_t sok_demo_kernel_server(void);
void sok_demo_kernel_server_end(pid_t child);

// The same on the sockets of a Sockeye host in this process. 0 or a negative error.
int sok_demo_sockeye_server(struct sok_host *host);

#endif
