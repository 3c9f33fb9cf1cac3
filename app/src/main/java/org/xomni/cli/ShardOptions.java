package org.xomni.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.LongConsumer;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.xomni.tensor.InputException;
import picocli.CommandLine.Option;

/** Where and how shards are written. */
final class ShardOptions {
    private static final int MOST_READERS = 1024;

    @Option(names = "-o", paramLabel = "DIR", required = true,
            description = "Folder of the shards. One that was begun with the same settings is finished.")
    Path folder = Path.of("");

    @Option(names = "--per-shard", paramLabel = "N", defaultValue = "1000", description = "Samples in a shard. Default: 1000.")
    int perShard;

    @Option(names = "--readers", paramLabel = "N", defaultValue = "1", description = "Threads that make or read samples. Default: 1.")
    int readers;

    /** Writes shards. */
    @FunctionalInterface
    interface Writing {
        /** Returns how many samples could not be used. */
        long write(LongConsumer done);
    }

    /** Shows a bar of samples on stderr if that is a terminal, and says in the end what is there. */
    void run(long samples, Writing writing) {
        for (Path above = folder.toAbsolutePath(); above != null; above = above.getParent()) {
            if (Files.exists(above) && !Files.isDirectory(above)) {
                throw new InputException(above + " is a file; name a folder with -o");
            }
        }
        if (folder.toString().isBlank()) {
            throw new InputException("-o names no folder; give one, such as shards");
        }
        if (readers > MOST_READERS) {
            throw new InputException("--readers " + readers + " is more than " + MOST_READERS + "; as many as there are cores do");
        }
        long skipped;
        if (Terminal.stderrIsTerminal()) {
            try (ProgressBar bar = new ProgressBarBuilder()
                    .setTaskName("samples")
                    .setInitialMax(samples)
                    .setStyle(ProgressBarStyle.ASCII)
                    .setConsumer(new ConsoleProgressBarConsumer(System.err))
                    .showSpeed()
                    .build()) {
                skipped = writing.write(bar::stepTo);
            }
        } else {
            skipped = writing.write(done -> {});
        }
        if (skipped == samples) {
            throw new InputException("none of the " + samples + " samples could be used, so that " + folder + " has no sample; look at what is said of them, or at the filters");
        }
        System.err.println(skipped == 0 ? samples + " samples are in " + folder
                : samples + " samples were looked at, " + skipped + " of those that were left to write could not be used; the rest is in " + folder);
    }
}
