/* Uploads whose object changes while it is prepared, on a store that plays the part; e2e has the rest. */
#include "lib/catalog/upload.h"
#include "tests/unit/store_fixture.h"

static void keys_of_uploads_are_told_from_others(void **state)
{
    (void)state;
    const struct {
        const char *key, *app, *version;
    } cases[] = {
        {"uploads/GAME/2.0.apk", "GAME", "2.0"},
        {"uploads/a/b.apk.apk", "a", "b.apk"},
        {"uploads/GAME/1.2.3+45.apk", "GAME", "1.2.3+45"},
        {"uploads/GA+ME/1.apk", NULL, NULL},
        {"uploads/GAME/2.0.report.json", NULL, NULL},
        {"uploads/GAME/.apk", NULL, NULL},
        {"uploads//2.0.apk", NULL, NULL},
        {"uploads/2.0.apk", NULL, NULL},
        {"uploads/a/b/c.apk", NULL, NULL},
        {"uploads/a/..apk", NULL, NULL},
        {"uploads/a b/c.apk", NULL, NULL},
        {"Uploads/a/b.apk", NULL, NULL},
        {"uploads/", NULL, NULL},
        {"", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str app, version;
        assert_int_equal(upload_parse_key(str_of(cases[i].key), &app, &version), cases[i].app != NULL);
        if (!cases[i].app) continue;
        assert_str(app, str_of(cases[i].app));
        assert_str(version, str_of(cases[i].version));
    }
}

static void packages_under_other_names_are_noticed(void **state)
{
    static const char *const misnamed[] = {"uploads/GAME/2.0.APK", "uploads/2.0.apk",      "uploads/GAME/x/2.0.apk",
                                           "uploads/GAME/.apk",    "uploads/GAME/2.0.aab", "uploads/GAME/x.APKS",
                                           "uploads/GAME/2,0.apk", "uploads/GAME/a.xapk",  "uploads/GAME/a.apk.apkm"};
    static const char *const others[] = {"uploads/GAME/2.0.apk", "uploads/GAME/2.0.apk.idsig",       "uploads/GAME/2.0.report.json",
                                         "packages/a.aab",       "uploads/GAME/2.0.aab.report.json", ""};
    (void)state;
    for (size_t i = 0; i < sizeof misnamed / sizeof *misnamed; i++) assert_true(upload_is_misnamed(str_of(misnamed[i])));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) assert_false(upload_is_misnamed(str_of(others[i])));
}

/* The upload has the ETag "old" first, and what `then` says when it is asked for again; it can't be read in between. */
struct shelf {
    const char *then;
    _Atomic int heads;
};

static bool answer(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)number;
    struct shelf *shelf = server->context;
    if (scripted_is(request, "GET")) return scripted_error(fd, "412 Precondition Failed", "PreconditionFailed");
    if (scripted_is(request, "PUT")) return scripted_reply(fd, "200 OK", "ETag: \"report\"\r\n", S(""));
    scripted_send(fd, str_of(shelf->heads++ == 0 ? "HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\nETag: \"old\"\r\n\r\n" : shelf->then));
    return true;
}

static void what_changed_meanwhile_is_for_others_to_report(void **state)
{
    const struct {
        const char *then;
        enum status status;
        int reports;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"new\"\r\n\r\n", STATUS_NOT_FOUND, 1},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", STATUS_NOT_FOUND, 1},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\nETag: \"old\"\r\n\r\n", STATUS_PRECONDITION, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture *f = *state;
        struct shelf shelf = {.then = cases[i].then};
        struct publish_plan plan;
        serve(f, answer, &shelf);
        assert_error(upload_publish((struct catalog){f->store, io(f), S("GAME")}, S("2.0"), &plan, &f->error), cases[i].status, &f->error,
                     "uploads/GAME/2.0.apk");
        int reports = 0;
        for (int k = 0; k < f->server->count; k++) {
            const struct scripted_request *request = &f->server->requests[k];
            if (!scripted_is(request, "PUT /bucket/pre/uploads/GAME/2.0.report.json")) continue;
            struct str told = reports++ == 0 ? S("{\"state\":\"started\",\"app\":\"GAME\",") : S("{\"state\":\"failed\",\"app\":\"GAME\",");
            assert_true(str_starts(request->body, told));
        }
        assert_int_equal(reports, cases[i].reports);
        start_anew(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_of_uploads_are_told_from_others),
        TEST(packages_under_other_names_are_noticed),
        TEST(what_changed_meanwhile_is_for_others_to_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
