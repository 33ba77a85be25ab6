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

static struct rewritten run(struct arena *arena, struct rewrite rewrite, struct str text)
{
    struct rewritten out;
    struct error error;
    assert(rewrite_document(arena, &rewrite, text, &out, &error) == STATUS_OK);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    struct str text = str_make(data + 1, size - 1);
    struct arena *arena = arena_new();
    struct rewrite rewrite = {
        .kind = (enum rewrite_kind)(data[0] % 5), .base = S("https://h/f/"), .parameter = S("pkt"), .token_of = never};
    struct rewritten out = run(arena, rewrite, text);
    assert(str_equal(out.text, text) && out.count == 0);
    rewrite.token_of = always;
    out = run(arena, rewrite, text);
    assert(out.count > 0 || str_equal(out.text, text));
    assert(out.text.length <= text.length * 5 + out.count * 16); /* at worst every '&' becomes "&amp;" */
    run(arena, rewrite, out.text);
    arena_free(arena);
    return 0;
}
