package org.redoubt.firmware.internal;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.redoubt.api.HypervisorException;
import org.redoubt.crypto.Certificates;
import org.redoubt.crypto.P384PrivateKey;
import org.redoubt.crypto.PacketCipher;
import org.redoubt.firmware.internal.StatusesTest.Attempt;
import org.redoubt.firmware.internal.StatusesTest.Fault;
import org.redoubt.firmware.internal.keys.HostStore;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.cert.Algorithm;
import org.redoubt.spec.sev.cert.PlatformChain;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.cert.Usage;
import org.redoubt.spec.sev.command.AttestationBuffer;
import org.redoubt.spec.sev.command.InitExBuffer;
import org.redoubt.spec.sev.command.PacketHeader;

/** Preparations and faults of the commands beyond a launch; the others are in StatusesTest. */
final class Faults {
  private static final long NOT_MEMORY = StatusesTest.NOT_MEMORY;
  private static final GuestPolicy ES = new GuestPolicy(0x0001_0004);
  private static final GuestPolicy SEND = new GuestPolicy(0x3201_0030); // SEV, DOMAIN, API 1.50
  static final long PLAT = 0x20000;
  static final long AMD = 0x24000;
  static final long NV = 0x40000;
  private static final int CURVE = 16;
  private static final int USAGE = 8;

  private Faults() {}

  /** Prepares a command; false if it is not one of these. */
  static boolean prepare(Attempt a) {
    Host host = a.host;
    switch (a.command) {
      case NOP -> {}
      case PEK_CSR -> {
        host.init();
        a.set("CSR_PADDR", Host.OUT);
        a.set("CSR_LEN", 2084);
      }
      case PEK_CERT_IMPORT -> {
        host.init();
        host.put(Host.CERT, ownersPek(host, a.oca).toBytes());
        host.put(Host.OUT, ownersOca(a.oca).toBytes());
        a.set("PEK_CERT_PADDR", Host.CERT);
        a.set("PEK_CERT_LEN", 2084);
        a.set("OCA_CERT_PADDR", Host.OUT);
        a.set("OCA_CERT_LEN", 2084);
      }
      case DOWNLOAD_FIRMWARE -> {
        host.firmwares.put("next", new SevFirmwareFactory());
        host.put(Host.CERT, FirmwareImage.of("next", Platform.SVN, Roots.maker()).toBytes());
        a.set("FW_PADDR", Host.CERT);
        a.set("FW_LEN", 592);
      }
      case INIT_EX -> {
        host.put(NV, blank());
        a.set("EX_LEN", 36);
        a.set("FLAGS", 1);
        a.set("TMR_PADDR", 1 << 20);
        a.set("TMR_LENGTH", 1 << 20);
        a.set("NV_PADDR", NV);
        a.set("NV_LENGTH", HostStore.BYTES);
      }
      case ACTIVATE_EX -> {
        a.handle = host.init().launchStartUnattested(0);
        host.put(Host.OUT, new byte[16]);
        a.set("EX_LEN", 24);
        a.set("HANDLE", a.handle);
        a.set("ASID", 4);
        a.set("NUM_IDS", 4);
        a.set("IDS_PADDR", Host.OUT);
      }
      case LAUNCH_UPDATE_VMSA -> {
        running(a, ES, GuestState.LUPDATE);
        a.set("PADDR", Host.GUEST);
        a.set("LENGTH", 0x1000);
      }
      case ATTESTATION -> {
        running(a, new GuestPolicy(0), GuestState.RUNNING);
        AttestationBuffer.of(a.handle, Host.OUT, new byte[16], 208).write(a.buffer);
      }
      case SEND_START -> {
        running(a, SEND, GuestState.RUNNING);
        PlatformChain chain = Roots.chain(a.state, host.platform().keys());
        target(host, chain, Roots.maker().ask().toBytes(), Roots.maker().ark().toBytes());
        a.set("PDH_CERT_PADDR", Host.CERT);
        a.set("PDH_CERT_LEN", 2084);
        a.set("PLAT_CERTS_PADDR", PLAT);
        a.set("PLAT_CERTS_LEN", 6252);
        a.set("AMD_CERTS_PADDR", AMD);
        a.set("AMD_CERTS_LEN", 3200);
        a.set("SESSION_PADDR", Host.SESSION);
        a.set("SESSION_LEN", 128);
      }
      case SEND_UPDATE_DATA -> packet(a, new GuestPolicy(0), GuestState.SUPDATE, 64);
      case SEND_UPDATE_VMSA -> packet(a, ES, GuestState.SUPDATE, 0x1000);
      case RECEIVE_UPDATE_DATA -> packet(a, new GuestPolicy(0), GuestState.RUPDATE, 64);
      case RECEIVE_UPDATE_VMSA -> packet(a, ES, GuestState.RUPDATE, 0x1000);
      case SEND_FINISH, SEND_CANCEL -> running(a, new GuestPolicy(0), GuestState.SUPDATE);
      case RECEIVE_FINISH -> running(a, new GuestPolicy(0), GuestState.RUPDATE);
      case DBG_DECRYPT, DBG_ENCRYPT -> {
        running(a, new GuestPolicy(0), GuestState.RUNNING);
        a.set("SRC_PADDR", a.command == SevCommand.DBG_DECRYPT ? Host.GUEST : Host.OUT);
        a.set("DST_PADDR", a.command == SevCommand.DBG_DECRYPT ? Host.OUT : Host.GUEST);
        a.set("LENGTH", 64);
      }
      default -> {
        return false;
      }
    }
    return true;
  }

