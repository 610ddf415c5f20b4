#!/usr/bin/env python3
"""Compares the AES engines with OpenSSL, alternating in one run, one thread each.

    mvn -q test-compile -pl bundles/org.redoubt.encryption.aes -am
    python3 bundles/org.redoubt.encryption.aes/src/test/bench/compare-with-openssl.py [ROUNDS]

In each round come openssl, each engine, and openssl again, for encryption and then for decryption;
an engine is compared with the mean of the two openssl runs around it. The table shows medians over
the rounds, and the least and greatest ratio. Both sides count processor time, and pages of 4,096
bytes stay in the first-level cache.
"""
import pathlib
import re
import statistics
import subprocess
import sys

BUNDLES = pathlib.Path(__file__).resolve().parents[4]
PARTS = [
    "org.redoubt.api/target/classes",
    "org.redoubt.crypto/target/classes",
    "org.redoubt.encryption.aes/target/classes",
    "org.redoubt.encryption.aes/target/test-classes",
]
OPENSSL = "aes-128-xts"
ENGINES = ["aes-128-xex", "aes-128-xe", "aes-256-xts"]
WANTED = {("aes-128-xex", "encrypt"): 1.7, ("aes-128-xex", "decrypt"): 1.5}


def find_java():
    """A java of version 25 or newer: on the path, or where Debian puts them."""
    for java in ["java", *sorted(map(str, pathlib.Path("/usr/lib/jvm").glob("*/bin/java")))]:
        try:
            said = subprocess.run([java, "-version"], capture_output=True, text=True).stderr
        except OSError:
            continue
        version = re.search(r'version "(\d+)', said)
        if version and int(version.group(1)) >= 25:
            return java
    sys.exit("No JDK 25 or newer was found")


def openssl(direction):
    command = ["openssl", "speed", "-evp", OPENSSL, "-bytes", "4096", "-seconds", "1"]
    if direction == "decrypt":
        command.append("-decrypt")
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(re.search(r"([\d.]+)k\s*$", out.strip()).group(1)) * 1000


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    path = ":".join(str(BUNDLES / part) for part in PARTS)
    java = subprocess.Popen(
        [find_java(), "--enable-native-access=ALL-UNNAMED", "-cp", path, "org.redoubt.encryption.aes.bench.PairedSpeed"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def engine(name, direction, seconds=1):
        print(name, direction, seconds, file=java.stdin, flush=True)
        return float(java.stdout.readline())

    for name in ENGINES:
        for direction in ("encrypt", "decrypt"):
            engine(name, direction, 0.5)  # warm-up
    speeds = {}
    for _ in range(rounds):
        for direction in ("encrypt", "decrypt"):
            before = openssl(direction)
            for name in ENGINES:
                mine = engine(name, direction)
                after = openssl(direction)
                speeds.setdefault((name, direction), []).append((mine, (before + after) / 2))
                before = after
    java.stdin.close()
    java.wait()

    print(f"| GB/s, pages of 4 KiB, median of {rounds} | engine | openssl {OPENSSL} | ratio | least to greatest | wanted |")
    print("|---|---|---|---|---|---|")
    for (name, direction), pairs in speeds.items():
        ratios = [mine / other for mine, other in pairs]
        wanted = WANTED.get((name, direction))
        print(
            f"| `{name}` {direction} | {statistics.median(m for m, _ in pairs) / 1e9:.1f}"
            f" | {statistics.median(o for _, o in pairs) / 1e9:.1f} | {statistics.median(ratios):.2f}"
            f" | {min(ratios):.2f} to {max(ratios):.2f} | {wanted or ''} |"
        )


if __name__ == "__main__":
    main()
