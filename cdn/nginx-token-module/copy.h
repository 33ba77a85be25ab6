/* What nginx fetched for a token. */
#ifndef CDN_NGINX_TOKEN_MODULE_COPY_H
#define CDN_NGINX_TOKEN_MODULE_COPY_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "lib/token/token.h"

/* NULL where the upstream's answer is what the token says, as far as its headers tell, or there is none yet; else what is otherwise. */
const char *pakhus_copy_mismatch(const ngx_http_request_t *, const struct token_fields *);
/* Whether the answer went into the cache; to be asked when the request is over. */
bool pakhus_copy_is_stored(const ngx_http_request_t *);

#endif
