package org.redoubt.firmware.internal.keys;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.redoubt.crypto.Certificates;
import org.redoubt.crypto.ChainReport;
import org.redoubt.crypto.ConstantTime;
import org.redoubt.crypto.InsecureSecretAccess;
import org.redoubt.crypto.Kdf;
import org.redoubt.crypto.P256Key;
import org.redoubt.crypto.P384PrivateKey;
import org.redoubt.crypto.Primitives;
import org.redoubt.crypto.RootAuthority;
import org.redoubt.crypto.SecretBytes;
import org.redoubt.spec.sev.cert.Algorithm;
import org.redoubt.spec.sev.cert.CaCertificate;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.cert.Usage;

/**
 * What is burnt into one chip, and what it keeps while the power is off: the chip-unique secret,
 * from which CEK and id follow; the root that certifies the CEK (on real hardware that is the
 * maker's key server); and the sealed platform keys.
 *
 * <p>Files in the state folder: {@code chip.secret} (32 bytes), {@code root.ark}, {@code root.ask},
 * {@code root.key}, {@code cek.cert}, {@code chain.mac} (of these four, under the chip's secret:
 * they were checked), {@code chip.counter} and {@code platform.sealed} (see {@link NonVolatile});
 * {@code lock} keeps two processes from making one chip twice. Without a folder everything is
 * forgotten. Not thread-safe, but for {@link #root()}.
 */
public final class Chip implements AutoCloseable {
  /** Bytes of the id that GET_ID gives for one socket. Source: virtee/sev, AMDESE/sev-tool. */
  public static final int ID_BYTES = 64;

  private static final int SECRET_BYTES = 32;
  private static final int ROOT_BITS = 4096;
  private static final String SECRET = "chip.secret";
  private static final String CEK_CERT = "cek.cert";
  private static final String MAKER = "maker.key";
  private static final String CHAIN_MAC = "chain.mac";
  private static final List<String> CHAIN = List.of("root.ark", "root.ask", "root.key", CEK_CERT);

  private final Optional<StateFolder> folder;
  private final SecureRandom random;
  private final SecretBytes secret;
  private final P384PrivateKey cek;
  private final FolderStore ownStore;
  private final NonVolatile nonVolatile;
  private final Object rootLock = new Object();
  private Optional<byte[]> volatileMaker = Optional.empty();
  private @Nullable RootAuthority root;
  private @Nullable SevCertificate cekCertificate;

  private Chip(Optional<StateFolder> folder, SecretBytes secret, SecureRandom random) {
    this.folder = folder;
    this.secret = secret;
    this.random = random;
    this.cek = P384PrivateKey.fromSeed(secret, "redoubt-cek");
    this.ownStore = new FolderStore(folder);
    this.nonVolatile = new NonVolatile(folder, secret, random);
  }

  /**
   * The chip whose state is in {@code path}, made there if there is none; a fresh one that forgets
   * without a path.
   *
   * @throws IOException if the folder cannot be used, or the secret in it is damaged
   */
  public static Chip open(Optional<Path> path, SecureRandom random) throws IOException {
    if (path.isEmpty()) {
      return new Chip(Optional.empty(), SecretBytes.random(SECRET_BYTES, random), random);
    }
    StateFolder folder = new StateFolder(path.get());
    byte[] secret =
        folder.alone(() -> {
          Optional<byte[]> kept = folder.read(SECRET);
          if (kept.isPresent()) {
            return kept.get();
          }
          byte[] fresh = new byte[SECRET_BYTES];
          random.nextBytes(fresh);
          folder.write(SECRET, fresh);
          return fresh;
        });
    if (secret.length != SECRET_BYTES) {
      throw new IOException(
          "%s has %d bytes, not %d"
              .formatted(path.get().resolve(SECRET), secret.length, SECRET_BYTES));
    }
    return new Chip(Optional.of(folder), SecretBytes.takeOver(secret), random);
  }

  /** The chip's id: public, and no way back to the secret. */
  public byte[] id() {
    try (SecretBytes id = Kdf.derive(secret, "redoubt-chip-id", new byte[0], ID_BYTES)) {
      return id.expose(InsecureSecretAccess.get());
    }
  }

  /** The chip endorsement key; owned by this. */
  public P384PrivateKey cek() {
    return cek;
  }

  /**
   * The CEK's certificate, signed by {@link #root()}: the first call may take seconds. RSA-PSS is
   * salted, so it is made once and kept.
   *
   * @throws IOException if the root cannot be read or kept
   */
  public SevCertificate cekCertificate(PlatformKeys.Api api) throws IOException {
    synchronized (rootLock) {
      SevCertificate c = cekCertificate;
      if (c == null) {
        c = alone(() -> keptOrNewCekCertificate(root(), api));
        cekCertificate = c;
      }
      return c;
    }
  }

  private SevCertificate keptOrNewCekCertificate(RootAuthority r, PlatformKeys.Api api)
      throws IOException {
    if (isVouchedFor()) {
      return new SevCertificate(read(CEK_CERT).orElseThrow());
    }
    Optional<SevCertificate> kept = readCekCertificate(r);
    if (kept.isPresent()) {
      vouch();
      return kept.get();
    }
    SevCertificate fresh =
        r.certify(
            SevCertificate.unsigned(
                api.major(),
                api.minor(),
                Usage.CEK,
                Algorithm.ECDSA_SHA256,
                cek.publicKey().qx(),
                cek.publicKey().qy()));
    if (folder.isPresent()) {
      folder.get().write(CEK_CERT, fresh.toBytes());
      vouch();
    }
    return fresh;
  }

