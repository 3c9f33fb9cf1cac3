package org.xomni.text;

import ai.djl.huggingface.tokenizers.jni.LibUtils;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.nio.file.Path;
import java.util.Arrays;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.XOmniException;

/**
 * A tokenizer of the Hugging Face library, called through its JNI: {@code HuggingFaceTokenizer} on top of it truncates by default and
 * reports home. The native library (15 MB) is unpacked once, below {@code ~/.djl.ai} or the environment variable {@code DJL_CACHE_DIR}.
 */
final class NativeTokenizer implements AutoCloseable {
    static {
        setDefault("OPT_OUT_TRACKING", "true");
        // With CUDA present the library would otherwise be downloaded.
        setDefault("RUST_FLAVOR", "cpu");
    }

    private final Path origin;
    private final long handle;
    private boolean closed;

    private NativeTokenizer(Path origin, long handle) {
        this.origin = origin;
        this.handle = handle;
    }

    /**
     * Makes a tokenizer from the text of a {@code tokenizer.json}; {@code origin} is the file to name in errors.
     *
     * @throws CheckpointException if the library does not accept it
     */
    static NativeTokenizer of(String json, Path origin) {
        try {
            LibUtils.checkStatus();
        } catch (RuntimeException | LinkageError e) {
            throw new XOmniException(
                    "the native tokenizer library cannot be loaded (" + said(e) + "); set DJL_CACHE_DIR to a writable folder", e);
        }
        try {
            return new NativeTokenizer(origin, TokenizersLibrary.LIB.createTokenizerFromString(json));
        } catch (RuntimeException e) {
            throw unusable(origin, e);
        }
    }

    /**
     * Encodes text without adding anything. Lone surrogates count as U+FFFD.
     *
     * @throws CheckpointException if the tokenizer has no way to write it
     */
    synchronized int[] encode(String text) {
        if (closed) {
            throw new IllegalStateException("the tokenizer is closed");
        }
        TokenizersLibrary library = TokenizersLibrary.LIB;
        long encoding;
        try {
            encoding = library.encode(handle, wellFormed(text), false);
        } catch (RuntimeException e) {
            throw unusable(origin, e);
        }
        try {
            return Arrays.stream(library.getTokenIds(encoding)).mapToInt(Math::toIntExact).toArray();
        } finally {
            library.deleteEncoding(encoding);
        }
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            TokenizersLibrary.LIB.deleteTokenizer(handle);
        }
    }

    private static CheckpointException unusable(Path origin, RuntimeException e) {
        return new CheckpointException(
                origin + " is not a usable tokenizer (" + said(e) + "); restore it from the original checkpoint", e);
    }

    private static String wellFormed(String text) {
        StringBuilder mended = null;
        for (int i = 0; i < text.length(); i++) {
            int c = text.codePointAt(i);
            if (Character.isSupplementaryCodePoint(c)) {
                i++;
            } else if (Character.isSurrogate((char) c)) {
                mended = mended == null ? new StringBuilder(text) : mended;
                mended.setCharAt(i, '\uFFFD');
            }
        }
        return mended == null ? text : mended.toString();
    }

    private static void setDefault(String property, String value) {
        if (System.getProperty(property) == null) {
            System.setProperty(property, value);
        }
    }

    private static String said(Throwable e) {
        return XOmniException.firstLine(e.getMessage() == null ? e.toString() : e.getMessage());
    }
}
