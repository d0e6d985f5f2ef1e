// The timeline: every event as one line of the notation (docs/events.md), to a file or terminal.
#ifndef SOK_HOST_TIMELINE_H
#define SOK_HOST_TIMELINE_H

#include <stdbool.h>
#include <stdio.h>
#include "host/view.h"

struct sok_timeline_options {
    FILE *file;    // stays the caller's
    bool colour;   // with terminal colours
    bool utf8;     // arrows and signs; else plain ASCII
    bool brief;    // runs of data and acknowledgments become one line
    bool programs; // the calls are programs' (sockeye run --trace): the stack's own are left out
    bool full;     // every field of every packet, also what follows from the lines before
};

// NULL: no memory.
struct sok_view *sok_timeline_open(const struct sok_timeline_options *o);

// Whether the locale in the environment (LC_ALL, LC_CTYPE, LANG) says UTF-8.
bool sok_timeline_locale_utf8(void);

#endif
