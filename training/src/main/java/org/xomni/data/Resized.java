package org.xomni.data;

import java.util.ArrayList;
import java.util.List;
import org.xomni.tensor.InputException;
import org.xomni.tokenizer.ImageTransform;

/** Pictures at the size at which a checkpoint sees them: its own resize, with its own limits. */
public final class Resized {
    private Resized() {}

    /** The source with all pictures resized; one that the transform refuses makes its sample a {@link BrokenSample}. */
    public static SampleSource by(ImageTransform transform, SampleSource source) {
        return new MappedSource(source, sample -> resize(transform, sample));
    }

    private static Sample resize(ImageTransform transform, Sample sample) throws BrokenSample {
        List<Picture> resized = new ArrayList<>();
        for (Picture picture : sample.pictures()) {
            try {
                resized.add(picture instanceof Picture.Raw(var pixels) ? new Picture.Raw(transform.resize(pixels)) : picture);
            } catch (InputException e) {
                throw new BrokenSample(sample.key() + ": " + e.getMessage(), e);
            }
        }
        return sample.withPictures(resized);
    }
}
