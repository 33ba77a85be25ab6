/* Validated JSON configuration: one way to say what a field may be, and which one is wrong.
 *
 *     struct config c;
 *     TRY(config_open(arena, text, "policy", &c, error));
 *     TRY(config_whole(&c, "t1", CONFIG_REQUIRED, 0, 1000000, &policy->t1, error));
 *     return config_end(&c, error);                → policy.place.t1: must be a whole number from 0 to 1000000
 *
 * A getter leaves *out alone where an optional field is absent or null: set the default before. Names that no getter asked for are refused
 * by config_end. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <jansson.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"

struct config {
    struct arena *arena;
    json_t *object;
    struct str path; /* for messages: "policy.place" */
    struct config_name *asked;
};

enum config_presence { CONFIG_OPTIONAL, CONFIG_REQUIRED };

/* Parses an object; duplicate names are refused. The JSON is freed with the arena; all text is copied into it. `what` names it in messages.
 */
enum status config_open(struct arena *, struct str text, const char *what, struct config *, struct error *);
enum status config_end(struct config *, struct error *);
/* Parses an array, in the same way: its length, and its items by the functions for items. */
enum status config_open_array(struct arena *, struct str text, const char *what, struct config *array, size_t *count, struct error *);

enum status config_text(struct config *, const char *name, enum config_presence, struct str *out, struct error *);
enum status config_id(struct config *, const char *name, enum config_presence, struct str *out, struct error *);
enum status config_version(struct config *, const char *name, enum config_presence, struct str *out, struct error *);
enum status config_sha256(struct config *, const char *name, enum config_presence, struct str *out, struct error *); /* hexadecimal */
enum status config_whole(struct config *, const char *name, enum config_presence, uint64_t least, uint64_t most, uint64_t *out,
                         struct error *);
enum status config_number(struct config *, const char *name, enum config_presence, double least, double most, double *out, struct error *);
enum status config_flag(struct config *, const char *name, enum config_presence, bool *out, struct error *);
enum status config_span(struct config *, const char *name, enum config_presence, int64_t *out, struct error *);
enum status config_time(struct config *, const char *name, enum config_presence, int64_t *out, struct error *);
/* A time of day, `00:00` to `24:00`; a time zone, `+08:00`. Both in ms. */
enum status config_day_time(struct config *, const char *name, enum config_presence, int64_t *out, struct error *);
enum status config_zone(struct config *, const char *name, enum config_presence, int64_t *out, struct error *);
/* One of `choices`, ended by NULL; *out is its index. */
enum status config_choice(struct config *, const char *name, enum config_presence, const char *const *choices, int *out, struct error *);
/* A nested object; child->object NULL where it is absent. End it on its own. */
enum status config_object(struct config *, const char *name, enum config_presence, struct config *child, struct error *);
/* A nested array: its length (0 where absent), and its items as objects or text. */
enum status config_array(struct config *, const char *name, enum config_presence, struct config *array, size_t *count, struct error *);
enum status config_item_object(struct config *array, size_t index, struct config *child, struct error *);
enum status config_item_text(struct config *array, size_t index, struct str *out, struct error *);
/* A nested array of at most `most` texts. */
enum status config_texts(struct config *, const char *name, enum config_presence, size_t most, struct str **out, size_t *count,
                         struct error *);
/* A table: an object whose names are data. Calls `each` for every member with an object value. */
typedef enum status config_member_fn(void *context, struct str name, struct config *member, struct error *);
enum status config_each_object(struct config *, const char *name, enum config_presence, config_member_fn *each, void *context,
                               struct error *);

/* Any text in the arena as the error "path.name: …". */
enum status config_refuse(struct config *, const char *name, struct error *, const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
