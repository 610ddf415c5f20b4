package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.osgi.framework.Bundle;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.service.component.runtime.ServiceComponentRuntime;
import org.osgi.service.component.runtime.dto.ComponentConfigurationDTO;
import org.osgi.service.component.runtime.dto.ComponentDescriptionDTO;
import org.redoubt.itests.container.InsideRedoubt;

/** The distribution as its features start it. */
@ExtendWith(InsideRedoubt.class)
class DistributionIT {

  @Test
  void shouldHaveEveryBundleActive() {
    Map<String, Integer> others = new TreeMap<>();
    for (Bundle bundle : Services.context().getBundles()) {
      if (bundle.getState() != Bundle.ACTIVE) {
        others.put(bundle.getSymbolicName(), bundle.getState());
      }
    }
    assertEquals(Map.of(), others);
  }

  @Test
  void shouldSatisfyEveryComponent() {
    ServiceComponentRuntime runtime = Services.get(ServiceComponentRuntime.class);
    List<String> unsatisfied = new ArrayList<>();
    int satisfied = 0;
    for (ComponentDescriptionDTO component : runtime.getComponentDescriptionDTOs()) {
      for (ComponentConfigurationDTO state : runtime.getComponentConfigurationDTOs(component)) {
        if (state.state == ComponentConfigurationDTO.SATISFIED
            || state.state == ComponentConfigurationDTO.ACTIVE) {
          satisfied++;
        } else {
          unsatisfied.add(
              component.name
                  + ": "
                  + Arrays.stream(state.unsatisfiedReferences).map(r -> r.name).toList());
        }
      }
    }
    assertEquals(List.of(), unsatisfied);
    assertFalse(satisfied == 0, "no component at all");
  }

  @Test
  void shouldDescribeEveryCommandOfOurs() throws InvalidSyntaxException {
    Shell shell = new Shell();
    String help = shell.run("help");
    List<String> undescribed = new ArrayList<>();
    int described = 0;
    for (ServiceReference<?> command :
        Services.context()
            .getAllServiceReferences(null, "(&(osgi.command.scope=*)(osgi.command.function=*))")) {
      String scope = String.valueOf(command.getProperty("osgi.command.scope"));
      Object functions = command.getProperty("osgi.command.function");
      for (String function :
          functions instanceof String[] names ? names : new String[] {functions.toString()}) {
        String name = scope + ":" + function;
        boolean inTable =
            help.lines().anyMatch(line -> line.matches("\\Q" + name + "\\E {2,}\\S.*"));
        if (inTable && !shell.run("help " + name).isBlank()) {
          described++;
        } else {
          undescribed.add(name);
        }
      }
    }
    assertEquals(List.of(), undescribed);
    assertFalse(described < 20, "only " + described + " commands");
  }
}
