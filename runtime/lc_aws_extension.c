#include "lc_aws_extension.h"

enum { PATIENCE = 2000 };

static const struct log no_request;

static enum status send_registration(struct lc_aws_extension *extension, struct arena *arena, const char *name, struct error *error)
{
    static const struct str body = {"{\"events\":[]}", 13};
    struct buf head = buf_in(arena, 4096);
    lc_aws_head(&head, &extension->client, "POST", "/2020-01-01/extension/register");
    buf_printf(&head, "Lambda-Extension-Name: %.100s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", name, body.length);
    struct str parts[] = {buf_str(&head), body};
    return lc_aws_send(&extension->client, parts, 2, deadline_in(PATIENCE), error);
}

/* The platform takes an extension for ready when it asks for its next event. This one subscribed to none, so that no answer
 * ever comes, and none is read: the open connection is all it takes. */
static enum status ask_for_events(struct lc_aws_extension *extension, struct arena *arena, struct str identifier, struct error *error)
{
    struct buf head = buf_in(arena, 4096);
    lc_aws_head(&head, &extension->client, "GET", "/2020-01-01/extension/event/next");
    buf_printf(&head, "Lambda-Extension-Identifier: " STR_FMT "\r\n\r\n", STR_ARG(identifier));
    struct str parts[] = {buf_str(&head)};
    return lc_aws_send(&extension->client, parts, 1, deadline_in(PATIENCE), error);
}

static enum status enlist(struct lc_aws_extension *extension, struct arena *arena, struct error *error)
{
    struct lc_aws_reply reply;
    TRY(lc_aws_receive(&extension->client, arena, deadline_in(PATIENCE), &reply, error));
    ENSURE(reply.status == 200, error, STATUS_DENIED, "the platform answered %d", reply.status);
    return ask_for_events(extension, arena, lc_header_get(&reply.headers, S("Lambda-Extension-Identifier")), error);
}

static void tell(const struct error *error)
{
    log_debug(no_request, "no extension, hence no SIGTERM from the platform: %s", error->text);
}

void lc_aws_extension_begin(struct lc_aws_extension *extension, struct str authority, const char *name)
{
    struct error error = {0};
    struct arena *arena = arena_new();
    *extension = (struct lc_aws_extension){0};
    enum status status = lc_aws_client_make(&extension->client, authority, -1, &error);
    if (status == STATUS_OK) status = send_registration(extension, arena, name, &error);
    extension->is_asked = status == STATUS_OK;
    if (status != STATUS_OK) tell(&error);
    arena_free(arena);
}

void lc_aws_extension_await(struct lc_aws_extension *extension)
{
    struct error error = {0};
    struct arena *arena = arena_new();
    if (extension->is_asked && enlist(extension, arena, &error) != STATUS_OK) tell(&error);
    arena_free(arena);
}

void lc_aws_extension_end(struct lc_aws_extension *extension)
{
    lc_aws_client_close(&extension->client);
}
