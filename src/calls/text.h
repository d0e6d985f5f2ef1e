// Arguments of socket calls as a trace shows them. The texts are this thread's, valid until the next of its
// kind (an address: the next but one).
#ifndef SOK_CALLS_TEXT_H
#define SOK_CALLS_TEXT_H

#include <sys/socket.h>

const char *sok_calls_text_address(const void *addr, socklen_t len); // "192.0.2.1:80"
const char *sok_calls_text_socket(int domain, int type);             // "AF_INET, SOCK_STREAM"
const char *sok_calls_text_option(int level, int name);              // "TCP_NODELAY"

#endif
