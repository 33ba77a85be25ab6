#include "lib/patch/make2_internal.h"

/* Matches that may differ in places, found as bsdiff finds them (C. Percival, "Naive differences of executable code"): an exact match is
 * looked for at each place, taken when it is longer than what the match before it gives there by `advantage`, and drawn out to both sides
 * as long as more than half of the bytes agree. */

enum { RUN_MIN = 1024 }; /* zeros that are a run of their own */

struct match {
    uint64_t old, target;
};

struct scanning {
    const struct scan *scan;
    struct tape **tapes;
    size_t entry;          /* of those reported: the first one that does not end before the place */
    size_t anchor;         /* the first one that does not end before the place */
    uint64_t old_end;      /* of the last command's copy */
    uint64_t plain, zeros; /* of the run that is under way */
};

static int64_t signed_of(uint64_t value)
{
    return (int64_t)value;
}

/* --- commands */

static void put_run(struct scanning *scanning)
{
    if (scanning->plain == 0 && scanning->zeros == 0) return;
    tape_number(scanning->tapes[PACKED_RUNS], scanning->plain);
    tape_number(scanning->tapes[PACKED_RUNS], scanning->zeros);
    scanning->plain = scanning->zeros = 0;
}

static void put_difference(struct scanning *scanning, char difference)
{
    static const char zeros[RUN_MIN];
    if (scanning->zeros >= RUN_MIN) put_run(scanning);
    tape_add(scanning->tapes[PACKED_DIFFERENCES], zeros, (size_t)scanning->zeros);
    tape_add(scanning->tapes[PACKED_DIFFERENCES], &difference, 1);
    scanning->plain += scanning->zeros + 1;
    scanning->zeros = 0;
}

/* Counts a byte, or several, of the inflated form as written. */
static void note(struct scanning *scanning, uint64_t at, uint64_t length)
{
    const struct pairing *pairing = scanning->scan->pairing;
    for (; scanning->entry < pairing->report_count; scanning->entry++) {
        uint64_t start = pairing->starts[scanning->entry], end = start + pairing->report[scanning->entry].length;
        uint64_t first = at > start ? at : start, last = at + length < end ? at + length : end;
        if (first < last) scanning->scan->written[scanning->entry] += last - first;
        if (at + length < end) return;
    }
}

static void put_differences(struct scanning *scanning, struct match from, uint64_t length)
{
    const char *old = scanning->scan->old.data + from.old, *target = scanning->scan->target.data + from.target;
    enum { BLOCK = 64 };
    for (uint64_t at = 0; at < length;) {
        if (length - at >= BLOCK && memcmp(old + at, target + at, BLOCK) == 0) {
            scanning->zeros += BLOCK;
            at += BLOCK;
            continue;
        }
        char difference = (char)(target[at] - old[at]);
        if (difference) {
            put_difference(scanning, difference);
            note(scanning, from.target + at, 1);
        } else {
            scanning->zeros++;
        }
        at++;
    }
}

static void put_command(struct scanning *scanning, struct match at, uint64_t copied, uint64_t inserted)
{
    const struct scan *scan = scanning->scan;
    if (copied == 0 && inserted == 0) return;
    uint64_t old = copied > 0 ? at.old : scanning->old_end;
    int64_t seek = signed_of(old) - signed_of(scanning->old_end);
    tape_number(scanning->tapes[PACKED_SEEKS], seek >= 0 ? (uint64_t)seek << 1 : (uint64_t)(-seek - 1) << 1 | 1);
    tape_number(scanning->tapes[PACKED_COPIES], copied);
    tape_number(scanning->tapes[PACKED_INSERTS], inserted);
    put_differences(scanning, (struct match){old, at.target}, copied);
    tape_add(scanning->tapes[PACKED_LITERALS], scan->target.data + at.target + copied, (size_t)inserted);
    if (inserted > 0) note(scanning, at.target + copied, inserted);
    scanning->old_end = old + copied;
}

/* --- matches */

static bool agrees(const struct scan *scan, uint64_t at, int64_t offset)
{
    int64_t old = signed_of(at) + offset;
    return old >= 0 && (uint64_t)old < scan->old.length && scan->old.data[old] == scan->target.data[at];
}

