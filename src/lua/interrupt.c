// Ctrl-C while Lua runs: an error in Lua code, or a flag for a function in C that waits. A third one while the first
// has not been noticed, or within a second of one that a pcall() of the script's made nothing of, ends the program.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "lua/internal.h"

#define INTERRUPTED "interrupted"

// A signal handler has no argument to find a state by.
static volatile sig_atomic_t caught;
static lua_State *volatile running;
static struct sigaction before;
static unsigned depth;        // the shell listens all the time, what runs in it within
static bool raised;           // as an error
static struct timespec first; // of several in a row, while the same chunk runs
static volatile sig_atomic_t row;

// It has been noticed. A write to a full terminal that it cut off is no failure of the output, for which stdio takes it:
// what was not written is still in the buffer. If that fails again, it is one.
static void notice(void)
{
    caught = 0;
    if (ferror(stdout)) {
        clearerr(stdout);
        fflush(stdout);
    }
}

static void raise_error(lua_State *L, lua_Debug *at)
{
    (void)at;
    lua_sethook(L, NULL, 0, 0);
    notice();
    raised = true;
    luaL_error(L, INTERRUPTED);
}

static bool is_third_of_a_row(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    bool again = row > 0 && now.tv_sec - first.tv_sec <= 1;
    row = again ? row + 1 : 1;
    if (!again)
        first = now;
    return row > 2;
}

static void on_signal(int number)
{
    lua_State *L = running;
    if (caught > 1 || (L && is_third_of_a_row()))
        _exit(128 + number);
    caught++;
    if (L)
        lua_sethook(L, raise_error, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}

void sok_lua_interrupt_begin(lua_State *L)
{
    struct sigaction action = {.sa_handler = on_signal};
    running = L;
    raised = false;
    row = 0;
    if (depth++ == 0) {
        caught = 0;
        sigaction(SIGINT, &action, &before);
    } else if (L && caught) { // before it ran, but behind the line that runs it
        lua_sethook(L, raise_error, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
    }
}

void sok_lua_interrupt_end(void)
{
    lua_State *L = running;
    running = NULL;
    if (L)
        lua_sethook(L, NULL, 0, 0);
    if (--depth == 0)
        sigaction(SIGINT, &before, NULL);
}

void sok_lua_interrupt_forget(void)
{
    if (caught)
        notice();
}

bool sok_lua_interrupted(void)
{
    return caught != 0;
}

bool sok_lua_interrupt_ended(const char *error)
{
    size_t len = strcspn(error, "\n"), end = sizeof(INTERRUPTED) - 1; // a traceback may follow
    return raised && len >= end && memcmp(error + len - end, INTERRUPTED, end) == 0;
}

bool sok_lua_interrupt_taken(lua_State *L)
{
    if (!caught)
        return false;
    lua_sethook(running ? running : L, NULL, 0, 0); // L may be a coroutine
    notice();
    return true;
}

int sok_lua_interrupt_raise(lua_State *L)
{
    raised = true;
    return sok_lua_error(L, INTERRUPTED);
}
