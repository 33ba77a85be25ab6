#include "lib/apk/channel.h"

static const struct {
    enum apk_format format;
    const char *name;
} formats_known[] = {{APK_RAW, "raw"}, {APK_WALLE, "walle"}, {APK_VASDOLLY, "vasdolly"}, {APK_PACKER_NG, "packer-ng"}};
enum { FORMAT_COUNT = sizeof formats_known / sizeof *formats_known };

bool apk_format_parse(struct str name, enum apk_format *format)
{
    for (int i = 0; i < FORMAT_COUNT; i++) {
        if (!str_equal(name, str_of(formats_known[i].name))) continue;
        *format = formats_known[i].format;
        return true;
    }
    return false;
}

const char *apk_format_name(enum apk_format format)
{
    for (int i = 0; i < FORMAT_COUNT; i++)
        if (formats_known[i].format == format) return formats_known[i].name;
    return "unknown";
}

enum status apk_formats_parse(struct str list, unsigned *formats, struct error *error)
{
    unsigned set = 0;
    for (struct str rest = list; rest.data;) {
        enum apk_format format;
        struct str name = str_trim(str_cut(&rest, ','));
        ENSURE(apk_format_parse(name, &format), error, STATUS_INVALID,
               "'" STR_FMT "' is not a channel format: raw, walle, vasdolly or packer-ng", STR_ARG(name));
        set |= format;
    }
    *formats = set;
    return STATUS_OK;
}

enum status apk_format_v1(unsigned formats, enum apk_format *format, struct error *error)
{
    unsigned with_form = formats & APK_FORMATS_COMMENT;
    ENSURE((with_form & (with_form - 1)) == 0, error, STATUS_INVALID,
           "a v1 package carries one channel format: choose one of raw, vasdolly and packer-ng");
    *format = with_form ? (enum apk_format)with_form : APK_RAW;
    return STATUS_OK;
}
