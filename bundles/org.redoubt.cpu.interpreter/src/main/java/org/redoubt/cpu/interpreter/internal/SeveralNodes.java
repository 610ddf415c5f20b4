package org.redoubt.cpu.interpreter.internal;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.exec.Cpu;

/**
 * Nodes that often follow each other, as one: the types of the parts are fixed, so that the
 * compiler puts them in line, and a whole dispatch is saved for each part but the first.
 *
 * <p>Of the parts one at most may fault, the last, or else the first, which then is a load. So a
 * fault names its part, and no part of a block that has just been overwritten is executed.
 */
final class SeveralNodes {
  /** Makes a node of those from an index on. */
  private interface Maker {
    Node make(Node[] nodes, int at);
  }

  private record Row(List<Class<? extends Node>> parts, Maker maker) {
    boolean fits(Node[] nodes, int at) {
      if (at + parts.size() > nodes.length) {
        return false;
      }
      for (int i = 0; i < parts.size(); i++) {
        if (nodes[at + i].getClass() != parts.get(i)) {
          return false;
        }
      }
      return true;
    }
  }

  /** Longer ones first. Chosen by how often they are executed in a kernel's boot. */
  private static final List<Row> ROWS =
      List.of(
          new Row(
              List.of(MoveNodes.Copy64.class, MoveNodes.Copy32.class, QuietNodes.Shr.class),
              Copy64Copy32QuietShr::new),
          new Row(
              List.of(AluNodes.Cmp.class, MoveNodes.Copy64.class, MoveNodes.Cmov.class),
              CmpCopy64Cmov::new),
          new Row(
              List.of(QuietNodes.Add.class, QuietNodes.Shl.class, QuietNodes.Add.class),
              QuietAddQuietShlQuietAdd::new),
          new Row(
              List.of(QuietNodes.Add.class, AluNodes.Add.class, BranchNodes.JumpNz.class),
              QuietAddAddJumpNz::new),
          new Row(List.of(MoveNodes.SignExtend.class, AluNodes.Sub.class), SignExtendSub::new),
          new Row(
              List.of(MoveNodes.SignExtend.class, QuietNodes.Add.class), SignExtendQuietAdd::new),
          new Row(List.of(MoveNodes.ZeroExtend.class, AluNodes.Sub.class), ZeroExtendSub::new),
          new Row(
              List.of(MoveNodes.ZeroExtend.class, AluMemoryNodes.AddLoad.class),
              ZeroExtendAddLoad::new),
          new Row(List.of(MoveNodes.Copy64.class, QuietNodes.Imul.class), Copy64QuietImul::new),
          new Row(List.of(MoveNodes.Copy64.class, QuietNodes.Add.class), Copy64QuietAdd::new),
          new Row(List.of(MoveNodes.Copy64.class, MoveNodes.Copy64.class), Copy64Copy64::new),
          new Row(List.of(MoveNodes.Copy64.class, BranchNodes.Call.class), Copy64Call::new),
          new Row(List.of(MoveNodes.Lea.class, BranchNodes.Ret.class), LeaRet::new),
          new Row(List.of(QuietNodes.Imul.class, QuietNodes.Imul.class), QuietImulQuietImul::new),
          new Row(List.of(QuietNodes.Add.class, QuietNodes.Add.class), QuietAddQuietAdd::new),
          new Row(List.of(QuietNodes.Add.class, UnaryNodes.Shr.class), QuietAddShr::new),
          new Row(List.of(AluNodes.Cmp.class, MoveNodes.Setcc.class), CmpSetcc::new),
          new Row(List.of(AluNodes.Cmp.class, MoveNodes.Cmov.class), CmpCmov::new),
          new Row(List.of(AluNodes.Adc.class, MoveNodes.Store64.class), AdcStore64::new),
          new Row(List.of(AluNodes.Add.class, BranchNodes.JumpNz.class), AddJumpNz::new),
          new Row(
              List.of(MoveNodes.LoadZero8.class, FusedNodes.TestSign.class),
              LoadZero8TestSign::new),
          new Row(
              List.of(MoveNodes.LoadZero8.class, FusedNodes.TestZero.class),
              LoadZero8TestZero::new),
          new Row(List.of(MoveNodes.Load64.class, FusedNodes.TestZero.class), Load64TestZero::new),
          new Row(
              List.of(AluMemoryNodes.CmpMemory.class, BranchNodes.JumpZ.class),
              CmpMemoryJumpZ::new),
          new Row(
              List.of(AluMemoryNodes.CmpMemory.class, BranchNodes.JumpNz.class),
              CmpMemoryJumpNz::new),
          new Row(
              List.of(AluMemoryNodes.TestMemory.class, BranchNodes.JumpZ.class),
              TestMemoryJumpZ::new),
          new Row(
              List.of(AluMemoryNodes.TestMemory.class, BranchNodes.JumpNz.class),
              TestMemoryJumpNz::new));

