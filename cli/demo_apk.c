/* The demo's package as it lies in the repository; `make` runs in its root. */
#include "cli/demo.h"

__asm__(".pushsection .rodata\n"
        ".global demo_apk\n"
        ".global demo_apk_end\n"
        "demo_apk:\n"
        ".incbin \"demo/demo.apk\"\n"
        "demo_apk_end:\n"
        ".byte 0\n"
        ".popsection\n");
