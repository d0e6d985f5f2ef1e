// Libraries that are loaded when something first needs them: what they bring along takes longer than all else
// until a command's first packet (libpcap alone brings a dozen others).
#ifndef SOK_CAPTURE_LATE_H
#define SOK_CAPTURE_LATE_H

#include <stdbool.h>
#include <stddef.h>

struct sok_late_call {
    const char *name;
    size_t at; // of its pointer in the table
};

// Loads the library and fills the table. False: with a line that says why, and which package has it.
bool sok_late_load(const char *library, const char *package, const struct sok_late_call *calls,
    size_t count, void *table, char *line, size_t size);

#endif
