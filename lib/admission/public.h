/* A profile as GET /admission/profile gives it to clients that decide by themselves: all defaults filled in, and numbers only. Moments are
 * milliseconds since 1970, spans milliseconds, sizes bytes, so that a client needs neither a parser of times nor time zone data.
 *
 *     {"format":1,"generation":7,"resource":"game-2.0","mode":"paced","release":1787220000000,"end":1787997600000,"deadline":1788084000000,
 *      "interval":300000,"threshold":null,"before":0,"after":0,
 *      "device_time":false,"offsets":[{"from":1787220000000,"offset":28800000}],
 *      "day":[{"start":0,"slots":1.5,"pace":0.7},…],
 *      "account":{"initial_coefficient":0.5,"cap":0.05,"cap_total":1,"frequent":0,"gap":[{"from":432000000,"add":0.01}],"credit":[],"points":[],
 *                 "membership":{"gold":0.05}},
 *      "levels":{"lead":86400000,"r1":0.6,"r2":0.4,"lowest":{"source":"peer","speed":262144,"urls":["edge"]},"normal":{…},"highest":{…}},
 *      "audience":{"share":1,"regions":[]},"ask":[],"urls":["https://…"],"query":"https://…","size":7436979,"sha256":"…"}
 *
 * `end` is deadline − lead. `threshold` null: a fresh random number each time (fixed and steps modes have one, sticky and paced ignore it).
 * `day`: steps of the local day, from `start` to the next one's, with their coefficients; `offsets`: what to add to UTC, each from its
 * moment on. `speed` 0: no limit. */
#ifndef ADMISSION_PUBLIC_H
#define ADMISSION_PUBLIC_H

#include "lib/admission/profile.h"

enum { ADMISSION_PUBLIC_FORMAT = 1 };

struct str admission_public_json(struct arena *, const struct admission_profile *, uint64_t generation);
/* Fields that are not known here are ignored. STATUS_UNSUPPORTED, if it is of a later format. Any profile that this takes can be decided
 * by. */
enum status admission_public_parse(struct arena *, struct str json, struct admission_profile *, struct error *);

#endif