  private SeveralNodes() {}

  /** The nodes of a block, with those taken together that can be. */
  static Node[] join(Node[] nodes) {
    List<Node> joined = new ArrayList<>(nodes.length);
    int at = 0;
    while (at < nodes.length) {
      Row row = find(nodes, at);
      if (row == null) {
        joined.add(nodes[at++]);
      } else {
        joined.add(row.maker.make(nodes, at));
        at += row.parts.size();
      }
    }
    return joined.size() == nodes.length ? nodes : joined.toArray(new Node[0]);
  }

  private static @Nullable Row find(Node[] nodes, int at) {
    for (Row row : ROWS) {
      if (row.fits(nodes, at)) {
        return row;
      }
    }
    return null;
  }

  private abstract static class Several extends Node {
    private final Insn firstInsn;
    private final int firstBefore;

    Several(Node first, Node faulting) {
      super(faulting.in);
      before = faulting.before;
      firstInsn = first.in;
      firstBefore = first.before;
    }

    @Override
    final Insn firstInsn() {
      return firstInsn;
    }

    @Override
    final int firstBefore() {
      return firstBefore;
    }
  }

  private static final class Copy64Copy32QuietShr extends Several {
    private final MoveNodes.Copy64 first;
    private final MoveNodes.Copy32 second;
    private final QuietNodes.Shr third;

    Copy64Copy32QuietShr(Node[] nodes, int at) {
      super(nodes[at], nodes[at + 2]);
      first = (MoveNodes.Copy64) nodes[at];
      second = (MoveNodes.Copy32) nodes[at + 1];
      third = (QuietNodes.Shr) nodes[at + 2];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
      third.exec(cpu);
    }
  }

  private static final class CmpCopy64Cmov extends Several {
    private final AluNodes.Cmp first;
    private final MoveNodes.Copy64 second;
    private final MoveNodes.Cmov third;

    CmpCopy64Cmov(Node[] nodes, int at) {
      super(nodes[at], nodes[at + 2]);
      first = (AluNodes.Cmp) nodes[at];
      second = (MoveNodes.Copy64) nodes[at + 1];
      third = (MoveNodes.Cmov) nodes[at + 2];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
      third.exec(cpu);
    }
  }

  private static final class QuietAddQuietShlQuietAdd extends Several {
    private final QuietNodes.Add first;
    private final QuietNodes.Shl second;
    private final QuietNodes.Add third;

    QuietAddQuietShlQuietAdd(Node[] nodes, int at) {
      super(nodes[at], nodes[at + 2]);
      first = (QuietNodes.Add) nodes[at];
      second = (QuietNodes.Shl) nodes[at + 1];
      third = (QuietNodes.Add) nodes[at + 2];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
      third.exec(cpu);
    }
  }

  private static final class QuietAddAddJumpNz extends Several {
    private final QuietNodes.Add first;
    private final AluNodes.Add second;
    private final BranchNodes.JumpNz third;

    QuietAddAddJumpNz(Node[] nodes, int at) {
      super(nodes[at], nodes[at + 2]);
      first = (QuietNodes.Add) nodes[at];
      second = (AluNodes.Add) nodes[at + 1];
      third = (BranchNodes.JumpNz) nodes[at + 2];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
      third.exec(cpu);
    }
  }

  private static final class SignExtendSub extends Several {
    private final MoveNodes.SignExtend first;
    private final AluNodes.Sub second;

    SignExtendSub(Node[] nodes, int at) {
      super(nodes[at], nodes[at + 1]);
      first = (MoveNodes.SignExtend) nodes[at];
      second = (AluNodes.Sub) nodes[at + 1];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
    }
  }

