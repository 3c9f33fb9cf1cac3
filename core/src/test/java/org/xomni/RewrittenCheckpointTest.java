package org.xomni;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.xomni.tensor.DType;
import org.xomni.tensor.Json;
import org.xomni.tensor.ShardedSafetensors;
import org.xomni.tensor.StoredTensor;
import tools.jackson.databind.JsonNode;

/**
 * A checkpoint that says the same in another way tokenizes, answers and draws the same: weights of both have values that bf16 holds, one stores them in fp32
 * as the fixture does, the other in bf16, in more shards, with the control tokens' ids in another order, and T5's embedding under its other name.
 */
class RewrittenCheckpointTest {
    static final Object[] fixtures = Fixtures.ALL.toArray();

    @TempDir
    Path folder;

    @ParameterizedTest
    @FieldSource("fixtures")
    void storesTheSameModel(String fixture) throws IOException {
        Path plain = Copies.withFlux(fixture, folder.resolve("plain"));
        rewrite(plain, "model", RewrittenCheckpointTest::rounded, Long.MAX_VALUE);
        Path other = Copies.withFlux(fixture, folder.resolve("other"));
        rewrite(other, "model", t -> shortened(permuted(rounded(t), other)), 100_000);
        renameControlTokens(other);
        Path t5 = other.resolve("flux/text_encoder_2");
        if (Files.exists(t5)) {
            rewrite(t5, "model", t -> t.name().equals("shared.weight") ? new StoredTensor("encoder.embed_tokens.weight", t.dtype(), t.shape(), t.bytes()) : t,
                    Long.MAX_VALUE);
        }
        assertThat(Checkpoint.read(other, null).storedDType()).isEqualTo(DType.BFLOAT16);
        assertThat(Copies.files(other).stream().filter(f -> f.toString().startsWith("model-"))).hasSizeGreaterThan(4);

        Copies.assertComputeTheSame(fixture, plain, other);
        assertThat(Inspection.of(other, null)).allSatisfy(part -> assertThat(part.unknown()).isEmpty());
    }

    private static void rewrite(Path weights, String base, UnaryOperator<StoredTensor> change, long maxShardBytes) throws IOException {
        List<StoredTensor> changed = new ArrayList<>();
        try (ShardedSafetensors stored = ShardedSafetensors.open(weights, base)) {
            stored.tensors().values().forEach(t -> changed.add(change.apply(new StoredTensor(t.name(), t.dtype(), t.shape(), onHeap(t.bytes())))));
        }
        try (Stream<Path> files = Files.list(weights)) {
            for (Path file : files.filter(f -> f.getFileName().toString().matches("model.*safetensors.*")).toList()) {
                Files.delete(file);
            }
        }
        ShardedSafetensors.write(weights, base, changed, maxShardBytes);
    }

    private static MemorySegment onHeap(MemorySegment bytes) {
        return MemorySegment.ofArray(bytes.toArray(ValueLayout.JAVA_BYTE));
    }

    /** fp32 whose lower half is 0. */
    private static StoredTensor rounded(StoredTensor t) {
        MemorySegment bytes = onHeap(t.bytes());
        for (long i = 0; i < t.elements(); i++) {
            bytes.set(ValueLayout.JAVA_SHORT_UNALIGNED, 4 * i, (short) 0);
        }
        return new StoredTensor(t.name(), DType.FLOAT32, t.shape(), bytes);
    }

    /** The same in bf16, which is the upper half. */
    private static StoredTensor shortened(StoredTensor t) {
        MemorySegment bytes = MemorySegment.ofArray(new byte[(int) (2 * t.elements())]);
        for (long i = 0; i < t.elements(); i++) {
            bytes.set(ValueLayout.JAVA_SHORT_UNALIGNED, 2 * i, t.bytes().get(ValueLayout.JAVA_SHORT_UNALIGNED, 4 * i + 2));
        }
        return new StoredTensor(t.name(), DType.BFLOAT16, t.shape(), bytes);
    }

    /** Where the tokenizer has the control tokens: the first becomes the second, the second the third, the third the first. */
    private static Map<String, String> successors(Path model) {
        List<String> names = Checkpoint.read(model, null).unified().specialTokens();
        return Map.of(names.get(0), names.get(1), names.get(1), names.get(2), names.get(2), names.get(0));
    }

    /** Rows of embedding and head move to where {@link #renameControlTokens} moves the tokens. */
    private static StoredTensor permuted(StoredTensor t, Path model) {
        if (!t.name().equals("model.mm_embed_tokens.weight") && !t.name().equals("mm_head.weight")) {
            return t;
        }
        Map<String, Long> rows = controlRows(model);
        long width = t.bytes().byteSize() / t.shape()[0];
        MemorySegment bytes = onHeap(t.bytes());
        successors(model).forEach((token, place) -> {
            long from = Objects.requireNonNull(rows.get(token)) * width;
            long to = Objects.requireNonNull(rows.get(place)) * width;
            MemorySegment.copy(t.bytes(), from, bytes, to, width);
        });
        return new StoredTensor(t.name(), t.dtype(), t.shape(), bytes);
    }

    private static Map<String, Long> controlRows(Path model) {
        long first = Checkpoint.read(model, null).unified().vocabSize();
        Map<String, Long> rows = new HashMap<>();
        for (JsonNode token : Json.readObject(model.resolve("tokenizer.json")).get("added_tokens")) {
            rows.put(token.get("content").stringValue(), token.get("id").longValue() - first);
        }
        return rows;
    }

    private static void renameControlTokens(Path model) throws IOException {
        Path file = model.resolve("tokenizer.json");
        String json = Files.readString(file);
        // token takes the place of place: whoever is called place is now called token.
        for (Map.Entry<String, String> e : successors(model).entrySet()) {
            json = json.replace("\"" + e.getValue() + "\"", "\"new " + e.getKey() + "\"");
        }
        Files.writeString(file, json.replace("\"new <", "\"<"));
    }
}
