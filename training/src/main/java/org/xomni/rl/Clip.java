package org.xomni.rl;

// Shapes: B rollouts, T image tokens.

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.xomni.tensor.InputException;

/** How far the ratio of new to old probability may move a token's objective: to {@code 1 - low} and {@code 1 + high}. */
public sealed interface Clip {

    /** How far below 1. */
    double low();

    /** How far above 1. */
    double high();

    /** Equally far both ways (PPO, Schulman et al. 2017). */
    record Symmetric(double epsilon) implements Clip {
        public Symmetric {
            check(epsilon, epsilon);
        }

        @Override
        public double low() {
            return epsilon;
        }

        @Override
        public double high() {
            return epsilon;
        }
    }

    /** Farther up than down, so that unlikely tokens can grow: clip-higher (DAPO, arXiv 2503.14476). */
    record Higher(double low, double high) implements Clip {
        public Higher {
            check(low, high);
        }
    }

    /** The ratio within its bounds. */
    default Tensor bound(Tensor ratio_BT) {
        return ratio_BT.clamp(new ScalarOptional(new Scalar(1 - low())), new ScalarOptional(new Scalar(1 + high())));
    }

    private static void check(double low, double high) {
        if (!(low > 0 && low < 1 && high > 0 && high < 100)) {
            throw new InputException("a ratio cannot be clipped to 1 - " + low + " and 1 + " + high + "; use numbers above 0, the lower one below 1");
        }
    }
}
