package org.xomni.eval;

import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import org.xomni.image.ImageTokens;

/**
 * How a tokenizer uses its codes on some pictures.
 *
 * @param tokens counted
 * @param codes that occur at all
 * @param perplexity exp of the entropy of the codes' frequencies: as many codes, used equally, would be as surprising
 */
public record CodebookUsage(long tokens, int codes, double perplexity) {

    /** Counts the codes of all grids. */
    public static CodebookUsage of(Collection<ImageTokens> grids) {
        Map<Integer, Integer> counts = new HashMap<>();
        long tokens = 0;
        for (ImageTokens grid : grids) {
            for (int id : grid.ids()) {
                counts.merge(id, 1, Integer::sum);
                tokens++;
            }
        }
        double entropy = 0;
        for (int count : counts.values()) {
            double p = (double) count / tokens;
            entropy -= p * Math.log(p);
        }
        return new CodebookUsage(tokens, counts.size(), Math.exp(entropy));
    }
}
