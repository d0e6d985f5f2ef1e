// Filters of ss(8): states, and an expression about addresses and ports.
//
//   expression   and-expression { ("or" | "|" | "||") and-expression }
//   and-expr.    factor { ["and" | "&" | "&&"] factor }
//   factor       ("not" | "!") factor | "(" expression ")" | predicate
//   predicate    ("src" | "dst") [=, !=] HOST, ("sport" | "dport") [=, !=, <, <=, >, >=] PORT, "id" [=, !=] NUMBER
//
// It becomes a tree in a fixed array. Messages show the text with a mark at what is wrong.
#include <ctype.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include "base/addr.h"
#include "cli/ss.h"

#define NODES_MAX 256
#define DEPTH_MAX 32
#define TEXT_MAX  2048

enum op { OP_OR, OP_AND, OP_NOT, OP_SRC, OP_DST, OP_SPORT, OP_DPORT, OP_ID };
enum compare { IS, IS_NOT, LESS, LESS_IS, MORE, MORE_IS };

struct node {
    uint8_t op, compare;
    int16_t left, right;
    bool has_addr, has_port;
    uint8_t prefix;
    struct sok_addr addr;
    uint32_t number; // port, id
};

struct sok_ss_filter {
    int root;
    int count;
    struct node nodes[NODES_MAX];
};

struct parser {
    struct sok_ss_filter *f;
    char text[TEXT_MAX];
    size_t at;            // behind the token
    size_t start;         // where the token begins
    char token[TEXT_MAX]; // "" at the end
    int depth;
    bool failed;
    char *err;
};

// ---- tokens ----

static const char *const operators[] = {
    "==", "!=", "<=", ">=", "&&", "||", "=", "<", ">", "!", "&", "|", "(", ")"};

static size_t operator_at(const char *text)
{
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
        if (strncmp(text, operators[i], strlen(operators[i])) == 0)
            return strlen(operators[i]);
    return 0;
}

static void next(struct parser *p)
{
    while (isspace((unsigned char)p->text[p->at]))
        p->at++;
    p->start = p->at;
    size_t len = operator_at(p->text + p->at);
    if (len == 0)
        while (p->text[p->at + len] && !isspace((unsigned char)p->text[p->at + len]) &&
               operator_at(p->text + p->at + len) == 0)
            len++;
    memcpy(p->token, p->text + p->at, len);
    p->token[len] = '\0';
    p->at += len;
}

static bool is(const struct parser *p, const char *a, const char *b, const char *c)
{
    return strcmp(p->token, a) == 0 || strcmp(p->token, b) == 0 || (c && strcmp(p->token, c) == 0);
}

// The first thing that is wrong.
static int fail(struct parser *p, const char *what)
{
    if (p->failed)
        return -1;
    p->failed = true;
    if (p->token[0])
        snprintf(p->err, SOK_SS_ERR_MAX, "filter: %.*s>>%.99s<<%.60s: %s",
            (int)(p->start > 60 ? 60 : p->start), p->text + (p->start > 60 ? p->start - 60 : 0),
            p->token, p->text + p->at, what);
    else
        snprintf(p->err, SOK_SS_ERR_MAX, "filter: %.60s>>here it ends<<: %s",
            p->text + (p->start > 60 ? p->start - 60 : 0), what);
    return -1;
}

static int add(struct parser *p, struct node n)
{
    if (p->f->count == NODES_MAX)
        return fail(p, "this is too long");
    p->f->nodes[p->f->count] = n;
    return p->f->count++;
}

// ---- values ----

static bool number_of(const char *text, uint32_t max, uint32_t *out)
{
    char *end;
    if (!isdigit((unsigned char)text[0]))
        return false;
    unsigned long n = strtoul(text, &end, 10);
    *out = (uint32_t)n;
    return *end == '\0' && n <= max;
}

static bool port_of(const char *text, uint32_t *out)
{
    if (number_of(text, 65535, out))
        return true;
    const struct servent *s = getservbyname(text, NULL);
    if (s)
        *out = (uint32_t)((s->s_port & 0xff) << 8 | (s->s_port >> 8 & 0xff));
    return s != NULL;
}

// "192.0.2.0/24", "2001:db8::1".
static bool net_of(const char *text, struct node *n)
{
    char addr[SOK_ADDR_TEXT_MAX];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    uint32_t prefix;
    if (len >= sizeof(addr))
        return false;
    memcpy(addr, text, len);
    addr[len] = '\0';
    if (!sok_addr_parse(addr, &n->addr))
        return false;
    uint32_t most = sok_addr_is_v4(n->addr) ? 32 : 128;
    if (!slash)
        prefix = most;
    else if (!number_of(slash + 1, most, &prefix))
        return false;
    n->prefix = (uint8_t)prefix;
    n->has_addr = true;
    return true;
}

