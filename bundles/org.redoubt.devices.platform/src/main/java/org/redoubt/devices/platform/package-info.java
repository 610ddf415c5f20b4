/** UART, PIC, PIT, LAPIC, IOAPIC, RTC, ACPI. */
@org.jspecify.annotations.NullMarked
package org.redoubt.devices.platform;
