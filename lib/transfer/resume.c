#include "lib/transfer/resume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "lib/config/config.h"

enum { STATE_LIMIT = 256 << 10 };

struct str resume_name(struct str url)
{
    struct str rest = url;
    return str_cut(&rest, '?');
}

struct resume_source *resume_find(struct resume *resume, struct str name)
{
    for (size_t i = 0; i < resume->source_count; i++)
        if (str_equal(resume->sources[i].name, name)) return &resume->sources[i];
    return NULL;
}

static enum status parse(struct arena *arena, struct str text, struct resume *resume, struct error *error)
{
    struct config config, array, item;
    TRY(config_open(arena, text, "state", &config, error));
    TRY(config_whole(&config, "size", CONFIG_REQUIRED, 0, INT64_MAX, &resume->size, error));
    TRY(config_text(&config, "sha256", CONFIG_REQUIRED, &resume->sha256, error));
    TRY(config_array(&config, "sources", CONFIG_REQUIRED, &array, &resume->source_count, error));
    if (resume->source_count > RESUME_SOURCES_MAXIMUM) return config_refuse(&config, "sources", error, "too many");
    for (size_t i = 0; i < resume->source_count; i++) {
        TRY(config_item_object(&array, i, &item, error));
        TRY(config_text(&item, "url", CONFIG_REQUIRED, &resume->sources[i].name, error));
        TRY(config_text(&item, "validator", CONFIG_REQUIRED, &resume->sources[i].validator, error));
    }
    return STATUS_OK;
}

bool resume_load(struct arena *arena, const char *path, struct resume *resume)
{
    struct error error;
    char *text = arena_buffer(arena, STATE_LIMIT);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t length = read(fd, text, STATE_LIMIT);
    close(fd);
    *resume = (struct resume){0};
    return length >= 0 && length < STATE_LIMIT && parse(arena, str_make(text, (size_t)length), resume, &error) == STATUS_OK;
}

static struct str format(struct arena *arena, const struct resume *resume)
{
    struct buf out = buf_in(arena, STATE_LIMIT - 1);
    struct json_writer json = json_writer(&out);
    json_open_object(&json, NULL);
    json_put_number(&json, "size", resume->size);
    json_put_text(&json, "sha256", resume->sha256);
    json_open_array(&json, "sources");
    for (size_t i = 0; i < resume->source_count; i++) {
        json_open_object(&json, NULL);
        json_put_text(&json, "url", resume->sources[i].name);
        json_put_text(&json, "validator", resume->sources[i].validator);
        json_close(&json);
    }
    json_close(&json);
    json_close(&json);
    buf_add_byte(&out, '\n');
    return buf_str(&out);
}

enum status resume_save(struct arena *arena, const char *path, const struct resume *resume, struct error *error)
{
    struct str text = format(arena, resume);
    const char *fresh = arena_printf(arena, "%s.new", path).data;
    unlink(fresh); /* what a run that was cut off left, or a link */
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return error_errno(error, errno, "%s", fresh);
    bool whole = write(fd, text.data, text.length) == (ssize_t)text.length;
    int number = errno;
    close(fd);
    if (!whole) return error_errno(error, number, "%s", fresh);
    if (rename(fresh, path) != 0) return error_errno(error, errno, "%s", path);
    return STATUS_OK;
}
