/* Floor 8. Curves in bounded memory, and as JSON. */
#include "watch/buckets.h"

#include <math.h>

#include "core/memory.h"
#include "watch/json_text.h"

static void begin(fac__bucket *b, const fac__seen *v)
{
    bool finite = isfinite(v->value);
    *b = (fac__bucket){.low = v->step,
                       .high = v->step,
                       .least_step = v->step,
                       .most_step = v->step,
                       .least = v->value,
                       .most = v->value,
                       .sum = finite ? v->value : 0,
                       .record = v->record,
                       .least_time = v->time,
                       .most_time = v->time,
                       .finite = finite,
                       .odd = !finite};
}

static void take_least(fac__bucket *to, const fac__bucket *from)
{
    to->least = from->least;
    to->least_step = from->least_step;
    to->least_time = from->least_time;
}

static void take_most(fac__bucket *to, const fac__bucket *from)
{
    to->most = from->most;
    to->most_step = from->most_step;
    to->most_time = from->most_time;
}

/* `from` comes behind `to`. */
static void join(fac__bucket *to, const fac__bucket *from)
{
    if (from->low < to->low) to->low = from->low;
    if (from->high > to->high) to->high = from->high;
    if (from->finite && !to->finite) {
        take_least(to, from);
        take_most(to, from);
        to->most_first = from->most_first;
    } else if (from->finite) {
        bool least = from->least < to->least;
        bool most = from->most > to->most;
        if (least) take_least(to, from);
        if (most) take_most(to, from);
        to->most_first = least && most ? from->most_first : least ? true : most ? false : to->most_first;
    }
    to->sum += from->sum;
    to->finite += from->finite;
    to->odd += from->odd;
}

static void halve(fac__buckets *b)
{
    int half = b->count / 2;
    for (int i = 0; i < half; i++) {
        b->items[i] = b->items[2 * i];
        join(&b->items[i], &b->items[2 * i + 1]);
    }
    if (b->count % 2) b->items[half] = b->items[b->count - 1];
    b->count = half + b->count % 2;
    b->width *= 2;
}

void fac__buckets_limit(fac__buckets *b, int most)
{
    b->most = most;
    while (b->count > most)
        halve(b);
    if (b->room <= 2 * most) return;
    fac__bucket *fewer = fac__realloc(b->items, (size_t)most * sizeof *fewer);
    if (!fewer) return;
    b->items = fewer;
    b->room = most;
}

static bool keep_odd(fac__buckets *b, const fac__seen *v)
{
    if (b->odd_count == FAC__ODD) return true;
    if (!b->odd && !(b->odd = fac__alloc(FAC__ODD * sizeof *b->odd))) return false;
    b->odd[b->odd_count++] = *v;
    return true;
}

static bool grow(fac__buckets *b)
{
    int room = b->room ? b->room * 2 : 16;
    if (room > b->most) room = b->most;
    fac__bucket *items = fac__realloc(b->items, (size_t)room * sizeof *items);
    if (!items) return false;
    b->items = items;
    b->room = room;
    return true;
}

static bool is_full(const fac__buckets *b)
{
    return b->count == 0 || b->items[b->count - 1].finite + b->items[b->count - 1].odd >= b->width;
}

bool fac__buckets_add(fac__buckets *b, const fac__seen *v)
{
    if (!isfinite(v->value) && !keep_odd(b, v)) return false;
    if (!b->width) b->width = 1;
    if (is_full(b) && b->count >= b->most) halve(b);
    bool full = is_full(b);
    if (full && b->count == b->room && !grow(b)) return false;
    fac__bucket one;
    begin(&one, v);
    if (full)
        b->items[b->count++] = one;
    else
        join(&b->items[b->count - 1], &one);
    if (!b->values++) b->first = *v;
    b->last = *v;
    return true;
}

void fac__buckets_clear(fac__buckets *b)
{
    b->count = b->odd_count = 0;
    b->width = b->values = 0;
}

void fac__buckets_drop(fac__buckets *b)
{
    fac__free(b->items);
    fac__free(b->odd);
    *b = (fac__buckets){.most = b->most};
}

/* ---- as JSON ------------------------------------------------------------------------------------------------- */

