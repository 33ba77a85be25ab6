#include "base/url.h"
#include "lib/admission/profile_internal.h"

static bool is_fetchable(struct str text)
{
    struct url url;
    struct error ignored;
    return text.length <= 2048 && url_parse(text, &url, &ignored) == STATUS_OK && url_is_web(&url);
}

enum status profile_parse_urls(struct config *config, const char *name, size_t most, struct admission_urls *urls, struct error *error)
{
    struct str word = {0};
    if (json_is_string(json_object_get(config->object, name))) {
        TRY(config_text(config, name, CONFIG_OPTIONAL, &word, error));
        if (!admission_is_edge(word)) return config_refuse(config, name, error, "must be an array of URLs, or \"edge\"");
        urls->items = arena_new_of(config->arena, struct str);
        *urls->items = word;
        urls->count = 1;
        return STATUS_OK;
    }
    TRY(config_texts(config, name, CONFIG_OPTIONAL, most, &urls->items, &urls->count, error));
    for (size_t i = 0; i < urls->count; i++)
        if (!admission_is_edge(urls->items[i]) && !is_fetchable(urls->items[i]))
            return config_refuse(config, name, error, "number %zu is not an http or https URL", i);
    return STATUS_OK;
}

static struct admission_urls join(struct arena *arena, struct admission_urls first, struct admission_urls second)
{
    struct admission_urls both = {arena_array(arena, first.count + second.count, sizeof *both.items), 0};
    for (size_t i = 0; i < first.count; i++) both.items[both.count++] = first.items[i];
    for (size_t i = 0; i < second.count; i++) both.items[both.count++] = second.items[i];
    return both;
}

/* Its own addresses, else those of its source, else the profile's. */
static struct admission_urls addresses_of(struct arena *arena, const struct admission_profile *profile,
                                          const struct admission_strategy *strategy, struct admission_urls cdn, struct admission_urls peer)
{
    struct admission_urls of_source = strategy->source == ADMISSION_CDN    ? cdn
                                      : strategy->source == ADMISSION_PEER ? peer
                                                                           : join(arena, peer, cdn);
    if (strategy->urls.count > 0) return strategy->urls;
    return of_source.count > 0 ? of_source : profile->urls;
}

static bool names_edge(const struct admission_urls *urls)
{
    for (size_t i = 0; i < urls->count; i++)
        if (admission_is_edge(urls->items[i])) return true;
    return false;
}

static enum status check_query(struct config *config, const struct admission_profile *profile, struct error *error)
{
    bool edge = names_edge(&profile->urls);
    for (int level = 0; level < ADMISSION_LEVELS; level++) edge = edge || names_edge(&profile->levels.strategy[level].urls);
    if (edge && profile->query.length == 0)
        return config_refuse(
            config, "query", error,
            "is missing: \"edge\" needs the URL that says where, such as https://packages.example/query?app=APP1&version=2.0");
    if (profile->query.length > 0 && !is_fetchable(profile->query))
        return config_refuse(config, "query", error, "must be an http or https URL");
    if (profile->query.length > 0 && str_find(profile->query, '?') == profile->query.length)
        return config_refuse(config, "query", error, "must name the package: …/query?app=APP1&version=2.0");
    return STATUS_OK;
}

enum status profile_parse_sources(struct config *config, struct admission_profile *profile, struct error *error)
{
    struct config child;
    struct admission_urls cdn = {0}, peer = {0};
    TRY(profile_parse_urls(config, "urls", PROFILE_URLS_MAX, &profile->urls, error));
    TRY(config_text(config, "query", CONFIG_OPTIONAL, &profile->query, error));
    TRY(config_object(config, "sources", CONFIG_OPTIONAL, &child, error));
    if (child.object) {
        TRY(profile_parse_urls(&child, "cdn", PROFILE_URLS_MAX, &cdn, error));
        TRY(profile_parse_urls(&child, "peer", PROFILE_URLS_MAX, &peer, error));
        TRY(config_end(&child, error));
    }
    profile->has_sources = cdn.count + peer.count > 0 || names_edge(&profile->urls);
    for (int level = 0; level < ADMISSION_LEVELS; level++) {
        struct admission_strategy *strategy = &profile->levels.strategy[level];
        profile->has_sources = profile->has_sources || strategy->urls.count > 0;
        strategy->urls = addresses_of(config->arena, profile, strategy, cdn, peer);
    }
    return check_query(config, profile, error);
}

/* --- the addresses to try */

bool admission_is_edge(struct str url)
{
    return str_equal(url, S("edge"));
}

static void add_address(struct admission_addresses *list, enum admission_level level, struct str url)
{
    for (size_t i = 0; i < list->count; i++)
        if (str_equal(list->items[i].url, url)) return;
    list->items[list->count++] = (struct admission_address){level, url};
}

struct admission_addresses admission_profile_addresses(struct arena *arena, const struct admission_profile *profile,
                                                       enum admission_level level)
{
    size_t most = profile->urls.count;
    for (int i = level; i < ADMISSION_LEVELS; i++) most += profile->levels.strategy[i].urls.count;
    struct admission_addresses list = {arena_array(arena, most, sizeof *list.items), 0};
    for (int i = level; i < ADMISSION_LEVELS; i++) {
        const struct admission_urls *urls = &profile->levels.strategy[i].urls;
        for (size_t k = 0; k < urls->count; k++) add_address(&list, (enum admission_level)i, urls->items[k]);
    }
    for (size_t k = 0; k < profile->urls.count; k++) add_address(&list, ADMISSION_HIGHEST, profile->urls.items[k]);
    return list;
}
