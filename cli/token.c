#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "base/encode.h"
#include "cli/output.h"
#include "cli/stored.h"
#include "cli/token_sign.h"
#include "lib/token/hits.h"

static struct str keys, business, host, parameter, store_url, node, table_path, kid = {"k1", 2};
static int64_t now = -1;
static struct str least = {"1", 1}, rules_text, cleaned;
static int64_t period = STALE_PERIOD;
static bool json;

static int64_t moment(void)
{
    if (now >= 0) clock_set_now(now);
    return clock_now();
}

/* --- keygen */

static const struct command_option keygen_options[] = {
    {"kid", 0, OPTION_TEXT, &kid, "ID", "the key's id (default k1)"},
};
static const struct command keygen = {
    .name = "token keygen",
    .arguments = "",
    .summary = "Makes a key for PAKHUS_TOKEN_KEYS. To rotate: give the new one to all nodes, behind the old one; then put it in front "
               "where URLs are "
               "signed; drop the old one once no page carries its tokens.",
    .example = "PAKHUS_TOKEN_KEYS=$(pakhus token keygen --kid 2026a)",
    COMMAND_OPTIONS(keygen_options),
};

static enum status run_keygen(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct str entry;
    (void)words;
    (void)count;
    TRY(keyring_generate(arena, kid, TOKEN_SECRET_LENGTH, &entry, error));
    printf(STR_FMT "\n", STR_ARG(entry));
    return STATUS_OK;
}

/* --- what verify and show print */

static void set_text(json_t *object, const char *name, struct str value)
{
    json_object_set_new(object, name, json_stringn(value.data ? value.data : "", value.length));
}

static void set_fields(struct arena *arena, json_t *object, const struct token_opened *token)
{
    const struct token_fields *fields = &token->fields;
    char key[2 * TOKEN_KEY_LENGTH + 1];
    token_key_hex(&fields->key, key);
    set_text(object, "kid", token->with->id);
    set_text(object, "key", str_of(key));
    set_text(object, "due", clock_format_time(arena, fields->due));
    set_text(object, "modified", clock_format_time(arena, fields->modified));
    set_text(object, "business", fields->business);
    json_object_set_new(object, "host", fields->host.length > 0 ? json_stringn(fields->host.data, fields->host.length) : json_null());
    json_object_set_new(object, "size", fields->has_size ? json_integer((json_int_t)fields->size) : json_null());
    json_object_set_new(object, "type", fields->type.length > 0 ? json_stringn(fields->type.data, fields->type.length) : json_null());
    struct str digest = fields->has_digest ? hex_encode(arena, str_make(fields->digest, sizeof fields->digest)) : (struct str){NULL, 0};
    json_object_set_new(object, "sha256", digest.data ? json_stringn(digest.data, digest.length) : json_null());
}

/* "name: value" lines, or the object as JSON; frees it. */
static void print_object(json_t *object)
{
    const char *name;
    json_t *value;
    if (json) json_dumpf(object, stdout, JSON_COMPACT), putchar('\n');
    if (!json) json_object_foreach(object, name, value)
        {
            if (json_is_integer(value)) printf("%s: %lld\n", name, (long long)json_integer_value(value));
            if (json_is_string(value)) printf("%s: %s\n", name, json_string_value(value));
        }
    json_decref(object);
}

/* --- verify */

static const struct command_option verify_options[] = {
    {"token-keys", 0, OPTION_TEXT, &keys, "KEYS", "kid:base64,…; or PAKHUS_TOKEN_KEYS"},
    {"business", 0, OPTION_TEXT, &business, "ID", "the node's business; or PAKHUS_TOKEN_BUSINESS"},
    {"host", 0, OPTION_TEXT, &host, "NAME", "the request's Host, where the URL is a path only"},
    {"param", 0, OPTION_TEXT, &parameter, "NAME", "the query's parameter (default pkt)"},
    {"now", 0, OPTION_TIME, &now, "TIME", "decide as if it were then"},
    {"json", 0, OPTION_FLAG, &json, NULL, "print it as JSON"},
};
static const struct command verify = {
    .name = "token verify",
    .arguments = "URL",
    .summary = "Says what a cache node that has not seen this URL before would do: serve, update or refuse (exit code 1).",
    .example = "pakhus token verify 'https://cdn.example/app.css?pkt=k1.…' --now 2026-12-24T18:00:00Z",
    COMMAND_OPTIONS(verify_options),
    .least = 1,
    .most = 1,
};

