// What a board without an operating system has, for bare_core.c; bare_board.c is one. The core asks for memcpy,
// memmove, memset, memcmp and sok_assert_failed, no more.
#ifndef BARE_CORE_H
#define BARE_CORE_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void board_say(const char *text);
int bare_main(void); // 0: all went well

#endif
