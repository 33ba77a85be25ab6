/* Where this machine keeps the certificates of the authorities that it trusts. */
#ifndef HTTP_CA_BUNDLE_H
#define HTTP_CA_BUNDLE_H

/* PAKHUS_CA_BUNDLE, SSL_CERT_FILE, or the first of the usual places that can be read; NULL: libcurl's own. */
const char *http_ca_bundle(void);

#endif
