#include "lib/transfer/download.h"

#include <time.h>

#include "lib/transfer/part.h"

enum { RANGE_LEAST = 64 << 10, RANGE_FIRST = 256 << 10, RANGE_MOST = 16 << 20, LIMITED_RANGE_LEAST = 16 << 10 };
enum { ROUNDS = 6, ROUND_WAIT = CLOCK_SECOND, ROUND_WAIT_MOST = 30 * CLOCK_SECOND, CHANGES_MOST = 3 };

struct job {
    struct io io;
    struct web *web;
    struct download *download;
    const char *path;
    struct part *part;
    uint64_t skip;  /* of a body that begins at 0 though more was asked for */
    uint64_t range; /* of the next request */
    int64_t due;    /* by the monotonic clock: when the next bytes may be asked for */
    size_t source;  /* of the exchange under way, and its URL */
    struct str url;
    bool whole;                       /* its body is all there is: 200 */
    bool local;                       /* what failed is here, not at the source */
    bool stale;                       /* what has come is not what the source has now */
    bool foreign;                     /* a source was passed over, as its bytes could not be told to be the same */
    bool bad[RESUME_SOURCES_MAXIMUM]; /* not asked any more: gave bytes to a file with a wrong digest, or never stays the same */
    int changes[RESUME_SOURCES_MAXIMUM];
};

/* --- the part */

/* What fails here is not the source's fault. */
static enum status local_status(struct job *job, enum status status)
{
    if (status != STATUS_OK) job->local = true;
    return status;
}

static void wait_until(int64_t moment)
{
    int64_t left = moment - clock_monotonic();
    struct timespec span = {left / CLOCK_SECOND, left % CLOCK_SECOND * 1000000};
    if (left > 0) nanosleep(&span, NULL);
}

static enum status begin_again(struct job *job, struct error *error)
{
    job->stale = job->foreign = false;
    return local_status(job, part_begin_again(job->part, job->download->size, job->download->sha256, error));
}

/* --- one range */

/* Whether bytes of this source may stand behind those that are there. */
static enum status check_source(struct job *job, const struct web_answer *answer, struct error *error)
{
    const struct resume_source *known = resume_find(&job->part->resume, resume_name(job->url));
    uint64_t size = job->part->resume.size;
    bool other_size = size > 0 && answer->total != UINT64_MAX && answer->total != size;
    bool size_is_given = job->download->size > 0;
    job->stale = job->part->offset > 0 && known && (!str_equal(known->validator, answer->validator) || (other_size && !size_is_given));
    ENSURE(!job->stale, error, STATUS_PRECONDITION, "it has changed there since the download began");
    job->foreign = job->foreign || (other_size && !size_is_given);
    ENSURE(!other_size, error, STATUS_CORRUPT, "it has %llu bytes there, not %llu", (unsigned long long)answer->total,
           (unsigned long long)size);
    if (known || job->part->offset == 0 || job->download->sha256.length > 0) return STATUS_OK;
    job->foreign = true; /* be its validator the same: nginx makes them of time and size, so that two objects may share one */
    return error_set(error, STATUS_PRECONDITION, "cannot resume: the object on the server may have changed");
}

static enum status remember_source(struct job *job, struct str validator, uint64_t total, struct error *error)
{
    struct resume *resume = &job->part->resume;
    struct str name = resume_name(job->url);
    struct resume_source *known = resume_find(resume, name);
    if (known && str_equal(known->validator, validator) && (resume->size > 0 || total == UINT64_MAX)) return STATUS_OK;
    if (!known && resume->source_count < RESUME_SOURCES_MAXIMUM) known = &resume->sources[resume->source_count++];
    if (known) *known = (struct resume_source){arena_copy(job->io.arena, name), arena_copy(job->io.arena, validator)};
    if (total != UINT64_MAX) resume->size = total;
    return local_status(job, part_remember(job->part, error));
}

