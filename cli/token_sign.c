#include "cli/token_sign.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/encode.h"
#include "cli/output.h"
#include "cli/stored.h"
#include "lib/token/reference.h"
#include "lib/token/rewrite.h"
#include "lib/transfer/watch.h"

static struct str keys, business, store_url, object_key, base, under, type, sha256, parameter, kind_name;
static int64_t modified = -1, due = -1, due_after = -1;
static uint64_t size = UINT64_MAX;
static bool any_host, in_place, with_digest, hex;

static const struct command_option options[] = {
    {"token-keys", 0, OPTION_TEXT, &keys, "KEYS", "kid:base64,…, the first one signs; or PAKHUS_TOKEN_KEYS"},
    {"business", 0, OPTION_TEXT, &business, "ID", "whose resource it is; or PAKHUS_TOKEN_BUSINESS"},
    {"modified", 0, OPTION_TIME, &modified, "TIME", "when the resource was changed; or from the store"},
    {"size", 0, OPTION_SIZE, &size, "BYTES", "its size; or from the store"},
    {"type", 0, OPTION_TEXT, &type, "TYPE", "its media type; or from the store, if it keeps one"},
    {"sha256", 0, OPTION_TEXT, &sha256, "HEX", "the digest of its content; or from the store, if it keeps one"},
    {"digest", 0, OPTION_FLAG, &with_digest, NULL, "read each resource in the store for its digest, if the store keeps none"},
    STORED_OPTION(&store_url),
    {"key", 0, OPTION_TEXT, &object_key, "KEY", "the resource's key in the store (default the URL's path behind --under)"},
    {"under", 0, OPTION_TEXT, &under, "URL", "what in front of a key makes its URL (default the URL's host)"},
    {"base", 0, OPTION_TEXT, &base, "URL", "of FILE: its own URL, from which its references start"},
    {"kind", 0, OPTION_TEXT, &kind_name, "KIND", "of FILE: html, css, json, xml or lines (default by its name)"},
    {"in-place", 0, OPTION_FLAG, &in_place, NULL, "rewrite FILE instead of printing it"},
    {"due", 0, OPTION_TIME, &due, "TIME", "when caches update (default the time of the change)"},
    {"due-after", 0, OPTION_SPAN, &due_after, "SPAN", "so long after the change: the cache lifetime and a day, say"},
    {"any-host", 0, OPTION_FLAG, &any_host, NULL, "good for the same path on any host"},
    {"hex", 0, OPTION_FLAG, &hex, NULL, "spell the token in hexadecimal digits instead of base64url; nodes take both"},
    {"param", 0, OPTION_TEXT, &parameter, "NAME", "the query's parameter (default pkt)"},
};
static const struct command command = {
    .name = "token sign",
    .arguments = "URL|FILE",
    .summary = "Puts a token into a URL, or into every reference of a page, a style sheet or a manifest whose resource is in the store.",
    .example = "pakhus token sign index.html --base https://cdn.example/ --store file:///var/www --in-place",
    COMMAND_OPTIONS(options),
    .least = 1,
    .most = 1,
};

/* What all references of one run share. */
struct signer {
    struct keyring ring;
    struct store *store; /* NULL: the attributes are given */
    struct str parameter, under;
};

enum status token_ring(struct arena *arena, struct str given, struct keyring *ring, struct error *error)
{
    if (keyring_parse(arena, command_setting(given, SETTING_TOKEN_KEYS), TOKEN_SECRET_LENGTH, ring, error) != STATUS_OK)
        return setting_refuse(SETTING_TOKEN_KEYS, error);
    ENSURE(ring->count > 0, error, STATUS_INVALID, "no keys: set PAKHUS_TOKEN_KEYS (`pakhus token keygen` makes one)");
    return STATUS_OK;
}

enum status token_parameter(struct str given, struct str *out, struct error *error)
{
    *out = given.data ? given : TOKEN_PARAMETER;
    ENSURE(token_is_parameter(*out), error, STATUS_INVALID, "--param must be 1 to 32 letters, digits, '_' or '-'");
    return STATUS_OK;
}

