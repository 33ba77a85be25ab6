#include "lib/store/azure/azure_internal.h"

static const char keys_advice[] =
    "the store refuses us: check AZURE_STORAGE_KEY, account= in the store's URL, this machine's time, and the "
    "account's network rules";
static const char no_keys_advice[] = "the storage account takes no keys: allow Shared Key authorization for it";
static const char container_advice[] = "there is no such container: create it, or correct the store's URL";
static const char busy_advice[] = "the store asks to slow down";

/* Sources: "Status and error codes" and "Blob Storage error codes" of the Azure Storage REST reference. ConditionNotMet is left to HTTP's
 * status: it comes with 304 and with 412. */
static const struct failure_row rows[] = {
    {"AccountIsDisabled", 0, STATUS_DENIED, 0, NULL},
    {"AuthenticationFailed", 0, STATUS_DENIED, 0, keys_advice},
    {"AuthorizationFailure", 0, STATUS_DENIED, 0, keys_advice},
    {"BlobAlreadyExists", 0, STATUS_PRECONDITION, 0, NULL},
    {"BlobArchived", 0, STATUS_UNSUPPORTED, 0, "the object is archived: restore it first"},
    {"BlobImmutableDueToPolicy", 0, STATUS_DENIED, 0, NULL},
    {"BlobNotFound", 0, STATUS_NOT_FOUND, 0, NULL},
    {"ContainerBeingDeleted", 0, STATUS_UNAVAILABLE, 0, NULL},
    {"ContainerDisabled", 0, STATUS_DENIED, 0, NULL},
    {"ContainerNotFound", 0, STATUS_INVALID, 0, container_advice},
    {"InternalError", 0, STATUS_UNAVAILABLE, FAILURE_AGAIN, NULL},
    {"KeyBasedAuthenticationNotPermitted", 0, STATUS_DENIED, 0, no_keys_advice},
    {"LeaseIdMissing", 0, STATUS_DENIED, 0, "somebody holds a lease on the object"},
    {"Md5Mismatch", 0, STATUS_CORRUPT, FAILURE_AGAIN, NULL},
    {"OperationTimedOut", 0, STATUS_TIMEOUT, FAILURE_AGAIN, NULL},
    {"RequestBodyTooLarge", 0, STATUS_TOO_LARGE, 0, NULL},
    {"ServerBusy", 0, STATUS_THROTTLED, FAILURE_AGAIN, busy_advice},
    {NULL, 403, STATUS_DENIED, 0, keys_advice},
    {NULL, 409, STATUS_UNAVAILABLE, 0, NULL}, /* states that last, such as that of an account */
};
static const struct failure_table table = {rows, sizeof rows / sizeof *rows};

struct failure azure_failure_of(const struct wire_answer *answer, struct str body, struct error *error)
{
    struct xml_error xml = {0};
    const char *advice;
    struct str code = wire_header(answer, S("x-ms-error-code")); /* answers to HEAD have nothing else */
    if (!xml_error(body, &xml)) xml = (struct xml_error){0};
    if (str_empty(code)) code = xml.code;
    struct failure failure = failure_look_up(&table, code, answer->status, &advice);
    failure_say(&failure, &(struct failure_words){code, xml.message, answer->status, advice}, error);
    return failure;
}
