/* An admission answer as devices read it:
 *     {"admit":false,"probability":0.1,"threshold":0.3,"level":"lowest","source":"peer","speed_limit":262144,"start_at":null,
 *      "retry_after":300,"asked_since":"…","urls":["https://…"],"addresses":[{"level":"lowest","url":"edge"},…],"query":"https://…",
 *      "size":7436979,"sha256":"…","ask":["unmetered"]}
 * `addresses` and `query` are there where the profile has addresses of a level or source; `urls` are the same without "edge". */
#ifndef ADMISSION_ANSWER_H
#define ADMISSION_ANSWER_H

#include "lib/admission/admission.h"

struct str admission_answer_json(struct arena *, const struct admission_profile *, const struct admission_answer *);

/* What a client knows when it has asked, or has decided by itself. URLs are of http or https, or "edge". */
struct admission_told {
    bool admit;
    double probability, threshold;
    enum admission_level level;
    uint64_t speed_limit; /* 0: none */
    int64_t start_at;     /* ADMISSION_NEVER: none */
    int64_t retry_after;  /* seconds */
    int64_t asked_since;  /* to be sent with the next question; ADMISSION_NEVER: nothing */
    struct admission_addresses addresses;
    struct str query;  /* for "edge"; empty: none */
    uint64_t size;     /* 0: not given */
    struct str sha256; /* empty: not given */
};
enum status admission_told_parse(struct arena *, struct str json, struct admission_told *, struct error *);
/* The same without a question, from a profile. */
void admission_told_of(struct arena *, const struct admission_profile *, const struct admission_answer *, struct admission_told *);

#endif
