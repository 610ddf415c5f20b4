package org.redoubt.api.firmware;

import java.util.Optional;
import org.redoubt.spec.sev.cert.CaCertificate;
import org.redoubt.spec.sev.cert.PlatformChain;

/**
 * All certificates of a platform: the maker&#39;s, which real hardware gets from its maker&#39;s
 * key server, and its own.
 *
 * @param ark the root; verifiers must be told to trust it
 * @param ask the signing key below it
 * @param platform what PDH_CERT_EXPORT gives; empty while the platform is not initialized
 */
public record CertificateSet(
    CaCertificate ark, CaCertificate ask, Optional<PlatformChain> platform) {}
