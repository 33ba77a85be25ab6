/* Settings that a policy sets itself ("auto"): a small grid of place thresholds, displace factors, and what free room allows. Their windows
 * are the last 24 hours, five times, and what nobody asked for in all of them goes.
 *
 *     "auto":{"placed_byte":0.2,"goal":"bytes|requests","link":BYTES_A_SECOND,"since":"2026-11-30T20:30:00Z","why":"…"}
 *
 * "placed_byte": what a byte that is copied to an edge costs, in bytes that an edge serves. "link": what an edge receives, 0 where copying
 * takes no time worth counting. "since" and "why" are written by calibrate; who sets a policy leaves them out. Without "since" no replay
 * has chosen: the setting is that to begin with. The numbers in force are "place" and "evict" of the same policy. */
#ifndef POLICY_AUTO_H
#define POLICY_AUTO_H

#include "lib/policy/policy.h"

struct auto_setting {
    unsigned t1, displace, room; /* positions on the axes of the grid; room: 0 or 1 */
};
enum { AUTO_SETTINGS_MAX = 40 };

/* All of them. Returns how many. */
unsigned auto_settings(struct auto_setting settings[AUTO_SETTINGS_MAX]);
/* Puts the numbers into place and evict; nothing else changes. */
void auto_apply(struct auto_setting, struct policy *);
/* Which setting the policy has. False: none. */
bool auto_find(const struct policy *, struct auto_setting *);
/* How many positions they are apart on the axis where they are most so: a day changes one. Room has no steps. */
unsigned auto_steps(struct auto_setting, struct auto_setting);
/* "threshold 1, displace 0.25, room 0", by the names of the fields */
struct str auto_text(struct arena *, struct auto_setting);

/* Where to begin with nothing recorded: a package comes at the second request; at a later one where an edge holds few packages, or where
 * its link takes long for one. `package`: bytes, on average; `quota`: of an edge, bytes; `link` as above. */
struct auto_setting auto_start(uint64_t package, uint64_t quota, uint64_t link);

#endif
