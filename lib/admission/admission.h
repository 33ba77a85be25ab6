/* Whether a client downloads now (spec/admission.md): its probability, its threshold, and in sticky and paced modes the moment it starts.
 *
 * Fixed and random modes look at the present only (A2, A3, A6): a client asks every interval, and pauses where it is no longer admitted.
 * Sticky (A8) and paced (A9) give every client one moment, which its id and the resource decide, so that it asks once and sleeps. */
#ifndef ADMISSION_ADMISSION_H
#define ADMISSION_ADMISSION_H

#include "lib/admission/profile.h"

/* What a client says of itself; only the id is needed. */
struct admission_client {
    struct str id;
    struct str region, membership; /* empty: not said */
    int64_t last_login;            /* ADMISSION_NEVER: not said */
    uint64_t credit, points;
    uint32_t hours;     /* when it usually is on, in the profile's timezone; 0: not said */
    uint64_t bandwidth; /* bytes a second it usually gets; 0: not said */
};
#define ADMISSION_NEVER INT64_MIN

struct admission_answer {
    bool admit;
    double probability, threshold; /* 0 to 1; admitted where the probability is above the threshold, or 1 */
    enum admission_level level;
    enum admission_source source;
    uint64_t speed_limit; /* bytes a second; 0: none */
    int64_t start_at;     /* sticky and paced; ADMISSION_NEVER: none */
    int64_t retry_after;  /* seconds, at least 1 */
};

/* `fresh`: a random number in [0, 1), new for each question; used in random mode only. */
void admission_decide(const struct admission_profile *, const struct admission_client *, int64_t now, double fresh,
                      struct admission_answer *);
double admission_fresh(void);

/* The number in [0, 1) that a client has for a resource: the first 53 bits of SHA-256(resource LF client). */
double admission_hash(struct str resource, struct str client);

/* Steps of the above, for tests and the simulation. */
bool admission_is_for(const struct admission_profile *, const struct admission_client *);                 /* A7 */
double admission_initial(const struct admission_profile *, const struct admission_client *, int64_t now); /* A4 */
enum admission_level admission_level_at(const struct admission_profile *, int64_t now);                   /* A5 */
/* The first moment at which a client whose number is `number` is admitted; sticky and paced modes. */
int64_t admission_start(const struct admission_profile *, const struct admission_client *, double number, double initial);

#endif
