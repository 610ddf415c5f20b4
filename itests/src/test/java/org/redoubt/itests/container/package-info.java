/**
 * Runs JUnit 5 tests inside the real distribution: Pax Exam's native container starts Felix with
 * the bundles that the feature documents name, and {@link
 * org.redoubt.itests.container.InsideRedoubt} passes each test method on to a probe bundle there.
 *
 * <pre>
 * JUnit (failsafe) --> InsideRedoubt --unique id--> Probe (in the container) --> JUnit, same method
 * </pre>
 */
@NullMarked
package org.redoubt.itests.container;

import org.jspecify.annotations.NullMarked;
