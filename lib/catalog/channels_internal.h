/* Documents of channels, as their readers and writers share them. */
#ifndef CATALOG_CHANNELS_INTERNAL
#define CATALOG_CHANNELS_INTERNAL

#include "base/json.h"
#include "lib/catalog/channels.h"
#include "lib/config/config.h"
#include "lib/store/generation.h"

#define SERIAL_MAX 1000000000

void channels_default(struct channels *);
/* The members that both layouts have. */
enum status channels_parse_settings(struct config *, struct channels *, struct error *);
/* The settings document. STATUS_CORRUPT, with its key. */
enum status channels_parse(struct arena *, const struct generation *, struct channels *, struct error *);
struct str channels_format(struct arena *, const struct channels *);
struct generations channels_settings(struct catalog);

/* The entry of a channel in its shard. Data NULL: too large. */
struct str channels_format_entry(struct arena *, const struct channel *);
/* As it stands there: see channels_age. */
enum status channels_parse_entry(struct arena *, struct str id, struct str value, struct channel *, struct error *);
void channels_age(const struct channels *, struct channel *);
/* `channel->info` from an object. */
enum status channels_take_info(struct config *, struct channel *, struct error *);
struct shards channels_shards(const struct channels_source *);

/* Version 0.1's document; generation 0 where there is none. `known` as in generation_newest. */
enum status channels_load_old(struct catalog, uint64_t known, struct channels *, struct error *);
const struct channel *channels_find_old(const struct channels_old *, struct str id); /* NULL: unknown */
enum status channels_each_old(const struct channels_old *, struct str prefix, channels_each_fn *, void *context, struct error *);

/* --- for writers */

int64_t channels_time_of_change(int64_t before);
/* The settings of shards that have all channels: version 0.1's document is moved first. */
enum status channels_open(struct catalog, struct channels *, bool *moved, struct error *);
struct channels_edit {
    const struct channels *expected; /* the settings that were looked at; NULL: any */
    channels_change_fn *change;
    void *context;
    bool conflict; /* out: there are others by now, and nothing was changed */
};
enum status channels_edit_settings(struct catalog, struct channels_edit *, struct channels *result, struct error *);
/* shards_update, and the settings' depth after it. */
enum status channels_write(const struct channels_source *, const struct shards_change *, size_t *written, struct error *);

#endif
