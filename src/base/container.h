// From a member to the struct that holds it, for intrusive lists, maps and timers.
#ifndef SOK_BASE_CONTAINER_H
#define SOK_BASE_CONTAINER_H

#include <stddef.h>
#include <stdint.h>

#define SOK_CONTAINER_OF(ptr, type, member)                                                        \
    ((type *)(void *)((uint8_t *)(ptr)-offsetof(type, member)))

#endif
