/* The release that these sources are. The commit is not here: it would give the same sources different bytes (cli/version.c has it). */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define PAKHUS_VERSION "0.2.0"

/* The User-Agent of every HTTP request that Pakhus sends (RFC 9110 section 10.1.5). */
#define PAKHUS_USER_AGENT "pakhus/" PAKHUS_VERSION

#endif
