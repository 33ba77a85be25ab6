/* Little-endian numbers in byte arrays, as ZIP files have them. The caller has checked the bounds. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdint.h>

static inline uint16_t bytes_get16(const void *at)
{
    const unsigned char *b = at;
    return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t bytes_get32(const void *at)
{
    const unsigned char *b = at;
    return (uint32_t)bytes_get16(b) | (uint32_t)bytes_get16(b + 2) << 16;
}

static inline uint64_t bytes_get64(const void *at)
{
    const unsigned char *b = at;
    return (uint64_t)bytes_get32(b) | (uint64_t)bytes_get32(b + 4) << 32;
}

static inline void bytes_put16(void *at, uint16_t value)
{
    unsigned char *b = at;
    b[0] = (unsigned char)value;
    b[1] = (unsigned char)(value >> 8);
}

static inline void bytes_put32(void *at, uint32_t value)
{
    bytes_put16(at, (uint16_t)value);
    bytes_put16((unsigned char *)at + 2, (uint16_t)(value >> 16));
}

static inline void bytes_put64(void *at, uint64_t value)
{
    bytes_put32(at, (uint32_t)value);
    bytes_put32((unsigned char *)at + 4, (uint32_t)(value >> 32));
}

#endif
