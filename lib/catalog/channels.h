/* An app's channels, and what holds for all of them: `channels/<app>/<n>`, a row of generations. */
#ifndef CATALOG_CHANNELS_H
#define CATALOG_CHANNELS_H

#include "lib/apk/channel.h"
#include "lib/catalog/catalog.h"
#include "lib/store/generation.h"

enum channels_validator { CHANNELS_VALIDATOR_PACKAGE, CHANNELS_VALIDATOR_STORE };
enum channels_url_info { CHANNELS_URL_SIGNED, CHANNELS_URL_UNSIGNED, CHANNELS_URL_NEVER };

struct channel {
    struct str id;
    struct apk_info info;
    int64_t changed; /* when its info or the formats last did; part of Last-Modified. channels_update sees to it */
};

/* Immutable once parsed. An app without a row has the defaults: Walle, `package`, signed, "{app}-{version}-{channel}.apk", no channels. */
struct channels {
    uint64_t generation; /* 0: no row */
    unsigned formats;
    enum channels_validator validator;
    enum channels_url_info url_info;
    struct str filename;   /* template */
    struct channel *items; /* by id, in byte order */
    size_t count;
    struct channel *removed; /* likewise; with validator `store` only: what caches may still hold, and what must not come back changed */
    size_t removed_count;
};

struct str channels_format(struct arena *, const struct channels *);
const struct channel *channels_find(const struct channels *, struct str id); /* NULL: unknown */

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

/* Newest row; `known` as in generation_newest, with STATUS_NOT_MODIFIED. */
enum status channels_load(struct catalog, uint64_t known, struct channels *, struct error *);

/* Changes the row, safely with several writers. `change` edits *channels in the arena (items may be replaced; they need not be sorted), and
 * returns STATUS_NOT_MODIFIED for nothing to do. Refused (STATUS_INVALID): info that does not fit into APK_REGION_DEFAULT bytes (S4, with
 * the number of bytes that fit); formats with two v1 forms where a v1 package is published; and with validator `store` a change to what a
 * published channel's bytes are made of, be it by way of removing it. */
typedef enum status channels_change_fn(void *context, struct arena *, struct channels *, struct error *);
enum status channels_update(struct catalog, channels_change_fn *, void *context, struct channels *result, struct error *);

#endif
