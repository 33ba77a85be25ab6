/* `pakhus token sign`, and what the other token commands share with it. */
#ifndef CLI_TOKEN_SIGN_H
#define CLI_TOKEN_SIGN_H

#include "cli/command.h"
#include "lib/token/token.h"

enum status token_ring(struct arena *, struct str keys, struct keyring *, struct error *);
/* `parameter` as an option: pkt unless said. */
enum status token_parameter(struct str given, struct str *parameter, struct error *);

int cmd_token_sign(int argc, char **argv);

#endif