/* --- a resource's attributes */

static enum status given_fields(struct arena *arena, struct token_fields *fields, struct error *error)
{
    struct str digest;
    if (modified >= 0) fields->modified = modified;
    if (size != UINT64_MAX) fields->size = size, fields->has_size = true;
    if (type.data) fields->type = type;
    if (!sha256.data) return STATUS_OK;
    ENSURE(sha256.length == 64 && hex_decode(arena, sha256, &digest), error, STATUS_INVALID, "--sha256 must be 64 hexadecimal digits");
    memcpy(fields->digest, digest.data, sizeof fields->digest);
    fields->has_digest = true;
    return STATUS_OK;
}

/* STATUS_NOT_FOUND where the URL is not below --under. */
static enum status key_of_url(struct arena *arena, const struct signer *signer, struct str url, struct str *key, struct error *error)
{
    struct str plain;
    ENSURE(token_resolve(arena, url, url, &plain), error, STATUS_NOT_FOUND, "the URL is malformed");
    plain = str_first(plain, str_find(plain, '#'));
    plain = str_first(plain, str_find(plain, '?'));
    ENSURE(str_starts(plain, signer->under) && plain.length > signer->under.length, error, STATUS_NOT_FOUND,
           STR_FMT " is not below " STR_FMT, STR_ARG(plain), STR_ARG(signer->under));
    ENSURE(percent_decode(arena, str_from(plain, signer->under.length), key), error, STATUS_NOT_FOUND, "the URL is malformed");
    return STATUS_OK;
}

/* What stores say where nobody said a type is none. */
static struct str stored_type(const struct store_object *object)
{
    struct str essence = token_type_essence(object->type);
    bool unsaid = str_equal_nocase(essence, S("application/octet-stream")) || str_equal_nocase(essence, S("binary/octet-stream"));
    return unsaid || essence.length > TOKEN_TYPE_MAXIMUM ? (struct str){NULL, 0} : essence;
}

static enum status digest_of_stream(struct arena *arena, struct stream stream, unsigned char digest[32], struct error *error)
{
    enum { BLOCK = 64 << 10 };
    struct watch *watch = watch_new(arena, stream, NULL);
    char *block = arena_buffer(arena, BLOCK);
    struct str bytes;
    ssize_t count;
    while ((count = stream_read(watch_stream(watch), block, BLOCK, error)) > 0) {
    }
    if (count < 0) return error->status;
    ENSURE(hex_decode(arena, watch_sha256(watch, arena), &bytes) && bytes.length == 32, error, STATUS_INTERNAL,
           "this OpenSSL provides no SHA-256");
    memcpy(digest, bytes.data, 32);
    return STATUS_OK;
}

static enum status read_digest(const struct signer *signer, struct str key, struct store_object *object, struct error *error)
{
    struct arena *arena = arena_new();
    struct store_get get = {.if_match = object->etag};
    struct store_object opened;
    struct stream stream;
    enum status status = store_stream(signer->store, command_io(arena), key, &get, &stream, &opened, error);
    if (status == STATUS_OK) {
        status = digest_of_stream(arena, stream, object->sha256, error);
        stream_close(&stream);
    }
    arena_free(arena);
    object->has_sha256 = status == STATUS_OK;
    return status;
}

static enum status stored_fields(struct arena *arena, const struct signer *signer, struct str url, struct token_fields *fields,
                                 struct error *error)
{
    struct store_object object;
    struct str key = object_key;
    if (!key.data) TRY(key_of_url(arena, signer, url, &key, error));
    enum status status = store_head(signer->store, command_io(arena), key, &object, error);
    TRY(status == STATUS_INVALID ? STATUS_NOT_FOUND : status); /* a name that no object can have */
    if (with_digest && !object.has_sha256) TRY(read_digest(signer, key, &object, error));
    fields->modified = object.modified;
    fields->size = object.size;
    fields->has_size = true;
    fields->type = stored_type(&object);
    fields->has_digest = object.has_sha256;
    memcpy(fields->digest, object.sha256, sizeof fields->digest);
    return STATUS_OK;
}

