#include "lib/apk/jar_internal.h"

#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

enum {
    MAIN_SECTION_MAX = 65536, /* what is looked at of a signature file; the attribute stands in its first lines */
    BLOCK_MAX = 1 << 20,
};

static bool is_in_folder(struct str name)
{
    struct str folder = S("META-INF/"), rest = str_from(name, folder.length);
    return str_starts(name, folder) && str_find(rest, '/') == rest.length;
}

bool apk_jar_is_file(struct str name)
{
    return is_in_folder(name) && str_ends(name, S(".SF"));
}

bool apk_jar_is_block(struct str name)
{
    return is_in_folder(name) && (str_ends(name, S(".RSA")) || str_ends(name, S(".DSA")) || str_ends(name, S(".EC")));
}

void apk_jar_add(struct apk_jar *jar, const struct apk_zip_entry *entry)
{
    bool is_one = apk_jar_is_file(entry->name) || apk_jar_is_block(entry->name);
    if (!is_one || jar->count == APK_JAR_ENTRIES_MAX) return;
    jar->entries[jar->count] = *entry;
    jar->entries[jar->count++].name = arena_copy(jar->arena, entry->name);
}

/* --- the signature file */

/* "2, 3" */
static unsigned parse_schemes(struct str list)
{
    unsigned schemes = 0;
    for (struct str rest = list; rest.data;) {
        struct str number = str_trim(str_cut(&rest, ','));
        if (str_equal(number, S("2"))) schemes |= APK_V2;
        if (str_equal(number, S("3"))) schemes |= APK_V3;
    }
    return schemes;
}

/* The main section ends at the first empty line. */
static unsigned schemes_of_file(struct str text)
{
    struct str name = S("X-Android-APK-Signed");
    for (struct str rest = text; rest.data;) {
        struct str line = str_trim(str_cut(&rest, '\n'));
        if (str_empty(line)) return 0;
        struct str key = str_cut(&line, ':');
        if (str_equal_nocase(key, name)) return parse_schemes(line);
    }
    return 0;
}

enum status apk_jar_named_schemes(struct arena *arena, const struct apk_jar *jar, unsigned *schemes, struct str *file, struct error *error)
{
    *schemes = 0;
    for (size_t i = 0; i < jar->count; i++) {
        struct str text;
        if (!apk_jar_is_file(jar->entries[i].name)) continue;
        enum status status = apk_zip_extract_head(arena, &jar->entries[i], MAIN_SECTION_MAX, &text, error);
        if (status == STATUS_CORRUPT || status == STATUS_UNSUPPORTED) continue;
        TRY(status);
        unsigned named = schemes_of_file(text);
        if (named & ~*schemes) *file = jar->entries[i].name;
        *schemes |= named;
    }
    return STATUS_OK;
}

/* --- the signature block */

static bool visit_certificates(STACK_OF(X509) * signers, apk_jar_visit *visit, void *context)
{
    for (int i = 0; i < sk_X509_num(signers); i++) {
        unsigned char *der = NULL;
        int length = i2d_X509(sk_X509_value(signers, i), &der);
        if (length <= 0) return false;
        visit(context, str_make(der, (size_t)length));
        OPENSSL_free(der);
    }
    return sk_X509_num(signers) > 0;
}

static bool each_signer(struct str block, apk_jar_visit *visit, void *context)
{
    const unsigned char *at = (const unsigned char *)block.data;
    PKCS7 *pkcs7 = d2i_PKCS7(NULL, &at, (long)block.length);
    STACK_OF(X509) *signers = pkcs7 && PKCS7_type_is_signed(pkcs7) ? PKCS7_get0_signers(pkcs7, NULL, 0) : NULL;
    bool found = signers && visit_certificates(signers, visit, context);
    sk_X509_free(signers);
    PKCS7_free(pkcs7);
    ERR_clear_error();
    return found;
}

enum status apk_jar_each_signer(struct arena *arena, const struct apk_jar *jar, apk_jar_visit *visit, void *context, struct error *error)
{
    for (size_t i = 0; i < jar->count; i++) {
        struct str block;
        const struct apk_zip_entry *entry = &jar->entries[i];
        if (!apk_jar_is_block(entry->name)) continue;
        TRY(apk_zip_extract(arena, entry, BLOCK_MAX, &block, error));
        ENSURE(each_signer(block, visit, context), error, STATUS_CORRUPT, STR_FMT " holds no signature with its certificate",
               STR_ARG(str_first(entry->name, 100)));
    }
    return STATUS_OK;
}
