// Addresses are part of the public interface; they are declared in include/sockeye/addr.h.
#ifndef SOK_BASE_ADDR_H
#define SOK_BASE_ADDR_H

#include <sockeye/addr.h>

#endif
