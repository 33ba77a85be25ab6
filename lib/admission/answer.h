/* An admission answer as devices read it:
 *     {"admit":false,"probability":0.1,"threshold":0.3,"level":"lowest","source":"peer","speed_limit":262144,"start_at":null,
 *      "retry_after":300,"asked_since":"…","urls":["https://…"],"size":7436979,"sha256":"…","ask":["unmetered"]} */
#ifndef ADMISSION_ANSWER_H
#define ADMISSION_ANSWER_H

#include "lib/admission/admission.h"

struct str admission_answer_json(struct arena *, const struct admission_profile *, const struct admission_answer *);

/* What a client is told, as it reads it. URLs are of http or https. */
struct admission_told {
    bool admit;
    double probability, threshold;
    uint64_t speed_limit; /* 0: none */
    int64_t start_at;     /* ADMISSION_NEVER: none */
    int64_t retry_after;  /* seconds */
    int64_t asked_since;  /* to be sent with the next question; ADMISSION_NEVER: nothing */
    struct str *urls;
    size_t url_count;
    uint64_t size;     /* 0: not said */
    struct str sha256; /* empty: not said */
};
enum status admission_told_parse(struct arena *, struct str json, struct admission_told *, struct error *);

#endif
