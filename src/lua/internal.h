// What the files of this directory share: the lists of functions, errors, options, output, interruption.
//
// To add functions: a file NAME.c with a `const struct sok_lua_function sok_lua_NAME_functions[]` that ends with a
// row of NULL, its line in the table of functions.c and in meson.build. ls(), lsc(), completion and the manual's test
// know it then. A function is called with its arguments at 1..n, as every lua_CFunction.
#ifndef SOK_LUA_INTERNAL_H
#define SOK_LUA_INTERNAL_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// ---- functions ----

// Of functions, and of methods (of packets: methods.c, of lists: list.c).
struct sok_lua_function {
    const char *name;
    lua_CFunction call; // NULL: it is in words.lua
    const char *usage;  // "rdpcap(FILE)"
    const char *help;   // one line, for lsc()
};

extern const struct sok_lua_function sok_lua_basic_functions[];    // basic.c
extern const struct sok_lua_function sok_lua_compress_functions[]; // compress.c
extern const struct sok_lua_function sok_lua_declare_functions[];  // declare.c
extern const struct sok_lua_function sok_lua_words_functions[];    // words.c: fragment, ...
extern const struct sok_lua_function sok_lua_net_functions[];      // net.c: send, sr, sniff, ...
extern const struct sok_lua_function sok_lua_packet_methods[];     // methods.c
extern const struct sok_lua_function sok_lua_list_methods[];       // list.c

extern const struct sok_lua_function sok_lua_reader_functions[]; // reader.c
int sok_lua_help(lua_State *L);                                  // help.c
// Which of them the value at idx is; NULL: none.
const struct sok_lua_function *sok_lua_function_of(lua_State *L, int idx);
void sok_lua_open_functions(lua_State *L);
void sok_lua_open_net(lua_State *L); // net.c: what the functions that talk need
// The i-th function of all lists; NULL after the last.
const struct sok_lua_function *sok_lua_function_at(unsigned i);

// ---- the state ----

struct sok_lua_state {
    bool colour, verbose;
    bool shell;                  // somebody is at the terminal
    struct sok_book *book;       // the protocols
    uint8_t *built;              // room for one packet's bytes
    size_t unseen;               // bytes taken where Lua's collector does not see them
    struct sok_lua_texts *texts; // value.c: addresses and flags whose text is kept
    uint64_t seed;               // of fuzz(), when none is given
};
static inline struct sok_lua_state *sok_lua_state(lua_State *L)
{
    return *(struct sok_lua_state **)lua_getextraspace(L);
}
struct sok_lua;
struct lua_State *sok_lua_lua(struct sok_lua *l);

// ---- errors ----

// Raises "FILE:LINE: text" where the line is that of the script, however deep in C the mistake was seen.
// As luaL_error: does not return; `return sok_lua_error(...)` reads well.
int sok_lua_error(lua_State *L, const char *format, ...);
// Runs the function below its `args` arguments; 0 or 1 after a line on stderr. 130: Ctrl-C.
int sok_lua_protected(lua_State *L, int args, int results);
// Loads `text` as expressions if it is some, else as statements; Lua's status.
int sok_lua_load(lua_State *L, const char *text, const char *name);
// Prints the error on the stack and removes it: 1, or 130 after Ctrl-C.
int sok_lua_tell(lua_State *L);

// ---- what is written in Lua (words.c) ----

// Runs a chunk of ours with a table of helpers and pushes what it gives. Errors in it have the caller's line.
void sok_lua_words_load(lua_State *L, const char *text, const char *name, const luaL_Reg *helpers);
void sok_lua_open_words(lua_State *L);
// Puts the rows into the table on the stack; kind: "packet", "list", "functions" of words.lua. check (or NULL) raises
// an error where those of words.lua are called with another value at 1 than they are methods of.
void sok_lua_add_rows(
    lua_State *L, const struct sok_lua_function *rows, const char *kind, lua_CFunction check);
void sok_lua_words_push(lua_State *L, const char *kind, const char *name);
int sok_lua_words_each(lua_State *L);

// ---- what Python's habits write (habits.c): the error is made longer by how it is written here ----

void sok_lua_habit_syntax(lua_State *L, const char *text); // of the error on the stack, about text,
void sok_lua_habit_file(lua_State *L, const char *path);   // or a file
bool sok_lua_habit_block(const char *text); // "for x in y:": no end of it is to be waited for
// The message of an error that came while running, or a longer one, on the stack then.
const char *sok_lua_habit_run(lua_State *L, const char *message);
void sok_lua_open_habits(lua_State *L);

// ---- interruption: the first Ctrl-C makes it true, and raises an error in Lua code that runs ----

bool sok_lua_interrupted(void);
// L: what runs; NULL: a person types. The second within the first keeps what was caught.
void sok_lua_interrupt_begin(lua_State *L);
void sok_lua_interrupt_end(void);
void sok_lua_interrupt_forget(void);
// A function that waits, and wants to give what it has, calls this between: true once, and the error is not raised.
bool sok_lua_interrupt_taken(lua_State *L);
// And one that has nothing to give raises the error then, as luaL_error does.
int sok_lua_interrupt_raise(lua_State *L);
bool sok_lua_interrupt_ended(const char *error); // whether it is Ctrl-C's

// ---- option tables: sniff{count=10, timeout=5} ----

// Fails, naming those that are there, when the table at idx has a word that is not in `known` ("count inter iface").
void sok_lua_options_check(lua_State *L, int idx, const char *known);
// nil or no table: the default. Wrong types and ranges are errors that name the option.
lua_Integer sok_lua_option_integer(lua_State *L, int idx, const char *name, lua_Integer initial,
    lua_Integer least, lua_Integer most);
double sok_lua_option_number(lua_State *L, int idx, const char *name, double initial, double least);
const char *sok_lua_option_text(lua_State *L, int idx, const char *name, const char *initial);
bool sok_lua_option_true(lua_State *L, int idx, const char *name, bool initial);
// Seconds at idx as nanoseconds; none or below 0: 0.
int64_t sok_lua_check_seconds(lua_State *L, int idx);
// Pushes the function and gives true; pushes nothing when it is not given.
bool sok_lua_option_function(lua_State *L, int idx, const char *name);

// ---- output ----

void sok_lua_write(
    const char *text, size_t len); // to standard output; what fails is told at the end
// Prints the value at idx as the shell shows results.
void sok_lua_print_value(lua_State *L, int idx);
void sok_lua_print_inline(lua_State *L, int idx); // without the line's end

// ---- completion (complete.c): words for the end of `line` ----

struct sok_lua_words {
    unsigned count;
    unsigned start; // where in the line the word begins
    struct sok_lua_word {
        char text[64];
    } words[256];
};
void sok_lua_complete(lua_State *L, const char *line, size_t len, struct sok_lua_words *out);

#endif
