#include "lib/apk/signer_internal.h"

#include "base/bytes.h"

bool apk_take_value(struct str *rest, struct str *value)
{
    if (rest->length < 4) return false;
    size_t length = bytes_get32(rest->data);
    if (length > rest->length - 4) return false;
    *value = str_make(rest->data + 4, length);
    *rest = str_from(*rest, 4 + length);
    return true;
}

bool apk_take_entry(struct str *rest, uint32_t *number, struct str *value)
{
    struct str entry;
    if (!apk_take_value(rest, &entry) || entry.length < 4) return false;
    *number = bytes_get32(entry.data);
    *value = str_from(entry, 4);
    return true;
}

static uint32_t pair_of(unsigned scheme)
{
    return scheme == APK_V2 ? APK_ID_V2 : scheme == APK_V3 ? APK_ID_V3 : APK_ID_V31;
}

/* The pair that Android goes by is the first one; data NULL: there is none. */
static struct str apk_scheme_pair(const struct apk *apk, unsigned scheme)
{
    for (size_t i = 0; i < apk->pair_count; i++)
        if (apk->pairs[i].id == pair_of(scheme)) return apk->pairs[i].value;
    return (struct str){NULL, 0};
}

static bool take_sdk_range(struct str *rest, unsigned scheme, uint32_t *min_sdk, uint32_t *max_sdk)
{
    if (scheme == APK_V2) return true;
    if (rest->length < 8) return false;
    *min_sdk = bytes_get32(rest->data);
    *max_sdk = bytes_get32(rest->data + 4);
    *rest = str_from(*rest, 8);
    return true;
}

/* The range stands there twice, and only the second one is signed. */
static bool read_signer(struct str value, unsigned scheme, struct apk_signer *out)
{
    struct apk_signer signer = {.scheme = scheme};
    uint32_t min_sdk = 0, max_sdk = 0;
    struct str certificates;
    if (!apk_take_value(&value, &signer.data) || !take_sdk_range(&value, scheme, &min_sdk, &max_sdk)) return false;
    if (!apk_take_value(&value, &signer.signatures) || !apk_take_value(&value, &signer.public_key)) return false;
    struct str data = signer.data;
    if (!apk_take_value(&data, &signer.digests) || !apk_take_value(&data, &certificates)) return false;
    if (!apk_take_value(&certificates, &signer.certificate)) return false;
    if (!take_sdk_range(&data, scheme, &signer.min_sdk, &signer.max_sdk) || !apk_take_value(&data, &signer.attributes)) return false;
    if (signer.min_sdk != min_sdk || signer.max_sdk != max_sdk) return false;
    *out = signer;
    return true;
}

enum status apk_signers_read(const struct apk *apk, unsigned scheme, struct apk_signer signers[APK_SIGNERS_MAX], size_t *count,
                             struct error *error)
{
    struct str pair = apk_scheme_pair(apk, scheme), rest, value;
    *count = 0;
    ENSURE(apk_take_value(&pair, &rest) && rest.length > 0, error, STATUS_CORRUPT, "it holds no signer");
    while (rest.length > 0) {
        ENSURE(*count < APK_SIGNERS_MAX, error, STATUS_CORRUPT, "it has more than %d signers", APK_SIGNERS_MAX);
        ENSURE(apk_take_value(&rest, &value) && read_signer(value, scheme, &signers[*count]), error, STATUS_CORRUPT,
               "its signer %zu is malformed", *count + 1);
        ++*count;
    }
    return STATUS_OK;
}

struct str apk_signer_attribute(const struct apk_signer *signer, uint32_t wanted)
{
    struct str rest = signer->attributes, value;
    uint32_t id;
    while (apk_take_entry(&rest, &id, &value))
        if (id == wanted) return value;
    return (struct str){NULL, 0};
}
