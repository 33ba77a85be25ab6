/* Commands of `pakhus edge` that have files of their own: sync works on a directory, place and drop decide as a policy does. */
#ifndef CLI_EDGE_H
#define CLI_EDGE_H

int cmd_edge_sync(int argc, char **argv);
int cmd_edge_place(int argc, char **argv);
int cmd_edge_drop(int argc, char **argv);

#endif
