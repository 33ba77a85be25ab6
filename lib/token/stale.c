#include "lib/token/stale.h"

#include "lib/token/token.h"

enum { DIRECTORY_BITS = 21 };
static const double LEAST_MOST = 1e9;

/* --- tags */

/* FNV-1a of 64 bits, as 1 to `most`. */
static uint32_t tag(struct str text, uint32_t most)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        hash = (hash ^ (unsigned char)c) * 0x100000001b3;
    }
    return (uint32_t)(hash % most) + 1;
}

static uint16_t tag_of_type(struct str type)
{
    char lower[TOKEN_TYPE_MAXIMUM];
    struct str essence = token_type_essence(type);
    if (essence.length == 0 || essence.length > sizeof lower) return 0;
    for (size_t i = 0; i < essence.length; i++) {
        char c = essence.data[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
    }
    return (uint16_t)tag(str_make(lower, essence.length), UINT16_MAX);
}

/* How many directories the path has, and the tags of the first of them. */
static unsigned tag_directories(struct str path, uint32_t tags[STALE_DIRECTORIES])
{
    unsigned depth = 0;
    for (size_t i = 1; i < path.length; i++) {
        if (path.data[i] != '/') continue;
        if (depth < STALE_DIRECTORIES) tags[depth] = tag(str_first(path, i + 1), (1U << DIRECTORY_BITS) - 1);
        depth++;
    }
    return depth;
}

struct stale_tags stale_tags_of(struct str path, struct str type)
{
    struct stale_tags tags = {.type = tag_of_type(type)};
    tag_directories(path, tags.directories);
    return tags;
}

/* --- rules */

static bool read_name(struct str name, struct stale_rule *rule)
{
    uint32_t tags[STALE_DIRECTORIES] = {0};
    size_t slash = str_find(name, '/');
    if (slash > 0) {
        rule->type = tag_of_type(name);
        return slash + 1 < name.length && rule->type != 0;
    }
    rule->depth = tag_directories(name, tags);
    if (!str_ends(name, S("/")) || rule->depth < 1 || rule->depth > STALE_DIRECTORIES) return false;
    rule->directory = tags[rule->depth - 1];
    return true;
}

enum status stale_rules_parse(struct arena *arena, struct str text, struct stale_rules *rules, struct error *error)
{
    rules->items = arena_array(arena, STALE_RULES_MOST, sizeof *rules->items);
    while (text.data) {
        struct str least = str_trim(str_cut(&text, ',')), name = str_cut(&least, '=');
        struct stale_rule rule = {0};
        ENSURE(least.data && read_name(str_trim(name), &rule), error, STATUS_INVALID,
               "rules: '" STR_FMT "' must be a path of 1 to %d directories (/img/) or a media type (text/css), and = and a number",
               STR_ARG(name), STALE_DIRECTORIES);
        ENSURE(str_to_double(str_trim(least), &rule.least) && rule.least >= 0 && rule.least <= LEAST_MOST, error, STATUS_INVALID,
               "rules: '" STR_FMT "' of '" STR_FMT "' must be a number from 0 to 1e9", STR_ARG(least), STR_ARG(name));
        ENSURE(rules->count < STALE_RULES_MOST, error, STATUS_INVALID, "rules: more than %d", STALE_RULES_MOST);
        rules->items[rules->count++] = rule;
    }
    return STATUS_OK;
}

static bool applies(const struct stale_rule *rule, const struct stale_tags *tags)
{
    return rule->depth > 0 ? tags->directories[rule->depth - 1] == rule->directory : tags->type == rule->type;
}

double stale_least_of(const struct stale_rules *rules, const struct stale_tags *tags)
{
    const struct stale_rule *best = NULL;
    for (size_t i = 0; i < rules->count; i++) {
        const struct stale_rule *rule = &rules->items[i];
        if (applies(rule, tags) && (!best || rule->depth > best->depth)) best = rule;
    }
    return best ? best->least : rules->least;
}

double stale_frequency(const int64_t *updates, size_t most, const struct stale_rules *rules, double least, int64_t now)
{
    double period = (double)rules->period, window = least > 0 && least < 1 ? period / least : period;
    size_t count = 0;
    while (count < most && updates[count] != 0 && (double)(now - updates[count]) <= window) count++;
    if (count == most) {
        double span = (double)(now - updates[most - 1]);
        if (span < window) window = span < CLOCK_SECOND ? CLOCK_SECOND : span;
    }
    return (double)count * period / window;
}
