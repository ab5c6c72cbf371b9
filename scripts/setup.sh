#!/usr/bin/env bash
# Everything that `make demo` and `make test` need: the locked environment in .venv, Java, and the jars in .cache/jars.
# Takes a moment when all of it is there, and then needs no network. With the argument "tests" also Chromium.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
here=$PWD
stamp=.venv/.soundgate-setup

# The system's own certificates, where it has any: behind a company's proxy, only they know it.
certificates=/etc/ssl/certs/ca-certificates.crt
[ ! -f "$certificates" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$certificates}" PIP_CERT="${PIP_CERT:-$certificates}"

say() { printf 'setup: %s\n' "$*" >&2; }
fail() {
    say "$*"
    exit 2
}

install_by_apt() { # packages; false where we may not or cannot
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    say "apt-get install $*"
    apt_install "$@" >.cache/apt.log 2>&1 || { # Perhaps the package lists are old, or not there yet.
        apt update >>.cache/apt.log 2>&1 && apt_install "$@" >>.cache/apt.log 2>&1
    } || {
        tail -n 5 .cache/apt.log >&2
        return 1
    }
}
apt_install() { apt install -y --no-install-recommends "$@"; }
apt() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" </dev/null; }

find_python() { # prints the path of a Python that the lock is made for
    local name
    for name in python3.11 python3.12 python3.13 python3; do
        "$name" -c 'import sys; assert (3, 11) <= sys.version_info[:2] <= (3, 13); print(sys.executable)' 2>/dev/null &&
            return
    done
    return 1
}

knows_our_options() { # an old uv has no --build-constraints, and ends with a usage message in the midst of the set-up
    "$1" pip install --help 2>/dev/null | grep -q -e --build-constraints
}

ensure_uv() { # sets $uv: the one on PATH, else a pinned one in .cache/uv
    local python=$1 version
    uv=$(command -v uv || true)
    if [ -n "$uv" ]; then
        ! knows_our_options "$uv" || return 0
        say "$uv is too old"
    fi
    uv=$here/.cache/uv/bin/uv
    ! "$uv" --version >/dev/null 2>&1 || return 0
    say "uv into .cache/uv"
    rm -rf .cache/uv
    if ! "$python" -m venv .cache/uv >/dev/null 2>&1; then # Debian keeps a part of venv in a package of its own
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        install_by_apt "python$version-venv" && "$python" -m venv --clear .cache/uv ||
            fail "Python cannot make virtual environments here: apt-get install python$version-venv, or put uv on PATH"
    fi
    .cache/uv/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes \
        --requirement scripts/uv-requirements.lock || fail "uv could not be installed: is a package index within reach?"
}

environment_inputs() { # names what .venv is made from, and where
    (printf '%s\n' "$here" && cat requirements.lock pyproject.toml scripts/setup.sh) | sha256sum
}

environment_is_current() {
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(environment_inputs)" ] && .venv/bin/python -c '' 2>/dev/null
}

ensure_environment() {
    local python
    ! environment_is_current || return 0
    python=$(find_python) || fail "Python 3.11, 3.12 or 3.13 is needed: apt-get install python3.11 python3.11-venv" \
        "(where the system's python3 is older, from a newer release or a package source that has one)"
    ensure_uv "$python"
    say "the locked environment into .venv"
    # One that was moved here has scripts that point elsewhere.
    .venv/bin/python -c '' 2>/dev/null && grep -qsF "$here/.venv" .venv/bin/activate ||
        "$uv" venv --quiet --clear --no-python-downloads --python "$python" .venv
    # Every package is a wheel but pyspark, which is published as source alone: the locked setuptools builds it.
    "$uv" pip sync --quiet --python .venv/bin/python --require-hashes --build-constraints requirements.lock \
        --only-binary :all: --no-binary pyspark requirements.lock
    "$uv" pip install --quiet --python .venv/bin/python --offline --no-deps --no-build-isolation --editable .
    environment_inputs >"$stamp"
}

ensure_pesq() { # builds the one package that has no wheel, where that can be done; `soundgate quality` says so else
    local python=.venv/bin/python failed=.venv/.soundgate-no-pesq
    ! "$python" -c 'from importlib.util import find_spec; assert find_spec("pesq")' 2>/dev/null || return 0
    if ! command -v gcc >/dev/null; then
        [ -f "$failed" ] || say "without gcc there is no PESQ; all else is there"
        : >"$failed" # told once, and tried as soon as there is one
        return 0
    fi
    [ "$(cat "$failed" 2>/dev/null)" != "$(environment_inputs)" ] || return 0 # tried once for an environment
    ensure_uv "$python"
    say "PESQ, by gcc"
    if ! "$uv" pip install --quiet --python "$python" --no-deps --require-hashes --no-binary pesq \
        --build-constraints scripts/pesq-requirements.lock --build-constraints requirements.lock \
        --requirement <(sed -n '/^pesq==/,$p' scripts/pesq-requirements.lock) 2>.cache/pesq.log; then
        say "PESQ could not be built (.cache/pesq.log says why); all else is there"
        environment_inputs >"$failed"
    fi
}

java_major() { # prints 17 for the Java that Spark would start; nothing where there is none
    "${JAVA_HOME:+$JAVA_HOME/bin/}java" -version 2>&1 | sed -n 's/.*version "\(1\.\)\{0,1\}\([0-9]*\).*/\2/p' | head -n 1
}

ensure_java() {
    [[ $(java_major) =~ ^(17|21)$ ]] && return
    [ -z "${JAVA_HOME:-}" ] || [ -x "$JAVA_HOME/bin/java" ] ||
        fail "there is no Java in JAVA_HOME=$JAVA_HOME: unset it, or set it to a Java 17 or 21"
    [ -n "$(java_major)" ] || install_by_apt openjdk-17-jre-headless || install_by_apt openjdk-21-jre-headless || true
    [[ $(java_major) =~ ^(17|21)$ ]] && return
    fail "Java 17 or 21 is needed (found: $(java_major | grep . || echo none)):" \
        "apt-get install openjdk-17-jre-headless, or set JAVA_HOME to one"
}

ensure_chromium() { # the page's tests drive it; without it they are skipped, and all else runs
    ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null || return 0
    install_by_apt chromium ||
        say "there is no Chromium, so the tests of soundgate browse will be skipped: apt-get install chromium"
}

compile_kernels() { # else the first process of the tests does, and those that wait for it run into their time limits
    .venv/bin/python -c 'import udfs.kernels, udfs.code_kernels, udfs.postings, udfs.triads'
}

main() { # with "tests", what only they need is set up as well
    mkdir -p .cache
    ensure_environment
    ensure_pesq
    ensure_java
    .venv/bin/python scripts/fetch_jars.py
    if [ "${1:-}" = tests ]; then
        ensure_chromium
        compile_kernels
    fi
}

[ "${BASH_SOURCE[0]}" != "$0" ] || main "$@" # the tests call the functions one by one
