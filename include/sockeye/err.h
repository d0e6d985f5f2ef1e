// The one list of errors. Functions return 0 (or a count) or a negative SOK_E... value; the texts are
// those a C programmer knows from strerror(). Only src/host maps them to errno.
#ifndef SOCKEYE_ERR_H
#define SOCKEYE_ERR_H

#include <sockeye/api.h>

SOK_DECLS_BEGIN

// X(name, number, text): the number is part of the interface and never changes.
#define SOK_ERRORS(X)                                                                              \
    X(NOMEM, 1, "Cannot allocate memory")                                                          \
    X(INVAL, 2, "Invalid argument")                                                                \
    X(AGAIN, 3, "Resource temporarily unavailable")                                                \
    X(INPROGRESS, 4, "Operation now in progress")                                                  \
    X(REFUSED, 5, "Connection refused")                                                            \
    X(RESET, 6, "Connection reset by peer")                                                        \
    X(TIMEDOUT, 7, "Connection timed out")                                                         \
    X(HOSTUNREACH, 8, "No route to host")                                                          \
    X(NETUNREACH, 9, "Network is unreachable")                                                     \
    X(ADDRINUSE, 10, "Address already in use")                                                     \
    X(ADDRNOTAVAIL, 11, "Cannot assign requested address")                                         \
    X(NOTCONN, 12, "Transport endpoint is not connected")                                          \
    X(ISCONN, 13, "Transport endpoint is already connected")                                       \
    X(PIPE, 14, "Broken pipe")                                                                     \
    X(ABORTED, 15, "Software caused connection abort")                                             \
    X(MSGSIZE, 16, "Message too long")                                                             \
    X(NOBUFS, 17, "No buffer space available")                                                     \
    X(AFNOSUPPORT, 18, "Address family not supported by protocol")                                 \
    X(OPNOTSUPP, 19, "Operation not supported")                                                    \
    X(ACCES, 20, "Permission denied")                                                              \
    X(NODEV, 21, "No such device")                                                                 \
    X(PROTO, 22, "Protocol error")                                                                 \
    X(IO, 23, "Input/output error")                                                                \
    X(BADF, 24, "Bad file descriptor")                                                             \
    X(LINKDOWN, 25, "Network is down")                                                             \
    X(NONAME, 26, "No such name")

#define SOK_X(name, number, text) SOK_E##name = -(number),
enum sok_err { SOK_OK = 0, SOK_ERRORS(SOK_X) };
#undef SOK_X

// The text for an error ("Success" for 0, "Unknown error" for a number not in the list).
const char *sok_strerror(int err);

// The name for an error ("ECONNREFUSED" is the host's business; this gives "REFUSED").
const char *sok_errname(int err);

SOK_DECLS_END

#endif
