/* File names for downloads, and the Content-Disposition that carries them (RFC 6266, RFC 8187; S13). */
#ifndef HTTP_DISPOSITION_H
#define HTTP_DISPOSITION_H

#include "base/arena.h"
#include "base/str.h"

/* What we let be a file name: 1 to 180 bytes of UTF-8, ending in `suffix` (".apk") behind at least one byte; no control and no invisible
 * character (of writing direction, of no width), none of / \ : * ? " < > | % ; and not starting with a dot or a space. */
bool http_is_filename(struct str name, struct str suffix);

/* attachment; filename="x.apk" and, where the name is not ASCII, filename*=UTF-8''… too. `name` has passed http_is_filename. */
struct str http_disposition(struct arena *, struct str name);

#endif
