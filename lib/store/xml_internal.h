/* The few answers of stores that are XML, read by a scanner that allocates nothing. Strict: elements must nest, entities must be known, and
 * what stores never send (DOCTYPE, CDATA, processing instructions) is refused. Texts point into the body; those that may hold entities are
 * decoded on request. */
#ifndef STORE_XML_INTERNAL
#define STORE_XML_INTERNAL

#include "base/str.h"

enum { XML_DEPTH = 8, XML_NAME = 64, XML_TEXT = 4096 };

enum xml_event {
    XML_LEAF, /* <name>text</name>, <name/> */
    XML_OPEN, /* <name> that holds other elements */
    XML_CLOSE,
    XML_END, /* of the document */
    XML_BAD
};

struct xml {
    struct str rest;
    struct str open[XML_DEPTH];
    size_t depth;
    bool begun;
    struct str name; /* of the last event, without a namespace prefix */
    struct str text; /* of a leaf, as written */
};

struct xml xml_of(struct str document);
enum xml_event xml_next(struct xml *);
/* Replaces &amp; and its kin and &#…;: false where one is unknown, or where `capacity` does not suffice. */
bool xml_decode(struct str text, char *buffer, size_t capacity, struct str *decoded);

/* --- the answers; false where the document is not one. Servers differ in the names of their roots: what is in them tells what they are. */

/* The root of an answer that is no <Error>, and holds elements. */
bool xml_enter(struct xml *);

/* <Error>. Texts are cut off at XML_TEXT and live in the struct. */
struct xml_error {
    struct str code, message, region; /* code and region as written */
    char buffer[480];
};
bool xml_error(struct str document, struct xml_error *);

/* The text of the leaf `name` right below the root, decoded into `buffer`. */
bool xml_result(struct str document, struct str name, char *buffer, size_t capacity, struct str *text);

#endif
