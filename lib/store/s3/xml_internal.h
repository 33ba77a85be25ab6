/* The few answers of S3 that are XML, read by a scanner that allocates nothing. Strict: elements must nest, entities must be known, and
 * what S3 never sends (DOCTYPE, CDATA, processing instructions) is refused. Texts point into the body; those that may hold entities are
 * decoded on request. */
#ifndef STORE_XML_INTERNAL
#define STORE_XML_INTERNAL

#include "base/str.h"

enum { S3_XML_DEPTH = 8, S3_XML_NAME = 64, S3_XML_TEXT = 4096 };

enum s3_xml_event {
    S3_XML_LEAF, /* <name>text</name>, <name/> */
    S3_XML_OPEN, /* <name> that holds other elements */
    S3_XML_CLOSE,
    S3_XML_END, /* of the document */
    S3_XML_BAD
};

struct s3_xml {
    struct str rest;
    struct str open[S3_XML_DEPTH];
    size_t depth;
    bool begun;
    struct str name; /* of the last event, without a namespace prefix */
    struct str text; /* of a leaf, as written */
};

struct s3_xml s3_xml_of(struct str document);
enum s3_xml_event s3_xml_next(struct s3_xml *);
/* Replaces &amp; and its kin and &#…;: false where one is unknown, or where `capacity` does not suffice. */
bool s3_xml_decode(struct str text, char *buffer, size_t capacity, struct str *decoded);

/* --- the answers; false where the document is not one. Servers differ in the names of their roots: what is in them tells what they are. */

/* The root of an answer that is no <Error>, and holds elements. */
bool s3_xml_enter(struct s3_xml *);

/* <Error>. Texts are cut off at S3_XML_TEXT and live in the struct. */
struct s3_xml_error {
    struct str code, message, region; /* code and region as written */
    char buffer[480];
};
bool s3_xml_error(struct str document, struct s3_xml_error *);

/* ListObjectsV2. `each` gets the key as S3 means it, percent-decoding done; false stops the reading, which is no failure. */
struct s3_xml_entry {
    struct str key, etag;
    uint64_t size;
    int64_t modified;
};
struct s3_xml_page {
    bool truncated;
    struct str next; /* the token that asks for the next page, decoded */
    char next_buffer[S3_XML_TEXT];
};
bool s3_xml_list(struct str document, bool (*each)(void *context, const struct s3_xml_entry *), void *context, struct s3_xml_page *);

/* The text of the leaf `name` right below the root, decoded into `buffer`. */
bool s3_xml_result(struct str document, struct str name, char *buffer, size_t capacity, struct str *text);

#endif
