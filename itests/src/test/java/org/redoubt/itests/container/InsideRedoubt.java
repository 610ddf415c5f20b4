package org.redoubt.itests.container;

import java.lang.reflect.Method;
import java.util.Optional;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;

/**
 * Makes a test class run inside the distribution: {@code @ExtendWith(InsideRedoubt.class)}. Each
 * class gets a container of its own. Outside, this extension skips every method body and has the
 * container run it instead; inside, it does nothing.
 */
public final class InsideRedoubt implements BeforeAllCallback, InvocationInterceptor {
  private static final Namespace NAMESPACE = Namespace.create(InsideRedoubt.class);

  @Override
  public void beforeAll(ExtensionContext context) throws Exception {
    if (!Probe.isInside()) {
      store(context).put(Container.class, Container.start());
    }
  }

  @Override
  public void interceptTestMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    if (Probe.isInside()) {
      invocation.proceed();
      return;
    }
    invocation.skip();
    Optional<Throwable> failure =
        store(context)
            .get(Container.class, Container.class)
            .run(context.getRequiredTestClass(), context.getUniqueId());
    if (failure.isPresent()) {
      throw failure.get();
    }
  }

  @Override
  public void interceptTestTemplateMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    interceptTestMethod(invocation, method, context);
  }

  @Override
  public void interceptBeforeAllMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    insideOnly(invocation);
  }

  @Override
  public void interceptAfterAllMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    insideOnly(invocation);
  }

  @Override
  public void interceptBeforeEachMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    insideOnly(invocation);
  }

  @Override
  public void interceptAfterEachMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    insideOnly(invocation);
  }

  private static void insideOnly(Invocation<Void> invocation) throws Throwable {
    if (Probe.isInside()) {
      invocation.proceed();
    } else {
      invocation.skip();
    }
  }

  private static ExtensionContext.Store store(ExtensionContext context) {
    return context.getStore(NAMESPACE);
  }
}
