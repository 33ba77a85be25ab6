/* Channel info as the readers in the field expect it, written into a region and read back. What formats there are is in format.h. */
#ifndef APK_CHANNEL_H
#define APK_CHANNEL_H

#include "lib/apk/format.h"
#include "lib/apk/info.h"

/* A region's bytes, and the schemes of its package, which tell a comment (v1 only) from a signing block. */
struct apk_filling {
    unsigned schemes;
    void *bytes;
    size_t length;
};

/* Fills the region with what a channel package has there. `formats` is a set, 0 the default in this place (apk_formats_choose). info NULL:
 * the unfilled form. STATUS_TOO_LARGE with "… N bytes fit": where info does not fit. STATUS_INVALID where a format cannot carry this
 * channel name, or none has a form here. Writes nothing then. S5, S6. In a block: the formats' pairs, then a pair APK_ID_REGION over what
 * is left. Where that is 1 to 11 bytes, too few for a pair, the first value is padded in a way that its reader passes over. */
enum status apk_fill(struct apk_filling, unsigned formats, const struct apk_info *, struct error *);
/* The longest `json` that apk_fill takes with these formats and this channel name. 0: none. SIZE_MAX: any, as no format carries more of it
 * than the name. */
size_t apk_fill_room(unsigned schemes, unsigned formats, struct str channel, size_t length);

/* Fills the region `to` with what apk_fill wrote into `region`, of a package with the schemes `from`: channel info moves from version to
 * version. Where none of its formats has a form in the new one's place, the default there takes the info over; of several formats in a
 * block the one that has a form in a comment is kept there. STATUS_INVALID where the old region holds anything else, or formats of which
 * two have such a form; else as apk_fill. */
enum status apk_carry(struct arena *, unsigned from, struct str region, struct apk_filling to, struct error *);

/* What each reader would see in a file: JSON for formats that carry the info, else a name; empty where it would find nothing. */
struct apk_channels {
    struct str seen[APK_FORMAT_COUNT];
};
void apk_read_channels(struct arena *, const struct apk *, struct apk_channels *);

#endif
