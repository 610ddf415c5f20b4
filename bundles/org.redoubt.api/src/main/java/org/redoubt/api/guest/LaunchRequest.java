package org.redoubt.api.guest;

import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * What to load, and into what machine.
 *
 * @param kernel the kernel's file, mapped or read; not changed
 * @param initrd the initial RAM disk
 * @param commandLine the kernel's command line
 * @param memoryBytes guest RAM, a multiple of 4,096
 * @param vcpus number of vCPUs
 * @param cBit position of the C-bit in page tables, or 0 without SEV
 * @param secretBytes room for a launch secret in bytes, 0 for none
 */
public record LaunchRequest(
    MemorySegment kernel,
    Optional<MemorySegment> initrd,
    String commandLine,
    long memoryBytes,
    int vcpus,
    int cBit,
    int secretBytes) {}
