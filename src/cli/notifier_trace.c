// `run --trace`: notified calls in the timeline, as the preload library tells of its own. What is not
// notified (read, write, close) is not seen.
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include "calls/text.h"
#include "cli/notifier_internal.h"

#define TEXT_MAX 200

static const char *address_text(const struct sok_notified *n, uint64_t at, uint64_t len)
{
    uint8_t address[SOK_CALLS_ADDR_MAX] = {0};
    uint32_t most = len < sizeof(address) ? (uint32_t)len : (uint32_t)sizeof(address);
    if (sok_target_read(n->tid, at, address, most) != 0)
        return "?";
    return sok_calls_text_address(address, most);
}

static int number_at(const struct sok_notified *n, uint64_t at)
{
    int value = 0;
    sok_target_read(n->tid, at, &value, sizeof(value));
    return value;
}

static void tell_socket(const struct sok_notified *n, char text[TEXT_MAX])
{
    snprintf(text, TEXT_MAX, "socket(%s, %d)",
        sok_calls_text_socket((int)n->args[0], (int)n->args[1]), (int)n->args[2]);
}

static void tell_option(const struct sok_notified *n, char text[TEXT_MAX])
{
    int fd = (int)n->args[0];
    const char *option = sok_calls_text_option((int)n->args[1], (int)n->args[2]);
    if (n->nr == SYS_setsockopt)
        snprintf(text, TEXT_MAX, "setsockopt(%d, %s, %d)", fd, option, number_at(n, n->args[3]));
    else
        snprintf(text, TEXT_MAX, "getsockopt(%d, %s)", fd, option);
}

static void tell_data(const struct sok_notified *n, char text[TEXT_MAX])
{
    int fd = (int)n->args[0], len = (int)n->args[2];
    switch (n->nr) {
    case SYS_sendto:
        snprintf(
            text, TEXT_MAX, "sendto(%d, %d, %s)", fd, len, address_text(n, n->args[4], n->args[5]));
        break;
    case SYS_recvfrom:
        snprintf(text, TEXT_MAX, "recvfrom(%d, %d)", fd, len);
        break;
    default:
        snprintf(text, TEXT_MAX, "%s(%d)",
            n->nr == SYS_sendmsg    ? "sendmsg"
            : n->nr == SYS_recvmsg  ? "recvmsg"
            : n->nr == SYS_sendmmsg ? "sendmmsg"
                                    : "recvmmsg",
            fd);
        break;
    }
}

static void tell(const struct sok_notified *n, char text[TEXT_MAX])
{
    static const char *const hows[] = {"SHUT_RD", "SHUT_WR", "SHUT_RDWR"};
    int fd = (int)n->args[0];
    switch (n->nr) {
    case SYS_socket:
        tell_socket(n, text);
        break;
    case SYS_connect:
    case SYS_bind:
        snprintf(text, TEXT_MAX, "%s(%d, %s)", n->nr == SYS_bind ? "bind" : "connect", fd,
            address_text(n, n->args[1], n->args[2]));
        break;
    case SYS_listen:
        snprintf(text, TEXT_MAX, "listen(%d, %d)", fd, (int)n->args[1]);
        break;
    case SYS_accept:
    case SYS_accept4:
        snprintf(text, TEXT_MAX, "accept(%d)", fd);
        break;
    case SYS_getsockname:
    case SYS_getpeername:
        snprintf(
            text, TEXT_MAX, "%s(%d)", n->nr == SYS_getsockname ? "getsockname" : "getpeername", fd);
        break;
    case SYS_setsockopt:
    case SYS_getsockopt:
        tell_option(n, text);
        break;
    case SYS_shutdown:
        snprintf(text, TEXT_MAX, "shutdown(%d, %s)", fd, n->args[1] < 3 ? hows[n->args[1]] : "?");
        break;
    default:
        tell_data(n, text);
        break;
    }
}

// What the call left in the target's memory.
static void tell_more(const struct sok_notified *n, int64_t value, char text[TEXT_MAX])
{
    bool names = n->nr == SYS_accept || n->nr == SYS_accept4 || n->nr == SYS_getsockname ||
                 n->nr == SYS_getpeername;
    text[0] = '\0';
    if (value < 0)
        return;
    if (names && n->args[1])
        snprintf(
            text, TEXT_MAX, "%s", address_text(n, n->args[1], (uint32_t)number_at(n, n->args[2])));
    else if (n->nr == SYS_getsockopt)
        snprintf(text, TEXT_MAX, "%d", number_at(n, n->args[3]));
}

void sok_trace_notified(struct sok_supervisor *s, struct sok_notified *n)
{
    char text[TEXT_MAX];
    bool stream = n->nr != SYS_socket && !n->known.dgram;
    if (!s->welcome.trace || (stream && sok_notified_call(n->nr) == sok_call_data))
        return;
    tell(n, text);
    sok_host_introduce(s, n->tid);
    struct sok_calls_request r = {.op = SOK_CALLS_BEGIN, .a = (int32_t)n->request};
    n->traced = true;
    sok_host_tell(s, n, &r, text);
}

void sok_trace_answered(struct sok_supervisor *s, struct sok_notified *n, int64_t value)
{
    char text[TEXT_MAX];
    if (!n->traced)
        return;
    n->traced = false;
    tell_more(n, value, text);
    sok_host_introduce(s, n->tid);
    struct sok_calls_request r = {.op = SOK_CALLS_END,
        .a = (int32_t)n->request,
        .b = value < 0 ? (int32_t)-value : 0,
        .c = value < 0 ? -1 : (int32_t)value};
    sok_host_tell(s, n, &r, text);
}
