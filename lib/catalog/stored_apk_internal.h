/* An APK that is read where it is stored, by few large ranges. */
#ifndef CATALOG_STORED_APK_INTERNAL_H
#define CATALOG_STORED_APK_INTERNAL_H

#include "lib/apk/apk.h"
#include "lib/store/store.h"

/* Reads the version that `object` (of store_head) tells of: STATUS_PRECONDITION once it is another one. Lives in io.arena; each read may
 * take as long as is left for this call. */
struct apk_source stored_apk(struct store *, struct io, const struct store_object *object);

#endif
