#include "capture/zlib_late.h"
#include "capture/capture.h"
#include "capture/late.h"

#undef gzclose
#undef gzdopen
#undef gzwrite
#undef inflate
#undef inflateEnd
#undef inflateInit2_
#undef inflateReset

struct sok_zlib sok_zlib;
static bool loaded;

#define CALL(name) {#name, offsetof(struct sok_zlib, name)},
static const struct sok_late_call calls[] = {SOK_ZLIB_CALLS(CALL)};

bool sok_zlib_load(char *err)
{
    if (!loaded)
        loaded = sok_late_load("libz.so.1", "zlib1g", calls, sizeof(calls) / sizeof(calls[0]),
            &sok_zlib, err, SOK_CAPTURE_ERR_MAX);
    return loaded;
}
