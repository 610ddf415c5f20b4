#!/usr/bin/env python3
"""Computes the known answers of the AES memory-encryption engines, apart from the Java code.

    python3 bundles/org.redoubt.testkit/src/test/vectors/known_answers.py            writes the files
    python3 bundles/org.redoubt.testkit/src/test/vectors/known_answers.py --check    compares them

AES-128 comes from the command "openssl enc -aes-128-ecb -nopad -K <key>", XTS-AES-256 from
EVP_aes_256_xts of OpenSSL's libcrypto (the openssl command itself refuses XTS), the constants of
the tweak from Python's hashlib. What IEEE 1619 prints for its vectors is compared here.
"""
import ctypes
import hashlib
import pathlib
import subprocess
import sys

TARGET = pathlib.Path(__file__).parents[1] / ".." / "main" / "resources" / "org" / "redoubt" / "testkit" / "encryption"

COMMAND = "python3 bundles/org.redoubt.testkit/src/test/vectors/known_answers.py"


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def tweak(spa, narrow):
    result = bytes(16)
    for bit in range(4, 52):
        if spa >> bit & 1:
            constant = hashlib.sha256(b"Redoubt memory tweak, address bit %d" % bit).digest()
            constant = bytearray(constant[:4] * 4 if narrow else constant[:16])
            for top in (3, 7, 11, 15) if narrow else (7, 15):
                constant[top] &= 0x7F
            result = xor(result, constant)
    return result


def aes_128_ecb(key, data):
    command = ["openssl", "enc", "-aes-128-ecb", "-nopad", "-K", key.hex()]
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def xe(key, spa, plain, narrow, after):
    tweaks = b"".join(tweak(spa + i, narrow) for i in range(0, len(plain), 16))
    out = aes_128_ecb(key, xor(plain, tweaks))
    return xor(out, tweaks) if after else out


def libcrypto_xts(key, data_unit, plain):
    """One data unit from its first block on, by OpenSSL."""
    lib = ctypes.CDLL("libcrypto.so.3")
    for name in ("EVP_CIPHER_CTX_new", "EVP_aes_256_xts"):
        getattr(lib, name).restype = ctypes.c_void_p
    context = ctypes.c_void_p(lib.EVP_CIPHER_CTX_new())
    kind = ctypes.c_void_p(lib.EVP_aes_256_xts())
    out = ctypes.create_string_buffer(len(plain))
    length = ctypes.c_int()
    iv = data_unit.to_bytes(16, "little")
    assert lib.EVP_EncryptInit_ex(context, kind, None, key, iv) == 1
    assert lib.EVP_EncryptUpdate(context, out, ctypes.byref(length), plain, len(plain)) == 1
    assert length.value == len(plain)
    lib.EVP_CIPHER_CTX_free(context)
    return out.raw


