// What hands that know Python write where Lua is read: the error says how it is written here. Only an error is made
// longer by this, nothing that is right is looked at.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include "lua/packet.h"

#define LINE_MAX_BYTES 1024

static bool in_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

// A copy in which text between quotes is blanks, and nothing is longer than the room.
static void without_text(const char *line, size_t len, char out[LINE_MAX_BYTES])
{
    char quote = 0;
    size_t n = len < LINE_MAX_BYTES - 1 ? len : LINE_MAX_BYTES - 1;
    for (size_t i = 0; i < n; i++) {
        char c = line[i];
        bool within = quote != 0;
        if (within && c == '\\' && i + 1 < n) {
            out[i++] = 'q';
            out[i] = 'q';
            continue;
        }
        if (c == '"' || c == '\'')
            quote = !within ? c : c == quote ? 0 : quote;
        out[i] = within && quote ? 'q' : c;
    }
    out[n] = 0;
}

// Where `word` stands as one; NULL: nowhere.
static const char *find_word(const char *line, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = line; (at = strstr(at, word)); at++)
        if ((at == line || !in_word(at[-1])) && !in_word(at[n]))
            return at;
    return NULL;
}

static bool begins(const char *line, const char *word)
{
    return find_word(line, word) == line;
}

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t");
}

// ---- calls with names: IP(ttl=3), sr(p, timeout=2) ----

// The "name=" between parentheses that come right after a word, as a hint; false: there is none.
static bool named_argument(const char *line, char *out, size_t size)
{
    for (const char *open = line; (open = strchr(open, '(')); open++) {
        const char *call = open;
        unsigned depth = 0;
        bool first = true;
        while (call > line && in_word(call[-1]))
            call--;
        if (call == open || isdigit((unsigned char)*call))
            continue;
        for (const char *p = open + 1; *p && !(depth == 0 && *p == ')'); p++) {
            if (strchr("([{", *p))
                depth++;
            else if (strchr(")]}", *p))
                depth -= depth > 0;
            if (*p == ',' && depth == 0)
                first = false;
            const char *name = p;
            while (in_word(*p))
                p++;
            size_t n = (size_t)(p - name);
            const char *equal = skip_blanks(p);
            if (n > 0 && depth == 0 && *equal == '=' && equal[1] != '=') {
                snprintf(out, size,
                    first ? "names go in braces, %.*s{%.*s=...}"
                          : "options are a table, %.*s(..., {%.*s=...})",
                    (int)(open - call), call, (int)n, name);
                return true;
            }
            if (n > 0)
                p--;
        }
    }
    return false;
}

// ---- other ways to write ----

enum habit_kind { SIGN, WORD, FIRST_WORD };

static const struct habit {
    enum habit_kind kind;
    const char *text, *hint;
} habits[] = {
    {FIRST_WORD, "from", "nothing has to be imported, all of it is there"},
    {FIRST_WORD, "import", "nothing has to be imported, all of it is there"},
    {WORD, "lambda", "a function is written function(x) return ... end"},
    {FIRST_WORD, "def", "a function is written function NAME(x) ... end"},
    {FIRST_WORD, "class", "there are no classes; protocol{...} declares a protocol"},
    {FIRST_WORD, "del", "a field is forgotten with p.FIELD = nil"},
    {FIRST_WORD, "elif", "it is written elseif ... then"},
    {WORD, "is", "it is written == nil, or ~= nil"},
    {SIGN, "!=", "not equal is written ~="},
    {SIGN, "+=", "it is written x = x + ..."},
    {SIGN, "-=", "it is written x = x - ..."},
    {SIGN, "**", "a power is written x^y"},
};

static const char *known_habit(const char *line)
{
    for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++) {
        const struct habit *h = &habits[i];
        const char *at = h->kind == SIGN ? strstr(line, h->text) : find_word(line, h->text);
        if (!at || (h->kind == FIRST_WORD && at != line))
            continue;
        if (h->kind == SIGN || *skip_blanks(at + strlen(h->text)) != '=')
            return h->hint;
    }
    return NULL;
}

// "if x:", "for p in pkts:", "else:": a colon that ends the line, or has a blank behind it.
static const char *block_habit(const char *line)
{
    static const char *const words[][2] = {{"if", "a condition is written if ... then ... end"},
        {"elif", "it is written elseif ... then"}, {"else", "it is written else ... end"},
        {"for", "a loop is written for x in ... do ... end; packets of a list: pkts:each()"},
        {"while", "a loop is written while ... do ... end"},
        {"try", "errors are caught with pcall(FUNCTION, ...)"},
        {"except", "errors are caught with pcall(FUNCTION, ...)"},
        {"with", "there is no with; files are closed with f:close()"},
        {"def", "a function is written function NAME(x) ... end"}};
    for (const char *at = line; (at = strchr(at, ':')); at++) {
        if (at[1] == ':' || (at > line && at[-1] == ':') || !strchr(" \t\n", at[1]))
            continue;
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
            if (begins(line, words[i][0]))
                return words[i][1];
    }
    return NULL;
}

