#include "lib/store/s3/errors_internal.h"

#include <stdio.h>

#include "lib/store/xml_internal.h"

enum { AGAIN = FAILURE_AGAIN, CREDENTIALS = FAILURE_CREDENTIALS };

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
static const struct failure_row rows[] = {
    {"AccessDenied", 0, STATUS_DENIED, 0, policy_advice},
    {"AccountProblem", 0, STATUS_DENIED, 0, NULL},
    {"AllAccessDisabled", 0, STATUS_DENIED, 0, NULL},
    {"AuthorizationHeaderMalformed", 0, STATUS_INVALID, 0, region_advice},
    {"AuthorizationQueryParametersError", 0, STATUS_INVALID, 0, NULL},
    {"BadDigest", 0, STATUS_CORRUPT, AGAIN, NULL},
    {"BandwidthLimitExceeded", 0, STATUS_THROTTLED, AGAIN, busy_advice},
    {"ConditionalRequestConflict", 0, STATUS_UNAVAILABLE, AGAIN, NULL},
    {"EntityTooLarge", 0, STATUS_TOO_LARGE, 0, NULL},
    {"EntityTooSmall", 0, STATUS_INVALID, 0, NULL},
    {"ExpiredToken", 0, STATUS_DENIED, CREDENTIALS, expired_advice},
    {"FileAlreadyExists", 0, STATUS_PRECONDITION, 0, NULL}, /* OSS, COS */
    {"FileImmutable", 0, STATUS_DENIED, 0, NULL},           /* OSS */
    {"IllegalLocationConstraintException", 0, STATUS_INVALID, 0, region_advice},
    {"IncompleteBody", 0, STATUS_CORRUPT, AGAIN, NULL},
    {"InternalError", 0, STATUS_UNAVAILABLE, AGAIN, NULL},
    {"InvalidAccessKeyId", 0, STATUS_DENIED, CREDENTIALS, keys_advice},
    {"InvalidBucketName", 0, STATUS_INVALID, 0, name_advice},
    {"InvalidDigest", 0, STATUS_CORRUPT, AGAIN, NULL},
    {"InvalidObjectState", 0, STATUS_UNSUPPORTED, 0, "the object is archived: restore it first"},
    {"InvalidPart", 0, STATUS_CORRUPT, 0, NULL},
    {"InvalidPartOrder", 0, STATUS_CORRUPT, 0, NULL},
    {"InvalidRange", 0, STATUS_INVALID, 0, NULL},
    {"InvalidSecurity", 0, STATUS_DENIED, 0, keys_advice},
    {"InvalidToken", 0, STATUS_DENIED, CREDENTIALS, expired_advice},
    {"KeyTooLongError", 0, STATUS_INVALID, 0, NULL},
    {"MethodNotAllowed", 0, STATUS_UNSUPPORTED, 0, NULL},
    {"NoSuchBucket", 0, STATUS_INVALID, 0, bucket_advice},
    {"NoSuchKey", 0, STATUS_NOT_FOUND, 0, NULL},
    {"NoSuchUpload", 0, STATUS_NOT_FOUND, 0, NULL},
    {"NoSuchVersion", 0, STATUS_NOT_FOUND, 0, NULL},
    {"NotImplemented", 0, STATUS_UNSUPPORTED, 0, NULL},
    {"NotModified", 0, STATUS_NOT_MODIFIED, 0, NULL},
    {"NotSignedUp", 0, STATUS_DENIED, 0, NULL},
    {"ObjectAlreadyExists", 0, STATUS_PRECONDITION, 0, NULL}, /* IBM */
    {"OperationAborted", 0, STATUS_UNAVAILABLE, AGAIN, NULL},
    {"PermanentRedirect", 0, STATUS_INVALID, 0, region_advice},
    {"PreconditionFailed", 0, STATUS_PRECONDITION, 0, NULL},
    {"QuotaExceeded", 0, STATUS_UNAVAILABLE, 0, quota_advice}, /* Ceph */
    {"Redirect", 0, STATUS_INVALID, 0, region_advice},
    {"RequestExpired", 0, STATUS_DENIED, 0, clock_advice},
    {"RequestLimitExceeded", 0, STATUS_THROTTLED, AGAIN, busy_advice},
    {"RequestTimeTooSkewed", 0, STATUS_DENIED, 0, clock_advice},
    {"RequestTimeout", 0, STATUS_TIMEOUT, AGAIN, NULL},
    {"ServiceUnavailable", 0, STATUS_UNAVAILABLE, AGAIN, NULL},
    {"SignatureDoesNotMatch", 0, STATUS_DENIED, 0, keys_advice},
    {"SlowDown", 0, STATUS_THROTTLED, AGAIN, busy_advice},
    {"SlowDownRead", 0, STATUS_THROTTLED, AGAIN, busy_advice},  /* MinIO */
    {"SlowDownWrite", 0, STATUS_THROTTLED, AGAIN, busy_advice}, /* MinIO */
    {"TemporaryRedirect", 0, STATUS_INVALID, 0, region_advice},
    {"ThrottlingException", 0, STATUS_THROTTLED, AGAIN, busy_advice},
    {"TokenRefreshRequired", 0, STATUS_DENIED, CREDENTIALS, expired_advice},
    {"TooManyRequests", 0, STATUS_THROTTLED, AGAIN, busy_advice},
    {"XAdminUserNotFound", 0, STATUS_DENIED, CREDENTIALS, keys_advice}, /* versitygw: an unknown access key */
    {"XAmzContentSHA256Mismatch", 0, STATUS_CORRUPT, AGAIN, NULL},
    {"XMinioAdminBucketQuotaExceeded", 0, STATUS_UNAVAILABLE, 0, quota_advice},
    {"XMinioStorageFull", 0, STATUS_UNAVAILABLE, 0, "the store's disks are full"},
    {NULL, 301, STATUS_INVALID, 0, region_advice},
    {NULL, 307, STATUS_INVALID, 0, region_advice},
    {NULL, 401, STATUS_DENIED, 0, keys_advice},
    {NULL, 403, STATUS_DENIED, 0, policy_advice},
};

static const struct failure_table table = {rows, sizeof rows / sizeof *rows};

struct failure s3_failure_named(struct str code, struct str message, int http, struct str region, struct error *error)
{
    const char *advice;
    char named[160];
    struct failure failure = failure_look_up(&table, code, http, &advice);
    if (advice == region_advice && !str_empty(region)) {
        snprintf(named, sizeof named, "the bucket is in another region: write region=" STR_FMT " into the store's URL", STR_ARG(region));
        advice = named;
    }
    failure_say(&failure, &(struct failure_words){code, message, http, advice}, error);
    return failure;
}

struct failure s3_failure_of(const struct wire_answer *answer, struct str body, struct error *error)
{
    struct xml_error xml = {0};
    struct str region = wire_header(answer, S("x-amz-bucket-region"));
    if (!xml_error(body, &xml)) xml = (struct xml_error){0};
    if (str_empty(region)) region = xml.region;
    return s3_failure_named(xml.code, xml.message, answer->status, region, error);
}
