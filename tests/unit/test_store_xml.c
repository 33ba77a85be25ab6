/* The scanner of S3's XML: what the stores really send, and what it must refuse; each document ends at a page's end. */
#include "lib/store/s3/multipart_internal.h"
#include "lib/store/s3/xml_internal.h"
#include "tests/unit/unit.h"

struct listed {
    struct arena *arena;
    size_t count, stop_after;
    struct remote_entry entries[8];
};

static bool note(void *context, const struct remote_entry *entry)
{
    struct listed *listed = context;
    listed->entries[listed->count] = *entry;
    listed->entries[listed->count].key = arena_copy(listed->arena, entry->key);
    listed->entries[listed->count].etag = arena_copy(listed->arena, entry->etag);
    listed->count++;
    return listed->count != listed->stop_after;
}

static bool list(struct arena *arena, const char *text, struct listed *listed, struct remote_page *page)
{
    listed->arena = arena;
    listed->count = 0;
    return s3_xml_list(unit_guarded(arena, str_of(text)), note, listed, page);
}

#define ONE                                                                                                                                \
    "<Contents><Key>a/b</Key><LastModified>2026-11-22T10:00:00.000Z</LastModified><ETag>&quot;abc&quot;</ETag><Size>12</Size>"             \
    "<StorageClass>STANDARD</StorageClass></Contents>"

static void a_listing_is_read(void **state)
{
    struct listed listed = {0};
    struct remote_page page;
    assert_true(list(*state,
                     "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                     "<Name>b</Name><Prefix></Prefix><KeyCount>2</KeyCount><MaxKeys>2</MaxKeys><IsTruncated>true</IsTruncated>" ONE
                     "<Contents><Owner><ID>x</ID><Key>not this one</Key></Owner><Size>0</Size><Key>a/c</Key><ETag>\"d\"</ETag>"
                     "<LastModified>2026-11-22T10:00:00Z</LastModified></Contents><EncodingType>url</EncodingType>"
                     "<NextContinuationToken>a&amp;b</NextContinuationToken></ListBucketResult>\n",
                     &listed, &page));
    assert_int_equal(listed.count, 2);
    assert_str(listed.entries[0].key, S("a/b"));
    assert_str(listed.entries[0].etag, S("\"abc\""));
    assert_int_equal(listed.entries[0].size, 12);
    assert_int_equal(listed.entries[0].modified, 1795341600000);
    assert_str(listed.entries[1].key, S("a/c"));
    assert_int_equal(listed.entries[1].size, 0);
    assert_true(page.truncated);
    assert_str(page.next, S("a&b"));
}

static void an_empty_listing_is_read(void **state)
{
    struct listed listed = {0};
    struct remote_page page;
    assert_true(list(*state, "<ListBucketResult><Prefix/><IsTruncated>false</IsTruncated></ListBucketResult>", &listed, &page));
    assert_int_equal(listed.count, 0);
    assert_false(page.truncated);
}

static void a_reader_may_stop(void **state)
{
    struct listed listed = {.stop_after = 1};
    struct remote_page page;
    assert_true(list(*state, "<ListBucketResult>" ONE ONE "<IsTruncated>false</IsTruncated></ListBucketResult>", &listed, &page));
    assert_int_equal(listed.count, 1);
}

static struct str key_of(struct arena *arena, const char *encoding, const char *key)
{
    struct listed listed = {0};
    struct remote_page page;
    struct str text = arena_printf(arena,
                                   "<ListBucketResult>%s<IsTruncated>false</IsTruncated><Contents><Key>%s</Key><LastModified>2026-11-22T"
                                   "10:00:00Z</LastModified><ETag>e</ETag><Size>1</Size></Contents></ListBucketResult>",
                                   encoding, key);
    return list(arena, text.data, &listed, &page) ? listed.entries[0].key : S("refused");
}

