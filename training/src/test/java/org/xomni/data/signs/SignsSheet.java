package org.xomni.data.signs;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.xomni.data.BrokenSample;
import org.xomni.data.Picture;
import org.xomni.data.Sample;
import org.xomni.image.Pixels;
import org.xomni.image.PngWriter;

/**
 * For people: a sheet of 64 samples to look at, what they say beside it, and how fast they are made. Arguments: FILE.png [train|held_out]
 * [first index].
 */
final class SignsSheet {
    private static final int CELL = 168;
    private static final int COLUMNS = 8;

    private SignsSheet() {}

    public static void main(String[] args) throws IOException, BrokenSample {
        Path file = Path.of(args[0]);
        Split split = args.length > 1 ? Split.valueOf(args[1].toUpperCase(Locale.ROOT)) : Split.TRAIN;
        long first = args.length > 2 ? Long.parseLong(args[2]) : 0;
        SignsWorld world = new SignsWorld(1, split, new SignsWorld.Tasks(8, 2, 3, 1, 2));
        Pixels sheet = new Pixels(COLUMNS * CELL, COLUMNS * CELL);
        Arrays.fill(sheet.rgb(), (byte) 200);
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < COLUMNS * COLUMNS; i++) {
            Sample sample = world.sample(first + i);
            Pixels picture = ((Picture.Raw) sample.pictures().getFirst()).pixels();
            for (int y = 0; y < picture.height(); y++) {
                int to = ((i / COLUMNS * CELL + 4 + y) * sheet.width() + i % COLUMNS * CELL + 4) * 3;
                System.arraycopy(picture.rgb(), y * picture.width() * 3, sheet.rgb(), to, picture.width() * 3);
            }
            text.append(first + i).append("  ").append(say(sample)).append('\n');
        }
        PngWriter.write(file, sheet, Map.of());
        Files.writeString(file.resolveSibling(file.getFileName() + ".txt"), text);
        for (int round = 1; round <= 4; round++) {
            long wall = System.nanoTime();
            long busy = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
            int n = 5000;
            for (int i = 0; i < n; i++) {
                Sample unused = world.sample(1_000_000L + i);
            }
            // Others may use the processor too: its own time says what a free core would do.
            System.out.printf("round %d: %.0f samples a second, %.0f a second of processor time%n", round,
                    n / ((System.nanoTime() - wall) / 1e9),
                    n / ((ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - busy) / 1e9));
        }
        System.out.println("held-out words: " + Words.ENGLISH.stream().filter(w -> Split.of(w) == Split.HELD_OUT).count()
                + " of " + Words.ENGLISH.size());
    }

    private static String say(Sample sample) {
        return switch (sample) {
            case Sample.Generation g -> g.prompt();
            case Sample.Dialogue d -> d.turns().stream()
                    .map(t -> t.role() + ": " + t.parts().stream()
                            .map(p -> p instanceof Sample.Part.Said(String said) ? said : "[picture]")
                            .collect(Collectors.joining(" ")))
                    .collect(Collectors.joining(" / "));
        };
    }
}
