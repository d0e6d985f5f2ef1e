// A progress bar on a terminal: one line on stderr, drawn a few times a second.
#ifndef SOK_CLI_PROGRESS_H
#define SOK_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct sok_progress {
    bool on, shown;
    int64_t started, drawn, bytes, total;
};

void sok_progress_begin(
    struct sok_progress *p, bool wanted, int64_t now); // off unless stderr is a terminal
void sok_progress_show(
    struct sok_progress *p, int64_t bytes, int64_t total, int64_t now); // total 0: unknown
void sok_progress_end(struct sok_progress *p);

#endif
