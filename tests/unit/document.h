/* A page of docs/, for tests that hold it against the table that it shows. */
#ifndef TESTS_UNIT_DOCUMENT_H
#define TESTS_UNIT_DOCUMENT_H

#include "tests/unit/unit.h"

enum { UNIT_DOCUMENT_MAX = 256 << 10 };

/* `path` from the checkout's folder, in which the tests run. */
static inline struct str unit_document(struct arena *arena, const char *path)
{
    char *text = arena_buffer(arena, UNIT_DOCUMENT_MAX);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t length = fread(text, 1, UNIT_DOCUMENT_MAX, file);
    fclose(file);
    assert_true(length < UNIT_DOCUMENT_MAX);
    return str_make(text, length);
}

#endif
