package org.xomni.eval;

import org.xomni.image.Pixels;
import org.xomni.tensor.InputException;

/** Peak signal-to-noise ratio. */
public final class Psnr {
    /** The error of rounding to 8 bits: no two pictures are closer than that, identical ones either. */
    private static final double ROUNDING = 1 / 12.0;

    private Psnr() {}

    /**
     * 10 log10(255^2 / mean squared error), in dB, over all three channels; at most 58.9, which identical pictures get.
     *
     * @throws InputException if the pictures have different sizes
     */
    public static double of(Pixels a, Pixels b) {
        if (a.height() != b.height() || a.width() != b.width()) {
            throw new InputException("pictures of " + a.height() + "x" + a.width() + " and " + b.height() + "x" + b.width()
                    + " cannot be compared; give two of the same size");
        }
        double sum = 0;
        for (int i = 0; i < a.rgb().length; i++) {
            int difference = (a.rgb()[i] & 0xFF) - (b.rgb()[i] & 0xFF);
            sum += difference * difference;
        }
        return 10 * Math.log10(255 * 255 / Math.max(ROUNDING, sum / a.rgb().length));
    }
}
