/** Policies worth having: each a service that is there once it has a configuration. */
@org.jspecify.annotations.NullMarked
package org.redoubt.policy.samples;
