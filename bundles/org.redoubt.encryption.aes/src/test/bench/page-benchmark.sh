#!/bin/sh
# page-benchmark.sh [JMH OPTIONS]: the JMH benchmark of one page, after `mvn test-compile` of this bundle and what it needs.
#   page-benchmark.sh -p engine=aes-128-xex -p workingSetKiB=524288        a fill against a plain copy over 512 MiB
set -eu
bundles=$(cd "$(dirname "$0")/../../../.." && pwd)
repository=${MAVEN_REPOSITORY:-$HOME/.m2/repository}
jar() { find "$repository/$1" -name "$2-[0-9]*.jar" ! -name '*-sources.jar' | sort | tail -1; }
java=$(ls -d "${JAVA_HOME:-/none}/bin/java" /usr/lib/jvm/*25*/bin/java 2>/dev/null | tail -1)
path=$bundles/org.redoubt.api/target/classes:$bundles/org.redoubt.crypto/target/classes
path=$path:$bundles/org.redoubt.encryption.aes/target/classes:$bundles/org.redoubt.encryption.aes/target/test-classes
path=$path:$(jar org/openjdk/jmh/jmh-core jmh-core):$(jar net/sf/jopt-simple/jopt-simple jopt-simple)
path=$path:$(jar org/apache/commons/commons-math3 commons-math3)
exec "$java" -cp "$path" org.openjdk.jmh.Main PageBenchmark "$@"
