# Sourced, not run. Sets JAVA to the java command of a JDK 25 or newer: JAVA_HOME, then PATH, then where JDKs usually lie.
# Reads each JDK's release file, so that no JVM starts just to be asked. REDOUBT_JDKS=FOLDER looks there instead of where they
# usually lie.

java_major() {
  [ -x "$1/bin/java" ] && [ -r "$1/release" ] || return 1
  sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release"
}

find_jdk() {
  on_path=$(command -v java || :)
  [ -z "$on_path" ] || on_path=$(readlink -f "$on_path")
  if [ -n "${REDOUBT_JDKS:-}" ]; then
    set -- "$REDOUBT_JDKS"/*
  else
    set -- /usr/lib/jvm/* "${HOME:-}"/.sdkman/candidates/java/* "${HOME:-}"/.jdks/* /opt/jdk* \
      /Library/Java/JavaVirtualMachines/*/Contents/Home
  fi
  for home in "${JAVA_HOME:-}" "${on_path%/bin/java}" "$@"; do
    [ -n "$home" ] || continue
    major=$(java_major "$home") || continue
    if [ "${major:-0}" -ge 25 ]; then
      JAVA=$home/bin/java
      return 0
    fi
  done
  echo "redoubt: No JDK 25 found in JAVA_HOME, PATH or ${REDOUBT_JDKS:-/usr/lib/jvm}: install one, or set JAVA_HOME to it" >&2
  return 1
}
