/* Stores' URLs and keys: whatever the text, a store that opens has well-formed places, and no key leads out of them. */
#include <assert.h>
#include <stdlib.h>

#include "lib/store/azure/azure_internal.h"
#include "lib/store/s3/s3_internal.h"

static void check_key(struct str key)
{
    assert(key.length > 0 && key.length <= STORE_KEY_LENGTH);
    assert(store_is_prefix(key) && store_is_prefix(str_first(key, key.length - 1)));
    while (key.data) {
        struct str segment = str_cut(&key, '/');
        assert(segment.length > 0 && !str_equal(segment, S(".")) && !str_equal(segment, S("..")));
        assert(!str_has_control(segment) && str_find(segment, '%') == segment.length && str_find(segment, '~') == segment.length);
    }
}

static void check_s3(struct arena *arena, const struct url *url)
{
    struct s3 s3 = {0};
    struct str credentials;
    struct error error;
    struct url again;
    if (s3_configure(&s3, arena, url, &credentials, &error) != STATUS_OK) {
        assert(error.text[0]);
        return;
    }
    assert(url_parse(s3.origin, &again, &error) == STATUS_OK);
    assert(str_equal(again.authority, s3.host) && str_empty(again.path) && !again.has_query);
    assert(str_starts(s3.root, s3.bucket_path) && str_ends(s3.root, S("/")));
    assert(str_empty(s3.remote.store.prefix) || str_ends(s3.remote.store.prefix, S("/")));
    assert(!str_has_control(s3.host) && !str_has_control(s3.region) && !str_has_control(s3.root));
    assert(s3.if_absent.name.length > 0);
}

static void check_azure(struct arena *arena, const struct url *url)
{
    struct azure azure = {0};
    struct error error;
    struct url again;
    if (azure_configure(&azure, arena, url, &error) != STATUS_OK) {
        assert(error.text[0]);
        return;
    }
    assert(url_parse(azure.origin, &again, &error) == STATUS_OK && str_empty(again.path) && !again.has_query);
    assert(str_ends(azure.path, azure.container) && !str_has_control(azure.path) && !str_has_control(azure.remote.store.name));
    assert(str_empty(azure.remote.store.prefix) || str_ends(azure.remote.store.prefix, S("/")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_make(data, size);
    struct arena *arena = arena_new();
    struct url url;
    struct error error;
    struct store *store;
    if (store_is_key(text)) check_key(text);
    if (url_parse(text, &url, &error) == STATUS_OK) {
        check_s3(arena, &url);
        check_azure(arena, &url);
    }
    if (store_open(arena_cstr(arena, text), &store, &error) == STATUS_OK) store_close(store);
    arena_free(arena);
    return 0;
}
