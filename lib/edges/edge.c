#include "lib/edges/registry.h"

#include <math.h>

#include "base/json.h"
#include "base/url.h"
#include "lib/config/config.h"

enum { LANS_MOST = 4096, EDGE_TEXT_LIMIT = 1 << 20 };
static const uint64_t QUOTA_MOST = UINT64_C(1) << 53; /* what JSON readers agree on */

/* --- an edge as text */

/* Labels with dots between them; where the last is a number, an IPv4 address. */
static bool is_name(struct str host)
{
    struct str rest = host, label;
    struct address address;
    uint64_t number;
    do {
        label = str_cut(&rest, '.');
        if (label.length == 0 || label.data[0] == '-' || label.data[label.length - 1] == '-') return false;
    } while (rest.data);
    return !str_to_u64(label, &number) || address_parse(host, &address);
}

static bool is_host(struct arena *arena, struct str text)
{
    struct url url;
    struct error ignored;
    if (text.length > 255) return false;
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool known = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || memchr(".-_:[]", c, 6);
        if (!known) return false;
    }
    if (url_parse(arena_join(arena, S("http://"), text), &url, &ignored) != STATUS_OK) return false;
    return str_starts(url.host, S("[")) || is_name(url.host);
}

/* What stands in a URL's path as it is. */
static bool is_directory(struct str text)
{
    if (text.length > 512 || str_find_str(text, S("..")) < text.length) return false;
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool known = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || memchr("/.-_~+=@,", c, 9);
        if (!known) return false;
    }
    return true;
}

static enum status parse_location(struct config *config, struct location *location, struct error *error)
{
    struct config array;
    size_t count;
    TRY(config_array(config, "location", CONFIG_OPTIONAL, &array, &count, error));
    if (count == 0) return STATUS_OK;
    const json_t *latitude = json_array_get(array.object, 0), *longitude = json_array_get(array.object, 1);
    location->latitude = json_number_value(latitude);
    location->longitude = json_number_value(longitude);
    location->known = true;
    bool right = count == 2 && json_is_number(latitude) && json_is_number(longitude) && fabs(location->latitude) <= 90 &&
                 fabs(location->longitude) <= 180;
    return right ? STATUS_OK : config_refuse(config, "location", error, "must be [latitude, longitude] in degrees");
}

struct str edge_identity(struct arena *arena, const struct edge *edge)
{
    if (edge->site.length > 0 || edge->egress_count == 0) return edge->site;
    return network_format(arena, &edge->egress[0]);
}

static enum status parse_networks(struct config *config, const char *name, struct network **networks, size_t *count, struct error *error)
{
    struct config array;
    struct str text;
    TRY(config_array(config, name, CONFIG_OPTIONAL, &array, count, error));
    if (*count > LANS_MOST) return config_refuse(config, name, error, "more than %d", LANS_MOST);
    *networks = arena_array(config->arena, *count, sizeof **networks);
    for (size_t i = 0; i < *count; i++) {
        TRY(config_item_text(&array, i, &text, error));
        if (!network_parse(text, &(*networks)[i]))
            return config_refuse(config, name, error, "number %zu is not a network such as 192.168.0.0/24", i);
    }
    return STATUS_OK;
}

/* Networks, and codes of registered LANs. */
static enum status parse_lans(struct config *config, struct edge *edge, struct error *error)
{
    struct config array;
    struct str text;
    struct network network;
    struct address address;
    struct str identity = edge_identity(config->arena, edge);
    TRY(config_array(config, "lans", CONFIG_OPTIONAL, &array, &edge->lan_count, error));
    if (edge->lan_count > LANS_MOST) return config_refuse(config, "lans", error, "more than %d", LANS_MOST);
    edge->lans = arena_array(config->arena, edge->lan_count, sizeof *edge->lans);
    edge->networks = arena_array(config->arena, edge->lan_count, sizeof *edge->networks);
    for (size_t i = 0; i < edge->lan_count; i++) {
        TRY(config_item_text(&array, i, &text, error));
        if (network_parse(text, &network)) {
            edge->networks[edge->network_count++] = network;
            edge->lans[i] = lan_format(config->arena, identity, &network);
            continue;
        }
        if (address_parse(text, &address))
            return config_refuse(config, "lans", error, "number %zu is an address, which needs a prefix, such as 192.168.0.0/24", i);
        if (!str_is_id(text))
            return config_refuse(config, "lans", error, "number %zu is neither a network such as 192.168.0.0/24 nor a LAN's code", i);
        edge->lans[i] = arena_join(config->arena, S("@"), text);
    }
    return STATUS_OK;
}

struct str edge_store_url(struct arena *arena, const struct edge *edge)
{
    bool has_query = str_find(edge->store, '?') < edge->store.length;
    if (edge->credentials.length == 0) return edge->store;
    return arena_join(arena, edge->store, has_query ? S("&") : S("?"), S("credentials="), edge->credentials);
}

static enum status parse_store(struct config *config, struct edge *edge, struct error *error)
{
    struct str text = {0};
    TRY(config_text(config, "store", CONFIG_REQUIRED, &text, error));
    TRY(config_id(config, "credentials", CONFIG_OPTIONAL, &edge->credentials, error));
    if (str_equal(text, S("pull"))) return STATUS_OK;
    if (!store_is_address(text)) return config_refuse(config, "store", error, "must be \"pull\", or a store: " STORE_URLS);
    edge->store = text;
    return STATUS_OK;
}

static enum status parse_optional_id(struct config *config, const char *name, struct str *out, struct error *error)
{
    TRY(config_text(config, name, CONFIG_OPTIONAL, out, error));
    if (out->length == 0 || str_is_id(*out)) return STATUS_OK;
    return config_refuse(config, name, error, "must be 1 to 128 letters, digits, '.', '_' or '-', not starting with a dot");
}

