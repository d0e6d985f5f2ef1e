#include "capture/late.h"
#include <dlfcn.h>
#include <stdio.h>

bool sok_late_load(const char *library, const char *package, const struct sok_late_call *calls,
    size_t count, void *table, char *line, size_t size)
{
    void *opened = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
    if (!opened) {
        snprintf(
            line, size, "%s does not load: %.150s (apt install %s)", library, dlerror(), package);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        void **slot = (void **)(void *)((char *)table + calls[i].at);
        *slot = dlsym(opened, calls[i].name);
        if (!*slot) {
            snprintf(line, size, "%s is too old: it has no %s()", library, calls[i].name);
            return false;
        }
    }
    return true;
}
