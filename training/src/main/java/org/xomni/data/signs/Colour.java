package org.xomni.data.signs;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** The colours of the world, each by one exact sRGB value. */
public enum Colour {
    RED(214, 40, 40),
    ORANGE(247, 127, 0),
    YELLOW(252, 211, 25),
    GREEN(34, 139, 60),
    BLUE(32, 92, 228),
    PURPLE(146, 50, 170),
    WHITE(255, 255, 255),
    BLACK(17, 17, 17);

    /** Colours that a background may have. */
    public static final List<Colour> BACKGROUNDS = List.of(RED, ORANGE, YELLOW, GREEN, BLUE, PURPLE, WHITE, BLACK);
    /** Colours that text may have. */
    public static final List<Colour> TEXTS = List.of(WHITE, BLACK, YELLOW, RED, BLUE);
    /** Colours that shapes and borders may have. */
    public static final List<Colour> SHAPES = List.of(RED, ORANGE, YELLOW, GREEN, BLUE, PURPLE, WHITE, BLACK);

    /** {@link #values} without its copy. */
    private static final Colour[] PALETTE = values();

    private static final double MIN_CONTRAST = 2.5;
    private static final double MIN_DISTANCE = 44;
    /** sRGB to XYZ under D65, each row divided by the white point. */
    private static final double[][] XYZ = {
        {0.4124 / 0.9505, 0.3576 / 0.9505, 0.1805 / 0.9505}, {0.2126, 0.7152, 0.0722}, {0.0193 / 1.0888, 0.1192 / 1.0888, 0.9505 / 1.0888}
    };

    private final int red;
    private final int green;
    private final int blue;

    Colour(int red, int green, int blue) {
        this.red = red;
        this.green = green;
        this.blue = blue;
    }

    /** 0..255; {@code channel} is 0 for red, 1 for green, 2 for blue. */
    public int channel(int channel) {
        return switch (channel) {
            case 0 -> red;
            case 1 -> green;
            case 2 -> blue;
            default -> throw new IllegalArgumentException("a colour has the channels 0, 1 and 2, not " + channel);
        };
    }

    /** The plain word for it: {@code red}. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The colour whose value is nearest, by the sum of squared differences; channels 0..255. */
    public static Colour nearest(double red, double green, double blue) {
        Colour best = RED;
        double least = Double.MAX_VALUE;
        for (Colour c : PALETTE) {
            double square = (red - c.red) * (red - c.red) + (green - c.green) * (green - c.green) + (blue - c.blue) * (blue - c.blue);
            if (square < least) {
                least = square;
                best = c;
            }
        }
        return best;
    }

    /** Whether text of this colour can be read on that background: a contrast (WCAG 2) of at least 2.5. */
    public boolean isLegibleOn(Colour background) {
        double lighter = Math.max(luminance(), background.luminance());
        double darker = Math.min(luminance(), background.luminance());
        return (lighter + 0.05) / (darker + 0.05) >= MIN_CONTRAST;
    }

    /** Whether a shape of this colour stands out from that background: at least 44 apart in CIE L*a*b*. */
    public boolean standsOutFrom(Colour background) {
        double[] a = lab();
        double[] b = background.lab();
        return Math.sqrt(square(a[0] - b[0]) + square(a[1] - b[1]) + square(a[2] - b[2])) >= MIN_DISTANCE;
    }

    private double luminance() {
        return dot(XYZ[1]);
    }

    private double[] lab() {
        double[] f = Arrays.stream(XYZ).mapToDouble(row -> root(dot(row))).toArray();
        return new double[] {116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])};
    }

    private double dot(double[] row) {
        return row[0] * linear(red) + row[1] * linear(green) + row[2] * linear(blue);
    }

    private static double linear(int channel) {
        double c = channel / 255.0;
        return c <= 0.04045 ? c / 12.92 : Math.pow((c + 0.055) / 1.055, 2.4);
    }

    private static double root(double t) {
        return t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16.0 / 116;
    }

    private static double square(double x) {
        return x * x;
    }
}
