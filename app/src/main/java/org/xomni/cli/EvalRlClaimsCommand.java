package org.xomni.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.xomni.rl.RlClaims;
import org.xomni.tensor.InputException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code xomni eval rl-claims}: the paper's Fig. 2 and Fig. 6 for a run of reinforcement learning. */
@Command(
        name = "rl-claims",
        mixinStandardHelpOptions = true,
        description = {
            "Measures on held-out prompts what reinforcement learning has brought: its reward over the steps against best-of-N of the model that it began",
            "with (Fig. 2), and text accuracy over guidance scales before and after (Fig. 6). Writes claims.json and both figures as PNG.",
            "What is measured on the way is kept in measured/ beside them: a command that was interrupted goes on when it is repeated."
        })
final class EvalRlClaimsCommand implements Callable<Integer> {
    @Option(names = "--recipe", required = true, paramLabel = "FILE", description = "The recipe of the run, where it was read.")
    Path recipe = Path.of("");

    @Option(names = "--held-out", paramLabel = "FILE", description = "Another held-out set: what recipes have below held-out. Default: the recipe's.")
    @Nullable
    Path heldOut;

    @Option(
            names = "--run",
            paramLabel = "DIR",
            description = "The run's folder, or measured/NAME.json of an earlier evaluation if the folder is gone; again for others that differ by their seeds: prompts' means are taken over them."
                    + " Default: runs/grpo.")
    List<Path> runs = List.of(Path.of("runs", "grpo"));

    @Option(names = "--prompts", paramLabel = "N", defaultValue = "128", description = "Held-out prompts. Default: 128.")
    int prompts;

    @Option(names = "--best-of", paramLabel = "N", defaultValue = "16", description = "Images a prompt before reinforcement learning. Default: 16.")
    int bestOf;

    @Option(names = "--samples", paramLabel = "N", defaultValue = "1", description = "Images a prompt at each later step. Default: 1.")
    int samples;

    @Option(names = "--guidance", paramLabel = "S", split = ",", defaultValue = "1,1.5,2,3,4", description = "Guidance scales. Default: 1,1.5,2,3,4.")
    List<Double> guidance = List.of();

    @Option(names = {"-o", "--output"}, paramLabel = "DIR", description = "Folder to write to. Default: claims in the folder of the (first) run.")
    @Nullable
    Path output;

    @Mixin
    ComputeOptions compute = new ComputeOptions();

    @Override
    public Integer call() {
        compute.applyThreads();
        if (output == null && Files.isRegularFile(runs.getFirst())) {
            throw new InputException("--run " + runs.getFirst() + " is no folder to write to; say with -o where");
        }
        Path folder = output != null ? output : runs.getFirst().resolve("claims");
        RlClaims claims = RlClaims.measure(
                recipe,
                heldOut,
                runs,
                new RlClaims.Settings(prompts, bestOf, samples, guidance),
                folder.resolve("measured"),
                compute.device,
                System.err::println);
        claims.write(folder);
        System.out.println(claims.json());
        System.err.println("written: " + folder);
        return 0;
    }
}
