/* Channel info as the readers in the field expect it (Walle, VasDolly, packer-ng), written into a region and read back. */
#ifndef APK_CHANNEL_H
#define APK_CHANNEL_H

#include "lib/apk/apk.h"

/* A set. RAW is S5's own v1 form: info at the start of the comment. */
enum apk_format { APK_RAW = 1, APK_WALLE = 2, APK_VASDOLLY = 4, APK_PACKER_NG = 8 };
#define APK_FORMATS_BLOCK   (APK_WALLE | APK_VASDOLLY | APK_PACKER_NG) /* those with a form in a signing block */
#define APK_FORMATS_COMMENT (APK_RAW | APK_VASDOLLY | APK_PACKER_NG)   /* in a v1 package's comment */
bool apk_format_parse(struct str name, enum apk_format *);             /* "raw", "walle", "vasdolly", "packer-ng" */
const char *apk_format_name(enum apk_format);
/* "walle,packer-ng": a set. STATUS_INVALID names the one that is not known. */
enum status apk_formats_parse(struct str list, unsigned *formats, struct error *);
/* Which of the app's formats a v1 package carries: the one that has a v1 form; none: APK_RAW. STATUS_INVALID where two have. */
enum status apk_format_v1(unsigned formats, enum apk_format *, struct error *);

/* `json` is a JSON object of strings, UTF-8, with the key `channel`; `channel` is that key's value, decoded. */
struct apk_info {
    struct str json, channel;
};
/* Fills `out` (region.length bytes) with what a channel package has there. `schemes` tells a comment (v1 only) from a signing block.
 * `formats` 0: Walle in a block, raw in a comment. info NULL: the unfilled form. STATUS_TOO_LARGE with "… N bytes fit": where info does not
 * fit. STATUS_INVALID where a format cannot carry this channel name, or none has a form here. Writes nothing then. S5, S6. In a block:
 * Walle, VasDolly, packer-ng pair, then a pair APK_ID_REGION over what is left. Where that is 1 to 11 bytes, too few for a pair, the first
 * value is padded in a way that its reader passes over. */
enum status apk_fill(unsigned schemes, unsigned formats, const struct apk_info *, void *out, size_t length, struct error *);
/* The longest `json` that apk_fill takes with these formats and this channel name. 0: none. SIZE_MAX: any, as no format carries more of it
 * than the name. */
size_t apk_fill_room(unsigned schemes, unsigned formats, struct str channel, size_t length);

/* Fills `out` (the region of a package with the schemes `to`) with what apk_fill wrote into another one's: channel info moves from version
 * to version. Between two forms: info (raw) in a comment and Walle's pair in a block are one; of several formats in a block the one that
 * has a v1 form is kept. STATUS_INVALID where the old region holds anything else, or formats with two v1 forms; else as apk_fill. */
enum status apk_carry(struct arena *, unsigned from, struct str region, unsigned to, void *out, size_t length, struct error *);

/* What each reader would see in a file; empty where it would find nothing. `raw` and `walle` are JSON, the others names. */
struct apk_channels {
    struct str raw, walle, vasdolly, packer_ng;
};
void apk_read_channels(struct arena *, const struct apk *, struct apk_channels *);

#endif
