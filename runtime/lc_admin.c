#include "lc_admin.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* --- where it listens */

static bool is_unix(struct str address)
{
    return str_starts(address, S("unix:"));
}

static enum status unix_address(struct str address, struct sockaddr_un *un, struct error *error)
{
    struct str path = str_from(address, 5);
    *un = (struct sockaddr_un){.sun_family = AF_UNIX};
    ENSURE(path.length > 0 && path.length < sizeof un->sun_path && path.data[0] == '/', error, STATUS_INVALID,
           "the setting ADMIN is '" STR_FMT "': a socket needs an absolute path of at most %zu bytes", STR_ARG(address),
           sizeof un->sun_path - 1);
    memcpy(un->sun_path, path.data, path.length);
    return STATUS_OK;
}

/* A file that a server left which was killed. Where another one listens, bind fails. */
static void remove_stale(const struct sockaddr_un *un)
{
    struct stat status;
    if (lstat(un->sun_path, &status) != 0 || !S_ISSOCK(status.st_mode)) return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    bool stale = connect(fd, (const struct sockaddr *)un, sizeof *un) != 0 && errno == ECONNREFUSED;
    close(fd);
    if (stale) unlink(un->sun_path);
}

/* Its file is for this user and nobody else, from the first moment. */
static enum status listen_unix(struct str address, int *listening, struct error *error)
{
    struct sockaddr_un un;
    TRY(unix_address(address, &un, error));
    remove_stale(&un);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return error_errno(error, errno, "cannot open a socket");
    mode_t before = umask(0177);
    bool bound = bind(fd, (const struct sockaddr *)&un, sizeof un) == 0;
    int number = errno;
    umask(before);
    if (bound && listen(fd, SOMAXCONN) == 0) return *listening = fd, STATUS_OK;
    if (bound) number = errno;
    close(fd);
    return error_errno(error, number, "cannot listen on " STR_FMT, STR_ARG(address));
}

enum status lc_admin_listen(struct str address, bool has_secret, int *listening, struct error *error)
{
    struct lc_address parsed;
    if (is_unix(address)) return listen_unix(address, listening, error);
    if (lc_address_parse(address, &parsed, error) != STATUS_OK) return error_context(error, "the setting ADMIN");
    ENSURE(has_secret || lc_address_is_loopback((const struct sockaddr *)&parsed.storage), error, STATUS_INVALID,
           "the setting ADMIN is '" STR_FMT "', which other machines can reach: set ADMIN_SECRET too, or use 127.0.0.1 or unix:/PATH",
           STR_ARG(address));
    return lc_server_listen(address, listening, error);
}

void lc_admin_unlisten(struct str address)
{
    struct sockaddr_un un;
    struct error unused;
    if (is_unix(address) && unix_address(address, &un, &unused) == STATUS_OK) unlink(un.sun_path);
}

/* --- who may */

static bool has_secret(const struct lc_exchange *x)
{
    struct str given = lc_header_get(&x->request.headers, S("authorization"));
    if (!str_equal_nocase(str_first(given, 7), S("Bearer "))) return false;
    return str_equal_secret(str_from(given, 7), x->server->options.admin_secret);
}

/* Browsers say where a request comes from. */
static bool is_from_page(const struct lc_exchange *x)
{
    struct str site = lc_header_get(&x->request.headers, S("sec-fetch-site"));
    return lc_header_get(&x->request.headers, S("origin")).data || (site.data && !str_equal_nocase(site, S("none")));
}

/* A name that somebody else owns may point here. An address can't, and "localhost" is nobody's. */
static bool is_address(struct str host)
{
    struct lc_address parsed;
    struct error unused;
    char text[LC_ADDRESS_TEXT + 8];
    if (lc_address_parse(host, &parsed, &unused) == STATUS_OK) return true;
    if (host.length == 0 || host.length > LC_ADDRESS_TEXT) return false;
    int length = snprintf(text, sizeof text, STR_FMT ":80", STR_ARG(host)); /* the port of http:// is left out */
    return lc_address_parse(str_make(text, (size_t)length), &parsed, &unused) == STATUS_OK;
}

static bool refuse(struct lc_exchange *x, const char *why)
{
    lc_problem(&x->call, &x->response, 403, NULL, str_of(why));
    return false;
}

bool lc_admin_may(struct lc_exchange *x)
{
    if (x->server->options.admin_secret.length > 0)
        return has_secret(x) || refuse(x, "send the admin secret: Authorization: Bearer SECRET");
    if (!x->loop->admin) return refuse(x, "use the admin listener (setting ADMIN), or set ADMIN_SECRET and send it");
    if (is_from_page(x)) return refuse(x, "the admin listener takes no requests from web pages");
    bool local = x->address[0] == 0; /* a unix socket */
    return local || is_address(lc_header_get(&x->request.headers, S("host"))) ||
           refuse(x, "the admin listener wants an IP address or localhost as Host");
}
