/* FNV-1a: quick and well spread, no secret in it. What is stored depends on some of these values: they never change. Begin with HASH32 or
 * HASH64; several texts are hashed as if they were one. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/bytes.h"
#include "base/str.h"

static const uint32_t HASH32 = 2166136261u;
static const uint64_t HASH64 = UINT64_C(14695981039346656037);

static inline uint32_t hash32(uint32_t hash, struct str text)
{
    for (size_t i = 0; i < text.length; i++) hash = (hash ^ (unsigned char)text.data[i]) * 16777619u;
    return hash;
}

static inline uint64_t hash64(uint64_t hash, struct str text)
{
    for (size_t i = 0; i < text.length; i++) hash = (hash ^ (unsigned char)text.data[i]) * UINT64_C(1099511628211);
    return hash;
}

/* Of a number, as of its eight bytes in little-endian order. */
static inline uint64_t hash64_number(uint64_t hash, uint64_t number)
{
    char bytes[sizeof number];
    bytes_put64(bytes, number);
    return hash64(hash, (struct str){bytes, sizeof bytes});
}

#endif
