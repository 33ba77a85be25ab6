/* Commands of `pakhus edge` that have files of their own: add and the lists look at many edges, sync works on a directory, place and drop
 * decide as a policy does. */
#ifndef CLI_EDGE_H
#define CLI_EDGE_H

#include "lib/edges/registry.h"

int cmd_edge_add(int argc, char **argv);
int cmd_edge_list(int argc, char **argv);
int cmd_edge_lan_list(int argc, char **argv);
int cmd_edge_sync(int argc, char **argv);
int cmd_edge_place(int argc, char **argv);
int cmd_edge_drop(int argc, char **argv);

enum { EDGE_ENTRY_LIMIT = 1 << 20 }; /* bytes of an edge or a LAN as text */
/* For what reads the whole register. */
struct io edge_registry_io(struct arena *);
/* As a line of `edge list`. */
void edge_print(const struct edge *);

#endif
