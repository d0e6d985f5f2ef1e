// The errors are part of the public interface; the one list is in include/sockeye/err.h.
#ifndef SOK_BASE_ERR_H
#define SOK_BASE_ERR_H

#include <sockeye/err.h>

#endif
