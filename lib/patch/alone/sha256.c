/* SHA-256 without OpenSSL, which is ten times as large as all the rest of the applier. Source: FIPS 180-4, 6.2. */
#include "lib/transfer/sha256.h"

#include "base/bytes.h"
#include "base/encode.h"

enum { BLOCK = 64, ROUNDS = 64, WORDS = 8, LENGTH_AT = 56 };

struct sha256 {
    uint32_t state[WORDS];
    uint64_t length;
    unsigned char block[BLOCK];
};

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t constants[ROUNDS] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotated(uint32_t word, unsigned bits)
{
    return word >> bits | word << (32 - bits);
}

static uint32_t big_endian(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void expand(uint32_t schedule[ROUNDS], const unsigned char *block)
{
    for (size_t i = 0; i < 16; i++) schedule[i] = big_endian(block + 4 * i);
    for (size_t i = 16; i < ROUNDS; i++) {
        uint32_t early = schedule[i - 15], late = schedule[i - 2];
        uint32_t sigma0 = rotated(early, 7) ^ rotated(early, 18) ^ early >> 3, sigma1 = rotated(late, 17) ^ rotated(late, 19) ^ late >> 10;
        schedule[i] = sigma1 + schedule[i - 7] + sigma0 + schedule[i - 16];
    }
}

static void add_block(uint32_t state[WORDS], const unsigned char *block)
{
    uint32_t schedule[ROUNDS], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6],
                               h = state[7];
    expand(schedule, block);
    for (size_t i = 0; i < ROUNDS; i++) {
        uint32_t choice = g ^ (e & (f ^ g)), majority = (a & b) | (c & (a | b));
        uint32_t one = h + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) + choice + constants[i] + schedule[i];
        uint32_t two = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) + majority;
        h = g, g = f, f = e, e = d + one, d = c, c = b, b = a, a = one + two;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

struct sha256 *sha256_new(struct arena *arena)
{
    struct sha256 *sha256 = arena_new_of(arena, struct sha256);
    *sha256 = (struct sha256){
        .state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19},
    };
    return sha256;
}

void sha256_add(struct sha256 *sha256, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    size_t have = (size_t)(sha256->length % BLOCK);
    sha256->length += length;
    while (length > 0) {
        if (have == 0 && length >= BLOCK) {
            add_block(sha256->state, at);
            at += BLOCK, length -= BLOCK;
            continue;
        }
        size_t room = BLOCK - have, took = length < room ? length : room;
        memcpy(sha256->block + have, at, took);
        at += took, length -= took, have += took;
        if (have == BLOCK) add_block(sha256->state, sha256->block), have = 0;
    }
}

struct str sha256_end(struct sha256 *sha256, struct arena *arena)
{
    static const unsigned char padding[BLOCK] = {0x80};
    unsigned char length[8], digest[4 * WORDS];
    uint64_t bits = 8 * sha256->length;
    size_t have = (size_t)(sha256->length % BLOCK);
    for (size_t i = 0; i < sizeof length; i++) length[i] = (unsigned char)(bits >> (56 - 8 * i));
    sha256_add(sha256, padding, (have < LENGTH_AT ? LENGTH_AT : BLOCK + LENGTH_AT) - have);
    sha256_add(sha256, length, sizeof length);
    for (size_t i = 0; i < sizeof digest; i++) digest[i] = (unsigned char)(sha256->state[i / 4] >> (24 - 8 * (i % 4)));
    return hex_encode(arena, str_make((const char *)digest, sizeof digest));
}
