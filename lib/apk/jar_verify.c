#include "lib/apk/jar_verify_internal.h"

#include <stdlib.h>

#include "base/buf.h"
#include "lib/apk/jar_internal.h"
#include "lib/apk/jar_block_internal.h"
#include "lib/apk/jar_digest_internal.h"
#include "lib/apk/zip_internal.h"

#define INFLATED_MAX (UINT64_C(16) << 30)
enum {
    SIGNERS_MAX = 10, /* as Android has it */
    DIRECTORY_MAX = APK_JAR_TEXT_MAX,
    NAME_SHOWN = 100,
};

#define NAME(name) STR_ARG(str_first((name), NAME_SHOWN))
static const struct str manifest_name = {"META-INF/MANIFEST.MF", 20};

struct verification {
    struct arena *arena;
    struct apk_zip_reader *reader;
    uint32_t min_sdk;
    bool contents;
    struct apk_zip_entry *entries; /* sorted by name */
    size_t count;
    struct str manifest;
    struct apk_jar_text sections; /* of the manifest */
    uint16_t *signed_by;          /* of each section: bits of the signers whose files name it */
    unsigned signers;             /* how many are valid */
};

/* --- entries */

struct collection {
    struct arena *arena;
    struct apk_zip_entry *entries;
    size_t count, capacity;
};

static void collect_entry(void *context, const struct apk_zip_entry *entry)
{
    struct collection *collection = context;
    if (collection->count == collection->capacity) return;
    struct apk_zip_entry *own = &collection->entries[collection->count++];
    *own = *entry;
    own->name = arena_copy(collection->arena, entry->name);
}

static int by_name(const void *a, const void *b)
{
    return str_compare(((const struct apk_zip_entry *)a)->name, ((const struct apk_zip_entry *)b)->name);
}

static int by_offset(const void *a, const void *b)
{
    uint64_t first = ((const struct apk_zip_entry *)a)->header, second = ((const struct apk_zip_entry *)b)->header;
    return (first > second) - (first < second);
}

static enum status collect_entries(struct verification *all, const struct apk *apk, struct error *error)
{
    struct collection found = {.arena = all->arena, .capacity = (size_t)apk->entries};
    ENSURE(apk->directory_size <= DIRECTORY_MAX, error, STATUS_CORRUPT, "the central directory has %llu bytes, more than %d",
           (unsigned long long)apk->directory_size, DIRECTORY_MAX);
    found.entries = arena_array(all->arena, found.capacity, sizeof *found.entries);
    TRY(apk_zip_walk(all->arena, apk, collect_entry, &found, error));
    qsort(found.entries, found.count, sizeof *found.entries, by_name);
    for (size_t i = 1; i < found.count; i++)
        ENSURE(!str_equal(found.entries[i - 1].name, found.entries[i].name), error, STATUS_CORRUPT, "two entries are named " STR_FMT,
               NAME(found.entries[i].name));
    all->entries = found.entries;
    all->count = found.count;
    return STATUS_OK;
}

static const struct apk_zip_entry *entry_of(const struct verification *all, struct str name)
{
    const struct apk_zip_entry wanted = {.name = name};
    return bsearch(&wanted, all->entries, all->count, sizeof wanted, by_name);
}

static void add_bytes(void *context, struct str bytes)
{
    buf_add(context, bytes);
}

static enum status extract(const struct verification *all, struct arena *arena, const struct apk_zip_entry *entry, size_t most,
                           struct str *out, struct error *error)
{
    struct buf bytes = buf_in(arena, most);
    ENSURE(entry->uncompressed <= most, error, STATUS_CORRUPT, STR_FMT " has more than %zu bytes", NAME(entry->name), most);
    if (apk_zip_read(all->reader, entry, add_bytes, &bytes, error) != STATUS_OK) return error_context(error, STR_FMT, NAME(entry->name));
    *out = buf_str(&bytes);
    return STATUS_OK;
}

/* --- the manifest */

static enum status read_manifest(struct verification *all, struct error *error)
{
    const struct apk_zip_entry *entry = entry_of(all, manifest_name);
    ENSURE(entry, error, STATUS_CORRUPT, "there is no META-INF/MANIFEST.MF");
    TRY(extract(all, all->arena, entry, APK_JAR_TEXT_MAX, &all->manifest, error));
    if (apk_jar_text_parse(all->arena, all->manifest, &all->sections, error) != STATUS_OK)
        return error_context(error, STR_FMT, NAME(manifest_name));
    for (size_t i = 0; i < all->sections.count; i++)
        ENSURE(entry_of(all, all->sections.sections[i].name), error, STATUS_CORRUPT,
               STR_FMT " is listed in META-INF/MANIFEST.MF, and not in the package", NAME(all->sections.sections[i].name));
    all->signed_by = arena_array(all->arena, all->sections.count, sizeof *all->signed_by);
    return STATUS_OK;
}

/* --- signature files */

struct signature_file {
    struct arena *arena; /* of this file alone */
    struct str text;
    struct apk_jar_text parsed;
    bool by_signtool; /* which digests sections without their empty line, and calls the manifest's digest otherwise */
};

