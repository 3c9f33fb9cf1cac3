package org.xomni.image;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.zip.CRC32;

/** What {@code make_samples.py} (in this package's test resources) wrote with Pillow 11.3.0. */
final class Samples {
    private Samples() {}

    static Path resource(String name) {
        try {
            return Path.of(Objects.requireNonNull(Samples.class.getResource(name)).toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    static List<String> lines(String name) {
        try {
            return Files.readAllLines(resource(name));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static byte[] bytes(String name) {
        try {
            return Files.readAllBytes(resource("samples/" + name));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static long crc(Pixels image) {
        CRC32 crc = new CRC32();
        crc.update(image.rgb());
        return crc.getValue();
    }

    /** The script's {@code noise}. */
    static Pixels noise(int height, int width) {
        Pixels image = new Pixels(height, width);
        int state = image.rgb().length;
        for (int i = 0; i < image.rgb().length; i++) {
            state = state * 1103515245 + 12345 & 0x7FFFFFFF;
            image.rgb()[i] = (byte) (state >> 16);
        }
        return image;
    }
}
