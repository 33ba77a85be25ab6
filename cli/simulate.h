/* pakhus simulate …: what would happen. One file each. */
#ifndef CLI_SIMULATE_H
#define CLI_SIMULATE_H

#include "cli/command.h"

int simulate_admission(int argc, char **argv);
int simulate_placement(int argc, char **argv);
int simulate_token(int argc, char **argv);

/* Replaces the file by the text. */
enum status simulate_write(struct str path, struct str text, struct error *);

#endif
