/* Downloads that access logs tell of: which sampled queries were followed by one (P16; `pakhus calibrate --log FILE`).
 *
 * A line counts as a download when it is a GET that was answered 200 or 206 with at least one byte, of a path that a sampled package has:
 * /packages/{app}/{version}[/{channel}].apk and /patches/{app}/{from}..{to}.diff, behind whatever stands before them (at a CDN, on an edge
 * that splices), packages/{app}/{version}/base-….apk in a store's log, or the package's file in the directory of an edge. A 206 of what the
 * same client (its address, referer and agent) had a part of within ten minutes is another slice of the same download.
 *
 * Lines have no query's id. A download belongs to the query for that package before it (by up to `horizon`; by up to five minutes behind
 * it, where clocks differ)
 *     - of the very LAN, where it is known which edge the log is of (said with the log, or the only one with that directory) and the client
 *       is in one of the edge's networks;
 *     - of any of the edge's LANs, where it has none that is a network, or where the client is the address that one edge's shop is seen
 *       with ("egress");
 *     - of any LAN otherwise;
 * and to one query at most: one that a device told of (POST /query/result) before one that nobody told of, since that download is in the
 * log too; then the latest. Where the samples are a share of all queries, the same share of downloads is looked at.
 * What a log can't tell: that the full package was answered where a patch was asked for counts as no download of the patch.
 *
 * Memory: some hundred bytes a sample and 1 MiB, however long the log. */
#ifndef DEMAND_DOWNLOADS_H
#define DEMAND_DOWNLOADS_H

#include "base/io.h"
#include "lib/demand/samples.h"
#include "lib/edges/registry.h"

struct downloads;
/* Of a set that outlives it; lives in the arena. `horizon` as for samples_read. */
struct downloads *downloads_new(struct arena *, const struct registry *, const struct sample_set *, int64_t horizon);
/* Takes note of a line. `edge`: whose log it is; NULL: not said. */
void downloads_line(struct downloads *, struct str line, const struct edge *);
/* Of all lines of a stream, to its end; the stream is not closed. */
enum status downloads_read(struct downloads *, struct stream, const struct edge *, struct error *);

struct download_counts {
    uint64_t lines, nonsense; /* nonsense: lines in no form that is known, or of over 16 KiB */
    uint64_t downloads;       /* of packages that were sampled */
    uint64_t matched;         /* to a query */
};
struct download_counts downloads_counts(const struct downloads *);

#endif
