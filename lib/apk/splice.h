/* What a range of a channel package is made of (S7). Pure: no I/O, no allocation. */
#ifndef APK_SPLICE_H
#define APK_SPLICE_H

#include "lib/apk/apk.h"

enum splice_kind { SPLICE_BASE, SPLICE_INFO };
struct splice_part {
    enum splice_kind kind;
    uint64_t offset; /* into the base package, or into the region */
    uint64_t length;
};
/* At most base, info, base. The six cases of S7 fall out of one intersection. */
struct splice_plan {
    struct splice_part part[3];
    int count;
};
struct splice_plan splice_plan(struct apk_region, uint64_t offset, uint64_t length);

#endif
