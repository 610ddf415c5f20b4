package org.redoubt.testkit.tool;

import java.lang.annotation.Annotation;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Takes single tests out of a contract and runs them, for those who examine the exams: a part that
 * is broken in one way must fail in the test that is there for it.
 */
public final class Exam {
  private Exam() {}

  /** Names of a contract's tests. */
  public static List<String> tests(Class<?> contract) {
    return annotated(contract, Test.class).stream().map(Method::getName).sorted().toList();
  }

  /**
   * Runs one test of a contract, with what comes before and after each.
   *
   * @param contract makes the contract's subclass, anew for the test
   * @param test the method's name
   * @return what the test failed of; empty if it passed
   * @throws IllegalArgumentException if there is no such test
   */
  public static Optional<Throwable> failure(Supplier<?> contract, String test) {
    Object subject = contract.get();
    Method method =
        annotated(subject.getClass(), Test.class).stream()
            .filter(m -> m.getName().equals(test))
            .findFirst()
            .orElseThrow(
                () -> new IllegalArgumentException(subject.getClass() + " has no test " + test));
    Optional<Throwable> failure = Optional.empty();
    for (Method before : annotated(subject.getClass(), BeforeEach.class)) {
      failure = failure.or(() -> call(subject, before));
    }
    if (failure.isEmpty()) {
      failure = call(subject, method);
    }
    for (Method after : annotated(subject.getClass(), AfterEach.class)) {
      Optional<Throwable> late = call(subject, after);
      failure = failure.or(() -> late);
    }
    return failure;
  }

  private static List<Method> annotated(Class<?> type, Class<? extends Annotation> annotation) {
    List<Method> found = new ArrayList<>();
    for (Class<?> at = type; at != null; at = at.getSuperclass()) {
      for (Method method : at.getDeclaredMethods()) {
        if (method.isAnnotationPresent(annotation)) {
          found.add(method);
        }
      }
    }
    return found;
  }

  private static Optional<Throwable> call(Object subject, Method method) {
    try {
      method.setAccessible(true);
      method.invoke(subject);
      return Optional.empty();
    } catch (InvocationTargetException e) {
      return Optional.ofNullable(e.getCause());
    } catch (IllegalAccessException e) {
      throw new AssertionError(e);
    }
  }
}
