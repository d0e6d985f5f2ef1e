// libedit, loaded when the shell begins; scripts have no use for it.
//
// Who includes this instead of <histedit.h> calls its functions by their names, with the types checked. Before
// sok_edit_load() has said yes none of them may be called.
#ifndef SOK_LUA_EDIT_LATE_H
#define SOK_LUA_EDIT_LATE_H

#include <histedit.h>
#include <stdbool.h>
#include <stddef.h>

// All that are used.
#define SOK_EDIT_CALLS(X)                                                                          \
    X(el_init)                                                                                     \
    X(el_end)                                                                                      \
    X(el_get)                                                                                      \
    X(el_gets)                                                                                     \
    X(el_insertstr)                                                                                \
    X(el_line)                                                                                     \
    X(el_reset)                                                                                    \
    X(el_set)                                                                                      \
    X(el_source)                                                                                   \
    X(el_wset)                                                                                     \
    X(history)                                                                                     \
    X(history_init)                                                                                \
    X(history_end)

#define SOK_EDIT_POINTER(name) __typeof__(name) *name;
struct sok_edit {
    SOK_EDIT_CALLS(SOK_EDIT_POINTER)
};
extern struct sok_edit sok_edit;

// False: with a line that says why. Again: nothing more is done.
bool sok_edit_load(char *line, size_t size);

#define el_init      sok_edit.el_init
#define el_end       sok_edit.el_end
#define el_get       sok_edit.el_get
#define el_gets      sok_edit.el_gets
#define el_insertstr sok_edit.el_insertstr
#define el_line      sok_edit.el_line
#define el_reset     sok_edit.el_reset
#define el_set       sok_edit.el_set
#define el_source    sok_edit.el_source
#define el_wset      sok_edit.el_wset
#define history      sok_edit.history
#define history_init sok_edit.history_init
#define history_end  sok_edit.history_end

#endif
