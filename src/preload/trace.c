// Calls in the timeline: BEGIN before the call is made, END after it, each waited for, so that their order
// among packets is the order in which things happened.
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "preload/preload.h"

#define TEXT_MAX 400

static __thread unsigned next_call;

static unsigned long long cookie_of(int fd)
{
    struct entry e;
    return sok_table_get(fd, false, &e) ? e.cookie : 0;
}

unsigned sok_trace_call(bool held, int fd, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    unsigned id = ++next_call ? next_call : ++next_call;
    int saved = errno;
    struct call c = {.op = SOK_CALLS_BEGIN,
        .cookie = cookie_of(fd),
        .a = (int)id,
        .c = held,
        .bytes = text,
        .len = (uint32_t)(len < (int)sizeof(text) ? len : (int)sizeof(text) - 1)};
    sok_ask(&c);
    errno = saved;
    return id;
}

void sok_trace_go(void)
{
    int saved = errno;
    struct call c = {.op = SOK_CALLS_GO, .a = (int)next_call};
    sok_ask(&c);
    errno = saved;
}

ssize_t sok_trace_result(unsigned call, ssize_t result, const char *format, ...)
{
    int saved = errno;
    char text[TEXT_MAX] = "";
    if (format) {
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
    }
    struct call c = {.op = SOK_CALLS_END,
        .a = (int)call,
        .b = result < 0 ? saved : 0,
        .c = (int)(result > INT32_MAX ? INT32_MAX : result),
        .bytes = text,
        .len = (uint32_t)strlen(text)};
    sok_ask(&c);
    errno = saved;
    return result;
}

// ---- arguments ----

const char *sok_trace_bytes(const void *data, size_t len)
{
    static __thread char text[64];
    const uint8_t *p = data;
    size_t shown = len < 24 ? len : 24, n = 0;
    if (!sok_can_read(data, shown))
        shown = len = 0;
    text[n++] = '"';
    for (size_t i = 0; i < shown && n < sizeof(text) - 8; i++) {
        if (p[i] == '\n' || p[i] == '\r' || p[i] == '\t') {
            text[n++] = '\\';
            text[n++] = p[i] == '\n' ? 'n' : p[i] == '\r' ? 'r' : 't';
        } else {
            text[n++] = p[i] >= 32 && p[i] < 127 && p[i] != '"' ? (char)p[i] : '.';
        }
    }
    text[n++] = '"';
    memcpy(text + n, len > shown ? "..." : "", len > shown ? 4 : 1);
    return text;
}
