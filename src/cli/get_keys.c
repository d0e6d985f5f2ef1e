// With SSLKEYLOGFILE set, libcurl's TLS appends its keys to that file; those of this run also go into the
// recording, so that Wireshark needs nothing but it.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/get.h"
#include "host/host.h"

#define KEYS_MAX (1 << 20)

// libcurl has opened the file, and so made it, when it was initialized.
void sok_get_keys_open(struct sok_get *g)
{
    struct stat st;
    const char *path = getenv("SSLKEYLOGFILE");
    g->keys_fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    g->keys_from = g->keys_fd >= 0 && fstat(g->keys_fd, &st) == 0 ? st.st_size : 0;
}

void sok_get_keys_end(struct sok_get *g)
{
    struct stat st;
    int fd = g->keys_fd;
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > g->keys_from) {
        off_t size = st.st_size - g->keys_from;
        size_t len = size < KEYS_MAX ? (size_t)size : KEYS_MAX;
        char *text = malloc(len);
        if (text && pread(fd, text, len, g->keys_from) == (ssize_t)len)
            sok_host_keys(g->host, text, len);
        free(text);
    }
    close(fd);
    g->keys_fd = -1;
}
