#include "lib/transfer/web.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/http/ca_bundle.h"
#include "lib/http/client.h"

enum { CONNECT_TIMEOUT = 10 * CLOCK_SECOND, STALL_SECONDS = 30, REDIRECTS = 5, VALIDATOR_LONGEST = 256, RECEIVE_BUFFER = 256 << 10 };

struct web {
    CURL *easy;
    struct curl_slist *headers;
    /* of the exchange under way */
    const struct web_get *get;
    struct error *error;
    enum status verdict; /* of head and body */
    bool head_done, encoded;
    struct web_answer answer;
    char validator[VALIDATOR_LONGEST], modified[VALIDATOR_LONGEST];
    char reason[CURL_ERROR_SIZE];
};

static void set_up_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void free_web(void *context)
{
    struct web *web = context;
    curl_easy_cleanup(web->easy);
    curl_slist_free_all(web->headers);
}

struct web *web_new(struct arena *arena)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_up_curl);
    struct web *web = arena_new_of(arena, struct web);
    web->easy = curl_easy_init();
    web->headers = curl_slist_append(NULL, "Pakhus-Follow: 1"); /* each range is asked for at the first URL (S8c) */
    if (!web->easy || !web->headers) abort();
    arena_defer(arena, free_web, web);
    return web;
}

/* --- headers */

static void keep_first(char kept[VALIDATOR_LONGEST], struct str value)
{
    if (kept[0] || value.length == 0 || value.length >= VALIDATOR_LONGEST) return;
    memcpy(kept, value.data, value.length);
    kept[value.length] = 0;
}

/* bytes 0-99/1000 */
static void read_content_range(struct str value, struct web_answer *answer)
{
    uint64_t first, total;
    struct str rest = value, unit = str_cut(&rest, ' '), range = str_cut(&rest, '/'), from = str_cut(&range, '-');
    if (!str_equal_nocase(unit, S("bytes")) || !str_to_u64(from, &first)) return;
    answer->offset = first;
    if (str_to_u64(rest, &total)) answer->total = total;
}

static void read_header(struct web *web, struct str name, struct str value)
{
    uint64_t number;
    if (str_equal_nocase(name, S("etag"))) keep_first(web->validator, value);
    if (str_equal_nocase(name, S("last-modified"))) keep_first(web->modified, value);
    if (str_equal_nocase(name, S("content-encoding"))) web->encoded = !str_equal_nocase(value, S("identity"));
    if (str_equal_nocase(name, S("content-range")) && web->answer.status == 206) read_content_range(value, &web->answer);
    if (str_equal_nocase(name, S("content-length")) && web->answer.status == 200 && str_to_u64(value, &number)) web->answer.total = number;
    if (str_equal_nocase(name, S("retry-after")) && str_to_u64(value, &number) && number <= 86400)
        web->answer.retry_after = (int64_t)number * CLOCK_SECOND;
}

/* "HTTP/1.1 206 Partial Content": a new answer, in a row of redirects perhaps. */
static void begin_answer(struct web *web, struct str line)
{
    uint64_t status = 0;
    struct str rest = line;
    str_cut(&rest, ' ');
    if (!str_to_u64(str_first(rest, 3), &status)) status = 0;
    web->answer = (struct web_answer){.status = (int)status, .offset = status == 206 ? UINT64_MAX : 0, .total = UINT64_MAX};
    web->encoded = false;
}

static size_t on_header(char *data, size_t one, size_t length, void *context)
{
    struct web *web = context;
    struct str line = str_trim(str_make(data, one * length));
    if (str_starts(line, S("HTTP/"))) {
        begin_answer(web, line);
        return one * length;
    }
    struct str value = line, name = str_cut(&value, ':');
    if (value.data) read_header(web, name, str_trim(value));
    return one * length;
}

/* --- body */

static bool has_body(const struct web *web)
{
    return web->answer.status == 200 || web->answer.status == 206;
}

