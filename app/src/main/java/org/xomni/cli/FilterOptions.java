package org.xomni.cli;

import org.jspecify.annotations.Nullable;
import org.xomni.data.Filters;
import picocli.CommandLine.Option;

/** Which pictures are left out, as {@code filters} of a recipe's data. */
final class FilterOptions {
    @Option(names = "--min-short-side", paramLabel = "N", description = "Leave out pictures whose short side has fewer pixels.")
    @Nullable
    Integer minShortSide;

    @Option(names = "--max-aspect-ratio", paramLabel = "R", description = "Leave out pictures whose long side is more than R times the short one.")
    @Nullable
    Double maxAspectRatio;

    @Option(names = "--max-pixels", paramLabel = "N", description = "Leave out pictures of more pixels.")
    @Nullable
    Long maxPixels;

    /** Null if none is asked for. */
    @Nullable
    Filters filters() {
        if (minShortSide == null && maxAspectRatio == null && maxPixels == null) {
            return null;
        }
        return new Filters(
                minShortSide == null ? 0 : minShortSide,
                maxAspectRatio == null ? Double.POSITIVE_INFINITY : maxAspectRatio,
                maxPixels == null ? Long.MAX_VALUE : maxPixels);
    }
}
