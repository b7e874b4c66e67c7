#!/usr/bin/env bash
# deps.sh: installs what Trommel needs to be built, run and tested on Debian (bookworm or newer).
#
#   pipeline/deps.sh [build|test|lint|all]     default: test
#
# Does nothing for what is there already and says what it does.  Works as root or through sudo.  Changes
# no system source list: lexbor, which bookworm lacks, is fetched through apt with a private configuration
# (own sources, state and cache in a temporary folder; signatures checked against the Debian keyring) from
# the mirror that the system's own sources name.
set -euo pipefail

what=${1:-test}
lexbor_suite=${LEXBOR_SUITE:-forky}

build="gcc g++ make pkg-config libuv1-dev libcurl4-openssl-dev libdeflate-dev zlib1g-dev libbrotli-dev libzstd-dev
       libxxhash-dev libuchardet-dev libcld2-dev libpsl-dev libjansson-dev libfyaml-dev librocksdb-dev
       libseccomp-dev libssl-dev"
tests="libcmocka-dev valgrind nginx-light zstd python3 python3-dev python3-venv
       python3-setuptools python3-wheel python3-msgpack python3-jsonschema file gzip brotli jq curl wget
       wget2 wget2-dev httrack libhttrack-dev"
lint="clang-format-14 clang-14 libclang-rt-14-dev clang-tidy-14 shellcheck mandoc"

case $what in
build) want=$build ;;
test) want="$build $tests" ;;
lint) want=$lint ;;
all) want="$build $tests $lint" ;;
*) echo "deps: $what: is none of build, test, lint, all" >&2; exit 2 ;;
esac

say() { echo "deps: $*"; }
die() { echo "deps: $*" >&2; exit 3; }
have() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q '^install ok installed'; }

command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
    die "this is no Debian system (no apt-get); install the packages named in pipeline/deps.sh by your own means"

if [ "$(id -u)" = 0 ]; then
    as_root() { "$@"; }
elif command -v sudo >/dev/null; then
    as_root() { sudo -- "$@"; }
else
    as_root() { die "packages are missing and this user may not install them; run as root or install sudo"; }
fi
install_packages() {
    as_root env DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
        install -y --no-install-recommends "$@" </dev/null >/dev/null
}
updated=
update() {
    [ -z "$updated" ] || return 0
    say "reading the package lists"
    as_root apt-get -qq -o DPkg::Lock::Timeout=300 update </dev/null
    updated=yes
}

missing=()
for p in $want; do have "$p" || missing+=("$p"); done
# the examples of plugin/embed/stream; they may be there without Debian's packages
if [ "$what" = test ] || [ "$what" = all ]; then
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
    command -v go >/dev/null || missing+=(golang-go)
fi
# msgpack-c has had two names
if [ "$what" != lint ] && ! have libmsgpack-c-dev && ! have libmsgpack-dev; then
    update
    if apt-cache policy libmsgpack-c-dev | grep -q 'Candidate: [0-9]'; then missing+=(libmsgpack-c-dev); else missing+=(libmsgpack-dev); fi
fi
if [ ${#missing[@]} -gt 0 ]; then
    update
    say "installing ${missing[*]}"
    install_packages "${missing[@]}"
fi

# lexbor: the system's own where it has one, else from a newer Debian, only its two packages
lexbor() {
    local dir mirror lib own
    if apt-cache policy liblexbor-dev | grep -q 'Candidate: [0-9]'; then
        say "installing liblexbor-dev"
        install_packages liblexbor-dev
        return
    fi
    dir=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder of now
    trap "rm -rf '$dir'" EXIT
    chmod 755 "$dir"
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sed -n 1p)
    [ -n "$mirror" ] || die "apt's sources name no Debian mirror; add one, or install liblexbor-dev 2.4 or newer yourself"
    [ -r /usr/share/keyrings/debian-archive-keyring.gpg ] || install_packages debian-archive-keyring
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $lexbor_suite main" >"$dir/list"
    own=(-qq -o Dir::Etc::sourcelist="$dir/list" -o Dir::Etc::sourceparts=- -o Dir::State="$dir" -o Dir::Cache="$dir/cache"
         -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::AllowInsecureRepositories=false)
    say "fetching liblexbor-dev from Debian $lexbor_suite (the system's sources stay as they are)"
    apt-get "${own[@]}" update </dev/null
    lib=$(apt-cache "${own[@]}" depends liblexbor-dev | sed -n 's/^ *Depends: \(liblexbor[0-9][^ ]*\)$/\1/p')
    (cd "$dir" && apt-get "${own[@]}" download liblexbor-dev "$lib")
    say "installing liblexbor-dev and $lib"
    install_packages "$dir"/*.deb
}
if [ "$what" != lint ] && ! have liblexbor-dev; then
    update
    lexbor
fi
say "all there ($what)"
