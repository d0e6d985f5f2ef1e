#include "host/hosts.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define FILE_MAX (1 << 20)

void sok_hosts_free(struct sok_hosts *h)
{
    free(h->text);
    h->text = NULL;
}

void sok_hosts_read(struct sok_hosts *h, const char *path)
{
    sok_hosts_free(h);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return;
    size_t room = 4096, len = 0;
    ssize_t n = 0;
    char *text = malloc(room);
    while (text && (n = read(fd, text + len, room - len - 1)) > 0) {
        len += (size_t)n;
        if (len + 1 < room)
            continue;
        char *more = room < FILE_MAX ? realloc(text, 2 * room) : NULL;
        if (!more)
            break;
        text = more;
        room *= 2;
    }
    close(fd);
    if (text)
        text[len] = '\0';
    h->text = text;
}

// ---- lines ----

// The next word of a line; its length, 0: the line is over.
static size_t word(const char **at)
{
    *at += strspn(*at, " \t\r\f\v");
    return strcspn(*at, " \t\r\f\v#\n");
}

static bool word_is(const char *at, size_t len, const char *name)
{
    return strlen(name) == len && strncasecmp(at, name, len) == 0;
}

static bool copy_word(const char *at, size_t len, char *out, size_t size)
{
    if (len >= size)
        return false;
    memcpy(out, at, len);
    out[len] = '\0';
    return true;
}

// The address a line begins with, and `at` behind it.
static bool line_addr(const char **at, struct sok_addr *out)
{
    char text[SOK_ADDR_TEXT_MAX];
    size_t len = word(at);
    bool ok = len > 0 && copy_word(*at, len, text, sizeof(text)) && sok_addr_parse(text, out);
    *at += len;
    return ok;
}

static const char *next_line(const char *at)
{
    const char *end = strchr(at, '\n');
    return end ? end + 1 : NULL;
}

// ---- questions ----

unsigned sok_hosts_find(const struct sok_hosts *h, const char *name, unsigned family,
    struct sok_addr *out, unsigned room, char canonical[SOK_NAME_MAX])
{
    unsigned count = 0;
    for (const char *line = h->text; line && count < room; line = next_line(line)) {
        const char *at = line;
        struct sok_addr addr;
        if (!line_addr(&at, &addr) || (family && (family == 4) != sok_addr_is_v4(addr)))
            continue;
        size_t len = word(&at), first_len = len;
        for (const char *first = at; len > 0; len = word(&at)) {
            if (word_is(at, len, name)) {
                if (count == 0 && !copy_word(first, first_len, canonical, SOK_NAME_MAX))
                    break;
                out[count++] = addr;
                break;
            }
            at += len;
        }
    }
    return count;
}

bool sok_hosts_name(const struct sok_hosts *h, struct sok_addr addr, char name[SOK_NAME_MAX])
{
    for (const char *line = h->text; line; line = next_line(line)) {
        const char *at = line;
        struct sok_addr of;
        if (!line_addr(&at, &of) || !sok_addr_eq(of, addr))
            continue;
        size_t len = word(&at);
        if (len > 0 && copy_word(at, len, name, SOK_NAME_MAX))
            return true;
    }
    return false;
}
