// Prints each packet of a recording as one line (or as a tree), read by our own reader.
//   golden_lines FILE [tree]
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "pcapng/reader.h"
#include "wire/show.h"

int main(int argc, char **argv)
{
    static char text[1 << 20];
    struct sok_mem mem = sok_mem_libc();
    struct sok_pcapng_reader r;
    struct sok_pcapng_record rec;
    int fd = argc > 1 ? open(argv[1], O_RDONLY) : -1;
    if (fd < 0) {
        fprintf(stderr, "golden_lines: cannot read %s\n", argc > 1 ? argv[1] : "(no file given)");
        return 2;
    }
    bool tree = argc > 2 && strcmp(argv[2], "tree") == 0;
    sok_pcapng_reader_init(&r, &mem, sok_pcapng_source_fd(fd));
    int n;
    while ((n = sok_pcapng_next(&r, &rec)) > 0) {
        if (rec.kind != SOK_PCAPNG_IS_PACKET)
            continue;
        if (tree)
            sok_show_tree(text, sizeof(text), rec.data, rec.len);
        else
            sok_show_line(text, sizeof(text), rec.data, rec.len);
        puts(text);
    }
    if (n < 0)
        fprintf(stderr, "golden_lines: %s: %s\n", argv[1], r.why);
    sok_pcapng_reader_free(&r);
    close(fd);
    return n < 0;
}