static enum status run_verify(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct keyring ring;
    struct token_answer answer;
    struct token_question question = {
        .uri = words[0], .host = host, .business = command_setting(business, SETTING_TOKEN_BUSINESS), .now = moment()};
    char key[2 * TOKEN_KEY_LENGTH + 1];
    (void)count;
    TRY(token_ring(arena, keys, &ring, error));
    TRY(token_parameter(parameter, &question.parameter, error));
    enum token_reason reason = token_verify(&ring, &question, &answer);
    json_t *object = json_object();
    set_text(object, "action", str_of(token_action_name(token_action_of(reason))));
    set_text(object, "reason", str_of(token_reason_name(reason)));
    if (answer.has_key) token_key_hex(&answer.key, key);
    if (answer.has_key) set_text(object, "cache-key", str_of(key));
    if (reason == TOKEN_EARLY || reason == TOKEN_DUE) set_fields(arena, object, &answer.token);
    print_object(object);
    ENSURE(token_action_of(reason) != TOKEN_REFUSE, error, STATUS_DENIED, "refused: %s", token_reason_detail(reason));
    return STATUS_OK;
}

/* --- show */

static const struct command_option show_options[] = {
    {"token-keys", 0, OPTION_TEXT, &keys, "KEYS", "kid:base64,…; or PAKHUS_TOKEN_KEYS"},
    {"param", 0, OPTION_TEXT, &parameter, "NAME", "the query's parameter (default pkt)"},
    {"json", 0, OPTION_FLAG, &json, NULL, "print it as JSON"},
};
static const struct command show = {
    .name = "token show",
    .arguments = "URL|TOKEN",
    .summary = "Prints what a token says, whatever it is for.",
    .example = "pakhus token show 'https://cdn.example/app.css?pkt=k1.…'",
    COMMAND_OPTIONS(show_options),
    .least = 1,
    .most = 1,
};

static enum status run_show(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct keyring ring;
    struct token_opened token;
    struct token_target target = {.token = words[0]};
    struct str name;
    (void)count;
    TRY(token_ring(arena, keys, &ring, error));
    TRY(token_parameter(parameter, &name, error));
    if (str_find(words[0], '/') < words[0].length) {
        ENSURE(token_target_parse(words[0], S(""), name, &target) == TOKEN_TARGET_OK && target.token.data, error, STATUS_NOT_FOUND,
               "the URL has no token, or more than one");
    }
    enum token_reason reason = token_open(&ring, target.token, &token);
    ENSURE(reason == TOKEN_NONE, error, STATUS_DENIED, "%s", token_reason_detail(reason));
    json_t *object = json_object();
    set_fields(arena, object, &token);
    print_object(object);
    return STATUS_OK;
}

/* --- stale */

static const struct command_option stale_options[] = {
    STORED_OPTION(&store_url),
    {"node", 0, OPTION_TEXT, &node, "NODE", "whose table: the name in its Pakhus-Node"},
    {"table", 0, OPTION_TEXT, &table_path, "FILE", "or a table itself, as the nginx module gives it; - is standard input"},
    {"least", 0, OPTION_TEXT, &least, "NUMBER", "least updates of a resource in a period, such as 2 or 0.5 (default 1)"},
    {"period", 0, OPTION_SPAN, &period, "SPAN", "the period (default 30d)", .positive = true},
    {"rules", 0, OPTION_TEXT, &rules_text, "RULES",
     "other numbers by directory or type: /img/=0.25,text/css=4; the deepest directory counts"},
    {"cleaned", 0, OPTION_TEXT, &cleaned, "FILE", "remember there what was listed; list it again only after an update brought it back"},
    {"now", 0, OPTION_TIME, &now, "TIME", "decide as if it were then"},
    {"json", 0, OPTION_FLAG, &json, NULL, "one JSON object a line, with frequency and times"},
};
static const struct command stale = {
    .name = "token stale",
    .arguments = "",
    .summary = "Prints the cache keys of a node's resources that are updated too rarely to be kept.",
    .example = "pakhus token stale --store s3://packages --node edge-1",
    COMMAND_OPTIONS(stale_options),
};

static void print_stale(void *context, const struct hits_resource *resource)
{
    struct arena *arena = context;
    char key[2 * TOKEN_KEY_LENGTH + 1];
    token_key_hex(&resource->key, key);
    if (!json) {
        printf("%s\n", key);
        return;
    }
    struct json_writer line = command_json(arena);
    json_open_object(&line, NULL);
    json_put_word(&line, "key", key);
    json_put_fixed(&line, "frequency", resource->frequency, 3);
    json_put_text(&line, "updated", clock_format_time(arena, resource->updated));
    json_put_text(&line, "modified", clock_format_time(arena, resource->modified));
    json_close(&line);
    command_print(&line);
}

struct tables {
    struct arena *arena;
    struct store *store;
    struct hits *hits;
    size_t count;
    enum status status;
    struct error *error;
};

