package org.xomni.tokenizer;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.image.PillowResize;
import org.xomni.image.Pixels;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

/**
 * How an image of any size is prepared for the ViT: {@code vision_config.transform} of a checkpoint's {@code config.json}. Its
 * {@code random_ratio}, which stretches images at random in training, is not read: the same image gives the same tokens.
 *
 * @param filtering whether images that are too small or too narrow are refused
 * @param minShortSize the least short side in pixels that is not refused
 * @param maxAspectRatio the largest long side over short side that is not refused
 * @param shortSize images with a shorter short side are enlarged to it
 * @param longSize images with a longer long side are then shrunk to it
 * @param patchSize sides are rounded to multiples of it
 */
public record ImageTransform(boolean filtering, int minShortSize, double maxAspectRatio, int shortSize, int longSize, int patchSize) {

    /** The size in pixels that an image is resized to; both sides are multiples of the patch size. */
    public record Size(int height, int width) {}

    /** @throws CheckpointException if a value is out of range or two contradict each other */
    public ImageTransform {
        ConfigFile.within("patch_size", patchSize, 1, 256);
        ConfigFile.within("min_short_size", minShortSize, 0, 8192);
        ConfigFile.within("long_size", longSize, patchSize, 8192);
        ConfigFile.within("short_size", shortSize, patchSize, longSize);
        if (!(maxAspectRatio >= 1 && maxAspectRatio < Double.POSITIVE_INFINITY)) {
            throw new CheckpointException("max_aspect_ratio " + maxAspectRatio + " is not a number from 1; fix config.json");
        }
    }

    /** Reads {@code vision_config.transform}; what it leaves out is as in the reference. */
    static ImageTransform of(ConfigFile json) {
        return new ImageTransform(
                json.flag("filtering", true),
                json.integer("min_short_size", 128),
                json.number("max_aspect_ratio", 3),
                json.integer("short_size", 384),
                json.integer("long_size", 1152),
                json.integer("patch_size", 16));
    }

    /**
     * The size that an image will have.
     *
     * @throws InputException if the image is too small or too narrow
     */
    public Size target(int height, int width) {
        int shorter = Math.min(height, width);
        int longer = Math.max(height, width);
        if (filtering && shorter < minShortSize) {
            throw new InputException("image is " + width + "x" + height + " (width x height), needs a short side of at least "
                    + minShortSize + " pixels; use a larger image");
        }
        if (filtering && (double) longer / shorter > maxAspectRatio) {
            throw narrow(height, width, Double.toString(maxAspectRatio));
        }
        double scaledHeight = height;
        double scaledWidth = width;
        if (shorter < shortSize) {
            double scale = (double) shortSize / shorter;
            scaledHeight *= scale;
            scaledWidth *= scale;
        }
        double scaledLonger = Math.max(scaledHeight, scaledWidth);
        if (scaledLonger > longSize) {
            double scale = longSize / scaledLonger;
            scaledHeight *= scale;
            scaledWidth *= scale;
        }
        Size size = new Size(toPatches(scaledHeight), toPatches(scaledWidth));
        if (size.height == 0 || size.width == 0) {
            throw narrow(height, width, Integer.toString(longSize / patchSize));
        }
        return size;
    }

    /** Half a patch goes to the even number of patches, as Python rounds. */
    private int toPatches(double side) {
        return (int) Math.rint(side / patchSize) * patchSize;
    }

    private static InputException narrow(int height, int width, String most) {
        return new InputException("image is " + width + "x" + height + " (width x height), needs a long side of at most " + most
                + " times the short one; crop it");
    }

    /**
     * The image at the size of {@link #target}, resized as Pillow does.
     *
     * @throws InputException if the image is too small or too narrow
     */
    public Pixels resize(Pixels image) {
        Size size = target(image.height(), image.width());
        return PillowResize.bicubic(image, size.height, size.width);
    }

    /** Pixels 0..255 as the ViT takes them: -1..1, [1, 3, Y, X], in the type for activations. */
    public static Tensor normalize(Pixels image, Numerics numerics) {
        return Scope.only(() -> {
            Tensor bytes = Tensors.of(image.rgb(), 1, image.height(), image.width(), 3);
            Tensor unit = bytes.to(ScalarType.Float).div_(new Scalar(255f));
            Tensor centred = unit.sub_(new Scalar(0.5f)).div_(new Scalar(0.5f));
            return centred.permute(0, 3, 1, 2).contiguous().to(numerics.torchDevice(), numerics.computeType());
        });
    }
}
