#include <stdlib.h>

#include "base/encode.h"
#include "lib/store/azure/azure_internal.h"

static bool is_name(struct str name, bool has_hyphens)
{
    if (name.length < 3 || name.length > 63) return false;
    for (size_t i = 0; i < name.length; i++) {
        char c = name.data[i];
        bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!alphanumeric && !(has_hyphens && c == '-')) return false;
    }
    return true;
}

static enum status read_names(struct azure *azure, struct arena *arena, const struct url *url, struct error *error)
{
    struct str account = S("");
    ENSURE(is_name(url->authority, true), error, STATUS_INVALID, "'" STR_FMT "' is not a container's name: azure://container/prefix",
           STR_ARG(url->authority));
    TRY(remote_parameter(arena, url, S("account"), &account, error));
    ENSURE(is_name(account, false), error, STATUS_INVALID, "azure:// names its storage account: account=NAME, of a-z and 0-9");
    azure->container = arena_copy(arena, url->authority);
    azure->signer.account = arena_copy(arena, account);
    return remote_prefix(arena, url, &azure->remote.store.prefix, error);
}

/* Servers that stand in for Azure, and those on an address, have the account in the path. */
static enum status read_endpoint(struct azure *azure, struct arena *arena, const struct url *url, struct error *error)
{
    struct str text = arena_printf(arena, "https://" STR_FMT ".blob.core.windows.net", STR_ARG(azure->signer.account));
    struct url endpoint;
    TRY(remote_parameter(arena, url, S("endpoint"), &text, error));
    if (url_parse(text, &endpoint, error) != STATUS_OK) return error_context(error, "endpoint");
    azure->is_https = str_equal(endpoint.scheme, S("https"));
    struct str path = endpoint.path;
    if (str_ends(path, S("/"))) path.length--;
    bool is_right = (str_empty(path) || str_equal(str_from(path, 1), azure->signer.account)) && !endpoint.has_query;
    ENSURE((azure->is_https || str_equal(endpoint.scheme, S("http"))) && !str_empty(endpoint.host) && is_right, error, STATUS_INVALID,
           "endpoint is http://host:port or https://host:port, with nothing or /" STR_FMT " behind it", STR_ARG(azure->signer.account));
    struct str authority = endpoint.port == (azure->is_https ? 443 : 80) ? endpoint.host : endpoint.authority;
    remote_is_address(endpoint.host, &azure->remote.direct);
    azure->origin = arena_printf(arena, STR_FMT "://" STR_FMT, STR_ARG(endpoint.scheme), STR_ARG(authority));
    azure->path = arena_join(arena, path, S("/"), azure->container);
    azure->remote.store.name =
        arena_printf(arena, "azure://" STR_FMT " at " STR_FMT STR_FMT, STR_ARG(azure->container), STR_ARG(authority), STR_ARG(path));
    azure->remote.store.asked = azure->remote.store.name;
    return STATUS_OK;
}

/* Nothing is said of the key but the name of its variable. */
static enum status read_key(struct azure *azure, struct arena *arena, const struct url *url, struct error *error)
{
    struct str name = S("");
    TRY(remote_parameter(arena, url, S("credentials"), &name, error));
    ENSURE(str_empty(name) || str_is_id(name), error, STATUS_INVALID, "credentials=NAME names the variable NAME_STORAGE_KEY");
    azure->variable = arena_printf(arena, "%s_STORAGE_KEY", str_empty(name) ? "AZURE" : remote_variables(arena, name)).data;
    const char *text = getenv(azure->variable);
    struct str trimmed = str_trim(str_of(text));
    if (str_empty(trimmed)) return STATUS_OK;
    ENSURE(base64_decode(arena, trimmed, &azure->signer.key) && !str_empty(azure->signer.key), error, STATUS_INVALID,
           "%s is not a storage account's key: those are base64", azure->variable);
    return STATUS_OK;
}

enum status azure_configure(struct azure *azure, struct arena *arena, const struct url *url, struct error *error)
{
    static const struct str known[] = {{"account", 7}, {"endpoint", 8}, {"credentials", 11}};
    TRY(remote_check_parameters(url, known, sizeof known / sizeof *known, "account, endpoint and credentials", error));
    TRY(read_names(azure, arena, url, error));
    TRY(read_endpoint(azure, arena, url, error));
    return read_key(azure, arena, url, error);
}

struct str azure_path_of(const struct azure *azure, struct arena *arena, struct str key)
{
    if (str_empty(key)) return azure->path;
    struct str name = arena_join(arena, azure->remote.store.prefix, key);
    return arena_join(arena, azure->path, S("/"), percent_encode(arena, name, true));
}