// Brackets where a list was meant, or a part of one.
static const char *bracket_habit(const char *line)
{
    for (const char *at = line; (at = strchr(at, '[')); at++) {
        if (at[1] == '[' || (at > line && at[-1] == '[')) // Lua's long text
            continue;
        const char *before = at;
        while (before > line && before[-1] == ' ')
            before--;
        bool index = before > line && (in_word(before[-1]) || strchr(")]\"}'", before[-1]));
        size_t within = strcspn(at, "]");
        const char *colon = memchr(at, ':', within);
        if (index && colon && !isalpha((unsigned char)colon[1]))
            return "a part of a list is pkts:slice(FIRST, LAST), of text text:sub(FIRST, LAST)";
        if (!index && find_word(at, "for"))
            return "a list of what is left of another is pkts:filter(function(p) return ... end)";
        if (!index)
            return "lists are written in braces, {80, 443}";
    }
    return NULL;
}

// "TCP in p"; not "for x in".
static const char *in_habit(const char *line)
{
    const char *at = begins(line, "for") ? NULL : find_word(line, "in");
    return at && at > line && at[-1] == ' ' ? "whether a packet has a layer is p:haslayer(TCP)"
                                            : NULL;
}

// What is said about a line that Lua does not take; false: nothing is known.
static bool line_habit(const char *text, size_t len, char *out, size_t size)
{
    char copy[LINE_MAX_BYTES];
    without_text(text, len, copy);
    const char *line = skip_blanks(copy);
    const char *hint = block_habit(line);
    hint = hint ? hint : known_habit(line);
    if (!hint && named_argument(line, out, size))
        return true;
    if (!hint && *line == '#')
        hint = "a comment begins with --";
    hint = hint ? hint : bracket_habit(line);
    hint = hint ? hint : in_habit(line);
    snprintf(out, size, "%s", hint ? hint : "");
    return hint != NULL;
}

// ---- errors of syntax ----

// The line that "NAME:LINE: ..." speaks of, of the text; NULL: not in there.
static const char *line_of(const char *text, const char *message, size_t *len)
{
    const char *colon = strchr(message, ':');
    long wanted = colon ? strtol(colon + 1, NULL, 10) : 0;
    for (long n = 1; n < wanted; n++) {
        text = strchr(text, '\n');
        if (!text++)
            return NULL;
    }
    *len = strcspn(text, "\n");
    return wanted > 0 ? text : NULL;
}

void sok_lua_habit_syntax(lua_State *L, const char *text)
{
    char hint[256];
    size_t len;
    const char *message = lua_tostring(L, -1),
               *line = message ? line_of(text, message, &len) : NULL;
    if (!line || !line_habit(line, len, hint, sizeof(hint)))
        return;
    lua_pushfstring(L, "%s (%s)", message, hint);
    lua_remove(L, -2);
}

// Of a file only the line is read that the error speaks of; what was read from a pipe is gone.
void sok_lua_habit_file(lua_State *L, const char *path)
{
    char line[LINE_MAX_BYTES], hint[256];
    const char *message = lua_tostring(L, -1);
    const char *place = message ? strstr(message, path) : NULL;
    long wanted = place ? strtol(place + strlen(path) + 1, NULL, 10) : 0;
    struct stat st;
    bool again = wanted > 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode);
    FILE *f = again ? fopen(path, "r") : NULL;
    bool found = false;
    for (long n = 1; f && !found && fgets(line, sizeof(line), f);) {
        found = n == wanted;
        n += strchr(line, '\n') != NULL;
    }
    if (f)
        (void)fclose(f);
    if (!found || !line_habit(line, strcspn(line, "\n"), hint, sizeof(hint)))
        return;
    lua_pushfstring(L, "%s (%s)", message, hint);
    lua_remove(L, -2);
}

// A block that Lua would wait for the end of, and that a colon was to open.
bool sok_lua_habit_block(const char *text)
{
    char copy[LINE_MAX_BYTES];
    without_text(text, strcspn(text, "\n") + 1, copy);
    return block_habit(skip_blanks(copy)) != NULL;
}

// ---- names ----

