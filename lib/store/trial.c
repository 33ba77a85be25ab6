#include "lib/store/trial.h"

#include <pthread.h>

#include "base/json.h"
#include "base/version.h"
#include "lib/config/config.h"
#include "lib/store/common.h"
#include "lib/store/pieces_internal.h"

enum {
    RACERS = 8,
    RACES = 10, /* a server that loses updates lets one writer alone win now and then */
    RACES_LEAST = 4,
    RACES_TIME =
        8 * CLOCK_SECOND, /* behind which there are no more than those: SeaweedFS's writers of one key wait a second for each other */
    LARGE = 8 << 20,      /* with a byte more an s3:// store gets it in parts */
    LARGE_RACERS = 4,
    URL_LIFE = 5 * CLOCK_MINUTE,
    CLOCK_TOLERANCE = CLOCK_MINUTE,
    RECORD_LIFE = CLOCK_DAY,
    RECORD_MAX = 64 * 1024,
};

static const struct str record_key = {"probe/checked.json", 18};
static const char *const verdicts[] = {"good", "weak", "refused", "skipped"};

const char *trial_verdict_name(enum trial_verdict verdict)
{
    return verdicts[verdict];
}

/* One trial at work. */
struct trial {
    struct store *store;
    struct io io;
    struct str key; /* its own, which is removed after it */
    unsigned races;
    enum trial_verdict verdict;
    struct str seen;
};

static enum status say(struct trial *trial, enum trial_verdict verdict, const char *format, ...) __attribute__((format(printf, 3, 4)));
static enum status say(struct trial *trial, enum trial_verdict verdict, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    trial->verdict = verdict;
    trial->seen = arena_vprintf(trial->io.arena, format, arguments);
    va_end(arguments);
    return STATUS_OK;
}

static struct str key_beside(const struct trial *trial, const char *ending)
{
    return arena_join(trial->io.arena, trial->key, str_of(ending));
}

/* --- what was written is read */

static enum status read_back(struct trial *trial, struct str wanted, bool *same, struct error *error)
{
    struct store_object object;
    enum status status = store_get(trial->store, trial->io, trial->key, NULL, &object, error);
    *same = status == STATUS_OK && str_equal(object.body, wanted);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status try_reading(struct trial *trial, struct error *error)
{
    static const struct str texts[] = {{"first", 5}, {"second", 6}};
    struct store_object object;
    bool same;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        TRY(store_put(trial->store, trial->io, trial->key, texts[i], NULL, NULL, error));
        TRY(read_back(trial, texts[i], &same, error));
        if (!same) return say(trial, TRIAL_REFUSED, "an object is not what was just written");
    }
    TRY(store_remove(trial->store, trial->io, trial->key, error));
    enum status status = store_get(trial->store, trial->io, trial->key, NULL, &object, error);
    if (status == STATUS_OK) return say(trial, TRIAL_REFUSED, "an object that was removed is still there");
    return status == STATUS_NOT_FOUND ? say(trial, TRIAL_GOOD, "each write and removal was seen at once") : status;
}

/* --- put-if-absent */

static const struct store_put if_absent = {.condition = STORE_IF_ABSENT, .content_type = "text/plain"};

static enum status try_absent(struct trial *trial, struct error *error)
{
    static const char advice[] =
        "use a store that honours If-None-Match: * on PUT, or name its own header with if-absent=oss or if-absent=cos";
    enum status status = store_put(trial->store, trial->io, trial->key, S("first"), &if_absent, NULL, error);
    if (status == STATUS_UNSUPPORTED)
        return say(trial, TRIAL_REFUSED, "it refuses put-if-absent, and two writers would overwrite each other: %s", advice);
    TRY(status);
    status = store_put(trial->store, trial->io, trial->key, S("second"), &if_absent, NULL, error);
    if (status == STATUS_OK)
        return say(trial, TRIAL_REFUSED, "it ignores put-if-absent, and two writers would overwrite each other: %s", advice);
    return status == STATUS_PRECONDITION ? say(trial, TRIAL_GOOD, "a second writer is refused") : status;
}

/* One of those that write one key at once. */
struct racer {
    pthread_t thread;
    bool is_running;
    struct store *store;
    struct str key;
    uint64_t size; /* 0: a few bytes by store_put; else by store_upload */
    struct deadline deadline;
    enum status status;
    struct error error;
};

