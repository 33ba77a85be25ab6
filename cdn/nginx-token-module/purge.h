/* Copies that the hit table forgot leave nginx's cache. */
#ifndef CDN_NGINX_TOKEN_MODULE_PURGE_H
#define CDN_NGINX_TOKEN_MODULE_PURGE_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "lib/token/key.h"

/* From the cache that this request uses, keyed by $pakhus_cache_key alone. Requests that are being answered from the copy go on. */
void pakhus_purge(ngx_http_request_t *, const struct token_key *);

#endif