static enum status parse_place(struct config *config, struct edge *edge, struct error *error)
{
    TRY(config_text(config, "address", CONFIG_REQUIRED, &edge->address, error));
    if (!is_host(config->arena, edge->address))
        return config_refuse(config, "address", error, "must be a host, or host:port; an IPv6 address stands in brackets: [2001:db8::1]");
    TRY(config_text(config, "directory", CONFIG_OPTIONAL, &edge->directory, error));
    if (!is_directory(edge->directory)) return config_refuse(config, "directory", error, "must be a path such as /data/share");
    TRY(parse_optional_id(config, "site", &edge->site, error));
    TRY(parse_optional_id(config, "region", &edge->region, error));
    return parse_location(config, &edge->location, error);
}

enum status edge_parse(struct arena *arena, struct str json, struct edge *out, struct error *error)
{
    struct edge edge = {.quota = UINT64_MAX};
    struct config config;
    uint64_t quota = QUOTA_MOST + 1;
    TRY(config_open(arena, json, "edge", &config, error));
    TRY(config_id(&config, "edge", CONFIG_REQUIRED, &edge.id, error));
    TRY(parse_place(&config, &edge, error));
    TRY(parse_networks(&config, "egress", &edge.egress, &edge.egress_count, error));
    TRY(parse_lans(&config, &edge, error));
    edge.home = edge.lan_count > 0 ? edge.lans[0] : arena_join(arena, S("~"), edge.id);
    TRY(config_whole(&config, "quota", CONFIG_OPTIONAL, 0, QUOTA_MOST, &quota, error));
    TRY(parse_store(&config, &edge, error));
    TRY(config_flag(&config, "splices", CONFIG_OPTIONAL, &edge.splices, error));
    TRY(config_end(&config, error));
    if (quota <= QUOTA_MOST) edge.quota = quota;
    *out = edge;
    return STATUS_OK;
}

static void put_networks(struct json_writer *json, const struct network *networks, size_t count)
{
    for (size_t i = 0; i < count; i++) json_put_text(json, NULL, network_format(json->out->arena, &networks[i]));
}

/* Networks and codes stand in one list. */
static void put_lans(struct json_writer *json, const struct edge *edge)
{
    json_open_array(json, "lans");
    put_networks(json, edge->networks, edge->network_count);
    for (size_t i = 0; i < edge->lan_count; i++)
        if (str_starts(edge->lans[i], S("@"))) json_put_text(json, NULL, str_from(edge->lans[i], 1));
    json_close(json);
}

struct str location_format(struct arena *arena, const struct location *location)
{
    return arena_printf(arena, "[%.15g,%.15g]", location->latitude, location->longitude);
}

struct str edge_format(struct arena *arena, const struct edge *edge)
{
    struct buf out = buf_in(arena, EDGE_TEXT_LIMIT);
    struct json_writer json = json_writer(&out);
    json_open_object(&json, NULL);
    json_put_text(&json, "edge", edge->id);
    json_put_text(&json, "address", edge->address);
    json_put_text(&json, "directory", edge->directory);
    put_lans(&json, edge);
    json_put_text(&json, "site", edge->site);
    if (edge->location.known) json_put_raw(&json, "location", location_format(arena, &edge->location));
    json_put_text(&json, "region", edge->region);
    json_open_array(&json, "egress");
    put_networks(&json, edge->egress, edge->egress_count);
    json_close(&json);
    if (edge->quota != UINT64_MAX) json_put_number(&json, "quota", edge->quota);
    json_put_text(&json, "store", edge->store.length > 0 ? edge->store : S("pull"));
    json_put_text_if_any(&json, "credentials", edge->credentials);
    json_put_bool(&json, "splices", edge->splices);
    json_close(&json);
    buf_add_byte(&out, '\n');
    return buf_str(&out);
}

/* --- a registered LAN as text */

enum status lan_entry_parse(struct arena *arena, struct str json, struct lan_entry *out, struct error *error)
{
    struct lan_entry entry = {0};
    struct config config;
    struct str text = {0};
    struct address address;
    TRY(config_open(arena, json, "lan", &config, error));
    TRY(config_id(&config, "code", CONFIG_REQUIRED, &entry.code, error));
    if (address_parse(entry.code, &address))
        return config_refuse(&config, "code", error, "must not be an address, which no edge can list as a code");
    TRY(parse_optional_id(&config, "site", &entry.site, error));
    TRY(config_text(&config, "network", CONFIG_OPTIONAL, &text, error));
    entry.has_network = text.length > 0;
    if (entry.has_network && !network_parse(text, &entry.network))
        return config_refuse(&config, "network", error, "must be a network such as 10.1.0.0/16");
    TRY(parse_optional_id(&config, "region", &entry.region, error));
    TRY(parse_location(&config, &entry.location, error));
    TRY(config_end(&config, error));
    entry.lan = entry.has_network ? lan_format(arena, entry.site, &entry.network) : arena_join(arena, S("@"), entry.code);
    *out = entry;
    return STATUS_OK;
}

struct str lan_entry_format(struct arena *arena, const struct lan_entry *entry)
{
    struct buf out = buf_in(arena, EDGE_TEXT_LIMIT);
    struct json_writer json = json_writer(&out);
    json_open_object(&json, NULL);
    json_put_text(&json, "code", entry->code);
    json_put_text(&json, "site", entry->site);
    if (entry->has_network) json_put_text(&json, "network", network_format(arena, &entry->network));
    if (entry->location.known) json_put_raw(&json, "location", location_format(arena, &entry->location));
    json_put_text(&json, "region", entry->region);
    json_close(&json);
    buf_add_byte(&out, '\n');
    return buf_str(&out);
}
