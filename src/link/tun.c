// A TUN device: IP packets without Ethernet between us and the kernel. There is nobody to ask for and no
// MAC address; what the kernel routes into the device is for us. The device itself is tap.c's.
#include <string.h>
#include "link/internal.h"

int sok_link_tun(
    const struct sok_mem *mem, const struct sok_tap_options *o, struct sok_link **out, char *err)
{
    static const uint8_t none[6];
    if (memcmp(o->mac, none, 6) != 0)
        return sok_link_fail(err, SOK_EINVAL, "a TUN has no MAC address (a TAP has: --link tap)");
    return sok_link_tun_device(mem, o, true, out, err);
}