static enum status on_head(void *context, const struct web_answer *answer, struct error *error)
{
    struct job *job = context;
    TRY(check_source(job, answer, error));
    TRY(remember_source(job, answer->validator, answer->total, error));
    job->whole = answer->status == 200;
    job->skip = job->whole ? job->part->offset : 0;
    if (job->download->progress) job->download->progress->total = job->part->resume.size;
    return STATUS_OK;
}

static void pace(struct job *job, size_t length)
{
    int64_t now = clock_monotonic();
    if (job->download->speed == 0) return;
    if (job->due < now) job->due = now;
    job->due += (int64_t)((double)length * CLOCK_SECOND / (double)job->download->speed);
    if (job->whole) wait_until(job->due);
}

static enum status on_body(void *context, struct str bytes, struct error *error)
{
    struct job *job = context;
    uint64_t size = job->part->resume.size;
    job->download->fetched += bytes.length;
    job->download->source = job->source;
    pace(job, bytes.length);
    size_t skipped = bytes.length < job->skip ? bytes.length : (size_t)job->skip;
    job->skip -= skipped;
    bytes = str_from(bytes, skipped);
    ENSURE(size == 0 || bytes.length <= size - job->part->offset, error, STATUS_CORRUPT, "the server sends more than %llu bytes",
           (unsigned long long)size);
    return local_status(job, part_append(job->part, bytes, error));
}

/* A second's worth at the rate of the last one. */
static void adapt_range(struct job *job, uint64_t bytes, int64_t took)
{
    if (job->whole || bytes < job->range) return;
    uint64_t rate = bytes * CLOCK_SECOND / (uint64_t)(took > 0 ? took : 1);
    job->range = rate < RANGE_LEAST ? RANGE_LEAST : rate > RANGE_MOST ? RANGE_MOST : rate;
}

static uint64_t next_range(const struct job *job)
{
    uint64_t length = job->range, speed = job->download->speed;
    if (speed > 0 && speed / 4 < length) length = speed / 4 > LIMITED_RANGE_LEAST ? speed / 4 : LIMITED_RANGE_LEAST;
    if (job->part->resume.size > 0 && length > job->part->resume.size - job->part->offset)
        length = job->part->resume.size - job->part->offset;
    return length;
}

static bool is_complete(const struct job *job)
{
    return job->part->resume.size > 0 && job->part->offset == job->part->resume.size;
}

static enum status get_range(struct job *job, struct web_answer *answer, struct error *error)
{
    if (job->download->gate && job->download->gate(job->download->context, job->download, error) != STATUS_OK) {
        job->local = true;
        return error->status;
    }
    if (job->download->speed > 0) wait_until(job->due);
    const struct web_get get = {
        .url = job->url, .offset = job->part->offset, .length = next_range(job), .head = on_head, .body = on_body, .context = job};
    int64_t began = clock_monotonic();
    uint64_t before = job->part->offset;
    enum status status = web_get(job->web, &get, job->io.deadline, answer, error);
    job->stale = job->stale || (answer->status == 416 && before > 0); /* it has become shorter than what there is */
    TRY(status);
    adapt_range(job, job->part->offset - before, clock_monotonic() - began);
    if (job->whole && job->part->resume.size == 0)
        job->part->resume.size = job->part->offset; /* it did not say how long it is: now one knows */
    ENSURE(job->part->offset > before, error, STATUS_UNAVAILABLE, "the server sends nothing");
    return STATUS_OK;
}

/* --- all of it */

/* As much as this source gives. */
static enum status load_from(struct job *job, struct str url, int64_t *retry_after, struct error *error)
{
    job->url = url;
    while (!is_complete(job)) {
        struct web_answer answer = {0};
        job->stale = false;
        enum status status = get_range(job, &answer, error);
        if (status == STATUS_OK) continue;
        if (answer.retry_after > *retry_after) *retry_after = answer.retry_after;
        return job->local ? status : error_context(error, STR_FMT, STR_ARG(resume_name(url)));
    }
    return STATUS_OK;
}

