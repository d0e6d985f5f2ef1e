#include "host/names_files.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_MS 1500 // of the first question; doubled for each round
#define TRIES      3
#define HOSTS      "/etc/hosts"
// Where systemd-resolved keeps the servers behind its 127.0.0.53.
#define RESOLVED_CONF "/run/systemd/resolve/resolv.conf"

// Its zone is not known any more.
static bool is_of_link(struct sok_addr a)
{
    return a.b[0] == 0xfe && (a.b[1] & 0xc0) == 0x80;
}

// The channel's own servers (from resolv.conf) that are no loopback addresses: those are the kernel's.
static void usable_servers(
    ares_channel channel, char out[SOK_NAMES_SERVERS_TEXT], char left_out[SOK_NAMES_SERVERS_TEXT])
{
    struct ares_addr_port_node *list = NULL;
    out[0] = left_out[0] = '\0';
    if (ares_get_servers_ports(channel, &list) != ARES_SUCCESS)
        return;
    for (const struct ares_addr_port_node *s = list; s; s = s->next) {
        char text[INET6_ADDRSTRLEN];
        const void *addr = s->family == AF_INET ? (const void *)&s->addr.addr4 : &s->addr.addr6;
        inet_ntop(s->family, addr, text, sizeof(text));
        struct sok_addr parsed;
        bool usable = sok_addr_parse(text, &parsed) && !is_of_link(parsed) &&
                      !sok_addr_is_loopback(parsed) && !sok_addr_is_any(parsed);
        char *to = usable ? out : left_out;
        size_t used = strlen(to);
        snprintf(to + used, SOK_NAMES_SERVERS_TEXT - used, "%s%s", used ? "," : "", text);
    }
    ares_free_data(list);
}

static void forget(struct sok_names_files *f)
{
    if (f->read)
        ares_destroy_options(&f->options);
    f->read = false;
}

static int read_options(
    struct sok_names_files *f, const char *resolv_conf, char left_out[SOK_NAMES_SERVERS_TEXT])
{
    char path[sizeof(RESOLVED_CONF)];
    struct ares_options o = {.flags = ARES_FLAG_NOALIASES, .timeout = TIMEOUT_MS, .tries = TRIES};
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES;
    ares_channel channel;
    if (resolv_conf) {
        snprintf(path, sizeof(path), "%s", resolv_conf);
        o.resolvconf_path = path;
        mask |= ARES_OPT_RESOLVCONF;
    }
    forget(f);
    if (ares_init_options(&channel, &o, mask) != ARES_SUCCESS)
        return SOK_ENOMEM;
    f->read = ares_save_options(channel, &f->options, &f->mask) == ARES_SUCCESS;
    usable_servers(channel, f->servers, left_out);
    ares_destroy(channel);
    return f->read ? 0 : SOK_ENOMEM;
}

int sok_names_files_read(struct sok_names_files *f)
{
    char ignored[SOK_NAMES_SERVERS_TEXT];
    if (f->kept)
        return 0;
    int r = read_options(f, NULL, f->left_out);
    if (r == 0 && !f->servers[0] && access(RESOLVED_CONF, R_OK) == 0)
        r = read_options(f, RESOLVED_CONF, ignored);
    if (r == 0)
        f->hosts_count = f->options.lookups && strchr(f->options.lookups, 'f');
    return r;
}

void sok_names_files_hosts(struct sok_names_files *f)
{
    if (f->kept)
        return;
    sok_hosts_free(&f->hosts);
    if (f->hosts_count)
        sok_hosts_read(&f->hosts, HOSTS);
}

void sok_names_files_free(struct sok_names_files *f)
{
    forget(f);
    sok_hosts_free(&f->hosts);
}
