#include "cli/curl_late.h"
#include <dlfcn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#define LIBRARY "libcurl.so.4" // as it has been called since 2006

struct sok_curl sok_curl;
static bool loaded;

struct call {
    const char *name;
    size_t at; // in sok_curl
};

#define CALL(name) {"curl_" #name, offsetof(struct sok_curl, name)},
static const struct call calls[] = {SOK_CURL_CALLS(CALL)};

bool sok_curl_load(char *line, unsigned size)
{
    if (loaded)
        return true;
    void *library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);
    if (!library) {
        snprintf(line, size, "libcurl does not load: %s (apt install libcurl4)", dlerror());
        return false;
    }
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        void **slot = (void **)(void *)((char *)&sok_curl + calls[i].at);
        *slot = dlsym(library, calls[i].name);
        if (!*slot) {
            snprintf(line, size, LIBRARY " is too old: it has no %s()", calls[i].name);
            return false;
        }
    }
    loaded = true;
    return true;
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
