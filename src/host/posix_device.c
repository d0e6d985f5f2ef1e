// Interfaces as programs see them, for the links of the host: lo is the link to itself, the others are eth0, eth1 and so
// on (tun0 and so on without Ethernet), in their order; their numbers are those of the links + 1. And SO_BINDTODEVICE and SO_BINDTOIFINDEX
// (socket(7)) with these.
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "host/host.h"
#include "host/posix.h"

void sok_posix_link_name(int link, const struct sok_packet_link *about, char out[IFNAMSIZ])
{
    if (link == 0)
        snprintf(out, IFNAMSIZ, "lo");
    else
        snprintf(out, IFNAMSIZ, "%s%d", about->ethernet ? "eth" : "tun", link - 1);
}

int sok_posix_link_find(const struct sok_host *host, const char *name)
{
    struct sok_packet_link about;
    for (int link = 0; sok_packet_link(host, link, &about) == 0; link++) {
        char here[IFNAMSIZ];
        const char *own = strchr(about.name, ':');
        sok_posix_link_name(link, &about, here);
        if (strcmp(here, name) == 0 || (own && strcmp(own + 1, name) == 0))
            return link;
    }
    return -ENODEV;
}

// A name that is too long is cut, one without an end has it where the value ends; nothing is no device.
static int set_name(struct sok_socket *s, const uint8_t *bytes, uint32_t len)
{
    char name[IFNAMSIZ] = "";
    if (len > INT32_MAX)
        return -EINVAL;
    if (len > 0) // bytes may be NULL then
        memcpy(name, bytes, len < sizeof(name) - 1 ? len : sizeof(name) - 1);
    int link = name[0] ? sok_posix_link_find(s->host, name) : -1;
    if (name[0] && link < 0)
        return link;
    return -sok_errno(sok_setsockopt(s, SOK_OPT_BINDTODEVICE, link));
}

// Whether there is such an interface is not asked, as in Linux: then there is no way from the socket to anywhere.
static int set_index(struct sok_socket *s, const uint8_t *bytes, uint32_t len)
{
    int32_t index;
    if (len < sizeof(index))
        return -EINVAL;
    memcpy(&index, bytes, sizeof(index));
    if (index < 0)
        return -EINVAL;
    return -sok_errno(sok_setsockopt(s, SOK_OPT_BINDTODEVICE, (int64_t)index - 1));
}

int sok_posix_device_set(
    struct sok_socket *s, int level, int name, const uint8_t *bytes, uint32_t len)
{
    if (level == SOL_SOCKET && name == SO_BINDTODEVICE)
        return set_name(s, bytes, len);
    if (level == SOL_SOCKET && name == SO_BINDTOIFINDEX)
        return set_index(s, bytes, len);
    return -ENOPROTOOPT;
}

static int get_name(const struct sok_socket *s, int link, uint8_t *out, uint32_t want)
{
    struct sok_packet_link about;
    char name[IFNAMSIZ] = "";
    if (link < 0)
        return 0;
    if (want < sizeof(name))
        return -EINVAL;
    if (sok_packet_link(s->host, link, &about) < 0)
        return -ENODEV;
    sok_posix_link_name(link, &about, name);
    size_t len = strlen(name) + 1;
    memcpy(out, name, len);
    return (int)len;
}

int sok_posix_device_get(struct sok_socket *s, int level, int name, uint8_t *out, uint32_t want)
{
    int64_t link = -1;
    if (level != SOL_SOCKET || (name != SO_BINDTODEVICE && name != SO_BINDTOIFINDEX))
        return -ENOPROTOOPT;
    if (s)
        sok_getsockopt(s, SOK_OPT_BINDTODEVICE, &link);
    if (name == SO_BINDTODEVICE)
        return get_name(s, (int)link, out, want);
    int32_t index = (int32_t)(link + 1);
    uint32_t n = want < sizeof(index) ? want : (uint32_t)sizeof(index);
    memcpy(out, &index, n);
    return (int)n;
}
