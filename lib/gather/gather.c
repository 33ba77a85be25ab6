#include "lib/gather/gather.h"

const char *gather_reason_name(enum gather_reason reason)
{
    static const char *const names[GATHER_REASONS] = {
        "complete",   "timeout",   "busy",     "refused",   "unreachable", "status",
        "incomplete", "too-large", "redirect", "malformed", "crashed",     "cancelled",
    };
    return reason < GATHER_REASONS ? names[reason] : "unknown";
}

static const char *fault_of(const struct gather_resource *resource, bool whole, struct str body, struct str sha256)
{
    bool has_length = resource->length != GATHER_UNKNOWN, is_told = has_length || resource->sha256.length > 0 || resource->end.length > 0;
    if (!whole && !is_told) return "broken off, or nothing says where it ends";
    if (has_length && body.length != resource->length) return "not of the length that it should have";
    if (resource->sha256.length > 0 && !str_equal(resource->sha256, sha256)) return "not of the digest that it should have";
    if (resource->end.length > 0 && !str_ends(str_trim(body), str_trim(resource->end))) return "not with the end that it should have";
    return NULL;
}

enum gather_reason gather_judge(const struct gather_resource *resource, bool whole, struct str body,
                                const unsigned char sha256[GATHER_DIGEST], const char **why)
{
    *why = fault_of(resource, whole, body, str_make(sha256, GATHER_DIGEST));
    return *why ? GATHER_INCOMPLETE : GATHER_COMPLETE;
}
