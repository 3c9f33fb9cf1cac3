package org.xomni.text;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.CheckpointException;

/**
 * The unified model's tokenizer: byte-level BPE from the {@code tokenizer.json} of a checkpoint (Qwen2 format). Its added tokens are the
 * <em>control tokens</em>: turn markers, {@code <SOM>}, {@code <IMAGE>}, {@code <EOM>} and one {@code <MM-Token-k>} per image code. They
 * count only in text that the program wrote; in user text they are ordinary characters.
 *
 * <p>Ids are vocabulary ids, the ones that the file gives, in whatever order. Thread-safe. The native library is loaded at the first
 * encoding.
 */
public final class TextTokenizer implements AutoCloseable {
    private static final byte[] NOTHING = {};

    static {
        // On a machine with a GPU the library would ask the network for a build of itself that uses it.
        if (System.getenv("RUST_FLAVOR") == null && System.getProperty("RUST_FLAVOR") == null) {
            System.setProperty("RUST_FLAVOR", "cpu");
        }
    }

    private final Path file;
    private final ControlTokens control;
    private final OptionalInt padding;
    private final byte[] @Nullable [] bytesById;
    private @Nullable String plainJson;
    private @Nullable NativeTokenizer plain;

    private TextTokenizer(TokenizerFile contents, String padding) {
        file = contents.file();
        control = new ControlTokens(contents.added());
        this.padding = findId(padding);
        plainJson = contents.plainJson();
        int size = 1 + IntStream.concat(ids(contents.vocabulary().values()), ids(contents.added().values())).max().orElse(-1);
        bytesById = new byte[size][];
        contents.vocabulary().forEach((token, id) -> bytesById[id] = ByteLevel.bytes(token));
        contents.added().forEach((token, id) -> bytesById[id] = token.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Reads {@code tokenizer.json} of a model folder, and from its {@code tokenizer_config.json}, if there is one, which token is padding.
     *
     * @throws CheckpointException if it is missing, corrupt or no byte-level BPE tokenizer
     */
    public static TextTokenizer load(Path modelFolder) {
        return new TextTokenizer(TokenizerFile.read(modelFolder.resolve("tokenizer.json")), NamedTokens.padding(modelFolder));
    }

    /** Encodes user text: no id of the result is a control token's. */
    public int[] encode(String text) {
        return encode(List.of(new Span.Plain(text)));
    }

    /** Encodes text that the program wrote: control tokens in it are recognised. */
    public int[] encodeTrusted(String text) {
        return encode(List.of(new Span.Trusted(text)));
    }

    /**
     * Encodes a prompt of several spans. The text between two control tokens is one stretch for the tokenizer, whichever spans it comes
     * from, so the ids are those of the whole string and the seams do not show.
     */
    public int[] encode(List<Span> spans) {
        IntStream.Builder ids = IntStream.builder();
        StringBuilder stretch = new StringBuilder();
        for (Span span : spans) {
            switch (span) {
                case Span.Plain(String text) -> stretch.append(text);
                case Span.Ids(int[] ready) -> {
                    flush(stretch, ids);
                    Arrays.stream(ready).forEach(ids);
                }
                case Span.Trusted(String text) -> encodeTrusted(text, stretch, ids);
            }
        }
        flush(stretch, ids);
        return ids.build().toArray();
    }

    /** The text of tokens, control tokens as they are written. Bytes that are no UTF-8 become U+FFFD; an id without a token is nothing. */
    public String decode(int[] ids) {
        return decode(ids, false);
    }

    /** The text of tokens, without padding if {@code skipPadding}: an answer as the reference's {@code mmdecode} gives it. */
    public String decode(int[] ids, boolean skipPadding) {
        TextStream stream = stream(skipPadding);
        StringBuilder text = new StringBuilder();
        for (int id : ids) {
            text.append(stream.push(id));
        }
        return text.append(stream.finish()).toString();
    }

    /** Decodes token by token, as {@link #decode(int[], boolean)} does at once. */
    public TextStream stream(boolean skipPadding) {
        return new TextStream(this, skipPadding);
    }

    /**
     * The id of a control token, such as {@code <SOM>}.
     *
     * @throws CheckpointException if the checkpoint has none
     */
    public int idOf(String controlToken) {
        return findId(controlToken).orElseThrow(() -> new CheckpointException(
                file + " has no token " + controlToken + "; use the tokenizer.json of an X-Omni checkpoint"));
    }

    /** The id of a control token, if there is one. */
    public OptionalInt findId(String controlToken) {
        Integer id = control.id(controlToken);
        return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }

    /** One more than the largest id. */
    public int size() {
        return bytesById.length;
    }

    @Override
    public synchronized void close() {
        if (plain != null) {
            plain.close();
        }
    }

    ControlTokens control() {
        return control;
    }

    byte[] bytesOf(int id) {
        byte[] bytes = id >= 0 && id < bytesById.length ? bytesById[id] : null;
        return bytes == null ? NOTHING : bytes;
    }

    boolean isPadding(int id) {
        return padding.isPresent() && padding.getAsInt() == id;
    }

    private void encodeTrusted(String text, StringBuilder stretch, IntStream.Builder ids) {
        int start = 0;
        for (int i = 0; i < text.length(); ) {
            int length = control.lengthAt(text, i);
            if (length == 0) {
                i++;
            } else {
                flush(stretch.append(text, start, i), ids);
                ids.add(idOf(text.substring(i, i + length)));
                i += length;
                start = i;
            }
        }
        stretch.append(text, start, text.length());
    }

    private void flush(StringBuilder stretch, IntStream.Builder ids) {
        if (!stretch.isEmpty()) {
            Arrays.stream(plain().encode(stretch.toString())).forEach(ids);
            stretch.setLength(0);
        }
    }

    private synchronized NativeTokenizer plain() {
        if (plain == null) {
            plain = NativeTokenizer.of(Objects.requireNonNull(plainJson), file);
            plainJson = null;
        }
        return plain;
    }

    private static IntStream ids(Collection<Integer> ids) {
        return ids.stream().mapToInt(Integer::intValue);
    }
}
