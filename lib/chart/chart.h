/* Line and area charts as SVG: one file, no script, readable in light and dark surroundings (it brings its own white). */
#ifndef CHART_CHART_H
#define CHART_CHART_H

#include "base/arena.h"

enum { CHART_SERIES_MAXIMUM = 8 };

struct chart_series {
    struct str name; /* in the legend */
    const double *x, *y;
    size_t count;
    bool area;                /* filled down to the axis */
    const struct str *labels; /* NULL: a line; else a dot at each point, and what it is called */
};
struct chart_tick {
    double at;
    struct str label;
};
struct chart {
    struct str title, x_title, y_title;
    struct str note[2]; /* lines under the title */
    struct chart_series series[CHART_SERIES_MAXIMUM];
    size_t series_count;
    const struct chart_tick *x_ticks; /* NULL: round numbers */
    size_t x_tick_count;
    double y_most;          /* what is above leaves the picture at the top; 0: nothing is */
    struct chart_tick line; /* a dashed line across at a y, with what it is; empty label: none */
    struct chart_tick mark; /* one upwards at an x */
};

struct str chart_svg(struct arena *, const struct chart *);

#endif
