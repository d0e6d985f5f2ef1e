// A drill over IPv4 as one over IPv6. The text is rewritten, so that what fails is shown as it was played, and the timeline
// is a drill again. Addresses go below 2001:db8::/96 with the prefixes' lengths; links carry 20 bytes more, so that
// segments are as long as they were; ICMP becomes ICMPv6, with its names.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "host/drill_internal.h"

#define MORE (DRILL_MTU_V6 - 1500) // bytes that the header of IPv6 is longer

static const struct {
    const char *from, *to;
} words[] = {
    {"ICMP fragmentation needed", "ICMP6 packet too big"},
    {"ICMP net unreachable", "ICMP6 no route"},
    {"ICMP host unreachable", "ICMP6 address unreachable"},
    {"ICMP protocol unreachable", "ICMP6 unknown next header"},
    {"ICMP", "ICMP6"},
};

// A dotted quad at p: its length, and the address; else 0.
static size_t quad(const char *p, struct sok_addr *out)
{
    char text[16];
    size_t n = strspn(p, "0123456789.");
    if (n < 7 || n >= sizeof text)
        return 0;
    memcpy(text, p, n);
    text[n] = 0;
    return sok_addr_parse(text, out) && sok_addr_is_v4(*out) ? n : 0;
}

static size_t put_addr(FILE *f, const char *p)
{
    struct sok_addr a;
    char text[SOK_ADDR_TEXT_MAX];
    size_t n = quad(p, &a);
    if (!n)
        return 0;
    if (sok_addr_is_any(a)) {
        memset(a.b, 0, sizeof a.b);
    } else {
        static const uint8_t net[12] = {0x20, 0x01, 0x0d, 0xb8};
        memcpy(a.b, net, sizeof net);
    }
    sok_addr_format(a, text);
    if (p[n] == ':')
        fprintf(f, "[%s]", text);
    else
        fprintf(f, "%s", text);
    if (p[n] == '/') {
        char *end;
        fprintf(f, "/%lu", 96 + strtoul(p + n + 1, &end, 10));
        n = (size_t)(end - p);
    }
    return n;
}

// A number behind a word, with 20 bytes more. Gives what of the text that is.
static size_t put_more(FILE *f, const char *p, const char *word)
{
    size_t n = strlen(word);
    if (strncmp(p, word, n) != 0 || !isdigit((unsigned char)p[n]))
        return 0;
    char *end;
    fprintf(f, "%s%lu", word, strtoul(p + n, &end, 10) + MORE);
    return (size_t)(end - p);
}

static size_t put_word(FILE *f, const char *p)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = 0, at = 0;
        // One space of ours is any number of the text's.
        for (; words[i].from[n]; n++) {
            if (p[at] != words[i].from[n])
                break;
            at++;
            while (words[i].from[n] == ' ' && p[at] == ' ')
                at++;
        }
        if (!words[i].from[n] && !isalnum((unsigned char)p[at])) {
            fputs(words[i].to, f);
            return at;
        }
    }
    return 0;
}

// Fields that IPv6 has not.
static size_t skip_word(const char *p)
{
    return strncmp(p, "df 0", 4) == 0 || strncmp(p, "df 1", 4) == 0 ? 4 : 0;
}

// Who says no MSS takes 536 bytes over IPv4, and 1220 over IPv6 (RFC 9293 section 3.7.1): so a peer's SYN says it.
static bool needs_mss(const char *line)
{
    const char *in = strstr(line, "in "), *syn = strstr(line, "SYN");
    return in && syn && in < syn && !strstr(line, "mss ") && !strstr(line, "options ") &&
           !strstr(line, "call") && !strstr(line, "out ");
}

static void put_line(FILE *f, const char *line)
{
    bool quoted = false, mtu = strstr(line, "link ") || strstr(line, "ICMP"), mss = needs_mss(line);
    char before = ' ';
    for (const char *p = line; *p;) {
        size_t n = 0;
        if (*p == '"' && before != '\\')
            quoted = !quoted;
        if (*p == '#' && !quoted && isspace((unsigned char)before)) {
            fputs(p, f);
            break;
        }
        bool begins = !quoted && isspace((unsigned char)before);
        if (begins)
            n = put_addr(f, p);
        if (!n && begins)
            n = put_word(f, p);
        if (!n && begins && mtu)
            n = put_more(f, p, "mtu ");
        if (!n && begins)
            n = skip_word(p);
        if (!n && begins && mss && strncmp(p, "SYN", 3) == 0) {
            n = strcspn(p, " ");
            fprintf(f, "%.*s mss 536", (int)n, p);
            mss = false;
        }
        if (!n)
            fputc(p[n++], f);
        before = p[n - 1];
        p += n;
    }
    if (strncmp(line, "link ", 5) == 0 && !strstr(line, "mtu "))
        fprintf(f, " mtu %u", DRILL_MTU_V6);
    fputc('\n', f);
}

char *sok_drill_to_v6(const char *text)
{
    char *out = NULL, *copy = strdup(text);
    size_t len = 0;
    FILE *f = copy ? open_memstream(&out, &len) : NULL;
    if (!f) {
        free(copy);
        return NULL;
    }
    for (char *p = copy, *next; p; p = next) {
        next = strchr(p, '\n');
        if (next)
            *next++ = 0;
        put_line(f, p);
    }
    free(copy);
    return fclose(f) == 0 ? out : NULL;
}

unsigned sok_drill_family(const char *text, const char **why)
{
    static const char word[] = "# family: ";
    *why = "";
    for (const char *p = text; p && *p == '#'; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
        if (strncmp(p, word, sizeof word - 1) != 0)
            continue;
        p += sizeof word - 1;
        *why = p + 1 + strspn(p + 1, " ");
        return *p == '4' ? 4 : *p == '6' ? 6 : 0;
    }
    return 0;
}