  private static final class SignExtendQuietAdd extends Several {
    private final MoveNodes.SignExtend first;
    private final QuietNodes.Add second;

    SignExtendQuietAdd(Node[] nodes, int at) {
      super(nodes[at], nodes[at + 1]);
      first = (MoveNodes.SignExtend) nodes[at];
      second = (QuietNodes.Add) nodes[at + 1];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
    }
  }

  private static final class ZeroExtendSub extends Several {
    private final MoveNodes.ZeroExtend first;
    private final AluNodes.Sub second;

    ZeroExtendSub(Node[] nodes, int at) {
      super(nodes[at], nodes[at + 1]);
      first = (MoveNodes.ZeroExtend) nodes[at];
      second = (AluNodes.Sub) nodes[at + 1];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
    }
  }

  private static final class ZeroExtendAddLoad extends Several {
    private final MoveNodes.ZeroExtend first;
    private final AluMemoryNodes.AddLoad second;

    ZeroExtendAddLoad(Node[] nodes, int at) {
      super(nodes[at], nodes[at + 1]);
      first = (MoveNodes.ZeroExtend) nodes[at];
      second = (AluMemoryNodes.AddLoad) nodes[at + 1];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
    }
  }

  private static final class Copy64QuietImul extends Several {
    private final MoveNodes.Copy64 first;
    private final QuietNodes.Imul second;

    Copy64QuietImul(Node[] nodes, int at) {
      super(nodes[at], nodes[at + 1]);
      first = (MoveNodes.Copy64) nodes[at];
      second = (QuietNodes.Imul) nodes[at + 1];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
    }
  }

  private static final class Copy64QuietAdd extends Several {
    private final MoveNodes.Copy64 first;
    private final QuietNodes.Add second;

    Copy64QuietAdd(Node[] nodes, int at) {
      super(nodes[at], nodes[at + 1]);
      first = (MoveNodes.Copy64) nodes[at];
      second = (QuietNodes.Add) nodes[at + 1];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
    }
  }

  private static final class Copy64Copy64 extends Several {
    private final MoveNodes.Copy64 first;
    private final MoveNodes.Copy64 second;

    Copy64Copy64(Node[] nodes, int at) {
      super(nodes[at], nodes[at + 1]);
      first = (MoveNodes.Copy64) nodes[at];
      second = (MoveNodes.Copy64) nodes[at + 1];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
    }
  }

  private static final class Copy64Call extends Several {
    private final MoveNodes.Copy64 first;
    private final BranchNodes.Call second;

    Copy64Call(Node[] nodes, int at) {
      super(nodes[at], nodes[at + 1]);
      first = (MoveNodes.Copy64) nodes[at];
      second = (BranchNodes.Call) nodes[at + 1];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
    }
  }

  private static final class LeaRet extends Several {
    private final MoveNodes.Lea first;
    private final BranchNodes.Ret second;

    LeaRet(Node[] nodes, int at) {
      super(nodes[at], nodes[at + 1]);
      first = (MoveNodes.Lea) nodes[at];
      second = (BranchNodes.Ret) nodes[at + 1];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
    }
  }

  private static final class QuietImulQuietImul extends Several {
    private final QuietNodes.Imul first;
    private final QuietNodes.Imul second;

    QuietImulQuietImul(Node[] nodes, int at) {
      super(nodes[at], nodes[at + 1]);
      first = (QuietNodes.Imul) nodes[at];
      second = (QuietNodes.Imul) nodes[at + 1];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
    }
  }

  private static final class QuietAddQuietAdd extends Several {
    private final QuietNodes.Add first;
    private final QuietNodes.Add second;

    QuietAddQuietAdd(Node[] nodes, int at) {
      super(nodes[at], nodes[at + 1]);
      first = (QuietNodes.Add) nodes[at];
      second = (QuietNodes.Add) nodes[at + 1];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
    }
  }

  private static final class QuietAddShr extends Several {
    private final QuietNodes.Add first;
    private final UnaryNodes.Shr second;

    QuietAddShr(Node[] nodes, int at) {
      super(nodes[at], nodes[at + 1]);
      first = (QuietNodes.Add) nodes[at];
      second = (UnaryNodes.Shr) nodes[at + 1];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
    }
  }

  private static final class CmpSetcc extends Several {
    private final AluNodes.Cmp first;
    private final MoveNodes.Setcc second;

