#!/usr/bin/env bash
# Installs the servers that tests marked `external` start, where they are missing (Debian, as root).
set -euo pipefail

missing=()
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || missing+=(postgresql)
command -v prometheus >/dev/null || missing+=(prometheus)
command -v chromium >/dev/null || missing+=(chromium)
command -v npm >/dev/null || missing+=(npm)

# The OpenID provider is no package of Debian's: it comes beside the tests, in a version of its own.
oidc=$(dirname "$0")/../../build/oidc
wanted=9.13.3
provider() {
  grep -q "\"version\": \"$wanted\"" "$oidc/node_modules/oidc-provider/package.json" 2>/dev/null && return
  echo "Installing oidc-provider $wanted"
  npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$oidc" "oidc-provider@$wanted" ||
    printf '\n*** NOT TESTED: oidc-provider cannot be installed here: signing in as a public client.\n\n' >&2
}
if [ ${#missing[@]} -eq 0 ]; then
  provider
  exit 0
fi

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
provider
