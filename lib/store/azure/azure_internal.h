/* Azure Blob Storage: its block blobs are objects, and an account's key signs all that is asked. For the files of lib/store/azure. */
#ifndef STORE_AZURE_INTERNAL
#define STORE_AZURE_INTERNAL

#include "lib/store/azure/sign_internal.h"
#include "lib/store/remote_internal.h"

#define AZURE_MARK "x-ms-meta-upload"

struct azure {
    struct remote remote;
    struct azure_signer signer;
    struct str container;
    struct str origin;    /* "https://name.blob.core.windows.net" */
    struct str path;      /* of the container: "/packages", or "/name/packages" where the endpoint has the account in its path */
    const char *variable; /* that the key is read from */
    bool is_https;
};

/* Everything but the parts that do something: from the URL and the environment. */
enum status azure_configure(struct azure *, struct arena *, const struct url *, struct error *);
/* As sent; `key` empty: the container's. */
struct str azure_path_of(const struct azure *, struct arena *, struct str key);

struct failure azure_failure_of(const struct wire_answer *, struct str body, struct error *);
void azure_ask_for_page(struct remote_request *, struct arena *, const struct remote_question *);
bool azure_read_page(struct str document, bool (*each)(void *context, const struct remote_entry *), void *context, struct remote_page *);

enum status azure_head(const struct store_call *, struct store_object *, struct error *);
enum status azure_upload(const struct store_call *, const struct store_source *, const struct store_put *, struct store_object *,
                         struct error *);
enum status azure_compose(const struct store_call *, const struct store_pieces *, const struct store_put *, struct store_object *,
                          struct error *);

#endif
