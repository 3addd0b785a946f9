# Sourced by serve and test: finds or makes the virtual environment, and leaves its interpreter in $python.
#
#   ensure_venv EXTRAS [OPTION ...]    EXTRAS as pip takes them, such as "demo" or "test,lint"; pip's OPTIONs
#
# The environment is .venv where this user owns it, or where it is up to date; else (a checkout that root
# prepared and a plain user starts, or the reverse) one of the user's own in the cache folder.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

fail() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# What an environment must have been made from, to be up to date.
wanted_stamp() {
    cat "$root/pyproject.toml" "$root/constraints.txt" | cksum
    echo "$root"
}

# up_to_date VENV EXTRAS
up_to_date() {
    [ -x "$1/bin/python" ] && [ -r "$1/stamp.$2" ] && [ "$(cat "$1/stamp.$2")" = "$stamp" ] &&
        "$1/bin/python" -c "" 2>/dev/null
}

find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11 python3.14; do
        if "$candidate" -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# Runs a command that ends with us.
run() {
    "$@" &
    local child=$!
    trap 'kill "$child" 2>/dev/null; wait "$child" 2>/dev/null; exit 130' INT TERM HUP
    local status=0
    wait "$child" || status=$?
    trap - INT TERM HUP
    return $status
}

# install VENV EXTRAS [OPTION ...]
install() {
    local base old
    if ! "$1/bin/python" -c "" 2>/dev/null; then
        base=$(find_python) || fail "Python 3.11 or later is needed"
        "$base" -c "import venv, ensurepip" 2>/dev/null ||
            fail "Python's venv module is missing: install it first (Debian: apt-get install python3-venv)"
        echo "Making $1 ..."
        mkdir -p "$(dirname "$1")" || fail "cannot make $(dirname "$1")"
        run "$base" -m venv --clear "$1" || fail "cannot make $1"
    fi
    echo "Installing the dependencies (a minute or two, once) ..."
    for old in "$1"/stamp.*; do
        [ "$(cat "$old" 2>/dev/null)" = "$stamp" ] || rm -f "$old"
    done
    (cd "$root" && run "$1/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
        --root-user-action=ignore "${@:3}" -c constraints.txt -e ".[$2]") || fail "cannot install the dependencies"
    echo "$stamp" >"$1/stamp.$2"
}

ensure_venv() {
    local extras=$1 venv=$root/.venv stamp
    stamp=$(wanted_stamp)
    if ! up_to_date "$venv" "$extras"; then
        if { [ -e "$venv" ] && [ ! -O "$venv" ]; } || { [ ! -e "$venv" ] && [ ! -w "$root" ]; }; then
            venv=${XDG_CACHE_HOME:-${HOME:?}/.cache}/canvas_channels/$(echo "$root" | cksum | tr ' ' -)
        fi
        if ! up_to_date "$venv" "$extras"; then
            mkdir -p "$(dirname "$venv")" || fail "cannot make $(dirname "$venv")"
            exec 9>"$venv.lock" || fail "cannot write to $(dirname "$venv")"
            if command -v flock >/dev/null; then # two starts at once install once
                flock 9
            fi
            up_to_date "$venv" "$extras" || install "$venv" "$extras" "${@:2}"
            exec 9>&-
        fi
    fi
    # shellcheck disable=SC2034 # for those who source this
    python=$venv/bin/python
    export PYTHONPATH=$root
}
