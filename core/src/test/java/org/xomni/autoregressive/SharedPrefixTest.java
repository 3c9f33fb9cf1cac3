package org.xomni.autoregressive;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.DType;
import org.xomni.tensor.Initializer;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

/** What sequences share is computed once, and is the same as if each stood alone: hidden states and gradients. */
class SharedPrefixTest {
    private static final Path CONFIG = Path.of(System.getProperty("xomni.fixtures")).resolve("tiny-en").resolve("model").resolve("config.json");
    private static final List<SharedPrefix> STRETCHES =
            List.of(new SharedPrefix(5, 3, 7), new SharedPrefix(1, 2, 4), new SharedPrefix(4, 0, 9), new SharedPrefix(6, 2, 0), new SharedPrefix(3, 1, 2));

    private final UnifiedConfig config = UnifiedConfig.of(ConfigFile.read(CONFIG));

    @Test
    void hiddenStatesAndGradientsAreThoseOfSequencesThatStandAlone() {
        Initializer random = (name, shape) -> {
            Random numbers = new Random(name.hashCode());
            int size = (int) Arrays.stream(shape).reduce(1, (a, b) -> a * b);
            float[] values = new float[size];
            for (int i = 0; i < size; i++) {
                values[i] = (float) (name.contains("norm") ? 1 : 0.2 * numbers.nextGaussian());
            }
            return Tensors.of(values, shape);
        };
        try (UnifiedModel model = UnifiedModel.of(config, ParameterStore.trainable("random", Map.of(), random, Numerics.cpu(DType.FLOAT32)))) {
            model.store().parameters().values().forEach(p -> p.requires_grad_(true));
            int size = STRETCHES.stream().mapToInt(SharedPrefix::size).sum();
            // Text first, then image tokens, as in rollouts; every fifth of the prefixes is an image token, too.
            long[] ids = new Random(1).longs(size, 0, config.vocabSize()).toArray();
            Arrays.setAll(ids, i -> i % 5 == 4 ? config.vocabSize() + ids[i] % config.imageVocabSize() : ids[i]);
            float[] weights = new float[size];
            Random numbers = new Random(2);
            for (int i = 0; i < size; i++) {
                weights[i] = (float) numbers.nextGaussian();
            }

            Map<String, float[]> alone = new LinkedHashMap<>();
            float[] expected = new float[size * config.hiddenSize()];
            try (Scope scope = Scope.plain()) {
                int begin = 0;
                for (SharedPrefix stretch : STRETCHES) {
                    for (int c = 0; c < Math.max(1, stretch.continuations()); c++) {
                        int[] at = places(begin, stretch, c);
                        Tensor hidden_LD = model.forward(Tensors.of(Arrays.stream(at).mapToLong(i -> ids[i]).toArray(), 1, at.length)).squeeze(0);
                        // What a prefix is in several sequences counts once.
                        float[] counted = new float[at.length];
                        for (int i = 0; i < at.length; i++) {
                            counted[i] = i < stretch.prefix() && c > 0 ? 0 : weights[at[i]];
                        }
                        hidden_LD.mul(Tensors.of(counted, at.length, 1)).sum().backward();
                        float[] values = Tensors.floats(hidden_LD);
                        for (int i = 0; i < at.length; i++) {
                            System.arraycopy(values, i * config.hiddenSize(), expected, at[i] * config.hiddenSize(), config.hiddenSize());
                        }
                    }
                    begin += stretch.size();
                }
                gradients(model, alone);
            }
            try (Scope scope = Scope.plain()) {
                Tensor hidden_ND = model.forwardShared(Tensors.of(ids, 1, size), STRETCHES).squeeze(0);
                hidden_ND.mul(Tensors.of(weights, size, 1)).sum().backward();
                Map<String, float[]> shared = new LinkedHashMap<>();
                gradients(model, shared);
                close(Tensors.floats(hidden_ND), expected, "hidden states");
                assertThat(shared.keySet()).isEqualTo(alone.keySet()).hasSizeGreaterThan(10);
                shared.forEach((name, gradient) -> close(gradient, requireNonNull(alone.get(name)), name));
            }
        }
    }

    /** Where in the row the ids of a sequence are. */
    private static int[] places(int begin, SharedPrefix stretch, int continuation) {
        int own = begin + stretch.prefix() + continuation * stretch.length();
        int length = continuation < stretch.continuations() ? stretch.length() : 0;
        return IntStream.concat(IntStream.range(begin, begin + stretch.prefix()), IntStream.range(own, own + length)).toArray();
    }

    private static void gradients(UnifiedModel model, Map<String, float[]> into) {
        model.store().parameters().forEach((name, p) -> {
            if (p.grad().defined()) {
                into.put(name, Tensors.floats(p.grad()));
                p.mutable_grad().reset();
            }
        });
    }

    private static void close(float[] actual, float[] expected, String what) {
        double largest = IntStream.range(0, expected.length).mapToDouble(i -> Math.abs(expected[i])).max().orElse(0);
        assertThat(largest).as(what).isPositive();
        assertThat(actual).as(what).containsExactly(expected, within((float) (2e-5 * largest)));
    }

    @Test
    void positionsGoOnFromThePrefix() {
        assertThat(SharedPrefix.positions(List.of(new SharedPrefix(2, 2, 3), new SharedPrefix(1, 1, 1))))
                .isEqualTo(LongStream.of(0, 1, 2, 3, 4, 2, 3, 4, 0, 1).toArray());
    }

    @Test
    void aContinuationHasSomethingToGoOnFrom() {
        assertThatThrownBy(() -> new SharedPrefix(0, 1, 1)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("a prefix of 0 ids");
    }
}
