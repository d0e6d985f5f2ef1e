// --host NAME: the sockets of a host that is up (sockeye up). A command that talks runs itself once more, over
// the kernel's sockets (--kernel), with the library before it that makes them the host's.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/run.h"

#define NAMES_MAX 200

static int add_name(void *ctx, const char *name, const char *door)
{
    char *list = ctx;
    (void)door;
    if (strlen(list) + strlen(name) + 3 < NAMES_MAX) {
        strcat(list, *list ? ", " : "");
        strcat(list, name);
    }
    return 0;
}

int sok_join_door(const char *name, char door[SOK_PLACE_MAX])
{
    char names[NAMES_MAX] = "";
    int fd = sok_place_door(name, door);
    if (fd == 0)
        fd = sok_place_connect(door);
    if (fd >= 0) {
        close(fd);
        return 0;
    }
    if (fd == -EACCES || fd == -EPERM)
        return sok_cli_fail(SOK_EXIT_USAGE, "the host %s is another user's (%s)", name, door);
    if (fd == -ECONNREFUSED)
        return sok_cli_fail(SOK_EXIT_USAGE, "the host %s is not up any more", name);
    sok_place_each(add_name, names);
    return sok_cli_fail(SOK_EXIT_USAGE, "no host %s is up (%s%s)", name,
        *names ? "there are: " : "sockeye up ", *names ? names : name);
}

// The words without --host NAME and with --kernel.
static void other_words(int argc, char **argv, char **out)
{
    unsigned count = 0;
    out[count++] = (char *)(uintptr_t) "sockeye";
    out[count++] = argv[0];
    out[count++] = (char *)(uintptr_t) "--kernel";
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--host") == 0)
            i++;
        else if (strncmp(argv[i], "--host=", 7) != 0)
            out[count++] = argv[i];
    }
    out[count] = NULL;
}

int sok_join_command(int argc, char **argv, const char *name)
{
    char door[SOK_PLACE_MAX];
    char **words = calloc((size_t)argc + 4, sizeof(*words));
    int code = words ? sok_join_door(name, door) : sok_cli_fail(1, "no memory");
    if (code == 0)
        code = sok_run_environment(door);
    if (code == 0) {
        other_words(argc, argv, words);
        execv("/proc/self/exe", words);
        code = sok_cli_fail(1, "sockeye cannot be run: %s", strerror(errno));
    }
    free(words);
    return code;
}
