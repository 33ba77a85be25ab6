/* VasDolly: the channel's name is the pair's value; in a v1 package it stands at the comment's end. Both readers trim it. */
#include "lib/apk/comment_internal.h"
#include "lib/apk/format.h"

#define MAGIC S("ltlovezh")
enum { MAGIC_LENGTH = 8, NAME_MAX_V1 = INT16_MAX }; /* its reader takes the length for a signed number */

static void write_comment(char *out, size_t length, struct str name)
{
    apk_comment_write(out, length, name, MAGIC);
}

static struct str read_comment(struct str comment)
{
    return apk_comment_read(comment, MAGIC);
}

const struct apk_format apk_format_vasdolly = {
    .reader = "VasDolly",
    .title = "VasDolly channel",
    .trims = true,
    .forms =
        {
            [APK_IN_BLOCK] = {.id = UINT32_C(0x881155ff), .max = SIZE_MAX, .write = apk_format_write_text, .read = apk_format_read_text},
            [APK_IN_COMMENT] =
                {.frame = APK_COMMENT_LENGTH + MAGIC_LENGTH, .max = NAME_MAX_V1, .write = write_comment, .read = read_comment},
        },
};
