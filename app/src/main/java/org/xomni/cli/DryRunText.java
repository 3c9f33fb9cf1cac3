package org.xomni.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.xomni.train.DryRun;
import org.xomni.train.LoopSettings;
import org.xomni.train.Memory;
import org.xomni.train.Part;

/** What a dry run found, as lines. */
final class DryRunText {
    private DryRunText() {}

    static List<String> lines(DryRun dry) {
        List<String> lines = new ArrayList<>();
        lines.add(format("%-18s %18s %18s", dry.stage(), "parameters", "trained"));
        for (Part part : dry.parts()) {
            lines.add(format("  %-16s %,18d %,18d", part.name(), part.parameters(), part.trained()));
        }
        lines.add("");
        lines.add(label("batch") + batch(dry));
        lines.add(label("run") + format("%,d steps, %s%s %s", dry.loop().steps(), dry.batch().atMost() ? "at most " : "",
                large(dry.amountPerStep() * (double) dry.loop().steps()), dry.batch().unit()));
        lines.add(label("learning rate") + schedule(dry.loop()));
        lines.add("");
        memory(lines, dry);
        dry.missing().forEach(file -> lines.add(label("not there yet") + file));
        dry.problems().forEach(problem -> lines.add(label("PROBLEM") + problem));
        return lines;
    }

    private static String batch(DryRun dry) {
        String most = dry.batch().atMost() ? "at most " : "";
        String once = format("%s%,d %s", most, dry.amountPerStep(), dry.batch().unit());
        long parts = dry.loop().accumulate();
        return parts == 1 ? once : once + format(", in %,d micro-batches of %,d", parts, dry.batch().amount());
    }

    /** The rate at first, at its highest, halfway and at last. */
    private static String schedule(LoopSettings loop) {
        long last = loop.steps() - 1;
        long warm = Math.min(loop.schedule().warmup(), last);
        String course = loop.schedule().getClass().getSimpleName().toLowerCase(Locale.ROOT);
        return format("%s: %.2e at first, %.2e at step %,d, %.2e halfway, %.2e at last", course,
                loop.learningRate(0), loop.learningRate(warm), warm, loop.learningRate(last / 2), loop.learningRate(last));
    }

    private static void memory(List<String> lines, DryRun dry) {
        Memory m = dry.memory();
        lines.add(label("memory") + bytes(m.total()) + " in one process");
        lines.add(label("") + "weights " + bytes(m.weights()) + ", gradients " + bytes(m.gradients()) + ", fp32 masters " + bytes(m.masters())
                + ", moments " + bytes(m.moments()) + ", averages " + bytes(m.averages()));
        lines.add(label("") + "activations of a micro-batch about " + bytes(m.activations()) + ", if nothing is recomputed");
        lines.add(label("") + "(plain attention would keep " + bytes(dry.activations().attention()) + " of scores as well)");
        if (m.cache() > 0) {
            lines.add(label("") + "keys and values of what one thread draws side by side about " + bytes(m.cache()) + ", before there are activations");
        }
    }

    private static String label(String text) {
        return format("%-15s", text);
    }

    private static String bytes(long bytes) {
        return bytes < 1_000_000_000 ? format("%.1f MB", bytes / 1e6) : format("%,.1f GB", bytes / 1e9);
    }

    private static String large(double amount) {
        return amount < 1e6 ? format("%,.0f", amount)
                : amount < 1e9 ? format("%.1f million", amount / 1e6)
                : format("%,.1f billion", amount / 1e9);
    }

    private static String format(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }
}
