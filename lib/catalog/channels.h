/* An app's channels, and what holds for all of them:
 *
 *     channels/<app>/settings/<n>     formats, validator and the like, and the folder of the shards: a versioned document
 *     channels/<app>/<folder>/…       one entry a channel, in shards (lib/store/shard.h)
 *     channels/<app>/<n>              version 0.1: all of it in one versioned document
 *
 * The document of version 0.1 is read until a writer has moved its channels into shards; then it is left as it is, so that older instances
 * go on answering. What older writers change in it later is not read; writers of this version warn of it. */
#ifndef CATALOG_CHANNELS_H
#define CATALOG_CHANNELS_H

#include "base/json.h"
#include "lib/apk/channel.h"
#include "lib/catalog/catalog.h"
#include "lib/store/shard.h"

enum channels_validator { CHANNELS_VALIDATOR_PACKAGE, CHANNELS_VALIDATOR_STORE };
enum channels_url_info { CHANNELS_URL_SIGNED, CHANNELS_URL_UNSIGNED, CHANNELS_URL_NEVER };

struct channel {
    struct str id;
    struct apk_info info;
    int64_t changed; /* when its info or the formats last did, ms; part of Last-Modified */
    bool removed;    /* with validator `store` only: what caches may still hold, and what must not come back changed */
    uint64_t serial; /* of the formats, when `changed` was set */
};

struct channels_old;

/* Immutable once parsed. An app without a document has the defaults: Walle, `package`, signed, "{app}-{version}-{channel}.apk". */
struct channels {
    uint64_t generation; /* of the settings or of version 0.1's document; 0: neither is there */
    unsigned formats;
    enum channels_validator validator;
    enum channels_url_info url_info;
    struct str filename; /* template */
    /* Where the channels are. */
    struct str shards; /* name of the folder; empty: in `old` */
    unsigned depth;    /* of most shards */
    uint64_t serial;   /* counts the changes of the formats, the last of them at `formats_changed` */
    int64_t formats_changed;
    uint64_t moved; /* the generation of version 0.1's document that was moved; 0: none */
    const struct channels_old *old;
};

/* The settings as members of an open object. */
void channels_put_settings(struct json_writer *, const struct channels *);

/* The file name that the template makes. `channel` empty: "{app}-{version}.apk" whatever the template, as it speaks of channels. */
struct str channels_filename(struct arena *, const struct channels *, struct str app, struct str version, struct str channel);
enum status channels_check_filename(struct str template, struct error *);
/* "walle,vasdolly" as a set that is not empty. Refuses what is unknown, and what is for v1 packages only together with another v1 form. */
enum status channels_parse_formats(struct str list, unsigned *formats, struct error *);
bool channels_validator_parse(struct str, enum channels_validator *);
bool channels_url_info_parse(struct str, enum channels_url_info *);

/* A v1 package carries one format: STATUS_INVALID for formats that have two v1 forms and a package with these schemes. Asked before
 * publishing. */
enum status channels_check_package(const struct channels *, struct str app, unsigned schemes, struct error *);

/* The settings. `known` (NULL: none) is what the caller has: STATUS_NOT_MODIFIED where it is the newest. */
enum status channels_load(struct catalog, const struct channels *known, struct channels *, struct error *);

/* Where channels are looked up. */
struct channels_source {
    struct catalog catalog;
    const struct channels *channels;
    struct cache *cache; /* of shards (lib/store/shard.h), or NULL */
};
/* STATUS_NOT_FOUND, with words, for a channel that is unknown or removed. */
enum status channels_find(const struct channels_source *, struct str id, struct channel *, struct error *);
/* The next channels_find asks the store. */
void channels_expire(const struct channels_source *, struct str id);
/* Calls `each` for every channel whose id begins with `prefix`, removed ones too, in no order, until it returns another status than
 * STATUS_OK. */
typedef enum status channels_each_fn(void *context, const struct channel *, struct error *);
enum status channels_each(const struct channels_source *, struct str prefix, channels_each_fn *, void *context, struct error *);

/* --- changes. They are safe with several writers, and can be repeated. io.deadline bounds each step. */

/* Moves version 0.1's document. *moved: there was something to move. */
enum status channels_upgrade(struct catalog, bool *moved, struct error *);

/* Changes the settings. `change` edits *channels in the arena; it is called again where another writer was faster. Refused
 * (STATUS_INVALID): formats in which a channel's info does not fit; formats with two v1 forms where a v1 package is published; and with
 * validator `store` other formats or another validator where there are channels, or were some. */
typedef enum status channels_change_fn(void *context, struct arena *, struct channels *, struct error *);
enum status channels_configure(struct catalog, channels_change_fn *, void *context, struct channels *result, struct error *);

struct channels_set {
    struct shard_entry *entries; /* key: the id; of two entries with one id the one with the larger tag counts */
    size_t count;
    /* The info of an entry; may be called several times, and from several threads at once. */
    enum status (*info)(void *context, struct arena *, const struct shard_entry *, struct apk_info *, struct error *);
    void *context;
    unsigned formats;                             /* for all of the app's channels; 0: as they are */
    void (*progress)(void *context, size_t done); /* may be NULL; as in shards_change */
    void *progress_context;
};
/* Adds channels, or changes their info; *changed: how many are new or others than before. All are checked before the first is written.
 * Refused (STATUS_INVALID): info that does not fit into APK_REGION_DEFAULT bytes (S4, with the number of bytes that fit), and with
 * validator `store` other info for a channel that is published, or was. */
enum status channels_set(struct catalog, const struct channels_set *, size_t *changed, struct error *);
/* STATUS_NOT_FOUND where one of them is not there: then none is removed. */
enum status channels_remove(struct catalog, const struct str *ids, size_t count, struct error *);

/* Gives `to` the settings and channels that `from` has, but for the times of changes: every store keeps those for itself. Costs a listing
 * of `from` where nothing has changed since the last time. */
enum status channels_copy(struct catalog from, struct catalog to, struct error *);

#endif
