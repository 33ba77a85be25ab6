#include "lib/store/s3/errors_internal.h"

#include "lib/store/s3/xml_internal.h"

enum { AGAIN = 1, CREDENTIALS = 2, FEW_TIMES = 4 };
enum { FEW = 6 };

static const char keys_advice[] = "the store refuses our credentials: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
static const char expired_advice[] = "the credentials have expired: set new ones, AWS_SESSION_TOKEN included";
static const char policy_advice[] = "the credentials are known but not allowed to do this: check their policy and the bucket's "
                                    "(without s3:ListBucket a missing key is refused too)";
static const char region_advice[] = "the bucket is in another region: name it with region= in the store's URL";
static const char clock_advice[] = "the store finds our clock wrong: set this machine's time";
static const char bucket_advice[] = "there is no such bucket: create it, or correct the store's URL";
static const char name_advice[] = "the store takes no bucket of this name: correct the store's URL";
static const char busy_advice[] = "the store asks to slow down";
static const char quota_advice[] = "the store's quota is used up";

/* Sources: "Error responses" of the Amazon S3 API reference; OSS "HTTP status codes"; IBM COS "Forbid overwrite header"; MinIO's
 * api-errors. */
static const struct {
    const char *code;
    enum status status;
    int flags;
    const char *advice;
} known[] = {
    {"AccessDenied", STATUS_DENIED, 0, policy_advice},
    {"AccountProblem", STATUS_DENIED, 0, NULL},
    {"AllAccessDisabled", STATUS_DENIED, 0, NULL},
    {"AuthorizationHeaderMalformed", STATUS_INVALID, 0, region_advice},
    {"AuthorizationQueryParametersError", STATUS_INVALID, 0, NULL},
    {"BadDigest", STATUS_CORRUPT, AGAIN, NULL},
    {"BandwidthLimitExceeded", STATUS_THROTTLED, AGAIN, busy_advice},
    {"ConditionalRequestConflict", STATUS_UNAVAILABLE, AGAIN, NULL},
    {"EntityTooLarge", STATUS_TOO_LARGE, 0, NULL},
    {"EntityTooSmall", STATUS_INVALID, 0, NULL},
    {"ExpiredToken", STATUS_DENIED, CREDENTIALS, expired_advice},
    {"FileAlreadyExists", STATUS_PRECONDITION, 0, NULL}, /* OSS, COS */
    {"FileImmutable", STATUS_DENIED, 0, NULL},           /* OSS */
    {"IllegalLocationConstraintException", STATUS_INVALID, 0, region_advice},
    {"IncompleteBody", STATUS_CORRUPT, AGAIN, NULL},
    {"InternalError", STATUS_UNAVAILABLE, AGAIN, NULL},
    {"InvalidAccessKeyId", STATUS_DENIED, CREDENTIALS, keys_advice},
    {"InvalidBucketName", STATUS_INVALID, 0, name_advice},
    {"InvalidDigest", STATUS_CORRUPT, AGAIN, NULL},
    {"InvalidObjectState", STATUS_UNSUPPORTED, 0, "the object is archived: restore it first"},
    {"InvalidPart", STATUS_CORRUPT, 0, NULL},
    {"InvalidPartOrder", STATUS_CORRUPT, 0, NULL},
    {"InvalidRange", STATUS_INVALID, 0, NULL},
    {"InvalidSecurity", STATUS_DENIED, 0, keys_advice},
    {"InvalidToken", STATUS_DENIED, CREDENTIALS, expired_advice},
    {"KeyTooLongError", STATUS_INVALID, 0, NULL},
    {"MethodNotAllowed", STATUS_UNSUPPORTED, 0, NULL},
    {"NoSuchBucket", STATUS_INVALID, 0, bucket_advice},
    {"NoSuchKey", STATUS_NOT_FOUND, 0, NULL},
    {"NoSuchUpload", STATUS_NOT_FOUND, 0, NULL},
    {"NoSuchVersion", STATUS_NOT_FOUND, 0, NULL},
    {"NotImplemented", STATUS_UNSUPPORTED, 0, NULL},
    {"NotModified", STATUS_NOT_MODIFIED, 0, NULL},
    {"NotSignedUp", STATUS_DENIED, 0, NULL},
    {"ObjectAlreadyExists", STATUS_PRECONDITION, 0, NULL}, /* IBM */
    {"OperationAborted", STATUS_UNAVAILABLE, AGAIN, NULL},
    {"PermanentRedirect", STATUS_INVALID, 0, region_advice},
    {"PreconditionFailed", STATUS_PRECONDITION, 0, NULL},
    {"QuotaExceeded", STATUS_UNAVAILABLE, 0, quota_advice}, /* Ceph */
    {"Redirect", STATUS_INVALID, 0, region_advice},
    {"RequestExpired", STATUS_DENIED, 0, clock_advice},
    {"RequestLimitExceeded", STATUS_THROTTLED, AGAIN, busy_advice},
    {"RequestTimeTooSkewed", STATUS_DENIED, 0, clock_advice},
    {"RequestTimeout", STATUS_TIMEOUT, AGAIN, NULL},
    {"ServiceUnavailable", STATUS_UNAVAILABLE, AGAIN, NULL},
    {"SignatureDoesNotMatch", STATUS_DENIED, 0, keys_advice},
    {"SlowDown", STATUS_THROTTLED, AGAIN, busy_advice},
    {"SlowDownRead", STATUS_THROTTLED, AGAIN, busy_advice},  /* MinIO */
    {"SlowDownWrite", STATUS_THROTTLED, AGAIN, busy_advice}, /* MinIO */
    {"TemporaryRedirect", STATUS_INVALID, 0, region_advice},
    {"ThrottlingException", STATUS_THROTTLED, AGAIN, busy_advice},
    {"TokenRefreshRequired", STATUS_DENIED, CREDENTIALS, expired_advice},
    {"TooManyRequests", STATUS_THROTTLED, AGAIN, busy_advice},
    {"XAdminUserNotFound", STATUS_DENIED, CREDENTIALS, keys_advice}, /* versitygw: an unknown access key */
    {"XAmzContentSHA256Mismatch", STATUS_CORRUPT, AGAIN, NULL},
    {"XMinioAdminBucketQuotaExceeded", STATUS_UNAVAILABLE, 0, quota_advice},
    {"XMinioStorageFull", STATUS_UNAVAILABLE, 0, "the store's disks are full"},
};

