package org.redoubt.itests.container;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.function.BiFunction;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.engine.JupiterTestEngine;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.platform.commons.support.AnnotationSupport;
import org.junit.platform.engine.TestEngine;
import org.junit.platform.launcher.Launcher;
import org.opentest4j.AssertionFailedError;
import org.ops4j.pax.exam.CoreOptions;
import org.ops4j.pax.exam.Option;
import org.ops4j.pax.exam.TestContainer;
import org.ops4j.pax.exam.spi.DefaultExamSystem;
import org.ops4j.pax.exam.spi.PaxExamRuntime;
import org.osgi.framework.Constants;
import org.redoubt.distribution.FeatureSet;
import org.redoubt.distribution.FeatureSet.FeatureException;
import org.redoubt.distribution.Installation;

/** A framework started by Pax Exam from the distribution's features, with JUnit and the probe. */
final class Container implements AutoCloseable {
  private final TestContainer container;
  private final DefaultExamSystem system;

  private Container(TestContainer container, DefaultExamSystem system) {
    this.container = container;
    this.system = system;
  }

  static Container start() throws IOException, FeatureException {
    Installation installation = new Installation(Path.of(System.getProperty("redoubt.home")));
    Properties configuration = installation.configuration();
    List<Option> options = new ArrayList<>();
    List<Path> documents = new ArrayList<>();
    for (String feature : configuration.getProperty("redoubt.features").split("\\s+")) {
      documents.add(FeatureSet.find(installation, feature));
    }
    FeatureSet features =
        FeatureSet.read(
            installation,
            documents,
            problem -> {
              throw new AssertionError(problem);
            });
    Stream.concat(features.bundles().stream(), testBundles())
        .map(jar -> CoreOptions.bundle("reference:" + jar.toUri()))
        .forEach(options::add);
    Path probe = Files.createTempFile("redoubt-probe-", ".jar");
    probe.toFile().deleteOnExit();
    Files.write(probe, probe().readAllBytes());
    options.add(CoreOptions.bundle(probe.toUri().toString()));
    options.add(CoreOptions.frameworkProperty("felix.log.level").value("1"));
    Path chip = Path.of(System.getProperty("redoubt.root"), "itests/target/data/container");
    options.add(CoreOptions.frameworkProperty("redoubt.psp.state").value(chip.toString()));
    DefaultExamSystem system =
        (DefaultExamSystem) DefaultExamSystem.create(options.toArray(Option[]::new));
    return new Container(PaxExamRuntime.createContainer(system).start(), system);
  }

  /** JUnit, as bundles: what runs the tests inside. */
  private static Stream<Path> testBundles() {
    return Stream.of(
            AssertionFailedError.class,
            AnnotationSupport.class,
            TestEngine.class,
            Launcher.class,
            Test.class,
            ParameterizedTest.class,
            JupiterTestEngine.class)
        .map(Container::jar);
  }

  private static Path jar(Class<?> type) {
    try {
      return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException("bug: a class without a file", e);
    }
  }

  /** The test classes as a bundle that imports whatever it turns out to need. */
  private static ByteArrayInputStream probe() throws IOException {
    Manifest manifest = new Manifest();
    Attributes attributes = manifest.getMainAttributes();
    attributes.put(Attributes.Name.MANIFEST_VERSION, "1.0");
    attributes.putValue(Constants.BUNDLE_MANIFESTVERSION, "2");
    attributes.putValue(Constants.BUNDLE_SYMBOLICNAME, "org.redoubt.itests.probe");
    attributes.putValue(Constants.BUNDLE_ACTIVATOR, Probe.class.getName());
    attributes.putValue(Constants.IMPORT_PACKAGE, "org.osgi.framework");
    attributes.putValue(Constants.DYNAMICIMPORT_PACKAGE, "*");
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    Path classes = jar(Container.class);
    try (JarOutputStream jar = new JarOutputStream(bytes, manifest);
        Stream<Path> files = Files.walk(classes)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        jar.putNextEntry(new JarEntry(classes.relativize(file).toString()));
        Files.copy(file, jar);
        jar.closeEntry();
      }
    }
    return new ByteArrayInputStream(bytes.toByteArray());
  }

  /** Runs one test inside and returns why it failed, if it did. */
  @SuppressWarnings("unchecked") // the probe put it there
  Optional<Throwable> run(Class<?> type, String uniqueId) {
    BiFunction<String, String, Optional<Throwable>> probe =
        (BiFunction<String, String, Optional<Throwable>>)
            System.getProperties().get(Probe.RENDEZVOUS);
    if (probe == null) {
      throw new AssertionError("The probe bundle did not start: " + Arrays.asList(type));
    }
    return probe.apply(type.getName(), uniqueId);
  }

  @Override
  public void close() {
    container.stop();
    system.clear();
  }
}