// ADDRESS[/PREFIX], [ADDRESS]:PORT, ADDRESS:PORT, *:PORT, :PORT.
static bool host_of(const char *text, struct node *n)
{
    char part[TEXT_MAX];
    const char *colon = strrchr(text, ':');
    if (text[0] == '[') {
        const char *end = strchr(text, ']');
        if (!end)
            return false;
        colon = strrchr(end, ':');
        snprintf(part, sizeof(part), "%.*s%.*s", (int)(end - text - 1), text + 1,
            (int)(colon ? colon - end - 1 : (long)strlen(end + 1)), end + 1);
    } else if (strchr(text, ':') != colon || !colon) { // two colons: IPv6; none: no port
        colon = NULL;
        snprintf(part, sizeof(part), "%s", text);
    } else {
        snprintf(part, sizeof(part), "%.*s", (int)(colon - text), text);
    }
    if (colon && strcmp(colon, ":*") != 0) {
        if (!port_of(colon + 1, &n->number))
            return false;
        n->has_port = true;
    }
    return part[0] == '\0' ? colon != NULL : strcmp(part, "*") == 0 || net_of(part, n);
}

static bool take_compare(struct parser *p, uint8_t *out)
{
    static const struct {
        const char *a, *b, *c;
    } words[] = {
        [IS] = {"=", "==", "eq"},
        [IS_NOT] = {"!=", "ne", "neq"},
        [LESS] = {"<", "lt", NULL},
        [LESS_IS] = {"<=", "le", "leq"},
        [MORE] = {">", "gt", NULL},
        [MORE_IS] = {">=", "ge", "geq"},
    };
    for (uint8_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (is(p, words[i].a, words[i].b, words[i].c)) {
            *out = i;
            next(p);
            return true;
        }
    return false;
}

// ---- the grammar ----

static int expression(struct parser *p);

static int predicate(struct parser *p)
{
    static const char *const words[] = {
        [OP_SRC] = "src",
        [OP_DST] = "dst",
        [OP_SPORT] = "sport",
        [OP_DPORT] = "dport",
        [OP_ID] = "id",
    };
    struct node n = {.op = OP_SRC, .left = -1, .right = -1};
    while (n.op <= OP_ID && strcmp(p->token, words[n.op]) != 0)
        n.op++;
    if (n.op > OP_ID)
        return fail(p, is(p, "state", "exclude", NULL)
                           ? "states come before everything else"
                           : "src, dst, sport, dport, id, not or ( is needed here");
    next(p);
    size_t at = p->start;
    bool ordered = take_compare(p, &n.compare) && n.compare > IS_NOT;
    if (ordered && n.op != OP_SPORT && n.op != OP_DPORT) {
        p->at = at;
        next(p);
        return fail(p, "only = and != make sense here");
    }
    if (n.op == OP_ID && !number_of(p->token, UINT32_MAX, &n.number))
        return fail(p, "a number is needed here");
    if ((n.op == OP_SRC || n.op == OP_DST) && !host_of(p->token, &n))
        return fail(p, "an address is needed here: 192.0.2.0/24, 192.0.2.1:80, [2001:db8::1]:80");
    if (n.op == OP_SPORT || n.op == OP_DPORT) {
        const char *colon = strrchr(p->token, ':');
        if (!port_of(colon ? colon + 1 : p->token, &n.number))
            return fail(p, "a port is needed here: :80, :http");
    }
    next(p);
    return add(p, n);
}

static int factor(struct parser *p)
{
    int inner;
    if (++p->depth > DEPTH_MAX)
        return fail(p, "this is too deep");
    if (is(p, "not", "!", NULL)) {
        next(p);
        inner = factor(p);
        inner = inner < 0 ? -1 : add(p, (struct node){.op = OP_NOT, .left = (int16_t)inner});
    } else if (is(p, "(", "(", NULL)) {
        next(p);
        inner = expression(p);
        if (inner >= 0 && !is(p, ")", ")", NULL))
            inner = fail(p, "a ) is missing");
        else if (inner >= 0)
            next(p);
    } else {
        inner = predicate(p);
    }
    p->depth--;
    return inner;
}

static int joined(struct parser *p, enum op op, int left, int right)
{
    if (left < 0 || right < 0)
        return -1;
    return add(p, (struct node){.op = (uint8_t)op, .left = (int16_t)left, .right = (int16_t)right});
}

static int all_of(struct parser *p)
{
    int left = factor(p);
    while (left >= 0 && p->token[0] && !is(p, "or", "|", "||") && !is(p, ")", ")", NULL)) {
        if (is(p, "and", "&", "&&"))
            next(p);
        left = joined(p, OP_AND, left, factor(p));
    }
    return left;
}

static int expression(struct parser *p)
{
    int left = all_of(p);
    while (left >= 0 && is(p, "or", "|", "||")) {
        next(p);
        left = joined(p, OP_OR, left, all_of(p));
    }
    return left;
}

// ---- states ----

static uint32_t states_named(const char *word)
{
    static const struct {
        const char *name;
        uint32_t states;
    } names[] = {
        {"all", SOK_SS_STATES_ALL},
        {"connected", SOK_SS_STATES_CONNECTED},
        {"synchronized", SOK_SS_STATES_CONNECTED & ~(1u << SOK_ROW_SYN_SENT)},
        {"bucket", 1u << SOK_ROW_SYN_RECEIVED | 1u << SOK_ROW_TIME_WAIT},
        {"big", SOK_SS_STATES_ALL & ~(1u << SOK_ROW_SYN_RECEIVED | 1u << SOK_ROW_TIME_WAIT)},
        {"established", 1u << SOK_ROW_ESTABLISHED},
        {"syn-received", 1u << SOK_ROW_SYN_RECEIVED},
        {"closed", 1u << SOK_ROW_CLOSE},
        {"close", 1u << SOK_ROW_CLOSE},
        {"unconnected", 1u << SOK_ROW_CLOSE},
        {"listening", 1u << SOK_ROW_LISTEN},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(word, names[i].name) == 0)
            return names[i].states;
    for (unsigned i = 1; i < SOK_ROW_STATE_COUNT; i++)
        if (strcasecmp(word, sok_row_state_text(i)) == 0)
            return 1u << i;
    return 0;
}

static void take_states(struct parser *p, uint32_t *states)
{
    bool said = false;
    while (!p->failed && is(p, "state", "exclude", "excl")) {
        bool in = strcmp(p->token, "state") == 0;
        next(p);
        uint32_t named = states_named(p->token);
        if (named == 0) {
            fail(p, "a state is needed here: established, syn-sent, syn-recv, fin-wait-1, "
                    "fin-wait-2, time-wait, closed, close-wait, last-ack, listening, closing, all, "
                    "connected, synchronized");
            return;
        }
        if (!said)
            *states = in ? 0 : SOK_SS_STATES_ALL;
        *states = in ? *states | named : *states & ~named;
        said = true;
        next(p);
    }
}

static bool join(char *const *words, int count, char *text)
{
    size_t at = 0;
    for (int i = 0; i < count; i++) {
        size_t len = strlen(words[i]);
        if (at + len + 2 > TEXT_MAX)
            return false;
        memcpy(text + at, words[i], len);
        text[at + len] = ' ';
        at += len + 1;
    }
    text[at > 0 ? at - 1 : 0] = '\0';
    return true;
}

bool sok_ss_filter_new(char *const *words, int count, uint32_t *states, struct sok_ss_filter **out,
    char err[SOK_SS_ERR_MAX])
{
    struct parser *p = calloc(1, sizeof(*p));
    *out = NULL;
    err[0] = '\0';
    if (p)
        p->f = calloc(1, sizeof(*p->f));
    bool ok = p && p->f && join(words, count, p->text);
    if (!ok) {
        snprintf(err, SOK_SS_ERR_MAX, "filter: this is too long");
    } else {
        p->err = err;
        next(p);
        take_states(p, states);
        if (!p->failed && p->token[0]) {
            p->f->root = expression(p);
            if (!p->failed && p->token[0])
                fail(p, "nothing opens this");
            *out = p->f;
        }
        ok = !p->failed;
    }
    if (p && (!ok || !*out)) {
        free(p->f);
        *out = NULL;
    }
    free(p);
    return ok;
}

void sok_ss_filter_free(struct sok_ss_filter *f)
{
    free(f);
}

// ---- asking ----

static bool compares(enum compare how, uint32_t a, uint32_t b)
{
    switch (how) {
    case IS:
        return a == b;
    case IS_NOT:
        return a != b;
    case LESS:
        return a < b;
    case LESS_IS:
        return a <= b;
    case MORE:
        return a > b;
    case MORE_IS:
        break;
    }
    return a >= b;
}

static bool host_is(const struct node *n, const uint8_t addr[16], uint16_t port)
{
    struct sok_addr a;
    memcpy(a.b, addr, 16);
    bool same =
        (!n->has_addr || sok_addr_in(a, n->addr, n->prefix)) && (!n->has_port || n->number == port);
    return same == (n->compare == IS);
}

static bool holds(const struct sok_ss_filter *f, int i, const struct sok_row *row)
{
    const struct node *n = &f->nodes[i];
    switch ((enum op)n->op) {
    case OP_OR:
        return holds(f, n->left, row) || holds(f, n->right, row);
    case OP_AND:
        return holds(f, n->left, row) && holds(f, n->right, row);
    case OP_NOT:
        return !holds(f, n->left, row);
    case OP_SRC:
        return host_is(n, row->local, row->local_port);
    case OP_DST:
        return host_is(n, row->remote, row->remote_port);
    case OP_SPORT:
        return compares((enum compare)n->compare, row->local_port, n->number);
    case OP_DPORT:
        return compares((enum compare)n->compare, row->remote_port, n->number);
    case OP_ID:
        return compares((enum compare)n->compare, row->id, n->number);
    }
    return false;
}

bool sok_ss_filter_takes(const struct sok_ss_filter *f, const struct sok_row *row)
{
    return !f || holds(f, f->root, row);
}