static int64_t due_time(const struct token_fields *fields)
{
    if (due >= 0) return due;
    if (due_after < 0) return fields->modified;
    return fields->modified > INT64_MAX - due_after ? INT64_MAX : fields->modified + due_after;
}

static enum status sign_url(struct arena *arena, const struct signer *signer, struct str url, struct str *token, struct error *error)
{
    char host[TOKEN_HOST_MAXIMUM + 1];
    struct token_target target;
    struct token_fields fields = {.modified = -1, .business = command_setting(business, SETTING_TOKEN_BUSINESS)};
    struct str plain = token_detach(arena, url, signer->parameter);
    ENSURE(token_target_parse(plain, S(""), signer->parameter, &target) == TOKEN_TARGET_OK, error, STATUS_INVALID,
           "the URL is malformed or too long");
    if (!any_host) fields.host = token_host(target.host, host);
    ENSURE(any_host || fields.host.data, error, STATUS_INVALID, "the URL has no host: write it whole, or say --any-host");
    if (signer->store) TRY(stored_fields(arena, signer, plain, &fields, error));
    TRY(given_fields(arena, &fields, error));
    ENSURE(fields.modified >= 0, error, STATUS_INVALID, "say when the resource was changed: --modified TIME, or --store");
    fields.due = due_time(&fields);
    ENSURE(token_key_of(&target, fields.business, any_host, &fields.key), error, STATUS_INTERNAL, "this OpenSSL provides no SHA-256");
    return token_sign(arena, keyring_newest(&signer->ring), &fields, hex ? TOKEN_HEX : TOKEN_BASE64URL, token, error);
}

/* --- a document */