    CmpSetcc(Node[] nodes, int at) {
      super(nodes[at], nodes[at + 1]);
      first = (AluNodes.Cmp) nodes[at];
      second = (MoveNodes.Setcc) nodes[at + 1];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
    }
  }

  private static final class CmpCmov extends Several {
    private final AluNodes.Cmp first;
    private final MoveNodes.Cmov second;

    CmpCmov(Node[] nodes, int at) {
      super(nodes[at], nodes[at + 1]);
      first = (AluNodes.Cmp) nodes[at];
      second = (MoveNodes.Cmov) nodes[at + 1];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
    }
  }

  private static final class AdcStore64 extends Several {
    private final AluNodes.Adc first;
    private final MoveNodes.Store64 second;

    AdcStore64(Node[] nodes, int at) {
      super(nodes[at], nodes[at + 1]);
      first = (AluNodes.Adc) nodes[at];
      second = (MoveNodes.Store64) nodes[at + 1];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
    }
  }

  private static final class AddJumpNz extends Several {
    private final AluNodes.Add first;
    private final BranchNodes.JumpNz second;

    AddJumpNz(Node[] nodes, int at) {
      super(nodes[at], nodes[at + 1]);
      first = (AluNodes.Add) nodes[at];
      second = (BranchNodes.JumpNz) nodes[at + 1];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
    }
  }

  private static final class LoadZero8TestSign extends Several {
    private final MoveNodes.LoadZero8 first;
    private final FusedNodes.TestSign second;

    LoadZero8TestSign(Node[] nodes, int at) {
      super(nodes[at], nodes[at]);
      first = (MoveNodes.LoadZero8) nodes[at];
      second = (FusedNodes.TestSign) nodes[at + 1];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
    }
  }

  private static final class LoadZero8TestZero extends Several {
    private final MoveNodes.LoadZero8 first;
    private final FusedNodes.TestZero second;

    LoadZero8TestZero(Node[] nodes, int at) {
      super(nodes[at], nodes[at]);
      first = (MoveNodes.LoadZero8) nodes[at];
      second = (FusedNodes.TestZero) nodes[at + 1];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
    }
  }

  private static final class Load64TestZero extends Several {
    private final MoveNodes.Load64 first;
    private final FusedNodes.TestZero second;

    Load64TestZero(Node[] nodes, int at) {
      super(nodes[at], nodes[at]);
      first = (MoveNodes.Load64) nodes[at];
      second = (FusedNodes.TestZero) nodes[at + 1];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
    }
  }

  private static final class CmpMemoryJumpZ extends Several {
    private final AluMemoryNodes.CmpMemory first;
    private final BranchNodes.JumpZ second;

    CmpMemoryJumpZ(Node[] nodes, int at) {
      super(nodes[at], nodes[at]);
      first = (AluMemoryNodes.CmpMemory) nodes[at];
      second = (BranchNodes.JumpZ) nodes[at + 1];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
    }
  }

  private static final class CmpMemoryJumpNz extends Several {
    private final AluMemoryNodes.CmpMemory first;
    private final BranchNodes.JumpNz second;

    CmpMemoryJumpNz(Node[] nodes, int at) {
      super(nodes[at], nodes[at]);
      first = (AluMemoryNodes.CmpMemory) nodes[at];
      second = (BranchNodes.JumpNz) nodes[at + 1];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
    }
  }

  private static final class TestMemoryJumpZ extends Several {
    private final AluMemoryNodes.TestMemory first;
    private final BranchNodes.JumpZ second;

    TestMemoryJumpZ(Node[] nodes, int at) {
      super(nodes[at], nodes[at]);
      first = (AluMemoryNodes.TestMemory) nodes[at];
      second = (BranchNodes.JumpZ) nodes[at + 1];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
    }
  }

  private static final class TestMemoryJumpNz extends Several {
    private final AluMemoryNodes.TestMemory first;
    private final BranchNodes.JumpNz second;

    TestMemoryJumpNz(Node[] nodes, int at) {
      super(nodes[at], nodes[at]);
      first = (AluMemoryNodes.TestMemory) nodes[at];
      second = (BranchNodes.JumpNz) nodes[at + 1];
    }

    @Override
    void exec(Cpu cpu) {
      first.exec(cpu);
      second.exec(cpu);
    }
  }
}