/* Devices go by the sections' digests where the whole manifest's is missing or wrong. */
static bool covers_manifest(const struct verification *all, const struct signature_file *file)
{
    struct apk_jar_digests digests;
    struct str suffix = file->by_signtool ? S("-Digest") : S("-Digest-Manifest");
    apk_jar_digests_of(file->arena, &file->parsed.main, suffix, all->min_sdk, &digests);
    return digests.count > 0 && apk_jar_digests_match(&digests, all->manifest);
}

static enum status check_main_section(const struct verification *all, const struct signature_file *file, struct error *error)
{
    struct apk_jar_digests digests;
    if (file->by_signtool) return STATUS_OK;
    apk_jar_digests_of(file->arena, &file->parsed.main, S("-Digest-Manifest-Main-Attributes"), all->min_sdk, &digests);
    ENSURE(apk_jar_digests_match(&digests, all->sections.main.raw), error, STATUS_CORRUPT,
           "the main section of META-INF/MANIFEST.MF is not what was signed");
    return STATUS_OK;
}

static enum status check_section(const struct verification *all, const struct signature_file *file, const struct apk_jar_section *own,
                                 const struct apk_jar_section *section, struct error *error)
{
    struct apk_jar_digests digests;
    struct str raw = section->raw;
    if (file->by_signtool && str_ends(raw, S("\n\n"))) raw.length--;
    apk_jar_digests_of(file->arena, own, S("-Digest"), all->min_sdk, &digests);
    ENSURE(digests.count > 0 && apk_jar_digests_match(&digests, raw), error, STATUS_CORRUPT,
           "the section of META-INF/MANIFEST.MF for " STR_FMT " is not what was signed", NAME(section->name));
    return STATUS_OK;
}

/* Devices pass a file over that names what the manifest does not, unless it covers the whole manifest. */
static bool names_more(const struct verification *all, const struct signature_file *file)
{
    for (size_t i = 0; i < file->parsed.count; i++)
        if (!apk_jar_section_of(&all->sections, file->parsed.sections[i].name)) return true;
    return false;
}

/* Marks the manifest's sections that the file names. */
static enum status mark_sections(struct verification *all, const struct signature_file *file, bool covered, struct error *error)
{
    for (size_t i = 0; i < file->parsed.count; i++) {
        const struct apk_jar_section *own = &file->parsed.sections[i], *section = apk_jar_section_of(&all->sections, own->name);
        if (!section) continue;
        if (!covered) TRY(check_section(all, file, own, section, error));
        all->signed_by[section - all->sections.sections] |= (uint16_t)(1U << all->signers);
    }
    all->signers++;
    return STATUS_OK;
}

/* A file that devices pass over signs nothing. */
static enum status use_signature_file(struct verification *all, struct signature_file *file, struct error *error)
{
    struct error ignored;
    if (apk_jar_text_parse(file->arena, file->text, &file->parsed, &ignored) != STATUS_OK) return STATUS_OK;
    if (!apk_jar_attribute(&file->parsed.main, S("Signature-Version")).data) return STATUS_OK;
    struct str creator = apk_jar_attribute(&file->parsed.main, S("Created-By"));
    file->by_signtool = str_find_str(creator, S("signtool")) < creator.length;
    bool covered = covers_manifest(all, file);
    TRY(check_main_section(all, file, error));
    return covered || !names_more(all, file) ? mark_sections(all, file, covered, error) : STATUS_OK;
}

/* --- signers */

static const struct apk_zip_entry *file_of_block(const struct verification *all, struct str block)
{
    struct str stem = str_first(block, str_find_last(block, '.'));
    return apk_jar_is_block(block) ? entry_of(all, arena_join(all->arena, stem, S(".SF"))) : NULL;
}

static enum status verify_signer(struct verification *all, const struct apk_zip_entry *block, const struct apk_zip_entry *file,
                                 struct signature_file *own, struct error *error)
{
    struct str bytes;
    TRY(extract(all, own->arena, block, APK_JAR_BLOCK_MAX, &bytes, error));
    TRY(extract(all, own->arena, file, APK_JAR_TEXT_MAX, &own->text, error));
    if (apk_jar_block_verify(bytes, own->text, all->min_sdk, error) != STATUS_OK) return error_context(error, STR_FMT, NAME(block->name));
    return use_signature_file(all, own, error);
}

static enum status verify_signers(struct verification *all, struct error *error)
{
    int count = 0;
    for (size_t i = 0; i < all->count; i++) {
        const struct apk_zip_entry *file = file_of_block(all, all->entries[i].name);
        if (!file) continue;
        ENSURE(++count <= SIGNERS_MAX, error, STATUS_CORRUPT, "it has more than %d signers", SIGNERS_MAX);
        struct signature_file own = {.arena = arena_new()};
        enum status status = verify_signer(all, &all->entries[i], file, &own, error);
        arena_free(own.arena);
        TRY(status);
    }
    ENSURE(all->signers > 0, error, STATUS_CORRUPT, "no signature file in META-INF is of use");
    return STATUS_OK;
}

/* --- contents */

struct hashing {
    EVP_MD_CTX *contexts[2];
    size_t count;
};

