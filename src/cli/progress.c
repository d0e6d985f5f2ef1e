#include "cli/progress.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DRAW_EVERY_NS INT64_C(100000000)
#define BAR_MAX       60

void sok_progress_begin(struct sok_progress *p, bool wanted, int64_t now)
{
    const char *term = getenv("TERM");
    *p = (struct sok_progress){
        .on = wanted && isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0,
        .started = now,
        .drawn = now,
    };
}

static const char *amount(double bytes, char out[16])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    unsigned u = 0;
    for (; bytes >= 1000 && u < 4; u++)
        bytes /= 1000;
    snprintf(out, 16, bytes < 10 && u > 0 ? "%.1f %s" : "%.0f %s", bytes, units[u]);
    return out;
}

static unsigned columns(void)
{
    struct winsize ws;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0 ? ws.ws_col : 80;
}

static void draw(struct sok_progress *p, int64_t now)
{
    char done[16], speed[16], line[256];
    double seconds = (double)(now - p->started) / 1e9;
    amount((double)p->bytes, done);
    amount(seconds > 0 ? (double)p->bytes / seconds : 0, speed);
    unsigned width = columns();
    int used = p->total > 0 ? snprintf(line, sizeof(line), " %3d%%  %s  %s/s",
                                  (int)(100 * p->bytes / p->total), done, speed)
                            : snprintf(line, sizeof(line), " %s  %s/s", done, speed);
    unsigned bar = width > (unsigned)used + 4 ? width - (unsigned)used - 4 : 0;
    if (bar > BAR_MAX)
        bar = BAR_MAX;
    if (p->total <= 0 || bar < 5) {
        fprintf(stderr, "\r%.*s\033[K", (int)(width > 1 ? width - 1 : 1), line + 1);
    } else {
        int full = (int)((double)bar * (double)p->bytes / (double)p->total);
        char marks[BAR_MAX + 1];
        memset(marks, '#', BAR_MAX);
        fprintf(stderr, "\r[%.*s%*s]%s\033[K", full, marks, (int)bar - full, "", line);
    }
    fflush(stderr);
    p->shown = true;
    p->drawn = now;
}

void sok_progress_show(struct sok_progress *p, int64_t bytes, int64_t total, int64_t now)
{
    p->bytes = bytes;
    p->total = total;
    if (p->on && now - p->drawn >= DRAW_EVERY_NS)
        draw(p, now);
}

void sok_progress_end(struct sok_progress *p)
{
    if (p->shown) {
        if (p->bytes == p->total)
            draw(p, p->drawn > p->started ? p->drawn : p->started + 1);
        fputc('\n', stderr);
    }
    p->shown = false;
}