  private static byte[] blank() {
    byte[] area = new byte[HostStore.BYTES];
    java.util.Arrays.fill(area, (byte) -1);
    return area;
  }

  /** A guest in a state, active; its handle is in the buffer. */
  private static void running(Attempt a, GuestPolicy policy, GuestState state) {
    a.host.initEs();
    a.handle = a.host.launchStart(policy, a.host.owner(policy));
    a.host.activate(a.handle, 4);
    a.host.update(a.handle);
    a.guest().setState(state);
    a.set("HANDLE", a.handle);
  }

  private static void packet(Attempt a, GuestPolicy policy, GuestState state, int bytes) {
    running(a, policy, state);
    byte[] iv = new byte[16];
    byte[] data = new byte[bytes];
    int kind = policy.encryptedState() ? PacketCipher.KIND_VMSA : PacketCipher.KIND_DATA;
    PacketCipher c = a.guest().keys().transport().packet(kind, 0, iv, bytes);
    c.crypt(data, 0, bytes, data, 0);
    c.authenticate(data, 0, bytes);
    a.host.put(Host.HEADER, PacketHeader.of(0, iv, c.mac()).toBytes());
    a.host.put(Host.PACKET, data);
    a.set("HDR_PADDR", Host.HEADER);
    a.set("HDR_LEN", 52);
    a.set("GUEST_PADDR", Host.GUEST);
    a.set("GUEST_LEN", bytes);
    a.set("TRANS_PADDR", Host.PACKET);
    a.set("TRANS_LEN", bytes);
  }

  static void target(Host host, PlatformChain chain, byte[] ask, byte[] ark) {
    host.put(Host.CERT, chain.pdh().toBytes());
    host.put(PLAT, chain.certs());
    host.put(AMD, ask);
    host.put(AMD + ask.length, ark);
  }

  static SevCertificate ownersOca(P384PrivateKey oca) {
    return Certificates.sign(
        SevCertificate.unsigned(
            1, 55, Usage.OCA, Algorithm.ECDSA_SHA256, oca.publicKey().qx(), oca.publicKey().qy()),
        0,
        Usage.OCA,
        oca);
  }

