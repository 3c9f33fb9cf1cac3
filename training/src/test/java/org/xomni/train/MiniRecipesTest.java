package org.xomni.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.xomni.rl.GrpoDryRun;
import org.xomni.rl.GrpoTraining;

/** The recipes of the default model, in the order in which {@code run.sh} takes them. */
class MiniRecipesTest {
    private static final Path RECIPES = Path.of(System.getProperty("xomni.root"), "recipes", "mini");
    private static final Pattern STAGE = Pattern.compile("^(?:alone|beside) (\\S+) (\\S+)", Pattern.MULTILINE);
    private static final Pattern START = Pattern.compile("^start: \\.\\./\\.\\./runs/([^/]+)/model/model$", Pattern.MULTILINE);

    @Test
    void eachStageIsSoundAndStartsFromOneBefore() throws IOException {
        List<String> before = new ArrayList<>();
        for (MatchResult stage : STAGE.matcher(Files.readString(RECIPES.resolve("run.sh"))).results().toList()) {
            String name = stage.group(2);
            Path recipe = RECIPES.resolve(name + ".yaml");
            DryRun dry = stage.group(1).equals(GrpoTraining.STAGE) ? GrpoDryRun.of(recipe) : DryRun.of(stage.group(1), recipe);

            assertThat(dry.problems()).as(name).isEmpty();
            assertThat(dry.missing()).as(name).allMatch(missing -> missing.contains("runs"));
            START.matcher(Files.readString(recipe)).results().forEach(start -> assertThat(before).contains(start.group(1)));
            before.add(name);
        }
        assertThat(before).contains("tokenizer", "autoencoder", "decoder", "pretrain-1", "sft-1", "sft-2", "grpo-1", "sft-3", "grpo-2");
    }
}
