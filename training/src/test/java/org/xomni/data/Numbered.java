package org.xomni.data;

import java.util.function.LongUnaryOperator;
import org.xomni.image.Pixels;

/** Sample i is called "i" and shows a picture 4 pixels high; some are broken. */
record Numbered(LongUnaryOperator width, int brokenEach) implements SampleSource {
    @Override
    public Sample sample(long index) throws BrokenSample {
        if (brokenEach > 0 && index % brokenEach == 0) {
            throw new BrokenSample("number " + index + " is damaged");
        }
        return new Sample.Generation("" + index, "picture " + index, new Picture.Raw(new Pixels(4, (int) width.applyAsLong(index))));
    }
}
