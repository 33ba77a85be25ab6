#include "lib/gather/fetch_web_internal.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/gather/allow.h"
#include "lib/http/ca_bundle.h"
#include "lib/http/client.h"

enum {
    REDIRECTS = 5,
    CONNECTIONS = 4,
    RECEIVE_BUFFER = 128 << 10,
    HEAD_LIMIT = 64 << 10,
    IGNORED_LIMIT = 64 << 10,      /* of a body that nobody wants, before the connection is given up */
    IDLE_MOST = 20 * CLOCK_SECOND, /* less than what servers keep connections for */
    WAIT_MOST = 10 * CLOCK_SECOND,
};

struct fetch_web {
    int channel;
    CURLM *multi; /* keeps the connections */
    CURL *easy;
    struct curl_slist *headers;
    int64_t used; /* clock_real of the last fetch: a sandbox that was frozen has moved it, and not the monotonic clock */
    struct arena *arena;
    struct arena *rules;   /* of `allow` */
    struct str allow_text; /* what it was parsed from: seldom another one than the last time */
    struct allow allow;
    /* of the fetch under way */
    const struct order *order;
    struct body *body;
    struct report *report;
    /* of its hop */
    bool named, refused, cancelled;
    bool chunked, oversized, malformed;
    size_t head_length, ignored_length;
    uint64_t announced; /* Content-Length; UINT64_MAX: none yet */
    char type[GATHER_TYPE_LONGEST], encoding[GATHER_TYPE_LONGEST];
    char reason[CURL_ERROR_SIZE];
};

/* --- which addresses */

static bool may_connect(struct fetch_web *web, const struct sockaddr *where)
{
    if (allow_connects(&web->allow, web->named, where)) return true;
    web->refused = true;
    return false;
}

static curl_socket_t on_open(void *context, curlsocktype purpose, struct curl_sockaddr *where)
{
    struct fetch_web *web = context;
    if (purpose != CURLSOCKTYPE_IPCXN || !may_connect(web, &where->addr)) return CURL_SOCKET_BAD;
    return socket(where->family, where->socktype | SOCK_CLOEXEC, where->protocol);
}

/* Before the request goes out, also on a connection that was opened under another order's rules. */
static int on_connected(void *context, char *address, char *own_address, int port, int own_port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } where = {0};
    (void)own_address;
    (void)own_port;
    if (inet_pton(AF_INET, address, &where.v4.sin_addr) == 1) {
        where.v4.sin_family = AF_INET;
        where.v4.sin_port = htons((uint16_t)port);
    } else if (inet_pton(AF_INET6, address, &where.v6.sin6_addr) == 1) {
        where.v6.sin6_family = AF_INET6;
        where.v6.sin6_port = htons((uint16_t)port);
    }
    return may_connect(context, &where.any) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* --- what comes */

static void keep(char kept[GATHER_TYPE_LONGEST], struct str value)
{
    bool fits = value.length < GATHER_TYPE_LONGEST;
    for (size_t i = 0; i < value.length && fits; i++) fits = value.data[i] >= 0x20 && value.data[i] < 0x7f;
    if (fits && value.length > 0) memcpy(kept, value.data, value.length);
    kept[fits ? value.length : 0] = 0;
}

/* One length, however often it is given; two that differ leave open where the body ends (RFC 9112 section 6.3). */
static bool takes_length(struct fetch_web *web, struct str list)
{
    while (list.data) {
        uint64_t length;
        if (!str_to_u64(str_trim(str_cut(&list, ',')), &length)) return false;
        if (web->announced != UINT64_MAX && web->announced != length) return false;
        web->announced = length;
    }
    return true;
}

