// What may come next on a line: globals, the members of what stands before a point or colon, the fields of a
// protocol whose braces are open. Nothing of the line is run: names are looked up, no more.
#include <ctype.h>
#include <string.h>
#include "lua/complete.h"
#include <stdlib.h>
#include "lua/internal.h"

#define WORDS_MAX (sizeof(((struct sok_lua_words *)0)->words) / sizeof(struct sok_lua_word))

void sok_lua_words_add(
    struct sok_lua_words *w, const char *typed, size_t len, const char *text, const char *after)
{
    size_t n = strlen(text), more = strlen(after);
    if (w->count == WORDS_MAX || n < len || strncmp(text, typed, len) != 0 ||
        n + more >= sizeof(w->words[0].text))
        return;
    for (unsigned i = 0; i < w->count; i++)
        if (strncmp(w->words[i].text, text, n) == 0 && strcmp(w->words[i].text + n, after) == 0)
            return;
    memcpy(w->words[w->count].text, text, n);
    memcpy(w->words[w->count++].text + n, after, more + 1);
}

static bool in_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static const char *const keywords[] = {"and", "break", "do", "else", "elseif", "end", "false",
    "for", "function", "goto", "if", "in", "local", "nil", "not", "or", "repeat", "return", "then",
    "true", "until", "while"};

static void add_globals(lua_State *L, const char *typed, size_t len, struct sok_lua_words *out)
{
    lua_pushglobaltable(L);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
        if (lua_type(L, -2) == LUA_TSTRING && (len > 0 || lua_tostring(L, -2)[0] != '_'))
            sok_lua_words_add(
                out, typed, len, lua_tostring(L, -2), lua_isfunction(L, -1) ? "(" : "");
    lua_pop(L, 1);
    for (size_t i = 0; len > 0 && i < sizeof(keywords) / sizeof(keywords[0]); i++)
        sok_lua_words_add(out, typed, len, keywords[i], "");
}

// The members of the value on the stack.
static void add_members(
    lua_State *L, char how, const char *typed, size_t len, struct sok_lua_words *out)
{
    if (sok_lua_complete_packet(L, how, typed, len, out) || !lua_istable(L, -1))
        return;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
        if (lua_type(L, -2) == LUA_TSTRING)
            sok_lua_words_add(
                out, typed, len, lua_tostring(L, -2), lua_isfunction(L, -1) ? "(" : "");
}

// Where the chain of names that ends before `end` begins: "p[TCP].payload" of "x = p[TCP].payload".
static size_t chain_start(const char *line, size_t end)
{
    size_t at = end;
    while (at > 0 && (in_word(line[at - 1]) || strchr(".[]\"", line[at - 1])))
        at--;
    return at;
}

// Pushes what `name` is in the value on the stack, and removes that; nil where looking is not enough.
static void step(lua_State *L, const char *name, size_t len)
{
    lua_pushlstring(L, name, len);
    if (lua_istable(L, -2))
        lua_rawget(L, -2);
    else
        sok_lua_complete_step(L);
    lua_remove(L, -2);
}

// Pushes the value of a chain: names, .NAME, [NAME], [NUMBER].
static void push_chain(lua_State *L, const char *p, const char *end)
{
    lua_pushglobaltable(L);
    while (p < end) {
        const char *name = p;
        while (p < end && in_word(*p))
            p++;
        if (p > name && isdigit((unsigned char)*name) && lua_istable(L, -1)) {
            lua_rawgeti(L, -1, (lua_Integer)strtoull(name, NULL, 10));
            lua_remove(L, -2);
        } else if (p > name) {
            step(L, name, (size_t)(p - name));
        }
        while (p < end && !in_word(*p))
            p++;
    }
}

// The name before the innermost brace that is open at the end; its length, or 0.
static size_t open_brace(const char *line, size_t len, size_t *start)
{
    unsigned depth = 0;
    for (size_t i = len; i-- > 0;) {
        if (line[i] == '}')
            depth++;
        else if (line[i] == '{' && depth-- == 0) {
            size_t end = i;
            while (end > 0 && line[end - 1] == ' ')
                end--;
            size_t at = end;
            while (at > 0 && in_word(line[at - 1]))
                at--;
            *start = at;
            return end - at;
        }
    }
    return 0;
}

// The name before the innermost parenthesis that is open at the end, of a call with a table of options.
static size_t open_call(const char *line, size_t len, size_t *start)
{
    unsigned depth = 0;
    for (size_t i = len; i-- > 0;) {
        if (strchr(")}", line[i]))
            depth++;
        else if (strchr("({", line[i]) && depth-- == 0) {
            size_t at = i;
            while (at > 0 && in_word(line[at - 1]))
                at--;
            *start = at;
            return i - at;
        }
    }
    return 0;
}

// The "name=" of how a function is used: sniff{iface=, count=}. The function is on the stack.
static bool add_options(lua_State *L, const char *typed, size_t len, struct sok_lua_words *out)
{
    const struct sok_lua_function *f = sok_lua_function_of(L, lua_gettop(L));
    for (const char *p = f ? strchr(f->usage, '{') : NULL; p && *p;) {
        char name[32];
        while (*p && !in_word(*p))
            p++;
        const char *word = p;
        while (in_word(*p))
            p++;
        size_t n = (size_t)(p - word);
        if (*p != '=' || n == 0 || n >= sizeof(name))
            continue;
        memcpy(name, word, n);
        name[n] = 0;
        sok_lua_words_add(out, typed, len, name, "=");
    }
    return f != NULL;
}

// Within the braces of a header its fields, of a function's options these: sniff{, sr(p, {.
static bool add_named(
    lua_State *L, const char *line, size_t word, size_t len, struct sok_lua_words *out)
{
    size_t at = 0, brace = word;
    size_t n = open_brace(line, word, &at);
    if (n == 0) { // nobody's: a call's argument?
        while (brace > 0 && line[brace - 1] != '{')
            brace--;
        n = brace > 0 && !memchr(line + brace, '}', word - brace) ? open_call(line, brace - 1, &at)
                                                                  : 0;
    }
    if (n == 0)
        return false;
    push_chain(L, line + at, line + at + n);
    return sok_lua_complete_packet(L, '{', line + word, len - word, out) ||
           add_options(L, line + word, len - word, out);
}

void sok_lua_complete(lua_State *L, const char *line, size_t len, struct sok_lua_words *out)
{
    size_t word = len;
    while (word > 0 && in_word(line[word - 1]))
        word--;
    out->count = 0;
    out->start = (unsigned)word;
    int top = lua_gettop(L);
    char how = word > 0 ? line[word - 1] : 0;
    if (how == '.' || how == ':') {
        size_t start = chain_start(line, word - 1);
        push_chain(L, line + start, line + word - 1);
        add_members(L, how, line + word, len - word, out);
    } else {
        if (how == '=' || !add_named(L, line, word, len, out))
            add_globals(L, line + word, len - word, out);
    }
    lua_settop(L, top);
}
