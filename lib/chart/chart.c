#include "lib/chart/chart.h"

#include <math.h>

#include "base/buf.h"

/* Pixels of the whole, and of the plot within it. */
enum { WIDTH = 960, HEIGHT = 480, LEFT = 76, RIGHT = 24, TOP = 112, BOTTOM = 58 };
enum { SVG_LIMIT = 8 << 20, LEGEND_ROW = 20, CHARACTER = 7, NAME_ROW = 13, NAME_MOST = 280 };

/* Told apart also by those who do not see red and green (Okabe and Ito). */
static const char *const colours[CHART_SERIES_MAXIMUM] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                          "#56b4e9", "#e69f00", "#555555", "#b59f00"};

struct frame {
    struct buf *out;
    double x_least, x_most, y_most;
};

static double place_x(const struct frame *frame, double x)
{
    return LEFT + (x - frame->x_least) / (frame->x_most - frame->x_least) * (WIDTH - LEFT - RIGHT);
}

static double place_y(const struct frame *frame, double y)
{
    return HEIGHT - BOTTOM - y / frame->y_most * (HEIGHT - TOP - BOTTOM);
}

static void add_escaped(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.length; i++) {
        switch (text.data[i]) {
        case '<': buf_add(out, S("&lt;")); break;
        case '>': buf_add(out, S("&gt;")); break;
        case '&': buf_add(out, S("&amp;")); break;
        case '"': buf_add(out, S("&quot;")); break;
        default: buf_add_byte(out, (unsigned char)text.data[i] < 0x20 ? ' ' : text.data[i]);
        }
    }
}

static void add_text(struct buf *out, double x, double y, const char *attributes, struct str text)
{
    if (text.length == 0) return;
    buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\"%s%s>", x, y, *attributes ? " " : "", attributes);
    add_escaped(out, text);
    buf_add(out, S("</text>\n"));
}

static void add_line(struct buf *out, double x1, double y1, double x2, double y2, const char *class)
{
    buf_printf(out, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", class, x1, y1, x2, y2);
}

/* 1, 2 or 5 times a power of ten, so that about `count` of them make `span`. */
static double round_step(double span, int count)
{
    double least = span / count, power = pow(10, floor(log10(least)));
    double digit = least / power;
    return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
}

static struct frame measure(struct buf *out, const struct chart *chart)
{
    struct frame frame = {.out = out, .x_least = INFINITY, .x_most = -INFINITY, .y_most = chart->y_most};
    double highest = 0;
    for (size_t s = 0; s < chart->series_count; s++)
        for (size_t i = 0; i < chart->series[s].count; i++) {
            frame.x_least = fmin(frame.x_least, chart->series[s].x[i]);
            frame.x_most = fmax(frame.x_most, chart->series[s].x[i]);
            highest = fmax(highest, chart->series[s].y[i]);
        }
    if (!(frame.x_most > frame.x_least)) frame = (struct frame){.out = out, .x_most = 1, .y_most = chart->y_most};
    if (frame.y_most <= 0 && highest > 0) frame.y_most = ceil(highest / round_step(highest, 5)) * round_step(highest, 5);
    if (frame.y_most <= 0) frame.y_most = 1;
    return frame;
}

static void add_y_axis(const struct frame *frame, struct arena *arena, struct str title)
{
    double step = round_step(frame->y_most, 6);
    for (int i = 0; i * step <= frame->y_most * 1.0001; i++) {
        double y = place_y(frame, i * step);
        add_line(frame->out, LEFT, y, WIDTH - RIGHT, y, i ? "grid" : "axis");
        add_text(frame->out, LEFT - 8, y + 4, "text-anchor=\"end\"", arena_printf(arena, "%g", i * step));
    }
    buf_printf(frame->out, "<g transform=\"translate(18 %d) rotate(-90)\">", (TOP + HEIGHT - BOTTOM) / 2);
    add_text(frame->out, 0, 0, "text-anchor=\"middle\"", title);
    buf_add(frame->out, S("</g>\n"));
}

static void add_x_tick(const struct frame *frame, struct chart_tick tick)
{
    double x = place_x(frame, tick.at);
    add_line(frame->out, x, HEIGHT - BOTTOM, x, HEIGHT - BOTTOM + 5, "axis");
    add_text(frame->out, x, HEIGHT - BOTTOM + 19, "text-anchor=\"middle\"", tick.label);
}

static void add_x_axis(const struct frame *frame, struct arena *arena, const struct chart *chart)
{
    double step = round_step(frame->x_most - frame->x_least, 8), first = ceil(frame->x_least / step) * step;
    for (size_t i = 0; i < chart->x_tick_count; i++) add_x_tick(frame, chart->x_ticks[i]);
    for (int i = 0; !chart->x_ticks && first + i * step <= frame->x_most * 1.0001; i++)
        add_x_tick(frame, (struct chart_tick){first + i * step, arena_printf(arena, "%g", first + i * step)});
    add_text(frame->out, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 12, "text-anchor=\"middle\"", chart->x_title);
}

static void add_points(const struct frame *frame, const struct chart_series *series)
{
    for (size_t i = 0; i < series->count; i++)
        buf_printf(frame->out, "%s%.1f,%.1f", i ? " " : "", place_x(frame, series->x[i]), place_y(frame, series->y[i]));
}

struct spot {
    double x, y;
};

/* The height at or below the dot's where no name of an earlier dot nearby stands. */
static double free_row(const struct spot *names, size_t count, struct spot dot)
{
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < count; i++) {
            if (fabs(names[i].x - dot.x) > NAME_MOST || fabs(names[i].y - dot.y) >= NAME_ROW - 0.5) continue; /* sums are rounded */
            dot.y = names[i].y + NAME_ROW;
            moved = true;
        }
    }
    return dot.y;
}

