/* What the files of this function share. */
#ifndef FUNCTIONS_CHANNEL_RANGE_SPLICE_SPLICE_H
#define FUNCTIONS_CHANNEL_RANGE_SPLICE_SPLICE_H

#include "functions/common/app.h"
#include "lib/http/precondition.h"
#include "lib/http/range.h"

struct splice {
    struct app *app;
    struct cache *filled; /* packages: "app/version/channel@generation" → a region as the channel has it */
    struct cache *slices;
};

/* What is being asked for: one representation, and where its bytes come from. */
struct content {
    struct str key, etag; /* of the stored object; the ETag is its own, as the store says it */
    uint64_t size;
    struct apk_region region;
    const char *filled; /* the region's bytes, which take the place of the object's; NULL: it is sent as it is */
    struct http_validators validators;
    struct str type, disposition;
    int64_t life; /* seconds that caches may keep it */
};

struct task {
    struct splice *splice;
    struct lc_call *call;
    const struct lc_request *request;
    struct lc_response *response;
    struct io io;
    struct content content;
    struct http_range range; /* of it */
    bool partial;
    bool outdated; /* the stored object is not the one that we know of */
};

/* Seconds: of what never changes. */
enum { CONTENT_LIFE = 86400 };

/* Answers with task->content: GET and HEAD, conditions, ranges; from the store, or by a redirect there. Where it is outdated nothing of it
 * is sent, and the answer is 503. */
enum status content_answer(struct task *, struct error *);

/* ETag, Last-Modified and what else is said of the content as such, redirected or not. */
void content_add_validators(struct task *);

struct cache *package_regions(struct app *);              /* what task->splice->filled is */
enum status package_serve(struct task *, struct error *); /* /packages/… */
enum status patch_serve(struct task *, struct error *);   /* /patches/… */

#endif
