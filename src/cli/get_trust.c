// The certificates to trust, read before the process is confined; libcurl would open the file when it
// connects.
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/get.h"

#define TRUSTED_MAX (16 << 20)

// Not for a page that comes without TLS, and leads nowhere else. Without the file libcurl is left to say, when it comes to it, that it is not there.
void sok_get_trust_read(struct sok_get *g)
{
    bool needed = !g->insecure && (g->follow || strncmp(g->url, "http://", 7) != 0);
    const char *path = g->cacert ? g->cacert : curl_version_info(CURLVERSION_NOW)->cainfo;
    struct stat st;
    int fd = path && needed ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size <= TRUSTED_MAX) {
        size_t size = (size_t)st.st_size;
        char *text = malloc(size);
        if (text && read(fd, text, size) == st.st_size)
            g->trusted = (struct curl_blob){text, size, CURL_BLOB_NOCOPY};
        else
            free(text);
    }
    close(fd);
}

void sok_get_trust_free(struct sok_get *g)
{
    free(g->trusted.data);
    g->trusted.data = NULL;
}
