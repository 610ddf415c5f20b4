/**
 * The key hierarchy: chip, platform, guest. The only code of the firmware that reads secrets.
 *
 * <pre>
 * chip secret --> CEK, chip id, sealing key of the state
 *      OCA, PEK, PDH  random, sealed in the state
 *      guest: VEK seed (random) --> one memory key per engine;  TEK, TIK (from the owner's session)
 *      host key: random at power-on
 * </pre>
 */
@org.jspecify.annotations.NullMarked
package org.redoubt.firmware.internal.keys;
