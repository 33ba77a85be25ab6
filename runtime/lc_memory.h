#ifndef LC_MEMORY_H
#define LC_MEMORY_H

#include <stdint.h>

/* Bytes of memory that this process may have: the least of the machine's, its control group's and its address space limit. */
uint64_t lc_memory_size(void);

#endif
