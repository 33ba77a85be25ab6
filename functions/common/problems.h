/* The table of problem types: every `type` of an application/problem+json answer, with its HTTP status. docs/problems.md repeats it, and a
 * unit test compares them. A type never changes its meaning; clients may rely on it. */
#ifndef FUNCTIONS_COMMON_PROBLEMS_H
#define FUNCTIONS_COMMON_PROBLEMS_H

#include <stddef.h>

enum problem {
    PROBLEM_BAD_REQUEST,
    PROBLEM_HEADER_TWICE,
    PROBLEM_UNKNOWN_PARAMETER,
    PROBLEM_ORIGIN_SECRET,
    PROBLEM_NODE_SECRET,
    PROBLEM_FORBIDDEN,
    PROBLEM_SIGNATURE,
    PROBLEM_URL_INFO,
    PROBLEM_LISTS_OFF,
    PROBLEM_TOKEN_MALFORMED, /* the next ones in the order of enum token_reason */
    PROBLEM_TOKEN_TOO_LONG,
    PROBLEM_TOKEN_TWICE,
    PROBLEM_TOKEN_UNKNOWN_KEY,
    PROBLEM_TOKEN_FORGED,
    PROBLEM_TOKEN_BUSINESS,
    PROBLEM_TOKEN_HOST,
    PROBLEM_TOKEN_URL,
    PROBLEM_NOT_FOUND,
    PROBLEM_METHOD,
    PROBLEM_PRECONDITION,
    PROBLEM_TOO_LARGE,
    PROBLEM_TOO_LONG,
    PROBLEM_RANGE,
    PROBLEM_INTERNAL,
    PROBLEM_NOT_IMPLEMENTED,
    PROBLEM_RANGE_REQUIRED,
    PROBLEM_STORE_DENIED,
    PROBLEM_STORE_CORRUPT,
    PROBLEM_UNAVAILABLE,
    PROBLEM_BUSY,
    PROBLEM_STORE_UNAVAILABLE,
    PROBLEM_STORED_OBJECT_CHANGED,
    PROBLEM_STORE_TIMEOUT,
    PROBLEM_COUNT
};

struct problem_row {
    int status;
    const char *type;
    const char *meaning; /* for docs/problems.md: what happened, and what to do */
};
extern const struct problem_row problems[PROBLEM_COUNT];

#endif