static enum status sign_reference(void *context, struct arena *arena, struct str url, struct str *token, struct error *error)
{
    const struct signer *signer = context;
    struct str key;
    if (key_of_url(arena, signer, url, &key, error) != STATUS_OK) return STATUS_OK;
    enum status status = sign_url(arena, signer, url, token, error);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status read_file(struct arena *arena, const char *path, struct str *text, struct error *error)
{
    struct buf all = buf_in(arena, 64 << 20);
    char chunk[65536];
    struct stat stat;
    ssize_t count;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return error_errno(error, errno, "%s", path);
    arena_defer_close(arena, fd);
    if (fstat(fd, &stat) != 0) return error_errno(error, errno, "%s", path);
    ENSURE(S_ISREG(stat.st_mode), error, STATUS_INVALID, "%s: neither a URL (http://…, https://…) nor a regular file", path);
    while ((count = read(fd, chunk, sizeof chunk)) > 0) buf_add(&all, str_make(chunk, (size_t)count));
    if (count < 0) return error_errno(error, errno, "%s", path);
    ENSURE(!all.overflow, error, STATUS_TOO_LARGE, "%s: over 64 MiB", path);
    *text = buf_str(&all);
    return STATUS_OK;
}

static enum status replace_file(struct arena *arena, const char *path, struct str text, struct error *error)
{
    struct output *output;
    TRY(output_open(arena, path, &output, error));
    TRY(output_write(output, text.data, text.length, error));
    return output_commit(output, error);
}

static enum status choose_kind(struct str file, enum rewrite_kind *kind, struct error *error)
{
    static const char *const names[] = {"html", "css", "json", "xml", "lines"};
    for (int i = 0; kind_name.data && i < 5; i++)
        if (str_equal(kind_name, str_of(names[i]))) return *kind = (enum rewrite_kind)i, STATUS_OK;
    ENSURE(!kind_name.data, error, STATUS_INVALID, "--kind must be html, css, json, xml or lines");
    ENSURE(rewrite_kind_of(file, kind), error, STATUS_INVALID, STR_FMT ": its name does not tell what it is: say --kind", STR_ARG(file));
    return STATUS_OK;
}

/* They are one resource's, and would stand in the tokens of all. */
static enum status refuse_attributes(struct error *error)
{
    const struct {
        const char *option;
        bool given;
    } attributes[] = {
        {"--sha256", sha256.data != NULL}, {"--type", type.data != NULL}, {"--size", size != UINT64_MAX}, {"--modified", modified >= 0}};
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
        ENSURE(!attributes[i].given, error, STATUS_INVALID,
               "%s describes one resource, and a document refers to many: leave it out, and the store tells it of each",
               attributes[i].option);
    return STATUS_OK;
}

static enum status sign_document(struct arena *arena, struct signer *signer, struct str file, struct error *error)
{
    struct str text;
    struct rewritten out;
    struct rewrite rewrite = {.base = base, .parameter = signer->parameter, .token_of = sign_reference, .context = signer};
    ENSURE(base.data, error, STATUS_INVALID, "a document's references start from its own URL: say --base URL");
    ENSURE(!object_key.data, error, STATUS_INVALID, "--key goes with one URL, not with a document");
    TRY(refuse_attributes(error));
    TRY(choose_kind(file, &rewrite.kind, error));
    TRY(read_file(arena, file.data, &text, error));
    if (rewrite_document(arena, &rewrite, text, &out, error) != STATUS_OK) return error_context(error, STR_FMT, STR_ARG(file));
    if (in_place && !str_equal(text, out.text)) TRY(replace_file(arena, file.data, out.text, error));
    if (!in_place && out.text.length > 0) fwrite(out.text.data, 1, out.text.length, stdout);
    fprintf(stderr, STR_FMT ": %zu %s a token\n", STR_ARG(file), out.count, out.count == 1 ? "reference has" : "references have");
    return STATUS_OK;
}

/* --- the command */

static bool is_url(struct str word)
{
    return str_equal_nocase(str_first(word, 7), S("http://")) || str_equal_nocase(str_first(word, 8), S("https://"));
}

static enum status choose_under(struct arena *arena, struct str url, struct signer *signer, struct error *error)
{
    ENSURE(!base.data || is_url(base), error, STATUS_INVALID, "--base must be an http(s) URL");
    ENSURE(!under.data || is_url(under), error, STATUS_INVALID, "--under must be an http(s) URL");
    struct str from = under.data ? under : url;
    if (is_url(from) && !token_resolve(arena, from, under.data ? under : S("/"), &under)) under = (struct str){NULL, 0};
    signer->under = str_ends(under, S("/")) ? under : arena_printf(arena, STR_FMT "/", STR_ARG(under));
    return STATUS_OK;
}

static enum status run(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct signer signer = {0};
    struct str token;
    bool one = is_url(words[0]) || (str_starts(words[0], S("/")) && any_host && !base.data);
    (void)count;
    ENSURE(due < 0 || due_after < 0, error, STATUS_INVALID, "say either --due or --due-after");
    ENSURE(!one || (!base.data && !in_place && !kind_name.data), error, STATUS_INVALID, "--base, --kind and --in-place go with a FILE");
    TRY(token_ring(arena, keys, &signer.ring, error));
    TRY(token_parameter(parameter, &signer.parameter, error));
    TRY(choose_under(arena, one ? words[0] : base, &signer, error));
    bool all_given = one && modified >= 0 && !store_url.data && !object_key.data;
    if (!all_given) TRY(stored_open(arena, store_url, &signer.store, error));
    if (!one) return sign_document(arena, &signer, words[0], error);
    TRY(sign_url(arena, &signer, words[0], &token, error));
    struct str url = token_attach(arena, words[0], signer.parameter, token);
    printf(STR_FMT "\n", STR_ARG(url));
    return STATUS_OK;
}

int cmd_token_sign(int argc, char **argv)
{
    return command_main(&command, argc, argv, run);
}
