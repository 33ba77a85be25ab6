/* The answer: everything that was gathered, in one body (G4, G5).
 *
 *     multipart/mixed (RFC 2046 §5.1), a part for each resource, in the request's order; one that is missing is an empty part with a
 * reason:
 *
 *         --pakhus-…
 *         Pakhus-Id: menu
 *         Pakhus-Address: https://menu.example/today
 *         Pakhus-Status: 200
 *         Content-Type: text/html
 *         Content-Length: 5
 *         Content-Digest: sha-256=:…:          (RFC 9530)
 *
 *         hello
 *         --pakhus-…
 *         Pakhus-Id: texts
 *         Pakhus-Address: s3://packages/texts/home.json
 *         Pakhus-Reason: timeout
 *         Content-Length: 0
 *
 *
 *         --pakhus-…--
 *
 *     application/json:
 *
 *         {"id":"…","complete":false,"resources":[{"id":"menu","address":"…","status":200,"content_type":"text/html","length":5,"sha256":"…",
 *           "body":"<base64>"}],"missing":[{"id":"texts","address":"…","reason":"timeout"}]}
 */
#ifndef GATHER_ANSWER_H
#define GATHER_ANSWER_H

#include "base/io.h"
#include "lib/gather/gather.h"

struct gather_answer {
    struct str type;      /* Content-Type */
    struct str body;      /* a small one; else: */
    struct stream stream; /* over the outcomes' bodies, which outlive it */
    uint64_t length;
};

/* Makes the answer fit a host that sends at most `limit` bytes: a body that has no room any more becomes GATHER_TOO_LARGE. True where all
 * resources are complete. */
bool gather_answer_fit(const struct gather_resource *, struct gather_outcome *, size_t count, uint64_t limit, bool json);
void gather_answer_multipart(struct arena *, const struct gather_resource *, const struct gather_outcome *, size_t count,
                             struct gather_answer *);
void gather_answer_json(struct arena *, struct str id, const struct gather_resource *, const struct gather_outcome *, size_t count,
                        struct gather_answer *);

#endif
