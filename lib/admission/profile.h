/* A pre-distribution profile (A7): what is released when, for whom, and how downloads are spread until the deadline. */
#ifndef ADMISSION_PROFILE_H
#define ADMISSION_PROFILE_H

#include "base/error.h"
#include "lib/admission/day.h"

/* STEPS: two fixed probabilities, before and after D − lead. */
enum admission_mode { ADMISSION_FIXED, ADMISSION_RANDOM, ADMISSION_STICKY, ADMISSION_PACED, ADMISSION_STEPS };
enum admission_level { ADMISSION_LOWEST, ADMISSION_NORMAL, ADMISSION_HIGHEST, ADMISSION_LEVELS };
enum admission_source { ADMISSION_CDN, ADMISSION_PEER, ADMISSION_ANY };

/* From `from` on (a span in ms, or points) `add` is added to the probability; ascending. */
struct admission_band {
    int64_t from;
    double add;
};
struct admission_bands {
    struct admission_band *items;
    size_t count;
};
struct admission_membership {
    struct str name;
    double add;
};

/* A4. A gap between two logins counts where it is at least (deadline − release) · initial_coefficient. */
struct admission_account {
    double initial_coefficient;
    double cap, cap_total; /* of what the gap adds; of all together */
    uint64_t frequent;     /* who logs in that often a week starts at the release; 0: nobody */
    struct admission_bands gap, credit, points;
    struct admission_membership *memberships;
    size_t membership_count;
};

/* Of http or https, in the order to try; or "edge": what `query` names for the device's LAN. */
struct admission_urls {
    struct str *items;
    size_t count;
};
bool admission_is_edge(struct str url);

/* A5. */
struct admission_levels {
    double r1, r2;
    int64_t lead;
    struct admission_strategy {
        enum admission_source source;
        uint64_t speed;             /* bytes a second; 0: no limit */
        struct admission_urls urls; /* its own, else its source's, else the profile's */
    } strategy[ADMISSION_LEVELS];
};

struct admission_profile {
    struct str resource;
    struct admission_urls urls;
    struct str query;  /* the URL of GET /query for the resource's package, which "edge" needs; empty: there is none */
    bool has_sources;  /* some level or source has addresses of its own */
    uint64_t size;     /* bytes; 0: not said */
    struct str sha256; /* lower-case hexadecimal, or empty */
    int64_t release, deadline, lead;
    enum admission_mode mode;
    bool is_fresh;        /* the threshold is a fresh random number: random mode, and steps mode without one of its own */
    double threshold;     /* otherwise */
    double before, after; /* steps mode only: the probability before D − lead, and from then on */
    int64_t interval;     /* between two evaluations (A6) */
    struct admission_account account;
    struct admission_levels levels;
    double share; /* of the devices that it is for */
    struct str *regions;
    size_t region_count; /* 0: all */
    struct str *ask;     /* conditions for asking, of which one suffices: "login", "unmetered", "live-room" or any other name */
    size_t ask_count;
    struct day clock; /* the rate 1 at all hours, in the steps of `pace` */
    struct day slots; /* A3's coefficients */
    struct day pace;  /* those times the measured `pacing` */
    struct day_zone zone;
    bool is_device_time; /* times of day are each device's own; `zone` is UTC then, for devices that one knows nothing of */
};

/* Any profile that this takes can be decided by; what is wrong is named with its path. Text lives in the arena. */
enum status admission_profile_parse(struct arena *, struct str json, struct admission_profile *, struct error *);
/* The text as it is published: a zone's name ("Europe/Berlin") gets its offsets from the release to the deadline beside it, in
 * `timezone_offsets`, by the time zone data of this machine. Those who read the profile need none. */
enum status admission_profile_resolve(struct arena *, struct str json, struct str *out, struct error *);
/* Rules that are newer than some profiles in stores: a profile is held to them when it is published, not when it is read. */
enum status admission_profile_check(const struct admission_profile *, struct error *);

/* All three, as before publishing. */
enum status admission_profile_prepare(struct arena *, struct str json, struct str *out, struct admission_profile *, struct error *);

/* D − lead: all have been admitted by then (A1). Not before the release. */
int64_t admission_profile_end(const struct admission_profile *);

/* Where to download from at a level: its own addresses, then those of the higher levels, then the profile's; each once. */
struct admission_addresses {
    struct admission_address {
        enum admission_level level; /* whose address it is */
        struct str url;
    } * items;
    size_t count;
};
struct admission_addresses admission_profile_addresses(struct arena *, const struct admission_profile *, enum admission_level);

extern const char *const admission_mode_names[], *const admission_level_names[], *const admission_source_names[]; /* each ended by NULL */
const char *admission_mode_name(enum admission_mode);
const char *admission_level_name(enum admission_level);
const char *admission_source_name(enum admission_source);

#endif