static const struct {
    int http;
    enum status status;
    int flags;
    const char *advice;
} by_http[] = {
    {301, STATUS_INVALID, 0, region_advice},
    {304, STATUS_NOT_MODIFIED, 0, NULL},
    {307, STATUS_INVALID, 0, region_advice},
    {401, STATUS_DENIED, 0, keys_advice},
    {403, STATUS_DENIED, 0, policy_advice},
    {404, STATUS_NOT_FOUND, 0, NULL},
    {405, STATUS_UNSUPPORTED, 0, NULL},
    {408, STATUS_TIMEOUT, AGAIN, NULL},
    {409, STATUS_UNAVAILABLE, AGAIN, NULL},
    {412, STATUS_PRECONDITION, 0, NULL},
    {413, STATUS_TOO_LARGE, 0, NULL},
    {416, STATUS_INVALID, 0, NULL},
    {429, STATUS_THROTTLED, AGAIN, busy_advice},
    {501, STATUS_UNSUPPORTED, 0, NULL},
    {507, STATUS_UNAVAILABLE, 0, "the store's disks are full"},
};

static struct s3_failure failure_of(enum status status, int flags)
{
    return (struct s3_failure){status, flags & AGAIN, flags & CREDENTIALS, flags & FEW_TIMES ? FEW : 0};
}

/* A code that is not in the table means what its HTTP status does; but a 404 with such a code does not say that the key is absent. Servers
 * that answer 500 without a word do so for requests that they cannot carry out at all. */
static struct s3_failure look_up(struct str code, int http, const char **advice)
{
    *advice = NULL;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!str_equal(code, str_of(known[i].code))) continue;
        *advice = known[i].advice;
        return failure_of(known[i].status, known[i].flags);
    }
    if (http == 404 && !str_empty(code)) return failure_of(STATUS_INVALID, 0);
    if (http == 500 && str_empty(code)) return failure_of(STATUS_UNAVAILABLE, AGAIN | FEW_TIMES);
    for (size_t i = 0; i < sizeof by_http / sizeof *by_http; i++) {
        if (by_http[i].http != http) continue;
        *advice = by_http[i].advice;
        return failure_of(by_http[i].status, by_http[i].flags);
    }
    return http >= 500 ? failure_of(STATUS_UNAVAILABLE, AGAIN) : failure_of(STATUS_INVALID, 0);
}

struct s3_failure s3_failure_named(struct str code, struct str message, int http, struct str region, struct error *error)
{
    const char *advice;
    struct s3_failure failure = look_up(code, http, &advice);
    error_set(error, failure.status, STR_FMT, STR_ARG(message));
    if (str_empty(message)) error_set(error, failure.status, "%s", status_name(failure.status));
    if (advice == region_advice && !str_empty(region))
        error_set(error, failure.status, "the bucket is in another region: write region=" STR_FMT " into the store's URL", STR_ARG(region));
    else if (advice)
        error_set(error, failure.status, "%s", advice);
    struct error what = *error;
    if (str_empty(code)) error_set(error, failure.status, "%s (status %d)", what.text, http);
    if (!str_empty(code)) error_set(error, failure.status, "%s (" STR_FMT ", status %d)", what.text, STR_ARG(str_first(code, 64)), http);
    return failure;
}

struct s3_failure s3_failure_of(const struct wire_answer *answer, struct str body, struct error *error)
{
    struct s3_xml_error xml = {0};
    struct str region = wire_header(answer, S("x-amz-bucket-region"));
    if (!s3_xml_error(body, &xml)) xml = (struct s3_xml_error){0};
    if (str_empty(region)) region = xml.region;
    return s3_failure_named(xml.code, xml.message, answer->status, region, error);
}