static uint64_t search(struct scanning *scanning, uint64_t at, int64_t offset, uint64_t *position)
{
    const struct scan *scan = scanning->scan;
    while (scanning->anchor < scan->pairing->anchor_count) {
        const struct anchor *anchor = &scan->pairing->anchors[scanning->anchor];
        if (at < anchor->to) break;
        if (at < anchor->to + anchor->length) {
            *position = anchor->from + (at - anchor->to);
            return anchor->length - (at - anchor->to);
        }
        scanning->anchor++;
    }
    int64_t expected = signed_of(at) + offset;
    return index_search(scan->index, scan->target, at, expected < 0 ? UINT64_MAX : (uint64_t)expected, position);
}

/* The next match that is worth a command, from `at` on. `length` becomes its own; at the end of the new bytes it is 0. */
static struct match next_match(struct scanning *scanning, uint64_t at, int64_t offset, uint64_t *length)
{
    const struct scan *scan = scanning->scan;
    struct match match = {0, at};
    uint64_t score = 0, scored = at; /* how many of the bytes from match.targetto `scored` the match before gives */
    for (; match.target < scan->target.length; match.target++) {
        *length = search(scanning, match.target, offset, &match.old);
        for (; scored < match.target + *length; scored++)
            if (agrees(scan, scored, offset)) score++;
        if (*length > score + scan->advantage) return match;
        if (*length == score && *length > 0) {
            match.target += *length - 1;
            score = 0;
            continue;
        }
        if (scored > match.target && agrees(scan, match.target, offset)) score--;
        if (scored == match.target) scored++;
    }
    *length = 0;
    return match;
}

/* How far the match goes on behind `from`, before `to`. */
static uint64_t extend(const struct scan *scan, struct match from, uint64_t to)
{
    int64_t score = 0, best = 0;
    uint64_t length = 0;
    for (uint64_t i = 0; from.target + i < to && from.old + i < scan->old.length;) {
        score += scan->old.data[from.old + i] == scan->target.data[from.target + i] ? 1 : -1;
        i++;
        if (score > best) best = score, length = i;
    }
    return length;
}

/* How far it reaches back before `from`, behind `to`. */
static uint64_t extend_back(const struct scan *scan, struct match from, uint64_t to)
{
    int64_t score = 0, best = 0;
    uint64_t length = 0;
    for (uint64_t i = 1; from.target >= to + i && from.old >= i; i++) {
        score += scan->old.data[from.old - i] == scan->target.data[from.target - i] ? 1 : -1;
        if (score > best) best = score, length = i;
    }
    return length;
}

/* How much of the overlap of two matches the first one gets, so that as many bytes as can be agree. */
static uint64_t divide(const struct scan *scan, struct match one, struct match other, uint64_t overlap)
{
    int64_t score = 0, best = 0;
    uint64_t length = 0;
    for (uint64_t i = 0; i < overlap; i++) {
        if (scan->old.data[one.old + i] == scan->target.data[one.target + i]) score++;
        if (scan->old.data[other.old + i] == scan->target.data[other.target + i]) score--;
        if (score > best) best = score, length = i + 1;
    }
    return length;
}

/* Puts the command from `last` to where `next` begins, which is moved. */
static void join(struct scanning *scanning, struct match last, struct match *next, bool is_match)
{
    const struct scan *scan = scanning->scan;
    uint64_t copied = extend(scan, last, next->target), back = is_match ? extend_back(scan, *next, last.target) : 0;
    uint64_t end = last.target + copied, begin = next->target - back;
    if (end > begin) {
        uint64_t overlap = end - begin;
        uint64_t kept = divide(scan, (struct match){last.old + copied - overlap, begin}, (struct match){next->old - back, begin}, overlap);
        copied -= overlap - kept;
        back -= kept;
    }
    next->target -= back;
    next->old -= back;
    put_command(scanning, last, copied, next->target - last.target - copied);
}

void scan_put(const struct scan *scan, struct tape **tapes)
{
    struct scanning scanning = {.scan = scan, .tapes = tapes};
    struct match last = {0, 0};
    int64_t offset = 0;
    uint64_t at = 0, length;
    while (at < scan->target.length) {
        struct match next = next_match(&scanning, at, offset, &length);
        uint64_t searched = next.target + length;
        offset = signed_of(next.old) - signed_of(next.target);
        join(&scanning, last, &next, length > 0);
        last = next;
        if (scan->progress) progress_add(scan->progress, searched - at);
        at = searched;
    }
    if (last.target < scan->target.length) join(&scanning, last, &(struct match){0, scan->target.length}, false);
    put_run(&scanning);
}