static long status_of(const struct fetch_web *web)
{
    long status = 0;
    curl_easy_getinfo(web->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static size_t on_header(char *data, size_t one, size_t length, void *context)
{
    struct fetch_web *web = context;
    struct str value = str_trim(str_make(data, one * length));
    web->head_length += one * length;
    body_answered(web->body, (int)status_of(web));
    if (web->head_length > HEAD_LIMIT) web->malformed = true;
    if (web->malformed) return 0;
    if (str_starts(value, S("HTTP/"))) {
        web->type[0] = web->encoding[0] = 0;
        web->chunked = false;
        web->announced = UINT64_MAX;
        return length;
    }
    struct str name = str_cut(&value, ':');
    if (!value.data) return length;
    value = str_trim(value);
    if (str_equal_nocase(name, S("content-type"))) keep(web->type, value);
    if (str_equal_nocase(name, S("content-encoding")) && !str_equal_nocase(value, S("identity"))) keep(web->encoding, value);
    if (str_equal_nocase(name, S("transfer-encoding"))) web->chunked = true;
    if (str_equal_nocase(name, S("content-length")) && !takes_length(web, value)) web->malformed = true;
    return web->malformed ? 0 : length;
}

static bool is_success(long status)
{
    return status >= 200 && status <= 299;
}

static size_t on_body(char *data, size_t one, size_t length, void *context)
{
    struct fetch_web *web = context;
    struct error error;
    if (!is_success(status_of(web))) {
        web->ignored_length += one * length;
        return web->ignored_length > IGNORED_LIMIT ? 0 : length;
    }
    enum status status = body_add(web->body, str_make(data, one * length), &error);
    if (status == STATUS_TOO_LARGE) web->oversized = true;
    return status == STATUS_OK ? length : 0;
}

/* --- the process's own */

/* What is the same for every hop. */
static void set_options(struct fetch_web *web)
{
    CURL *easy = web->easy;
    http_client_set_up(easy, http_ca_bundle());
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a resolver that hangs is not waited for past the deadline */
#endif
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, web->headers);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)IDLE_MOST / CLOCK_SECOND);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, web);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, web);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, web);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, web);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, web->reason);
}

static void open_connections(struct fetch_web *web)
{
    if (web->multi) curl_multi_cleanup(web->multi);
    web->multi = curl_multi_init();
    if (!web->multi) abort();
    curl_multi_setopt(web->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS);
}

struct fetch_web *fetch_web_new(int channel)
{
    struct fetch_web *web = calloc(1, sizeof *web);
    if (!web || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) abort();
    web->channel = channel;
    web->arena = arena_new();
    web->rules = arena_new();
    web->easy = curl_easy_init();
    web->headers = curl_slist_append(NULL, "Accept-Encoding: identity");
    if (!web->easy || !web->headers) abort();
    set_options(web);
    open_connections(web);
    return web;
}

/* --- one hop */

/* Word from the pool in the middle of a fetch: nobody waits for it any more, or nobody is there any more. */
static void read_channel(struct fetch_web *web)
{
    char packet[MESSAGE_LONGEST];
    struct ticket ticket;
    int unwanted;
    ssize_t length = message_receive(web->channel, packet, &unwanted, 0);
    if (length <= 0 || !message_read_cancel(str_make(packet, (size_t)length), &ticket)) _exit(EXIT_SUCCESS);
    web->cancelled = web->cancelled || ticket_equal(&ticket, &web->order->ticket);
}

static CURLcode perform(struct fetch_web *web)
{
    struct curl_waitfd channel = {.fd = web->channel, .events = CURL_WAIT_POLLIN};
    CURLcode code = CURLE_ABORTED_BY_CALLBACK;
    int running = 1, left;
    curl_multi_add_handle(web->multi, web->easy);
    while (!web->cancelled) {
        curl_multi_perform(web->multi, &running);
        const CURLMsg *message = curl_multi_info_read(web->multi, &left);
        if (message) code = message->data.result;
        if (message || running == 0) break;
        channel.revents = 0;
        curl_multi_poll(web->multi, &channel, 1, WAIT_MOST, NULL);
        if (channel.revents) read_channel(web);
    }
    curl_multi_remove_handle(web->multi, web->easy);
    return code;
}

