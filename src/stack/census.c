// All sockets of a stack, for who looks on from outside, and ending one of them.
#include "stack/internal.h"

struct sok_sock *sok_stack_sock_before(struct sok_stack *stack, uint32_t id)
{
    return sok_sock_before(&stack->socks, id);
}

struct sok_sock *sok_stack_sock(struct sok_stack *stack, uint32_t id)
{
    struct sok_sock *s = stack->socks.newest;
    while (s && s->id > id)
        s = s->older;
    return s && s->id == id ? s : NULL;
}

void sok_stack_about(const struct sok_sock *sock, struct sok_sock_about *out)
{
    *out = (struct sok_sock_about){.link = -1};
    switch ((enum sok_sock_kind)sock->kind) {
    case SOK_SOCK_TCP:
    case SOK_SOCK_TCP_LISTEN:
        break;
    case SOK_SOCK_UDP:
        sok_udp_about((const struct sok_udp *)sock, out);
        break;
    case SOK_SOCK_ECHO:
        sok_echo_about((const struct sok_echo *)sock, out);
        break;
    case SOK_SOCK_RAW:
        sok_raw_about((const struct sok_raw *)sock, out);
        break;
    case SOK_SOCK_FRAMES:
        sok_frames_about((const struct sok_frames *)sock, out);
        break;
    }
}

int sok_stack_kill(struct sok_stack *stack, uint32_t id, int64_t now)
{
    struct sok_sock *sock = sok_stack_sock(stack, id);
    if (!sock)
        return SOK_EINVAL;
    stack->now = now;
    switch ((enum sok_sock_kind)sock->kind) {
    case SOK_SOCK_TCP:
        sok_tcp_kill((struct sok_tcp_conn *)sock, now);
        return 0;
    case SOK_SOCK_TCP_LISTEN:
        sok_tcp_listener_kill((struct sok_tcp_listener *)sock, now);
        return 0;
    case SOK_SOCK_UDP:
        sok_udp_kill((struct sok_udp *)sock);
        return 0;
    case SOK_SOCK_ECHO:
    case SOK_SOCK_RAW:
    case SOK_SOCK_FRAMES:
        break;
    }
    return SOK_EOPNOTSUPP;
}
