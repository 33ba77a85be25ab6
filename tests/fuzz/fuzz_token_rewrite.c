/* Documents: with tokens taken off again they are what they were; signing twice is signing once. */
#include <assert.h>

#include "base/buf.h"
#include "lib/token/rewrite.h"

static enum status always(void *context, struct arena *arena, struct str url, struct str *token, struct error *error)
{
    (void)context, (void)arena, (void)error;
    assert(str_starts(url, S("http")) || str_starts(url, S("HTTP")) || str_equal_nocase(str_first(url, 4), S("http")));
    *token = S("k.TOKEN");
    return STATUS_OK;
}

static enum status never(void *context, struct arena *arena, struct str url, struct str *token, struct error *error)
{
    (void)context, (void)arena, (void)url, (void)token, (void)error;
    return STATUS_OK;
}

static struct str run(struct arena *arena, struct rewrite rewrite, struct str text, size_t *count)
{
    struct str out;
    struct error error;
    assert(rewrite_document(arena, &rewrite, text, &out, count, &error) == STATUS_OK);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    struct str text = str_make(data + 1, size - 1);
    struct arena *arena = arena_new();
    struct rewrite rewrite = {
        .kind = (enum rewrite_kind)(data[0] % 5), .base = S("https://h/f/"), .parameter = S("pkt"), .token_of = never};
    size_t count, again;
    assert(str_equal(run(arena, rewrite, text, &count), text) && count == 0);
    rewrite.token_of = always;
    struct str out = run(arena, rewrite, text, &count);
    assert(count > 0 || str_equal(out, text));
    assert(out.length <= text.length * 5 + count * 16); /* at worst every '&' becomes "&amp;" */
    run(arena, rewrite, out, &again);
    arena_free(arena);
    return 0;
}
