# shellcheck shell=bash
# The Debian packages that Pakhus needs: one table for every script. Names are those of Debian 12 and 13 and of Ubuntu 24.04.
# In scripts/install an entry "command:package" is needed only where no such command is installed, by whatever means.

# shellcheck disable=SC2034  # read by the scripts that source this file
BUILD=(gcc make pkg-config libcurl4-openssl-dev libjansson-dev libssl-dev libmicrohttpd-dev libzstd-dev liblzma-dev zlib1g-dev)
RUN=(curl)
PACKAGE=(zip)
IMAGE=(ca-certificates)
UNIT=(libcmocka-dev)
NGINX=(nginx-dev)
TEST=(aria2 g++ nginx-extras varnish apksigner aapt zipalign wrk python3-venv ca-certificates curl xz-utils unzip openssl qemu-user-static bsdiff xdelta3 zstd
    npm:npm mvn:maven javac:default-jdk-headless)
# Where nothing tells the address of "localhost": a root that debootstrap made has no /etc/hosts.
TEST_NAMES=(libnss-myhostname)
# For make clients; a client that is not there is left out of the table.
CLIENTS=(axel wget wget2 lftp rclone httpie golang-go)
# For make stores: Ceph's S3 server and what it keeps its objects in. Not in `test`: 55 packages.
CEPH=(radosgw ceph-mon ceph-osd ceph-common)
CHECK=(clang clang-format clang-tidy shellcheck git)

# Installed where the distribution has them. Their tests are skipped, with the reason, where it does not.
TEST_OPTIONAL=(trafficserver trafficserver-experimental-plugins)
CHECK_OPTIONAL=(libclang-rt-dev)

# For scripts/static-libs: its tools, and the -dev packages whose .a files go into the static programs. It unpacks the latter and
# does not install them.
STATIC_TOOLS=(gcc make dpkg-dev patch xz-utils libc6-dev)
STATIC_LIBRARIES=(libssl-dev libc-ares-dev libjansson-dev libzstd-dev liblzma-dev zlib1g-dev)

# static_packages x86_64|aarch64: the packages to install for that architecture's static libraries
static_packages() {
    case $1 in
    "$(uname -m)") printf '%s\n' "${STATIC_TOOLS[@]}" ;;
    x86_64) printf '%s\n' "${STATIC_TOOLS[@]}" gcc-x86-64-linux-gnu libc6-dev-amd64-cross ;;
    aarch64) printf '%s\n' "${STATIC_TOOLS[@]}" gcc-aarch64-linux-gnu libc6-dev-arm64-cross ;;
    esac
}
