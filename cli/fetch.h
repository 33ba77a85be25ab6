/* How `pakhus fetch` knows whether it may download: it decides from the published profile, or asks the function each time. */
#ifndef CLI_FETCH_H
#define CLI_FETCH_H

#include "lib/admission/answer.h"
#include "lib/transfer/web.h"

struct asker {
    struct arena *arena;
    struct web *web;
    struct str resource, client_id;
    const struct admission_profile *profile; /* NULL: the function is asked */
    struct admission_client client;
    struct str question; /* the function's whole URL */
    int64_t ask_at;      /* when to ask or decide again */
    int64_t asked_since; /* as the function's first answer of this session gave it; ADMISSION_NEVER: not */
};

struct asker_options {
    struct str resource;
    struct str url;       /* of GET /admission, or of the server alone */
    struct str client_id; /* empty: the machine's */
    bool poll;            /* the function is asked, and no profile is loaded */
};
/* Loads the profile; where the server has none to give the function is asked. The client describes itself by its options (client.h). */
enum status asker_open(struct arena *, struct web *, const struct asker_options *, struct asker *, struct error *);
/* Whether to download now. What is told lives in `arena`. */
enum status asker_ask(struct asker *, struct arena *, struct admission_told *, struct error *);
/* The same, with some tries where the function does not answer. */
enum status asker_ask_patiently(struct asker *, struct admission_told *, struct error *);

/* Until a moment of the wall clock, in naps: a device that slept in between is in time. */
void fetch_sleep_until(int64_t moment);

/* What the addresses come to: the same ones, with what GET /query names for the device's LAN in the place of "edge". An edge that has not
 * got the package is left out, with a note on stderr. `lan`: parameters of /query about the device, beginning with '&', or empty. */
void fetch_resolve(struct asker *, struct arena *, const struct admission_told *, struct str lan, struct admission_addresses *);

#endif
