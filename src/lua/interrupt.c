// Ctrl-C while Lua runs: an error in Lua code, or a flag for a function in C that waits. A third one while the first
// has not been noticed ends the program.
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "lua/internal.h"

// A signal handler has no argument to find a state by.
static volatile sig_atomic_t caught;
static lua_State *volatile running;
static struct sigaction before;
static unsigned depth; // the shell listens all the time, what runs in it within
static bool raised;    // by a function that waited, and took it

static void raise_error(lua_State *L, lua_Debug *at)
{
    (void)at;
    lua_sethook(L, NULL, 0, 0);
    luaL_error(L, "interrupted");
}

static void on_signal(int number)
{
    if (caught > 1)
        _exit(128 + number);
    caught++;
    lua_State *L = running;
    if (L)
        lua_sethook(L, raise_error, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}

void sok_lua_interrupt_begin(lua_State *L)
{
    struct sigaction action = {.sa_handler = on_signal};
    running = L;
    raised = false;
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
    caught = 0;
}

bool sok_lua_interrupted(void)
{
    return caught != 0;
}

bool sok_lua_interrupt_ended(void)
{
    return caught != 0 || raised;
}

bool sok_lua_interrupt_taken(lua_State *L)
{
    if (!caught)
        return false;
    lua_sethook(running ? running : L, NULL, 0, 0); // L may be a coroutine
    caught = 0;
    return true;
}

int sok_lua_interrupt_raise(lua_State *L)
{
    raised = true;
    return sok_lua_error(L, "interrupted");
}
