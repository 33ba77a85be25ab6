/* The one command of `pakhus edge` that works on a directory. */
#ifndef CLI_EDGE_H
#define CLI_EDGE_H

int cmd_edge_sync(int argc, char **argv);

#endif
