#include "lib/gather/body.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

void body_begin(struct body *body, uint64_t limit)
{
    if (!body->digest) body->digest = EVP_MD_CTX_new();
    if (!body->digest || EVP_DigestInit_ex(body->digest, EVP_sha256(), NULL) != 1) abort();
    if (body->fd >= 0) close(body->fd);
    body->fd = -1;
    body->length = 0;
    body->limit = limit;
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

enum status body_add(struct body *body, struct str bytes, struct error *error)
{
    if (bytes.length == 0) return STATUS_OK;
    ENSURE(bytes.length <= body->limit - body->length, error, STATUS_TOO_LARGE, "more than %llu bytes", (unsigned long long)body->limit);
    if (body->fd < 0) body->fd = memfd_create("gather", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (body->fd < 0) return error_errno(error, errno, "memfd_create");
    TRY(write_all(body->fd, bytes, error));
    body->length += bytes.length;
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

bool body_map(int fd, uint64_t length, struct str *bytes)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS) return false;
    if (fstat(fd, &st) != 0 || st.st_size < 1 || (uint64_t)st.st_size != length) return false;
    void *at = mmap(NULL, length, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (at == MAP_FAILED) return false;
    *bytes = str_make(at, length);
    return true;
}

void body_unmap(struct str bytes)
{
    if (bytes.length > 0) munmap((void *)(uintptr_t)bytes.data, bytes.length);
}