static enum status write_large(struct racer *racer, struct io io, struct str start)
{
    char *bytes = arena_buffer(io.arena, racer->size);
    memset(bytes, 0, racer->size);
    memcpy(bytes, start.data, start.length);
    return store_upload(racer->store, io, racer->key, stream_of(io.arena, str_make(bytes, racer->size)), racer->size, &if_absent, NULL,
                        &racer->error);
}

static void *race(void *context)
{
    struct racer *racer = context;
    struct io io = {.arena = arena_new(), .deadline = racer->deadline};
    char digits[U64_DIGITS];
    struct str body = str_of_u64(digits, store_random()); /* each one's own */
    racer->status =
        racer->size > 0 ? write_large(racer, io, body) : store_put(racer->store, io, racer->key, body, &if_absent, NULL, &racer->error);
    arena_free(io.arena);
    return NULL;
}

/* How many of `count` won, which are all as `each` is. */
static enum status run_race(const struct racer *each, size_t count, unsigned *winners, struct error *error)
{
    struct racer racers[RACERS];
    enum status status = STATUS_OK;
    *winners = 0;
    for (size_t i = 0; i < count; i++) {
        racers[i] = *each;
        racers[i].is_running = pthread_create(&racers[i].thread, NULL, race, &racers[i]) == 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (!racers[i].is_running) {
            status = error_set(error, STATUS_UNAVAILABLE, "no thread could be started for a writer");
            continue;
        }
        pthread_join(racers[i].thread, NULL);
        if (racers[i].status == STATUS_OK) ++*winners;
        bool failed = racers[i].status != STATUS_OK && racers[i].status != STATUS_PRECONDITION;
        if (failed) *error = racers[i].error, status = racers[i].status;
    }
    return status;
}

/* Servers exist that look whether the key is there, and then write: of two writers at once both win. */
static enum status try_racing(struct trial *trial, struct error *error)
{
    struct error ignored;
    unsigned worst = 0, none = 0, races = 0;
    const struct deadline enough = deadline_within(trial->io.deadline, RACES_TIME);
    for (; races < trial->races && (races < RACES_LEAST || deadline_left(enough) > 0); races++) {
        unsigned winners;
        struct str key = key_beside(trial, arena_printf(trial->io.arena, "-%u", races).data);
        const struct racer each = {.store = trial->store, .key = key, .deadline = trial->io.deadline};
        enum status status = run_race(&each, RACERS, &winners, error);
        store_remove(trial->store, trial->io, key, &ignored);
        TRY(status);
        if (winners > worst) worst = winners;
        if (winners == 0) none++;
    }
    if (none > 0) return say(trial, TRIAL_REFUSED, "of %d writers that put one absent key at the same time none won", RACERS);
    if (worst <= 1) return say(trial, TRIAL_GOOD, "%u races of %d writers: one won each", races, RACERS);
    return say(trial, TRIAL_REFUSED,
               "it lets %u of %d writers win that put one key if absent at the same time, so updates would be lost: use another store "
               "(docs/stores.md says which were tried)",
               worst, RACERS);
}

static enum status try_large(struct trial *trial, struct error *error)
{
    unsigned winners;
    const struct racer each = {.store = trial->store, .key = trial->key, .size = LARGE + 1, .deadline = trial->io.deadline};
    TRY(run_race(&each, LARGE_RACERS, &winners, error));
    if (winners == 1) return say(trial, TRIAL_GOOD, "of %d uploads of one key at the same time one won", LARGE_RACERS);
    return say(trial, TRIAL_WEAK, "of %d uploads of one key at the same time %u won", LARGE_RACERS, winners);
}

/* --- copies */

static enum status try_copying(struct trial *trial, struct error *error)
{
    const struct store_put plain = {0};
    struct store_object object;
    struct str copy = key_beside(trial, "-copy");
    TRY(store_put(trial->store, trial->io, trial->key, S("0123456789"), NULL, NULL, error));
    /* Behind the checks of store_compose, which would not ask the service. No MD5, so that the copy's is not compared with it either. */
    struct store_piece piece = {
        .store = trial->store, .key = trial->key, .length = 10, .if_match = S("\"00000000000000000000000000000000-9\"")};
    const struct store_pieces pieces = {.items = &piece, .count = 1, .size = 10, .is_whole = true};
    const struct store_call call = {trial->store, trial->io, copy};
    enum status status = trial->store->backend->compose(&call, &pieces, &plain, &object, error);
    if (status != STATUS_OK && status != STATUS_CORRUPT && status != STATUS_PRECONDITION) return status;
    status = store_head(trial->store, trial->io, copy, &object, error);
    store_remove(trial->store, trial->io, copy, &(struct error){0});
    if (status == STATUS_NOT_FOUND) return say(trial, TRIAL_GOOD, "another version than was named is not copied");
    TRY(status);
    return say(trial, TRIAL_WEAK, "it copies another version than was named");
}