  static SevCertificate ownersPek(Host host, P384PrivateKey oca) {
    return Certificates.sign(
        host.platform().keys().pekCertificate().withoutSignatures(), 0, Usage.OCA, oca);
  }

  private static void byteAt(Host host, long spa, int value) {
    host.put(spa, new byte[] {(byte) value});
  }

  static void own(Map<String, Fault> f) {
    platform(f);
    initEx(f);
    guests(f);
    sending(f);
    for (String c : new String[] {"SEND_UPDATE_DATA", "SEND_UPDATE_VMSA"}) {
      int n = 7;
      f.put(c + "/" + n++, new Fault("hdr length", a -> a.set("HDR_LEN", 51)));
      f.put(c + "/" + n++, new Fault("guest length", a -> a.set("GUEST_LEN", 0)));
      n = vmsa(f, c, n);
      addresses(f, c, n);
    }
    for (String c : new String[] {"RECEIVE_UPDATE_DATA", "RECEIVE_UPDATE_VMSA"}) {
      int n = 7;
      f.put(c + "/" + n++, new Fault("hdr length", a -> a.set("HDR_LEN", 53)));
      f.put(c + "/" + n++, new Fault("guest length", a -> a.set("GUEST_LEN", 0)));
      n = vmsa(f, c, n);
      f.put(c + "/" + n++, new Fault("guest address", a -> a.set("GUEST_PADDR", Host.GUEST + 8)));
      f.put(c + "/" + n++, new Fault("trans length", a -> a.set("TRANS_LEN", 80)));
      f.put(c + "/" + n++, new Fault("trans address", a -> a.set("TRANS_PADDR", NOT_MEMORY)));
      f.put(c + "/" + n++, new Fault("hdr address", a -> a.set("HDR_PADDR", Host.PACKET - 51)));
      f.put(c + "/" + n++, new Fault("flags", a -> byteAt(a.host, Host.HEADER, 2)));
      f.put(c + "/" + n++, new Fault("flags", a -> byteAt(a.host, Host.HEADER, 1)));
      f.put(c + "/" + n, new Fault("mac", a -> StatusesTest.flip(a.host, Host.PACKET)));
    }
    for (String c : new String[] {"DBG_DECRYPT", "DBG_ENCRYPT"}) {
      f.put(
          c + "/6",
          new Fault("handle+asid", a -> otherGuest(a, new GuestPolicy(1), GuestState.RUNNING)));
      f.put(c + "/7", new Fault("length", a -> a.set("LENGTH", 24)));
      f.put(c + "/8", new Fault("src", a -> a.set("SRC_PADDR", Host.GUEST + 8)));
      f.put(c + "/9", new Fault("dst", a -> a.set("DST_PADDR", NOT_MEMORY)));
      f.put(
          c + "/10",
          new Fault(
              "src+dst",
              a -> {
                a.set("SRC_PADDR", Host.GUEST);
                a.set("DST_PADDR", Host.GUEST + 48);
              }));
    }
  }

  private static int vmsa(Map<String, Fault> f, String c, int n) {
    if (c.endsWith("VMSA")) {
      f.put(
          c + "/" + n++,
          new Fault(
              "handle+guest state+asid+mac",
              a ->
                  otherGuest(
                      a,
                      new GuestPolicy(0),
                      c.startsWith("SEND") ? GuestState.SUPDATE : GuestState.RUPDATE)));
      f.put(c + "/" + n++, new Fault("guest length+trans length", a -> a.set("GUEST_LEN", 0x800)));
    }
    return n;
  }

  private static void addresses(Map<String, Fault> f, String c, int from) {
    int n = from;
    f.put(c + "/" + n++, new Fault("guest address", a -> a.set("GUEST_PADDR", Host.GUEST + 8)));
    f.put(c + "/" + n++, new Fault("trans address", a -> a.set("TRANS_PADDR", NOT_MEMORY)));
    f.put(c + "/" + n, new Fault("hdr address", a -> a.set("HDR_PADDR", Host.PACKET - 51)));
  }

