package org.xomni.image;

import java.util.Arrays;
import org.xomni.tensor.InputException;

/**
 * An 8-bit RGB image: {@code rgb} holds {@code height * width * 3} bytes, row-major from the top left, red first, each 0..255 as an
 * unsigned byte. The array is not copied, neither in nor out: whoever makes a {@code Pixels} hands it over.
 */
@SuppressWarnings("ArrayRecordComponent") // equality is by value, below; images are too large to copy defensively
public record Pixels(int height, int width, byte[] rgb) {
    /** @throws InputException if a side is not positive or {@code rgb} does not hold three bytes for each pixel */
    public Pixels {
        if (rgb.length != size(height, width)) {
            throw new InputException("an image of " + height + "x" + width + " cannot have " + rgb.length
                    + " bytes; give three for each pixel");
        }
    }

    /**
     * A black image.
     *
     * @throws InputException if a side is not positive or no array can hold that many pixels
     */
    public Pixels(int height, int width) {
        this(height, width, new byte[size(height, width)]);
    }

    private static int size(int height, int width) {
        if (height < 1 || width < 1 || (long) height * width > Integer.MAX_VALUE / 3) {
            throw new InputException("an image cannot have " + height + "x" + width + " pixels; choose sides of at least 1 and at most "
                    + Integer.MAX_VALUE / 3 + " pixels");
        }
        return height * width * 3;
    }

    /** One channel, 0..255; {@code channel} is 0 for red, 1 for green, 2 for blue. */
    public int get(int y, int x, int channel) {
        return rgb[(y * width + x) * 3 + channel] & 0xFF;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Pixels(int h, int w, byte[] bytes) && h == height && w == width && Arrays.equals(bytes, rgb);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * height + width) + Arrays.hashCode(rgb);
    }

    @Override
    public String toString() {
        return "Pixels[" + height + "x" + width + "]";
    }
}
