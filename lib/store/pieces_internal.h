/* What an object is composed of, once it is known what stands in the store. Seen only inside lib/store. */
#ifndef STORE_PIECES_INTERNAL
#define STORE_PIECES_INTERNAL

#include "lib/store/store_internal.h"

/* None is empty, and each has its `length`; those with a key have their `store` and `if_match` too. */
struct store_pieces {
    struct store_piece *items;
    size_t count;
    uint64_t size;
    bool is_whole;   /* one object from its beginning to its end */
    bool encrypted;  /* one of the objects is, as in store_object */
    int64_t changed; /* when the last of the objects did, in ms by the store's clock; INT64_MAX where it does not say */
};

/* Asks their stores for each object that is named, for an object of the call's store. In its io.arena, which holds no copy of keys and
 * bytes. */
enum status pieces_resolve(const struct store_call *, const struct store_piece *, size_t count, struct store_pieces *, struct error *);
/* Asks again, once all was copied: STATUS_CORRUPT where an object is another version by now. Servers exist that ignore
 * x-amz-copy-source-if-match. */
enum status pieces_recheck(struct io, const struct store_pieces *, struct error *);
/* Their bytes from `offset` on, `length` of them or as many as there are. */
struct store_pieces pieces_part(struct arena *, const struct store_pieces *, uint64_t offset, uint64_t length);
/* As a stream, of which each opening and each read may take as long as is left for this call. */
struct stream pieces_stream(struct io, const struct store_pieces *);
/* STATUS_PRECONDITION of an object that is read or copied, as what it means to whoever makes another one of it. */
enum status pieces_fault(enum status, struct error *);

#endif
