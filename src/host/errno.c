// The one place where this library's errors meet errno.
#include <errno.h>
#include <stddef.h>
#include "host/host.h"

static const struct {
    int err, number;
} table[] = {
    {SOK_ENOMEM, ENOMEM},
    {SOK_EINVAL, EINVAL},
    {SOK_EAGAIN, EAGAIN},
    {SOK_EINPROGRESS, EINPROGRESS},
    {SOK_EREFUSED, ECONNREFUSED},
    {SOK_ERESET, ECONNRESET},
    {SOK_ETIMEDOUT, ETIMEDOUT},
    {SOK_EHOSTUNREACH, EHOSTUNREACH},
    {SOK_ENETUNREACH, ENETUNREACH},
    {SOK_EADDRINUSE, EADDRINUSE},
    {SOK_EADDRNOTAVAIL, EADDRNOTAVAIL},
    {SOK_ENOTCONN, ENOTCONN},
    {SOK_EISCONN, EISCONN},
    {SOK_EPIPE, EPIPE},
    {SOK_EABORTED, ECONNABORTED},
    {SOK_EMSGSIZE, EMSGSIZE},
    {SOK_ENOBUFS, ENOBUFS},
    {SOK_EAFNOSUPPORT, EAFNOSUPPORT},
    {SOK_EOPNOTSUPP, EOPNOTSUPP},
    {SOK_EACCES, EACCES},
    {SOK_ENODEV, ENODEV},
    {SOK_EPROTO, EPROTO},
    {SOK_EIO, EIO},
    {SOK_EBADF, EBADF},
    {SOK_ELINKDOWN, ENETDOWN},
    {SOK_ENONAME, ENOENT},
};

int sok_errno(int err)
{
    if (err >= 0)
        return 0;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].err == err)
            return table[i].number;
    return EIO;
}

int sok_from_errno(int number)
{
    if (number == 0)
        return 0;
    if (number == EPERM)
        return SOK_EACCES;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].number == number)
            return table[i].err;
    return SOK_EIO;
}
