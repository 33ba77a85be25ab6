#include "lib/transfer/progress.h"

#include <stdio.h>
#include <unistd.h>

enum { BAR_WIDTH = 24, SILENT_MS = 1000, REDRAW_MS = 100, MOST_LEFT = 99 * 3600 };

struct progress progress_start(const char *label, uint64_t total)
{
    return (struct progress){.label = label, .total = total, .started = clock_monotonic(), .visible = isatty(STDERR_FILENO) == 1};
}

static void human_size(char *text, size_t size, double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    int unit = 0;
    for (; bytes >= 1000 && unit < 4; unit++) bytes /= 1000;
    snprintf(text, size, unit > 0 && bytes < 10 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

static void draw_bar(char bar[BAR_WIDTH + 1], double share)
{
    int full = (int)(share * BAR_WIDTH);
    for (int i = 0; i < BAR_WIDTH; i++) bar[i] = i < full ? '=' : i == full ? '>' : ' ';
    bar[BAR_WIDTH] = 0;
}

static void draw(const struct progress *progress, int64_t elapsed)
{
    char done[16], total[16], speed[16], bar[BAR_WIDTH + 1];
    double rate = (double)(progress->done - progress->before) * CLOCK_SECOND / (double)elapsed;
    human_size(done, sizeof done, (double)progress->done);
    human_size(speed, sizeof speed, rate);
    if (progress->total == 0) {
        fprintf(stderr, "\r%s  %s  %s/s \033[K", progress->label, done, speed);
        return;
    }
    double share = (double)progress->done / (double)progress->total;
    double seconds = rate > 0 ? (double)(progress->total - progress->done) / rate : 0;
    long left = seconds < MOST_LEFT ? (long)seconds : MOST_LEFT;
    human_size(total, sizeof total, (double)progress->total);
    draw_bar(bar, share);
    fprintf(stderr, "\r%s  [%s] %3.0f %%  %s of %s  %s/s  %ld:%02ld left \033[K", progress->label, bar, share * 100, done, total, speed,
            left / 60, left % 60);
}

void progress_add(struct progress *progress, uint64_t bytes)
{
    progress->done += bytes;
    if (progress->total > 0 && progress->done > progress->total) progress->done = progress->total;
    if (progress->report) {
        progress->report(progress);
        return;
    }
    int64_t now = clock_monotonic();
    if (!progress->visible || now - progress->started < SILENT_MS || now - progress->drawn < REDRAW_MS) return;
    progress->drawn = now;
    draw(progress, now - progress->started);
}

void progress_end(struct progress *progress)
{
    if (progress->drawn) fputs("\r\033[K", stderr);
}
