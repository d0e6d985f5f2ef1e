// A board for bare_core.c: a process without a C library, x86 of 32 or 64 bit, that ends and says lines by Linux's
// system calls. On a real one the start-up code, a UART and the four memory functions stand here.
#include <stddef.h>
#include "bare_core.h"

void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);
_Noreturn void sok_assert_failed(const char *text, const char *file, int line);
_Noreturn void board_start(void);

static long system_call(long number, long a, long b, long c)
{
    long result;
#if defined(__x86_64__)
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
#else
    __asm__ volatile("int $0x80" : "=a"(result) : "0"(number), "b"(a), "c"(b), "d"(c) : "memory");
#endif
    return result;
}

#if defined(__x86_64__)
#define WRITE 1
#define EXIT  60
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall board_start\n");
#else
#define WRITE 4
#define EXIT  1
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %esp\n\tcall board_start\n");
#endif

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
    return memmove(to, from, len);
}

void *memmove(void *to, const void *from, size_t len)
{
    unsigned char *t = to;
    const unsigned char *f = from;
    if (t < f)
        for (size_t i = 0; i < len; i++)
            t[i] = f[i];
    else
        while (len-- > 0)
            t[len] = f[len];
    return to;
}

void *memset(void *to, int byte, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ((unsigned char *)to)[i] = (unsigned char)byte;
    return to;
}

int memcmp(const void *a, const void *b, size_t len)
{
    const unsigned char *x = a, *y = b;
    for (size_t i = 0; i < len; i++)
        if (x[i] != y[i])
            return x[i] - y[i];
    return 0;
}

void board_say(const char *text)
{
    size_t len = 0;
    while (text[len])
        len++;
    system_call(WRITE, 1, (long)text, (long)len);
    system_call(WRITE, 1, (long)"\n", 1);
}

void sok_assert_failed(const char *text, const char *file, int line)
{
    (void)line;
    board_say(file);
    board_say(text);
    for (;;)
        system_call(EXIT, 99, 0, 0);
}

void board_start(void)
{
    int result = bare_main();
    for (;;)
        system_call(EXIT, result, 0, 0);
}
