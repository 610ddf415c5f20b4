/**
 * The exams of a vCPU's parts: its MMU, and the engine that runs it.
 *
 * <pre>{@code
 * class MyMmuTest extends MmuContract {
 *   @Override
 *   protected MmuFactory factory() {
 *     return new MyMmuFactory();
 *   }
 * }
 * }</pre>
 */
@Export
@Version("0.1.0")
@NullMarked
package org.redoubt.testkit.cpu;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
