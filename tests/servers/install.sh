#!/usr/bin/env bash
# Installs the servers that tests marked `external` start, where they are missing (Debian, as root).
set -euo pipefail

missing=()
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || missing+=(postgresql)
command -v prometheus >/dev/null || missing+=(prometheus)
command -v chromium >/dev/null || missing+=(chromium)
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  printf '\n*** NOT TESTED: %s cannot be installed here (that takes Debian and root).\n' "${missing[*]}" >&2
  printf '*** Tests marked "external" that need it are skipped; pytest lists them at its end.\n\n' >&2
  exit 0
fi

# Tests start servers of their own: the packages' services stay off.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi

echo "Installing ${missing[*]}"
log=$(mktemp)
install() {
  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
}
install >"$log" 2>&1 || { cat "$log" >&2; echo "apt-get could not install ${missing[*]}: see above" >&2; exit 1; }
rm -f "$log"
