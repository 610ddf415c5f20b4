package org.redoubt.owner;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.redoubt.crypto.TransportKeys;
import org.redoubt.linux.boot.Machine;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.cert.CaCertificate;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.command.Measurement;

/**
 * What a guest owner does, file by file: the commands without their command line. Every method
 * reads its files anew; an {@link OwnerException} or {@link IOException} names the file that is to
 * blame.
 */
public final class OwnerTasks {
  private final SecureRandom random = new SecureRandom();

  /**
   * Starts a session and writes its four files.
   *
   * @param pdh a chain, in full or not, or a PDH certificate alone
   * @param policy the guest's policy
   * @param trustedArk the root to check the chain under; empty: the platform is taken as it is
   * @param folder where the files go
   * @param name what their names start with
   */
  public OwnerSession.SessionFiles session(
      Path pdh, GuestPolicy policy, Optional<Path> trustedArk, Path folder, String name)
      throws IOException, OwnerException {
    if (trustedArk.isPresent()) {
      verifyPlatform(trustedArk.get(), pdh).demandValid();
    }
    SevCertificate cert = ChainFile.pdhOf(Files.readAllBytes(pdh));
    try (OwnerSession session = OwnerSession.start(cert, policy, random)) {
      return session.save(folder, name);
    }
  }

  /** Judges a full chain under a root that the owner has from elsewhere. */
  public PlatformReport verifyPlatform(Path trustedArk, Path chain)
      throws IOException, OwnerException {
    ChainFile file = ChainFile.of(Files.readAllBytes(chain));
    ChainFile.MakerChain maker =
        file.maker()
            .orElseThrow(() ->
                new OwnerException("%s has no ASK and ARK: export it in full".formatted(chain)));
    return PlatformReport.of(readArk(trustedArk), maker.ark(), maker.ask(), file.platform());
  }

  /**
   * Reads a root.
   *
   * @throws OwnerException if the file has no length that one has
   */
  public CaCertificate readArk(Path file) throws IOException, OwnerException {
    byte[] ark = Files.readAllBytes(file);
    if (ark.length != CaCertificate.BYTES_2048 && ark.length != CaCertificate.BYTES_4096) {
      throw new OwnerException(
          "%s has %d bytes: a root has %d or %d"
              .formatted(file, ark.length, CaCertificate.BYTES_2048, CaCertificate.BYTES_4096));
    }
    return new CaCertificate(ark);
  }

  /**
   * A Linux guest as it will be launched.
   *
   * @param kernel bzImage
   * @param initrd initial RAM disk
   * @param append the kernel's command line
   * @param memoryBytes guest RAM
   * @param vcpus number of vCPUs
   * @param cBit position of the C-bit
   * @param secretBytes room for a secret, 0 for none
   */
  public record LinuxGuest(
      Path kernel,
      Optional<Path> initrd,
      String append,
      long memoryBytes,
      int vcpus,
      int cBit,
      int secretBytes) {
    /** Where {@code ./redoubt run} puts the C-bit. */
    public static final int C_BIT = 47;

    /** The room that {@code ./redoubt run} makes for a secret. */
    public static final int SECRET_BYTES = 1024;
  }

  /** Predicts the launch of a Linux guest. */
  public LaunchPrediction measure(LinuxGuest guest) throws IOException, OwnerException {
    MemorySegment initrd =
        guest.initrd().isPresent() ? map(guest.initrd().get()) : MemorySegment.ofArray(new byte[0]);
    return LaunchPrediction.ofLinux(
        map(guest.kernel()),
        initrd,
        guest.append(),
        Machine.of(guest.memoryBytes(), guest.vcpus()).withEncryptionBit(guest.cBit()),
        guest.secretBytes());
  }

  /** The prediction for one file that is launched as it is. */
  public LaunchPrediction measureFile(Path file) throws IOException {
    return new LaunchPrediction(
        List.of(new LaunchPrediction.Region(String.valueOf(file.getFileName()), 0, map(file))));
  }

  private static MemorySegment map(Path file) throws IOException {
    try (FileChannel in = FileChannel.open(file, StandardOpenOption.READ)) {
      return in.size() == 0
          ? MemorySegment.ofArray(new byte[0])
          : in.map(FileChannel.MapMode.READ_ONLY, 0, in.size(), Arena.ofAuto());
    }
  }