static bool load_table(void *context, const struct store_object *listed)
{
    struct tables *tables = context;
    struct store_object object;
    tables->status = store_get(tables->store, command_io(tables->arena), listed->key, NULL, &object, tables->error);
    if (tables->status == STATUS_NOT_FOUND) return tables->status = STATUS_OK, true; /* removed since it was listed */
    if (tables->status != STATUS_OK) return false;
    if (!hits_load(tables->hits, object.body))
        tables->status = error_set(tables->error, STATUS_CORRUPT, STR_FMT " is not a hit table", STR_ARG(listed->key));
    tables->count++;
    return tables->status == STATUS_OK;
}

static enum status load_tables(struct arena *arena, struct tables *tables, struct error *error)
{
    TRY(stored_check_id(node, "--node", error));
    TRY(stored_open(arena, store_url, &tables->store, error));
    struct str prefix = arena_printf(arena, "tokens/" STR_FMT "/", STR_ARG(node));
    TRY(store_list(tables->store, command_io(arena), prefix, 0, load_table, tables, error));
    TRY(tables->status);
    ENSURE(tables->count > 0, error, STATUS_NOT_FOUND, "the store knows no node '" STR_FMT "'", STR_ARG(node));
    return STATUS_OK;
}

static enum status read_table(struct arena *arena, struct hits *hits, struct error *error)
{
    struct str text;
    TRY(command_read(arena, table_path.data, 1 << 30, &text, error));
    ENSURE(hits_load(hits, text), error, STATUS_CORRUPT, STR_FMT " is not a hit table", STR_ARG(table_path));
    return STATUS_OK;
}

static enum status read_rules(struct arena *arena, struct stale_rules *rules, struct error *error)
{
    *rules = (struct stale_rules){.period = period};
    ENSURE(str_to_double(least, &rules->least) && rules->least >= 0 && rules->least <= 1e9, error, STATUS_INVALID,
           "--least must be a number from 0 to 1e9");
    return stale_rules_parse(arena, rules_text, rules, error);
}

static enum status read_cleaned(struct arena *arena, struct hits *hits, struct error *error)
{
    struct str text;
    if (!cleaned.data || access(cleaned.data, F_OK) != 0) return STATUS_OK;
    TRY(command_read(arena, cleaned.data, 1 << 30, &text, error));
    ENSURE(hits_load(hits, text), error, STATUS_CORRUPT, STR_FMT " is not what --cleaned has written", STR_ARG(cleaned));
    return STATUS_OK;
}

static enum status write_cleaned(struct arena *arena, const struct hits *hits, struct error *error)
{
    struct output *output;
    void *buffer = arena_buffer(arena, hits_saved_size(hits));
    TRY(output_open(arena, cleaned.data, &output, error));
    TRY(output_write(output, buffer, hits_save(hits, buffer), error));
    return output_commit(output, error);
}

static enum status run_stale(struct arena *arena, const struct str *words, int count, struct error *error)
{
    enum { CAPACITY = 1 << 18 };
    struct tables tables = {.arena = arena, .error = error, .hits = hits_init(arena_buffer(arena, hits_size(CAPACITY)), CAPACITY)};
    struct stale_rules rules;
    (void)words;
    (void)count;
    ENSURE(!node.data != !table_path.data, error, STATUS_INVALID, "say either --node or --table");
    TRY(read_rules(arena, &rules, error));
    TRY(read_cleaned(arena, tables.hits, error));
    TRY(table_path.data ? read_table(arena, tables.hits, error) : load_tables(arena, &tables, error));
    hits_stale(tables.hits, &(struct hits_stale_question){&rules, moment(), cleaned.data != NULL}, print_stale, arena);
    return cleaned.data ? write_cleaned(arena, tables.hits, error) : STATUS_OK;
}

static int cmd_keygen(int argc, char **argv)
{
    return command_main(&keygen, argc, argv, run_keygen);
}

static int cmd_verify(int argc, char **argv)
{
    return command_main(&verify, argc, argv, run_verify);
}

static int cmd_show(int argc, char **argv)
{
    return command_main(&show, argc, argv, run_show);
}

static int cmd_stale(int argc, char **argv)
{
    return command_main(&stale, argc, argv, run_stale);
}

int cmd_token(int argc, char **argv)
{
    static const struct command_entry entries[] = {
        {"keygen", cmd_keygen, "a key to sign with"},
        {"sign", cmd_token_sign, "a URL, or every reference of a document"},
        {"verify", cmd_verify, "what a node would do with a URL"},
        {"show", cmd_show, "what a token says"},
        {"stale", cmd_stale, "what a node may forget"},
    };
    return command_choose("token", entries, sizeof entries / sizeof *entries, argc, argv);
}
