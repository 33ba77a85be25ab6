/* Socket addresses as text. Only numbers and "localhost": names would need a resolver, which costs start-up and a static link. */
#ifndef LC_ADDRESS_H
#define LC_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/base.h"
#include "lambda-c/lambda.h"

struct lc_address {
    struct sockaddr_storage storage;
    socklen_t length;
};

/* "127.0.0.1:9000", "[::1]:80", "localhost:80", ":0" (every IPv4 address). STATUS_INVALID for anything else. */
enum status lc_address_parse(struct str text, struct lc_address *, struct error *);

/* An IPv4 address that is wrapped in an IPv6 one is unwrapped. Empty where the family is another. */
enum { LC_ADDRESS_TEXT = 64 };
struct str lc_address_host(const struct sockaddr *, char text[LC_ADDRESS_TEXT]);
struct str lc_address_text(const struct sockaddr *, char text[LC_ADDRESS_TEXT]); /* with the port */
bool lc_address_is_loopback(const struct sockaddr *);

/* The bare IP address in "1.2.3.4", "1.2.3.4:567", "2001:db8::1" or "[2001:db8::1]:567"; empty where there is none. */
struct str lc_address_bare(struct arena *, struct str text);

#endif
