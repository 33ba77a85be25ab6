/* The three hosts. Each returns the exit code of the process. */
#ifndef LC_HOSTS_H
#define LC_HOSTS_H

#include "base/base.h"
#include "lambda-c/lambda.h"

int lc_aws_run(const struct lc_function *);
int lc_fc_run(const struct lc_function *);
int lc_port_run(const struct lc_function *);

#endif
