// The shell: lines by libedit with history and completion, chunks that go over several lines, results printed.
// History is kept in $XDG_STATE_HOME/sockeye/lua_history (or ~/.local/state/...).
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>
#include "lua/edit_late.h"
#include "lua/internal.h"
#include "lua/lua.h"

#define HISTORY_LINES 1000
#define CHUNK_MAX     (1 << 20)

struct shell {
    struct sok_lua *l;
    lua_State *L;
    EditLine *el;
    History *past;
    char *chunk; // what was typed so far of a chunk of several lines
    size_t len;
    bool left; // the person said so
    struct sok_lua_words words;
    char history_path[4096];
};

static char *prompt(EditLine *el)
{
    static char first[] = ">>> ", more[] = "... ";
    struct shell *s;
    el_get(el, EL_CLIENTDATA, &s);
    return s->len ? more : first;
}

// ---- completion ----

static size_t common_length(const struct sok_lua_words *w)
{
    size_t n = strlen(w->words[0].text);
    for (unsigned i = 1; i < w->count; i++) {
        size_t k = 0;
        while (k < n && w->words[i].text[k] == w->words[0].text[k])
            k++;
        n = k;
    }
    return n;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct sok_lua_word *)a)->text, ((const struct sok_lua_word *)b)->text);
}

static size_t terminal_width(void)
{
    struct winsize size;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return known ? size.ws_col : 80;
}

static void list_words(struct sok_lua_words *w)
{
    qsort(w->words, w->count, sizeof(w->words[0]), by_text);
    size_t widest = 0;
    for (unsigned i = 0; i < w->count; i++)
        if (strlen(w->words[i].text) > widest)
            widest = strlen(w->words[i].text);
    unsigned columns = (unsigned)(terminal_width() / (widest + 2)), rows = 0;
    columns = columns ? columns : 1;
    rows = (w->count + columns - 1) / columns;
    putchar('\n');
    for (unsigned r = 0; r < rows; r++) {
        for (unsigned i = r; i < w->count; i += rows)
            printf("%-*s", i + rows < w->count ? (int)widest + 2 : 0, w->words[i].text);
        putchar('\n');
    }
    fflush(stdout);
}

static unsigned char on_tab(EditLine *el, wint_t key)
{
    struct shell *s;
    (void)key;
    el_get(el, EL_CLIENTDATA, &s);
    const LineInfo *line = el_line(el);
    size_t len = (size_t)(line->cursor - line->buffer);
    struct sok_lua_words *w = &s->words;
    // What stands on the lines before belongs to it: an open brace.
    size_t before = s->len;
    char *all = malloc(before + len + 1);
    if (!all)
        return CC_ERROR;
    memcpy(all, s->chunk ? s->chunk : "", before);
    memcpy(all + before, line->buffer, len);
    all[before + len] = 0;
    sok_lua_complete(s->L, all, before + len, w);
    size_t typed = before + len - w->start;
    free(all);
    if (w->count == 0)
        return CC_ERROR;
    size_t n = common_length(w);
    if (n > typed) {
        char more[64];
        memcpy(more, w->words[0].text + typed, n - typed);
        more[n - typed] = 0;
        return el_insertstr(el, more) == 0 ? CC_REFRESH : CC_ERROR;
    }
    if (w->count == 1)
        return CC_NORM;
    list_words(w);
    return CC_REDISPLAY;
}

// ---- history ----

static bool make_directories(char *path)
{
    for (char *p = path + 1; (p = strchr(p, '/')); p++) {
        *p = 0;
        int rc = mkdir(path, 0700);
        *p = '/';
        if (rc != 0 && errno != EEXIST)
            return false;
    }
    return true;
}

static void find_history(struct shell *s)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int n = -1;
    size_t size = sizeof(s->history_path);
    if (state && *state == '/')
        n = snprintf(s->history_path, size, "%s/sockeye/lua_history", state);
    else if (home && *home == '/')
        n = snprintf(s->history_path, size, "%s/.local/state/sockeye/lua_history", home);
    if (n < 0 || (size_t)n >= size || !make_directories(s->history_path))
        s->history_path[0] = 0;
}

