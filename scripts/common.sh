# shellcheck shell=bash
# Shared by the other scripts: words, packages, and a cache whose entries are either whole or absent.

set -euo pipefail

# shellcheck disable=SC2034  # read by the scripts that source this file
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${PAKHUS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pakhus}

say() { printf '%s\n' "$*" >&2; }
# With PAKHUS_REASON=1 the reason of a failure goes to standard output: make shows it as its own last line.
die() {
    if [ "${PAKHUS_REASON:-}" ]; then printf '%s\n' "$*"; else say "$*"; fi
    exit 1
}

WHERE_ONLY='' # set: kept says where an entry would be, and makes nothing

# missing_packages PACKAGE...: those which dpkg does not know as installed
missing_packages() {
    local installed package
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package} ' "$@" 2>/dev/null || true)
    for package in "$@"; do
        case " $installed " in
        *" installed $package "*) ;;
        *) printf '%s\n' "$package" ;;
        esac
    done
}

# offered_packages PACKAGE...: those which apt's lists offer
offered_packages() {
    [ $# = 0 ] || LC_ALL=C apt-cache policy "$@" 2>/dev/null |
        awk '/^[^ ].*:$/ { name = substr($1, 1, length($1) - 1) } /^  Candidate: [^(]/ { print name }'
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

can_be_root() {
    [ "$(id -u)" = 0 ] && return
    command -v sudo >/dev/null || return 1
    sudo -n true 2>/dev/null || [ -t 0 ]
}

# need_packages PACKAGE... [-- OPTIONAL...]: installs the missing ones. Optional packages are never a reason to fail, and only
# those that apt's lists offer are tried.
need_packages() {
    local required=() optional=() reason
    [ -z "${PAKHUS_SKIP_INSTALL:-}$WHERE_ONLY" ] || return 0
    while [ $# -gt 0 ] && [ "$1" != -- ]; do required+=("$1"); shift; done
    [ $# = 0 ] || shift
    mapfile -t required < <(missing_packages "${required[@]}")
    mapfile -t optional < <(missing_packages "$@")
    if [ ${#required[@]} = 0 ]; then
        mapfile -t optional < <(offered_packages "${optional[@]}")
        { [ ${#optional[@]} != 0 ] && can_be_root; } || return 0
    elif ! command -v apt-get >/dev/null || ! can_be_root; then
        die "cannot install ${required[*]}: that takes apt-get, and root or sudo. If they are there under other names, set PAKHUS_SKIP_INSTALL=1"
    fi
    reason=$(as_root "$ROOT/scripts/apt-install" "${required[@]}" -- "${optional[@]}") || die "${reason:-scripts/apt-install failed}"
}

debian_codename() { (. /etc/os-release && printf '%s' "$VERSION_CODENAME"); }

# need_command COMMAND PACKAGE: any installation of the command will do, Debian's is the fallback
need_command() {
    command -v "$1" >/dev/null || need_packages "$2"
}

# failure_in LOG: the first error of dpkg, apt-get or npm in it, else its last line
failure_in() {
    local text
    text=$(sed -nE 's/^(E: |dpkg: error |npm (ERR!|error) )(.*)$/\3/p' "$1" | head -n 1)
    printf '%s' "${text:-$(tail -n 1 "$1")}"
}

# kept NAME BUILDER [FILE]: prints $CACHE/NAME[/FILE], first made by "BUILDER WORK", which leaves its result in WORK/out.
# One run builds while others wait; the rename makes an entry appear whole, so that a killed run leaves none.
kept() {
    local final=$CACHE/$1 work=$CACHE/.making-$1 log=$CACHE/$1.log
    if [ ! -e "$final" ] && [ -z "$WHERE_ONLY" ]; then
        mkdir -p "$CACHE"
        exec 9>"$CACHE/.lock-$1"
        flock 9
        if [ ! -e "$final" ]; then
            rm -rf "$work"
            mkdir "$work"
            say "$1: being made (log: $log)"
            SECONDS=0
            # a subshell of its own, so that set -e holds inside
            set +e
            (set -e; "$2" "$work") >"$log" 2>&1 9>&-
            local status=$?
            set -e
            if [ $status != 0 ]; then
                tail -n 20 "$log" >&2
                rm -rf "$work"
                die "$1 could not be made: $(failure_in "$log") (log: $log)"
            fi
            mv -T "$work/out" "$final"
            rm -rf "$work"
            say "$1: done in $SECONDS s"
        fi
        exec 9>&-
    fi
    printf '%s\n' "$final${3:+/$3}"
}

# test_workers: how many tests run at once. More than there are processors, since most tests wait: for servers, clocks and timeouts.
test_workers() { printf '%s\n' "${PAKHUS_TEST_WORKERS:-$(($(nproc) * 2))}"; }

# in_parallel COUNT FUNCTION ARGUMENT...: calls FUNCTION once for each ARGUMENT, in subshells, COUNT of them at once.
# Fails if one of the calls failed; failed_calls is then how many.
in_parallel() {
    local at_once=$(($1 > 0 ? $1 : 1)) function=$2 running=0 argument
    failed_calls=0
    for argument in "${@:3}"; do
        if [ "$running" = "$at_once" ]; then wait -n || failed_calls=$((failed_calls + 1)); else running=$((running + 1)); fi
        "$function" "$argument" &
    done
    while [ "$running" -gt 0 ]; do
        wait -n || failed_calls=$((failed_calls + 1))
        running=$((running - 1))
    done
    [ "$failed_calls" = 0 ]
}

# closing_line PASSED FAILED SKIPPED: the line that CI reads. As a part of `make test`, which closes with the sum of all
# parts, the numbers go to the file $PAKHUS_TEST_RESULTS instead (scripts/run-tests).
closing_line() {
    local line="$1 passed, $2 failed"
    [ "$3" = 0 ] || line+=", $3 skipped"
    if [ "${PAKHUS_TEST_RESULTS:-}" ]; then
        printf '%s %s %s\n' "$1" "$2" "$3" >"$PAKHUS_TEST_RESULTS"
    else
        printf '%s\n' "$line"
    fi
}