/* --- ranges, conditions, lists */

static enum status try_ranges(struct trial *trial, struct error *error)
{
    struct store_object object;
    const struct store_get middle = {.offset = 3, .length = 4}, end = {.offset = 8};
    TRY(store_put(trial->store, trial->io, trial->key, S("0123456789"), NULL, NULL, error));
    enum status status = store_get(trial->store, trial->io, trial->key, &middle, &object, error);
    bool right = status == STATUS_OK && str_equal(object.body, S("3456"));
    if (status == STATUS_CORRUPT || (status == STATUS_OK && !right)) return say(trial, TRIAL_REFUSED, "a range is not what was asked for");
    TRY(status);
    TRY(store_get(trial->store, trial->io, trial->key, &end, &object, error));
    return str_equal(object.body, S("89")) && object.size == 10 ? say(trial, TRIAL_GOOD, "ranges are right")
                                                                : say(trial, TRIAL_REFUSED, "the end of an object is not right");
}

static enum status try_conditions(struct trial *trial, struct error *error)
{
    struct store_object object, again;
    TRY(store_put(trial->store, trial->io, trial->key, S("0123456789"), NULL, &object, error));
    const struct store_get known = {.if_none_match = object.etag}, other = {.if_match = S("\"00000000000000000000000000000000\"")};
    enum status status = store_get(trial->store, trial->io, trial->key, &other, &again, error);
    if (status == STATUS_OK) return say(trial, TRIAL_REFUSED, "it gives another version than If-Match names");
    if (status != STATUS_PRECONDITION) return status;
    status = store_get(trial->store, trial->io, trial->key, &known, &again, error);
    if (status == STATUS_NOT_MODIFIED) return say(trial, TRIAL_GOOD, "what is known is not sent again");
    TRY(status);
    return say(trial, TRIAL_WEAK, "it sends again what is known (If-None-Match is ignored)");
}

struct listed {
    const char *const *endings;
    size_t count, right, prefix;
};

static bool compare_listed(void *context, const struct store_object *object)
{
    struct listed *listed = context;
    struct str ending = str_from(object->key, listed->prefix);
    if (listed->right < listed->count && str_equal(ending, str_of(listed->endings[listed->right]))) listed->right++;
    return true;
}

static enum status try_listing(struct trial *trial, struct error *error)
{
    static const char *const endings[] = {"-a", ".a", "/B", "/a", "0"}; /* in the order of their bytes */
    struct error ignored;
    enum status status = STATUS_OK;
    struct listed listed = {.endings = endings, .count = sizeof endings / sizeof *endings, .prefix = trial->key.length};
    for (size_t i = listed.count; i-- > 0 && status == STATUS_OK;)
        status = store_put(trial->store, trial->io, key_beside(trial, endings[i]), S("x"), NULL, NULL, error);
    if (status == STATUS_OK) status = store_list(trial->store, trial->io, trial->key, 0, compare_listed, &listed, error);
    for (size_t i = 0; i < listed.count; i++) store_remove(trial->store, trial->io, key_beside(trial, endings[i]), &ignored);
    if (status == STATUS_UNSUPPORTED || (status == STATUS_OK && listed.right < listed.count))
        return say(trial, TRIAL_REFUSED, "keys are not listed all, or not in the order of their bytes");
    return status == STATUS_OK ? say(trial, TRIAL_GOOD, "all keys, in the order of their bytes") : status;
}

/* --- presigned URLs */

static enum status answer_of(struct trial *trial, struct str url, struct str range, int *http_status, struct error *error)
{
    TRY(trial->store->backend->fetch(trial->store, trial->io, url, range, http_status, error));
    ENSURE(*http_status < 500, error, STATUS_UNAVAILABLE, STR_FMT ": status %d to a presigned URL", STR_ARG(trial->store->name),
           *http_status);
    return STATUS_OK;
}

static enum status not_bound(struct trial *trial, const char *what, int http_status)
{
    return say(trial, TRIAL_REFUSED,
               "it %s (status %d), so a redirect to it could give a device the base package without its channel: add "
               "bind-range=no to the store's URL, here and where the functions run. Redirects then go only to those who send "
               "Pakhus-Follow: 1 or are in PAKHUS_FOLLOWERS",
               what, http_status);
}