def xts(key, spa, plain):
    """Data units are pages; a run may begin and end anywhere in one."""
    out = b""
    while plain:
        offset = spa % 4096
        run = plain[: 4096 - offset]
        out += libcrypto_xts(key, spa // 4096, bytes(offset) + run)[offset:]
        spa, plain = spa + len(run), plain[len(run) :]
    return out


def pattern(length, seed):
    """Bytes that repeat in no period of interest: SHA-256 in counter mode over a label."""
    blocks = (hashlib.sha256(b"%s %d" % (seed, i)).digest() for i in range(length // 32 + 1))
    return b"".join(blocks)[:length]


# (what it shows, spa, length)
RUNS = [
    ("one block at address 0, where the linear tweak is 0", 0, 16),
    ("the lowest address bit", 0x10, 16),
    ("the highest block of a page", 0xFF0, 16),
    ("the lowest bit of the page's number", 0x1000, 16),
    ("the highest address bit", 1 << 51, 16),
    ("the last block of the address space", (1 << 52) - 16, 16),
    ("bits here and there", 0x123456789A0, 48),
    ("a run across a page's end", 0x7FFFFFE0, 64),
    ("a page", 0xABCDEF000, 4096),
]

# IEEE 1619-2007, Annex B, XTS-AES-256 vectors: number, data unit, first 32 and last 16 bytes of the 512 printed.
IEEE_KEY = bytes.fromhex(
    "2718281828459045235360287471352662497757247093699959574966967627"
    "3141592653589793238462643383279502884197169399375105820974944592"
)
IEEE = [
    (10, 0xFF, "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b", "c4f36ffda9fcea70b9c6e693e148c151"),
    (11, 0xFFFF, "77a31251618a15e6b92d1d66dffe7b50b50bad552305ba0217a610688eff7e11", "a4f9e27b42af8100cb9d59cef9645803"),
    (12, 0xFFFFFF, "e387aaa58ba483afa7e8eb469778317ecf4cf573aa9d4eac23f2cdf914e4e200", "2263a1eef52dd6888c309f5a7d712826"),
    (13, 0xFFFFFFFF, "bf53d2dade78e822a4d949a9bc6766b01b06a8ef70d26748c6a7fc36d80ae4c5", "4c82f335abb152c4a93411373aaa8220"),
    (14, 0xFFFFFFFFFF, "64497e5a831e4a932c09be3e5393376daa599548b816031d224bbf50a818ed23", "d609d273ad5b0d59631c531f6a0a57b9"),
]


def wrapped(data):
    text = data.hex()
    return "\n  ".join(text[i : i + 96] for i in range(0, len(text), 96))


def answer(name, key, spa, plain, cipher):
    return f"name = {name}\nkey = {wrapped(key)}\nspa = {spa:x}\nplain = {wrapped(plain)}\ncipher = {wrapped(cipher)}\n"


def document(engine, sources, answers):
    head = [f"# Known answers of {engine}. Numbers in hexadecimal; a line that begins with blanks continues the one before."]
    head += [f"# SOURCE: {source}" for source in sources]
    head += [f"# Made by: {COMMAND}"]
    return "\n".join(head) + "\n\n" + "\n".join(answers)


def linear(engine, narrow, after):
    key = pattern(16, engine.encode() + b" key")
    answers = []
    for name, spa, length in RUNS:
        plain = pattern(length, b"%s plain %x" % (engine.encode(), spa))
        answers.append(answer(name, key, spa, plain, xe(key, spa, plain, narrow, after)))
    source = f"AES by `openssl enc -aes-128-ecb -nopad -K {key.hex()}`, tweak constants by Python's hashlib.sha256"
    return document(engine, [source], answers)


def xts_document():
    answers = []
    counting = bytes(range(256)) * 2
    for number, unit, head, tail in IEEE:
        cipher = xts(IEEE_KEY, unit * 4096, counting)
        assert cipher.hex().startswith(head) and cipher.hex().endswith(tail), number
        answers.append(answer(f"IEEE 1619-2007 vector {number}", IEEE_KEY, unit * 4096, counting, cipher))
    key = pattern(64, b"aes-256-xts key")
    for name, spa, length in RUNS:
        plain = pattern(length, b"aes-256-xts plain %x" % spa)
        answers.append(answer(name, key, spa, plain, xts(key, spa, plain)))
    sources = [
        "IEEE 1619-2007, Annex B, vectors 10 to 14 (XTS-AES-256): the start of data unit n is at spa 4096 n",
        "the others: EVP_aes_256_xts of OpenSSL's libcrypto.so.3, one data unit per page of 4,096 bytes, tweak = page number",
    ]
    return document("aes-256-xts", sources, answers)


def main():
    documents = {
        "aes-128-xex": linear("aes-128-xex", narrow=False, after=True),
        "aes-128-xe": linear("aes-128-xe", narrow=True, after=False),
        "aes-256-xts": xts_document(),
    }
    wrong = 0
    for engine, text in documents.items():
        file = TARGET.resolve() / f"{engine}.txt"
        if "--check" in sys.argv:
            same = file.read_text() == text
            print(f"{engine}: {'as computed' if same else 'DIFFERS from what was computed'}")
            wrong += not same
        else:
            file.write_text(text)
            print(f"wrote {file}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
