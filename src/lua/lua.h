// The packet language: Lua 5.4 with Scapy's words. A `struct sok_lua` is one Lua state with all functions of the
// language in it; scripts, single expressions and the shell run in it. The words come from the rows of wire/, the
// functions from lists (internal.h); nothing about a single protocol is known here.
#ifndef SOK_LUA_LUA_H
#define SOK_LUA_LUA_H

#include <stdbool.h>
#include <stddef.h>

struct sok_lua;

struct sok_lua_options {
    bool colour;  // results and show() in colours
    bool verbose; // errors with Lua's traceback
};

struct sok_lua *sok_lua_new(const struct sok_lua_options *options); // NULL: no memory
void sok_lua_free(struct sok_lua *l);

// What a script finds in `arg`: arg[0] its name, arg[1]... the words after it.
void sok_lua_arguments(struct sok_lua *l, const char *name, char **words, int count);

// Each gives 0, or 1 after one line on stderr ("sockeye: FILE:LINE: what is wrong").
int sok_lua_file(struct sok_lua *l, const char *path); // "-": standard input
// Expressions or statements; values are printed as the shell prints them when `print`.
int sok_lua_text(struct sok_lua *l, const char *text, const char *name, bool print);
// What an option of a one-liner becomes in the table that the function gets.
struct sok_lua_option {
    const char *name;
    enum { SOK_LUA_OPTION_NUMBER, SOK_LUA_OPTION_TEXT, SOK_LUA_OPTION_TRUE } kind;
    const char *text;
    double number;
};
// FUNCTION(value of the expression, {options}); lists among what it gives are printed as summaries.
int sok_lua_call(struct sok_lua *l, const char *function, const char *expression,
    const struct sok_lua_option *options, unsigned count);
// Calls a method of every packet that the expression means: "show", "show2", "hexdump"; "summary", "command", "json" and
// "json2" give a line each, "bytes" the bytes alone.
int sok_lua_show(struct sok_lua *l, const char *expression, const char *method);

// A person at a terminal: prompts until Ctrl-D. Ctrl-C ends what runs, not the shell.
int sok_lua_shell(struct sok_lua *l);

#endif