static enum status try_presigning(struct trial *trial, struct error *error)
{
    static const struct str signed_range = {"bytes=1-2", 9}, other = {"bytes=0-0", 9}, none = {NULL, 0};
    const struct store_abilities *can = store_abilities(trial->store);
    struct str url;
    int64_t valid_until;
    int http_status;
    if (!can->presigns) return say(trial, TRIAL_SKIPPED, "a store without URLs of its own");
    if (!can->binds_ranges) return say(trial, TRIAL_SKIPPED, "its URLs hold for every range: redirects go to followers only");
    TRY(store_put(trial->store, trial->io, trial->key, S("0123456789"), NULL, NULL, error));
    TRY(store_presign_range(trial->store, trial->io, trial->key, signed_range, URL_LIFE, &url, &valid_until, error));
    TRY(answer_of(trial, url, signed_range, &http_status, error));
    if (http_status != 206) return not_bound(trial, "does not give the range that a presigned URL is signed for", http_status);
    TRY(answer_of(trial, url, other, &http_status, error));
    if (http_status < 400) return not_bound(trial, "gives another range than a presigned URL is signed for", http_status);
    TRY(answer_of(trial, url, none, &http_status, error));
    if (http_status < 400) return not_bound(trial, "gives all of an object where a presigned URL is signed for a range", http_status);
    return say(trial, TRIAL_GOOD, "a presigned URL holds for its range alone");
}

/* --- the clock */

static enum status try_clock(struct trial *trial, struct error *error)
{
    struct store_object object;
    TRY(store_put(trial->store, trial->io, trial->key, S("x"), NULL, NULL, error));
    TRY(store_head(trial->store, trial->io, trial->key, &object, error));
    int64_t off = object.modified - clock_real();
    if (object.modified == 0) return say(trial, TRIAL_WEAK, "it does not say when an object was written");
    if (off > CLOCK_TOLERANCE || off < -CLOCK_TOLERANCE)
        return say(trial, TRIAL_WEAK, "its clock is %lld s %s ours: S3 refuses signatures that are 15 minutes off",
                   (long long)(off < 0 ? -off : off) / CLOCK_SECOND, off < 0 ? "behind" : "ahead of");
    return say(trial, TRIAL_GOOD, "its clock and ours agree");
}

/* --- the table */

static const struct {
    const char *name, *means;
    enum status (*run)(struct trial *, struct error *);
    bool decides; /* also tried before a publication */
} trials[] = {
    {"reads what was written", "each version is read again after it is published", try_reading, false},
    {"put if absent", "channels, releases and publications are decided by it", try_absent, true},
    {"put if absent, at once", "two commands at the same time lose nothing", try_racing, true},
    {"upload if absent, at once", "nothing relies on it: a package has a name of its publisher's own", try_large, false},
    {"copies the version named", "nothing relies on it: a copy's source is looked at again", try_copying, false},
    {"ranges", "slices and resumed downloads", try_ranges, false},
    {"conditions of reads", "what is in memory is asked for again without its bytes", try_conditions, false},
    {"lists in order", "the newest document is the first of its list", try_listing, false},
    {"presigned ranges", "redirects give a device no bytes but those it asked for", try_presigning, true},
    {"clock", "signatures, and the age of uploads that were cut off", try_clock, false},
};

/* --- what is kept of it */

static enum status keep_record(struct store *store, struct io io, enum trial_verdict verdict, struct str why, struct error *error)
{
    const struct store_put put = {.content_type = "application/json"};
    struct buf out = buf_in(io.arena, RECORD_MAX);
    struct json_writer json = json_writer(&out);
    json_open_object(&json, NULL);
    json_put_text(&json, "store", store->asked);
    json_put_word(&json, "version", PAKHUS_VERSION);
    json_put_text(&json, "time", clock_format_time(io.arena, clock_real()));
    json_put_word(&json, "verdict", verdicts[verdict]);
    json_put_lossy(&json, "why", why);
    json_close(&json);
    buf_add_byte(&out, '\n');
    return store_put(store, io, record_key, buf_str(&out), &put, NULL, error);
}

/* The last outcome. */
struct record {
    int verdict;
    struct str why;
    bool counts;
};

