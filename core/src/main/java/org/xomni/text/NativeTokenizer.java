package org.xomni.text;

import ai.djl.huggingface.tokenizers.jni.LibUtils;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.nio.file.Path;
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

    private final long handle;
    private boolean closed;

    private NativeTokenizer(long handle) {
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
            throw new XOmniException("the native tokenizer library cannot be loaded (" + firstLine(e) + "); set DJL_CACHE_DIR to a writable folder", e);
        }
        try {
            return new NativeTokenizer(TokenizersLibrary.LIB.createTokenizerFromString(json));
        } catch (RuntimeException e) {
            throw new CheckpointException(origin + " is not a usable tokenizer (" + firstLine(e) + "); restore it from the original checkpoint", e);
        }
    }

    /** Encodes text without adding anything. Lone surrogates count as U+FFFD. */
    synchronized int[] encode(String text) {
        if (closed) {
            throw new IllegalStateException("the tokenizer is closed");
        }
        TokenizersLibrary library = TokenizersLibrary.LIB;
        long encoding = library.encode(handle, wellFormed(text), false);
        try {
            long[] ids = library.getTokenIds(encoding);
            int[] result = new int[ids.length];
            for (int i = 0; i < ids.length; i++) {
                result[i] = Math.toIntExact(ids[i]);
            }
            return result;
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

    private static String firstLine(Throwable e) {
        String message = e.getMessage() == null ? e.toString() : e.getMessage();
        return message.lines().findFirst().orElse("");
    }
}
