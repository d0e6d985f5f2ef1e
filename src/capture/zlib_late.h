// zlib, loaded when a compressed capture file is read or written; as pcap_late.h does it.
#ifndef SOK_CAPTURE_ZLIB_LATE_H
#define SOK_CAPTURE_ZLIB_LATE_H

#include <stdbool.h>
#include <zlib.h>

// All that are used; those that zlib.h has as macros around them: inflateInit2_.
#define SOK_ZLIB_CALLS(X)                                                                          \
    X(gzclose)                                                                                     \
    X(gzdopen)                                                                                     \
    X(gzwrite)                                                                                     \
    X(inflate)                                                                                     \
    X(inflateEnd)                                                                                  \
    X(inflateInit2_)                                                                               \
    X(inflateReset)

#define SOK_ZLIB_POINTER(name) __typeof__(name) *name;
struct sok_zlib {
    SOK_ZLIB_CALLS(SOK_ZLIB_POINTER)
};
extern struct sok_zlib sok_zlib;

// False: with a line in err (SOK_CAPTURE_ERR_MAX) that says why. Again: nothing more is done.
bool sok_zlib_load(char *err);

#define gzclose       sok_zlib.gzclose
#define gzdopen       sok_zlib.gzdopen
#define gzwrite       sok_zlib.gzwrite
#define inflate       sok_zlib.inflate
#define inflateEnd    sok_zlib.inflateEnd
#define inflateInit2_ sok_zlib.inflateInit2_
#define inflateReset  sok_zlib.inflateReset

#endif
