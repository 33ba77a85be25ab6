/* How libmicrohttpd 0.9 takes a request's head apart, in place: for what checks the head behind it. */
#ifndef LC_HEAD_MODEL_H
#define LC_HEAD_MODEL_H

#include "runtime/lc_framing.h"
#include "runtime/lc_headers.h"

/* The next line as a string, by CR LF or LF alone; NULL where there is no end of one. */
static inline char *model_line(char *raw, size_t length, size_t *at, size_t *line_length)
{
    for (size_t i = *at; i < length; i++) {
        bool crlf = raw[i] == '\r' && i + 1 < length && raw[i + 1] == '\n';
        if (!crlf && raw[i] != '\n') continue;
        char *line = raw + *at;
        *line_length = i - *at;
        raw[i] = 0;
        if (crlf) raw[i + 1] = 0;
        *at = i + (crlf ? 2 : 1);
        return line;
    }
    return NULL;
}

/* False where the library refuses the request line itself. */
static inline bool model_request_line(struct arena *arena, struct lc_head *head, char *line, size_t length, struct str *target,
                                      struct str *version)
{
    char *space = memchr(line, ' ', length), *end = line + length - 1;
    if (!space || space == line) return false;
    *space++ = 0;
    while (*space == ' ') space++;
    while (end > space && *end != ' ') end--;
    if (end <= space) return false;
    *end = 0;
    *version = str_of(end + 1);
    if (version->length != (size_t)(line + length - end - 1)) return false;
    *target = arena_copy(arena, str_of(space));
    lc_head_begin(head, line, space, target->length, version->data);
    for (char *c = space; *c; c++)
        if (*c == '?' || *c == '&' || *c == '=') *c = 0;
    return true;
}

/* True: the library takes the head, and we do. `raw` is overwritten. `headers` gets copies. */
static inline bool model_head(struct arena *arena, char *raw, size_t length, struct lc_headers *headers, struct str *target,
                              struct str *version)
{
    struct lc_head head;
    size_t at = 0, line_length, first;
    char *line;
    do {
        first = at;
        line = model_line(raw, length, &at, &line_length);
    } while (line && *line == 0 && line_length == 0);
    if (!line || !model_request_line(arena, &head, line, line_length, target, version)) return false;
    bool sound = lc_target_is_sound(*target);
    while ((line = model_line(raw, length, &at, &line_length)) && *line) {
        char *colon = strchr(line, ':');
        if (*line == ' ' || *line == '\t') continue; /* it is added to the name of the one before, somewhere else */
        if (!colon) return false;
        *colon++ = 0;
        while (*colon == ' ' || *colon == '\t') colon++;
        lc_head_field(&head, str_of(line), str_of(colon));
        sound = lc_header_receive(arena, headers, arena_copy(arena, str_of(line)), arena_copy(arena, str_of(colon)), false) && sound;
    }
    return line && lc_head_ends_at(&head, at - first) && sound;
}

#endif
