/** The commands {@code config:}, on OSGi's ConfigurationAdmin. */
@NullMarked
package org.redoubt.shell.internal.config;

import org.jspecify.annotations.NullMarked;
