/* Channel info as the readers in the field expect it (Walle, VasDolly, packer-ng), written into a region and read back. */
#ifndef APK_CHANNEL_H
#define APK_CHANNEL_H

#include "lib/apk/apk.h"

/* A set. RAW is S5's own v1 form: info at the start of the comment. */
enum apk_format { APK_RAW = 1, APK_WALLE = 2, APK_VASDOLLY = 4, APK_PACKER_NG = 8 };
bool apk_format_parse(struct str name, enum apk_format *); /* "raw", "walle", "vasdolly", "packer-ng" */
const char *apk_format_name(enum apk_format);
/* Which of the app's formats a v1 package carries: the one that has a v1 form; none: APK_RAW. STATUS_INVALID where two have. */
enum status apk_format_v1(unsigned formats, enum apk_format *, struct error *);

/* `json` is a JSON object of strings, UTF-8, with the key `channel`; `channel` is that key's value, decoded. */
struct apk_info {
    struct str json, channel;
};

/* Fills `out` (region.length bytes) with what a channel package has there. `schemes` tells a comment (v1 only) from a signing block. `formats` 0: Walle in a block, raw in a comment. info NULL: the unfilled form.
 * STATUS_TOO_LARGE with "… N bytes fit": where info does not fit. Writes nothing then. S5, S6. */
enum status apk_fill(unsigned schemes, unsigned formats, const struct apk_info *, void *out, size_t length, struct error *);
/* The longest `json` that apk_fill takes with these formats and this channel name. 0: none. */
size_t apk_fill_room(unsigned schemes, unsigned formats, struct str channel, size_t length);

/* What each reader would see in a file; empty where it would find nothing. */
struct apk_channels {
    struct str raw, walle, vasdolly, packer_ng;
};
void apk_read_channels(struct arena *, const struct apk *, struct apk_channels *);

#endif
