/* Who may see the metrics and send events: what operators do, and nobody else.
 *
 * That a request comes from this machine says nothing: a proxy on the same machine passes on what anybody asks. So there is a listener of
 * its own, and a secret (ADMIN_SECRET). With a secret every admin request must carry it, on any listener:
 *     Authorization: Bearer <secret>
 * Without one, the admin listener alone takes them, and not from a web page: pages can reach loopback addresses, by a name of their own
 * that points there (DNS rebinding) or by a form. */
#ifndef LC_ADMIN_H
#define LC_ADMIN_H

#include "lc_server.h"

/* A listening socket at "127.0.0.1:9001" or "unix:/run/pakhus/admin.sock". STATUS_INVALID for an address that other machines can reach
 * and no secret. */
enum status lc_admin_listen(struct str address, bool has_secret, int *socket, struct error *);
void lc_admin_unlisten(struct str address); /* removes the file of a unix socket */

/* False: `response` says why not. */
bool lc_admin_may(struct lc_exchange *);

#endif
