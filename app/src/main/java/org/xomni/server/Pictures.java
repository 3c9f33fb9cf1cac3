package org.xomni.server;

import java.time.Duration;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.xomni.Drawing;
import org.xomni.Turn;
import org.xomni.image.ImageFiles;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;

/**
 * Pictures that come and go: images in data URLs, the tokens of drawn ones under an id, and links to finished files. Everything is in memory, for a
 * while; nothing is ever fetched from elsewhere.
 */
final class Pictures {
    /** How a drawn picture is named in an {@code image_url}. */
    static final String SCHEME = "xomni-image:";

    private static final Pattern DATA_URL = Pattern.compile("data:image/[A-Za-z0-9.+-]{1,20};base64,", Pattern.CASE_INSENSITIVE);
    private static final Pattern DRAWN = Pattern.compile("!\\[[^\\]]{0,100}\\]\\(xomni-image:([a-z_]+[0-9a-f]{32})\\)");
    private static final Duration TOKENS_LIVE = Duration.ofHours(6);
    private static final Duration LINKS_LIVE = Duration.ofHours(1);
    private static final long MOST_TOKENS = 4 << 20;
    private static final int SHARE_FOR_LINKS = 16;

    private final long maxPixels;
    /** Decoding does not wait, so it would keep the threads that requests share from all others. */
    private final Semaphore decoding = new Semaphore(Math.max(1, Runtime.getRuntime().availableProcessors() - 1));
    private final Expiring<Drawn> drawn = new Expiring<>(TOKENS_LIVE, MOST_TOKENS, d -> (long) d.tokens().height() * d.tokens().width());
    private final Expiring<FileLink> links =
            new Expiring<>(LINKS_LIVE, Runtime.getRuntime().maxMemory() / SHARE_FOR_LINKS, link -> link.bytes().length);

    /** A drawn picture in the words of the model that drew it; another one has a codebook of its own. */
    private record Drawn(ImageTokens tokens, String model) {}

    /** A finished file. */
    @SuppressWarnings("ArrayRecordComponent")
    record FileLink(byte[] bytes, ImageFormat format) {}

    Pictures(long maxPixels) {
        this.maxPixels = maxPixels;
    }

    /** Keeps the tokens of a picture that a model drew and gives its id. */
    String keep(ImageTokens tokens, String model) {
        return drawn.keep("img_", new Drawn(tokens, model));
    }

    /** Keeps a file and gives the last part of its link. */
    String link(byte[] bytes, ImageFormat format) {
        return links.keep("file_", new FileLink(bytes, format));
    }

    /** @throws ApiException 404 if it has expired or never was */
    FileLink file(String id) {
        FileLink link = links.find(id);
        if (link == null) {
            throw ApiException.notFound("file_not_found", "there is no such image, or no longer: links live for an hour; draw it again");
        }
        return link;
    }

    /** How an assistant's message says that it is a picture. */
    static String marker(String id) {
        return "![drawn image](" + SCHEME + id + ")";
    }

    /**
     * The picture that the text of an assistant's message stands for, or the text itself.
     *
     * @param model that is asked
     */
    Turn.Part said(String text, String param, String model) {
        Matcher marker = DRAWN.matcher(text.strip());
        return marker.matches() ? drawn(marker.group(1), param, model) : new Turn.Text(text);
    }

    /**
     * The picture of an {@code image_url}.
     *
     * @param model that is asked
     * @throws ApiException if it is neither a data URL with an image of at most {@code maxPixels} nor the id of one that this model drew
     */
    Turn.Part shown(String url, String param, String model, MemoryBudget.Share memory) {
        if (url.startsWith(SCHEME)) {
            return drawn(url.substring(SCHEME.length()), param, model);
        }
        Matcher head = DATA_URL.matcher(url);
        if (!head.lookingAt()) {
            throw new ApiException(400, "invalid_image_url", param,
                    "'" + param + "' is no data URL; this server fetches nothing: send data:image/png;base64,...");
        }
        byte[] bytes;
        try {
            bytes = Base64.getMimeDecoder().decode(url.substring(head.end()));
        } catch (IllegalArgumentException e) {
            throw new ApiException(400, "invalid_image", param, "'" + param + "' is not valid base64");
        }
        Pixels pixels = decoded(bytes, param);
        memory.take(pixels.rgb().length);
        return new Turn.Picture(pixels);
    }

    private Pixels decoded(byte[] bytes, String param) {
        decoding.acquireUninterruptibly();
        try {
            return ImageFiles.decode(bytes, param, maxPixels);
        } finally {
            decoding.release();
        }
    }

    private Turn.Part drawn(String id, String param, String model) {
        Drawn known = drawn.find(id);
        if (known == null) {
            throw new ApiException(400, "image_not_found", param,
                    "the image of '" + param + "' is not known, or no longer; draw it again, or send it as a data URL");
        }
        if (!known.model().equals(model)) {
            throw new ApiException(400, "image_of_another_model", param, "the image of '" + param + "' was drawn by '" + known.model()
                    + "', and its tokens mean something else to '" + model + "'; ask '" + known.model() + "', or send it as a data URL");
        }
        return new Turn.Tokens(known.tokens());
    }

    /** What a file says about itself. */
    static Map<String, String> texts(String prompt, Drawing drawing) {
        Map<String, String> texts = new LinkedHashMap<>();
        // A PNG cannot hold the null character.
        texts.put("prompt", prompt.replace('\0', '\uFFFD'));
        texts.put("seed", Long.toString(drawing.seed()));
        texts.put("software", "xomni");
        return texts;
    }
}
