// The texts and names of errors, from the one list.
#include "base/err.h"

const char *sok_strerror(int err)
{
    switch (err) {
    case SOK_OK:
        return "Success";
#define SOK_X(name, number, text)                                                                  \
    case SOK_E##name:                                                                              \
        return text;
        SOK_ERRORS(SOK_X)
#undef SOK_X
    default:
        return "Unknown error";
    }
}

const char *sok_errname(int err)
{
    switch (err) {
    case SOK_OK:
        return "OK";
#define SOK_X(name, number, text)                                                                  \
    case SOK_E##name:                                                                              \
        return #name;
        SOK_ERRORS(SOK_X)
#undef SOK_X
    default:
        return "UNKNOWN";
    }
}
