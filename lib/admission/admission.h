/* Whether a client downloads now (spec/admission.md): its probability, its threshold, and in sticky and paced modes the moment it starts.
 *
 * Fixed, random and steps modes look at the present only (A2, A3, A6): a client asks every interval, and pauses where it is no longer
 * admitted.
 * Sticky (A8) and paced (A9) give every client one moment, which its id and the resource decide, so that it asks once and sleeps. */
#ifndef ADMISSION_ADMISSION_H
#define ADMISSION_ADMISSION_H

#include "lib/admission/client.h"
#include "lib/admission/profile.h"

struct admission_answer {
    bool admit;
    double probability, threshold; /* 0 to 1; admitted where the probability is above the threshold, or 1 */
    enum admission_level level;
    enum admission_source source;
    uint64_t speed_limit; /* bytes a second; 0: none */
    int64_t start_at;     /* sticky and paced; ADMISSION_NEVER: none */
    int64_t retry_after;  /* seconds, at least 1 */
    int64_t asked_since;  /* what the client sends with its next question in this session (A4); ADMISSION_NEVER: nothing */
};

/* STATUS_INVALID where the profile goes by the device's time of day, and the client does not say its own: ask before deciding. */
enum status admission_client_fits(const struct admission_profile *, const struct admission_client *, struct error *);

/* `fresh`: a random number in [0, 1), new for each question; used in random mode, and in steps mode without a threshold. */
void admission_decide(const struct admission_profile *, const struct admission_client *, int64_t now, double fresh,
                      struct admission_answer *);
double admission_fresh(void);

/* The number in [0, 1) that a client has for a resource: the first 53 bits of SHA-256(resource LF client). */
double admission_hash(struct str resource, struct str client);

/* Steps of the above, for tests and the simulation. */
bool admission_is_for(const struct admission_profile *, const struct admission_client *); /* A7 */
/* A4. The gap is this login minus the previous one; where the client gives no login, the time of its first question in this session (`now`
 * for the first one) stands for it. 1 for frequent users. */
double admission_initial(const struct admission_profile *, const struct admission_client *, int64_t now);
/* A2, A3; in steps mode the two fixed probabilities. Without the initial one, and not limited to 1. */
double admission_present(const struct admission_profile *, const struct day_zone *, int64_t now);
/* The first moment at which a client whose number is `number` is admitted; sticky and paced modes. */
int64_t admission_start(const struct admission_profile *, const struct admission_client *, double number, double initial);

#endif
