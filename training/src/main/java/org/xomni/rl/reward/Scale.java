package org.xomni.rl.reward;

import java.util.Arrays;
import org.xomni.tensor.InputException;

/** How a reward's scores are made comparable with those of others before they are weighted. */
public sealed interface Scale {

    /** Scaled scores of one group: all pictures of a prompt. */
    double[] of(double[] scores);

    /** As they are. */
    record None() implements Scale {
        @Override
        public double[] of(double[] scores) {
            return scores;
        }
    }

    /** Linear, so that {@code low} becomes 0 and {@code high} 1; what is beyond goes beyond. */
    record Range(double low, double high) implements Scale {
        public Range {
            if (!(low < high)) {
                throw new InputException("a range from " + low + " to " + high + " is none; low must be below high");
            }
        }

        @Override
        public double[] of(double[] scores) {
            return Arrays.stream(scores).map(s -> (s - low) / (high - low)).toArray();
        }
    }

    /**
     * Mean 0 and deviation 1 within each group, so that each reward has the same say however little it varies; scores that are all the same become 0.
     */
    record Group() implements Scale {
        @Override
        public double[] of(double[] scores) {
            double mean = Arrays.stream(scores).average().orElse(0);
            double deviation = Math.sqrt(Arrays.stream(scores).map(s -> (s - mean) * (s - mean)).average().orElse(0));
            return Arrays.stream(scores).map(s -> deviation < 1e-9 ? 0 : (s - mean) / deviation).toArray();
        }
    }
}