/* From the beginning where it has changed; a source that never stays the same is none. */
static enum status load_unchanged(struct job *job, size_t i, int64_t *retry_after, struct error *error)
{
    job->source = i;
    for (;;) {
        enum status status = load_from(job, job->download->urls[i], retry_after, error);
        if (status == STATUS_OK || job->local || !job->stale) return status;
        if (job->changes[i]++ == CHANGES_MOST) job->bad[i] = true;
        if (job->bad[i]) return status;
        TRY(begin_again(job, error));
    }
}

/* Each source once. */
static enum status load_round(struct job *job, int64_t *retry_after, struct error *error)
{
    const struct download *download = job->download;
    enum status status = error_set(error, STATUS_CORRUPT, "no source delivered the expected size or digest");
    for (size_t i = 0; i < download->url_count && i < RESUME_SOURCES_MAXIMUM && !job->local; i++) {
        if (job->bad[i]) continue;
        status = load_unchanged(job, i, retry_after, error);
        if (status == STATUS_OK) return STATUS_OK;
    }
    return status;
}

static bool any_left(const struct job *job)
{
    for (size_t i = 0; i < job->download->url_count && i < RESUME_SOURCES_MAXIMUM; i++)
        if (!job->bad[i]) return true;
    return false;
}

/* Rounds over all sources, until there is none that gives anything. */
static enum status load_all(struct job *job, struct error *error)
{
    int64_t wait = ROUND_WAIT;
    for (int idle = 0;;) {
        uint64_t before = job->part->offset;
        int64_t retry_after = 0;
        enum status status = load_round(job, &retry_after, error);
        if (status == STATUS_OK || job->local) return status;
        if (job->foreign && job->part->offset == before && job->part->offset > 0) {
            TRY(begin_again(job, error)); /* what is there belongs to no source that answers */
            continue;
        }
        idle = job->part->offset > before ? 0 : idle + 1;
        if (idle == ROUNDS || !any_left(job) || deadline_left(job->io.deadline) == 0) return status;
        wait = idle > 1 ? wait * 2 : ROUND_WAIT;
        if (wait > ROUND_WAIT_MOST) wait = ROUND_WAIT_MOST;
        if (retry_after < wait) retry_after = wait;
        wait_until(clock_monotonic() + (retry_after < ROUND_WAIT_MOST ? retry_after : ROUND_WAIT_MOST));
    }
}

bool download_is_done(struct arena *arena, const char *path, struct str sha256)
{
    return sha256.length > 0 && str_equal(part_file_sha256(arena, path), sha256);
}

static bool digest_is_right(struct job *job)
{
    struct str wanted = job->download->sha256;
    return wanted.length == 0 || str_equal(part_sha256(job->part), wanted);
}

/* Those that gave bytes are not asked again. */
static void mark_bad(struct job *job)
{
    for (size_t i = 0; i < job->download->url_count && i < RESUME_SOURCES_MAXIMUM; i++)
        if (resume_find(&job->part->resume, resume_name(job->download->urls[i]))) job->bad[i] = true;
}

enum status download_to_file(struct io io, struct web *web, const char *path, struct download *download, struct error *error)
{
    struct job *job = arena_new_of(io.arena, struct job);
    *job = (struct job){.io = io, .web = web, .download = download, .path = path, .range = RANGE_FIRST};
    ENSURE(download->url_count > 0, error, STATUS_INVALID, "there is no URL to load it from");
    const struct part_options options = {download->size, download->sha256, download->progress};
    TRY(part_open(io.arena, path, &options, &job->part, error));
    if (download->progress) download->progress->total = job->part->resume.size;
    for (;;) {
        TRY(load_all(job, error));
        if (digest_is_right(job)) return part_finish(job->part, error);
        mark_bad(job);
        TRY(begin_again(job, error));
        ENSURE(any_left(job), error, STATUS_CORRUPT, "%s: what was loaded has not the SHA-256 " STR_FMT, path, STR_ARG(download->sha256));
    }
}