/* What is drawn: a value, and how many values of which mean it stands for. */
typedef struct point {
    int64_t step;
    double value, mean, count;
    float time;
} point;

/* The one or two points of a bucket. */
static int points_of(const fac__bucket *b, point to[2])
{
    if (!b->finite) return to[0] = (point){b->low, NAN, NAN, b->odd, b->least_time}, 1;
    int n = b->least_step == b->most_step && b->least == b->most ? 1 : 2;
    double mean = b->sum / b->finite, count = (double)b->finite / n;
    to[n == 2 && b->most_first] = (point){b->least_step, b->least, mean, count, b->least_time};
    if (n == 2) to[!b->most_first] = (point){b->most_step, b->most, mean, count, b->most_time};
    return n;
}

static point alone(const fac__seen *v)
{
    double value = isfinite(v->value) ? v->value : NAN;
    return (point){v->step, value, value, 1, v->time};
}

/* Fills `to`, which has room for twice as many points and two more; where in it they begin. */
static point *choose_points(const fac__buckets *b, int groups, point *to, int *count)
{
    int n = 1, share = (b->count + groups - 1) / groups;
    for (int i = 0; i < b->count; i += share) {
        fac__bucket all = b->items[i];
        for (int k = i + 1; k < i + share && k < b->count; k++)
            join(&all, &b->items[k]);
        n += points_of(&all, to + n);
    }
    if (b->count && to[n - 1].step != b->last.step) to[n++] = alone(&b->last);
    bool has_first = !b->count || to[1].step == b->first.step;
    if (!has_first) to[0] = alone(&b->first);
    *count = n - has_first;
    return to + has_first;
}

static void write_numbers(fac__text *t, const char *key, const point *points, int n, double (*what)(const point *p))
{
    fac__text_format(t, ", \"%s\": [", key);
    for (int i = 0; i < n; i++) {
        if (i) fac__text_add(t, ",", 1);
        fac__json_number(t, what(&points[i]));
    }
    fac__text_add(t, "]", 1);
}

static double value_of(const point *p)
{
    return p->value;
}
static double mean_of(const point *p)
{
    return p->mean;
}
static double count_of(const point *p)
{
    return p->count;
}
/* To the millisecond. */
static double time_of(const point *p)
{
    return round(1e3 * (double)p->time) / 1e3;
}

static void write_odd(fac__text *t, const fac__buckets *b)
{
    fac__text_format(t, ", \"odd\": [");
    for (int i = 0; i < b->odd_count; i++) {
        fac__text_format(t, i ? ", [" : "[");
        fac__json_integer(t, b->odd[i].step);
        double v = b->odd[i].value;
        fac__text_format(t, ", \"%s\"]", isnan(v) ? "nan" : v > 0 ? "inf" : "-inf");
    }
    fac__text_add(t, "]", 1);
}

void fac__buckets_write(fac__text *t, const char *name, const fac__buckets *b, int buckets)
{
    bool reduced = b->width > 1 || b->count > 2 * buckets;
    int groups = reduced ? buckets : b->count ? b->count : 1;
    point *room = fac__alloc((2 * (size_t)groups + 2) * sizeof *room);
    if (!room) {
        t->failed = true;
        return;
    }
    int n;
    const point *points = choose_points(b, groups, room, &n);
    fac__text_format(t, "{\"name\": ");
    fac__json_string(t, name);
    fac__text_format(t, ", \"count\": %lld, \"reduced\": %s, \"steps\": [", (long long)b->values,
                     reduced ? "true" : "false");
    for (int i = 0; i < n; i++) {
        if (i) fac__text_add(t, ",", 1);
        fac__json_integer(t, points[i].step);
    }
    fac__text_add(t, "]", 1);
    write_numbers(t, "values", points, n, value_of);
    if (reduced) write_numbers(t, "means", points, n, mean_of);
    if (reduced) write_numbers(t, "counts", points, n, count_of);
    write_numbers(t, "times", points, n, time_of);
    write_odd(t, b);
    fac__text_format(t, ", \"last\": ");
    fac__json_number(t, b->values ? b->last.value : NAN);
    fac__text_add(t, "}", 1);
    fac__free(room);
}
