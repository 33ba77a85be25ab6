#include "lc_aws_extension.h"

#include <sys/eventfd.h>

#include "lc_signals.h"

enum { STACK = 128 * 1024, PATIENCE = 2000 };

static const struct log no_request;

static enum status post_registration(struct lc_aws_extension *extension, struct arena *arena, struct lc_aws_reply *reply,
                                     struct error *error)
{
    static const struct str body = {"{\"events\":[]}", 13};
    struct buf head = buf_in(arena, 4096);
    lc_aws_head(&head, &extension->client, "POST", "/2020-01-01/extension/register");
    buf_printf(&head, "Lambda-Extension-Name: %.100s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", extension->name,
               body.length);
    struct str parts[] = {buf_str(&head), body};
    return lc_aws_ask(&extension->client, arena, parts, 2, deadline_in(PATIENCE), reply, error);
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
    TRY(post_registration(extension, arena, &reply, error));
    ENSURE(reply.status == 200, error, STATUS_DENIED, "the platform answered %d", reply.status);
    return ask_for_events(extension, arena, lc_header_get(&reply.headers, S("Lambda-Extension-Identifier")), error);
}

static void *run(void *context)
{
    struct lc_aws_extension *extension = context;
    struct arena *arena = arena_new();
    struct error error = {0};
    if (extension->registers && enlist(extension, arena, &error) != STATUS_OK)
        log_debug(no_request, "no extension, hence no SIGTERM from the platform: %s", error.text);
    sem_post(&extension->registered);
    arena_free(arena);

    lc_signals_wait();
    eventfd_write(extension->stop_fd, 1);
    return NULL;
}

enum status lc_aws_extension_start(struct lc_aws_extension *extension, struct str authority, const char *name, bool registers, int stop_fd,
                                   struct error *error)
{
    pthread_attr_t attributes;
    *extension = (struct lc_aws_extension){.name = name, .registers = registers, .stop_fd = stop_fd};
    TRY(lc_aws_client_make(&extension->client, authority, -1, error));
    sem_init(&extension->registered, 0, 0);
    lc_signals_block(NULL);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    int number = pthread_create(&extension->thread, &attributes, run, extension);
    pthread_attr_destroy(&attributes);
    return number == 0 ? STATUS_OK : error_errno(error, number, "cannot start a thread");
}

void lc_aws_extension_await(struct lc_aws_extension *extension)
{
    while (sem_wait(&extension->registered) != 0) {
    }
}

void lc_aws_extension_end(struct lc_aws_extension *extension)
{
    pthread_kill(extension->thread, SIGINT);
    pthread_join(extension->thread, NULL);
    lc_aws_client_close(&extension->client);
    sem_destroy(&extension->registered);
}
