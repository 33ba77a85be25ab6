/* Channel info as JSON: an object of strings with the key `channel` (S4, S12). One text for one meaning: compact, names in the order they
 * came in. */
#ifndef APK_INFO_H
#define APK_INFO_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

enum { APK_INFO_MAX = 1 << 20 }; /* bytes of JSON that are looked at */

/* `json` is a JSON object of strings, UTF-8, with the key `channel`; `channel` is that key's value, decoded. */
struct apk_info {
    struct str json, channel;
};

/* Checks and normalises. Where `channel` is missing in the object it becomes `fallback` (the channel's id), put first; with an empty
 * fallback that is STATUS_INVALID. */
enum status apk_info_parse(struct arena *, struct str json, struct str fallback, struct apk_info *, struct error *);
/* The members of `extra` (a JSON object of strings) over those of `base`. STATUS_INVALID where it would change `channel`. */
enum status apk_info_merge(struct arena *, const struct apk_info *base, struct str extra, struct apk_info *, struct error *);

/* A whole JSON object, with white space around it at most: what Walle's reader accepts. */
bool apk_info_is_object(struct str);

#endif
