// A drill: a conversation in the notation, played against a stack under virtual time. Calls are made,
// `in` lines are injected as frames, `out` lines must come out, just so and nothing else; other lines are
// checked. docs/drill.md tells people the format.
#ifndef SOK_HOST_DRILL_H
#define SOK_HOST_DRILL_H

#include <stdbool.h>
#include <stddef.h>
#include "host/notation.h"

#define SOK_DRILL_MESSAGE_MAX 512

// The family that a drill is about, 4 or 6; 0: any, which is IPv4 unless it is asked for IPv6. "# family: 4 WHY" says it,
// in one of the comments it begins with. *why: the words, up to the end of the line.
unsigned sok_drill_family(const char *text, const char **why);

struct sok_drill_report {
    bool passed;
    unsigned line;                       // of the file, where it failed
    char message[SOK_DRILL_MESSAGE_MAX]; // what is wrong, one line
    char *expected;                      // the drill's line, when it was compared; or NULL
    char *came;                          // what there was instead; or NULL
    char *timeline;                      // all that happened, as a drill
};

struct sok_drill_options {
    bool utf8;  // in the timeline
    bool v6;    // over IPv6 instead, unless the drill says which family it is about
    bool loose; // plays calls and `in` lines alone and compares nothing: to see what would come out
};
// Plays `text`. 0, or SOK_ENOMEM. What the report holds is freed by sok_drill_report_free().
int sok_drill_play(
    const char *text, const struct sok_drill_options *o, struct sok_drill_report *report);
void sok_drill_report_free(struct sok_drill_report *report);

#endif
