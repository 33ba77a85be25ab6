#include "cli/suggest.h"

enum { WORD_MAX = 32, PREFIX_MIN = 3 };

static unsigned min(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment; row[i + 1] compares the first i + 1 letters of a. Both are at most WORD_MAX long. */
static unsigned distance(struct str a, struct str b)
{
    unsigned rows[WORD_MAX + 2][WORD_MAX + 2];
    for (unsigned i = 0; i <= a.length; i++) rows[i][0] = i;
    for (unsigned j = 0; j <= b.length; j++) rows[0][j] = j;
    for (size_t i = 1; i <= a.length; i++)
        for (size_t j = 1; j <= b.length; j++) {
            unsigned replaced = rows[i - 1][j - 1] + (a.data[i - 1] != b.data[j - 1]);
            rows[i][j] = min(replaced, 1 + min(rows[i - 1][j], rows[i][j - 1]));
            bool swapped = i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1];
            if (swapped) rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1);
        }
    return rows[a.length][b.length];
}

void suggest_consider(struct suggestion *suggestion, const char *name)
{
    struct str word = suggestion->word, candidate = str_of(name);
    if (word.length == 0 || word.length > WORD_MAX || candidate.length > WORD_MAX) return;
    bool begins = word.length >= PREFIX_MIN && str_starts(candidate, word);
    unsigned far = begins ? 1 : distance(word, candidate), allowed = (unsigned)word.length / 3;
    if (far > (allowed > 1 ? allowed : 1) || far >= word.length) return;
    if (suggestion->best && far >= suggestion->distance) return;
    suggestion->best = name;
    suggestion->distance = far;
}
