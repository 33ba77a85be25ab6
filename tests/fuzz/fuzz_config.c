/* Configuration: any text is either taken or refused with words, and what is taken is within what was asked for. */
#include <assert.h>

#include "lib/config/config.h"

static enum status member(void *context, struct str name, struct config *config, struct error *error)
{
    (void)context;
    struct str text = {0};
    assert(str_is_utf8(name));
    TRY(config_text(config, "text", CONFIG_OPTIONAL, &text, error));
    return config_end(config, error);
}

static enum status read_array(struct config *c, struct error *error)
{
    struct config array, item;
    struct str text = {0};
    size_t count = 0;
    TRY(config_array(c, "array", CONFIG_OPTIONAL, &array, &count, error));
    for (size_t i = 0; i < count; i++) {
        if (config_item_text(&array, i, &text, error) == STATUS_OK) continue;
        TRY(config_item_object(&array, i, &item, error));
        TRY(config_end(&item, error));
    }
    return STATUS_OK;
}

static enum status read_all(struct config *c, struct error *error)
{
    static const char *const choices[] = {"a", "b", NULL};
    struct str text = S("-"), id = S("-");
    uint64_t whole = 7;
    double number = 0.5;
    bool flag;
    int64_t span = 0, time = 0;
    int choice = 0;
    TRY(config_text(c, "text", CONFIG_OPTIONAL, &text, error));
    TRY(config_id(c, "id", CONFIG_OPTIONAL, &id, error));
    TRY(config_whole(c, "whole", CONFIG_OPTIONAL, 5, 9, &whole, error));
    TRY(config_number(c, "number", CONFIG_OPTIONAL, -1, 1, &number, error));
    TRY(config_flag(c, "flag", CONFIG_OPTIONAL, &flag, error));
    TRY(config_span(c, "span", CONFIG_OPTIONAL, &span, error));
    TRY(config_time(c, "time", CONFIG_OPTIONAL, &time, error));
    TRY(config_choice(c, "choice", CONFIG_OPTIONAL, choices, &choice, error));
    assert(str_is_utf8(text) && str_is_id(id) && whole >= 5 && whole <= 9 && number >= -1 && number <= 1);
    assert(span >= 0 && time >= 0 && choice >= 0 && choice <= 1);
    TRY(config_each_object(c, "table", CONFIG_OPTIONAL, member, NULL, error));
    return read_array(c, error);
}

static enum status read_policy(struct arena *arena, struct str text, struct error *error)
{
    struct config c, child;
    TRY(config_open(arena, text, "fuzz", &c, error));
    TRY(read_all(&c, error));
    TRY(config_object(&c, "child", CONFIG_OPTIONAL, &child, error));
    TRY(read_all(&child, error));
    TRY(config_end(&child, error));
    return config_end(&c, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct error error = {0};
    enum status status = read_policy(arena, str_make(data, size), &error);
    assert(status == STATUS_OK || (status == STATUS_INVALID && error.status == status));
    assert(status == STATUS_OK || str_starts(str_of(error.text), S("fuzz")));
    assert(!str_has_control(str_of(error.text)));
    arena_free(arena);
    return 0;
}
