/* What every request of ours to a server has in common. */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <curl/curl.h>

/* http and https only, also behind redirects; our User-Agent; no signals, since there are threads. `ca_bundle`: of http_ca_bundle(). */
void http_client_set_up(CURL *easy, const char *ca_bundle);

#endif