  /**
   * Where a session's keys are.
   *
   * @param tik {@code NAME_tik.bin}
   * @param tek {@code NAME_tek.bin}
   */
  public record KeyFiles(Path tik, Path tek) {
    private TransportKeys read() throws IOException, OwnerException {
      return OwnerSession.readKeys(tik, tek);
    }
  }

  /**
   * Checks what the host says LAUNCH_MEASURE gave out.
   *
   * @param measurement 48 bytes, or their base64
   * @param log the host's log of running digests, if there is one: see {@link LaunchLog}
   */
  public LaunchCheck.Verdict verify(
      KeyFiles keyFiles,
      GuestPolicy policy,
      LaunchCheck.Firmware firmware,
      Path measurement,
      LaunchPrediction prediction,
      Optional<Path> log)
      throws IOException, OwnerException {
    Measurement m = readMeasurement(measurement);
    List<LaunchPrediction.Step> claimed =
        log.isPresent() ? LaunchLog.parse(Files.readString(log.get())) : List.of();
    try (TransportKeys keys = keyFiles.read()) {
      return new LaunchCheck(keys, policy, firmware).check(m, prediction, claimed);
    }
  }

  /** As {@link #verify}, for a launch digest that is known already. */
  public LaunchCheck.Verdict verifyDigest(
      KeyFiles keyFiles,
      GuestPolicy policy,
      LaunchCheck.Firmware firmware,
      Path measurement,
      byte[] digest)
      throws IOException, OwnerException {
    Measurement m = readMeasurement(measurement);
    try (TransportKeys keys = keyFiles.read()) {
      return new LaunchCheck(keys, policy, firmware).check(m, digest);
    }
  }

  private static Measurement readMeasurement(Path file) throws IOException, OwnerException {
    return new Measurement(OwnerSession.readBlob(file, (int) Measurement.LAYOUT.byteSize()));
  }

  /**
   * Where an owner of platforms keeps what makes them one.
   *
   * @param key {@code NAME_oca.pem}
   * @param certificate {@code NAME_oca.cert}
   */
  public record OcaFiles(Path key, Path certificate) {
    /** The files of the owner called {@code name}. */
    public static OcaFiles in(Path folder, String name) {
      return new OcaFiles(folder.resolve(name + "_oca.pem"), folder.resolve(name + "_oca.cert"));
    }
  }

  /**
   * Signs a platform's request as its owner; makes the owner's key and certificate if there are
   * none.
   *
   * @param request what {@code psp:csr} wrote; overwritten by the signed certificate
   * @return the OCA's fingerprint
   */
  public String certify(Path request, OcaFiles files) throws IOException, OwnerException {
    byte[] csr = Files.readAllBytes(request);
    if (csr.length != SevCertificate.BYTES) {
      throw new OwnerException(
          "%s has %d bytes: a request has %d".formatted(request, csr.length, SevCertificate.BYTES));
    }
    if (!Files.exists(files.key())) {
      PlatformOwner.makeKey(files.key(), random);
    }
    try (PlatformOwner owner = PlatformOwner.read(files.key())) {
      SevCertificate pek = owner.certify(new SevCertificate(csr));
      SevCertificate oca = owner.certificate();
      Files.write(files.certificate(), oca.toBytes());
      Files.write(request, pek.toBytes());
      return PlatformOwner.fingerprint(oca);
    }
  }

  /**
   * Seals a secret and writes packet header and payload, as {@code sevctl secret build} does.
   *
   * @param secret the plain secret: a {@link SecretTable}, or anything else, which is padded with
   *     zeros to a multiple of 16
   */
  public void secret(KeyFiles keyFiles, Path measurement, byte[] secret, Path header, Path payload)
      throws IOException, OwnerException {
    byte[] padded = SecretTable.plain(secret);
    try (TransportKeys keys = keyFiles.read()) {
      TransportKeys.Packet packet =
          SecretPacket.seal(keys, readMeasurement(measurement), padded, random);
      Files.write(header, packet.header().toBytes());
      Files.write(payload, packet.ciphertext());
    } finally {
      Arrays.fill(padded, (byte) 0);
    }
  }
}
