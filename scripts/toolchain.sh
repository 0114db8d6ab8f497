# Sourced by ./run and ./test: what a build needs, installed where it is missing and this user may, and how cargo is
# called, so that both share one build: the same profile, the same features, the same place.
#
# Sets CARGO_TARGET_DIR (unless it is set), and the arrays CARGO_FLAGS and LAKE_CACHE for the caller.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
LAKE_CACHE=${XDG_CACHE_HOME:-${HOME:?}/.cache}/twinlake

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Debian's packages by what they are needed for.
missing_packages() {
    have g++ || echo g++
    have clang || echo clang
    # bindgen loads libclang while RocksDB's bindings are made.
    if [ -z "${LIBCLANG_PATH:-}" ] && ! compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null &&
        ! compgen -G '/usr/lib*/libclang*.so*' >/dev/null; then
        echo libclang-dev
    fi
    if [ "${1:-}" = python ]; then
        have python3 && python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
        # A real OpenID provider, which tests log in at.
        have node || echo nodejs
        have npm || echo npm
        # A real directory.
        [ -x /usr/sbin/slapd ] || echo slapd
    fi
}

# need_toolchain [python]: ends with a clear message where something is missing and cannot be installed.
need_toolchain() {
    have cargo || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    have git || die "git is missing"
    have cargo && have rustc || die "Rust is missing: https://rustup.rs installs it"
    local packages
    packages=$(missing_packages "${1:-}" | tr '\n' ' ')
    [ -n "${packages// /}" ] || return 0
    have apt-get || die "these packages (by their names in Debian) are missing: $packages"
    if [ "$(id -u)" != 0 ]; then
        have sudo || die "these packages are missing, and only root can install them: apt-get install $packages"
    fi
    # shellcheck disable=SC2086 # one word per package
    install_packages $packages || die "apt-get could not install: $packages"
}

# install_packages PACKAGE…: by apt-get, as root.
install_packages() {
    local sudo=()
    [ "$(id -u)" = 0 ] || sudo=(sudo)
    say "installing: $*"
    "${sudo[@]}" apt-get update -qq || say "the package lists could not be brought up to date"
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# Tools that people use S3 with, and the solver that proves policies, as Debian has them. Where they are missing and cannot
# be had, their tests say so and are skipped.
want_tools() {
    local packages=()
    have rclone || packages+=(rclone)
    have s3fs || packages+=(s3fs)
    have fusermount || packages+=(fuse3)
    have "${CVC5:-cvc5}" || packages+=(cvc5)
    [ ${#packages[@]} != 0 ] && have apt-get || return 0
    [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || return 0
    install_packages "${packages[@]}" || say "apt-get could not install: ${packages[*]}"
}

# Formatter and linter come with rustup's default profile, but not with its minimal one.
need_component() {
    cargo "$1" --version >/dev/null 2>&1 && return 0
    have rustup && rustup component add "$2" >&2 || die "cargo $1 is missing: rustup component add $2"
}

# One set of flags for everything: features of the whole workspace are unified, in one profile, so that RocksDB, which
# takes ten minutes, is built once.
set_cargo_flags() {
    export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$LAKE_CACHE/target}
    CARGO_FLAGS=(--release --workspace --locked --manifest-path "$root/Cargo.toml" -j "$(nproc)")
    local minor
    minor=$(rustc --version | sed -n 's/^rustc 1\.\([0-9]*\)\..*/\1/p')
    # s3s declares Rust 1.96 and builds with 1.95, from which on the workspace's own code does.
    if [ -n "$minor" ] && [ "$minor" -lt 95 ]; then
        die "Rust 1.$minor is too old: 1.95 at least (rustup update)"
    elif [ -n "$minor" ] && [ "$minor" -lt 96 ]; then
        CARGO_FLAGS+=(--ignore-rust-version)
    fi
    # Checkouts share what is built of foreign crates. Their own crates cargo tells apart by time alone: what a younger
    # checkout has built would pass for this one's.
    local built_from=$CARGO_TARGET_DIR/built-from
    if [ "$(cat "$built_from" 2>/dev/null)" != "$root" ]; then
        if [ -d "$CARGO_TARGET_DIR/release" ]; then
            cargo clean --quiet --release --workspace --manifest-path "$root/Cargo.toml"
        fi
        mkdir -p "$CARGO_TARGET_DIR"
        printf '%s\n' "$root" >"$built_from"
    fi
    if ! compgen -G "$CARGO_TARGET_DIR/release/build/librocksdb-sys-*/out/librocksdb.a" >/dev/null; then
        say "the first build compiles RocksDB: about 12 minutes on two cores, in $CARGO_TARGET_DIR"
    fi
}