static const struct name {
    const char *name, *hint;
} names[] = {
    {"PacketList", "p:list() has the packets of a set; pkts:append(P) adds one"},
    {"PcapReader", "sniff{offline=FILE, prn=FUNCTION, store=false} goes through a file"},
    {"PcapWriter", "wrpcap(FILE, PACKETS)"},
    {"abs", "math.abs(X)"},
    {"b", "text is bytes already: \"\\x00\""},
    {"chr", "string.char(X)"},
    {"del", "a field is forgotten with p.FIELD = nil"},
    {"dir", "the tab key completes fields and methods, ls(X) tells fields"},
    {"enumerate", "for i, p in ipairs(LIST) do"},
    {"eval", "load(TEXT)()"},
    {"exit", "os.exit(), Ctrl-D in the shell"},
    {"explore", "ls() tells the protocols"},
    {"f", "(\"%d\"):format(X)"},
    {"getmacbyip", "arping(ADDRESS) asks for it"},
    {"hexstr", "linehexdump(X)"},
    {"int", "tonumber(X), math.tointeger(X)"},
    {"isinstance", "p:haslayer(TCP), p.name"},
    {"len", "#X is its length"},
    {"list", "p:list() has the packets of a set"},
    {"load_contrib", "all protocols are loaded, ls() tells them"},
    {"load_layer", "all protocols are loaded, ls() tells them"},
    {"max", "math.max(X, Y)"},
    {"min", "math.min(X, Y)"},
    {"ord", "string.byte(X)"},
    {"quit", "os.exit(), Ctrl-D in the shell"},
    {"r", "text is written \"...\" or [[...]]"},
    {"range", "for i = FIRST, LAST do; in a field {{FIRST, LAST}}"},
    {"repr", "tostring(X)"},
    {"rfc", "ls(TCP) tells the fields and their bits"},
    {"show", "p:show()"},
    {"sorted", "table.sort(LIST, FUNCTION)"},
    {"tcpdump", "sniff{prn=function(p) return p:summary() end} prints a line for each packet"},
    {"tshark", "sniff{prn=function(p) p:show() end} shows each packet"},
    {"summary", "p:summary(), pkts:summary()"},
    {"wireshark", "wrpcap(FILE, PACKETS) writes what Wireshark reads"},
    {"wrpcapng", "wrpcap(FILE, PACKETS), pcapng unless FILE ends in .pcap or .cap"},
};

static const char *known_name(const char *name)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i].name, name) == 0)
            return names[i].hint;
    return NULL;
}

// The global that is written as `name` but for capitals, on the stack; false: none.
static bool push_alike(lua_State *L, const char *name)
{
    lua_pushglobaltable(L);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || strcasecmp(lua_tostring(L, -2), name) != 0)
            continue;
        lua_pop(L, 1);
        lua_remove(L, -2);
        return true;
    }
    lua_pop(L, 1);
    return false;
}

// Pushes what is said about a global that is not there.
static void push_name_hint(lua_State *L, const char *name)
{
    const char *hint = known_name(name);
    if (hint)
        lua_pushstring(L, hint);
    else if (push_alike(L, name)) {
        lua_pushfstring(L, "there is %s", lua_tostring(L, -1));
        lua_remove(L, -2);
    } else
        lua_pushliteral(L, "ls() tells the protocols, lsc() the functions");
}

const char *sok_lua_habit_run(lua_State *L, const char *message)
{
    static const char unknown[] = "attempt to call a nil value (global '";
    char name[64];
    const char *at = strstr(message, unknown);
    if (at) {
        size_t n = strcspn(at + sizeof(unknown) - 1, "'");
        snprintf(name, sizeof(name), "%.*s", (int)n, at + sizeof(unknown) - 1);
        push_name_hint(L, name);
        return lua_pushfstring(L, "%s: %s", message, lua_tostring(L, -1));
    }
    if (strstr(message, "for iterator 'for iterator'") &&
        (strstr(message, "a packet value") || strstr(message, "list of packets value")))
        return lua_pushfstring(L, "%s: it is written for p in LIST:each() do", message);
    if (strstr(message, "attempt to mul a 'string' with"))
        return lua_pushfstring(L, "%s: text is repeated with text:rep(COUNT)", message);
    if (strstr(message, "attempt to add a 'string' with a 'string'"))
        return lua_pushfstring(L, "%s: text is joined with ..", message);
    return message;
}

// True, False, None: nothing to Lua, and so what they are given to would take another value without a word.
static int missing_global(lua_State *L)
{
    static const char *const words[][2] = {{"True", "true"}, {"False", "false"}, {"None", "nil"}};
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(name, words[i][0]) == 0)
            return sok_lua_error(L, "%s is written %s", name, words[i][1]);
    lua_pushnil(L);
    return 1;
}

void sok_lua_open_habits(lua_State *L)
{
    lua_pushglobaltable(L);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, missing_global);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}
