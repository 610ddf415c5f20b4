package org.redoubt.hypervisor.internal;

import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.vm.VmConfig;

/**
 * What came into a VM from outside, and when, in a file. All numbers are big-endian.
 *
 * <pre>
 *   00h  magic "RDBTREC1"                             8
 *   08h  SHA-256 of what the VM was made of          32
 *   28h  seed of its random numbers                   8
 *   30h  time of day at the beginning, ns             8
 *   38h  events: kind 1, instructions 8, ns 8, length 4, bytes
 *          kind 1: typed on the console
 *          kind 2: the end: the state's hash, and 1 if it came from outside; the last one
 *   then SHA-256 of all that                         32
 * </pre>
 */
record Recording(long seed, long epochNs, List<Event> events) {
  static final byte TYPED = 1;
  static final byte END = 2;

  private static final byte[] MAGIC = "RDBTREC1".getBytes(StandardCharsets.US_ASCII);
  private static final int DIGEST_BYTES = 32;
  private static final int EVENT_BYTES = 21;
  private static final long MOST_BYTES = 256L << 20;

  /**
   * Something from outside.
   *
   * @param kind {@link #TYPED} or {@link #END}
   * @param instructions how many the vCPU had retired
   * @param ns the machine's time
   * @param bytes what it was
   */
  record Event(byte kind, long instructions, long ns, byte[] bytes) {
    /** For an end: whether it was not the guest that brought it about. */
    boolean endedFromOutside() {
      return kind == END && bytes.length > 0 && bytes[bytes.length - 1] != 0;
    }
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("bug: no SHA-256", e);
    }
  }

  /** SHA-256 of what decides how a VM runs, besides what comes from outside. */
  private static byte[] digest(VmConfig config) throws HypervisorException {
    MessageDigest digest = sha256();
    try {
      digest.update(sha256().digest(Files.readAllBytes(config.kernel())));
      if (config.initrd().isPresent()) {
        digest.update(sha256().digest(Files.readAllBytes(config.initrd().get())));
      }
    } catch (IOException e) {
      throw new HypervisorException("The guest's image cannot be read: " + e.getMessage(), e);
    }
    Map<String, String> options = new TreeMap<>(config.options());
    options.keySet().removeIf(key -> key.startsWith(Repetition.OPTION));
    String rest =
        "%s\0%d\0%s\0%s\0%s"
            .formatted(
                config.append(),
                config.memoryBytes(),
                config.cpuModel(),
                config.protection(),
                options);
    digest.update(rest.getBytes(StandardCharsets.UTF_8));
    return digest.digest();
  }

  /**
   * Reads one.
   *
   * @throws HypervisorException if it is none, damaged, or of another VM
   */
  static Recording read(Path file, VmConfig config) throws HypervisorException {
    byte[] bytes;
    try {
      if (Files.size(file) > MOST_BYTES) {
        throw new HypervisorException("%s is too long for a recording".formatted(file));
      }
      bytes = Files.readAllBytes(file);
    } catch (IOException e) {
      throw new HypervisorException(
          "The recording %s cannot be read: %s".formatted(file, e.getMessage()), e);
    }
    if (bytes.length < MAGIC.length || !Arrays.equals(bytes, 0, 8, MAGIC, 0, 8)) {
      throw new HypervisorException("%s is no recording of a VM".formatted(file));
    }
    int end = bytes.length - DIGEST_BYTES;
    MessageDigest digest = sha256();
    digest.update(bytes, 0, Math.max(end, 0));
    if (end < MAGIC.length
        || !Arrays.equals(digest.digest(), Arrays.copyOfRange(bytes, end, bytes.length))) {
      throw new HypervisorException("The recording %s is truncated or damaged".formatted(file));
    }
    ByteBuffer in = ByteBuffer.wrap(bytes, MAGIC.length, end - MAGIC.length);
    byte[] made = new byte[DIGEST_BYTES];
    in.get(made);
    if (!Arrays.equals(made, digest(config))) {
      throw new HypervisorException(
          ("The recording %s is of another VM: kernel, initial RAM disk, command line, memory,"
                  + " CPU model, protection and options must be the same")
              .formatted(file));
    }
    long seed = in.getLong();
    long epochNs = in.getLong();
    List<Event> events = new ArrayList<>();
    while (in.remaining() >= EVENT_BYTES) {
      byte kind = in.get();
      long instructions = in.getLong();
      long ns = in.getLong();
      byte[] data = new byte[Math.clamp(in.getInt(), 0, in.remaining())];
      in.get(data);
      events.add(new Event(kind, instructions, ns, data));
    }
    if (events.isEmpty() || events.getLast().kind() != END) {
      throw new HypervisorException("The recording %s has no end".formatted(file));
    }
    return new Recording(seed, epochNs, List.copyOf(events));
  }

  /** Writes one, event by event. */
  static final class Writer implements AutoCloseable {
    private final Path file;
    private final DigestOutputStream digest;
    private final DataOutputStream out;
    private final OutputStream raw;
    private boolean failed;

    Writer(Path file, VmConfig config, long seed, long epochNs) throws HypervisorException {
      this.file = file;
      byte[] made = digest(config);
      try {
        raw = new BufferedOutputStream(Files.newOutputStream(file));
        digest = new DigestOutputStream(raw, sha256());
        out = new DataOutputStream(digest);
        out.write(MAGIC);
        out.write(made);
        out.writeLong(seed);
        out.writeLong(epochNs);
      } catch (IOException e) {
        throw new HypervisorException(
            "The recording %s cannot be written: %s".formatted(file, e.getMessage()), e);
      }
    }

    /** Adds an event; a failure is said once, and the file stays without its end. */
    void add(Event event) {
      try {
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        DataOutputStream fields = new DataOutputStream(whole);
        fields.writeByte(event.kind());
        fields.writeLong(event.instructions());
        fields.writeLong(event.ns());
        fields.writeInt(event.bytes().length);
        fields.write(event.bytes());
        whole.writeTo(out);
        out.flush();
        if (event.kind() == END) {
          raw.write(digest.getMessageDigest().digest());
          raw.flush();
        }
      } catch (IOException e) {
        if (!failed) {
          failed = true;
          System.getLogger("org.redoubt.hypervisor")
              .log(
                  System.Logger.Level.WARNING,
                  "The recording %s cannot be written: %s".formatted(file, e.getMessage()));
        }
      }
    }

    @Override
    public void close() {
      try {
        raw.close();
      } catch (IOException e) {
        // It has no end then, and is refused.
      }
    }
  }
}
