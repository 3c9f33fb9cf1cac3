package org.xomni.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.xomni.ChatRequest;
import org.xomni.DecodeSettings;
import org.xomni.DrawRequest;
import org.xomni.Drawing;
import org.xomni.Progress;
import org.xomni.XOmni;
import org.xomni.autoregressive.Sampling;
import org.xomni.data.signs.Split;
import org.xomni.eval.SignsEvaluation;
import org.xomni.eval.SignsReport;
import org.xomni.eval.SignsScorer;
import org.xomni.image.ContactSheet;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.ocr.TextReader;
import org.xomni.tensor.InputException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code xomni eval signs}: a model on held-out signs. */
@Command(
        name = "signs",
        mixinStandardHelpOptions = true,
        description = {
            "Draws held-out signs, reconstructs some and asks about them; reads the text by OCR, and measures the rest.",
            "Prints a table, and writes all numbers with -o."
        })
final class EvalSignsCommand implements Callable<Integer> {
    private static final int LONGEST_ANSWER = 96;
    private static final int SHEET_COLUMNS = 8;

    /** What is evaluated. */
    enum Part {
        GENERATION,
        RECONSTRUCTION,
        UNDERSTANDING
    }

    @Option(names = "--prompts", paramLabel = "N", defaultValue = "1000", description = "How many signs. Default: 1000.")
    int prompts;

    @Option(names = "--seed", paramLabel = "S", defaultValue = "1", description = "Of the signs and the drawing. Default: 1.")
    long seed;

    @Option(names = "--split", paramLabel = "SPLIT", defaultValue = "held-out",
            description = {
                "held-out: held-out words, and all signs with shapes or a border have at least one combination of colours that is held out, too;",
                "held-out-words: held-out words with combinations of colours as they come. Default: held-out."
            })
    String split = "held-out";

    @Option(names = "--cfg", paramLabel = "S", split = ",", defaultValue = "1,2",
            description = "Guidance scales of the tokens; 1 is none. Default: 1,2.")
    List<Double> guidance = List.of();

    @Option(names = "--temperature", paramLabel = "T", defaultValue = "1", description = "Of drawing; 0 takes the best token. Default: 1.")
    double temperature;

    @Option(names = "--parts", paramLabel = "PART", split = ",", defaultValue = "generation,reconstruction,understanding",
            description = "Of generation, reconstruction and understanding. Default: all.")
    Set<Part> parts = EnumSet.allOf(Part.class);

    @Option(names = "--batch", paramLabel = "N", defaultValue = "32", description = "Signs drawn side by side, at most. Default: 32.")
    int batch;

    @Option(names = "--sheet", paramLabel = "FILE.png", description = "Also lays out the first 64 drawings, with their prompts in FILE.txt.")
    @Nullable
    Path sheet;

    @Option(names = {"-o", "--output"}, paramLabel = "FILE.json", description = "Where all numbers go.")
    @Nullable
    Path output;

    @Mixin
    DecodeOptions decodeOptions = new DecodeOptions();

    @Mixin
    ModelOptions modelOptions = new ModelOptions();

    @Override
    public Integer call() {
        Split scored = split();
        List<Sampling> samplings = guidance.stream().map(this::sampling).toList();
        if (output != null) {
            Outputs.requireWritable(output);
        }
        if (sheet != null) {
            Outputs.requireWritable(sheet);
            if (!parts.contains(Part.GENERATION) || samplings.isEmpty()) {
                throw new InputException("--sheet shows drawings, and generation is not among --parts; add it");
            }
        }
        try (XOmni xomni = modelOptions.load(); TextReader reader = new TextReader()) {
            SignsEvaluation evaluation = new SignsEvaluation(seed, scored, prompts, batch, new SignsScorer(reader));
            SignsReport report = evaluation.report(
                    parts.contains(Part.GENERATION) ? generation(evaluation, xomni, samplings) : Map.of(),
                    parts.contains(Part.RECONSTRUCTION) ? Optional.of(reconstruction(evaluation, xomni)) : Optional.empty(),
                    parts.contains(Part.UNDERSTANDING)
                            ? Optional.of(SignsEvaluation.understanding(evaluation.ask((pictures, questions) -> answers(xomni, pictures, questions))))
                            : Optional.empty());
            if (output != null) {
                report.write(output);
            }
            System.out.print(report.table());
        }
        return 0;
    }

    private Split split() {
        Split asked = SignsOptions.split(split);
        if (!asked.isHeldOut()) {
            throw new InputException("--split '" + split + "' is one that models are trained on; use held-out or held-out-words");
        }
        return asked;
    }

    /** As {@code generate} draws, but for guidance and temperature. */
    private Sampling sampling(double guidance) {
        Sampling usual = Sampling.IMAGE;
        return new Sampling(guidance, temperature, usual.topK(), usual.topP(), usual.minP());
    }

    private Map<Double, SignsReport.Generation> generation(SignsEvaluation evaluation, XOmni xomni, List<Sampling> samplings) {
        Map<Double, SignsReport.Generation> generation = new LinkedHashMap<>();
        for (Sampling sampling : samplings) {
            say("drawing " + prompts + " signs, guidance " + sampling.guidance());
            List<SignsEvaluation.Result> drawn = evaluation.draw(
                    (wanted, height, width, first) -> draw(xomni, wanted, height, width, sampling, first));
            generation.put(sampling.guidance(), SignsEvaluation.generation(temperature, drawn));
            if (sheet != null && sampling == samplings.getFirst()) {
                List<SignsEvaluation.Result> shown = drawn.subList(0, Math.min(drawn.size(), SHEET_COLUMNS * SHEET_COLUMNS));
                ContactSheet.write(
                        sheet,
                        shown.stream().map(SignsEvaluation.Result::picture).toList(),
                        shown.stream().map(SignsEvaluation.Result::prompt).toList(),
                        SHEET_COLUMNS);
            }
        }
        return generation;
    }

    private List<Pixels> draw(XOmni xomni, List<String> wanted, int height, int width, Sampling sampling, long first) {
        DecodeSettings decode = decodeOptions.settings();
        List<DrawRequest> requests = IntStream.range(0, wanted.size())
                .mapToObj(i -> new DrawRequest(wanted.get(i), height, width, sampling, first + i, decode))
                .toList();
        return xomni.draw(requests, Progress.NONE).stream().map(Drawing::pixels).toList();
    }

    private SignsReport.Reconstruction reconstruction(SignsEvaluation evaluation, XOmni xomni) {
        say("reconstructing " + prompts + " signs");
        return evaluation.reconstruction(evaluation.reconstruct((pictures, first) -> {
            List<SignsEvaluation.Reconstructed> made = new ArrayList<>();
            for (int i = 0; i < pictures.size(); i++) {
                ImageTokens tokens = xomni.tokenize(pictures.get(i));
                made.add(new SignsEvaluation.Reconstructed(
                        xomni.detokenize(tokens, "", first + i, decodeOptions.settings(), Progress.NONE), tokens));
            }
            return made;
        }));
    }

    private static List<String> answers(XOmni xomni, List<Pixels> pictures, List<String> questions) {
        say("asking " + questions.size() + " questions");
        return IntStream.range(0, questions.size())
                .mapToObj(i -> xomni.chat(
                                new ChatRequest(questions.get(i), List.of(pictures.get(i)), LONGEST_ANSWER, Sampling.GREEDY, 0),
                                piece -> {},
                                Progress.NONE)
                        .text())
                .toList();
    }

    private static void say(String what) {
        System.err.println(what);
    }
}
