// The stack's own table of settings. Names that are not in it are TCP's.
#include "base/str.h"
#include "stack/stack.h"

static const struct sok_setting settings[] = {
#define SOK_X(name, unit, def, min, max, help)                                                     \
    {#name, unit, def, min, max, help, offsetof(struct sok_stack_config, name)},
    SOK_STACK_SETTINGS(SOK_X) SOK_STACK_ADDR_SETTINGS(SOK_X) SOK_STACK_GROUP_SETTINGS(SOK_X)
        SOK_STACK_AUTO_SETTINGS(SOK_X) SOK_STACK_ND_SETTINGS(SOK_X)
#undef SOK_X
};
#define SETTINGS_COUNT (sizeof(settings) / sizeof(settings[0]))

const struct sok_setting *sok_stack_settings(size_t *count)
{
    *count = SETTINGS_COUNT;
    return settings;
}

void sok_stack_config_default(struct sok_stack_config *config)
{
    *config = (struct sok_stack_config){.size = sizeof(*config),
        .mem = sok_mem_default(),
#define SOK_X(name, unit, def, min, max, help) .name = def,
        SOK_STACK_SETTINGS(SOK_X) SOK_STACK_ADDR_SETTINGS(SOK_X) SOK_STACK_GROUP_SETTINGS(SOK_X)
            SOK_STACK_AUTO_SETTINGS(SOK_X) SOK_STACK_ND_SETTINGS(SOK_X)
#undef SOK_X
    };
    sok_tcp_config_default(&config->tcp);
}

const char *sok_stack_config_set(
    struct sok_stack_config *config, const char *name, const char *value)
{
    for (size_t i = 0; i < SETTINGS_COUNT; i++)
        if (sok_str_eq(name, settings[i].name))
            return sok_setting_set(settings, SETTINGS_COUNT, config, name, value);
    return sok_tcp_config_set(&config->tcp, name, value);
}
