/* The kinds of stores: a folder and a row each. */
#include "lib/store/store_internal.h"

static const struct store_backend *const backends[] = {&store_backend_s3, &store_backend_azure, &store_backend_file};

const struct store_backend *store_backend_of(struct str scheme)
{
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        if (str_equal(scheme, str_of(backends[i]->scheme))) return backends[i];
    return NULL;
}

bool store_is_address(struct str text)
{
    struct url url;
    struct error ignored;
    return url_parse(text, &url, &ignored) == STATUS_OK && store_backend_of(url.scheme);
}
