#include "lib/admission/published.h"

#include "lib/store/document.h"

static const char folder[] = "profiles";

enum status admission_publish(struct store *store, struct io io, struct str text, struct admission_published *published,
                              struct error *error)
{
    struct document document;
    TRY(admission_profile_prepare(io.arena, text, &text, &published->profile, error));
    TRY(document_publish((struct documents){store, io, folder}, published->profile.resource, text, &document, error));
    published->text = document.text;
    published->generation = document.generation;
    return STATUS_OK;
}

enum status admission_load(struct store *store, struct io io, struct str resource, uint64_t known, struct admission_published *published,
                           struct error *error)
{
    struct document document;
    TRY(document_load((struct documents){store, io, folder}, resource, known, &document, error));
    ENSURE(document.generation > 0, error, STATUS_NOT_FOUND, "there is no profile for '" STR_FMT "'", STR_ARG(resource));
    published->text = document.text;
    published->generation = document.generation;
    if (admission_profile_parse(io.arena, document.text, &published->profile, error) == STATUS_OK) return STATUS_OK;
    return document_refuse(&document, error);
}

enum status admission_list(struct store *store, struct io io, struct str **resources, size_t *count, struct error *error)
{
    return document_list((struct documents){store, io, folder}, resources, count, error);
}
