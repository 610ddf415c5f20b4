/**
 * How the memory system works.
 *
 * <pre>{@code
 * View, Port            who touches memory: pin a frame, or hold its host address in a TLB
 *   SocCache            hit, fill, tag switch
 *     Evictions         room: by second chance
 *     Flushes           everything, or a page, on demand
 *     WriteBack         a frame to DRAM
 *     Evictor           threads that do it for other guests' threads
 *     Frames  Book      what each frame holds | what each page of DRAM holds
 *     Handshake         brings running ports to a safepoint and tells their clients
 *     Ciphers           the calls of engines, timed, checked and watched
 *   KeySlots            ASID to key, engine and life stage
 *   Movement            a change of engine under way
 * Dram                  the bytes outside the SoC
 * }</pre>
 *
 * <p>Locks, outermost first: {@code KeySlots} (administration), one frame or one page (a bit in a
 * word, held while its bytes move), {@code Handshake}, {@code Pool}. No engine is called with any
 * of them held but a frame's or a page's, and those the watchdog can take back.
 */
@org.jspecify.annotations.NullMarked
package org.redoubt.memory.internal;
