#include "lib/catalog/patch.h"

enum status patch_produce(struct store *store, struct io io, struct str app, struct str from, struct str to, struct progress *progress,
                          struct patch *patch, struct error *error)
{
    (void)store;
    (void)io;
    (void)progress;
    (void)patch;
    return error_set(error, STATUS_UNSUPPORTED, "there is no patch " STR_FMT "/" STR_FMT ".." STR_FMT ", and none is made here",
                     STR_ARG(app), STR_ARG(from), STR_ARG(to));
}
