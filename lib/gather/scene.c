#include "lib/gather/scene.h"

#include "base/encode.h"
#include "base/url.h"
#include "lib/config/config.h"
#include "lib/gather/allow.h"
#include "lib/store/document.h"

enum { DEADLINE = 2 * CLOCK_SECOND, DEADLINE_MOST = 15 * CLOCK_MINUTE, ALLOW_MOST = 64, ALLOW_LONGEST = 256, PREFIXES_MOST = 16 };
static const uint64_t resource_limit = UINT64_C(4) << 20, resource_limit_most = UINT64_C(64) << 20;
static const uint64_t total_limit = UINT64_C(16) << 20, total_limit_most = UINT64_C(256) << 20;

static const char folder[] = "scenes";

bool gather_is_id(struct str text)
{
    for (size_t i = 0; i < text.length; i++)
        if (!memchr("0123456789abcdef", text.data[i], 16)) return false;
    return text.length == 32;
}

/* --- resources */

static enum status read_address(struct config *item, bool may_be_stored, struct str *address, struct error *error)
{
    struct url url;
    struct error why;
    TRY(config_text(item, "address", CONFIG_REQUIRED, address, error));
    if (address->length > GATHER_ADDRESS_LONGEST)
        return config_refuse(item, "address", error, "is longer than %d bytes", GATHER_ADDRESS_LONGEST);
    if (url_parse(*address, &url, &why) != STATUS_OK) return config_refuse(item, "address", error, "%s", why.text);
    if (url.fragment.data) return config_refuse(item, "address", error, "a '#' is for readers, not for servers");
    if (url_is_web(&url) || (may_be_stored && store_is_address(*address))) return STATUS_OK;
    return config_refuse(item, "address", error,
                         may_be_stored ? "must be of http, https or a store: " STORE_URLS : "must be of http or https");
}

static enum status read_resource(struct config *array, size_t index, bool may_be_stored, struct gather_list *list, struct error *error)
{
    struct config item = {0};
    struct gather_resource *resource = &list->items[index];
    struct str sha256 = {0};
    resource->length = GATHER_UNKNOWN;
    TRY(config_item_object(array, index, &item, error));
    TRY(config_id(&item, "id", CONFIG_REQUIRED, &resource->id, error));
    TRY(read_address(&item, may_be_stored, &resource->address, error));
    TRY(config_whole(&item, "length", CONFIG_OPTIONAL, 0, list->resource_limit, &resource->length, error));
    TRY(config_sha256(&item, "sha256", CONFIG_OPTIONAL, &sha256, error));
    TRY(config_text(&item, "end", CONFIG_OPTIONAL, &resource->end, error));
    if (sha256.data) hex_decode(item.arena, sha256, &resource->sha256);
    if (resource->end.length > GATHER_END_LONGEST) return config_refuse(&item, "end", error, "is longer than %d bytes", GATHER_END_LONGEST);
    for (size_t i = 0; i < index; i++) {
        if (str_equal(list->items[i].id, resource->id)) return config_refuse(&item, "id", error, "resource %zu has it already", i);
        if (str_equal(list->items[i].address, resource->address))
            return config_refuse(&item, "address", error, "resource %zu has it already", i);
    }
    return config_end(&item, error);
}

static enum status read_resources(struct config *config, size_t least, bool may_be_stored, struct gather_list *list, struct error *error)
{
    struct config array = {0};
    size_t count = 0;
    TRY(config_array(config, "resources", CONFIG_REQUIRED, &array, &count, error));
    if (count < least) return config_refuse(config, "resources", error, "fewer than %zu: there is nothing to gather", least);
    if (count > GATHER_MOST) return config_refuse(config, "resources", error, "more than %d", GATHER_MOST);
    list->items = arena_array(config->arena, count, sizeof *list->items);
    for (size_t i = 0; i < count; i++) TRY(read_resource(&array, i, may_be_stored, list, error));
    list->count = count;
    return STATUS_OK;
}

static enum status read_deadline(struct config *config, struct gather_list *list, struct error *error)
{
    list->deadline = DEADLINE;
    TRY(config_span(config, "deadline", CONFIG_OPTIONAL, &list->deadline, error));
    if (list->deadline >= 1 && list->deadline <= DEADLINE_MOST) return STATUS_OK;
    return config_refuse(config, "deadline", error, "must be from 1ms to 15m");
}

/* --- a scene */

static enum status read_limits(struct config *config, struct gather_list *list, struct error *error)
{
    list->resource_limit = resource_limit;
    list->total_limit = total_limit;
    TRY(config_whole(config, "resource_limit", CONFIG_OPTIONAL, 1, resource_limit_most, &list->resource_limit, error));
    return config_whole(config, "total_limit", CONFIG_OPTIONAL, 1, total_limit_most, &list->total_limit, error);
}

