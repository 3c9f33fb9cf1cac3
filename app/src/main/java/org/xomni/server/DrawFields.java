package org.xomni.server;

import java.security.SecureRandom;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.xomni.Checkpoint;
import org.xomni.DecodeSettings;
import org.xomni.DrawRequest;
import org.xomni.autoregressive.Sampling;
import org.xomni.image.Pixels;

/**
 * The fields that say how a picture is drawn: {@code size} (WIDTHxHEIGHT in pixels, or auto), {@code seed}, {@code output_format}, {@code output_compression} and,
 * beyond OpenAI's, {@code xomni_guidance}, {@code xomni_steps}, {@code xomni_decoder_guidance}.
 *
 * @param quality of a JPEG, 0 to 1
 */
record DrawFields(int height, int width, long seed, Sampling sampling, DecodeSettings decode, ImageFormat format, double quality) {
    private static final Pattern SIZE = Pattern.compile("(\\d{1,5})[xX](\\d{1,5})");
    private static final SecureRandom SEEDS = new SecureRandom();
    private static final int MOST_STEPS = 200;
    private static final int PERCENT = 100;
    private static final int COMPRESSION = 92;

    /**
     * @param seed given elsewhere, or null to read it here; without one it is random
     * @param maxPixels of a picture
     */
    static DrawFields read(Fields fields, @Nullable Long seed, Checkpoint checkpoint, long maxPixels) {
        Checkpoint.Size size = size(fields, checkpoint);
        requireDrawable(size, checkpoint, maxPixels);
        double guidance = fields.number("xomni_guidance", Sampling.IMAGE.guidance(), 0, 100);
        Integer steps = fields.has("xomni_steps") ? (Integer) (int) fields.integer("xomni_steps", 1, 1, MOST_STEPS) : null;
        Double decoderGuidance = fields.has("xomni_decoder_guidance") ? (Double) fields.number("xomni_decoder_guidance", 1, 0, 100) : null;
        Sampling image = Sampling.IMAGE;
        String format = fields.word("output_format", "png", Set.of("png", "jpeg"));
        return new DrawFields(
                size.height(),
                size.width(),
                seed != null ? seed : seed(fields),
                new Sampling(guidance, image.temperature(), image.topK(), image.topP(), image.minP()),
                new DecodeSettings(steps, decoderGuidance, false),
                format.equals("png") ? ImageFormat.PNG : ImageFormat.JPEG,
                quality(fields, format));
    }

    private static double quality(Fields fields, String format) {
        long percent = fields.integer("output_compression", COMPRESSION, 0, PERCENT);
        if (format.equals("png") && fields.has("output_compression") && percent < PERCENT) {
            throw ApiException.field("output_compression", "'output_compression' is for jpeg, and a png loses nothing; ask for \"output_format\": \"jpeg\" or leave it out");
        }
        return (double) percent / PERCENT;
    }

    /** The seed of a request, or one at random: small enough for every client's numbers. */
    static long seed(Fields fields) {
        return fields.integer("seed", SEEDS.nextInt(Integer.MAX_VALUE), Long.MIN_VALUE, Long.MAX_VALUE);
    }

    private static Checkpoint.Size size(Fields fields, Checkpoint checkpoint) {
        String size = fields.has("size") ? fields.text("size", 32) : "auto";
        if (size.equals("auto")) {
            return checkpoint.defaultSize();
        }
        Matcher m = SIZE.matcher(size);
        if (!m.matches()) {
            throw ApiException.field("size", "'size' must be WIDTHxHEIGHT in pixels, such as "
                    + checkpoint.defaultSize().width() + "x" + checkpoint.defaultSize().height() + ", or auto");
        }
        return new Checkpoint.Size(Integer.parseInt(m.group(2)), Integer.parseInt(m.group(1)));
    }

    /** The picture of a prompt; the {@code index}-th of a request has the seed after the one before. */
    DrawRequest request(String prompt, int index) {
        return new DrawRequest(prompt, height, width, sampling, seed + index, decode);
    }

    /** In the order of this API, width first; the library's own messages have the height first. */
    private static void requireDrawable(Checkpoint.Size size, Checkpoint checkpoint, long maxPixels) {
        String asked = "size " + size.width() + "x" + size.height();
        int patch = checkpoint.decoder().upscaleFactor();
        if (size.width() < patch || size.height() < patch || size.width() % patch != 0 || size.height() % patch != 0) {
            throw ApiException.field("size", asked + " is not a multiple of " + patch + " pixels; try " + nearest(size.width(), patch) + "x"
                    + nearest(size.height(), patch));
        }
        if ((long) size.height() * size.width() > maxPixels) {
            throw ApiException.field("size", asked + " has more than " + maxPixels + " pixels; ask for a smaller image");
        }
        long tokens = (long) (size.height() / patch) * (size.width() / patch);
        if (tokens > checkpoint.unified().maxPositions()) {
            throw ApiException.field("size", asked + " takes " + tokens + " tokens, and the model's context holds " + checkpoint.unified().maxPositions()
                    + "; ask for a smaller image");
        }
    }

    private static int nearest(int side, int patch) {
        return Math.max(1, Math.round((float) side / patch)) * patch;
    }

    /** The file of a picture. */
    byte[] file(Pixels pixels, Map<String, String> texts) {
        return format.encode(pixels, texts, quality);
    }

    /** As responses name it. */
    String sizeText() {
        return width + "x" + height;
    }
}