static enum status end_head(struct web *web)
{
    web->head_done = true;
    web->answer.validator = str_of(web->validator[0] ? web->validator : web->modified);
    ENSURE(!web->encoded, web->error, STATUS_UNSUPPORTED, "the server encodes the body, which was not asked for");
    ENSURE(web->answer.status == 200 || web->answer.offset == web->get->offset, web->error, STATUS_CORRUPT,
           "the server sends another range than was asked for");
    return web->get->head ? web->get->head(web->get->context, &web->answer, web->error) : STATUS_OK;
}

static size_t on_body(char *data, size_t one, size_t length, void *context)
{
    struct web *web = context;
    size_t bytes = one * length;
    if (!has_body(web)) return bytes;
    if (!web->head_done) web->verdict = end_head(web);
    if (web->verdict == STATUS_OK) web->verdict = web->get->body(web->get->context, str_make(data, bytes), web->error);
    return web->verdict == STATUS_OK ? bytes : 0;
}

/* --- the exchange */

static enum status status_of(int status)
{
    switch (status) {
    case 404:
    case 410: return STATUS_NOT_FOUND;
    case 401:
    case 403: return STATUS_DENIED;
    case 429: return STATUS_THROTTLED;
    default: return status >= 400 && status < 500 ? STATUS_INVALID : STATUS_UNAVAILABLE;
    }
}

static void set_options(struct web *web, const char *url, const char *range, struct deadline deadline)
{
    CURL *easy = web->easy;
    int64_t left = deadline_left(deadline);
    curl_easy_reset(easy);
    http_client_set_up(easy, http_ca_bundle());
    curl_easy_setopt(easy, CURLOPT_URL, url);
    if (range) curl_easy_setopt(easy, CURLOPT_RANGE, range);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)REDIRECTS);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, web->headers);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(left > 0 ? left < INT32_MAX ? left : INT32_MAX : 1));
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, web->reason);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, web);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, web);
}

static enum status judge(struct web *web, CURLcode code, struct error *error)
{
    if (web->verdict != STATUS_OK) return web->verdict;
    ENSURE(code != CURLE_OPERATION_TIMEDOUT, error, STATUS_TIMEOUT, "%s", web->reason[0] ? web->reason : "no answer in time");
    ENSURE(code == CURLE_OK, error, STATUS_UNAVAILABLE, "%s", web->reason[0] ? web->reason : curl_easy_strerror(code));
    ENSURE(has_body(web), error, status_of(web->answer.status), "the server answers %d", web->answer.status);
    return web->head_done ? STATUS_OK : end_head(web); /* an empty body */
}

enum status web_get(struct web *web, const struct web_get *get, struct deadline deadline, struct web_answer *answer, struct error *error)
{
    char range[64], url[4096];
    ENSURE(get->url.length < sizeof url, error, STATUS_INVALID, "the URL is longer than %zu bytes", sizeof url - 1);
    snprintf(url, sizeof url, STR_FMT, STR_ARG(get->url));
    if (get->length > 0)
        snprintf(range, sizeof range, "%llu-%llu", (unsigned long long)get->offset, (unsigned long long)(get->offset + get->length - 1));
    web->get = get;
    web->error = error;
    web->verdict = STATUS_OK;
    web->head_done = false;
    web->answer = (struct web_answer){.total = UINT64_MAX};
    web->validator[0] = web->modified[0] = web->reason[0] = 0;
    set_options(web, url, get->length > 0 ? range : NULL, deadline);
    enum status status = judge(web, curl_easy_perform(web->easy), error);
    if (answer) *answer = web->answer;
    return status;
}

static enum status add_to_text(void *context, struct str bytes, struct error *error)
{
    struct buf *text = context;
    buf_add(text, bytes);
    ENSURE(!text->overflow, error, STATUS_TOO_LARGE, "the answer is longer than %zu bytes", text->limit);
    return STATUS_OK;
}

enum status web_get_text(struct web *web, struct io io, struct str url, size_t limit, struct str *text, struct error *error)
{
    struct buf buf = buf_in(io.arena, limit);
    const struct web_get get = {.url = url, .body = add_to_text, .context = &buf};
    TRY(web_get(web, &get, io.deadline, NULL, error));
    *text = buf_str(&buf);
    return STATUS_OK;
}
