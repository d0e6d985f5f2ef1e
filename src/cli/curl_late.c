#include "cli/curl_late.h"
#include <stdarg.h>
#include <stddef.h>
#include "capture/late.h"

#define LIBRARY "libcurl.so.4" // as it has been called since 2006

struct sok_curl sok_curl;
static bool loaded;

#define CALL(name) {"curl_" #name, offsetof(struct sok_curl, name)},
static const struct sok_late_call calls[] = {SOK_CURL_CALLS(CALL)};

bool sok_curl_load(char *line, unsigned size)
{
    if (!loaded)
        loaded = sok_late_load(
            LIBRARY, "libcurl4", calls, sizeof(calls) / sizeof(calls[0]), &sok_curl, line, size);
    return loaded;
}

bool sok_curl_loaded(void)
{
    return loaded;
}

// ---- functions with `...` ----

#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

// What follows an option is of the type that its number tells, by its tens of thousands.
#define SET_OPTION(set, handle, option, result)                                                    \
    do {                                                                                           \
        va_list rest;                                                                              \
        int kind = (int)(option) / 10000 * 10000;                                                  \
        va_start(rest, option);                                                                    \
        if (kind == CURLOPTTYPE_LONG)                                                              \
            result = set(handle, option, va_arg(rest, long));                                      \
        else if (kind == CURLOPTTYPE_OFF_T)                                                        \
            result = set(handle, option, va_arg(rest, curl_off_t));                                \
        else                                                                                       \
            result = set(handle, option, va_arg(rest, void *));                                    \
        va_end(rest);                                                                              \
    } while (0)

CURLcode curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
    CURLcode code;
    SET_OPTION(sok_curl.easy_setopt, easy, option, code);
    return code;
}

CURLMcode curl_multi_setopt(CURLM *multi, CURLMoption option, ...)
{
    CURLMcode code;
    SET_OPTION(sok_curl.multi_setopt, multi, option, code);
    return code;
}

CURLcode curl_easy_getinfo(CURL *easy, CURLINFO what, ...)
{
    va_list rest;
    va_start(rest, what);
    CURLcode code = sok_curl.easy_getinfo(easy, what, va_arg(rest, void *)); // where it goes
    va_end(rest);
    return code;
}
