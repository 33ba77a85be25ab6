/* Options as the fields of a JSON object, so that the parser of the object checks them too. Each writes `,"name":…`, and nothing for an
 * option that was not given. */
#ifndef CLI_FIELDS_H
#define CLI_FIELDS_H

#include "base/buf.h"
#include "base/error.h"

void fields_add_text(struct buf *, const char *name, struct str value);
void fields_add_list(struct buf *, const char *name, struct str list);                             /* a,b */
enum status fields_add_location(struct buf *, const char *name, struct str value, struct error *); /* 31.2,121.5 */

#endif
