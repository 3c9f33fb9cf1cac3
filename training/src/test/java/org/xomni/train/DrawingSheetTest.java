package org.xomni.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.xomni.train.SmallStages.loop;
import static org.xomni.train.SmallStages.losses;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.data.SampleSource;
import org.xomni.data.signs.SignsWorld.Tasks;
import org.xomni.image.ImageFiles;
import org.xomni.image.Pixels;
import org.xomni.train.SmallStages.Kind;

/** Sheets of what the unified model draws while it is trained. */
class DrawingSheetTest {
    private static final String SHEET = "sheets/step-000000003.png";

    @TempDir
    Path folder;

    private double[] run(Path model, SampleSource source, String name) {
        return losses(
                new UnifiedStage(
                        model, null, new UnifiedStage.Settings(UnifiedStage.Trained.EVERYTHING, 2, 128, 0.1, 1, false, 3), 7, TinyCheckpoint.FP32, source, 1),
                loop(6, 3), folder.resolve(name), false, -1);
    }

    private static SampleSource drawing() {
        return TinyCheckpoint.tokenised(new Tasks(1, 1, 1, 0, 0), 1000);
    }

    /** One sample of a hundred is a raw prompt. */
    private static SampleSource rarelyDrawing() {
        SampleSource prompts = TinyCheckpoint.tokenised(new Tasks(1, 0, 0, 0, 0), 1000);
        SampleSource understanding = TinyCheckpoint.tokenised(new Tasks(0, 1, 0, 0, 0), 1000);
        return index -> (index % 100 == 0 ? prompts : understanding).sample(index);
    }

    @Test
    void theSamePromptsAreDrawnAtEachCheckpointOnceThereIsADecoder() throws IOException {
        Path checkpoint = TinyCheckpoint.withFrozenParts(folder.resolve("checkpoint"));
        Path model = checkpoint.resolve("model");
        double[] without = run(model, drawing(), "before");
        assertThat(folder.resolve("before").resolve(SHEET)).as("no decoder yet").doesNotExist();

        double[] unused = losses(Kind.DECODER.make(checkpoint, 4), loop(1, 1), folder.resolve("decoder"), false, -1);
        Files.copy(
                folder.resolve("decoder/model/model/decoder/diffusion_pytorch_model.safetensors"), model.resolve("decoder/diffusion_pytorch_model.safetensors"));
        double[] with = run(model, drawing(), "after");

        assertThat(with).as("sheets change nothing").containsExactly(without);
        Pixels sheet = ImageFiles.read(folder.resolve("after").resolve(SHEET));
        // Three pairs of 96x96.
        assertThat(sheet.width()).isBetween(6 * 96, 6 * 110);
        assertThat(sheet.height()).isBetween(96, 110);
        List<String> captions = Files.readAllLines(folder.resolve("after/sheets/step-000000003.txt"));
        assertThat(captions).hasSize(6);
        assertThat(captions.get(0)).startsWith("1\tdata: ");
        assertThat(captions.get(1)).isEqualTo(captions.get(0).replace("1\tdata", "2\tdrawn"));
        assertThat(Files.readAllLines(folder.resolve("after/sheets/step-000000006.txt"))).isEqualTo(captions);

        double[] understanding = run(model, TinyCheckpoint.tokenised(new Tasks(0, 1, 1, 0, 0), 1000), "understanding");
        assertThat(understanding).hasSize(6);
        assertThat(folder.resolve("understanding").resolve(SHEET)).as("nothing to draw").doesNotExist();

        double[] few = run(model, rarelyDrawing(), "few");
        assertThat(few).hasSize(6);
        List<String> two = Files.readAllLines(folder.resolve("few/sheets/step-000000003.txt"));
        assertThat(two).as("samples 0 and 100 of the 192 that are looked at").hasSize(4);
        assertThat(Files.readAllLines(folder.resolve("few/sheets/step-000000006.txt"))).isEqualTo(two);

        // A decoder that is damaged ends no run.
        Files.writeString(model.resolve("decoder/diffusion_pytorch_model.safetensors"), "damaged");
        assertThat(run(model, drawing(), "damaged")).containsExactly(without);
        assertThat(folder.resolve("damaged").resolve(SHEET)).doesNotExist();
    }
}