static void hash_bytes(void *context, struct str bytes)
{
    const struct hashing *hashing = context;
    for (size_t i = 0; i < hashing->count; i++) EVP_DigestUpdate(hashing->contexts[i], bytes.data, bytes.length);
}

static void free_context(void *context)
{
    EVP_MD_CTX_free(context);
}

static struct hashing new_hashing(struct arena *arena)
{
    struct hashing hashing = {.contexts = {EVP_MD_CTX_new(), EVP_MD_CTX_new()}};
    for (int i = 0; i < 2; i++) arena_defer(arena, free_context, hashing.contexts[i]);
    return hashing;
}

static enum status check_contents(const struct verification *all, const struct apk_zip_entry *entry, const struct apk_jar_section *section,
                                  struct hashing *hashing, struct error *error)
{
    struct apk_jar_digests digests;
    apk_jar_digests_of(all->arena, section, S("-Digest"), all->min_sdk, &digests);
    ENSURE(digests.count > 0, error, STATUS_CORRUPT,
           "META-INF/MANIFEST.MF has no digest of it that every device from minSdkVersion %u on knows", (unsigned)all->min_sdk);
    hashing->count = digests.count;
    for (size_t i = 0; i < digests.count; i++) EVP_DigestInit_ex(hashing->contexts[i], digests.items[i].kind, NULL);
    TRY(apk_zip_read(all->reader, entry, hash_bytes, hashing, error));
    for (size_t i = 0; i < digests.count; i++) {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned length = 0;
        EVP_DigestFinal_ex(hashing->contexts[i], digest, &length);
        ENSURE(str_equal(digests.items[i].value, str_make(digest, length)), error, STATUS_CORRUPT,
               "it is not what was signed: it was changed afterwards, or is damaged");
    }
    return STATUS_OK;
}

static bool needs_signature(const struct apk_zip_entry *entry)
{
    return !str_starts(entry->name, S("META-INF/")) && !str_ends(entry->name, S("/"));
}

/* *signers: those of the entries before it; 0: it is the first. */
static enum status check_entry(const struct verification *all, const struct apk_zip_entry *entry, unsigned *signers,
                               struct hashing *hashing, struct error *error)
{
    const struct apk_jar_section *section = apk_jar_section_of(&all->sections, entry->name);
    ENSURE(section, error, STATUS_CORRUPT, "it is not listed in META-INF/MANIFEST.MF: it was added after the package was signed");
    unsigned own = all->signed_by[section - all->sections.sections];
    ENSURE(own, error, STATUS_CORRUPT, "no signature file names it: it was added after the package was signed");
    ENSURE(!*signers || *signers == own, error, STATUS_CORRUPT, "it has other signers than the entries before it");
    *signers = own;
    if (!all->contents) return STATUS_OK;
    return check_contents(all, entry, section, hashing, error);
}

static enum status check_size(const struct verification *all, struct error *error)
{
    uint64_t inflated = 0, compressed = 0;
    for (size_t i = 0; i < all->count; i++) {
        if (!needs_signature(&all->entries[i])) continue;
        inflated += all->entries[i].uncompressed;
        compressed += all->entries[i].compressed;
    }
    /* Entries that lie over each other would be read again and again; those of a whole package are smaller than it. */
    ENSURE(compressed <= UINT32_MAX, error, STATUS_CORRUPT, "its entries have more bytes than it has");
    ENSURE(inflated <= INFLATED_MAX, error, STATUS_CORRUPT, "its entries inflate to more than %d GiB", (int)(INFLATED_MAX >> 30));
    return STATUS_OK;
}

static enum status check_entries(struct verification *all, struct error *error)
{
    unsigned signers = 0;
    struct hashing hashing = new_hashing(all->arena);
    TRY(check_size(all, error));
    qsort(all->entries, all->count, sizeof *all->entries, by_offset);
    for (size_t i = 0; i < all->count; i++) {
        const struct apk_zip_entry *entry = &all->entries[i];
        if (!needs_signature(entry)) continue;
        if (check_entry(all, entry, &signers, &hashing, error) != STATUS_OK) return error_context(error, STR_FMT, NAME(entry->name));
    }
    ENSURE(signers, error, STATUS_CORRUPT, "it has no entry that is signed");
    return STATUS_OK;
}

/* --- */

enum status apk_jar_verify(struct arena *arena, const struct apk *apk, struct apk_jar_rules rules, struct str *problem, struct error *error)
{
    struct verification all = {
        .arena = arena, .reader = apk_zip_reader_new(arena, apk), .min_sdk = rules.min_sdk ? rules.min_sdk : 1, .contents = rules.contents};
    enum status status = collect_entries(&all, apk, error);
    if (status == STATUS_OK) status = read_manifest(&all, error);
    if (status == STATUS_OK) status = verify_signers(&all, error);
    if (status == STATUS_OK) status = check_entries(&all, error);
    if (status != STATUS_CORRUPT) return status;
    *problem = arena_printf(arena, "its v1 signature does not verify: %s; take the APK as it was signed, or sign it again", error->text);
    return STATUS_OK;
}