  /** Puts another guest, active and in the right state, in place of the attempt's. */
  private static void otherGuest(Attempt a, GuestPolicy policy, GuestState state) {
    a.handle = a.host.launchStart(policy, a.host.owner(policy));
    a.host.activate(a.handle, 5);
    a.guest().setState(state);
    a.set("HANDLE", a.handle);
  }

  private static void platform(Map<String, Fault> f) {
    f.put("PEK_CSR/3", new Fault("length", a -> a.set("CSR_LEN", 2083)));
    f.put("PEK_CSR/4", new Fault("address", a -> a.set("CSR_PADDR", NOT_MEMORY)));
    String c = "PEK_CERT_IMPORT/";
    f.put(
        c + 4,
        new Fault(
            "keys",
            a -> {
              Platform p = a.host.platform();
              p.replaceKeys(
                  p.keys()
                      .ownedBy(
                          ownersOca(a.oca),
                          ownersPek(a.host, a.oca),
                          p.chip(),
                          p.api(),
                          p.random()));
            }));
    f.put(c + 5, new Fault("length", a -> a.set("OCA_CERT_LEN", 1 << 20)));
    f.put(c + 6, new Fault("address", a -> a.set("PEK_CERT_PADDR", NOT_MEMORY)));
    f.put(c + 7, new Fault("address", a -> a.set("PEK_CERT_PADDR", Host.OUT + 2083)));
    f.put(c + 8, new Fault("oca curve", a -> byteAt(a.host, Host.OUT + CURVE, 1)));
    f.put(
        c + 9,
        new Fault(
            "oca signature",
            a -> a.host.put(Host.OUT, ownersOca(a.oca).withoutSignatures().toBytes())));
    f.put(c + 10, new Fault("oca signature", a -> StatusesTest.flip(a.host, Host.OUT + 1052)));
    f.put(c + 11, new Fault("pek usage", a -> byteAt(a.host, Host.CERT + USAGE, Usage.PDH.code())));
    f.put(
        c + 12,
        new Fault(
            "pek signature",
            a ->
                a.host.put(
                    Host.CERT,
                    Certificates.sign(
                            a.host.platform().keys().pekCertificate().withoutSignatures(),
                            0,
                            Usage.PEK,
                            a.host.platform().keys().pek())
                        .toBytes())));
    f.put(c + 13, new Fault("pek signature", a -> StatusesTest.flip(a.host, Host.CERT + 1052)));
    f.put(
        c + 14,
        new Fault(
            "pek signature",
            a ->
                a.host.put(
                    Host.CERT,
                    Certificates.sign(
                            ownersPek(a.host, a.oca), 1, Usage.PEK, a.host.platform().keys().pek())
                        .toBytes())));
    f.put(
        c + 15,
        new Fault(
            "keys",
            a -> {
              Platform p = a.host.platform();
              p.replaceKeys(
                  org.redoubt.firmware.internal.keys.PlatformKeys.generate(
                      p.chip(), p.api(), p.random()));
            }));
    String d = "DOWNLOAD_FIRMWARE/";
    f.put(d + 3, new Fault("length", a -> a.set("FW_LEN", 591)));
    f.put(d + 4, new Fault("address", a -> a.set("FW_PADDR", (1 << 21) - 591)));
    f.put(d + 5, new Fault("magic", a -> StatusesTest.flip(a.host, Host.CERT)));
    f.put(
        d + 6,
        new Fault(
            "folder",
            a ->
                java.util.List.of("root.ark", "root.ask", "root.key")
                    .forEach(n -> StatusesTest.write(a.state.resolve(n)))));
    f.put(d + 7, new Fault("signature", a -> StatusesTest.flip(a.host, Host.CERT + 0x50)));
    f.put(d + 8, image("next", Platform.SVN - 1));
    f.put(d + 9, new Fault("store", a -> a.host.firmwares.clear()));
    f.put(
        d + 11,
        new Fault(
            "store",
            a ->
                a.host.firmwares.put(
                    "next",
                    config -> {
                      throw new HypervisorException("No");
                    })));
  }

