/* What is to be gathered: a scene, as the operator publishes it under `scenes/<scene>/<n>`, or a list in a request.
 *
 *     scene    {"scene":"home","resources":[{"id":"menu","address":"https://menu.example/today"},
 *                 {"id":"texts","address":"s3://packages/texts/home.json","length":512,"sha256":"…","end":"}"}],
 *               "deadline":"800ms","resource_limit":4194304,"total_limit":16777216,"hedge":true,
 *               "allow":["10.0.0.0/8"],"prefixes":["s3://packages/texts/"]}
 *     request  {"resources":[{"id":"a","address":"https://…","length":5,"sha256":"…"},…],"deadline":"800ms","retry_of":null}
 */
#ifndef GATHER_SCENE_H
#define GATHER_SCENE_H

#include "lib/gather/gather.h"
#include "lib/store/store.h"

struct gather_list {
    struct gather_resource *items; /* ids and addresses differ; `key` is not set */
    size_t count;
    int64_t deadline;        /* ms from the request's arrival */
    uint64_t resource_limit; /* bytes of one body */
    uint64_t total_limit;    /* bytes of all */
};

struct gather_scene {
    struct str name;
    struct gather_list list; /* GATHER_LEAST to GATHER_MOST */
    bool hedge;              /* ask a second time for what takes longer than it usually does */
    struct str allow;        /* as allow_parse reads it */
    struct str *prefixes;    /* s3://… or file:///…, each ending in '/': the store's objects that it may read */
    size_t prefix_count;
    struct str text; /* as it was published */
    uint64_t generation;
};

/* A list in a request. One resource is enough where `retry_of` is set. */
struct gather_question {
    struct gather_list list;
    struct str retry_of; /* empty: none */
};

/* What is wrong is named with its path: "scene.resources[1].address: …". */
enum status gather_scene_parse(struct arena *, struct str json, struct gather_scene *, struct error *);
enum status gather_question_parse(struct arena *, struct str json, struct gather_question *, struct error *);

/* The ids of requests: 32 lower-case hexadecimal digits. */
bool gather_is_id(struct str);

enum status gather_scene_publish(struct store *, struct io, struct str json, struct gather_scene *, struct error *);
/* The newest; STATUS_NOT_FOUND where there is none, STATUS_NOT_MODIFIED where it is the one of the generation `known` (0: none). */
enum status gather_scene_load(struct store *, struct io, struct str name, uint64_t known, struct gather_scene *, struct error *);
/* The names of all, in the order of their keys. */
enum status gather_scene_list(struct store *, struct io, struct str **names, size_t *count, struct error *);

#endif
