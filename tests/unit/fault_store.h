/* A store that dies: after so many requests every other one fails, as if the process that asked had been killed there. The last request
 * before may have been answered or, where the fuse burns after the request, carried out without an answer. */
#ifndef TESTS_UNIT_FAULT_STORE_H
#define TESTS_UNIT_FAULT_STORE_H

#include "lib/store/store_internal.h"

struct fault_store {
    struct store store;
    struct store *inner;
    _Atomic long left; /* requests that are answered */
    bool carries_out;  /* the first one that fails is carried out */
    _Atomic size_t puts, gets, lists;
};

/* 0: goes on. 1: fails before. 2: fails afterwards. */
static inline int fault_burns(struct fault_store *store)
{
    long left = atomic_fetch_sub(&store->left, 1);
    return left > 0 ? 0 : left == 0 && store->carries_out ? 2 : 1;
}

static inline enum status fault_ends(struct error *error)
{
    return error_set(error, STATUS_DENIED, "killed");
}

static inline enum status fault_get(const struct store_call *call, const struct store_get *get, struct store_object *object,
                                    struct error *error)
{
    struct fault_store *self = (struct fault_store *)call->store;
    self->gets++;
    return fault_burns(self) ? fault_ends(error) : store_get(self->inner, call->io, call->key, get, object, error);
}

static inline enum status fault_put(const struct store_call *call, struct str body, const struct store_put *put,
                                    struct store_object *object, struct error *error)
{
    struct fault_store *self = (struct fault_store *)call->store;
    int burns = fault_burns(self);
    self->puts++;
    if (burns == 1) return fault_ends(error);
    enum status status = store_put(self->inner, call->io, call->key, body, put, object, error);
    return burns ? fault_ends(error) : status;
}

static inline enum status fault_remove(const struct store_call *call, struct error *error)
{
    struct fault_store *self = (struct fault_store *)call->store;
    return fault_burns(self) ? fault_ends(error) : store_remove(self->inner, call->io, call->key, error);
}

static inline enum status fault_list(const struct store_call *call, size_t limit, store_list_fn *each, void *context, struct error *error)
{
    struct fault_store *self = (struct fault_store *)call->store;
    self->lists++;
    return fault_burns(self) ? fault_ends(error) : store_list(self->inner, call->io, call->key, limit, each, context, error);
}

/* Answers `requests` requests. It needs no closing. */
static inline struct fault_store *fault_store(struct arena *arena, struct store *inner, long requests)
{
    static const struct store_backend backend = {
        .scheme = "fault", .get = fault_get, .put = fault_put, .remove = fault_remove, .list = fault_list};
    struct fault_store *self = arena_new_of(arena, struct fault_store);
    self->store.backend = &backend;
    self->store.arena = arena;
    self->store.name = S("fault");
    self->store.abilities = inner->abilities;
    self->inner = inner;
    self->left = requests;
    return self;
}

#endif
