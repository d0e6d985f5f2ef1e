// Ports as typed, and what they are called in /etc/services.
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include "cli/nc.h"

// One number; 0 after a message.
static uint16_t take_number(const char *text, size_t len, const char *whole, int *code)
{
    char word[8];
    uint64_t n = 0;
    if (len == 0 || strspn(text, "0123456789") < len) {
        *code = sok_cli_usage(&sok_cmd_nc, "port number invalid: %s", whole);
        return 0;
    }
    if (len < sizeof(word)) {
        memcpy(word, text, len);
        word[len] = '\0';
        if (sok_cli_number(word, 0, 65535, &n) && n > 0)
            return (uint16_t)n;
    }
    bool small = len < sizeof(word) && strspn(text, "0") == len;
    *code = sok_cli_usage(
        &sok_cmd_nc, "port number too %s: %s (1 to 65535)", small ? "small" : "large", whole);
    return 0;
}

int sok_nc_take_port(struct sok_nc *nc, const char *text)
{
    int code = 0;
    const char *dash = strchr(text, '-');
    // A service may have a dash, too: "http-alt".
    struct servent *s = nc->numeric || strspn(text, "0123456789-") == strlen(text)
                            ? NULL
                            : getservbyname(text, nc->udp ? "udp" : "tcp");
    if (s) {
        nc->port = nc->port_last = ntohs((uint16_t)s->s_port);
        return 0;
    }
    if (dash && nc->listen)
        return sok_cli_usage(&sok_cmd_nc, "port number invalid: %s (-l is for one)", text);
    nc->port = take_number(text, dash ? (size_t)(dash - text) : strlen(text), text, &code);
    nc->port_last = nc->port;
    if (code == 0 && dash)
        nc->port_last = take_number(dash + 1, strlen(dash + 1), text, &code);
    if (nc->port_last < nc->port) {
        uint16_t first = nc->port_last;
        nc->port_last = nc->port;
        nc->port = first;
    }
    return code;
}

// All at once, while files may still be read. Without memory they are just not named.
void sok_nc_services_read(struct sok_nc *nc)
{
    size_t room = 0;
    struct servent *s;
    if (!nc->verbose || nc->numeric || nc->local_path)
        return;
    setservent(0);
    while ((s = getservent())) {
        if (strcmp(s->s_proto, nc->udp ? "udp" : "tcp") != 0 ||
            strlen(s->s_name) >= sizeof(nc->services->name))
            continue;
        if (nc->service_count == room) {
            room = room ? 2 * room : 64;
            struct sok_nc_service *more = realloc(nc->services, room * sizeof(*more));
            if (!more)
                break;
            nc->services = more;
        }
        struct sok_nc_service *row = &nc->services[nc->service_count++];
        row->port = ntohs((uint16_t)s->s_port);
        strcpy(row->name, s->s_name);
    }
    endservent();
}

const char *sok_nc_service(const struct sok_nc *nc, uint16_t port)
{
    for (size_t i = 0; i < nc->service_count; i++)
        if (nc->services[i].port == port)
            return nc->services[i].name;
    return "*";
}
