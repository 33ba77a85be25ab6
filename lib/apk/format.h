/* The channel formats that readers in the field know, one row each. Whoever writes, reads, lists or shows channel info loops over them.
 *
 * To add one: a file format_NAME.c that defines apk_format_NAME, a row behind the others below, a value of it in
 * tests/unit/test_apk_format.c. The order is that of the pairs in a block. Packages in stores are filled in it, so rows keep their place.
 */
#ifndef APK_FORMAT_H
#define APK_FORMAT_H

#include "lib/apk/layout.h"

/* bit in a set of formats | its row | its name in options and in an app's row */
#define APK_FORMATS(X)                                                                                                                     \
    X(RAW, raw, "raw")                                                                                                                     \
    X(WALLE, walle, "walle")                                                                                                               \
    X(VASDOLLY, vasdolly, "vasdolly")                                                                                                      \
    X(PACKER_NG, packer_ng, "packer-ng")

#define APK_FORMAT_INDEX(bit, row, name) APK_FORMAT_##bit,
#define APK_FORMAT_BIT(bit, row, name)   APK_##bit = 1 << APK_FORMAT_##bit,
#define APK_FORMAT_ROW(bit, row, name)   extern const struct apk_format apk_format_##row;
#define APK_FORMAT_NAME(bit, row, name)  name ", "
enum { APK_FORMATS(APK_FORMAT_INDEX) APK_FORMAT_COUNT };
enum { APK_FORMATS(APK_FORMAT_BIT) APK_FORMATS_ALL = (1 << APK_FORMAT_COUNT) - 1 };
#define APK_FORMAT_NAMES APK_FORMATS(APK_FORMAT_NAME) /* "raw, walle, …, ", for the help */

/* Where a region is, which the package's schemes decide. */
enum apk_place { APK_IN_BLOCK, APK_IN_COMMENT, APK_PLACE_COUNT };

/* How a format's value looks in one place: a pair's value, or the whole comment. */
struct apk_form {
    uint32_t id;  /* of its pair; in a comment unused */
    size_t frame; /* bytes that stand around the text */
    size_t max;   /* bytes of text that its reader takes; SIZE_MAX: all that there is room for */
    /* STATUS_INVALID: a text that this form cannot carry. NULL: it carries all. */
    enum status (*check)(struct str text, struct error *);
    /* Fills all of `out`: at least frame + text.length bytes, and what is over such that its reader passes over it. NULL: the format has no
     * form in this place. */
    void (*write)(char *out, size_t length, struct str text);
    /* Where the text stands in a value; data NULL where none does. */
    struct str (*read)(struct str value);
};

struct apk_format {
    const char *reader; /* as people call it: "Walle" */
    const char *title;  /* what it leaves in a package: "Walle channel" */
    bool info;          /* its text is the info, a JSON object; else the channel's name */
    bool trims;         /* its reader takes off white space around the text */
    struct apk_form forms[APK_PLACE_COUNT];
};
APK_FORMATS(APK_FORMAT_ROW)
extern const struct apk_format *const apk_formats[APK_FORMAT_COUNT];

const char *apk_format_name(size_t index);
/* "walle,packer-ng": a set. STATUS_INVALID names the one that is not known. */
enum status apk_formats_parse(struct str list, unsigned *formats, struct error *);
/* A set as words: "raw, vasdolly and packer-ng", with `last` ("and") before the last one. */
struct apk_formats_text {
    char text[sizeof(APK_FORMAT_NAMES) + 8]; /* room for `last` */
};
struct apk_formats_text apk_formats_text(unsigned formats, const char *last);

enum apk_place apk_format_place(unsigned schemes);
/* Those that have a form there. */
unsigned apk_formats_in(enum apk_place);
/* Those of the app's formats that a package carries in this place: in a comment one. None that has a form there: in a block STATUS_INVALID,
 * in a comment the default, as with an empty set. The default is the first row with a form there. STATUS_INVALID where two have a form in
 * a comment. */
enum status apk_formats_choose(enum apk_place, unsigned formats, unsigned *chosen, struct error *);

/* Which one has pairs of this id; NULL: none. */
const struct apk_format *apk_format_of_pair(uint32_t id);
/* The text that the reader would see in this value; empty: none. */
struct str apk_format_seen(const struct apk_format *, enum apk_place, struct str value);

/* For forms whose value is the text and nothing else, padded with spaces. */
void apk_format_write_text(char *out, size_t length, struct str text);
struct str apk_format_read_text(struct str value);

#endif