  private static Fault image(String name, int svn) {
    return new Fault(
        "signature+magic",
        a -> a.host.put(Host.CERT, FirmwareImage.of(name, svn, Roots.maker()).toBytes()));
  }

  private static void initEx(Map<String, Fault> f) {
    String c = "INIT_EX/";
    f.put(c + 4, new Fault("ex len", a -> a.set("EX_LEN", 35)));
    f.put(c + 5, new Fault("flags", a -> a.set("FLAGS", 5)));
    f.put(c + 6, new Fault("tmr length", a -> a.set("TMR_LENGTH", 1 << 19)));
    f.put(c + 7, new Fault("tmr address", a -> a.set("TMR_PADDR", (1 << 20) + 16)));
    f.put(c + 8, new Fault("tmr address", a -> a.set("TMR_PADDR", NOT_MEMORY)));
    f.put(c + 9, new Fault("nv length", a -> a.set("NV_LENGTH", 16 << 10)));
    f.put(c + 10, new Fault("nv address", a -> a.set("NV_PADDR", NV + 16)));
    f.put(c + 11, new Fault("nv address", a -> a.set("NV_PADDR", (1 << 21) - 0x4000)));
    f.put(c + 12, new Fault("nv address", a -> a.set("NV_PADDR", 1 << 20)));
    f.put(
        c + 14,
        new Fault(
            "state+platform+folder",
            a -> {
              use(a, 0);
              StatusesTest.flip(a.host, NV + 0x100);
            }));
    f.put(c + 15, new Fault("state+platform+folder", a -> use(a, 2)));
  }

  /** Has a state made in the area, and so many later ones; puts the first back. */
  private static void use(Attempt a, int later) {
    StatusesTest.must(
        a.host, SevCommand.INIT_EX, new InitExBuffer(36, 0, 0, 0, NV, HostStore.BYTES)::write);
    byte[] first = a.host.get(NV, HostStore.BYTES);
    for (int i = 0; i < later; i++) {
      StatusesTest.must(a.host, SevCommand.PDH_GEN, s -> {});
    }
    StatusesTest.must(a.host, SevCommand.SHUTDOWN, s -> {});
    a.host.put(NV, first);
  }

  private static void guests(Map<String, Fault> f) {
    String c = "ACTIVATE_EX/";
    f.put(c + 4, new Fault("ex len", a -> a.set("EX_LEN", 25)));
    f.put(c + 5, new Fault("asid field", a -> a.set("ASID", 510)));
    f.put(c + 6, new Fault("activity+asid", a -> a.host.platform().activate(a.guest(), 300)));
    f.put(
        c + 7,
        new Fault(
            "asid",
            a ->
                a.host
                    .platform()
                    .activate(
                        a.host.platform().guest(a.host.launchStartUnattested(0)).orElseThrow(),
                        4)));
    f.put(c + 8, new Fault("ids", a -> a.set("NUM_IDS", 1025)));
    f.put(c + 9, new Fault("ids address", a -> a.set("IDS_PADDR", NOT_MEMORY)));
    f.put(c + 11, new Fault("asid", StatusesTest::useAndDeactivate));
    f.put(
        c + 12,
        new Fault(
            "asid",
            a -> {
              StatusesTest.useAndDeactivate(a);
              a.host.memory.wbinvd();
            }));
    f.put(c + 13, new Fault("installer", a -> a.host.memory.setKeyInstaller(Optional.empty())));
    String v = "LAUNCH_UPDATE_VMSA/";
    f.put(
        v + 7,
        new Fault(
            "handle+guest state+asid", a -> otherGuest(a, new GuestPolicy(0), GuestState.LUPDATE)));
    f.put(v + 8, new Fault("length", a -> a.set("LENGTH", 0x2000)));
    f.put(v + 9, new Fault("address", a -> a.set("PADDR", Host.GUEST + 16)));
    f.put(v + 10, new Fault("address", a -> a.set("PADDR", 1 << 21)));
    f.put(v + 11, new Fault("address", a -> a.set("PADDR", Host.BUFFER)));
    f.put("ATTESTATION/6", new Fault("length", a -> a.set("LENGTH", 207)));
    f.put("ATTESTATION/7", new Fault("address", a -> a.set("PADDR", NOT_MEMORY)));
  }

