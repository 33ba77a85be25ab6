/* Walle: the info is the pair's value. Its reader parses it as JSON, and so passes over spaces behind it. */
#include "lib/apk/format.h"

const struct apk_format apk_format_walle = {
    .reader = "Walle",
    .title = "Walle channel",
    .info = true,
    .trims = true,
    .forms[APK_IN_BLOCK] = {.id = UINT32_C(0x71777777), .max = SIZE_MAX, .write = apk_format_write_text, .read = apk_format_read_text},
};
