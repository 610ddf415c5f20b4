package org.redoubt.firmware.internal;

/** What the checks of a command come to. Nothing has changed by then. */
public sealed interface Decision permits Refusal, Approval {}
