/* The module's keys, from their file. */
#ifndef CDN_NGINX_TOKEN_MODULE_KEYS_H
#define CDN_NGINX_TOKEN_MODULE_KEYS_H

#include <ngx_config.h>
#include <ngx_core.h>

#include "lib/keyring/keyring.h"

/* NULL, and logged: the file can't be read, or holds no keys. They live as long as the configuration. */
struct keyring *pakhus_keys_read(ngx_conf_t *, ngx_str_t *path);

#endif