/* Where HTTP says itself where a body ends. */
static bool is_framed(const struct fetch_web *web, long status)
{
    curl_off_t length = -1;
    curl_easy_getinfo(web->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    return length >= 0 || web->chunked || status == 204 || status == 205;
}

static enum gather_reason reason_of(struct fetch_web *web, CURLcode code, long status)
{
    if (web->cancelled) return GATHER_CANCELLED;
    if (web->refused && (code == CURLE_COULDNT_CONNECT || code == CURLE_ABORTED_BY_CALLBACK)) return GATHER_REFUSED;
    if (web->malformed || code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_UNSUPPORTED_PROTOCOL) return GATHER_MALFORMED;
    if (web->oversized) return GATHER_TOO_LARGE;
    if (code == CURLE_OPERATION_TIMEDOUT) return GATHER_TIMEOUT;
    if (status == 0) return GATHER_UNREACHABLE;
    if (!is_success(status)) return GATHER_STATUS;
    if (status == 206) return GATHER_INCOMPLETE; /* nobody asked for a part */
    web->report->whole = code == CURLE_OK && is_framed(web, status);
    return GATHER_COMPLETE;
}

/* libcurl 8.14 drops the '?' of an empty query, and "/a?" is another URL than "/a" (RFC 3986 section 6.2.3). Then libcurl gets the request
 * target as it is written. */
static void set_url(struct fetch_web *web, struct str text)
{
    struct url url;
    struct error error;
    const char *target = NULL;
    bool empty_query = url_parse(text, &url, &error) == STATUS_OK && url.has_query && url.query.length == 0;
    if (empty_query)
        target = arena_cstr(web->arena, arena_printf(web->arena, STR_FMT "?", STR_ARG(url.path.length > 0 ? url.path : S("/"))));
    curl_easy_setopt(web->easy, CURLOPT_URL, arena_cstr(web->arena, text));
    curl_easy_setopt(web->easy, CURLOPT_REQUEST_TARGET, target);
}

static enum gather_reason fetch_hop(struct fetch_web *web, struct str url)
{
    int64_t left = deadline_left(web->order->deadline);
    web->refused = web->chunked = web->oversized = web->malformed = false;
    web->head_length = web->ignored_length = 0;
    web->type[0] = web->encoding[0] = web->reason[0] = 0;
    set_url(web, url);
    body_answered(web->body, 0);
    curl_easy_setopt(web->easy, CURLOPT_TIMEOUT_MS, (long)(left > 0 ? left < INT32_MAX ? left : INT32_MAX : 1));
    CURLcode code = perform(web);
    long status = status_of(web);
    enum gather_reason reason = reason_of(web, code, status);
    if (code != CURLE_OK && !web->reason[0]) keep(web->reason, str_of(curl_easy_strerror(code)));
    web->report->status = (int)status;
    return reason;
}

/* --- the row of redirects */

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* The URL that a redirect leads to, {NULL, 0}: none. */
static struct str next_url(struct fetch_web *web)
{
    char *url = NULL;
    if (is_redirect(web->report->status)) curl_easy_getinfo(web->easy, CURLINFO_REDIRECT_URL, &url);
    return arena_copy(web->arena, str_of(url));
}

/* GATHER_COMPLETE: this host may be asked. A host that is not allowed by its name may have an address that is. */
static enum gather_reason check_url(struct fetch_web *web, struct str text, int hop)
{
    struct url url;
    struct error error;
    if (url_parse(text, &url, &error) != STATUS_OK || !url_is_web(&url)) return hop == 0 ? GATHER_REFUSED : GATHER_REDIRECT;
    web->named = web->order->named || allow_names(&web->allow, &url);
    return web->named || web->allow.has_addresses ? GATHER_COMPLETE : GATHER_REFUSED;
}

static enum gather_reason follow(struct fetch_web *web)
{
    struct str url = web->order->address;
    for (int hop = 0; hop <= REDIRECTS; hop++) {
        enum gather_reason reason = check_url(web, url, hop);
        if (reason == GATHER_COMPLETE) reason = fetch_hop(web, url);
        if (reason != GATHER_STATUS) return reason;
        url = next_url(web);
        if (url.length == 0) return reason;
    }
    return GATHER_REDIRECT;
}

static bool take_rules(struct fetch_web *web, struct str text)
{
    struct error error;
    if (web->allow_text.data && str_equal(text, web->allow_text)) return true;
    arena_reset(web->rules);
    web->allow_text = (struct str){0};
    if (allow_parse(web->rules, text, &web->allow, &error) != STATUS_OK) return false;
    web->allow_text = arena_copy(web->rules, text);
    return true;
}

void fetch_web_run(struct fetch_web *web, const struct order *order, struct body *body, struct report *report)
{
    int64_t idle = clock_real() - web->used;
    if (idle < 0 || idle > IDLE_MOST) open_connections(web);
    arena_reset(web->arena);
    web->order = order;
    web->body = body;
    web->report = report;
    web->cancelled = false;
    report->reason = take_rules(web, order->allow) ? follow(web) : GATHER_REFUSED;
    report->type = str_of(web->type);
    report->encoding = str_of(web->encoding);
    report->detail = str_of(web->reason);
    web->used = clock_real();
}
