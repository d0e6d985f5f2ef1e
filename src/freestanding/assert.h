// assert() where there is no C library: the embedder has sok_assert_failed(), which must not return. It is called for
// mistakes of a program (a handle used after it was given back), never for what a packet contains.
#ifndef SOK_FREESTANDING_ASSERT_H
#define SOK_FREESTANDING_ASSERT_H

_Noreturn void sok_assert_failed(const char *text, const char *file, int line);

#define assert(truth) ((truth) ? (void)0 : sok_assert_failed(#truth, __FILE__, __LINE__))

#endif
