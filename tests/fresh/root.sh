# shellcheck shell=bash
# For tests/fresh/run: minimal roots of Debian and Ubuntu, and commands in them. Nothing is mounted outside the namespaces of the commands.

# Read by the clients of package registries, where this machine has them.
CLIENT_FILES=(/etc/pip.conf /etc/npmrc /etc/maven/settings.xml)
CLIENT_VARIABLES='^(PIP_|NPM_CONFIG_|GOPROXY|GOSUMDB|SSL_CERT_FILE|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|NODE_EXTRA_CA_CERTS|https?_proxy|HTTPS?_PROXY)'
CERTIFICATES=/etc/machine-certificates.pem # of SSL_CERT_FILE, in a place that the package ca-certificates does not write to

# mirrors: the machine's own, of its own release
mirrors() {
    # shellcheck disable=SC2016  # apt's variables, not the shell's
    apt-get indextargets --no-release-info --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
        sed -n "s/^$(debian_codename) //p" | sort -u
}

UBUNTU=http://archive.ubuntu.com/ubuntu
is_ubuntu() { [[ $1 = jammy || $1 = noble ]]; }

# bootstrap SUITE ROOT: of Ubuntu unchecked, since Debian has no keyring of its archive; apt in the root checks all that follows
bootstrap() {
    local suite=$1 root=$2 mirror
    if is_ubuntu "$suite"; then
        debootstrap --variant=minbase --no-check-gpg --components=main,universe "$suite" "$root" "$UBUNTU" /usr/share/debootstrap/scripts/gutsy
        return
    fi
    while read -r mirror; do
        debootstrap --variant=minbase "$suite" "$root" "$mirror" && return
        rm -rf "$root"
    done < <(mirrors)
    return 1
}

# make_root SUITE ROOT: what an installer leaves, and git, make and sudo. There are no package lists, as in an image.
make_root() {
    local suite=$1 root=$2
    bootstrap "$suite" "$root" || return
    copy_apt "$suite" "$root"
    in_root "$root" root / apt-get -qq update
    in_root "$root" root / env DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends git make sudo
    rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/archives/*.deb
}

# apt_sources SUITE ROOT: this machine's sources, of another release; Ubuntu's as its installer writes them
apt_sources() {
    local suite=$1 root=$2 file
    rm -f "$root/etc/apt/sources.list"
    if is_ubuntu "$suite"; then
        printf "deb $UBUNTU %s main universe\n" "$suite" "$suite-updates" "$suite-security" >"$root/etc/apt/sources.list.d/ubuntu.list"
        return
    fi
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources}; do
        [ ! -e "$file" ] || sed "s/\b$(debian_codename)\b/$suite/g" "$file" >"$root/etc/apt/sources.list.d/${file##*/}"
    done
    cp -rn /etc/apt/keyrings /etc/apt/trusted.gpg.d "$root/etc/apt/" 2>/dev/null || true
    cp -n /usr/share/keyrings/debian-archive-* "$root/usr/share/keyrings/"
}

# copy_apt SUITE ROOT: the sources, and this machine's proxies and certificates
copy_apt() {
    local suite=$1 root=$2 file
    apt_sources "$suite" "$root"
    for file in /etc/apt/apt.conf /etc/apt/apt.conf.d/*; do
        if grep -qsE '^ *Acquire' "$file"; then cp "$file" "$root/etc/apt/apt.conf.d/"; fi
    done
    cp -r /etc/apt/auth.conf.d "$root/etc/apt/" 2>/dev/null || true
    cp /etc/resolv.conf "$root/etc/"
    cp "${SSL_CERT_FILE:-/dev/null}" "$root$CERTIFICATES"
    mkdir -p "$root/usr/local/share/ca-certificates" # from here Debian's packages take them, those of Java's too
    cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/" 2>/dev/null || true
    for file in "${CLIENT_FILES[@]}"; do
        [ -f "$file" ] || continue
        mkdir -p "$root${file%/*}"
        sed -E "s,^( *(cafile|cert) *= *).*,\\1$CERTIFICATES," "$file" >"$root$file"
    done
}

# in_root ROOT PERSON FOLDER COMMAND...: with processes and mounts of its own, which end with it; OFFLINE=1: and no network
in_root() {
    local root=$1 person=$2 folder=$3 home variables
    shift 3
    home=$(chroot "$root" getent passwd "$person" | cut -d: -f6)
    mapfile -t variables < <(env | grep -E "$CLIENT_VARIABLES" | sed -E "s,^([A-Z_]*(CERT|CERTS|BUNDLE|CERT_FILE))=.*,\1=$CERTIFICATES,")
    # shellcheck disable=SC2016  # for the inner shell
    unshare --mount --pid --fork --kill-child ${OFFLINE:+--net} bash -c '
        root=$1 person=$2 folder=$3
        shift 3
        # "/" is to be a mount there, as on a machine, and the shell stays, to be the init that reaps orphans
        mount --make-rprivate / && mount --bind "$root" "$root" && cd "$root" &&
            mount -t proc proc "$root/proc" && mount --bind /sys "$root/sys" && mount --rbind /dev "$root/dev" || exit
        chroot "$root" /usr/sbin/runuser -u "$person" -- env -C "$folder" "$@"
        exit $?' in_root \
        "$root" "$person" "$folder" env -i HOME="$home" USER="$person" TERM=dumb LANG=C.UTF-8 \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "${variables[@]}" "$@"
}

# shellcheck disable=SC2153  # common.sh's ROOT
# add_checkout ROOT PERSON FOLDER: a clone of HEAD
add_checkout() {
    git clone -q --no-local "$ROOT" "$1$3"
    chroot "$1" chown -R "$2:" "$3"
}
