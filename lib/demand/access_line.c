#include "lib/demand/access_line_internal.h"

#include "lib/http/date.h"

static const uint64_t BYTES_MOST = UINT64_C(1) << 53;

/* What stands before the next space, and the spaces go. */
static struct str next_word(struct str *rest)
{
    struct str word = str_cut(rest, ' ');
    while (rest->length > 0 && rest->data[0] == ' ') *rest = str_from(*rest, 1);
    return word;
}

/* "…": a quote inside has a backslash before it (Apache), or is written otherwise (nginx). False where it does not end. */
static bool next_quoted(struct str *rest, struct str *content)
{
    if (rest->length == 0 || rest->data[0] != '"') return false;
    for (size_t i = 1; i < rest->length; i++) {
        if (rest->data[i] == '\\') {
            i++;
            continue;
        }
        if (rest->data[i] != '"') continue;
        *content = str_make(rest->data + 1, i - 1);
        *rest = str_from(*rest, i + 1);
        if (rest->length > 0 && rest->data[0] == ' ') *rest = str_from(*rest, 1);
        return true;
    }
    return false;
}

/* What stands between two marks, and the mark itself: "[…]". */
static bool cut_time(struct str line, struct str *before, struct str *after, int64_t *time)
{
    size_t open = str_find_str(line, S(" ["));
    struct str rest = str_from(line, open + 2), text = str_cut(&rest, ']');
    if (open == line.length || !http_log_time_parse(text, time) || rest.length == 0 || rest.data[0] != ' ') return false;
    *before = str_first(line, open);
    *after = str_from(rest, 1);
    return true;
}

/* Of the words before the time: the first, or the second behind a virtual host. */
static void find_client(struct str before, struct access_line *line)
{
    struct str first = next_word(&before), second = next_word(&before);
    line->client = first;
    line->has_address = address_parse(first, &line->address);
    if (line->has_address || !address_parse(second, &line->address)) return;
    line->client = second;
    line->has_address = true;
}

/* GET /… HTTP/1.1 */
static void split_request(struct str request, struct access_line *line)
{
    struct str rest = request, method = str_cut(&rest, ' ');
    size_t last = str_find_last(rest, ' ');
    if (!rest.data || last == rest.length || !str_starts(str_from(rest, last + 1), S("HTTP/"))) return;
    line->method = method;
    line->target = str_first(rest, last);
}

/* 200 7436979 or, S3's, 200 - 7436979 with an error's name between. */
static bool read_numbers(struct str *rest, struct access_line *line)
{
    uint64_t status;
    struct str text = next_word(rest);
    if (line->of_store) next_word(rest);
    struct str bytes = next_word(rest);
    if (text.length != 3 || !str_to_u64(text, &status) || status < 100) return false;
    line->status = (unsigned)status;
    return str_equal(bytes, S("-")) || (str_to_u64(bytes, &line->bytes) && line->bytes <= BYTES_MOST);
}

/* The next two quoted texts, wherever they begin. */
static void find_sender(struct str rest, struct access_line *line)
{
    struct str ignored;
    struct str begin = str_from(rest, str_find(rest, '"')), end = begin;
    if (next_quoted(&end, &ignored)) next_quoted(&end, &ignored);
    line->sender = str_trim(str_first(begin, begin.length - end.length));
}

bool access_line_parse(struct str text, struct access_line *out)
{
    struct access_line line = {0};
    struct str before, rest, request;
    if (!cut_time(text, &before, &rest, &line.time)) return false;
    line.of_store = rest.length > 0 && rest.data[0] != '"';
    find_client(line.of_store ? rest : before, &line);
    rest = str_from(rest, str_find(rest, '"'));
    if (!next_quoted(&rest, &request)) return false;
    split_request(request, &line);
    if (!read_numbers(&rest, &line)) return false;
    find_sender(rest, &line);
    *out = line;
    return true;
}