static void remember(struct shell *s, const char *text)
{
    HistEvent event;
    if (text[strspn(text, " \t\n")] == 0)
        return;
    // A chunk of several lines comes back as one, where a line's end means no more than a space.
    char *line = strdup(text);
    if (line && !strstr(text, "--") && !strstr(text, "[["))
        for (char *p = line; (p = strchr(p, '\n'));)
            *p = ' ';
    if (line && line[0])
        history(s->past, &event, H_ENTER, line);
    free(line);
}

static void save_history(struct shell *s)
{
    HistEvent event;
    if (!s->history_path[0])
        return;
    mode_t mask = umask(077);
    history(s->past, &event, H_SAVE, s->history_path);
    umask(mask);
}

// ---- reading and running ----

static bool add_line(struct shell *s, const char *line, size_t len)
{
    char *chunk = s->len + len < CHUNK_MAX ? realloc(s->chunk, s->len + len + 1) : NULL;
    if (!chunk)
        return false;
    memcpy(chunk + s->len, line, len);
    s->chunk = chunk;
    s->len += len;
    chunk[s->len] = 0;
    return true;
}

enum chunk { CHUNK_WHOLE, CHUNK_UNFINISHED, CHUNK_WRONG };

// Lua's own way to say that a chunk ends too early.
static enum chunk look(lua_State *L, const char *text)
{
    size_t len;
    int status = luaL_loadbuffer(L, text, strlen(text), "=shell");
    const char *message = status == LUA_OK ? NULL : lua_tolstring(L, -1, &len);
    bool early = message && len >= 5 && strcmp(message + len - 5, "<eof>") == 0;
    lua_pop(L, 1);
    return status == LUA_OK ? CHUNK_WHOLE : early ? CHUNK_UNFINISHED : CHUNK_WRONG;
}

// Neither statements nor an expression yet, but it may become one of them.
static bool is_unfinished(lua_State *L, const char *text)
{
    enum chunk statements = look(L, text);
    enum chunk expression = look(L, lua_pushfstring(L, "return %s", text));
    lua_pop(L, 1);
    return statements != CHUNK_WHOLE && expression != CHUNK_WHOLE &&
           (statements == CHUNK_UNFINISHED || expression == CHUNK_UNFINISHED);
}

static void forget_chunk(struct shell *s)
{
    s->len = 0;
    if (s->chunk)
        s->chunk[0] = 0;
}

// What other shells call leaving; unless the person has given the word another meaning. Looked up past what a script
// may have made of the globals (__index), whose errors nobody would catch here.
static bool is_goodbye(lua_State *L, const char *text)
{
    static const char *const words[] = {"exit", "quit"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t len = strlen(words[i]);
        if (strncmp(text, words[i], len) == 0 && (!text[len] || strcmp(text + len, "()") == 0)) {
            lua_pushglobaltable(L);
            lua_pushstring(L, words[i]);
            bool ours = lua_rawget(L, -2) == LUA_TNIL;
            lua_pop(L, 2);
            return ours;
        }
    }
    return false;
}

static void take_line(struct shell *s, const char *line, size_t len)
{
    if (!add_line(s, line, len)) {
        fprintf(stderr, "too long for one chunk\n");
        forget_chunk(s);
        return;
    }
    if (is_unfinished(s->L, s->chunk) && !sok_lua_habit_block(s->chunk))
        return;
    while (s->len > 0 && s->chunk[s->len - 1] == '\n')
        s->chunk[--s->len] = 0;
    remember(s, s->chunk);
    s->left = is_goodbye(s->L, s->chunk);
    if (!s->left && s->chunk[strspn(s->chunk, " \t\n")])
        sok_lua_text(s->l, s->chunk, "shell", true);
    fflush(stdout);
    forget_chunk(s);
}