static enum status read_allow(struct config *config, struct str *allow, struct error *error)
{
    struct str *hosts = NULL;
    size_t count = 0;
    struct allow ignored;
    struct error why;
    TRY(config_texts(config, "allow", CONFIG_OPTIONAL, ALLOW_MOST, &hosts, &count, error));
    for (size_t i = 0; i < count; i++) {
        bool one = hosts[i].length > 0 && hosts[i].length <= ALLOW_LONGEST && str_find(hosts[i], ',') == hosts[i].length;
        if (!one) return config_refuse(config, "allow", error, "number %zu is not one host", i);
        if (allow_parse(config->arena, hosts[i], &ignored, &why) != STATUS_OK) return config_refuse(config, "allow", error, "%s", why.text);
        *allow = i == 0 ? hosts[i] : arena_join(config->arena, *allow, S(","), hosts[i]);
    }
    return STATUS_OK;
}

static enum status read_prefixes(struct config *config, struct gather_scene *scene, struct error *error)
{
    struct url url;
    struct error why;
    TRY(config_texts(config, "prefixes", CONFIG_OPTIONAL, PREFIXES_MOST, &scene->prefixes, &scene->prefix_count, error));
    for (size_t i = 0; i < scene->prefix_count; i++) {
        struct str prefix = scene->prefixes[i];
        bool fits = url_parse(prefix, &url, &why) == STATUS_OK && store_is_address(prefix) && str_ends(url.path, S("/")) && !url.has_query;
        if (!fits)
            return config_refuse(config, "prefixes", error, "number %zu is not a folder of a store (" STORE_URLS "), with a '/' at its end",
                                 i);
    }
    return STATUS_OK;
}

static bool is_under(const struct gather_scene *scene, struct str address)
{
    for (size_t i = 0; i < scene->prefix_count; i++)
        if (str_starts(address, scene->prefixes[i])) return true;
    return false;
}

static enum status check_prefixes(struct config *config, const struct gather_scene *scene, struct error *error)
{
    for (size_t i = 0; i < scene->list.count; i++) {
        struct str address = scene->list.items[i].address;
        if (!store_is_address(address) || is_under(scene, address)) continue;
        return config_refuse(config, "prefixes", error, "none of them is of resource '" STR_FMT "', " STR_FMT,
                             STR_ARG(scene->list.items[i].id), STR_ARG(str_first(address, 256)));
    }
    return STATUS_OK;
}

enum status gather_scene_parse(struct arena *arena, struct str json, struct gather_scene *out, struct error *error)
{
    struct gather_scene scene = {0};
    struct config config = {0};
    TRY(config_open(arena, json, "scene", &config, error));
    TRY(config_id(&config, "scene", CONFIG_REQUIRED, &scene.name, error));
    TRY(read_limits(&config, &scene.list, error));
    TRY(read_resources(&config, GATHER_LEAST, true, &scene.list, error));
    TRY(read_deadline(&config, &scene.list, error));
    TRY(config_flag(&config, "hedge", CONFIG_OPTIONAL, &scene.hedge, error));
    TRY(read_allow(&config, &scene.allow, error));
    TRY(read_prefixes(&config, &scene, error));
    TRY(check_prefixes(&config, &scene, error));
    TRY(config_end(&config, error));
    *out = scene;
    return STATUS_OK;
}

enum status gather_question_parse(struct arena *arena, struct str json, struct gather_question *out, struct error *error)
{
    struct gather_question question = {.list = {.resource_limit = resource_limit, .total_limit = total_limit}};
    struct config config = {0};
    TRY(config_open(arena, json, "request", &config, error));
    TRY(config_text(&config, "retry_of", CONFIG_OPTIONAL, &question.retry_of, error));
    if (question.retry_of.data && !gather_is_id(question.retry_of))
        return config_refuse(&config, "retry_of", error, "must be the id of an answer, 32 hexadecimal digits");
    TRY(read_resources(&config, question.retry_of.data ? 1 : GATHER_LEAST, false, &question.list, error));
    TRY(read_deadline(&config, &question.list, error));
    TRY(config_end(&config, error));
    *out = question;
    return STATUS_OK;
}

/* --- in the store */

enum status gather_scene_publish(struct store *store, struct io io, struct str json, struct gather_scene *scene, struct error *error)
{
    struct document document;
    TRY(gather_scene_parse(io.arena, json, scene, error));
    TRY(document_publish((struct documents){store, io, folder}, scene->name, json, &document, error));
    scene->text = document.text;
    scene->generation = document.generation;
    return STATUS_OK;
}

enum status gather_scene_load(struct store *store, struct io io, struct str name, uint64_t known, struct gather_scene *scene,
                              struct error *error)
{
    struct document document;
    TRY(document_load((struct documents){store, io, folder}, name, known, &document, error));
    ENSURE(document.generation > 0, error, STATUS_NOT_FOUND, "there is no scene '" STR_FMT "'", STR_ARG(name));
    if (gather_scene_parse(io.arena, document.text, scene, error) != STATUS_OK) return document_refuse(&document, error);
    scene->text = document.text;
    scene->generation = document.generation;
    return STATUS_OK;
}

enum status gather_scene_list(struct store *store, struct io io, struct str **names, size_t *count, struct error *error)
{
    return document_list((struct documents){store, io, folder}, names, count, error);
}
