/* S3's listings, in XML. */
#ifndef STORE_S3_XML_INTERNAL
#define STORE_S3_XML_INTERNAL

#include "lib/store/remote_internal.h"
#include "lib/store/xml_internal.h"

/* ListObjectsV2; false where the document is none. `each` gets the key as S3 means it, percent-decoding done; false stops the reading,
 * which is no failure. */
bool s3_xml_list(struct str document, bool (*each)(void *context, const struct remote_entry *), void *context, struct remote_page *page);

#endif
