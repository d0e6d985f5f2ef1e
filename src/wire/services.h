// Names of ports, as they are typed: dport="http". Shown are numbers.
#ifndef SOK_WIRE_SERVICES_H
#define SOK_WIRE_SERVICES_H

#include "wire/field.h"

extern const struct sok_value sok_services[];

#endif