// False: Ctrl-C. The signal is let in only while this waits, so it cannot come between the look for it and the wait.
static bool wait_for_key(void)
{
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    sigset_t held, usual;
    sigemptyset(&held);
    sigaddset(&held, SIGINT);
    sigprocmask(SIG_BLOCK, &held, &usual);
    int r = 0;
    while (!sok_lua_interrupted() && (r = ppoll(&p, 1, NULL, &usual)) < 0 && errno == EINTR)
        continue;
    sigprocmask(SIG_SETMASK, &usual, NULL);
    return !sok_lua_interrupted();
}

// One character, of as many bytes as it has, for libedit: 1, 0 at the end, -1.
static int read_key(EditLine *el, wchar_t *c)
{
    mbstate_t partly = {0};
    char byte;
    (void)el;
    for (;;) {
        if (!wait_for_key()) {
            errno = EINTR;
            return -1;
        }
        ssize_t n = read(STDIN_FILENO, &byte, 1);
        if (n <= 0)
            return (int)n;
        size_t used = mbrtowc(c, &byte, 1, &partly);
        if (used == 0 || used == 1)
            return 1;
        if (used == (size_t)-1) // no character of this locale: passed over
            partly = (mbstate_t){0};
    }
}

static void loop(struct shell *s)
{
    while (!s->left) {
        int count = 0;
        sok_lua_interrupt_forget();
        // Before the prompt: who answers it at once with Ctrl-D would give that key to the terminal, which drops it.
        el_set(s->el, EL_PREP_TERM, 1);
        const char *line = el_gets(s->el, &count);
        if (!line && sok_lua_interrupted()) { // what was typed is dropped, as in any shell
            forget_chunk(s);
            printf("^C\n");
            el_reset(s->el);
            continue;
        }
        if (!line || count <= 0) {
            putchar('\n');
            break;
        }
        take_line(s, line, (size_t)count);
    }
}

static bool open_editor(struct shell *s)
{
    HistEvent event;
    char why[256];
    if (!sok_edit_load(why, sizeof(why))) {
        fprintf(stderr, "sockeye: the shell: %s\n", why);
        return false;
    }
    setlocale(LC_CTYPE, "");
    s->el = el_init("sockeye", stdin, stdout, stderr);
    s->past = history_init();
    if (!s->el || !s->past)
        return false;
    history(s->past, &event, H_SETSIZE, HISTORY_LINES);
    history(s->past, &event, H_SETUNIQUE, 1);
    el_set(s->el, EL_CLIENTDATA, s);
    el_set(s->el, EL_PROMPT, prompt);
    el_set(s->el, EL_EDITOR, "emacs");
    el_set(s->el, EL_GETCFN, read_key);
    el_set(s->el, EL_HIST, history, s->past);
    // el_set would make copies of these texts that nobody frees.
    el_wset(s->el, EL_ADDFN, L"sockeye-complete", L"completes what was typed", on_tab);
    el_set(s->el, EL_BIND, "^I", "sockeye-complete", NULL);
    el_set(s->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(s->el, NULL); // ~/.editrc: somebody may want vi
    find_history(s);
    if (s->history_path[0])
        history(s->past, &event, H_LOAD, s->history_path);
    return true;
}

int sok_lua_shell(struct sok_lua *l)
{
    struct shell *s = calloc(1, sizeof(*s));
    int rc = 1;
    if (s) {
        s->l = l;
        s->L = sok_lua_lua(l);
        sok_lua_state(s->L)->shell = true;
        if (open_editor(s)) {
            printf(
                "Sockeye's packet language, Lua 5.4: help() tells where to begin, Tab completes, "
                "Ctrl-D ends.\n");
            sok_lua_interrupt_begin(NULL);
            loop(s);
            sok_lua_interrupt_end();
            save_history(s);
            rc = 0;
        }
        if (s->el)
            el_end(s->el);
        if (s->past)
            history_end(s->past);
        free(s->chunk);
    }
    free(s);
    return rc;
}