/* Names to the left of dots in the right half, so that they stay in the picture; a line leads to one that had to give way. */
static void add_dots(const struct frame *frame, const struct chart_series *series, const char *colour)
{
    struct spot *names = arena_array(frame->out->arena, series->count, sizeof *names);
    for (size_t i = 0; i < series->count; i++) {
        struct spot dot = {place_x(frame, series->x[i]), place_y(frame, series->y[i])};
        bool right = dot.x > (LEFT + WIDTH - RIGHT) / 2.0;
        double beside = right ? dot.x - 8 : dot.x + 8;
        names[i] = (struct spot){dot.x, free_row(names, i, dot)};
        if (names[i].y > dot.y) add_line(frame->out, dot.x, dot.y, beside, names[i].y, "axis");
        buf_printf(frame->out, "<circle fill=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n", colour, dot.x, dot.y);
        add_text(frame->out, beside, names[i].y + 4, right ? "text-anchor=\"end\" class=\"note\"" : "class=\"note\"", series->labels[i]);
    }
}

static void add_series(const struct frame *frame, const struct chart_series *series, const char *colour)
{
    if (series->count == 0) return;
    if (series->labels) {
        add_dots(frame, series, colour);
        return;
    }
    if (series->area) {
        buf_printf(frame->out, "<polygon fill=\"%s\" fill-opacity=\"0.15\" points=\"%.1f,%.1f ", colour, place_x(frame, series->x[0]),
                   place_y(frame, 0));
        add_points(frame, series);
        buf_printf(frame->out, " %.1f,%.1f\"/>\n", place_x(frame, series->x[series->count - 1]), place_y(frame, 0));
    }
    buf_printf(frame->out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.8\" stroke-linejoin=\"round\" points=\"", colour);
    add_points(frame, series);
    buf_add(frame->out, S("\"/>\n"));
}

static void add_legend(struct buf *out, const struct chart *chart)
{
    double x = LEFT, y = TOP - 16;
    size_t letters = 0;
    for (size_t i = 0; i < chart->series_count; i++) letters += chart->series[i].name.length + 6;
    if (letters * CHARACTER > WIDTH - LEFT - RIGHT) y -= LEGEND_ROW;
    for (size_t i = 0; i < chart->series_count; i++) {
        double width = (double)((chart->series[i].name.length + 6) * CHARACTER);
        if (x + width > WIDTH - RIGHT && x > LEFT) {
            x = LEFT;
            y += LEGEND_ROW;
        }
        buf_printf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"18\" height=\"4\" rx=\"2\" fill=\"%s\"/>\n", x, y - 6, colours[i]);
        add_text(out, x + 24, y, "", chart->series[i].name);
        x += width;
    }
}

static void add_marks(const struct frame *frame, const struct chart *chart)
{
    if (chart->line.label.length > 0 && chart->line.at <= frame->y_most) {
        double y = place_y(frame, chart->line.at);
        add_line(frame->out, LEFT, y, WIDTH - RIGHT, y, "mark");
        add_text(frame->out, WIDTH - RIGHT - 4, y - 5, "text-anchor=\"end\" class=\"note\"", chart->line.label);
    }
    if (chart->mark.label.length == 0) return;
    double x = place_x(frame, chart->mark.at);
    add_line(frame->out, x, TOP, x, HEIGHT - BOTTOM, "mark");
    add_text(frame->out, x - 5, TOP + 12, "text-anchor=\"end\" class=\"note\"", chart->mark.label);
}

struct str chart_svg(struct arena *arena, const struct chart *chart)
{
    struct buf out = buf_in(arena, SVG_LIMIT);
    struct frame frame = measure(&out, chart);
    buf_printf(&out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n", WIDTH,
               HEIGHT, WIDTH, HEIGHT);
    buf_add(&out, S("<style>text{font:12px system-ui,sans-serif;fill:#333}.title{font-size:16px;font-weight:600;fill:#111}.note{fill:#666}"
                    ".note{paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}.grid{stroke:#e6e6e6}.axis{stroke:#888}."
                    "mark{stroke:#666;stroke-dasharray:5 4}</style>\n"));
    buf_printf(&out, "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", WIDTH, HEIGHT);
    add_text(&out, LEFT, 24, "class=\"title\"", chart->title);
    add_text(&out, LEFT, 44, "class=\"note\"", chart->note[0]);
    add_text(&out, LEFT, 61, "class=\"note\"", chart->note[1]);
    add_legend(&out, chart);
    add_y_axis(&frame, arena, chart->y_title);
    add_x_axis(&frame, arena, chart);
    buf_printf(&out,
               "<clipPath id=\"plot\"><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/></clipPath>\n<g clip-path=\"url(#plot)\">\n",
               LEFT, TOP, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
    for (size_t i = 0; i < chart->series_count; i++) add_series(&frame, &chart->series[i], colours[i]);
    buf_add(&out, S("</g>\n"));
    add_marks(&frame, chart);
    buf_add(&out, S("</svg>\n"));
    return buf_str(&out);
}
