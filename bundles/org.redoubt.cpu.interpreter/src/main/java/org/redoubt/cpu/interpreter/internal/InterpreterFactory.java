package org.redoubt.cpu.interpreter.internal;

import java.util.List;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuConfig;
import org.redoubt.api.cpu.CpuEngine;
import org.redoubt.api.cpu.CpuEngineFactory;
import org.redoubt.x86.exec.CpuModel;
import org.redoubt.x86.exec.CpuModels;

/** Offers {@link Interpreter} under the name {@code interpreter}. */
@Component(property = CpuEngineFactory.CPU_ENGINE_NAME + "=interpreter")
public final class InterpreterFactory implements CpuEngineFactory {
  /** Called by the service runtime, and by those who wire parts by hand. */
  public InterpreterFactory() {}

  @Override
  public List<String> models() {
    return CpuModels.names();
  }

  @Override
  public String about(String model) {
    return CpuModels.about(model);
  }

  @Override
  public CpuEngine create(CpuConfig config) throws HypervisorException {
    CpuModel model =
        CpuModels.find(config.model())
            .orElseThrow(() ->
                new HypervisorException(
                    "CPU model %s is not known; there are: %s"
                        .formatted(config.model(), String.join(", ", models()))));
    return new Interpreter(config, model);
  }
}
