#include "lib/gather/body_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE_SEALS = F_SEAL_SHRINK | F_SEAL_GROW, SEALS = SIZE_SEALS | F_SEAL_WRITE };

static enum status open_region(struct body *body, struct error *error)
{
    body->region_fd = memfd_create("gather-region", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (body->region_fd < 0) return error_errno(error, errno, "memfd_create");
    bool sized = ftruncate(body->region_fd, BODY_SHARED) == 0 && fcntl(body->region_fd, F_ADD_SEALS, SIZE_SEALS | F_SEAL_SEAL) == 0;
    body->region = sized ? mmap(NULL, BODY_SHARED, PROT_READ | PROT_WRITE, MAP_SHARED, body->region_fd, 0) : MAP_FAILED;
    if (body->region == MAP_FAILED) return error_errno(error, errno, "cannot map memory for bodies");
    body->progress = (struct body_progress *)(void *)(body->region + BODY_REGION);
    return STATUS_OK;
}

enum status body_open(struct body *body, struct error *error)
{
    *body = (struct body){.region_fd = -1, .fd = -1, .digest = EVP_MD_CTX_new()};
    if (!body->digest || EVP_DigestInit_ex(body->digest, EVP_sha256(), NULL) != 1) abort();
    return open_region(body, error);
}

void body_drop(struct body *body)
{
    if (EVP_DigestInit_ex(body->digest, NULL, NULL) != 1) abort(); /* what it was set up for */
    if (body->fd >= 0) close(body->fd);
    body->fd = -1;
    body->length = 0;
}

uint64_t body_order(const struct ticket *ticket)
{
    uint64_t request;
    memcpy(&request, ticket->request, sizeof request);
    return request + ((uint64_t)ticket->resource << 32) + ticket->attempt;
}

/* The order last: who reads it first sees what belongs to it. */
void body_begin(struct body *body, uint64_t order, uint64_t limit)
{
    atomic_store(&body->progress->order, 0);
    atomic_store(&body->progress->bytes, 0);
    atomic_store(&body->progress->status, 0);
    atomic_store(&body->progress->order, order);
    body_drop(body);
    body->limit = limit;
}

void body_answered(struct body *body, int status)
{
    atomic_store(&body->progress->status, status);
}

static enum status write_all(int fd, struct str bytes, struct error *error)
{
    while (bytes.length > 0) {
        ssize_t count = write(fd, bytes.data, bytes.length);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return error_errno(error, errno, "cannot keep the body");
        bytes = str_from(bytes, (size_t)count);
    }
    return STATUS_OK;
}

/* What outgrows the region moves to a memfd of its own. */
static enum status leave_region(struct body *body, struct error *error)
{
    if (body->fd >= 0) return STATUS_OK;
    body->fd = memfd_create("gather", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (body->fd < 0) return error_errno(error, errno, "memfd_create");
    return write_all(body->fd, str_make(body->region, body->length), error);
}

enum status body_add(struct body *body, struct str bytes, struct error *error)
{
    if (bytes.length == 0) return STATUS_OK;
    ENSURE(bytes.length <= body->limit - body->length, error, STATUS_TOO_LARGE, "more than %llu bytes", (unsigned long long)body->limit);
    if (body->length + bytes.length <= BODY_REGION) {
        memcpy(body->region + body->length, bytes.data, bytes.length);
    } else {
        TRY(leave_region(body, error));
        TRY(write_all(body->fd, bytes, error));
    }
    body->length += bytes.length;
    atomic_store(&body->progress->bytes, body->length);
    EVP_DigestUpdate(body->digest, bytes.data, bytes.length);
    return STATUS_OK;
}

enum status body_seal(struct body *body, unsigned char sha256[GATHER_DIGEST], struct error *error)
{
    unsigned length = GATHER_DIGEST;
    EVP_DigestFinal_ex(body->digest, sha256, &length);
    if (body->fd < 0 || fcntl(body->fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) == 0) return STATUS_OK;
    return error_errno(error, errno, "cannot seal the body");
}

static bool is_memfd(int fd, int seals, uint64_t length)
{
    struct stat st;
    int sealed = fcntl(fd, F_GET_SEALS);
    return sealed >= 0 && (sealed & seals) == seals && fstat(fd, &st) == 0 && st.st_size > 0 && (uint64_t)st.st_size == length;
}

const char *body_map_region(int fd)
{
    void *at = is_memfd(fd, SIZE_SEALS, BODY_SHARED) ? mmap(NULL, BODY_SHARED, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    return at == MAP_FAILED ? NULL : at;
}

bool body_progress_of(const char *region, uint64_t order, uint64_t *bytes, int *status)
{
    const struct body_progress *progress = (const struct body_progress *)(const void *)(region + BODY_REGION);
    *bytes = atomic_load(&progress->bytes);
    *status = atomic_load(&progress->status);
    return atomic_load(&progress->order) == order;
}

bool body_map(int fd, uint64_t length, struct str *bytes)
{
    if (!is_memfd(fd, SEALS, length)) return false;
    void *at = mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED) return false;
    *bytes = str_make(at, length);
    return true;
}

void body_unmap(struct str bytes)
{
    if (bytes.length > 0) munmap((void *)(uintptr_t)bytes.data, bytes.length);
}
