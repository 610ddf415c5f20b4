package org.redoubt.firmware.internal.command;

import java.util.Optional;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.firmware.internal.keys.Chip;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.GetIdBuffer;

/**
 * GET_ID: the chip's id, by which a key server finds its CEK certificate. Runs in every state; one
 * socket, one id.
 *
 * <pre>
 * INVALID_LEN      ID_LEN is too short; it comes back as needed
 * INVALID_ADDRESS  ID_PADDR is not memory
 * </pre>
 */
final class GetId extends Command {
  GetId() {
    super(SevCommand.GET_ID, GetIdBuffer.LAYOUT, PlatformStates.ANY);
  }

  @Override
  public boolean hasOutput() {
    return true;
  }

  @Override
  public Decision check(Call call, Optional<Guest> guest) {
    GetIdBuffer b = GetIdBuffer.read(call.buffer());
    GetIdBuffer answer = new GetIdBuffer(b.idPaddr(), Chip.ID_BYTES);
    if (Integer.compareUnsigned(b.idLen(), Chip.ID_BYTES) < 0) {
      answer.write(call.buffer());
      return Refusal.shortBuffer(
          "ID_LEN: expected at least %d, found %d",
          Chip.ID_BYTES, Integer.toUnsignedLong(b.idLen()));
    }
    Optional<Refusal> bad = call.check(1, new Call.Range("ID_PADDR", b.idPaddr(), Chip.ID_BYTES));
    if (bad.isPresent()) {
      return bad.get();
    }
    return Approval.done(() -> {
      call.write(b.idPaddr(), call.platform().chip().id());
      answer.write(call.buffer());
    });
  }
}
