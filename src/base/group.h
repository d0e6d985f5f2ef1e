// What is said of multicast groups is part of the public interface: include/sockeye/group.h.
#ifndef SOK_BASE_GROUP_H
#define SOK_BASE_GROUP_H

#include <sockeye/group.h>

#endif
