/* How Azure Storage knows who asks (docs: "Authorize with Shared Key", "Create a service SAS"). Pure: the moment is an argument. */
#ifndef STORE_AZURE_SIGN_INTERNAL
#define STORE_AZURE_SIGN_INTERNAL

#include "base/arena.h"
#include "lib/store/common.h"

#define AZURE_VERSION "2021-12-02" /* of the interface: what is signed depends on it */

struct azure_signer {
    struct str account;
    struct str key; /* its bytes */
};

struct azure_to_sign {
    struct str method;
    struct str path;                /* as sent: percent-encoded, begins with '/' */
    const struct store_pair *query; /* in any order, not encoded; names in lower case */
    size_t query_count;
    const struct store_pair *headers; /* in any order; names in lower case */
    size_t header_count;
    size_t body_length;
};
/* What is signed. */
struct str azure_text(struct arena *, struct str account, const struct azure_to_sign *);
/* The value of the Authorization header. */
struct str azure_authorization(struct arena *, const struct azure_signer *, const struct azure_to_sign *);

/* Who may GET an object, and until when. */
struct azure_pass {
    struct str object; /* "container/key" */
    int64_t until;     /* ms; whole seconds count */
    bool https_only;
};
/* The query of a URL that gives its bearer the object, without '?'. */
struct str azure_presign(struct arena *, const struct azure_signer *, const struct azure_pass *);

#endif
