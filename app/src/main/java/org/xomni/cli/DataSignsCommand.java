package org.xomni.cli;

import java.util.concurrent.Callable;
import org.xomni.data.WebDatasetWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code xomni data signs}: pictures of the procedural world, with captions and questions, as WebDataset shards. */
@Command(name = "signs", mixinStandardHelpOptions = true, description = "Draws pictures of the signs world into WebDataset shards.")
final class DataSignsCommand implements Callable<Integer> {
    @Mixin
    ShardOptions shards = new ShardOptions();

    @Mixin
    SignsOptions signs = new SignsOptions();

    @Option(names = "--count", paramLabel = "N", required = true, description = "How many samples.")
    long count;

    @Option(names = "--debug", description = "Show the stack trace of an error.")
    boolean debug;

    @Override
    public Integer call() {
        shards.run(count, done -> {
            WebDatasetWriter.write(shards.folder, signs.world(), count, shards.perShard, signs.about(), shards.readers, done);
            // The world has none.
            return 0;
        });
        return 0;
    }
}