  /**
   * The maker's key in the seed's profile, which has no RSA: made on first use, a file of its own.
   */
  P256Key makerKey() throws IOException {
    byte[] seed =
        alone(() -> {
          Optional<byte[]> kept = read(MAKER).or(() -> volatileMaker);
          if (kept.isPresent()) {
            return kept.get().clone();
          }
          byte[] fresh = new byte[SECRET_BYTES];
          random.nextBytes(fresh);
          if (folder.isPresent()) {
            folder.get().write(MAKER, fresh);
          } else {
            volatileMaker = Optional.of(fresh.clone());
          }
          return fresh;
        });
    try (SecretBytes s = SecretBytes.takeOver(seed)) {
      return P256Key.fromSeed(s, "redoubt-rfc-maker");
    }
  }

  /** What the maker's key server gives for this chip: the maker's signature of its CEK. */
  public byte[] makersSignature() throws IOException {
    try (P256Key maker = makerKey();
        P256Key own = RfcKeys.cek(this)) {
      byte[] signature = maker.sign(own.point());
      if (folder.isPresent()) {
        folder.get().write("cek.rfc-signature", signature);
      }
      return signature;
    }
  }

  private Optional<byte[]> read(String name) throws IOException {
    return folder.isPresent() ? folder.get().read(name) : Optional.empty();
  }

  /**
   * Whether root and CEK certificate are as this chip has once found them good: spares a cold
   * process half a dozen long computations.
   */
  private boolean isVouchedFor() throws IOException {
    Optional<byte[]> mac = read(CHAIN_MAC);
    Optional<byte[]> is = mac.isPresent() ? chainMac() : Optional.empty();
    return is.isPresent() && ConstantTime.equal(is.get(), mac.get());
  }

  private void vouch() throws IOException {
    Optional<byte[]> mac = chainMac();
    if (mac.isPresent()) {
      folder.orElseThrow().write(CHAIN_MAC, mac.get());
    }
  }

  /** Empty unless all of it is there. */
  private Optional<byte[]> chainMac() throws IOException {
    byte[][] parts = new byte[2 * CHAIN.size()][];
    for (int i = 0; i < CHAIN.size(); i++) {
      Optional<byte[]> part = read(CHAIN.get(i));
      if (part.isEmpty()) {
        return Optional.empty();
      }
      parts[2 * i] = ByteBuffer.allocate(4).putInt(part.get().length).array();
      parts[2 * i + 1] = part.get();
    }
    try (SecretBytes key = Kdf.derive(secret, "redoubt-chain", new byte[0], 32)) {
      return Optional.of(Primitives.hmacSha256(key, parts));
    } finally {
      Arrays.fill(parts[2 * CHAIN.indexOf("root.key") + 1], (byte) 0);
    }
  }

  /** The kept one, unless it is of another chip or under another root. */
  private Optional<SevCertificate> readCekCertificate(RootAuthority r) throws IOException {
    return read(CEK_CERT)
        .filter(b -> b.length == SevCertificate.BYTES)
        .map(SevCertificate::new)
        .filter(c -> ChainReport.checkCek(c, r.ask()).isEmpty())
        .filter(c -> Certificates.publicKey(c).equals(cek.publicKey()));
  }

  /**
   * The root above this chip, made on first use.
   *
   * @throws IOException if it cannot be read or kept, or is damaged
   */
  public RootAuthority root() throws IOException {
    synchronized (rootLock) {
      RootAuthority r = root;
      if (r == null) {
        r = alone(this::keptOrNewRoot);
        root = r;
      }
      return r;
    }
  }

  private RootAuthority keptOrNewRoot() throws IOException {
    RootAuthority kept = readRoot();
    if (kept != null) {
      return kept;
    }
    RootAuthority fresh = RootAuthority.generate(ROOT_BITS, random);
    writeRoot(fresh);
    return fresh;
  }

  private @Nullable RootAuthority readRoot() throws IOException {
    if (folder.isEmpty()) {
      return null;
    }
    Optional<byte[]> ark = folder.get().read("root.ark");
    Optional<byte[]> ask = folder.get().read("root.ask");
    Optional<byte[]> key = folder.get().read("root.key");
    if (ark.isEmpty() || ask.isEmpty() || key.isEmpty()) {
      return null; // never finished: root.ark comes last
    }
    try {
      CaCertificate arkCert = new CaCertificate(ark.get());
      CaCertificate askCert = new CaCertificate(ask.get());
      return isVouchedFor()
          ? RootAuthority.checkedBefore(arkCert, askCert, key.get())
          : RootAuthority.of(arkCert, askCert, key.get());
    } catch (IllegalArgumentException e) {
      throw new IOException("The root in the state folder cannot be used: " + e.getMessage(), e);
    } finally {
      Arrays.fill(key.get(), (byte) 0);
    }
  }

  private void writeRoot(RootAuthority r) throws IOException {
    if (folder.isPresent()) {
      byte[] key = r.askKey(InsecureSecretAccess.get());
      folder.get().write("root.key", key);
      Arrays.fill(key, (byte) 0);
      folder.get().write("root.ask", r.ask().toBytes());
      folder.get().write("root.ark", r.ark().toBytes());
    }
  }

  /** The chip's own non-volatile memory: what INIT uses. */
  public Store ownStore() {
    return ownStore;
  }

  /**
   * Does something while no other process uses this chip's state; see {@link StateFolder#alone}.
   */
  <T, E extends Exception> T alone(StateFolder.Job<T, E> job) throws IOException, E {
    return folder.isPresent() ? folder.get().alone(job) : job.run();
  }

  /** Sealed states of this chip, wherever they are kept. */
  NonVolatile nonVolatile() {
    return nonVolatile;
  }

  @Override
  public void close() {
    cek.close();
    secret.close();
  }
}