static void keys_are_decoded(void **state)
{
    const char *url = "<EncodingType>url</EncodingType>";
    assert_str(key_of(*state, url, "a%2Bb%3D%40%2C%2f"), S("a+b=@,/"));
    assert_str(key_of(*state, url, "a+b"), S("a b")); /* form encoding: not the key "a+b" */
    assert_str(key_of(*state, url, "a%00b"), S("a\0b"));
    assert_str(key_of(*state, url, "a%2"), S("refused"));
    assert_str(key_of(*state, url, "a%"), S("refused"));
    assert_str(key_of(*state, url, "a%zz"), S("refused"));
    assert_str(key_of(*state, "", "a+b%2B"), S("a+b%2B"));
    assert_str(key_of(*state, "", "&lt;&gt;&amp;&quot;&apos;"), S("<>&\"'"));
    assert_str(key_of(*state, "", "&#65;&#x42;&#xe9;&#x20AC;&#x1F600;"), S("AB\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
}

static void unknown_entities_are_refused(void **state)
{
    const char *const bad[] = {"&nbsp;", "&",        "&amp",       "&;",    "&#;",    "&#0;",
                               "&#x;",   "&#xD800;", "&#x110000;", "&#-1;", "& amp;", "&#99999999999999999999;"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_str(key_of(*state, "", bad[i]), S("refused"));
}

#define BAD_ENTRY(size, time)                                                                                                              \
    "<Contents><Key>a</Key><Size>" size "</Size><LastModified>" time "</LastModified></Contents></ListBucketResult>"

static void other_documents_are_refused(void **state)
{
    const char *const bad[] = {
        "",
        " ",
        "<",
        "x",
        "<ListBucketResult/>",
        "<ListBucketResult></ListBucketResult>",
        "<ListBucketResult><IsTruncated>false</IsTruncated>",
        "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucket>",
        "<ListBucketResult><IsTruncated>false</Is></ListBucketResult>",
        "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult><a/>",
        "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>x",
        "<ListBucketResult>x<IsTruncated>false</IsTruncated></ListBucketResult>",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", /* and no token */
        "<!DOCTYPE a><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>",
        "<ListBucketResult><![CDATA[x]]><IsTruncated>false</IsTruncated></ListBucketResult>",
        "<ListBucketResult><?php ?><IsTruncated>false</IsTruncated></ListBucketResult>",
        "<?xml version=\"1.0\"><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>",
        "<?xsl version=\"1.0\"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>",
        "<ListBucketResult a><IsTruncated>false</IsTruncated></ListBucketResult>",
        "<ListBucketResult a=\"b><IsTruncated>false</IsTruncated></ListBucketResult>",
        "<ListBucketResult a=b><IsTruncated>false</IsTruncated></ListBucketResult>",
        "<Error><Code>x</Code></Error>",
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a</Key></Contents></ListBucketResult>",
        "<ListBucketResult><IsTruncated>false</IsTruncated>" BAD_ENTRY("-1", "2026-11-22T10:00:00Z"),
        "<ListBucketResult><IsTruncated>false</IsTruncated>" BAD_ENTRY("1", "yesterday"),
        "<a><a><a><a><a><a><a><a><a><a><b/></a></a></a></a></a></a></a></a></a></a>",
        "<html><body>503 Service Unavailable</body></html>",
    };
    struct listed listed = {0};
    struct remote_page page;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (list(*state, bad[i], &listed, &page)) fail_msg("read: %s", bad[i]);
}

static void no_beginning_of_a_document_is_one(void **state)
{
    struct str whole = S("<?xml version='1.0'?><ListBucketResult xmlns=\"x\">" ONE "<IsTruncated>false</IsTruncated></ListBucketResult>");
    struct listed listed = {0};
    struct remote_page page;
    for (size_t i = 0; i < whole.length; i++) {
        listed = (struct listed){.arena = *state};
        assert_false(s3_xml_list(unit_guarded(*state, str_first(whole, i)), note, &listed, &page));
    }
    assert_true(s3_xml_list(unit_guarded(*state, whole), note, &listed, &page));
}

static void an_error_is_read(void **state)
{
    struct xml_error error = {0};
    struct str text = S("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region "
                        "&apos;a&apos; is wrong</Message><Region>eu-west-1</Region><RequestId>1</RequestId></Error>");
    assert_true(xml_error(unit_guarded(*state, text), &error));
    assert_str(error.code, S("AuthorizationHeaderMalformed"));
    assert_str(error.message, S("the region 'a' is wrong"));
    assert_str(error.region, S("eu-west-1"));
    assert_false(xml_error(S("<Result><Code>x</Code></Result>"), &error));
    assert_false(xml_error(S("<Error><Code>x</Code>"), &error));
}

static void a_result_is_read(void **state)
{
    char buffer[8];
    struct str text;
    struct str document = S("\n  <?xml version=\"1.0\"?>\n\n<x:R "
                            "xmlns:x=\"y\"><x:A>a</x:A><B><A>inner</A></B><C>&amp;</C><D>12345678</D><E>123456789</E></x:R>");
    assert_true(xml_result(unit_guarded(*state, document), S("A"), buffer, sizeof buffer, &text));
    assert_str(text, S("a"));
    assert_true(xml_result(document, S("C"), buffer, sizeof buffer, &text));
    assert_str(text, S("&"));
    assert_true(xml_result(document, S("D"), buffer, sizeof buffer, &text));
    assert_false(xml_result(document, S("E"), buffer, sizeof buffer, &text));
    assert_false(xml_result(document, S("F"), buffer, sizeof buffer, &text));
    assert_false(xml_result(S("<Error><ETag>x</ETag></Error>"), S("ETag"), buffer, sizeof buffer, &text));
}

/* Ceph's CopyObject leaves the quotes out, and what was joined has no ETag there. */
static void the_etag_of_a_result_is_quoted(void **state)
{
    static const char *const said[][2] = {{"&quot;abc&quot;", "\"abc\""}, {"\"abc-2\"", "\"abc-2\""}, {"abc", "\"abc\""}, {"", ""}};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        struct remote_answer answer = {.body = buf_in(*state, 200)};
        buf_printf(&answer.body, "<CopyObjectResult><ETag>%s</ETag></CopyObjectResult>", said[i][0]);
        assert_str(s3_etag_of_result(*state, &answer), str_of(said[i][1]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(a_listing_is_read),
        test_with_arena(an_empty_listing_is_read),
        test_with_arena(a_reader_may_stop),
        test_with_arena(keys_are_decoded),
        test_with_arena(unknown_entities_are_refused),
        test_with_arena(other_documents_are_refused),
        test_with_arena(no_beginning_of_a_document_is_one),
        test_with_arena(an_error_is_read),
        test_with_arena(a_result_is_read),
        test_with_arena(the_etag_of_a_result_is_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
