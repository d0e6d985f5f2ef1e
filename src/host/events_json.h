// Events as JSON lines: one object per line, every field, names that stay (docs/events.md).
#ifndef SOK_HOST_EVENTS_JSON_H
#define SOK_HOST_EVENTS_JSON_H

#include <stdio.h>
#include "host/view.h"

// The file stays the caller's. NULL: no memory.
struct sok_view *sok_events_json_open(FILE *file);

#endif
