/* Prepares and publishes what is put to `uploads/<app>/<version>.apk` (S14): by storage notifications, or when it is told to. Events only.
 *
 *     {"pakhus":"prepare-upload","app":"GAME","version":"2.0"}
 *
 * answers {"prepared":[{"app","version","size","sha256","notes"}],"failed":[{"app","version","problem"}],"ignored":[{"object","why"}]}.
 * What cannot be prepared is told so in the answer and in its report, as it would be no better the next time; a passing failure is an
 * error, so that the platform tries again; who asked for one package gets every failure as an error. */
#ifndef FUNCTIONS_PREPARE_UPLOAD_HANDLER_H
#define FUNCTIONS_PREPARE_UPLOAD_HANDLER_H

#include "base/base.h"
#include "lambda-c/lambda.h"

extern const struct lc_function prepare_upload;

#endif
