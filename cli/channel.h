/* `pakhus channel`: a table of channels from a file, and their list. */
#ifndef CLI_CHANNEL_H
#define CLI_CHANNEL_H

#include "lib/catalog/channels.h"

/* Reads a CSV file or a list of channels ("-": standard input), at most 256 MiB. Only the places of its lines are kept in memory: their
 * info is read from the text when it is wanted. STATUS_INVALID names the line. */
enum status channel_table_read(struct arena *, struct str path, struct channels_set *, struct error *);
/* Clears the progress bar. */
void channel_table_end(const struct channels_set *);

int channel_list_command(int argc, char **argv);

#endif
