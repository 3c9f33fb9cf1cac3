package org.xomni.data;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.CRC32C;
import java.util.zip.CheckedInputStream;
import org.xomni.tensor.CheckpointException;
import org.xomni.tokenizer.EncoderConfig;
import org.xomni.tokenizer.TokenizerConfig;

/** Tells one image tokenizer from another, whose codes mean something else. */
public final class TokenizerFingerprint {
    private TokenizerFingerprint() {}

    /**
     * Checksums of a tokenizer's weights, as they lie in their files.
     *
     * @param modelFolder with {@code config.json}
     * @throws CheckpointException if they cannot be read
     */
    public static String of(Path modelFolder) {
        EncoderConfig encoder = TokenizerConfig.read(modelFolder).encoder();
        return checksum(modelFolder.resolve(encoder.siglipPath())) + "-" + checksum(modelFolder.resolve(encoder.projectorPath()));
    }

    private static String checksum(Path file) {
        CRC32C crc = new CRC32C();
        try (InputStream in = new CheckedInputStream(Files.newInputStream(file), crc)) {
            long unused = in.transferTo(OutputStream.nullOutputStream());
        } catch (IOException e) {
            throw new CheckpointException(file + " cannot be read (" + e + "); give a complete checkpoint folder", e);
        }
        return Long.toHexString(crc.getValue());
    }
}
