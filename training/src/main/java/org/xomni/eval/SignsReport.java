package org.xomni.eval;

import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.xomni.data.signs.Question;
import org.xomni.data.signs.Split;
import org.xomni.eval.SignsScore.Aspect;
import org.xomni.tensor.Json;
import org.xomni.tensor.NewFile;

/**
 * Scores on held-out signs, all with 95% intervals.
 *
 * @param seed of the world
 * @param split of the scenes
 * @param prompts how many there were
 * @param generation pictures drawn from prompts, by guidance scale (1 is none); empty if that was not evaluated
 * @param reconstruction absent if that was not evaluated
 * @param understanding absent if that was not evaluated
 */
public record SignsReport(
        long seed,
        Split split,
        int prompts,
        Map<Double, Generation> generation,
        Optional<Reconstruction> reconstruction,
        Optional<Understanding> understanding) {

    /**
     * Drawn pictures.
     *
     * @param temperature of drawing
     * @param scores by aspect; one that no scene has is absent
     */
    public record Generation(double temperature, Map<Aspect, Interval> scores) {}

    /**
     * Pictures that went through the tokenizer and the decoder.
     *
     * @param scores by aspect
     * @param originals the same scores of the pictures that went in: what the scoring itself gets wrong
     * @param relativeTextAccuracy text accuracy as a part of that of the originals
     * @param psnr in dB
     */
    public record Reconstruction(
            Map<Aspect, Interval> scores,
            Map<Aspect, Interval> originals,
            Interval relativeTextAccuracy,
            Interval psnr,
            CodebookUsage codebook) {}

    /**
     * Questions about pictures.
     *
     * @param readingExact text read to the letter, case included
     * @param readingFolded text read exactly but for case and white space
     * @param readingAccuracy 1 - normalised edit distance
     * @param questions right answers of all questions, not counting reading and descriptions
     * @param topics the same by topic
     */
    public record Understanding(
            Interval readingExact,
            Interval readingFolded,
            Interval readingAccuracy,
            Interval questions,
            Map<Question.Topic, Interval> topics) {}

    /** One JSON object, indented. */
    public String json() {
        return Json.mapper().writerWithDefaultPrettyPrinter().writeValueAsString(this);
    }

    /** Writes {@link #json} to a file, which appears whole or not at all. */
    public void write(Path file) {
        NewFile.write(file, json() + "\n");
    }

    /** A table to read: one line a score, with the interval and the count of samples. */
    public String table() {
        StringBuilder table = new StringBuilder();
        table.append(prompts).append(" scenes of the split ").append(words(split).replace(' ', '-')).append(", seed ").append(seed).append('\n');
        generation.forEach((guidance, g) -> {
            table.append(guidance == 1 ? "generation without guidance" : "generation, guidance " + guidance)
                    .append(g.temperature == 1 ? "\n" : ", temperature " + g.temperature + "\n");
            g.scores.forEach((aspect, score) -> line(table, words(aspect), score));
        });
        reconstruction.ifPresent(r -> {
            table.append("reconstruction\n");
            line(table, "text accuracy relative to originals", r.relativeTextAccuracy);
            r.scores.forEach((aspect, score) -> line(table, words(aspect), score));
            table.append(String.format(
                    Locale.ROOT, "  %-36s %.1f [%.1f, %.1f] dB%n", "PSNR", r.psnr.mean(), r.psnr.low(), r.psnr.high()));
            table.append(String.format(
                    Locale.ROOT, "  %-36s %d codes, perplexity %.0f%n", "codebook", r.codebook.codes(), r.codebook.perplexity()));
            table.append("originals, scored in the same way\n");
            r.originals.forEach((aspect, score) -> line(table, words(aspect), score));
        });
        understanding.ifPresent(u -> {
            table.append("understanding\n");
            line(table, "text read exactly", u.readingExact);
            line(table, "text read exactly, any case", u.readingFolded);
            line(table, "text accuracy", u.readingAccuracy);
            line(table, "questions", u.questions);
            u.topics.forEach((topic, score) -> line(table, "- " + words(topic), score));
        });
        return table.toString();
    }

    private static void line(StringBuilder table, String name, Interval score) {
        table.append(String.format(Locale.ROOT, "  %-36s %s  n=%d%n", name, score, score.count()));
    }

    private static String words(Enum<?> name) {
        return name.name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }
}
