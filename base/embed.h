/* A file of the repository in the program, byte for byte:
 *
 *     EMBED(page_style, "lib/report/page.css");    in a .c file, outside functions
 *     struct str style = EMBEDDED(page_style);     a NUL follows
 *
 * The path begins at the root of the repository, where make runs. No compiler lists the file as something that the object depends on: the
 * Makefile does. */
#ifndef BASE_EMBED_H
#define BASE_EMBED_H

#include "base/str.h"

#define EMBED(name, file)                                                                                                                  \
    extern const char name[] __attribute__((visibility("hidden")));                                                                        \
    extern const char name##_end[] __attribute__((visibility("hidden")));                                                                  \
    __asm__(".pushsection .rodata\n" #name ":\n.incbin \"" file "\"\n" #name "_end:\n.byte 0\n.popsection\n")
#define EMBEDDED(name) str_make(name, (size_t)(name##_end - (name)))

#endif
