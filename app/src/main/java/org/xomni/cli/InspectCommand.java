package org.xomni.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.xomni.Inspection;
import org.xomni.XOmni;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code xomni inspect [DIR]}: what is in a checkpoint, and what is wrong with it. Exits with 2 if something is. */
@Command(name = "inspect", mixinStandardHelpOptions = true, description = "Shows the parts of a checkpoint, their sizes and problems.")
final class InspectCommand implements Callable<Integer> {
    @Parameters(paramLabel = "DIR", arity = "0..1", description = "Checkpoint folder. Default: --model, or the embedded model.")
    @Nullable
    Path folder;

    @Mixin
    ModelOptions modelOptions = new ModelOptions();

    @Override
    public Integer call() {
        Path dir = folder != null ? folder : modelOptions.model != null ? modelOptions.model : XOmni.defaultModel();
        List<Inspection.Part> parts = Inspection.of(dir, modelOptions.flux);
        System.out.println(dir);
        for (Inspection.Part part : parts) {
            System.out.println();
            System.out.println(part.name());
            print("dimensions", part.dimensions());
            if (part.parameters() > 0) {
                print("parameters", String.format(Locale.ROOT, "%,d", part.parameters()));
                print("dtypes", part.dtypes().entrySet().stream()
                        .map(e -> e.getKey().name().toLowerCase(Locale.ROOT) + (part.dtypes().size() > 1 ? " " + e.getValue() : ""))
                        .collect(Collectors.joining(", ")));
            }
            if (!part.unknown().isEmpty()) {
                print("unused", part.unknown().size() + ": " + part.unknown().stream().limit(4).collect(Collectors.joining(", "))
                        + (part.unknown().size() > 4 ? ", ..." : ""));
            }
            part.problems().forEach(problem -> print("PROBLEM", problem));
        }
        long problems = parts.stream().mapToLong(p -> p.problems().size()).sum();
        long total = parts.stream().mapToLong(Inspection.Part::parameters).sum();
        System.out.println();
        System.out.println(String.format(Locale.ROOT, "%,d parameters in all, %s", total, problems == 0 ? "no problems" : problems + " problem(s)"));
        return problems == 0 ? 0 : 2;
    }

    private static void print(String label, String value) {
        if (!value.isEmpty()) {
            System.out.println("  " + label + " ".repeat(12 - label.length()) + value);
        }
    }
}
