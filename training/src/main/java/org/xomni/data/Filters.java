package org.xomni.data;

import org.xomni.image.Pixels;
import org.xomni.tensor.InputException;

/**
 * Which pictures are good enough to train on. Applied before anything is resized; pictures that are tokens already pass.
 *
 * @param minShortSide the least short side in pixels
 * @param maxAspectRatio the largest long side over short side
 * @param maxPixels the largest height times width
 */
public record Filters(int minShortSide, double maxAspectRatio, long maxPixels) {
    /** @throws InputException if nothing could pass */
    public Filters {
        if (minShortSide < 0 || !(maxAspectRatio >= 1) || maxPixels < Math.max(1, (long) minShortSide * minShortSide)) {
            throw new InputException("no picture has a short side of at least " + minShortSide + ", sides of at most " + maxAspectRatio
                    + " to 1 and at most " + maxPixels + " pixels; choose filters that pictures can pass");
        }
    }

    /** The source without what is refused, which becomes a {@link BrokenSample} that names the picture's size and the limit. */
    public SampleSource over(SampleSource source) {
        return new MappedSource(source, this::check);
    }

    private Sample check(Sample sample) throws BrokenSample {
        for (Picture picture : sample.pictures()) {
            if (picture instanceof Picture.Raw(Pixels pixels)) {
                check(sample.key(), pixels);
            }
        }
        return sample;
    }

    private void check(String key, Pixels pixels) throws BrokenSample {
        int shorter = Math.min(pixels.height(), pixels.width());
        int longer = Math.max(pixels.height(), pixels.width());
        String size = key + ": a picture of " + pixels.height() + "x" + pixels.width() + " pixels ";
        if (shorter < minShortSide) {
            throw new BrokenSample(size + "has a short side below " + minShortSide);
        }
        if (longer > maxAspectRatio * shorter) {
            throw new BrokenSample(size + "is narrower than " + maxAspectRatio + " to 1");
        }
        if ((long) shorter * longer > maxPixels) {
            throw new BrokenSample(size + "has more than " + maxPixels + " pixels");
        }
    }
}