static enum status parse_record(const struct store *store, struct arena *arena, struct str text, struct record *record, struct error *error)
{
    static const char *const kept[] = {"good", "weak", "refused", NULL};
    struct config config;
    struct str name = {0}, version = {0};
    int64_t time = 0;
    TRY(config_open(arena, text, "record", &config, error));
    TRY(config_text(&config, "store", CONFIG_REQUIRED, &name, error));
    TRY(config_text(&config, "version", CONFIG_REQUIRED, &version, error));
    TRY(config_time(&config, "time", CONFIG_REQUIRED, &time, error));
    TRY(config_choice(&config, "verdict", CONFIG_REQUIRED, kept, &record->verdict, error));
    TRY(config_text(&config, "why", CONFIG_OPTIONAL, &record->why, error));
    TRY(config_end(&config, error));
    int64_t age = clock_real() - time;
    record->counts = str_equal(name, store->asked) && str_equal(version, S(PAKHUS_VERSION)) && age >= 0 && age < RECORD_LIFE;
    return STATUS_OK;
}

/* Whether the last outcome still counts: for this store, asked in the same way (a bucket may have been copied, or its URL changed), by this
 * version, within a day. A record that can't be read is none. */
static bool find_record(struct store *store, struct io io, struct record *record)
{
    struct store_object object;
    struct error ignored;
    const struct store_get get = {.limit = RECORD_MAX};
    *record = (struct record){.verdict = TRIAL_GOOD, .why = S("")};
    return store_get(store, io, record_key, &get, &object, &ignored) == STATUS_OK &&
           parse_record(store, io.arena, object.body, record, &ignored) == STATUS_OK && record->counts;
}

/* --- all of them */

static enum status run_trial(struct trial trial, size_t which, struct trial_result *result, struct error *error)
{
    struct error ignored;
    trial.key = arena_printf(trial.io.arena, "probe/%016llx", (unsigned long long)store_random());
    enum status status = trials[which].run(&trial, error);
    if (status != STATUS_WOULD_BLOCK) store_remove(trial.store, trial.io, trial.key, &ignored);
    if (status != STATUS_OK) return error_context(error, "trying '%s'", trials[which].name);
    *result = (struct trial_result){trials[which].name, trials[which].means, trial.verdict, trial.seen};
    return STATUS_OK;
}

enum status store_try(struct store *store, struct io io, trial_fn *tell, void *context, enum trial_verdict *verdict, struct error *error)
{
    const struct trial trial = {.store = store, .io = io, .races = RACES};
    struct str why = S("");
    TRY(store_reach(store, io, error)); /* SeaweedFS makes the bucket that a PUT names */
    *verdict = TRIAL_GOOD;
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
        struct trial_result result;
        TRY(run_trial(trial, i, &result, error));
        tell(context, &result);
        if (result.verdict == TRIAL_SKIPPED || result.verdict <= *verdict) continue;
        *verdict = result.verdict;
        why = result.seen;
    }
    return keep_record(store, io, *verdict, why, error);
}

static enum status refuse(const struct store *store, struct str why, struct error *error)
{
    return error_set(error, STATUS_UNSUPPORTED, STR_FMT ": " STR_FMT, STR_ARG(store->name), STR_ARG(why));
}

/* Runs the trials that a publication depends on. The outcome for a directory is not kept, because its trials cost next to nothing. */
static enum status try_decisive(struct store *store, struct io io, struct error *error)
{
    struct error ignored;
    bool is_near = store->abilities.cheap_metadata;
    const struct trial trial = {.store = store, .io = io, .races = is_near ? 1 : RACES};
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
        struct trial_result result;
        if (!trials[i].decides) continue;
        TRY(run_trial(trial, i, &result, error));
        if (result.verdict != TRIAL_REFUSED) continue;
        if (!is_near) keep_record(store, io, TRIAL_REFUSED, result.seen, &ignored);
        return refuse(store, result.seen, error);
    }
    /* `pakhus store check` may have refused the store meanwhile: that outcome stays. */
    struct record record;
    bool is_refused = !is_near && find_record(store, io, &record) && record.verdict == TRIAL_REFUSED;
    if (!is_near && !is_refused) keep_record(store, io, TRIAL_GOOD, S(""), &ignored); /* if it can't be kept, the next one tries again */
    return STATUS_OK;
}

enum status store_probe(struct store *store, struct io io, struct error *error)
{
    struct record record;
    if (atomic_load(&store->probed)) return STATUS_OK;
    TRY(store_reach(store, io, error));
    bool is_known = !store->abilities.cheap_metadata && find_record(store, io, &record);
    if (is_known && record.verdict == TRIAL_REFUSED) {
        refuse(store, record.why, error);
        return error_context(error, "found by the last check (`pakhus store check` looks again)");
    }
    if (!is_known) TRY(try_decisive(store, io, error));
    atomic_store(&store->probed, true);
    return STATUS_OK;
}
