// The names of a host (sockeye/names.h): one c-ares channel whose sockets are this host's, made at the
// first question.
#ifndef SOK_HOST_NAMES_H
#define SOK_HOST_NAMES_H

#include <sockeye/names.h>

// Part of a turn: what arrived for the questions, what timed out, answers to who asked. How much was done.
unsigned sok_names_pump(struct sok_host *host, int64_t now);
int64_t sok_names_due(const struct sok_host *host); // INT64_MAX: nothing is asked
void sok_names_free(struct sok_host *host);

#endif
