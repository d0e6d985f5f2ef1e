// Between the files of the parser: a cursor over a line and what takes values at it.
#ifndef SOK_HOST_NOTATION_CURSOR_H
#define SOK_HOST_NOTATION_CURSOR_H

#include "host/notation.h"

struct sok_cursor {
    const char *p;
    struct sok_line *l;
    char *err;
};

static inline bool sok_cursor_stop(char ch)
{
    return ch == 0 || ch == ' ' || ch == '\t';
}

unsigned sok_cursor_skip(struct sok_cursor *c); // spaces; how many, a tab for eight
size_t sok_cursor_word(const char *p);          // the length of the word at p
bool sok_cursor_is(const char *p, size_t len, const char *word);
// Each takes what it says and moves on, or gives false. Where the cursor stands then is the caller's.
bool sok_cursor_take(
    struct sok_cursor *c, const char *phrase); // these words, one space between two
bool sok_cursor_space(struct sok_cursor *c);
bool sok_cursor_i64(struct sok_cursor *c, int64_t min, int64_t max, int64_t *out);
bool sok_cursor_u32(struct sok_cursor *c, uint32_t *out);
bool sok_cursor_end(struct sok_cursor *c, struct sok_endpoint *e, bool *has_port);
bool sok_cursor_ends(
    struct sok_cursor *c, struct sok_endpoint *src, struct sok_endpoint *dst, bool *no_port);
bool sok_cursor_text(struct sok_cursor *c);
bool sok_cursor_name(struct sok_cursor *c, char *out, size_t cap);
int sok_cursor_hex_byte(const char *p); // two digits; -1: they are not
bool sok_cursor_value(
    struct sok_cursor *c, unsigned field); // the value of a field, behind its word

#endif