  private static void sending(Map<String, Fault> f) {
    String c = "SEND_START/";
    f.put(c + 6, new Fault("session length", a -> a.set("SESSION_LEN", 127)));
    f.put(
        c + 7,
        new Fault(
            "handle+guest state+asid",
            a -> otherGuest(a, new GuestPolicy(0x3201_0038), GuestState.RUNNING)));
    f.put(c + 8, new Fault("pdh length", a -> a.set("PDH_CERT_LEN", 2083)));
    f.put(c + 9, new Fault("plat length", a -> a.set("PLAT_CERTS_LEN", 1 << 30)));
    f.put(c + 10, new Fault("amd length", a -> a.set("AMD_CERTS_LEN", 1600)));
    f.put(c + 11, new Fault("plat address", a -> a.set("PLAT_CERTS_PADDR", NOT_MEMORY)));
    f.put(c + 12, new Fault("session address", a -> a.set("SESSION_PADDR", Host.CERT + 2083)));
    f.put(
        c + 13,
        new Fault(
            "folder",
            a ->
                java.util.List.of("root.ark", "root.ask", "root.key")
                    .forEach(n -> StatusesTest.write(a.state.resolve(n)))));
    f.put(
        c + 14,
        new Fault(
            "target",
            a ->
                target(
                    a.host,
                    Roots.stranger(a.state.resolve("other"), false, 55),
                    Roots.other().ask().toBytes(),
                    Roots.other().ark().toBytes())));
    long cek = PLAT + 2 * 2084;
    f.put(c + 15, new Fault("target bytes", a -> byteAt(a.host, cek + CURVE, 1)));
    f.put(c + 16, new Fault("target bytes", a -> StatusesTest.flip(a.host, Host.CERT + 1052)));
    f.put(c + 17, new Fault("target", stranger(55)));
    f.put(
        c + 18,
        new Fault(
            "target",
            a -> {
              PlatformChain chain = Roots.chain(a.state, olderPdh(a));
              target(a.host, chain, Roots.maker().ask().toBytes(), Roots.maker().ark().toBytes());
            }));
  }

  private static org.redoubt.firmware.internal.keys.PlatformKeys olderPdh(Attempt a) {
    return a.host
        .platform()
        .keys()
        .withNewPdh(new org.redoubt.firmware.internal.keys.PlatformKeys.Api(1, 49), a.host.random);
  }

  private static Consumer<Attempt> stranger(int apiMinor) {
    return a ->
        target(
            a.host,
            Roots.stranger(a.state.resolve("stranger"), true, apiMinor),
            Roots.maker().ask().toBytes(),
            Roots.maker().ark().toBytes());
  }

  /** Puts a former sealed state back, so that the chip has seen a later one. */
  static void rollBack(Path state) {
    // Two generations on: the last but one is older than what the chip has seen kept.
    try {
      byte[] first = Files.readAllBytes(state.resolve("platform.sealed"));
      try (Host again = new Host(Optional.of(state)).init()) {
        StatusesTest.must(again, SevCommand.PDH_GEN, s -> {});
      }
      Files.write(state.resolve("platform.sealed"), first);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
