/* Scenes and lists: whatever is taken keeps what the rest of gather relies on. */
#include <assert.h>

#include "lib/gather/allow.h"
#include "lib/gather/scene.h"

static void check_list(const struct gather_list *list, size_t least)
{
    assert(list->count >= least && list->count <= GATHER_MOST && list->deadline > 0);
    for (size_t i = 0; i < list->count; i++) {
        const struct gather_resource *resource = &list->items[i];
        struct url url;
        struct error error;
        assert(str_is_id(resource->id) && resource->address.length <= GATHER_ADDRESS_LONGEST && resource->key.length == 0);
        assert(url_parse(resource->address, &url, &error) == STATUS_OK);
        assert(resource->length == GATHER_UNKNOWN || resource->length <= list->resource_limit);
        assert(resource->sha256.length == 0 || resource->sha256.length == GATHER_DIGEST);
        for (size_t k = 0; k < i; k++) assert(!str_equal(list->items[k].id, resource->id));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct str json = str_make(data, size);
    struct gather_scene scene;
    struct gather_question question;
    struct allow allow;
    struct error error;
    enum status status = gather_scene_parse(arena, json, &scene, &error);
    assert(status == STATUS_OK || (status == STATUS_INVALID && str_starts(str_of(error.text), S("scene"))));
    if (status == STATUS_OK) check_list(&scene.list, GATHER_LEAST);
    if (status == STATUS_OK) assert(allow_parse(arena, scene.allow, &allow, &error) == STATUS_OK);
    status = gather_question_parse(arena, json, &question, &error);
    assert(status == STATUS_OK || (status == STATUS_INVALID && str_starts(str_of(error.text), S("request"))));
    if (status == STATUS_OK) check_list(&question.list, question.retry_of.length > 0 ? 1 : GATHER_LEAST);
    arena_free(arena);
    return 0;
}
