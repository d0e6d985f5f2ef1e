// What stands around the declarations of every public header: C's names in C++, and the only symbols that
// leave the shared library.
#ifndef SOCKEYE_API_H
#define SOCKEYE_API_H

#include <stddef.h>

// clang-format off
#ifdef __cplusplus
#define SOK_DECLS_BEGIN _Pragma("GCC visibility push(default)") extern "C" {
#define SOK_DECLS_END   } _Pragma("GCC visibility pop")
#else
#define SOK_DECLS_BEGIN _Pragma("GCC visibility push(default)")
#define SOK_DECLS_END   _Pragma("GCC visibility pop")
#endif
// clang-format on

#endif
