/* The signers in the values of v2, v3 and v3.1 pairs. Private to lib/apk. Source: Android, "APK Signature Scheme v2" and "v3".
 *
 *     every value has its length (u32) before it, but for numbers
 *     pair:         signers { signer … }
 *     signer:       signed data, [v3: u32 min, u32 max SDK], signatures { { u32 algorithm, signature } … }, public key
 *     signed data:  digests { { u32 algorithm, digest } … }, certificates { certificate … }, [v3: u32 min, u32 max SDK],
 *                   attributes { { u32 id, value } … } */
#ifndef APK_SIGNER_INTERNAL_H
#define APK_SIGNER_INTERNAL_H

#include "lib/apk/apk.h"

enum { APK_SIGNERS_MAX = 10 }; /* as Android has it */

/* All within the pair. */
struct apk_signer {
    unsigned scheme;
    struct str data; /* what is signed */
    struct str digests, attributes, signatures, public_key;
    struct str certificate;    /* the first one: DER of X.509 */
    uint32_t min_sdk, max_sdk; /* v3 and v3.1: the devices that it counts for */
};

/* Takes a value with its length before it off *rest; false where it overruns. */
bool apk_take_value(struct str *rest, struct str *value);
/* Takes { u32, the rest of the entry } off *rest. */
bool apk_take_entry(struct str *rest, uint32_t *number, struct str *value);

/* STATUS_CORRUPT where the pair of this scheme, which is there, does not hold signers in their form. */
enum status apk_signers_read(const struct apk *, unsigned scheme, struct apk_signer signers[APK_SIGNERS_MAX], size_t *count,
                             struct error *);

/* The value of a signer's attribute; data NULL where there is none. */
struct str apk_signer_attribute(const struct apk_signer *, uint32_t id);

#endif
